# SPDX-License-Identifier: BSD-3-Clause
"""`make data-report`: what is in a folder of labelled videos, and how much of the labels can be told without looking.

The bias floor: a linear classifier that sees only a video's size, rate, length, brightness, or how much moves, tested
on sources it has not seen. A network has learned the action only where it does better than that.

The classifier and the signatures are some lines each, written out: scikit-learn and imagehash, which have them as well,
would be two dependencies for nothing else.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table
from scipy.optimize import minimize  # type: ignore[import-untyped]
from scipy.special import log_softmax, softmax  # type: ignore[import-untyped]

from shiftcore.artifacts import build_folder, write_json
from shiftcore.errors import UserError
from shiftcore.flow import page
from shiftcore.flow.thumbnail import thumbnail
from shiftcore.model import video
from shiftcore.model.preprocess import gray
from shiftcore.quant import layouts, metrics, splits
from shiftcore.quant.frames import content
from shiftcore.quant.layouts import Dataset, Sample

SHEET_COLUMNS = 6
FOLDS = 5
SIGNATURE_PX = 8  # a video's signature: this many pixels a side of three frames, above or below their mean
NEAR_BITS = 6  # of 192: signatures that differ in no more count as the same video


@dataclass
class Facts:
    """What is known of one video without understanding it. `motion`: mean absolute change of a gray level from one
    frame to the next, on 32x32 pixels; `signature`: bits of what it looks like; `picture`: a frame one second in."""

    sample: Sample
    width: int
    height: int
    rate: float
    frames: int
    brightness: float
    contrast: float
    motion: float
    digest: str
    signature: np.ndarray
    picture: str

    @property
    def seconds(self) -> float:
        return self.frames / self.rate


def examine(sample: Sample) -> Facts:
    """Decode a video and measure it. Raises UserError for one that cannot be read."""
    rate = video.rate(sample.path)
    small, size, seen = [], (0, 0), None
    for index, image in enumerate(video.frames(sample.path)):
        size = image.shape[1], image.shape[0]
        small.append(np.asarray(Image.fromarray(gray(image)).resize((32, 32), Image.Resampling.BOX), np.float32))
        seen = image if index <= rate else seen  # by then what fades in or starts up has done so
    grays = np.stack(small)
    assert seen is not None
    return Facts(
        sample,
        *size,
        rate,
        len(grays),
        float(grays.mean()),
        float(grays.std(axis=(1, 2)).mean()),
        float(np.abs(np.diff(grays, axis=0)).mean()) if len(grays) > 1 else 0.0,
        content(sample.path),
        _signature(grays),
        thumbnail(seen),
    )


def _signature(grays: np.ndarray) -> np.ndarray:
    """Mean hashes (as perceptual hashing calls them) of the first, middle and last frame: bool `[3 * 64]`."""
    chosen = grays[[0, len(grays) // 2, -1]].reshape(3, SIGNATURE_PX, 4, SIGNATURE_PX, 4).mean((2, 4))
    return (chosen > chosen.mean((1, 2), keepdims=True)).reshape(-1)


def duplicates(facts: Sequence[Facts]) -> list[tuple[Facts, Facts, str]]:
    """Pairs of videos that are the same file, or look the same at their beginning, middle and end."""
    signatures = np.stack([fact.signature for fact in facts])
    pairs = []
    for index, first in enumerate(facts):
        differing = (signatures[index + 1 :] != signatures[index]).sum(1)
        for second, bits in zip(facts[index + 1 :], differing, strict=True):
            if first.digest == second.digest:
                pairs.append((first, second, "same file"))
            elif bits <= NEAR_BITS:
                pairs.append((first, second, "look alike"))
    return pairs


def features(facts: Sequence[Facts]) -> dict[str, np.ndarray]:
    """What each bias classifier sees, `[videos, values]`."""
    size = np.array([[f.width, f.height, f.width / f.height] for f in facts])
    shapes = sorted({(f.width, f.height) for f in facts})
    which = np.array([[(f.width, f.height) == shape for shape in shapes] for f in facts], float)
    length = np.array([[f.rate, f.frames, f.seconds] for f in facts])
    light = np.array([[f.brightness, f.contrast] for f in facts])
    motion = np.array([[f.motion, np.log(f.motion + 0.1)] for f in facts])
    sets = {"size": np.hstack([size, which]), "rate and length": length, "brightness": light, "motion": motion}
    return sets | {"all of these": np.hstack(list(sets.values()))}


def bias_floor(dataset: Dataset, facts: Sequence[Facts]) -> dict[str, dict[str, Any]]:
    """How well each set of `features` tells the labels of unseen sources: accuracy and (mean one-against-the-rest) AUC,
    pooled over five folds by source, with 95 % intervals over sources. Raises UserError as `splits.folds`."""
    labelled = [fact for fact in facts if fact.sample.label is not None]
    known = {fact.sample: index for index, fact in enumerate(labelled)}
    parts = splits.folds(Dataset(dataset.layout, list(known), dataset.sources_known), FOLDS)
    labels = np.array([dataset.classes.index(str(fact.sample.label)) for fact in labelled])
    sources = [fact.sample.source for fact in labelled]
    result: dict[str, dict[str, Any]] = {
        "the largest class": {"accuracy": float(np.bincount(labels).max() / len(labels)), "auc": 0.5}
    }
    for name, values in features(labelled).items():
        guesses = np.zeros((len(labelled), len(dataset.classes)))
        for part in parts:
            held = np.array([known[sample] for sample in part])
            teach = np.setdiff1d(np.arange(len(labelled)), held)
            guesses[held] = _softmax_regression(values[teach], labels[teach], values[held], len(dataset.classes))
        right = guesses.argmax(1) == labels
        result[name] = {
            "accuracy": float(right.mean()),
            "accuracy_ci95": metrics.interval(lambda hits: float(hits.mean()), sources, right),
            "auc": _mean_auc(labels, guesses),
            "auc_ci95": metrics.interval(_mean_auc, sources, labels, guesses),
        }
    return result


def _mean_auc(labels: np.ndarray, guesses: np.ndarray) -> float:
    each = [metrics.auc(labels == index, guesses[:, index]) for index in range(guesses.shape[1])]
    return float(np.nanmean(each)) if not np.isnan(each).all() else float("nan")


def _softmax_regression(teach: np.ndarray, labels: np.ndarray, held: np.ndarray, classes: int) -> np.ndarray:
    """Probabilities `[held, classes]` of a linear softmax classifier with a ridge of 1 on standardized values."""
    mean, deviation = teach.mean(0), teach.std(0) + 1e-9
    teach, held = ((values - mean) / deviation for values in (teach, held))
    teach, held = (np.hstack([values, np.ones((len(values), 1))]) for values in (teach, held))

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(-1, classes)
        logs = log_softmax(teach @ weights, axis=1)
        slope = np.exp(logs)
        slope[np.arange(len(labels)), labels] -= 1
        gradient = teach.T @ slope + weights
        return float(-logs[np.arange(len(labels)), labels].sum() + (weights**2).sum() / 2), gradient.reshape(-1)

    found = minimize(loss, np.zeros(teach.shape[1] * classes), jac=True, method="L-BFGS-B")
    return np.asarray(softmax(held @ found.x.reshape(-1, classes), axis=1))


def summarize(dataset: Dataset, facts: Sequence[Facts]) -> dict[str, Any]:
    """Counts, ranges, duplicates and the bias floor, as the report's JSON has them."""
    per_class = {}
    groups = defaultdict(list)
    for fact in facts:
        groups[fact.sample.label or "(no label)"].append(fact)
    for name, members in sorted(groups.items()):
        per_class[name] = {
            "clips": len(members),
            "sources": len({fact.sample.source for fact in members}),
            "seconds": [round(float(q), 2) for q in np.quantile([fact.seconds for fact in members], [0, 0.5, 1])],
            "sizes": dict(Counter(f"{fact.width}x{fact.height}" for fact in members).most_common()),
            "rates": dict(Counter(f"{fact.rate:.4g}" for fact in members).most_common()),
        }
    twins = [
        {
            "clips": [str(first.sample.path.name), str(second.sample.path.name)],
            "why": why,
            "labels_agree": first.sample.label == second.sample.label,
            "sources_agree": first.sample.source == second.sample.source,
        }
        for first, second, why in duplicates(facts)
    ]
    report = {"layout": dataset.layout, "sources_known": dataset.sources_known, "classes": per_class}
    report |= {"missing": dataset.missing, "duplicates": twins}
    try:
        report["bias_floor"] = bias_floor(dataset, facts)
    except UserError as error:
        report["bias_floor"] = None
        report["no_bias_floor_because"] = str(error)
    return report


