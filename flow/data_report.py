# SPDX-License-Identifier: BSD-3-Clause
"""`make data-report`: what is in a folder of labelled videos, and how much of the labels can be told without looking
(flow.bias)."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from shiftcore.artifacts import build_folder, write_json
from shiftcore.errors import UserError
from shiftcore.flow import page
from shiftcore.flow.bias import Facts, bias_floor, examine
from shiftcore.quant import layouts
from shiftcore.quant.layouts import Dataset

SHEET_COLUMNS = 6
NEAR_BITS = 6  # of 192: signatures that differ in no more count as the same video


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
