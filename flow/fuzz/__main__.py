# SPDX-License-Identifier: BSD-3-Clause
"""`make fuzz`: cases one after the other until stopped. What fails is kept as a file that `make fuzz CASE=file` runs
again; moved to tests/chain/cases it is a test for good.

    build/fuzz/report.json, report.txt    what became of all cases of all fuzzers
    build/fuzz/failed/NAME.json, .log     the cases that failed
    build/fuzz/runs/SEED.jsonl            a line a case, from which a fuzzer goes on
    build/fuzz/work/NAME                  the case that is running

Several fuzzers may run side by side, each with a seed of its own.
"""

import json
import shutil
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from shiftcore.artifacts import build_folder, lock
from shiftcore.flow.fuzz import report, watch
from shiftcore.flow.fuzz.case import Case, dimensions, read, write
from shiftcore.flow.fuzz.draw import draw

SPACING = 1_000_000  # from the cases of one seed to those of the next


def work_folder() -> Path:
    """Where failed cases, logs and the history are kept."""
    return build_folder() / "fuzz"


class _Run:
    """The cases of one seed in order, and what became of those that were run."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.path = work_folder() / "runs" / f"{seed}.jsonl"
        text = self.path.read_text() if self.path.is_file() else ""
        whole = text[: text.rfind("\n") + 1]  # a kill may have cut the last line short
        if whole != text:
            self.path.write_text(whole)
        self.done = whole.count("\n")

    def next(self) -> Case:
        """The first case that was not run yet."""
        return draw(self.seed * SPACING + self.done)

    def note(self, case: Case, result: dict[str, Any]) -> None:
        """Keep what became of `case`, and the case itself where it failed."""
        if result["outcome"] == "failed":
            _keep(case, result["detail"])
        with open(self.path, "a") as lines:
            lines.write(json.dumps({"name": case.name, **result, "dimensions": dimensions(case)}) + "\n")
        self.done += 1


def _work(case: Case) -> Path:
    return work_folder() / "work" / case.name


def _keep(case: Case, detail: str) -> None:
    kept = work_folder() / "failed" / f"{case.name}.json"
    write(case.model_copy(update={"detail": detail}), kept)
    shutil.copyfile(_work(case) / "log", kept.with_suffix(".log"))


def _say(case: Case, result: dict[str, Any], console: Console) -> None:
    text = f"{case.name}: {result['outcome']} in {result['seconds']:.0f} s  {result.get('detail', '')}"
    console.print(text, markup=False, highlight=False)
    if result["outcome"] == "failed":
        console.print(f"  kept: {work_folder() / 'failed' / case.name}.json", markup=False, highlight=False)


def _again(path: Path, console: Console) -> bool:
    """Run a saved case; whether it failed. Its folder stays, to look at."""
    case = read(path)
    result = watch.run(case, _work(case))
    console.print(result)
    console.print(f"its log and build folder: {_work(case)}", highlight=False)
    return bool(result["outcome"] == "failed")


def _go_on(run: _Run, networks: int, seconds: float, console: Console) -> bool:
    """Run cases until there are as many as asked for, or the time is up; whether any failed."""
    end = time.monotonic() + seconds if seconds else float("inf")
    count, failed = 0, False
    while time.monotonic() < end and (not networks or count < networks):
        case = run.next()
        try:
            with console.status(f"{case.name}: {json.dumps(case.preset['network'])}"):
                result = watch.run(case, _work(case))
            run.note(case, result)
        finally:
            shutil.rmtree(_work(case), ignore_errors=True)
        count, failed = count + 1, failed or result["outcome"] == "failed"
        _say(case, result, console)
        report.write(work_folder())
    return failed


def main(
    seed: Annotated[int, typer.Option(min=0, help="goes on where the last run of this seed stopped")] = 0,
    networks: Annotated[int, typer.Option(min=0, help="stop after so many; 0: go on")] = 0,
    minutes: Annotated[float, typer.Option(min=0, help="start no more after so long; 0: go on")] = 0,
    case: Annotated[Path | None, typer.Option(help="run this saved case again, and nothing else")] = None,
) -> None:
    """Run random networks through everything until stopped; keep what goes wrong as cases."""
    console = Console()
    if case:
        raise typer.Exit(_again(case, console))
    with lock(work_folder() / "locks" / str(seed)):
        run = _Run(seed)
        run.path.parent.mkdir(parents=True, exist_ok=True)
        failed = _go_on(run, networks, 60 * minutes, console)
    report.show(report.write(work_folder()), console)
    console.print(f"report: {work_folder() / 'report.json'}", highlight=False)
    raise typer.Exit(failed)
