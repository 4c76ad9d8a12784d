# SPDX-License-Identifier: BSD-3-Clause
"""Synthetic people: the same seed is the same scene; what is called a walk, a fall or a fight moves like one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiftcore.quant import actors, brawl

TIME = np.arange(36) / 16
ACTIONS = {
    name: getattr(actors, name)
    for name in ("idle", "walk", "run", "gesture", "work", "dance", "embrace", "fight", "be_beaten")
}


@given(
    with_fight=st.booleans(),
    rate=st.sampled_from(brawl.RATES),
    size=st.sampled_from([(32, 48), (80, 112), (96, 136)]),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=15, deadline=None)
def test_a_scene_is_its_seed_in_any_size_and_rate(
    with_fight: bool, rate: int, size: tuple[int, int], seed: int
) -> None:
    clip = brawl.clip(with_fight, rate, *size, (seed,))
    assert clip.dtype == np.uint8 and clip.shape == (round(brawl.SECONDS * rate), *size, 3)
    assert np.array_equal(clip, brawl.clip(with_fight, rate, *size, (seed,)))
    assert not np.array_equal(clip, brawl.clip(with_fight, rate, *size, (seed + 1,)))


@pytest.mark.parametrize("name", ACTIONS)
@given(seed=st.integers(0, 2**31), facing=st.sampled_from([-1.0, 1.0]))
@settings(max_examples=20, deadline=None)
def test_a_movement_is_smooth_and_has_every_joint(name: str, seed: int, facing: float) -> None:
    move = ACTIONS[name](np.random.default_rng(seed), TIME, facing)
    for part, shape in (("x", ()), ("y", ()), ("lean", ()), ("arms", (2, 2)), ("legs", (2, 2)), ("crouch", ())):
        values = getattr(move, part)
        assert values.shape == (*shape, len(TIME)) and np.isfinite(values).all()
    assert np.abs(np.diff(move.x)).max() < 0.5  # of the person's size, in a sixteenth of a second


def many(name: str) -> list[actors.Movement]:
    return [ACTIONS[name](np.random.default_rng((5, seed)), TIME, 1.0) for seed in range(200)]


def pace(moves: list[actors.Movement]) -> float:
    """How fast arms turn on average, radians a second."""
    return float(np.mean([np.abs(np.diff(move.arms)).mean() * 16 for move in moves]))


def test_who_walks_gets_on_and_who_runs_gets_farther() -> None:
    way = {name: np.mean([np.ptp(move.x) for move in many(name)]) for name in ("idle", "walk", "run")}
    assert way["idle"] < 0.1 and 0.5 < way["walk"] < way["run"]


def test_blows_are_faster_than_what_calm_people_do() -> None:
    assert pace(many("fight")) > 1.5 * max(pace(many(name)) for name in ("idle", "walk", "gesture", "embrace"))


def test_who_is_beaten_lies_down_and_stays_there() -> None:
    down = [move for move in many("be_beaten") if move.crouch[-1] > 0.35]
    assert len(down) > 150
    assert all(abs(move.lean[-1]) > 1 and (np.diff(move.crouch) >= 0).all() for move in down)
