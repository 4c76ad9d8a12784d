# SPDX-License-Identifier: BSD-3-Clause
"""`make trace`: every layer of the compiled core against the reference; where they differ, the first place is named."""

from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from shiftcore.errors import UserError
from shiftcore.flow.build import compiled_core, exported_model, network
from shiftcore.model import video as files
from shiftcore.model.preprocess import Preprocessor
from shiftcore.model.reference import Reference
from shiftcore.options import BoardName, PresetName
from shiftcore.sim.core import CoreModel
from shiftcore.sim.trace import FrameInContext, IncompleteError, first_difference


def _frames(reference: Reference, video: Path | None, count: int) -> list[FrameInContext]:
    """The first `count` inputs that a video makes, as one clip; without a video, noise of alternating streams. Raises
    UserError for a video that makes none: nothing would be compared."""
    if video is None:
        noise = np.random.default_rng(0).integers(0, 256, (count, *reference.input_shape), dtype=np.uint8)
        return [(pixels, i % reference.streams, False) for i, pixels in enumerate(noise)]
    prepare = Preprocessor(reference.description)
    images = files.frames(video, reference.description.preprocess.images_per_second, prepare.luma)
    inputs = islice(prepare.clip(images), count)
    contexts = [(pixels, 0, i == 0) for i, pixels in enumerate(inputs)]
    if not contexts:
        raise UserError(f"{video}: too short to make one input of the network")
    return contexts


def main(
    preset: PresetName = "tiny",
    board: BoardName = "pynq-z2",
    video: Annotated[Path | None, typer.Option(help="a video file instead of noise")] = None,
    frames: Annotated[int, typer.Option(min=1, help="how many frames")] = 8,
    wave: Annotated[bool, typer.Option(help="also write the waveform, an FST file")] = False,
) -> None:
    """Compare every layer of the compiled core with the reference; name the first difference and exit with 1."""
    settings = network(preset)
    exported = exported_model(settings)
    core = compiled_core(exported, board)
    reference = Reference.load(exported.with_name("model.npz"))
    contexts = _frames(reference, video, frames)
    waveform = core.parent / "trace.fst" if wave else None
    model = CoreModel(core, trace=True, wave=waveform)
    try:
        difference: object = first_difference(reference, model, contexts)
    except IncompleteError as error:
        difference = error
    model.close()
    if waveform:
        print(f"{waveform}: the waveform")
    if difference:
        print(difference)
        raise typer.Exit(1)
    print(f"{core}: {len(reference.layers)} layers of {len(contexts)} frames equal the reference")
