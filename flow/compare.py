# SPDX-License-Identifier: BSD-3-Clause
"""`make compare`: the reduced TSM beside other networks, learned from the same clips and scored on sources that none of
them saw in training.

Everything is under `build/<preset>/compare`: a folder a network, `report.json` and `compare.png`. A network that is
finished is not trained again, as long as the preset, the clips and the code stay the same.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from shiftcore.artifacts import atomic_file, digest, lock, without_nan, write_json
from shiftcore.flow import machine
from shiftcore.options import LabelledVideos, PresetName
from shiftcore.quant import layouts, metrics, splits
from shiftcore.quant.preset import check_alarm, load_preset
from shiftcore.sources import code

THRESHOLD = 0.5
BASE = "tsm"  # what the others' AUC is compared with

Rows = Sequence[metrics.Row]


def compare(
    results: Mapping[str, Rows], classes: Sequence[str], alarm: Sequence[str], base: str = BASE
) -> dict[str, dict[str, Any]]:
    """The figures of each network, from a row a clip with `clip`, `label` (a class name), `source`, and `scores`, a
    probability for each of `classes`: those of `metrics.summary` for an alarm at 0.5, and beside those of `base`
    `top1_difference` and `auc_difference`, the network's minus that of `base`, each with `..._ci95`. Without alarm
    classes what concerns the alarm is None. Raises ValueError where networks were not scored on the same clips."""
    return {
        name: {**_figures(rows, classes, alarm), **_difference(rows, results[base], classes, alarm)}
        for name, rows in results.items()
    }


def _figures(rows: Rows, classes: Sequence[str], alarm: Sequence[str]) -> dict[str, Any]:
    return {**metrics.summary(metrics.judged(rows, classes, alarm), classes, alarm, THRESHOLD)}


def _difference(rows: Rows, base: Rows, classes: Sequence[str], alarm: Sequence[str]) -> dict[str, Any]:
    """Paired: each resample takes the same clips for both, so what makes a clip hard for both cancels."""
    if [row["clip"] for row in rows] != [row["clip"] for row in base]:
        raise ValueError("the networks were not scored on the same clips in the same order")
    keys = ("top1_difference", "auc_difference")
    if rows is base:
        return {name: None for key in keys for name in (key, f"{key}_ci95")}
    sources = [row["source"] for row in rows]
    right, base_right = (
        np.array([row["guess"] == row["label"] for row in metrics.judged(some, classes, alarm)]).astype(float)
        for some in (rows, base)
    )
    top1 = {
        "top1_difference": float((right - base_right).mean()),
        "top1_difference_ci95": metrics.interval(lambda gain: float(gain.mean()), sources, right - base_right),
    }
    if not alarm:
        return {**top1, "auc_difference": None, "auc_difference_ci95": None}
    positive, scores = metrics.alarm_columns(rows, classes, alarm)
    _, base_scores = metrics.alarm_columns(base, classes, alarm)
    return {
        **top1,
        "auc_difference": metrics.auc_difference(positive, scores, base_scores),
        "auc_difference_ci95": metrics.interval(metrics.auc_difference, sources, positive, scores, base_scores),
    }


def table(figures: dict[str, dict[str, Any]], title: str) -> Table:
    """A column a network; under a figure its 95 % interval."""
    view = Table("", *figures, title=title, title_justify="left")

    def row(name: str, key: str, form: str, scale: float = 1) -> None:
        values = [network.get(key) for network in figures.values()]
        view.add_row(name, *("" if value is None else format(value / scale, form) for value in values))

    def interval(key: str, form: str) -> None:
        ranges = [network.get(f"{key}_ci95") for network in figures.values()]
        view.add_row("  95 %", *(f"{pair[0]:{form}} to {pair[1]:{form}}" if pair else "" for pair in ranges))

    row("top-1", "top1", ".3f")
    interval("top1", ".3f")
    row("top-5", "top5", ".3f")
    row(f"top-1 - {BASE}", "top1_difference", "+.3f")
    interval("top1_difference", "+.3f")
    if any(network["auc"] is not None for network in figures.values()):
        for name, key in (("precision", "precision"), ("recall", "recall"), ("F1", "f1")):
            row(name, key, ".3f")
        row("AUC", "auc", ".3f")
        interval("auc", ".3f")
        row(f"AUC - {BASE}", "auc_difference", "+.3f")
        interval("auc_difference", "+.3f")
    row("parameters", "parameters", ",.0f")
    row("MACs a clip, M", "macs_per_clip", ",.1f", 1e6)
    row("ms a clip", "ms_per_clip", ",.1f")
    return view


def draw(path: Path, results: Mapping[str, Rows], classes: Sequence[str], alarm: Sequence[str]) -> None:
    """The ROC curve of every network in one picture; none where clips of only one kind make it undefined."""
    from matplotlib.figure import Figure

    figure = Figure((6, 5), layout="constrained")
    axes = figure.subplots()
    for name, rows in results.items():
        positive, scores = metrics.alarm_columns(rows, classes, alarm)
        if positive.all() or not positive.any():
            return
        axes.plot(*metrics.roc(positive, scores), label=f"{name}, AUC {metrics.auc(positive, scores):.3f}")
    axes.plot([0, 1], [0, 1], color="gray", linestyle=":", label="chance")
    axes.set(xlabel="false alarms, share of calm clips", ylabel="found, share of those to find")
    axes.legend(loc="lower right")
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=120)


def main(
    preset: PresetName,
    data: LabelledVideos,
) -> None:
    """Train PRESET's network and the baselines on the videos in DATA, and print what each reaches and costs."""
    from shiftcore.quant.baselines import BASELINES
    from shiftcore.quant.complexity import complexity
    from shiftcore.quant.cross_validation import out_of_fold, train_in_float
    from shiftcore.quant.data import usable

    settings = load_preset(preset)
    whole = splits.arranged(layouts.read(data), settings.data)
    classes, alarm, folder = whole.classes, settings.alarm.classes, settings.build / "compare"
    check_alarm(settings, classes)  # now, not after hours
    networks = {name: build(settings, classes) for name, build in BASELINES.items()}
    with lock(folder):
        dataset = usable(settings, whole)
        stamp = code("shiftcore.flow.compare", "shiftcore.quant.baselines")
        results = {
            name: out_of_fold(
                settings, data, dataset, train_in_float(settings, build), folder / name, digest(name, stamp)
            )
            for name, build in BASELINES.items()
        }
        figures = compare(results, classes, alarm)
        for name, network in networks.items():  # one after the other, so that times are of the same machine
            figures[name] |= dict(complexity(network, settings))
        report = {
            **machine.describe(),
            "preset": settings.name,
            "data": data.name,
            "classes": classes,
            "networks": figures,
        }
        write_json(folder / "report.json", without_nan(report))
        draw(folder / "compare.png", results, classes, alarm)
    base = figures[BASE]
    Console().print(table(figures, f"{data.name}: {base['n']} clips of {base['sources']} sources, unseen in training"))
    print(f"figures: {folder / 'report.json'}")