def tables(report: dict[str, Any]) -> list[Table]:
    """The report for a terminal."""
    classes = Table("class", "clips", "sources", "seconds", "sizes", title=f"read as {report['layout']}")
    for name, entry in report["classes"].items():
        low, middle, high = entry["seconds"]
        sizes = ", ".join(f"{count} x {size}" for size, count in list(entry["sizes"].items())[:3])
        more = ", ..." if len(entry["sizes"]) > 3 else ""
        classes.add_row(
            name, str(entry["clips"]), str(entry["sources"]), f"{low:g} to {high:g} ({middle:g})", sizes + more
        )
    floor = Table("what is seen", "accuracy", "AUC", title="bias floor: the labels, told without looking")
    for name, entry in (report["bias_floor"] or {}).items():
        cells = []
        for key, form in (("accuracy", ".1%"), ("auc", ".3f")):
            low, high = entry.get(f"{key}_ci95", (None, None))
            cells.append(format(entry[key], form) + (f"  ({low:{form}} to {high:{form}})" if low is not None else ""))
        floor.add_row(name, *cells)
    return [classes, floor] if report["bias_floor"] else [classes]


def write_page(path: Path, name: str, report: dict[str, Any], facts: Sequence[Facts]) -> None:
    """The report with a contact sheet, as one HTML file. The sheet shows as many sources of a class as it has room
    for, before it shows a second clip of any."""
    sheets: dict[str, list[Facts]] = {}
    for label in report["classes"]:
        members = [fact for fact in facts if (fact.sample.label or "(no label)") == label]
        seen: Counter[str] = Counter()
        order: list[tuple[int, int, Facts]] = []
        for fact in members:
            order.append((seen[fact.sample.source], len(order), fact))
            seen[fact.sample.source] += 1
        sheets[label] = [fact for _, _, fact in sorted(order, key=lambda item: item[:2])[: 2 * SHEET_COLUMNS]]
    page.write(path, "data_report.html", name=name, report=report, sheets=sheets)


