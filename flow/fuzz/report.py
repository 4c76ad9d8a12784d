# SPDX-License-Identifier: BSD-3-Clause
"""What became of all cases of all fuzzers: build/fuzz/report.json, and report.txt for a reader."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from shiftcore.artifacts import atomic_file, write_json

OUTCOMES = ("equal", "refused", "failed")


def kind(detail: str) -> str:
    """A message without what is the single case's own: numbers, paths, boards."""
    text = re.sub(r"/\S+", "PATH", detail.split("\n", maxsplit=1)[0])
    text = re.sub(r"\b(pynq-z\d|kv260|zcu104|ultra96-v2)\b", "BOARD", text)
    return re.sub(r"\d[\d,]*(\.\d+)?", "#", text)[:160]


def _entries(runs: Path) -> Iterator[dict[str, Any]]:
    """The entries of all runs, one at a time. A line that a kill has cut short is none."""
    for path in sorted(runs.glob("*.jsonl")):
        with open(path) as lines:
            for line in lines:
                if line.endswith("\n"):
                    yield json.loads(line)


def summarize(entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The report of `entries`: cases by outcome, refusals and failures by kind, coverage by dimension, seconds."""
    outcomes: Counter[str] = Counter()
    kinds: dict[str, Counter[str]] = {"refused": Counter(), "failed": Counter()}
    coverage: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    seconds: Counter[str] = Counter()
    stages: dict[str, list[float]] = defaultdict(list)
    failed, memory = [], 0
    for entry in entries:
        outcome = entry["outcome"]
        outcomes[outcome] += 1
        seconds[outcome] += entry["seconds"]
        memory = max(memory, entry["memory_mib"])
        if outcome in kinds:
            kinds[outcome][kind(entry["detail"])] += 1
        if outcome == "failed":
            failed.append({"case": entry["name"], "detail": entry["detail"][:300]})
        for dimension, value in entry["dimensions"].items():
            coverage[dimension][value][outcome] += 1
        for stage, took in entry.get("stages", {}).items():
            stages[stage].append(took)
    {name: {value: dict(values[value]) for value in sorted(values)} for name, values in coverage.items()}
    return {
        "cases": outcomes.total(),
        "outcomes": {outcome: outcomes[outcome] for outcome in OUTCOMES},
        "seconds": {outcome: round(seconds[outcome]) for outcome in OUTCOMES},
        "seconds_by_stage": {stage: round(sum(took) / len(took), 1) for stage, took in stages.items()},
        "most_memory_mib": memory,
        "refused": dict(kinds["refused"].most_common()),
        "failed": dict(kinds["failed"].most_common()),
        "failures": failed,
        "coverage": {
            name: {value: dict(values[value]) for value in sorted(values)} for name, values in coverage.items()
        },
    }


def write(folder: Path) -> dict[str, Any]:
    """Write report.json and report.txt of all runs into `folder`; returns the report."""
    report = summarize(_entries(folder / "runs"))
    write_json(folder / "report.json", report)
    with atomic_file(folder / "report.txt") as temporary, open(temporary, "w") as text:
        show(report, Console(file=text, width=120))
    return report


def show(report: dict[str, Any], console: Console) -> None:
    """The report as a person reads it."""
    counts = ", ".join(f"{report['outcomes'][outcome]} {outcome}" for outcome in OUTCOMES)
    console.print(f"{report['cases']} cases: {counts}; {sum(report['seconds'].values()) / 60:.0f} minutes")
    stages = ", ".join(f"{stage} {took:g}" for stage, took in report["seconds_by_stage"].items())
    console.print(f"seconds a case where it got so far: {stages}; at most {report['most_memory_mib']:,} MiB of memory")
    for outcome in ("failed", "refused"):
        for text, count in report[outcome].items():
            console.print(f"{outcome} {count:>4}  {text}", markup=False)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("dimension", "value", *OUTCOMES):
        table.add_column(column, justify="right" if column in OUTCOMES else "left")
    for dimension, values in report["coverage"].items():
        for index, (value, by_outcome) in enumerate(values.items()):
            numbers = [str(by_outcome.get(outcome, "")) for outcome in OUTCOMES]
            table.add_row("" if index else dimension, value, *numbers)
    console.print(table)
