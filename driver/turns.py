# SPDX-License-Identifier: BSD-3-Clause
"""Cameras of different models on one chip: each model in a bank of its own where the chip has as many
(`hardware.models`), and by turns, with loads between them, where it has not.

A load lets every stream's temporal state begin anew. So behind one the frames of a stream are sent again that reach
into its next frame's logits, as many as the network has temporal shifts, and what comes of these is dropped: every
result is that of a chip which has had this one model all the time.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.change import Change
from shiftcore.driver.errors import AcceleratorError, FrameError
from shiftcore.model.records import Result

Job = tuple[np.ndarray, int, bool]
"""A frame, uint8 `[H, W, C]`, its stream, and whether it begins a clip."""


class _Model:
    """A model, the bank that it goes into, and what is decided of its streams' logits."""

    def __init__(self, change: Change, bank: int) -> None:
        self.change, self.bank = change, bank
        self.decisions = change.reference.decisions()

    def decided(self, result: Result, clear: bool) -> Result:
        """A result of the chip as one of a chip that has this model alone."""
        decision, score = self.decisions.update(result.logits, result.stream, clear)
        return replace(result, clear=clear, decision=decision, score=score)


class Turns:
    """`models`: the integer model's file (.npz) of each stream that is used. While this works nobody else uses the
    accelerator. `loads`: how often the chip was given a model.

    Raises UserError where a file is no integer model, ShapeError, and any ChipError.
    """

    def __init__(self, accelerator: Accelerator, models: Mapping[int, Path | str]) -> None:
        self._accelerator, self.loads = accelerator, 0
        files = list(dict.fromkeys(Path(model) for model in models.values()))
        self._banked = len(files) <= len(accelerator.models)
        known = {file: _Model(accelerator.read(file), bank if self._banked else 0) for bank, file in enumerate(files)}
        self._models = {stream: known[Path(model)] for stream, model in models.items()}
        self._loaded: _Model | None = None
        self._past: dict[int, deque[np.ndarray]] = {}  # of each stream's clip, what reaches into its next frame
        self._lost: set[int] = set()  # streams whose temporal state the chip does not have
        if self._banked:
            for model in known.values():
                self._load(model)
        for stream, model in self._models.items():
            accelerator.use(stream, model.bank)

    def run(self, jobs: Iterable[Job], together: int = 64) -> Iterator[Result]:
        """The result of every job, those of a stream in order. `together`: jobs that are taken before the first of them
        is computed; the more, the fewer the loads and the later the results. A stream's first job begins a clip.

        Raises FrameError for a stream without a model, and any ChipError; behind one every stream begins a clip.
        """
        jobs = iter(jobs)
        while batch := list(islice(jobs, together)):
            for _, stream, _ in batch:
                if stream not in self._models:
                    raise FrameError(f"stream {stream} was given no model; there are {sorted(self._models)}")
            try:
                for part in [batch] if self._banked else self._by_model(batch):
                    yield from self._computed(part)
            except AcceleratorError:
                self._past.clear()
                raise

    def _by_model(self, batch: list[Job]) -> Iterator[list[Job]]:
        """The batch in parts of one model each, which the chip then has; that of the model it has now comes first."""
        parts: dict[_Model, list[Job]] = {}
        if self._loaded is not None:
            parts[self._loaded] = []
        for job in batch:
            parts.setdefault(self._models[job[1]], []).append(job)
        for model, part in parts.items():
            if part and model is not self._loaded:
                self._load(model)
            yield part

    def _load(self, model: _Model) -> None:
        self._loaded = None
        self._accelerator.load(model.change, model.bank)
        self._loaded, self._lost = model, set(self._models)
        self.loads += 1

    def _computed(self, part: list[Job]) -> list[Result]:
        """The results of jobs whose models the chip has."""
        due: deque[bool | None] = deque()  # whether each frame that was sent begins a clip; None: its result is dropped
        done: list[Result] = []
        try:
            for job in part:
                self._send(job, due)
                self._take(due, done)
        except FrameError:  # those before it are still under way
            self._take(due, done, wait=True)
            raise
        self._take(due, done, wait=True)
        return done

    def _send(self, job: Job, due: deque[bool | None]) -> None:
        frame, stream, clear = job
        begins = clear or stream not in self._past
        for again, earlier in enumerate(self._earlier(stream, begins)):
            self._accelerator.submit(earlier, stream, clear=again == 0)
            due.append(None)
        self._accelerator.submit(frame, stream, begins)
        due.append(begins)
        self._past[stream].append(frame.copy())

    def _earlier(self, stream: int, begins: bool) -> list[np.ndarray]:
        """The frames that have to be sent once more in front of a stream's next one, which may begin a clip."""
        if begins:
            self._past[stream] = deque(maxlen=self._models[stream].change.reference.shifts)
        lost = stream in self._lost
        self._lost.discard(stream)
        return list(self._past[stream]) if lost else []

    def _take(self, due: deque[bool | None], done: list[Result], wait: bool = False) -> None:
        """Put what has come, or with `wait` all that is due, behind what is `done`."""
        while due:
            for result in self._accelerator.results(wait_s=1.0 if wait else 0.0):
                clear = due.popleft()
                if clear is not None:
                    done.append(self._models[result.stream].decided(result, clear))
            if not wait:
                break
