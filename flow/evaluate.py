"""`make evaluate`: how good the integer model, which is what the chip computes, is on labelled footage.

Clip by clip: one decision from all frames of a clip. Streaming: the decision after every frame, as the runtime makes
it, and the alarms that it would raise.
"""

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from common import cli
from common.artifacts import atomic_file, write_json
from common.errors import UserError
from common.preset import load_preset
from driver.alarm import Alarm, Settings
from driver.records import alarm_indices
from flow.evaluation_report import write_report
from quant import layouts, metrics
from quant.layouts import Sample
from sim import video
from sim.decision import Decision
from sim.preprocess import Preprocessor
from sim.reference import Reference

COLUMNS = ("clip", "label", "source", "guess", "score", "frames", "seconds", "alarms")


@dataclass
class Outcome:
    """What the model made of one clip. `decision`: from all its frames; `scores`: the alarm's score after each frame as
    the runtime sees it, `[frames]`; `seconds`: the clip's length; `alarms`: how often the alarm was raised."""

    sample: Sample
    decision: Decision
    scores: np.ndarray
    seconds: float
    alarms: int

    def score(self, alarm: Sequence[int]) -> float:
        """The clip's score: the highest probability among the classes of indices `alarm`; without any, of all."""
        return _score(self.decision, alarm)


def _score(decision: Decision, alarm: Sequence[int]) -> float:
    return float((decision.scores[alarm] if alarm else decision.scores).max())


def judge(reference: Reference, sample: Sample) -> Outcome:
    """Run one clip. Raises UserError for a video that cannot be read or makes no input."""
    description = reference.description
    settings, indices = Settings.of(description), alarm_indices(description)
    preprocess = description["preprocess"]
    images = video.frames(sample.path, preprocess["frame_stride"])
    period = preprocess["frame_stride"] * preprocess["run_every"] / video.rate(sample.path)
    running, alarm, scores, total, alarms = reference.consensus(), settings and Alarm(settings), [], None, 0
    for index, pixels in enumerate(Preprocessor(description).clip(images)):
        logits = reference.infer(pixels, clear=index == 0)
        total = logits if total is None else total + logits
        decision = running.update(logits, clear=index == 0)
        scores.append(_score(decision, indices))
        if alarm:
            alarms += sum(change.begin for change in alarm.update(index * period, scores[-1], decision.name))
    if total is None:
        raise UserError(f"{sample.path}: too short for a single input of the network")
    whole = Decision(total, len(scores), float(description["logit_scale"]), reference.classes)
    return Outcome(sample, whole, np.array(scores), len(scores) * period, alarms)


def judge_all(reference: Reference, dataset: layouts.Dataset) -> list[Outcome]:
    """Run every clip; those that cannot be read are named on stderr and left out. Raises UserError when none is left,
    or the data's labels are not the model's classes."""
    unknown = [name for name in dataset.classes if name not in reference.classes]
    if unknown:
        raise UserError(
            f"the data has labels the model does not know: {', '.join(unknown)}; its classes are "
            f"{', '.join(reference.classes)}"
        )
    outcomes, skipped = [], [f"{name}: listed, and not there" for name in dataset.missing]
    for sample in track(dataset.samples, "clips", transient=True):
        try:
            outcomes.append(judge(reference, sample))
        except UserError as error:
            skipped.append(str(error))
    for reason in skipped:
        print(f"skipped: {reason}", file=sys.stderr)
    if not outcomes:
        raise UserError(f"not one of {len(dataset.samples)} videos could be used")
    return outcomes


def measure(outcomes: Sequence[Outcome], reference: Reference) -> dict[str, Any]:
    """The figures of the labelled clips (`metrics.summary`), and how many false alarms an hour of footage without
    anything to raise it for gave; None where there is no such footage."""
    settings, indices = Settings.of(reference.description), alarm_indices(reference.description)
    alarm = settings.classes if settings else ()
    labelled = [outcome for outcome in outcomes if outcome.sample.label is not None]
    if not labelled:
        return {"n": 0}
    rows = [
        {
            "label": outcome.sample.label,
            "guess": outcome.decision.name,
            "score": outcome.score(indices),
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
    indices = alarm_indices(reference.description)
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
    preset: Annotated[str, typer.Option(help="a shipped preset, or a TOML file")],
    data: Annotated[Path, typer.Option(help="videos, laid out as docs/data.md shows; labels may be missing")],
    model: Annotated[Path | None, typer.Option(help="an integer model (model.npz) instead of the preset's")] = None,
) -> None:
    """Score the integer model of PRESET on the videos in DATA; figures, predictions and a report to look at."""
    settings = load_preset(preset)
    dataset = layouts.read(data)
    if model is None:
        from hw.compile import exported_model

        model = exported_model(settings).with_name("model.npz")
    reference = Reference.load(model)
    if not reference.description["trained"]:
        print("warning: this model is not trained; its figures mean nothing", file=sys.stderr)
    outcomes = judge_all(reference, dataset)
    figures = measure(outcomes, reference)
    folder = settings.build / "evaluate"
    provenance = {"preset": reference.description["preset"]["name"], "data": data.name, "layout": dataset.layout}
    write_json(
        folder / "metrics.json", json.loads(json.dumps({**figures, **provenance}), parse_constant=lambda _: None)
    )
    write_predictions(folder / "predictions.csv", outcomes, reference, data)
    if figures["n"]:
        Console().print(table(figures, model))
        write_report(folder / "report.html", outcomes, figures, reference)
        print(f"report: {folder / 'report.html'}")
    print(f"figures: {folder / 'metrics.json'}\npredictions: {folder / 'predictions.csv'}")


if __name__ == "__main__":
    cli.run(main)
