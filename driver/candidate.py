# SPDX-License-Identifier: BSD-3-Clause
"""Where the candidate of a shadow computes: in the chip, or in NumPy beside it."""

import contextlib
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from shiftcore.driver.change import Change
from shiftcore.driver.errors import AcceleratorError
from shiftcore.driver.run import Run
from shiftcore.driver.shadow_report import Camera
from shiftcore.driver.sources import Image
from shiftcore.model.decision import Decision
from shiftcore.model.records import Result

QUEUED = 64  # inputs that may wait for a candidate in NumPy


@dataclass(frozen=True)
class Seen:
    """A frame of the model in use: its input, and what that model made of it. `begins`: of the candidate's clips."""

    stream: int
    begins: bool
    image: Image
    result: Result
    pixels: np.ndarray
    camera: Camera


Judge = Callable[[Seen, bool, Decision, float], None]
"""Takes a frame, whether it began a clip, and the candidate's decision and score."""


class Candidate(Protocol):
    """A candidate that computes."""

    def take(self, seen: Seen) -> bool:
        """Let it see a frame; whether it has room for it. Waits where no frame may be left out."""

    def close(self) -> None:
        """Let it finish; of cameras, what waits for it is left out."""


class OnChip:
    """One in the last bank of a chip of several. Camera i's inputs go through the chip again, as the i-th stream from
    the end, where that is no camera's: of more cameras than half the streams some are left out."""

    def __init__(self, candidate: Change, run: Run, judge: Judge) -> None:
        self._run, self._judge, self._streams = run, judge, run.accelerator.streams
        self._bank = len(run.accelerator.models) - 1
        run.accelerator.load(candidate, self._bank)
        run.banks = self._bank  # only now: where the chip refuses it, cameras may have that bank as before
        run.say(f"{candidate.model}: runs in bank {self._bank} of the chip, beside the model in use")

    def take(self, seen: Seen) -> bool:
        """As `Candidate`."""
        stream = self._streams - 1 - seen.stream
        if stream < len(self._run.channels):
            return False
        self._run.accelerator.use(stream, self._bank)
        self._run.ask(seen.pixels, stream, seen.begins, partial(self._answered, seen))
        return True

    def close(self) -> None:
        """As `Candidate`."""
        with contextlib.suppress(AcceleratorError):  # it has ended the run
            self._run.finish()
        self._run.banks += 1

    def _answered(self, seen: Seen, result: Result) -> None:
        self._judge(seen, result.clear, result.decision, result.score)


class InNumpy:
    """One in a thread of the lowest priority. `patient`: it sees every frame, however long that takes."""

    def __init__(self, candidate: Change, run: Run, judge: Judge) -> None:
        self._reference, self._decisions = candidate.reference, candidate.reference.decisions()
        self._judge = judge
        self._patient = not run.expected() and not any(source.live for source in run.sources)
        self._queue: queue.Queue[Seen | None] = queue.Queue(QUEUED)
        self._thread = threading.Thread(target=self._work, daemon=True, name="shadow")
        self._thread.start()
        if not self._patient:
            run.say(f"{candidate.model}: runs in NumPy beside the model in use, at the rate that the CPU allows")

    def take(self, seen: Seen) -> bool:
        """As `Candidate`."""
        while self._thread.is_alive():
            try:
                self._queue.put(seen, block=self._patient, timeout=1.0)
            except queue.Full:
                if self._patient:
                    continue
                return False
            return True
        return True

    def close(self) -> None:
        """As `Candidate`."""
        while not self._patient:
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                break
            assert waiting is not None
            waiting.camera.left_out += 1
        if self._thread.is_alive():  # it is, unless a defect has ended it
            self._queue.put(None)
            self._thread.join()

    def _work(self) -> None:
        """The thread: one input after another through the candidate."""
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)  # of this thread alone, on Linux
        while (seen := self._queue.get()) is not None:
            logits = self._reference.infer(seen.pixels, seen.stream, seen.begins)
            self._judge(seen, seen.begins, *self._decisions.update(logits, seen.stream, seen.begins))