def main(data: Annotated[Path, typer.Option(help="videos, laid out as docs/data.md shows")]) -> None:
    """Say what is in the videos of DATA, and how much of their labels can be told without looking."""
    dataset = layouts.read(data)
    read, skipped = layouts.read_each(dataset.samples, examine, "videos")
    facts = [fact for _, fact in read]
    if not facts:
        raise UserError(f"{data}: not one of {len(dataset.samples)} videos could be read")
    report = summarize(dataset, facts) | {"unreadable": skipped}
    console = Console()
    for table in tables(report):
        console.print(table)
    if report["bias_floor"] is None:
        print(f"no bias floor: {report['no_bias_floor_because']}")
    if not dataset.sources_known:
        print("this layout does not say which clips share a scene: every figure may be too good (docs/data.md)")
    twins = report["duplicates"]
    if twins:
        contradictory = sum(not pair["labels_agree"] for pair in twins)
        crossing = sum(not pair["sources_agree"] for pair in twins)
        print(f"{len(twins)} pairs of equal videos; {contradictory} with other labels, {crossing} with other sources")
    folder = build_folder() / "data-report" / data.resolve().name
    write_json(folder / "report.json", report)
    write_page(folder / "report.html", data.resolve().name, report, facts)
    print(f"figures: {folder / 'report.json'}\npage: {folder / 'report.html'}")
