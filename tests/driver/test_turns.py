# SPDX-License-Identifier: BSD-3-Clause
"""Cameras of two models on a chip of one: by turns, with few loads, and every result that of a chip with its model."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shiftcore.driver import Accelerator, FrameError, MemoryReadError, ShapeError, Turns
from shiftcore.driver.turns import Job
from shiftcore.model.records import Result
from shiftcore.model.reference import Reference
from tests.driver.rig import Rig, other_model, spoil, too_wide


@pytest.fixture
def opened(rig: Rig) -> Iterator[Accelerator]:
    with rig.open(compare=True) as accelerator:
        yield accelerator


@pytest.fixture
def models(rig: Rig, tmp_path: Path) -> dict[int, Path]:
    """By stream: two cameras of one model, one of another."""
    one, other = (other_model(rig.build.model, tmp_path / f"{seed}.npz", seed) for seed in (1, 2))
    return {0: one, 1: other, 2: one}


def jobs(rig: Rig, count: int) -> list[Job]:
    """Frames of three cameras in turn; the first one begins another clip in the middle."""
    return [(frame, index % 3, index == 12) for index, frame in enumerate(rig.frames(count))]


def check(results: list[Result], jobs: list[Job], models: dict[int, Path]) -> None:
    """Camera by camera, logits, decisions and clips are those of its model alone."""
    for stream, model in models.items():
        reference = Reference.load(model)
        means, began = reference.consensus(), False
        found = [result for result in results if result.stream == stream]
        for result, (frame, _, clear) in zip(found, [job for job in jobs if job[1] == stream], strict=True):
            begins = clear or not began
            began = True
            assert result.logits.tolist() == reference.infer(frame, stream, begins).tolist()
            assert result.clear == begins
            decision = means.update(result.logits, stream, begins)
            assert (result.decision.name, result.decision.scores.tolist()) == (
                decision.name,
                decision.scores.tolist(),
            )


def test_every_result_is_that_of_its_model_alone(rig: Rig, opened: Accelerator, models: dict[int, Path]) -> None:
    """Five batches: a load for the first part, and one where the other model's turn comes, since each batch begins with
    the model that the chip has."""
    sent = jobs(rig, 20)
    turns = Turns(opened, models)
    results = list(turns.run(sent, together=4))
    assert len(results) == len(sent)
    check(results, sent, models)
    assert turns.loads == 6
    assert len({result.latency_cycles for result in results}) == 1


def test_more_together_are_fewer_loads(rig: Rig, opened: Accelerator, models: dict[int, Path]) -> None:
    sent = jobs(rig, 12)
    turns = Turns(opened, models)
    check(list(turns.run(sent, together=12)), sent, models)
    assert turns.loads == 2
    check_more = list(turns.run([(frame, 1, False) for frame, _, _ in sent[:2]]))
    assert turns.loads == 2 and len(check_more) == 2, "the chip has that one"


def test_where_each_has_a_bank_nothing_is_loaded_twice(
    backend_name: str, tiny_two_chip: Path, models: dict[int, Path], rig: Rig
) -> None:
    if backend_name == "board":
        pytest.skip("needs a chip of two banks")
    sent = jobs(rig, 15)
    with Accelerator.open(tiny_two_chip.parent, backend_name, compare=True) as accelerator:
        turns = Turns(accelerator, models)
        results = list(turns.run(sent, together=3))
    assert [(result.stream, result.clear) for result in results] == [
        (stream, clear or index < 3) for index, (_, stream, clear) in enumerate(sent)
    ]
    check(results, sent, models)
    assert turns.loads == 2


def test_what_is_refused_leaves_nothing_under_way(rig: Rig, opened: Accelerator, models: dict[int, Path]) -> None:
    sent = jobs(rig, 6)
    turns = Turns(opened, models)
    with pytest.raises(FrameError, match=r"stream 3 was given no model; there are \[0, 1, 2\]"):
        list(turns.run([*sent[:2], (sent[0][0], 3, False)]))
    with pytest.raises(FrameError, match="the network takes uint8"):
        list(turns.run([sent[0], (np.zeros((1, 1, 3), np.uint8), 0, False)]))
    again = [(frame, stream, index < 3) for index, (frame, stream, _) in enumerate(sent)]
    check(list(turns.run(again)), again, models)


def test_behind_an_error_every_clip_begins_anew(simulated: Rig, opened: Accelerator, models: dict[int, Path]) -> None:
    sent = jobs(simulated, 6)
    turns = Turns(opened, models)
    check(list(turns.run(sent)), sent, models)
    device = opened._device
    heal = spoil(opened, "read", device._frames.address, device._image)  # every frame, no model
    with pytest.raises(MemoryReadError):
        list(turns.run(sent))
    heal()
    again = [(frame, stream, index < 3) for index, (frame, stream, _) in enumerate(sent)]
    check(list(turns.run(again)), again, models)


def test_a_model_of_another_shape_is_refused_at_once(rig: Rig, opened: Accelerator, tmp_path: Path) -> None:
    wrong = other_model(rig.build.model, tmp_path / "wide.npz", 1, too_wide)
    with pytest.raises(ShapeError, match="the chip takes 127"):
        Turns(opened, {0: rig.build.model, 1: wrong})
