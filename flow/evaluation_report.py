# SPDX-License-Identifier: BSD-3-Clause
"""The page that `make evaluate` writes: one HTML file with its pictures inside, for people."""

import base64
import io
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torchmetrics.functional.classification import binary_precision_recall_curve

from shiftcore.flow import page
from shiftcore.flow.judging import Outcome
from shiftcore.flow.thumbnail import thumbnail
from shiftcore.model import video
from shiftcore.model.reference import Reference
from shiftcore.quant import metrics

WORST = 8
THUMBNAILS = 5


def write_report(path: Path, outcomes: Sequence[Outcome], figures: dict[str, Any], reference: Reference) -> None:
    """Draw the labelled `outcomes` and their `figures` (flow.evaluate.measure) into the HTML file `path`."""
    labelled = [outcome for outcome in outcomes if outcome.sample.label is not None]
    indices = reference.description.alarm_indices
    alarm = [reference.classes[index] for index in indices]
    positive = np.array([outcome.sample.label in alarm for outcome in labelled])
    scores = np.array([outcome.score(indices) for outcome in labelled])
    pictures = {
        "Confusion: rows are true": _svg(lambda axes: _confusion(axes, figures["confusion"], reference.classes)),
        "F1 of each class": _svg(lambda axes: _per_class(axes, figures["per_class"])),
    }
    if indices and positive.any() and not positive.all():
        pictures["ROC of the alarm"] = _svg(lambda axes: _roc(axes, positive, scores, figures))
        pictures["Precision and recall"] = _svg(lambda axes: _precision_recall(axes, positive, scores, figures))
    wrong = [_mistake(outcome, figures["threshold"]) for outcome in _worst(labelled, reference, indices)]
    page.write(
        path,
        "evaluation_report.html",
        description=reference.description,
        figures=figures,
        pictures=pictures,
        mistakes=wrong,
        alarm=alarm,
    )


def _worst(labelled: Sequence[Outcome], reference: Reference, indices: Sequence[int]) -> list[Outcome]:
    """The mistakes that the model was surest of, the worst first."""

    def badness(outcome: Outcome) -> float:
        label = reference.classes.index(str(outcome.sample.label))
        if indices:
            score = outcome.score(indices)
            return 1 - score if label in indices else score
        return 1 - float(outcome.decision.scores[label])

    wrong = [outcome for outcome in labelled if outcome.decision.name != outcome.sample.label]
    return sorted(wrong, key=badness, reverse=True)[:WORST]


def _mistake(outcome: Outcome, threshold: float | None) -> dict[str, Any]:
    sample = outcome.sample
    return {
        "title": f"{sample.path.name}: {sample.label}, taken for {outcome.decision.name}",
        "source": sample.source,
        "frames": _thumbnails(sample.path),
        "plot": _svg(lambda axes: _over_time(axes, outcome, threshold), (7, 1.8)),
    }


def _thumbnails(path: Path) -> list[str]:
    """A few frames of a video, evenly spaced, as JPEG data URLs."""
    count = sum(1 for _ in video.frames(path))
    step = max(1, count // THUMBNAILS)
    chosen = islice(video.frames(path), 0, THUMBNAILS * step, step)
    return [thumbnail(image) for image in chosen]


def _svg(draw: Callable[[Axes], None], size: tuple[float, float] = (4.6, 3.8)) -> str:
    """What `draw` puts on its axes, as a data URL."""
    figure = Figure(size, layout="constrained")
    draw(figure.subplots())
    content = io.BytesIO()
    figure.savefig(content, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(content.getvalue()).decode()


def _confusion(axes: Axes, table: list[list[int]], classes: Sequence[str]) -> None:
    counts = np.array(table)
    axes.imshow(counts / np.maximum(1, counts.sum(1, keepdims=True)), cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= 12:
        for row, column in np.ndindex(counts.shape):
            share = counts[row, column] / max(1, counts[row].sum())
            colour = "white" if share > 0.5 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour)
    axes.set_xticks(range(len(classes)), classes, rotation=30, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="taken for", ylabel="is")


def _per_class(axes: Axes, figures: dict[str, dict[str, float]]) -> None:
    axes.barh(list(figures), [entry["f1"] for entry in figures.values()])
    axes.set(xlim=(0, 1), xlabel="F1")
    axes.invert_yaxis()


def _roc(axes: Axes, positive: np.ndarray, scores: np.ndarray, figures: dict[str, Any]) -> None:
    false, true = metrics.roc(positive, scores)
    low, high = figures["auc_ci95"]
    axes.plot(false, true, label=f"AUC {figures['auc']:.3f} ({low:.3f} to {high:.3f})")
    axes.plot([0, 1], [0, 1], color="gray", linestyle=":", label="chance")
    raised = scores >= figures["threshold"]
    point = [raised[~positive].mean()], [raised[positive].mean()]
    axes.plot(*point, "o", color="black", label=f"threshold {figures['threshold']:.2f}")
    axes.set(xlabel="false alarms, share of calm clips", ylabel="found, share of those to find")
    axes.legend(loc="lower right")


def _precision_recall(axes: Axes, positive: np.ndarray, scores: np.ndarray, figures: dict[str, Any]) -> None:
    target = torch.from_numpy(positive.astype(np.int64))
    precision, recall, _ = binary_precision_recall_curve(torch.from_numpy(scores), target)
    axes.plot(recall, precision)
    axes.axhline(positive.mean(), color="gray", linestyle=":", label="always raised")
    axes.plot([figures["recall"]], [figures["precision"]], "o", color="black", label="at the threshold")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.legend(loc="lower left")


def _over_time(axes: Axes, outcome: Outcome, threshold: float | None) -> None:
    axes.plot(outcome.times, outcome.scores, marker=".")
    if threshold is not None:
        axes.axhline(threshold, color="gray", linestyle=":")
    axes.set(ylim=(0, 1), xlabel="seconds", ylabel="score")
