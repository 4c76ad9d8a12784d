# SPDX-License-Identifier: BSD-3-Clause
"""A run takes another model between two frames: none is lost, each is of exactly one, and alarms know whose they
are."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from shiftcore.driver import Accelerator
from shiftcore.driver.errors import ModelError, ShapeError
from shiftcore.driver.events import Event
from shiftcore.driver.run import Channel, Rules, Run
from shiftcore.driver.sources import open_sources
from shiftcore.driver.switch import Switch
from shiftcore.errors import UserError
from shiftcore.model import video
from shiftcore.model.description import ModelDescription
from shiftcore.model.preprocess import Preprocessor
from shiftcore.model.reference import Reference
from shiftcore.model.sampling import Wanted
from tests.driver.footage import scene
from tests.driver.rig import Rig, described, other_model

ALWAYS = {"classes": ["enter_put", "enter_pick", "leave_put", "leave_pick"], "threshold": 0.001, "release": 0.001}
Frames = list[tuple[str, list[int]]]  # the model of each, and its logits


class Watched:
    """A run of one file, asked for other models when it has sent so many frames; all that came of it."""

    def __init__(
        self,
        accelerator: Accelerator,
        path: Path,
        wishes: dict[int, Path],
        rules: Callable[[ModelDescription], dict[str, Rules]] = lambda _: {},
    ) -> None:
        self.said: list[str] = []
        self.frames: Frames = []
        self.events: list[Event] = []
        self.answers: list[Future[str]] = []
        self._wishes, self._sent = wishes, 0
        wanted = Wanted(accelerator.preprocessor().luma)
        sources = open_sources([str(path)], None, self.said.append, wanted)
        with closing(Switch(accelerator, rules, self.said.append)) as switch:
            self._switch = switch
            run = Run(accelerator, sources, self._see, [self.events.append], self.said.append, {}, [self._between])
            run()

    def _see(self, channel: Channel, _image: object, result: object) -> None:
        self.frames.append((channel.model, result.logits.tolist()))  # type: ignore[attr-defined]

    def _between(self, run: Run) -> None:
        """Each wish is granted as soon as it can be, so that a test does not depend on how fast a thread is."""
        self._sent += 1
        if wish := self._wishes.pop(self._sent, None):
            answer = self._switch.ask(wish)
            self.answers.append(answer)
            while not answer.done():
                self._switch(run)


def inputs(description: ModelDescription, path: Path) -> list[np.ndarray]:
    prepare = Preprocessor(description)
    return list(prepare.clip(video.frames(path, luma=prepare.luma)))


def expected(models: Sequence[tuple[int, Path]], frames: list[np.ndarray]) -> list[list[int]]:
    """The logits of frames where each model begins at an index, with a temporal state of its own."""
    ends = [*(index for index, _ in models[1:]), len(frames)]
    logits = []
    for (begin, model), end in zip(models, ends, strict=True):
        reference = Reference.load(model)
        logits += [reference.infer(frames[at], 0, at == begin).tolist() for at in range(begin, end)]
    return logits


def changes(frames: Frames) -> list[int]:
    """Where another model begins."""
    return [index for index in range(1, len(frames)) if frames[index][0] != frames[index - 1][0]]


def test_each_frame_is_of_one_model_and_none_is_lost(rig: Rig, tmp_path: Path) -> None:
    """The frames that the chip holds when the wish comes are the old model's."""
    path = scene(tmp_path / "a.mp4", "leave_pick")
    first, second = (other_model(rig.build.model, tmp_path / f"{seed}.npz", seed) for seed in (1, 2))
    with rig.open(compare=True) as accelerator:
        own = accelerator.models[0]
        watched = Watched(accelerator, path, {3: first, 9: second})
        assert accelerator.models[0].file == second and accelerator.models[0].preset == own.preset
        assert (accelerator.load_cycles > 0) == (rig.backend != "reference")
    frames = inputs(rig.build.reference.description, path)
    assert changes(watched.frames) == [3, 9]
    models = [(0, rig.build.model), (3, first), (9, second)]
    assert [logits for _, logits in watched.frames] == expected(models, frames)
    hashes = [watched.frames[index][0] for index in (0, 3, 9)]
    assert hashes == [own.hash, *(answer.result() for answer in watched.answers)] and len(set(hashes)) == 3
    assert all(f"model {now} from here on, in place of {was}" in line for was, now, line in zip(
        hashes, hashes[1:], watched.said, strict=False
    ))  # fmt: skip


