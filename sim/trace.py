"""`make trace`: every layer of the RTL against the reference; where they differ, the first place is named."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from common import cli
from common.artifacts import BUILD
from common.preset import load_preset
from sim.core import CoreError, CoreModel
from sim.reference import Reference

_Frame = tuple[np.ndarray, int, bool]  # uint8 pixels [H, W, C], stream, clear


@dataclass(frozen=True)
class Difference:
    """The first value in which the RTL differs: in the first differing layer in order of execution, its first frame
    (counted from 0), row, column and channel."""

    layer: str
    frame: int
    row: int
    column: int
    channel: int
    reference: int
    rtl: int

    def __str__(self) -> str:
        where = f"layer {self.layer}, frame {self.frame}, pixel ({self.row}, {self.column}), channel {self.channel}"
        return f"{where}: the reference has {self.reference}, the RTL has {self.rtl}"


def first_difference(reference: Reference, model: CoreModel, frames: Iterable[_Frame]) -> Difference | None:
    """Run `frames` through both from reset and compare every layer that the core traces; None if all is equal.

    `model` was made with `trace=True`. A core that stops halfway is compared as far as it came; its `CoreError` is
    raised where that shows no difference.
    """
    reference.reset()
    model.reset()
    expected: dict[str, list[np.ndarray]] = {layer: [] for layer in reference.layers}
    for pixels, stream, clear in frames:
        values: dict[str, np.ndarray] = {}
        reference.infer(pixels, stream, clear, values)
        for layer in reference.layers:
            expected[layer].append(values[layer])
        model.push(pixels, stream, clear)
    stopped = None
    try:
        model.run()
    except CoreError as error:
        stopped = error
    traced = model.trace()
    for layer in reference.layers:
        for frame, (want, got) in enumerate(zip(expected[layer], traced.get(layer, []), strict=False)):
            difference = _compare(layer, frame, want, got)
            if difference:
                return difference
    if stopped:
        raise stopped
    return None


def _compare(layer: str, frame: int, want: np.ndarray, got: np.ndarray) -> Difference | None:
    got = got.reshape(want.shape)
    if np.array_equal(want, got):
        return None
    row, column, channel = (int(i) for i in np.argwhere(want != got)[0])
    place: Any = (row, column, channel)
    return Difference(layer, frame, row, column, channel, int(want[place]), int(got[place]))


def _frames(reference: Reference, video: Path | None, count: int) -> list[_Frame]:
    """The first `count` frames of a video as one clip; without a video, noise of alternating streams."""
    if video is None:
        noise = np.random.default_rng(0).integers(0, 256, (count, *reference.input_shape), dtype=np.uint8)
        return [(pixels, i % reference.streams, False) for i, pixels in enumerate(noise)]
    from sim.preprocess import to_input
    from sim.video import frames

    height, width, _ = reference.input_shape
    stride = reference.description["preprocess"]["frame_stride"]
    images = islice(frames(video, stride), count)
    return [(to_input(image, height, width), 0, i == 0) for i, image in enumerate(images)]


def main(
    preset: Annotated[str, typer.Option(help="a shipped preset, or a TOML file")] = "tiny",
    board: Annotated[str, typer.Option(help="a board of hw/boards")] = "pynq-z2",
    video: Annotated[Path | None, typer.Option(help="a video file instead of noise")] = None,
    frames: Annotated[int, typer.Option(min=1, help="how many frames")] = 8,
    wave: Annotated[bool, typer.Option(help="also write the waveform, an FST file")] = False,
) -> None:
    """Compare every layer of the compiled core with the reference; name the first difference and exit with 1."""
    from hw.compile import compile_model, exported_model

    settings = load_preset(preset)
    exported = exported_model(settings)
    core = compile_model(exported, board)
    reference = Reference.load(exported.with_name("model.npz"))
    waveform = BUILD / settings.name / board / "trace.fst" if wave else None
    model = CoreModel(core, trace=True, wave=waveform)
    difference = first_difference(reference, model, _frames(reference, video, frames))
    model.close()
    if waveform:
        print(f"{waveform}: the waveform")
    if difference:
        print(difference)
        raise typer.Exit(1)
    print(f"{core}: {len(model.manifest['trace'])} layers of {frames} frames equal the reference")


if __name__ == "__main__":
    cli.run(main)
