# SPDX-License-Identifier: BSD-3-Clause
"""How good scores are: accuracy, recall, AUC with an interval over sources, and the threshold that a rule chooses.

Scores are those of the alarm, in [0, 1]; `positive` says of each clip whether it shows what must raise it.
"""

from collections.abc import Callable, Sequence
from typing import TypedDict

import numpy as np
from scipy.stats import rankdata  # type: ignore[import-untyped]

from shiftcore.model import calibration
from shiftcore.model.records import alarm_scores

RESAMPLES = 2000
SEED = 0


def auc(positive: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve: how often a positive scores above a negative, equal scores counting half (Hanley and
    McNeil, 1982). `positive`: bool `[n]`; `scores`: `[n]`. NaN when one of the two kinds is missing."""
    if positive.all() or not positive.any():
        return float("nan")
    count = int(positive.sum())
    wins = rankdata(scores)[positive].sum() - count * (count + 1) / 2  # Mann and Whitney's U
    return float(wins / (count * (len(positive) - count)))


def auc_difference(positive: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """AUC of the scores `first` minus that of `second`, of the same clips: what makes a clip hard for both cancels in
    its `interval`."""
    return auc(positive, first) - auc(positive, second)


def roc(positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ROC curve: the shares of negatives and of positives that score at least each threshold, from the highest
    threshold on."""
    import torch
    from torchmetrics.functional.classification import binary_roc

    false, true, _ = binary_roc(torch.from_numpy(scores), torch.from_numpy(positive.astype(np.int64)))
    return false.numpy(), true.numpy()


def interval(
    statistic: Callable[..., float], sources: Sequence[str], *columns: np.ndarray, seed: int = SEED
) -> tuple[float, float]:
    """The 95 % bootstrap interval of `statistic(*columns)` over whole sources (percentiles of 2,000 resamples, Efron
    and Tibshirani 1993): clips of one source are alike, and single clips would make it too narrow."""
    rng = np.random.default_rng(seed)
    groups = [np.flatnonzero(np.array(sources) == source) for source in sorted(set(sources))]
    values = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([groups[group] for group in rng.integers(len(groups), size=len(groups))])
        values.append(statistic(*(column[rows] for column in columns)))
    if np.isnan(values).all():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def at_threshold(positive: np.ndarray, scores: np.ndarray, threshold: float) -> dict[str, float]:
    """Accuracy, precision, recall and F1 of raising the alarm from `threshold` on. Where nothing is raised precision is
    0, and where there is nothing to raise it for recall is 0."""
    raised = scores >= threshold
    right = int((raised & positive).sum())
    precision = right / max(1, int(raised.sum()))
    recall = right / max(1, int(positive.sum()))
    return {
        "accuracy": float((raised == positive).mean()),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if right else 0.0,
    }


def among_top(labels: np.ndarray, scores: np.ndarray, k: int) -> np.ndarray:
    """For which clips fewer than `k` classes score above the right one, bool `[n]`. `labels`: indices of classes,
    `[n]`; `scores`: `[n, classes]`. With no more than `k` classes it is all of them."""
    right = scores[np.arange(len(labels)), labels]
    return np.asarray((scores > right[:, None]).sum(1) < k)


def per_class(labels: np.ndarray, guesses: np.ndarray, classes: Sequence[str]) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and number of clips of each class; `labels`, `guesses`: indices into `classes`, `[n]`."""
    result = {}
    for index, name in enumerate(classes):
        figures = at_threshold(labels == index, (guesses == index).astype(float), 0.5)
        del figures["accuracy"]
        result[name] = {**figures, "n": int((labels == index).sum())}
    return result


def confusion(labels: np.ndarray, guesses: np.ndarray, count: int) -> np.ndarray:
    """How often each class was taken for each: int64 `[count, count]`, a row a true class."""
    table = np.zeros((count, count), np.int64)
    np.add.at(table, (labels, guesses), 1)
    return table


def best_f_beta(positive: np.ndarray, scores: np.ndarray, beta: float = 2.0) -> float:
    """The threshold with the highest F-beta (van Rijsbergen 1979), the lowest of equals. `beta` 2: missing what should
    raise the alarm costs more than raising it in vain."""

    def value(threshold: float) -> float:
        at = at_threshold(positive, scores, threshold)
        precision, recall = at["precision"], at["recall"]
        return (1 + beta**2) * precision * recall / (beta**2 * precision + recall) if precision else 0.0

    return _between(scores, max(np.unique(scores), key=lambda threshold: (value(float(threshold)), -threshold)))


def for_recall(positive: np.ndarray, scores: np.ndarray, recall: float) -> float:
    """The highest threshold at which at least the share `recall`, in (0, 1], of the positives is found."""
    ordered = np.sort(scores[positive])[::-1]
    return _between(scores, ordered[int(np.ceil(recall * len(ordered))) - 1])


def for_false_alarms(rate: Callable[[float], float], scores: np.ndarray, per_hour: float) -> float:
    """The lowest threshold from which on upward `rate(threshold)` false alarms an hour are no more than `per_hour`
    (model.calibration); 1 where there is none."""
    return calibration.lowest_threshold(rate, scores, per_hour) or 1.0


def _between(scores: np.ndarray, threshold: float) -> float:
    """Halfway between `threshold`, one of the scores, and the next lower one: no decision hangs on a rounding."""
    lower = scores[scores < threshold]
    return float((threshold + lower.max()) / 2 if len(lower) else threshold)


class Row(TypedDict, total=False):
    """What is known of a clip, as JSON keeps it; who makes a row says which of these it has. `scores`: a probability a
    class, and those of the network in floats, or of the one before; `guess`: the class of the highest; `score`: the
    alarm's; `window`: the alarm's score at each of `times`, in a clip of so many `seconds`; `origin`: the data set that
    it is of, and `unseen`: whether that teaches nothing."""

    clip: str
    label: str
    source: str
    fold: str
    scores: list[float]
    float_scores: list[float]
    old_scores: list[float]
    guess: str
    score: float
    seconds: float
    times: list[float]
    window: list[float]
    train_accuracy: dict[str, float]
    origin: str
    unseen: bool


class Summary(TypedDict, total=False):
    """The figures of labelled clips; intervals are of 95 %. What concerns the alarm is None without one."""

    n: int
    sources: int
    top1: float
    top1_ci95: tuple[float, float]
    top5: float
    top5_ci95: tuple[float, float]
    per_class: dict[str, dict[str, float]]
    confusion: list[list[int]]
    accuracy: float | None
    accuracy_ci95: tuple[float, float] | None
    precision: float | None
    recall: float | None
    f1: float | None
    accuracy_at_half: float | None
    auc: float | None
    auc_ci95: tuple[float, float] | None
    threshold: float | None


def alarm_columns(rows: Sequence[Row], classes: Sequence[str], alarm: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Whether each clip shows an alarm class, and its score: the highest probability among those classes, or among all
    where no class raises an alarm. Bool and float, `[n]`."""
    scores = alarm_scores(np.array([row["scores"] for row in rows]), [classes.index(name) for name in alarm])
    return np.array([row["label"] in alarm for row in rows]), scores


def judged(rows: Sequence[Row], classes: Sequence[str], alarm: Sequence[str]) -> list[Row]:
    """`rows`, each with `scores`, a probability for each of `classes`, as `summary` takes them: with the class that has
    the highest as `guess`, and the alarm's `score`."""
    _, scores = alarm_columns(rows, classes, alarm)
    guesses = np.array([row["scores"] for row in rows]).argmax(1)
    return [
        {**row, "guess": classes[guess], "score": score}
        for row, guess, score in zip(rows, guesses, scores, strict=True)
    ]


def summary(rows: Sequence[Row], classes: Sequence[str], alarm: Sequence[str], threshold: float) -> Summary:
    """The figures of labelled clips. Each row has `label` and `guess` (class names), `scores`, `score` and `source`.
    Without alarm classes what concerns the alarm is None."""
    labels = np.array([classes.index(row["label"]) for row in rows])
    guesses = np.array([classes.index(row["guess"]) for row in rows])
    scores = np.array([row["score"] for row in rows])
    sources = [row["source"] for row in rows]
    right = labels == guesses
    among = among_top(labels, np.array([row["scores"] for row in rows]), 5)
    figures: Summary = {
        "n": len(rows),
        "sources": len(set(sources)),
        "top1": float(right.mean()),
        "top1_ci95": interval(lambda hits: float(hits.mean()), sources, right),
        "top5": float(among.mean()),
        "top5_ci95": interval(lambda hits: float(hits.mean()), sources, among),
        "per_class": per_class(labels, guesses, classes),
        "confusion": confusion(labels, guesses, len(classes)).tolist(),
    }
    if not alarm:
        return {**figures, **_WITHOUT_ALARM}
    positive = np.isin(labels, [classes.index(name) for name in alarm])
    at = at_threshold(positive, scores, threshold)
    return {
        **figures,
        "accuracy": at["accuracy"],
        "precision": at["precision"],
        "recall": at["recall"],
        "f1": at["f1"],
        "accuracy_at_half": at_threshold(positive, scores, 0.5)["accuracy"],
        "accuracy_ci95": interval(lambda p, s: at_threshold(p, s, threshold)["accuracy"], sources, positive, scores),
        "auc": auc(positive, scores),
        "auc_ci95": interval(auc, sources, positive, scores),
        "threshold": threshold,
    }


_WITHOUT_ALARM: Summary = {
    "accuracy": None,
    "precision": None,
    "recall": None,
    "f1": None,
    "accuracy_at_half": None,
    "auc": None,
    "auc_ci95": None,
    "threshold": None,
}
