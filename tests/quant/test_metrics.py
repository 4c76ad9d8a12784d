# SPDX-License-Identifier: BSD-3-Clause
"""Figures against their definitions, on any scores."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shiftcore.quant import metrics

SCORES = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=1, max_size=40)


def columns(pairs: list[tuple[bool, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([p for p, _ in pairs]), np.array([s / 8 for _, s in pairs])


@given(SCORES)
def test_auc_is_how_often_a_positive_scores_above_a_negative(pairs: list[tuple[bool, int]]) -> None:
    positive, scores = columns(pairs)
    wins = [(p > n) + (p == n) / 2 for p in scores[positive] for n in scores[~positive]]
    result = metrics.auc(positive, scores)
    assert math.isnan(result) if not wins else math.isclose(result, sum(wins) / len(wins))


@given(SCORES, st.floats(0, 1))
def test_figures_at_a_threshold(pairs: list[tuple[bool, int]], threshold: float) -> None:
    positive, scores = columns(pairs)
    raised = [(p, s >= threshold) for p, s in zip(positive, scores, strict=True)]
    hits, alarms, truths = sum(p and r for p, r in raised), sum(r for _, r in raised), sum(p for p, _ in raised)
    at = metrics.at_threshold(positive, scores, threshold)
    assert math.isclose(at["accuracy"], sum(p == r for p, r in raised) / len(raised))
    assert at["precision"] == (hits / alarms if alarms else 0) and at["recall"] == (hits / truths if truths else 0)
    assert math.isclose(at["f1"], 2 * hits / (alarms + truths) if alarms + truths else 0)


@given(SCORES.filter(lambda pairs: any(p for p, _ in pairs)), st.floats(0.05, 1))
def test_a_threshold_for_a_recall_reaches_it_and_is_the_highest(pairs: list[tuple[bool, int]], recall: float) -> None:
    positive, scores = columns(pairs)
    threshold = metrics.for_recall(positive, scores, recall)
    assert metrics.at_threshold(positive, scores, threshold)["recall"] >= recall
    higher = [score for score in scores if score > threshold]
    if higher:
        assert metrics.at_threshold(positive, scores, min(higher) + 1e-9)["recall"] < recall


@given(SCORES.filter(lambda pairs: any(p for p, _ in pairs)))
def test_no_threshold_has_a_higher_f2(pairs: list[tuple[bool, int]]) -> None:
    positive, scores = columns(pairs)

    def f2(threshold: float) -> float:
        at = metrics.at_threshold(positive, scores, threshold)
        p, r = at["precision"], at["recall"]
        return 5 * p * r / (4 * p + r) if p else 0.0

    best = f2(metrics.best_f_beta(positive, scores))
    assert all(best >= f2(threshold) - 1e-12 for threshold in np.linspace(0, 1, 33))


def test_a_threshold_for_false_alarms_is_the_lowest_that_keeps_to_them() -> None:
    scores = np.array([0.1, 0.4, 0.6, 0.9])
    threshold = metrics.for_false_alarms(lambda t: float((scores >= t).sum()), scores, 2)
    assert 0.4 < threshold < 0.6
    assert metrics.for_false_alarms(lambda _: 9.0, scores, 2) == 1.0


def test_an_interval_is_over_sources_and_wider_than_over_clips() -> None:
    rng = np.random.default_rng(0)
    means = rng.random(12)
    hits = np.concatenate([rng.random(20) < mean for mean in means])
    sources = [f"s{i // 20}" for i in range(240)]

    def mean(values: np.ndarray) -> float:
        return float(values.mean())

    low, high = metrics.interval(mean, sources, hits)
    alone = metrics.interval(mean, [str(i) for i in range(240)], hits)
    assert low < hits.mean() < high and high - low > 1.5 * (alone[1] - alone[0])
    assert (low, high) == metrics.interval(mean, sources, hits)


def test_confusion_and_classes() -> None:
    labels, guesses = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1])
    assert metrics.confusion(labels, guesses, 3).tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
    each = metrics.per_class(labels, guesses, ["a", "b", "c"])
    assert each["a"] == {"precision": 1.0, "recall": 0.5, "f1": 2 / 3, "n": 2}
    assert each["c"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "n": 1}
