# SPDX-License-Identifier: BSD-3-Clause
"""Frames through a chip, all streams mixed, each logit compared with what the reference makes of the same frame.

A board's processor cannot compute a million frames. So the frames are some clips, of which the reference computes each
frame once; streams play them in any order, from their beginnings and for any length, and what a frame has to give
depends on its clip and its place in it alone.
"""

import random
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.backends.base import Backend
from shiftcore.driver.build import Build
from shiftcore.driver.errors import AcceleratorError
from shiftcore.model.records import Result

CLIPS, LONGEST = 8, 16
_LOOK = 64  # frames between two looks at time and sensors


@dataclass
class Soak:
    """What came of it. `seconds` by the back end's clock, `wall_s` by this machine's, `cpu_s` of this process; `cycles`
    by the chip's counter; `latencies`: how many frames took so many cycles; `wrong`: frames with another logit than the
    reference's, the first of them in `first_wrong`; `lost`: frames without a result; `error`: what ended it early."""

    frames: int = 0
    clips: int = 0
    streams: int = 0
    wrong: int = 0
    first_wrong: str = ""
    lost: int = 0
    error: str = ""
    seconds: float = 0.0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    cycles: int = 0
    latencies: Counter[int] = field(default_factory=Counter)


class Clips:
    """Frames, uint8 `[CLIPS, LONGEST, H, W, C]`, of noise of several strengths, and what the reference says to them,
    int64 `[CLIPS, LONGEST, classes]`."""

    def __init__(self, build: Build, seed: int) -> None:
        rng, shape = np.random.default_rng(seed), build.input_shape
        parts = [rng.integers(0, 256 >> number % 4, (LONGEST, *shape), dtype=np.uint8) for number in range(CLIPS)]
        self.pixels, reference = np.stack(parts), build.reference
        reference.reset()
        logits = [[reference.infer(frame, 0, place == 0) for place, frame in enumerate(clip)] for clip in self.pixels]
        self.logits = np.array(logits)


class _Player:
    """Random use of an accelerator, for as long as one lets it."""

    def __init__(self, accelerator: Accelerator, clips: Clips, soak: Soak, seed: int) -> None:
        self._accelerator, self._clips, self._soak, self._rng = accelerator, clips, soak, random.Random(seed)
        self._playing = [(0, 0, 0)] * accelerator.streams  # of each stream: clip, place, length
        self.due: deque[tuple[int, int, int, int]] = deque()  # frame id, stream, clip, place

    def send(self) -> None:
        """One frame of a random stream."""
        stream = self._rng.randrange(len(self._playing))
        clip, place, length = self._playing[stream]
        if place == length:
            clip, place, length = self._rng.randrange(CLIPS), 0, self._rng.randint(1, LONGEST)
            self._soak.clips += 1
        frame_id = self._accelerator.submit(self._clips.pixels[clip, place], stream, clear=place == 0)
        self.due.append((frame_id, stream, clip, place))
        self._playing[stream] = clip, place + 1, length

    def take(self, wait_s: float = 0.0) -> bool:
        """Compare what has come; whether anything has."""
        results = self._accelerator.results(wait_s)
        for result in results:
            self._compare(result)
        return bool(results)

    def _compare(self, result: Result) -> None:
        frame_id, stream, clip, place = self.due.popleft()
        right = self._clips.logits[clip, place]
        in_place = (result.frame_id, result.stream, result.clear) == (frame_id, stream, place == 0)
        if not in_place or not np.array_equal(result.logits, right):
            self._soak.wrong += 1
            found = f"frame {result.frame_id} of stream {result.stream}: {result.logits.tolist()}"
            self._soak.first_wrong = self._soak.first_wrong or f"{found}, not {right.tolist()} of frame {frame_id}"
        self._soak.frames += 1
        self._soak.latencies[result.latency_cycles] += 1


def soak(
    accelerator: Accelerator, chip: Backend, clips: Clips, frames: int, minutes: float, look: Callable[[int], None]
) -> Soak:
    """Run so many frames, or for so many minutes, whichever is less; `look` is told now and then how many are done.
    What goes wrong is in what is returned, and ends it."""
    found = Soak(streams=accelerator.streams)
    player = _Player(accelerator, clips, found, seed=1)
    wall, cpu, began = time.monotonic(), time.process_time(), _now(accelerator, chip)
    try:
        for number in range(frames):
            player.send()
            player.take()
            if number % _LOOK == 0:
                look(found.frames)
                if time.monotonic() - wall > minutes * 60:
                    break
        while player.due and player.take(wait_s=10.0):
            look(found.frames)
        seconds, cycles = _now(accelerator, chip)
        found.seconds, found.cycles = seconds - began[0], cycles - began[1]
    except AcceleratorError as error:
        found.error = str(error)
    found.lost = len(player.due)
    found.wall_s, found.cpu_s = time.monotonic() - wall, time.process_time() - cpu
    return found


def _now(accelerator: Accelerator, chip: Backend) -> tuple[float, int]:
    """Seconds, and cycles of the chip's counter. Between the two readings pass as many cycles each time."""
    return chip.clock(), accelerator.counters().cycles
