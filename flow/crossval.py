# SPDX-License-Identifier: BSD-3-Clause
"""`make crossval`: train on four fifths of the sources and score the rest, five times; then train the network to ship.

Every clip is scored by the integer model (what the chip computes) of a network that never saw its source. The figures
are pooled over the folds; nothing is chosen on the scores that it is quoted on. The final network learns from all
clips; its alarm threshold is chosen on the out-of-fold scores and stored with its weights.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from shiftcore.artifacts import digest, lock, without_nan, write_json
from shiftcore.flow.crossval_report import lines, write_card, write_picture
from shiftcore.flow.data_report import bias_floor, examine
from shiftcore.flow.judging import judge
from shiftcore.model.alarm import Alarm, AlarmSettings
from shiftcore.model.fields import parsed
from shiftcore.model.reference import Reference
from shiftcore.quant import checkpoint, layouts, metrics
from shiftcore.quant.cross_validation import FOLDS, Scorer, out_of_fold, torch_scorer
from shiftcore.quant.data import Clips, usable, video_clips
from shiftcore.quant.export import export
from shiftcore.quant.identity import fingerprint
from shiftcore.quant.layouts import Dataset, Sample
from shiftcore.quant.learner import begin, draw_curves, recipe_key, two_phases
from shiftcore.quant.metrics import Row
from shiftcore.quant.network import ReducedTSM
from shiftcore.quant.preset import Preset, check_alarm, load_preset
from shiftcore.quant.strategies import Strategy, own
from shiftcore.quant.tuning import trained_parameters
from shiftcore.sources import code


def train_fold(preset: Preset, strategy: Strategy, data: Clips, folder: Path) -> Scorer:
    """Train, export, and score with the integer model; beside it, with the same network in floating point."""
    trained = two_phases(preset, data, folder, strategy)
    checkpoint.save(trained.network, preset, folder / "best.pt")
    draw_curves(trained.epochs, folder / "curves.png")
    reference = Reference.load(export(trained.network, preset, folder / "export", trained=True) / "model.npz")
    in_float = torch_scorer(trained.warm, preset)
    history = {phase: epochs[-1]["train_accuracy"] for phase, epochs in trained.epochs.items() if epochs}

    def score(sample: Sample) -> Row:
        beside: Row = {"float_scores": in_float(sample)["scores"], "train_accuracy": history}
        return {**judge(reference, sample).row(), **beside}

    return score


def summarize(rows: Sequence[Row], preset: Preset, classes: Sequence[str]) -> dict[str, Any]:
    """The pooled figures of out-of-fold `rows`: of all clips, and once more without the sources that the preset sets
    apart. `accuracy` and its like are at a threshold chosen on the other folds alone."""
    figures = {"all": _figures(rows, preset, classes)}
    apart = [row for row in rows if row["source"] not in preset.data.apart]
    if 0 < len(apart) < len(rows):
        figures["without " + " and ".join(preset.data.apart)] = _figures(apart, preset, classes)
    return figures


def _figures(rows: Sequence[Row], preset: Preset, classes: Sequence[str]) -> dict[str, Any]:
    alarm = preset.alarm.classes
    table = metrics.judged(rows, classes, alarm)
    threshold = choose_threshold(rows, preset, classes) if alarm else 0.5
    figures: dict[str, Any] = {**metrics.summary(table, classes, alarm, threshold)}
    folds = sorted({row["fold"] for row in rows})
    by_fold = [[row for row in table if row["fold"] == fold] for fold in folds]
    figures["top1_by_fold"] = [float(np.mean([r["label"] == r["guess"] for r in part])) for part in by_fold]
    if not alarm:
        return figures
    positive, scores = metrics.alarm_columns(rows, classes, alarm)
    sources = [row["source"] for row in rows]
    others = [choose_threshold([r for r in rows if r["fold"] != fold], preset, classes) for fold in folds]
    raised = np.array([s >= others[folds.index(r["fold"])] for r, s in zip(rows, scores, strict=True)]).astype(float)
    figures |= metrics.at_threshold(positive, raised, 0.5)
    figures["accuracy_ci95"] = metrics.interval(lambda p, r: float((p == (r > 0)).mean()), sources, positive, raised)
    figures["accuracy_at_half_ci95"] = metrics.interval(
        lambda p, s: float((p == (s >= 0.5)).mean()), sources, positive, scores
    )
    figures["auc_by_fold"] = [metrics.auc(*metrics.alarm_columns(part, classes, alarm)) for part in by_fold]
    _, in_float = metrics.alarm_columns([{**row, "scores": row["float_scores"]} for row in rows], classes, alarm)
    figures["float_auc"] = metrics.auc(positive, in_float)
    figures["quantized_minus_float_auc"] = metrics.auc_difference(positive, scores, in_float)
    figures["quantized_minus_float_auc_ci95"] = metrics.interval(
        metrics.auc_difference, sources, positive, scores, in_float
    )
    return figures


def choose_threshold(rows: Sequence[Row], preset: Preset, classes: Sequence[str]) -> float:
    """The alarm's threshold by the preset's rule (shiftcore.quant.preset.Choose), on the scores of `rows`."""
    rule, value = preset.alarm.choose.rule
    positive, scores = metrics.alarm_columns(rows, classes, preset.alarm.classes)
    if rule == "recall":
        return metrics.for_recall(positive, scores, value)
    if rule == "false_alarms_per_hour":
        calm = [row for row, raises in zip(rows, positive, strict=True) if not raises]
        rate = partial(false_alarms_per_hour, calm, preset)
        return metrics.for_false_alarms(rate, np.concatenate([row["window"] for row in rows]), value)
    return metrics.best_f_beta(positive, scores, value)


def false_alarms_per_hour(calm: Sequence[Row], preset: Preset, threshold: float) -> float:
    """How many alarms an hour the runtime raises at `threshold` on clips with nothing to raise it for."""
    settings = parsed(AlarmSettings, preset.alarm.at(threshold).model_dump(mode="json"))
    alarms = 0
    for row in calm:
        alarm = Alarm(settings)
        for seconds, score in zip(row["times"], row["window"], strict=True):
            alarms += sum(change.begin for change in alarm.update(seconds, score, ""))
    return 3600 * alarms / sum(row["seconds"] for row in calm)


def add_floor(figures: dict[str, Any], preset: Preset, dataset: Dataset) -> None:
    """Put beside the figures of each part what its labels can be told by without looking (flow.data_report)."""
    read, _ = layouts.read_each(dataset.samples, examine, "bias floor", dataset.missing)
    for name, part in figures.items():
        facts = [fact for _, fact in read if name == "all" or fact.sample.source not in preset.data.apart]
        samples = [fact.sample for fact in facts]
        floor = bias_floor(Dataset(dataset.layout, samples, dataset.sources_known), facts)["all of these"]
        part |= {f"floor_{key}": value for key, value in floor.items()}


def final_network(
    preset: Preset, strategy: Strategy, dataset: Dataset, folder: Path, threshold: float | None
) -> ReducedTSM:
    """Train on all clips and save the weights with `threshold` where `make export` finds them."""
    begin(folder, recipe_key(preset, strategy, fingerprint(dataset.samples)))
    print(f"final network: all {len(dataset.samples)} clips teach")
    clips = video_clips(preset, dataset.classes, dataset.samples, ())
    trained = two_phases(preset, clips, folder, strategy)
    draw_curves(trained.epochs, folder / "curves.png")
    checkpoint.save(trained.network, preset, checkpoint.trained_path(preset), threshold)
    return trained.network


def main(
    preset: Annotated[str, typer.Option(help="a shipped preset, or a TOML file")],
    data: Annotated[Path, typer.Option(help="labelled videos, laid out as docs/data.md shows")],
) -> None:
    """Cross-validate PRESET on the videos in DATA, then train it on all of them; goes on where it was interrupted."""
    settings = load_preset(preset)
    folder, strategy = settings.build / "crossval", own(settings)
    with lock(folder), lock(settings.build / "qat"):
        whole = layouts.read(data)
        classes = whole.classes
        check_alarm(settings, classes)
        dataset = usable(settings, whole)
        stamp = digest(strategy.stamp(), code("shiftcore.flow.crossval"))
        rows = out_of_fold(settings, data, dataset, partial(train_fold, settings, strategy), folder, stamp)
        figures, alarm = summarize(rows, settings, classes), settings.alarm.classes
        add_floor(figures, settings, whole)
        threshold = choose_threshold(rows, settings, classes) if alarm else None
        about = {"preset": settings.name, "data": data.resolve().name, "classes": classes}
        report = without_nan(about | {"threshold": threshold, "figures": figures})
        write_json(folder / "metrics.json", report)
        write_json(folder / "predictions.json", rows)
        Console().print(table(figures, settings))
        network = final_network(settings, strategy, dataset, folder / "final", threshold)
        write_card(folder / "model-card.md", settings, report, trained_parameters(network))
        if alarm:
            positive, scores = metrics.alarm_columns(rows, classes, alarm)
            write_picture(folder / "crossval.png", positive, scores, [r["fold"] for r in rows], figures["all"]["auc"])
    print(f"weights: {checkpoint.trained_path(settings)}\ncard: {folder / 'model-card.md'}")
    print(f"figures: {folder / 'metrics.json'}")


def table(figures: dict[str, Any], preset: Preset) -> Table:
    """The pooled figures for a terminal."""
    view = Table("out-of-fold, integer model", *figures, title=f"{preset.name}, {FOLDS} folds by source")
    for name, cells in lines(figures):
        view.add_row(name.replace("*", ""), *cells)
    return view
