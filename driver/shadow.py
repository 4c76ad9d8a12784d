# SPDX-License-Identifier: BSD-3-Clause
"""A candidate beside the model in use: the same inputs of the same cameras, no alarm, and a report of both.

The candidate runs in NumPy (model.reference), whose integers are the chip's, in a thread of the lowest priority: the
chip has one set of weights at a time, and the frames of the model in use come first. Of files it sees every frame. Of
cameras it sees as many as the CPU has time for: where it falls behind, the frames that do not fit into its queue are
left out, and what it sees next begins a clip.
"""

import contextlib
import os
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.change import Change, LoadedModel
from shiftcore.driver.errors import ShapeError
from shiftcore.driver.run import Channel, Run
from shiftcore.driver.shadow_clips import ShadowClips
from shiftcore.driver.shadow_report import Camera, Report, Side
from shiftcore.driver.sources import Image
from shiftcore.model.records import Result, alarm_score

QUEUED = 64  # inputs that may wait for the candidate


@dataclass(frozen=True)
class _Seen:
    """A frame of the model in use: its input, and what that model made of it. `begins`: of the candidate's clips."""

    stream: int
    begins: bool
    image: Image
    result: Result
    pixels: np.ndarray
    camera: Camera


class Shadow:
    """A candidate that sees what a run calls it with (`Run.beside`). The model in use is judged by the run's
    thresholds, the candidate by its own. Raises UserError and ShapeError for what is no model for this chip, or one
    with other classes or inputs. `clips`: where clips of both models' alarms are left.
    """

    def __init__(self, candidate: Path, run: Run, clips: Path) -> None:
        accelerator, say = run.accelerator, run.say
        self._candidate = _checked(accelerator.read(candidate), accelerator)
        self._reference, self._consensus = self._candidate.reference, self._candidate.reference.consensus()
        self._accelerator, self._classes = accelerator, list(accelerator.classes)
        self._patient = not run.expected() and not any(source.live for source in run.sources)
        self._cameras: dict[tuple[int, str], Camera] = {}
        self._models: dict[str, LoadedModel] = {}
        self._gaps: set[int] = set()
        self._clips = ShadowClips(clips, self._reference.description.preprocess, say)
        self._queue: queue.Queue[_Seen | None] = queue.Queue(QUEUED)
        self._thread = threading.Thread(target=self._work, daemon=True, name="shadow")
        self._thread.start()
        if not self._patient:
            say(f"{candidate}: runs in NumPy beside the model in use, at the rate that the CPU allows")

    def __call__(self, channel: Channel, image: Image, result: Result, pixels: np.ndarray) -> None:
        """A frame, its result by the model in use, and the network's input, uint8 `[H, W, C]`, which nobody changes.
        Waits for the candidate where all sources are files. While that model has other classes nothing is compared."""
        if self._accelerator.classes != self._classes:
            return
        camera = self._camera(channel)
        seen = _Seen(channel.stream, result.clear or channel.stream in self._gaps, image, result, pixels, camera)
        while self._thread.is_alive():
            try:
                self._queue.put(seen, block=self._patient, timeout=1.0)
            except queue.Full:
                if self._patient:
                    continue
                camera.left_out += 1
                self._gaps.add(channel.stream)
                return
            self._gaps.discard(channel.stream)
            return

    def close(self) -> Report:
        """Let the candidate finish; of cameras what waits for it is left out. What was seen."""
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
        cameras = list(self._cameras.values())
        for camera in cameras:
            camera.end()
        self._clips.close()
        return Report(list(self._models.values()), self._candidate.loaded, self._classes, cameras, self._clips.made)

    def _camera(self, channel: Channel) -> Camera:
        """What is known of a camera under the model that is in use now."""
        model = self._accelerator.models[0]
        key = channel.stream, model.hash
        if key not in self._cameras:
            self._models[model.hash] = model
            settings, name = self._accelerator.description.alarm, channel.source.name
            own = settings.at(channel.rules.threshold or settings.threshold) if settings else None
            sides = Side(own, self._classes), Side(self._reference.description.alarm, self._classes)
            table = np.zeros((len(self._classes), len(self._classes)), int)
            self._cameras[key] = Camera(name, model.hash, channel.source.live, *sides, table)
        return self._cameras[key]

    def _work(self) -> None:
        """The thread: one input after another through the candidate."""
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)  # of this thread alone, on Linux
        alarm = self._reference.description.alarm_indices
        while (seen := self._queue.get()) is not None:
            logits = self._reference.infer(seen.pixels, seen.stream, seen.begins)
            decision = self._consensus.update(logits, seen.stream, seen.begins)
            seen.camera.add(
                seen.image.source, seen.image.seconds, seen.begins,
                (seen.result.decision, seen.result.score), (decision, score := alarm_score(decision, alarm)),
            )  # fmt: skip
            self._clips.add(
                seen.stream, seen.image.source, seen.image.seconds, seen.pixels,
                f"in use {seen.result.score:.2f}  candidate {score:.2f}", seen.camera.raised,
            )  # fmt: skip


def _checked(candidate: Change, accelerator: Accelerator) -> Change:
    """A candidate whose results can be held against those of the model in use, on the same inputs."""
    ours, its = accelerator.description, candidate.reference.description
    for what, right, found in (
        ("classes are", ours.classes, its.classes),
        ("inputs are made by", ours.preprocess, its.preprocess),
    ):
        if right != found:
            raise ShapeError(
                f"{candidate.model}: its {what} {found}, those of the model in use {right}; not comparable"
            )
    return candidate


class Candidates:
    """What a run calls beside each result (`Run.beside`): the candidate that it has now, if any, which may come and go
    while the run goes on. Each leaves its report in `folder`, in place of the one before."""

    def __init__(self, run: Run, folder: Path) -> None:
        self._run, self._folder = run, folder
        self._shadow: Shadow | None = None

    def __call__(self, channel: Channel, image: Image, result: Result, pixels: np.ndarray) -> None:
        """As of `Shadow`."""
        if shadow := self._shadow:
            shadow(channel, image, result, pixels)

    def begin(self, candidate: Path) -> str:
        """The model in the file `candidate` sees what the run sees from now on, in place of the one before; its hash.
        Raises as `Shadow`, and nothing has changed then."""
        accelerator = self._run.accelerator
        known = _checked(accelerator.read(candidate), accelerator)
        self.end()
        self._shadow = Shadow(candidate, self._run, self._folder / "clips")
        return known.loaded.hash

    def end(self) -> str:
        """There is no candidate from now on; what came of the one that was, in a line, "" without one."""
        shadow, self._shadow = self._shadow, None
        if shadow is None:
            return ""
        report = shadow.close()
        self._run.say(f"{report.verdict()}: {report.write(self._folder)}")
        return report.verdict()


@contextlib.contextmanager
def shadowed(candidate: Path | None, run: Run, folder: Path) -> Iterator[Candidates]:
    """The candidates of a run, `candidate` the first, if any; the last one's report is left in `folder`. Raises as
    `Shadow`."""
    candidates = Candidates(run, folder)
    if candidate is not None:
        candidates.begin(candidate)
    try:
        yield candidates
    finally:
        candidates.end()
