# SPDX-License-Identifier: BSD-3-Clause
"""A candidate beside the model in use: the same inputs of the same cameras, no alarm, and a report of both.

In a chip of several banks the candidate has the last one, and streams of its own. Any other chip has one set of weights
at a time, and the frames of the model in use come first: there it runs in NumPy (model.reference), whose integers are
the chip's, in a thread of the lowest priority. Of files it sees every frame. Of cameras it sees as many as the CPU has
time for: where it falls behind, the frames that do not fit into its queue are left out, and what it sees next begins a
clip.
"""

import contextlib
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.candidate import Candidate, InNumpy, OnChip, Seen
from shiftcore.driver.change import Change, LoadedModel
from shiftcore.driver.errors import ChipError, ShapeError
from shiftcore.driver.run import Channel, Run
from shiftcore.driver.shadow_clips import ShadowClips
from shiftcore.driver.shadow_report import Camera, Report, Side
from shiftcore.driver.sources import Image
from shiftcore.model.decision import Decision
from shiftcore.model.records import Result


class Shadow:
    """A candidate that sees what a run calls it with (`Run.beside`). The model in use is judged by the run's
    thresholds, the candidate by its own. Raises ShapeError for one with other classes or inputs, and ChipError where
    the chip does not take it. `clips`: where clips of both models' alarms are left.
    """

    def __init__(self, change: Change, run: Run, clips: Path) -> None:
        accelerator = run.accelerator
        _check(change, accelerator)
        self._loaded, self._description = change.loaded, change.reference.description
        self._accelerator, self._classes = accelerator, list(accelerator.classes)
        self._cameras: dict[tuple[int, str], Camera] = {}
        self._models: dict[str, LoadedModel] = {}
        self._gaps: set[int] = set()
        self._clips = ShadowClips(clips, self._description.preprocess, run.say)
        last = len(accelerator.models) - 1
        has_bank = last > 0 and accelerator.streams > 1 and all(channel.rules.bank < last for channel in run.channels)
        self._candidate: Candidate = (OnChip if has_bank else InNumpy)(change, run, self._judge)

    def __call__(self, channel: Channel, image: Image, result: Result, pixels: np.ndarray) -> None:
        """A frame, its result by the model in use, and the network's input, uint8 `[H, W, C]`, which nobody changes.
        Waits for a candidate in NumPy where all sources are files. Of a camera whose model has other classes nothing
        is compared."""
        if list(self._accelerator.model_of(channel.stream).description.classes) != self._classes:
            return
        camera, stream = self._camera(channel), channel.stream
        if self._candidate.take(Seen(stream, result.clear or stream in self._gaps, image, result, pixels, camera)):
            self._gaps.discard(stream)
        else:
            camera.left_out += 1
            self._gaps.add(stream)

    def close(self) -> Report:
        """Let the candidate finish; of cameras what waits for it is left out. What was seen."""
        self._candidate.close()
        cameras = list(self._cameras.values())
        for camera in cameras:
            camera.end()
        self._clips.close()
        return Report(list(self._models.values()), self._loaded, self._classes, cameras, self._clips.made)

    def _camera(self, channel: Channel) -> Camera:
        """What is known of a camera under the model that is in use now."""
        model = self._accelerator.model_of(channel.stream)
        key = channel.stream, model.hash
        if key not in self._cameras:
            self._models[model.hash] = model
            settings, name = model.description.alarm, channel.source.name
            own = settings.at(channel.rules.threshold or settings.threshold) if settings else None
            sides = Side(own, self._classes), Side(self._description.alarm, self._classes)
            table = np.zeros((len(self._classes), len(self._classes)), int)
            self._cameras[key] = Camera(name, model.hash, channel.source.live, *sides, table)
        return self._cameras[key]

    def _judge(self, seen: Seen, begins: bool, decision: Decision, score: float) -> None:
        seen.camera.add(
            seen.image.source, seen.image.seconds, begins,
            (seen.result.decision, seen.result.score), (decision, score),
        )  # fmt: skip
        self._clips.add(
            seen.stream, seen.image.source, seen.image.seconds, seen.pixels,
            f"in use {seen.result.score:.2f}  candidate {score:.2f}", seen.camera.raised,
        )  # fmt: skip


def _check(candidate: Change, accelerator: Accelerator) -> None:
    """Whether a candidate's results can be held against those of the model in use, on the same inputs."""
    ours, its = accelerator.description, candidate.reference.description
    for what, right, found in (
        ("classes are", ours.classes, its.classes),
        ("inputs are made by", ours.preprocess, its.preprocess),
    ):
        if right != found:
            raise ShapeError(
                f"{candidate.model}: its {what} {found}, those of the model in use {right}; not comparable"
            )


class Candidates:
    """What a run has beside its model (`Run.beside`): one candidate after another, asked for from any thread and taken
    between two frames (`Run.between`). Each leaves its report in `folder`, in place of the one before."""

    def __init__(self, run: Run, folder: Path) -> None:
        self._run, self._folder = run, folder
        self._asked: SimpleQueue[tuple[Change | None, Future[str]]] = SimpleQueue()
        self._shadow: Shadow | None = None

    def ask(self, candidate: Path | None) -> Future[str]:
        """Have the model in a file see what the run sees, in place of the one before: its hash, or the ChipError why
        not. None: no more candidates; what came of the last one, in a line. Raises UserError and ShapeError for what is
        no model for this chip, or not comparable."""
        change = None
        if candidate is not None:
            change = self._run.accelerator.read(candidate)
            _check(change, self._run.accelerator)
        answer: Future[str] = Future()
        self._asked.put((change, answer))
        return answer

    def __call__(self, _run: Run) -> None:
        """Take what was asked for."""
        while not self._asked.empty():
            change, answer = self._asked.get()
            try:
                answer.set_result(self.begin(change) if change else self.end())
            except (ShapeError, ChipError) as error:
                answer.set_exception(error)

    def begin(self, candidate: Change) -> str:
        """Let it see what the run sees from now on; its hash. Raises as `Shadow`, and then there is none."""
        self.end()
        self._shadow = Shadow(candidate, self._run, self._folder / "clips")
        self._run.watch(self._shadow)
        return candidate.loaded.hash

    def end(self) -> str:
        """Let there be none from now on; what came of the one that was, in a line, "" without one."""
        shadow, self._shadow = self._shadow, None
        if shadow is None:
            return ""
        report = shadow.close()
        self._run.watch(None)
        self._run.say(f"{report.verdict()}: {report.write(self._folder)}")
        return report.verdict()


@contextlib.contextmanager
def shadowed(candidate: Path | None, run: Run, folder: Path) -> Iterator[Candidates]:
    """The candidates of a run, `candidate` the first, if any; the last one's report is left in `folder`. Raises as
    `Candidates.ask`, and ChipError."""
    candidates = Candidates(run, folder)
    if candidate is not None:
        candidates.begin(run.accelerator.read(candidate))
    run.between.append(candidates)
    try:
        yield candidates
    finally:
        candidates.end()
