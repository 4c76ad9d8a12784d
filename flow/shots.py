# SPDX-License-Identifier: BSD-3-Clause
"""The demo's own videos, drawn: a fight and a calm scene for a network of surveillance, else a scene of every class."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shiftcore.model import video
from shiftcore.quant import brawl, synthetic
from shiftcore.quant.preset import Preset

SEED = 20260  # of the scenes: none of training or validation
ENLARGED = 4  # scenes are drawn with this many times the pixels of the network's input, a side
RATE, HEIGHT, WIDTH, SECONDS = 16, 240, 320, 6.0  # of the drawn people: frames a second, rows, columns, length


@dataclass(frozen=True)
class Shot:
    """A video to watch. `starts`: the first input of each clip in it; `truth`: each clip's class, where known;
    `remark`: what one should know before reading its scores."""

    path: Path
    starts: Sequence[int] = (0,)
    truth: Sequence[str] = ()
    remark: str = ""


def drawn(folder: Path, preset: Preset) -> list[Shot]:
    """Write the videos that suit what `preset` learned from into `folder`."""
    if preset.data.source == "synthetic":
        return [_scenes(folder / "scenes.mp4", preset)]
    return [_people(folder / f"{name}.mp4", name == "drawn-fight") for name in ("drawn-fight", "drawn-calm")]


def _people(path: Path, fight: bool) -> Shot:
    video.write(path, list(brawl.clip(fight, RATE, HEIGHT, WIDTH, (SEED, fight), SECONDS)), RATE)
    return Shot(path, truth=("fight" if fight else "no_fight",))


def _scenes(path: Path, preset: Preset) -> Shot:
    """One scene of every class, one after the other."""
    events, frames = preset.data.events, preset.data.num_segments
    size = (frames, ENLARGED * preset.input.height, ENLARGED * preset.input.width)
    names = synthetic.class_names(events)
    scenes = [synthetic.clip(events, label, size, (SEED, label)) for label in range(len(names))]
    video.write(path, [image for scene in scenes for image in scene])
    return Shot(path, range(0, frames * len(names), frames), names, "one synthetic scene a class")
