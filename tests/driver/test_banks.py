# SPDX-License-Identifier: BSD-3-Clause
"""Several models in one chip: each camera's frames are of the one that it was told, on every back end."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shiftcore.driver import Accelerator, FrameError, LoadedModel
from shiftcore.driver.build import Build
from shiftcore.driver.selftest import selftest
from shiftcore.model.records import Result
from shiftcore.model.reference import Reference
from tests.driver.rig import Rig, described, logits, other_model


@pytest.fixture
def rig(backend_name: str, tiny_two_chip: Path) -> Rig:
    if backend_name == "board":
        pytest.skip("needs a chip of two banks")
    return Rig(tiny_two_chip.parent, backend_name, Build.load(tiny_two_chip.parent))


@pytest.fixture
def opened(rig: Rig) -> Iterator[Accelerator]:
    with rig.open(compare=True) as accelerator:
        yield accelerator


@pytest.fixture
def models(rig: Rig, tmp_path: Path) -> list[Path]:
    return [other_model(rig.build.model, tmp_path / f"{seed}.npz", seed) for seed in (1, 2)]


def hashes(models: tuple[LoadedModel, ...]) -> list[str]:
    return [model.hash for model in models]


def alternating(accelerator: Accelerator, frames: np.ndarray, streams: int) -> list[Result]:
    """Frame by frame of one camera after the other."""
    for index, frame in enumerate(frames):
        accelerator.submit(frame, index % streams)
    results: list[Result] = []
    while len(results) < len(frames):
        results += accelerator.results(wait_s=1.0)
    return results


def test_cameras_of_two_models_alternate_frame_by_frame(rig: Rig, opened: Accelerator, models: list[Path]) -> None:
    frames = rig.frames(12)
    for bank, model in enumerate(models):
        opened.load(model, bank)
        opened.use(bank, bank)
    assert [model.file for model in opened.models] == models
    references = [Reference.load(model) for model in models]
    results = alternating(opened, frames, 2)
    assert logits(results) == [references[i % 2].infer(frame, i % 2).tolist() for i, frame in enumerate(frames)]
    assert len({result.latency_cycles for result in results}) == 1
    means = [reference.consensus() for reference in references]
    for index, result in enumerate(results):
        assert result.score == pytest.approx(
            means[index % 2].update(result.logits, index % 2).scores[list(opened.description.alarm_indices)].max()
        )


def test_a_camera_changes_its_model_between_two_frames(rig: Rig, opened: Accelerator, models: list[Path]) -> None:
    """No load, no wait; the first frame of the other model begins a clip."""
    opened.load(models[1], 1)
    frames, first = rig.frames(4), hashes(opened.models)
    for index, frame in enumerate(frames):
        opened.use(0, index // 2)
        opened.submit(frame)
    results: list[Result] = []
    while len(results) < len(frames):
        results += opened.results(wait_s=1.0)
    assert [result.clear for result in results] == [True, False, True, False]
    own, other = Reference.load(rig.build.model), Reference.load(models[1])
    assert logits(results) == [model.infer(frame).tolist() for model, frame in zip((own, own, other, other), frames)]  # noqa: B905
    assert hashes(opened.models) == first


def test_a_load_leaves_the_other_bank_its_model(rig: Rig, opened: Accelerator, models: list[Path]) -> None:
    before = hashes(opened.models)
    assert before[0] == before[1], "both have the build's at first"
    opened.load(models[0], 1)
    assert hashes(opened.models)[0] == before[0] != hashes(opened.models)[1]
    frames = rig.frames(3)
    assert logits(opened.stream(frames)) == rig.clip(frames)


def test_each_model_means_its_own_classes(rig: Rig, opened: Accelerator, tmp_path: Path) -> None:
    names = ["a", "b", "c", "d"]
    named = other_model(rig.build.model, tmp_path / "named.npz", 3, described(classes=names, alarm=None))
    opened.load(named, 1)
    opened.use(1, 1)
    results = alternating(opened, rig.frames(2), 2)
    assert [result.decision.name in names for result in results] == [False, True]
    assert opened.classes == rig.build.reference.classes


@pytest.mark.parametrize("bank", [-1, 2])
def test_a_bank_that_there_is_not(opened: Accelerator, models: list[Path], bank: int) -> None:
    for attempt in (lambda: opened.use(0, bank), lambda: opened.load(models[0], bank)):
        with pytest.raises(FrameError, match=rf"bank {bank} is not in 0 .. 1, .*hardware.models"):
            attempt()


def test_the_self_test_swaps_in_every_bank(rig: Rig) -> None:
    checks = list(selftest(rig.folder, rig.backend))
    assert [check for check in checks if not check.passed] == []
    assert sum("another model is loaded (bank" in check.name for check in checks) == 2
