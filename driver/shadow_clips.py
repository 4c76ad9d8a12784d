# SPDX-License-Identifier: BSD-3-Clause
"""Clips of when one of two models would have raised an alarm: what both have seen, with both scores on it."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from shiftcore.driver.record import Recorder
from shiftcore.driver.service.clips import AROUND_S, LONGEST_S
from shiftcore.driver.sources import Say
from shiftcore.errors import UserError
from shiftcore.model.description import Preprocess
from shiftcore.model.preprocess import REPRESENTATIONS

UNTIMED_RATE = 25.0  # of files whose model takes every frame


@dataclass(frozen=True)
class Clip:
    """A clip in `file`, from `since` to `until` in its source's seconds."""

    file: str
    source: str
    since: float
    until: float


@dataclass
class _Frame:
    source: str
    seconds: float
    pixels: np.ndarray
    text: str
    raised: bool


@dataclass
class _Reel:
    """A camera's last seconds, or the clip that is under way. `left`: when the last alarm ended, or goes on."""

    frames: list[_Frame] = field(default_factory=list)
    recording: bool = False
    left: float = 0.0


class ShadowClips:
    """Writes clips of the inputs that are made by `preprocess` into `folder`, which is emptied first; where it cannot,
    `say` is told once, and there are none. `made`: those that are complete."""

    def __init__(self, folder: Path, preprocess: Preprocess, say: Say) -> None:
        self._folder, self._say = folder, say
        self._rate = (preprocess.images_per_second or UNTIMED_RATE) / preprocess.run_every
        self._luma = REPRESENTATIONS[preprocess.representation].luma
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier report
        self._reels: dict[int, _Reel] = {}
        self._works = True
        self.made: list[Clip] = []

    def add(self, camera: int, source: str, seconds: float, pixels: np.ndarray, text: str, raised: bool) -> None:
        """The next input of a camera, uint8 `[H, W, C]`; `raised`: while one of the models has an alarm."""
        reel = self._reels.setdefault(camera, _Reel())
        if reel.frames and (source != reel.frames[-1].source or seconds < reel.frames[-1].seconds):
            self._cut(reel)
        reel.frames.append(_Frame(source, seconds, pixels, text, raised))
        while not reel.recording and reel.frames[0].seconds < seconds - AROUND_S:
            reel.frames.pop(0)
        if raised:
            reel.recording, reel.left = True, seconds
        if reel.recording and seconds >= min(reel.left + AROUND_S, reel.frames[0].seconds + LONGEST_S):
            self._cut(reel)

    def close(self) -> None:
        """Write what is under way."""
        for reel in self._reels.values():
            self._cut(reel)

    def _cut(self, reel: _Reel) -> None:
        """Write a reel if it shows an alarm, and begin another."""
        frames, recording = reel.frames, reel.recording
        reel.frames, reel.recording = [], False
        if not (recording and self._works):
            return
        name = f"{len(self.made) + 1:04d}.mp4"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            recorder = Recorder(self._folder / name, self._rate, self._say)
            for frame in frames:
                shown = frame.pixels[..., :1].repeat(3, axis=-1) if self._luma else frame.pixels  # the newest image
                recorder.add(shown, frame.text, frame.raised)
            recorder.close()
        except (UserError, OSError) as error:
            self._works = False
            self._say(f"no clips of what is compared: {error}")
            return
        self.made.append(Clip(name, frames[0].source, frames[0].seconds, frames[-1].seconds))
