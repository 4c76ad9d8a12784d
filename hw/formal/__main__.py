# SPDX-License-Identifier: BSD-3-Clause
"""Prove the RTL: `shiftcore formal`, one process a core, two at most; what was proven and did not change is kept."""

import itertools
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from shiftcore import process
from shiftcore.artifacts import build_folder, write_json
from shiftcore.errors import UserError
from shiftcore.hw.formal import prover
from shiftcore.hw.formal.block import Block
from shiftcore.hw.formal.proofs import blocks, ours
from shiftcore.hw.formal.prover import Job, Kind, Outcome

WORKERS = min(2, os.cpu_count() or 1)


def run_all(jobs: Iterable[Job], console: Console) -> dict[Job, Outcome]:
    """Run the jobs, WORKERS at a time; failures are told at once."""
    todo, outcomes = list(jobs), {}
    with Progress(console=console, transient=True) as progress, ThreadPoolExecutor(WORKERS) as pool:
        bar = progress.add_task("proofs", total=len(todo))
        futures = {pool.submit(prover.run, job): job for job in todo}
        try:
            for future in as_completed(futures):
                outcome = outcomes[futures[future]] = future.result()
                progress.update(bar, advance=1, description=outcome.name)
                if not outcome.good:
                    folder = build_folder() / "formal" / outcome.name
                    console.print(f"{outcome.name}: {outcome.said} ({folder})", markup=False, soft_wrap=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            process.stop()
            raise
    return {job: outcomes[job] for job in todo}


def _depth(block: Block) -> str:
    if not block.properties:
        return ""
    return "ever" if block.depth is None else f"{block.depth} cycles"


def _summary(kind: Kind, outcomes: list[Outcome]) -> str:
    """What the report says of a block's jobs of one kind."""
    if not outcomes:
        return ""
    good = sum(outcome.good for outcome in outcomes)
    if kind == "mutant":
        return f"{good} of {len(outcomes)}"
    if good < len(outcomes):
        return "FAILED"
    return "none" if kind == "ready_to_valid" else str(sum(outcome.statements for outcome in outcomes))


def report(outcomes: dict[Job, Outcome]) -> Table:
    """One row a block: parameter sets, assertions proven, for how long, covers reached, paths from ready to valid,
    mutants found, seconds."""
    view = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("block", "sets", "proven", "for", "covered", "paths", "mutants", "s"):
        view.add_column(column, justify="left" if column == "block" else "right", no_wrap=True)
    for block, group in itertools.groupby(outcomes, lambda job: job.block):
        mine = list(group)
        by_kind: dict[Kind, list[Outcome]] = {kind: [] for kind in ("prove", "cover", "ready_to_valid", "mutant")}
        for job in mine:
            by_kind[job.kind].append(outcomes[job])
        cells = {kind: _summary(kind, done) for kind, done in by_kind.items()}
        proven = _depth(block) if cells["prove"] not in ("", "FAILED") else ""
        seconds = sum(outcomes[job].seconds for job in mine)
        sets = str(len(block.parameters))
        view.add_row(
            block.name,
            sets,
            cells["prove"],
            proven,
            cells["cover"],
            cells["ready_to_valid"],
            cells["mutant"],
            f"{seconds:.0f}",
        )
    return view


def markdown() -> str:
    """The blocks, claims, depths and mutants as docs/formal.md shows them."""
    lines = ["| block | claim | parameter sets | proven for | defects that it must find |", "|---|---|---|---|---|"]
    for name, block in ours().items():
        sets = "<br>".join(", ".join(f"{key} {value}" for key, value in row.items()) for row in block.parameters)
        defects = "<br>".join(mutant.defect for mutant in block.mutants)
        lines.append(f"| `{name}` | {block.claim} | {sets} | {_depth(block)} | {defects} |")
    return "\n".join(lines) + "\n"


def main(
    block: Annotated[list[str] | None, typer.Option(help="only this block (may be given more than once)")] = None,
    table: Annotated[bool, typer.Option("--table", help="print the table of docs/formal.md and prove nothing")] = False,
) -> None:
    """Prove the properties of our RTL blocks and show that the proofs are not empty."""
    if table:
        print(markdown(), end="")
        return
    known = blocks()
    for name in block or ():
        if name not in known:
            raise UserError(f"--block {name}: no such block; there are {', '.join(known)}")
    console = Console()
    outcomes = run_all((job for name in block or known for job in prover.jobs(known[name])), console)
    write_json(build_folder() / "formal" / "report.json", [asdict(outcome) for outcome in outcomes.values()])
    console.print(report(outcomes))
    if failed := [outcome.name for outcome in outcomes.values() if not outcome.good]:
        raise UserError(f"{len(failed)} of {len(outcomes)} checks failed: {', '.join(failed)}")
    console.print(f"{len(outcomes)} checks passed; {build_folder() / 'formal' / 'report.json'}", soft_wrap=True)
