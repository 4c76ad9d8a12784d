# SPDX-License-Identifier: BSD-3-Clause
"""`make synthesize`: a folder of synthetic videos, fights and calm scenes, for a network to learn from before it sees
real ones. They are real H.264 files of many qualities, so training treats them as any other footage.

Without recorded movements they are quant.brawl's; with them those of quant.scenes, and where what happens is in them is
told in boxes.jsonl.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.progress import track

from shiftcore.artifacts import atomic_file, build_folder, lock
from shiftcore.errors import UserError
from shiftcore.model import video
from shiftcore.quant import brawl
from shiftcore.quant.scenes import cast, clip
from shiftcore.quant.scenes.clip import Scenes
from shiftcore.quant.scenes.movements import Library
from shiftcore.quant.side_by_side import bound_pool, cores

CLASSES = ("fight", "no_fight")  # as the footage is labelled that a network is to go on with
HEIGHT, WIDTH = 96, 128  # whole macroblocks: at other sizes x264 does not write the same bytes twice
CRF = (16, 40)  # from hardly a loss to blocks that smear small movements
SCENES_CRF = (16, 22, 43)  # least, most frequent, most
BOXES = "boxes.jsonl"
BOXES_APART = 0.25  # seconds between the moments at which boxes are told


@dataclass(frozen=True)
class Drawing:
    """What is drawn into `folder`: clips of `classes` in turn, with the movements recorded in `recorded`, if any."""

    folder: Path
    classes: tuple[str, ...] = CLASSES
    recorded: Path | None = None
    scenes: Scenes = Scenes.world

    def name(self, index: int) -> str:
        return f"{self.classes[index % len(self.classes)]}/{index:05}.mp4"


def write(drawing: Drawing, index: int) -> str:
    """Write clip `index` into the folder of its class, unless it is there. Returns its line of boxes.jsonl, "" for
    none."""
    path = drawing.folder / drawing.name(index)
    label = drawing.classes[index % len(drawing.classes)]
    rng = np.random.default_rng((index, 1))
    if drawing.recorded:
        made = clip.draw(label, _library(drawing.recorded), (index,), drawing.scenes)
        crf = int(rng.triangular(*SCENES_CRF))
        video.write(path, list(made.luma), made.rate, crf, "veryfast")
        return _line(drawing.name(index), made)
    rate, crf = int(rng.choice(brawl.RATES)), int(rng.integers(*CRF))
    images = brawl.clip(label == "fight", rate, HEIGHT, WIDTH, (index,))
    video.write(path, list(images), rate, crf)
    return ""


@cache
def _library(folder: Path) -> Library:
    return Library(folder)


def _line(name: str, made: clip.Clip) -> str:
    """Where whoever takes part in the event is, every quarter of a second: shares of the picture, null out of it."""
    step = max(1, round(BOXES_APART * made.rate))
    boxes = np.round(made.boxes[:, ::step], 3)
    if not len(boxes):
        return ""
    told = [[None if np.isnan(box).any() else box for box in person] for person in boxes.tolist()]
    times = [round(frame / made.rate, 3) for frame in range(0, len(made.luma), step)]
    return json.dumps({"clip": name, "times": times, "people": told})


def write_all(drawing: Drawing, clips: int) -> Iterator[None]:
    """Write clips 0 to `clips` - 1 in as many processes as there are cores; a step of the iterator for each. One whose
    boxes are to be told is there when they are too."""
    told = _sort(drawing.folder / BOXES)
    names = [drawing.name(index) for index in range(clips)]
    eventful = drawing.recorded is not None
    there = [
        (drawing.folder / name).is_file() and (name in told or not eventful or name.startswith("no_fight/"))
        for name in names
    ]
    missing = [index for index in range(clips) if not there[index]]
    yield from (None for _ in range(clips - len(missing)))
    # Not forked: a copy of a process in which OpenCV has threads waits for them for ever.
    with bound_pool(len(cores()), "spawn") as pool:
        try:
            for line in pool.map(partial(write, drawing), missing, chunksize=4):
                if line:
                    with open(drawing.folder / BOXES, "a") as file:
                        file.write(line + "\n")
                yield
        finally:
            pool.shutdown(cancel_futures=True)
    _sort(drawing.folder / BOXES)


def _told(path: Path) -> dict[str, str]:
    """The lines of boxes.jsonl by clip, without one that is half written."""
    lines = path.read_text().splitlines() if path.is_file() else []
    return {line.split('"')[3]: line for line in lines if line.endswith("}")}


def _sort(path: Path) -> dict[str, str]:
    """Bring the lines of boxes.jsonl into the order of their clips; returns them."""
    told = _told(path)
    if told:
        with atomic_file(path) as temporary:
            temporary.write_text("".join(told[name] + "\n" for name in sorted(told)))
    return told


def draw(drawing: Drawing, path: Path) -> None:
    """Of each class eight clips, at three moments each, as a PNG at `path`."""
    from matplotlib.figure import Figure

    figure = Figure((12, 3.5 * len(drawing.classes)), layout="constrained")
    panels = figure.subplots(len(drawing.classes), 1, squeeze=False)[:, 0]
    for name, axes in zip(drawing.classes, panels, strict=True):
        clips = [list(video.frames(clip)) for clip in sorted((drawing.folder / name).glob("*.mp4"))[:8]]
        columns = [np.concatenate([clip[len(clip) * part // 4] for part in (1, 2, 3)]) for clip in clips]
        axes.imshow(np.concatenate(columns, axis=1))
        axes.set_ylabel(name)
        axes.set(xticks=[], yticks=[])
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=90)


def main(
    data: Annotated[Path, typer.Option(help="the folder to write, one folder a class")],
    clips: Annotated[int, typer.Option(min=4, help="how many, as many of each class")] = 12000,
    recorded: Annotated[Path | None, typer.Option("--mocap", help="a folder of recorded movements")] = None,
    classes: Annotated[str, typer.Option(help="which classes, by comma")] = ",".join(CLASSES),
    scenes: Annotated[Scenes, typer.Option(help="how much of the world is drawn around recorded movements")] = (
        Scenes.world
    ),
) -> None:
    """Write synthetic videos of fights and calm scenes into DATA; what is there already stays."""
    drawing = Drawing(data, _checked(classes, recorded), recorded, scenes)
    examples = build_folder() / "synthesize" / "examples.png"
    with lock(data):
        for _ in track(write_all(drawing, clips), "drawing clips", clips):
            pass
        draw(drawing, examples)
    print(f"{data}: {clips} clips in {' and '.join(drawing.classes)}, some of them in {examples}")


def _checked(classes: str, recorded: Path | None) -> tuple[str, ...]:
    """The names in `classes`. Raises UserError for one that is not drawn, and for a folder without movements."""
    names = tuple(classes.split(","))
    known = list(cast.CLASSES) if recorded else list(CLASSES)
    for name in names:
        if name not in known:
            more = "" if recorded else f", and with --mocap {', '.join(cast.CLASSES)}"
            raise UserError(f"--classes: {name!r} is not drawn; {', '.join(known)} are{more}")
    if len(names) < 2 or len(set(names)) < len(names):
        raise UserError("--classes: two or more different classes are needed, such as fight,no_fight")
    if recorded:
        _library(recorded).check()
    return names
