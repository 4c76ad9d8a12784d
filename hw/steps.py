# SPDX-License-Identifier: BSD-3-Clause
"""The steps of a compilation: what one is, what it works on, and how they are run, verified and kept."""

import json
import logging
import secrets
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.artifacts import atomic_file, digest, is_kept, kept, write_json
from shiftcore.hw.boards import Board
from shiftcore.hw.core import IDENTITY
from shiftcore.hw.graph import Frame
from shiftcore.hw.lockfile import Lock
from shiftcore.hw.verify import first_difference, integer_logits
from shiftcore.model.description import NetworkDescription
from shiftcore.quant.preset import Imported, Preset

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """What a compilation is at: step `number` of `of`, by name, and in a long one what of it."""

    step: str
    number: int
    of: int
    text: str


@dataclass
class Job:
    """One compilation: what the steps need beside the graph, and what they leave beside it.

    `description` is the exported model's own (docs/integer-model.md); `found`, the lock file's content, if there is
    one; `report` is told what a step is at.
    """

    folder: Path
    board: Board
    preset: Preset | Imported
    description: NetworkDescription
    frames: list[Frame]
    found: Lock | None = None
    report: Callable[[Progress], None] = lambda _progress: None
    source: str = "the model"  # how messages call its file
    now: Progress = Progress("", 0, 0, "")

    @property
    def core(self) -> Path:
        return self.folder / "core"

    @property
    def clock_hz(self) -> float:
        return self.board.clock_mhz * 1e6

    def begin(self, step: str, number: int, of: int) -> None:
        """Say which step begins."""
        self.now = Progress(step, number, of, "working")
        self.report(self.now)

    def progress(self, text: str) -> None:
        """Say what a long step is at."""
        self.report(replace(self.now, text=text))


@dataclass(frozen=True)
class Step:
    """A named step: `run` maps graph to graph. Where a step is not `executed`, it verifies itself, by simulating the
    RTL that it writes. `leaves`: the files that it leaves in the build folder, beside its graph."""

    name: str
    run: Callable[[ModelWrapper, Job], ModelWrapper]
    executed: bool = True
    leaves: tuple[str, ...] = ()


class SavedSteps:
    """The saved steps of one build folder: `NN_name.onnx`, and `steps.json`, which tells how long each took."""

    def __init__(self, folder: Path, steps: Sequence[Step], ours: Container[Step], key: str) -> None:
        """`key`: the digest of all that the steps `ours` depend on."""
        self.folder, self.steps = folder, steps
        self.log = folder / "steps.json"
        self.keys: list[str] = []
        for step in steps:
            # Nobody knows what a caller's own step depends on: a key that was never there before makes it run.
            key = digest(key, step.name, "" if step in ours else secrets.token_hex())
            self.keys.append(key)

    def path(self, index: int) -> Path:
        return self.folder / f"{index + 1:02}_{self.steps[index].name}.onnx"

    def is_done(self, index: int) -> bool:
        """Whether a step's graph is that of its key, and what it leaves beside the graph is there."""
        leaves = all((self.folder / name).is_file() for name in self.steps[index].leaves)
        return leaves and is_kept(self.path(index), self.keys[index])

    def all_done(self) -> bool:
        return all(self.is_done(index) for index in range(len(self.steps)))

    def keep(self, index: int, make: Callable[[], ModelWrapper]) -> None:
        """Have the step's graph made, unless it is done."""
        path = self.path(index)

        def save() -> None:
            model = make()
            with atomic_file(path) as temporary:
                model.save(str(temporary))

        if not self.is_done(index):
            path.unlink(missing_ok=True)
        kept(path, self.keys[index], save)

    def note(self, index: int, entry: dict[str, Any]) -> None:
        entries = json.loads(self.log.read_text()) if self.log.is_file() else {}
        write_json(self.log, {**entries, self.steps[index].name: entry})


class _Verifier:
    """Compares each step's graph with the one before, on the job's frames."""

    def __init__(self, job: Job, verify: bool) -> None:
        self.job, self.verify = job, verify
        self.before: np.ndarray | None = None

    def run(self, index: int, step: Step, model: ModelWrapper) -> ModelWrapper:
        """The graph that `step` makes of `model`. Raises RuntimeError where it computes something else."""
        execute = self.verify and step.executed
        if execute and index and self.before is None:
            self.before = self._logits(model)
        model = step.run(model, self.job)
        model.set_metadata_prop(IDENTITY, self.job.description.identity)  # a new graph has none
        if execute:
            after = self._logits(model)
            difference = first_difference(self.before, after) if self.before is not None else None
            if difference:
                raise RuntimeError(f"step {step.name} changed the network: {difference}")
            self.before = after
        return model

    def _logits(self, model: ModelWrapper) -> np.ndarray:
        return integer_logits(model, self.job.frames, self.job.description.logit_scale)


def run_steps(model: ModelWrapper, job: Job, steps: SavedSteps, verify: bool) -> None:
    """Run what is not done of `steps`, from `model` on. Raises RuntimeError where one computes something else."""
    verifier = _Verifier(job, verify)
    for index, step in enumerate(steps.steps):
        if steps.is_done(index):
            log.info("%-12s kept", step.name)
        else:
            job.begin(step.name, index + 1, len(steps.steps))
            start = time.monotonic()
            steps.keep(index, partial(verifier.run, index, step, model))
            seconds = time.monotonic() - start
            steps.note(index, {"seconds": round(seconds, 2), "verified": verify})
            proof = f"verified, {len(job.frames)} frames equal" if verify or not step.executed else "not verified"
            log.info("%-12s %6.1f s  %s", step.name, seconds, proof)
        model = ModelWrapper(str(steps.path(index)))
