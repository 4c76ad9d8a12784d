# SPDX-License-Identifier: BSD-3-Clause
"""`make synthesize`: a folder of synthetic videos, fights and calm scenes (quant.brawl), for a network to learn from
before it sees real ones. They are real H.264 files of many qualities, so training treats them as any other footage."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.progress import track

from shiftcore.artifacts import atomic_file, build_folder, lock
from shiftcore.model import video
from shiftcore.quant import brawl

CLASSES = ("fight", "no_fight")  # as the footage is labelled that a network is to go on with
HEIGHT, WIDTH = 96, 128  # whole macroblocks: at other sizes x264 does not write the same bytes twice
CRF = (16, 40)  # from hardly a loss to blocks that smear small movements


def write(folder: Path, index: int) -> None:
    """Write clip `index` into the folder of its class, unless it is there."""
    name = CLASSES[index % 2]
    path = folder / name / f"{index:05}.mp4"
    if path.is_file():
        return
    rng = np.random.default_rng((index, 1))
    rate, crf = int(rng.choice(brawl.RATES)), int(rng.integers(*CRF))
    images = brawl.clip(name == "fight", rate, HEIGHT, WIDTH, (index,))
    video.write(path, list(images), rate, crf)


def write_all(folder: Path, clips: int) -> Iterator[None]:
    """Write clips 0 to `clips` - 1 in as many processes as there are cores; a step of the iterator for each."""
    with ProcessPoolExecutor() as pool:
        try:
            yield from pool.map(partial(write, folder), range(clips), chunksize=8)
        finally:
            pool.shutdown(cancel_futures=True)


def draw(folder: Path, path: Path) -> None:
    """Of each class eight clips, at three moments each, as a PNG at `path`."""
    from matplotlib.figure import Figure

    figure = Figure((12, 7), layout="constrained")
    panels = figure.subplots(2, 1)
    for name, axes in zip(CLASSES, panels, strict=True):
        clips = [list(video.frames(clip)) for clip in sorted((folder / name).glob("*.mp4"))[:8]]
        columns = [np.concatenate([clip[len(clip) * part // 4] for part in (1, 2, 3)]) for clip in clips]
        axes.imshow(np.concatenate(columns, axis=1))
        axes.set_ylabel(name)
        axes.set(xticks=[], yticks=[])
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=90)


def main(
    data: Annotated[Path, typer.Option(help="the folder to write, one folder a class")],
    clips: Annotated[int, typer.Option(min=4, help="how many, half of them fights")] = 12000,
) -> None:
    """Write synthetic videos of fights and calm scenes into DATA; what is there already stays."""
    examples = build_folder() / "synthesize" / "examples.png"
    with lock(data):
        for _ in track(write_all(data, clips), "drawing clips", clips):
            pass
        draw(data, examples)
    print(f"{data}: {clips} clips in {' and '.join(CLASSES)}, some of them in {examples}")