@pytest.fixture
def exported(tiny_export: Path, tmp_path: Path) -> Callable[..., Path]:
    """Writes exported models of `tiny`, which need no chip."""

    def write(seed: int, **changed: object) -> Path:
        return other_model(tiny_export / "model.npz", tmp_path / f"exported{seed}.npz", seed, described(**changed))

    return write


@pytest.fixture
def opened(exported: Callable[..., Path]) -> Iterator[Accelerator]:
    with Accelerator.open(exported(1, alarm={**ALWAYS, "min_seconds": 0, "cool_down_seconds": 0})) as accelerator:
        yield accelerator


def test_an_alarm_ends_with_the_model_that_raised_it(
    opened: Accelerator, exported: Callable[..., Path], tmp_path: Path
) -> None:
    """The new model's settings hold from its first frame on, and its alarm begins quiet."""
    patient = exported(2, alarm={**ALWAYS, "min_seconds": 0.12, "cool_down_seconds": 0})
    path, before = scene(tmp_path / "a.mp4", "leave_pick"), opened.models[0].hash
    watched = Watched(opened, path, {5: patient})
    after = opened.models[0].hash
    assert changes(watched.frames) == [5] and len(watched.frames) == 16
    told = [(event["event"], event["model"], event["seconds"]) for event in watched.events]
    assert told == [
        ("begin", before, 0), ("end", before, 0.16), ("begin", after, 0.32), ("end", after, 0.6),
    ]  # fmt: skip


def test_the_same_model_again_changes_nothing(
    opened: Accelerator, exported: Callable[..., Path], tmp_path: Path
) -> None:
    path, file = scene(tmp_path / "a.mp4", "leave_pick"), opened.models[0].file
    watched = Watched(opened, path, {5: file})
    assert [logits for _, logits in watched.frames] == expected([(0, file)], inputs(opened.description, path))
    assert watched.answers[0].result() == opened.models[0].hash and len(watched.events) == 2
    assert watched.said == [f"model {opened.models[0].hash} is in use already"]


def test_a_model_that_is_refused_costs_nothing(
    opened: Accelerator, exported: Callable[..., Path], tmp_path: Path
) -> None:
    """One of another shape, one whose inputs are made otherwise, and no model at all."""
    path, file = scene(tmp_path / "a.mp4", "leave_pick"), opened.models[0].file
    rarer = {"representation": "rgb", "images_per_second": None, "run_every": 2}
    wrong = [exported(2, num_segments=0), exported(3, preprocess=rarer), tmp_path / "none.npz"]
    watched = Watched(opened, path, {4 + index: model for index, model in enumerate(wrong)})
    assert [logits for _, logits in watched.frames] == expected([(0, file)], inputs(opened.description, path))
    errors = [answer.exception() for answer in watched.answers]
    assert [type(error) for error in errors] == [UserError, ShapeError, UserError]
    assert "its inputs are made otherwise" in str(errors[1])
    assert watched.said == [f"the model stays: {error}" for error in errors]


def test_a_chip_that_refuses_the_model_goes_on_with_the_one_before(
    opened: Accelerator, exported: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, file = scene(tmp_path / "a.mp4", "leave_pick"), opened.models[0].file

    def refuse(_model: object, _bank: int) -> None:
        raise ModelError("the chip refused a model image")

    monkeypatch.setattr(opened, "load", refuse)
    watched = Watched(opened, path, {4: exported(2)})
    assert isinstance(watched.answers[0].exception(), ModelError)
    assert [logits for _, logits in watched.frames] == expected([(0, file)], inputs(opened.description, path))
    assert len(watched.events) == 2


@pytest.mark.parametrize(("threshold", "events"), [(None, 4), (1.0, 2)])  # with 1 the other model raises nothing
def test_a_model_brings_rules_of_its_own(
    opened: Accelerator, exported: Callable[..., Path], tmp_path: Path, threshold: float | None, events: int
) -> None:
    path, own = scene(tmp_path / "a.mp4", "leave_pick"), opened.description.identity
    other = exported(2, weights="of another", alarm={**ALWAYS, "min_seconds": 0, "cool_down_seconds": 0})

    def rules(description: ModelDescription) -> dict[str, Rules]:
        assert description.identity != own
        return {str(path): Rules(threshold)}

    assert len(Watched(opened, path, {4: other}, rules).events) == events


def test_a_run_that_has_ended_refuses(opened: Accelerator) -> None:
    switch = Switch(opened, lambda _: {}, print)
    answer = switch.ask(opened.models[0].file)
    switch.close()
    assert "the run has ended" in str(answer.exception())
