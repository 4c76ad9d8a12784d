# SPDX-License-Identifier: BSD-3-Clause
"""`make evaluate`: how good the integer model, which is what the chip computes, is on labelled footage.

Clip by clip: one decision from all frames of a clip. Streaming: the decision after every frame, as the runtime makes
it, and the alarms that it would raise.
"""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from shiftcore.artifacts import atomic_file, without_nan, write_json
from shiftcore.flow.evaluation_report import write_report
from shiftcore.flow.judging import Outcome, judge_all
from shiftcore.model.reference import Reference
from shiftcore.options import PresetName
from shiftcore.quant import layouts, metrics, splits
from shiftcore.quant.preset import load_preset

COLUMNS = ("clip", "label", "source", "guess", "score", "frames", "seconds", "alarms")


def measure(outcomes: Sequence[Outcome], reference: Reference) -> dict[str, Any]:
    """The figures of the labelled clips (`metrics.summary`), and how many false alarms an hour of footage without
    anything to raise it for gave; None where there is no such footage."""
    settings, indices = reference.description.alarm, reference.description.alarm_indices
    alarm = settings.classes if settings else ()
    labelled = [outcome for outcome in outcomes if outcome.sample.label is not None]
    if not labelled:
        return {"n": 0}
    rows: list[metrics.Row] = [
        {
            "label": str(outcome.sample.label),
            "guess": outcome.decision.name,
            "score": outcome.score(indices),
            "scores": outcome.decision.scores.tolist(),
            "source": outcome.sample.source,
        }
        for outcome in labelled
    ]
    figures = metrics.summary(rows, reference.classes, alarm, settings.threshold if settings else 0.5)
    calm = [outcome for outcome in labelled if outcome.sample.label not in alarm]
    hours = sum(outcome.seconds for outcome in calm) / 3600
    false_alarms = sum(outcome.alarms for outcome in calm) / hours if calm and alarm else None
    return {**figures, "false_alarms_per_hour": false_alarms, "hours_without_alarm": hours if alarm else None}


def write_predictions(path: Path, outcomes: Sequence[Outcome], reference: Reference, root: Path) -> None:
    """One row a clip, with the probability of each class."""
    indices = reference.description.alarm_indices
    with atomic_file(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, *(f"p({name})" for name in reference.classes)])
        for outcome in outcomes:
            sample, decision = outcome.sample, outcome.decision
            score = outcome.score(indices)
            clip = sample.path.relative_to(root)
            row = [clip, sample.label or "", sample.source, decision.name, f"{score:.6f}", len(outcome.scores)]
            writer.writerow([*row, f"{outcome.seconds:.3f}", outcome.alarms, *(f"{p:.6f}" for p in decision.scores)])


def table(figures: dict[str, Any], model: Path) -> Table:
    """The figures a person wants to see first."""
    title = f"{model}: {figures['n']} clips of {figures['sources']} sources"
    view = Table("", "", "95 % interval", title=title, title_justify="left")

    def row(name: str, key: str, form: str = ".1%") -> None:
        if figures.get(key) is not None:
            low, high = figures.get(f"{key}_ci95") or (None, None)
            view.add_row(name, format(figures[key], form), f"{low:{form}} to {high:{form}}" if low is not None else "")

    row("right class", "top1")
    if len(figures["confusion"]) > 5:
        row("right class among the first five", "top5")
    row("AUC of the alarm", "auc", ".3f")
    row("alarm right, at its threshold", "accuracy")
    row("alarm right, at 0.5", "accuracy_at_half")
    row("precision", "precision")
    row("recall", "recall")
    row("F1", "f1", ".3f")
    row("threshold", "threshold", ".3f")
    row("false alarms an hour", "false_alarms_per_hour", ".1f")
    return view


def main(
    preset: PresetName,
    data: Annotated[Path, typer.Option(help="videos, laid out as docs/data.md shows; labels may be missing")],
    model: Annotated[Path | None, typer.Option(help="an integer model (model.npz) instead of the preset's")] = None,
) -> None:
    """Score the integer model of PRESET on the videos in DATA; figures, predictions and a report to look at."""
    settings = load_preset(preset)
    whole = layouts.read(data)
    dataset = splits.tested(whole, settings.data)
    if left := len(whole.samples) - len(dataset.samples):
        print(f"{left} of {len(whole.samples)} clips are of sources that are not in data.test: they are not scored")
    if model is None:
        from shiftcore.flow.build import exported_model

        model = exported_model(settings).with_name("model.npz")
    reference = Reference.load(model)
    if not reference.description.trained:
        print("warning: this model is not trained; its figures mean nothing", file=sys.stderr)
    outcomes = judge_all(reference, dataset)
    figures = measure(outcomes, reference)
    folder = settings.build / "evaluate"
    provenance = {"preset": reference.description.preset.name, "data": data.name, "layout": dataset.layout}
    write_json(folder / "metrics.json", without_nan({**figures, **provenance}))
    write_predictions(folder / "predictions.csv", outcomes, reference, data)
    if figures["n"]:
        Console().print(table(figures, model))
        write_report(folder / "report.html", outcomes, figures, reference)
        print(f"report: {folder / 'report.html'}")
    print(f"figures: {folder / 'metrics.json'}\npredictions: {folder / 'predictions.csv'}")
