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

from common import cli
from common.artifacts import lock
from quant import brawl
from sim import video

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


def main(
    data: Annotated[Path, typer.Option(help="the folder to write, one folder a class")],
    clips: Annotated[int, typer.Option(min=4, help="how many, half of them fights")] = 6000,
) -> None:
    """Write synthetic videos of fights and calm scenes into DATA; what is there already stays."""
    with lock(data):
        for _ in track(write_all(data, clips), "drawing clips", clips):
            pass
    print(f"{data}: {clips} clips in {' and '.join(CLASSES)}")


if __name__ == "__main__":
    cli.run(main)
