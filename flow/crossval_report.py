# SPDX-License-Identifier: BSD-3-Clause
"""What `make crossval` leaves for people: the model card and a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from shiftcore.artifacts import atomic_file
from shiftcore.flow import machine, page
from shiftcore.quant import metrics
from shiftcore.quant.cross_validation import FOLDS
from shiftcore.quant.preset import Preset

LINES = (
    ("clips", "n", "d"),
    ("sources", "sources", "d"),
    ("**AUC**", "auc", ".3f"),
    ("AUC of the same networks in floating point", "float_auc", ".3f"),
    ("quantized minus floating point", "quantized_minus_float_auc", "+.3f"),
    ("**accuracy at 0.5**", "accuracy_at_half", ".1%"),
    ("accuracy at the chosen threshold", "accuracy", ".1%"),
    ("precision there", "precision", ".1%"),
    ("recall there", "recall", ".1%"),
    ("F1 there", "f1", ".3f"),
    ("right class", "top1", ".1%"),
    ("right class among the first five", "top5", ".1%"),
    ("bias floor: AUC", "floor_auc", ".3f"),
    ("bias floor: accuracy", "floor_accuracy", ".1%"),
)


def lines(figures: dict[str, dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """The figures as a table: a name, and a cell for each part of the data; what no part has is left out."""
    table = []
    for name, key, form in LINES:
        if any(part.get(key) is None for part in figures.values()):
            continue
        if key == "top5" and any(len(part["per_class"]) < 5 for part in figures.values()):
            continue
        cells = []
        for part in figures.values():
            low, high = part.get(f"{key}_ci95") or (None, None)
            interval = f" ({low:{form}} to {high:{form}})" if low is not None else ""
            cells.append(f"{part[key]:{form}}{interval}")
        table.append((name, cells))
    return table


GUARD_HEAD = ("", "hours without an event", "false alarms an hour", "events", "found", "within 3 s", "median delay, s")


def guard_lines(alarms: dict[str, dict[str, Any]]) -> list[list[str]]:
    """What a guard would feel, a line of cells (`GUARD_HEAD`) for each part of the data: out of fold, then left out."""
    named = [(f"**{name}**" if name == "all" else name, part) for name, part in alarms["out_of_fold"].items()]
    named += [(f"{name}, left out as a whole", part) for name, part in alarms["left_out"].items()]
    return [[name, *_felt(part)] for name, part in named]


def _felt(part: dict[str, Any]) -> list[str]:
    rate, share, soon = part["false_alarms_per_hour"], part["found_share"], part["found_within_3_s_share"]
    delay = part["delay_s_median"]
    return [
        f"{part['hours']:.3f}",
        "" if rate is None else "{:.1f} ({:.1f} to {:.1f})".format(rate, *part["false_alarms_ci95"]),
        f"{part['events']}",
        "" if share is None else "{:.0%} ({:.0%} to {:.0%})".format(share, *part["found_ci95"]),
        "" if soon is None else f"{soon:.0%}",
        "" if delay is None else f"{delay:.1f}",
    ]


_RECIPE = ("data", "augmentation", "training")
TOLD_HEAD = ("class", "clips", "told right", "of those told so, right", "most often taken for")


def told_lines(figures: metrics.Summary, classes: Sequence[str]) -> list[list[str]]:
    """How each of `classes` is told, a line of cells (`TOLD_HEAD`) each, of the `figures` of one part of the data."""
    table = []
    for name, row in zip(classes, figures["confusion"], strict=True):
        each = figures["per_class"][name]
        wrong = [(count, other) for other, count in zip(classes, row, strict=True) if other != name and count]
        count, other = max(wrong, key=lambda pair: pair[0], default=(0, ""))
        shares = [f"{each['recall']:.0%}", f"{each['precision']:.0%}"]
        table.append([name, str(each["n"]), *shares, f"{other} ({count})" if other else ""])
    return table


def write_card(path: Path, preset: Preset, report: dict[str, Any], parameters: int) -> None:
    """The model card in Markdown. `report`: what metrics.json holds."""
    figures, about = report["figures"], machine.describe()
    name, value = preset.alarm.choose.rule
    rules = {
        "f_beta": f"the best F-beta of beta {value:g}",
        "recall": f"the highest that finds {value:.0%} of what should raise it",
        "false_alarms_per_hour": f"the lowest of no more than {value:g} false alarms an hour",
    }
    everything = figures["all"]
    page.write(
        path,
        "model_card.md.j2",
        preset=preset,
        parameters=parameters,
        classes=report["classes"],
        date=about["date"],
        cores=about["machine"]["cores"],
        cpu=about["machine"]["cpu"],
        told=[] if report["alarms"] else told_lines(everything, report["classes"]),
        told_head=TOLD_HEAD,
        folds=FOLDS,
        test=preset.data.test,
        by_fold_top1=", ".join(f"{share:.1%}" for share in everything["top1_by_fold"]),
        guard=guard_lines(report["alarms"]) if report["alarms"] else [],
        guard_head=GUARD_HEAD,
        parts=list(figures),
        table=lines(figures),
        by_fold=", ".join(f"{auc:.3f}" for auc in everything.get("auc_by_fold", [])),
        threshold=report["threshold"],
        rule=rules[name],
        data=report["data"],
        clips=everything["n"],
        sources=everything["sources"],
        recipe=_recipe(preset),
    )


def _recipe(preset: Preset) -> list[tuple[str, str]]:
    """The tables of the preset that say how it learned, each in a line."""
    tables = {key: getattr(preset, key).model_dump(mode="json", exclude={"together"}) for key in _RECIPE}
    return [(key, ", ".join(f"{name} = {value}" for name, value in values.items())) for key, values in tables.items()]


def write_picture(path: Path, positive: np.ndarray, scores: np.ndarray, folds: Sequence[str], auc: float) -> None:
    """The ROC of all clips and of each fold, and how the scores of the two kinds lie."""
    figure = Figure((10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for fold in sorted(set(folds)):
        part = np.array(folds) == fold
        left.plot(*metrics.roc(positive[part], scores[part]), color="silver", linewidth=1)
    left.plot(*metrics.roc(positive, scores), color="C0", linewidth=2, label=f"all folds: AUC {auc:.3f}")
    left.plot([0, 1], [0, 1], color="gray", linestyle=":")
    left.set(xlabel="false alarms, share of calm clips", ylabel="found, share of those to find")
    left.legend(loc="lower right")
    edges = np.linspace(0, 1, 21).tolist()
    right.hist(scores[~positive], edges, alpha=0.6, label="nothing to raise the alarm for")
    right.hist(scores[positive], edges, alpha=0.6, label="something")
    right.set(xlabel="score of the clip", ylabel="clips")
    right.legend()
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=100)
