# SPDX-License-Identifier: BSD-3-Clause
"""The paired test against enumeration by hand, and its promise: no better network passes by chance too often."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiftcore.quant import paired

GAINS = st.lists(st.tuples(st.integers(0, 6), st.integers(-8, 8)), min_size=1, max_size=30)


def columns(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, list[str]]:
    return np.array([gain / 8 for _, gain in pairs]), [f"camera {source}" for source, _ in pairs]


def test_cases_that_one_can_count() -> None:
    def p(*gains: float) -> float:
        return paired.permutation_p(np.array(gains), [str(index) for index in range(len(gains))])

    assert p(1, 1, 1) == 1 / 8  # only itself
    assert p(-1, -1, -1) == 1
    assert p(0, 0) == 1
    assert p(3, 2, -1) == 2 / 8  # itself, and with the third one swapped
    assert p(0.1, 0.2, 0.3, -0.6) == 9 / 16  # a sum of zero, whatever the order of adding makes of it
    together = paired.permutation_p(np.array([5, -4, 1]), ["a", "a", "b"])
    assert together == 1 / 4  # the clips of a go together: a gain of 1


@given(GAINS)
def test_it_is_the_share_of_swaps_that_gain_as_much(pairs: list[tuple[int, int]]) -> None:
    gains, sources = columns(pairs)
    totals = [sum(g for s, g in pairs if s == source) for source in sorted({s for s, _ in pairs})]
    swapped = [
        sum(sign * total for sign, total in zip(signs, totals, strict=True))
        for signs in itertools.product((1, -1), repeat=len(totals))
    ]
    assert paired.permutation_p(gains, sources) == np.mean([total >= sum(totals) for total in swapped])
    assert paired.permutation_p(gains, sources) >= paired.smallest_p(len(totals))


@given(GAINS)
def test_it_keeps_its_level_where_old_and_new_are_exchangeable(pairs: list[tuple[int, int]]) -> None:
    """Of all ways to swap old and new by source, each as likely as the other, no more than the share alpha gives a
    p-value of alpha or less, for any alpha."""
    gains, sources = columns(pairs)
    names = sorted(set(sources))
    values = []
    for signs in itertools.product((1, -1), repeat=len(names)):
        sign = dict(zip(names, signs, strict=True))
        values.append(paired.permutation_p(gains * [sign[source] for source in sources], sources))
    assert all(np.mean([value <= alpha for value in values]) <= alpha for alpha in values)


def test_swaps_at_random_agree_with_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    gains, sources = rng.normal(0.3, 1, 36), [str(index // 3) for index in range(36)]
    exact = paired.permutation_p(gains, sources)
    monkeypatch.setattr(paired, "EXACT", 5)
    drawn = paired.permutation_p(gains, sources)
    assert drawn == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / paired.DRAWS))
    assert paired.permutation_p(np.ones(40), [str(i) for i in range(40)]) == 1 / (1 + paired.DRAWS)


def test_swaps_at_random_keep_the_level() -> None:
    rng = np.random.default_rng(2)
    sources = [str(index // 2) for index in range(32)]
    values = np.array([paired.permutation_p(rng.standard_t(2, 32), sources) for _ in range(200)])
    assert (values <= 0.1).mean() < 0.1 + 3 * math.sqrt(0.09 / 200)


def test_how_many_sources_a_confidence_takes() -> None:
    assert [paired.sources_needed(c) for c in (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)] == [1, 2, 4, 5, 7, 10]
    for confidence in (0.6, 0.9, 0.95, 0.99):
        needed = paired.sources_needed(confidence)
        assert paired.smallest_p(needed) <= 1 - confidence < paired.smallest_p(needed - 1)


def test_mcnemar_counts_the_clips_that_only_one_has_right() -> None:
    old = np.array([True, True, False, False, False, False, False])
    new = np.array([True, False, True, True, True, True, False])
    assert paired.mcnemar(old, new) == (4, 1, pytest.approx(6 / 32))
    assert paired.mcnemar(old, old) == (0, 0, 1.0)


def test_log_loss_is_bounded() -> None:
    scores = np.array([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]])
    assert paired.log_loss(scores, np.array([1, 1, 1])) == pytest.approx([math.log(2), math.log(1000), 0])
