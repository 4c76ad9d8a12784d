# SPDX-License-Identifier: BSD-3-Clause
"""`make timing`: static timing of a synthesized chip, by the delays of its cells and a model of its wires
(docs/timing.md)."""

from itertools import groupby
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from shiftcore.hw.boards import Board
from shiftcore.hw.estimate import Synthesized
from shiftcore.hw.timing.delays import of_board
from shiftcore.hw.timing.flat import flat
from shiftcore.hw.timing.report import CAVEAT, Report, analyse
from shiftcore.hw.toolchains import yosys

_ROWS, _PATHS = 16, 6


def chip_timing(folder: Path, board: Board, netlists: Synthesized, console: Console) -> Report:
    """The timing of a synthesized build, the chip, or the core alone where there is no chip; `folder` is its
    build/PRESET/BOARD. Raises UserError for a board whose part's delays are not known."""
    delays = of_board(board)
    with console.status("putting the parts together ...") as status:
        module = flat(netlists.design, netlists.parts, yosys.FAMILIES[board.family], folder / "timing")
        status.update("following the paths ...")
        return analyse(module, delays)


def table(report: Report, board: Board) -> Table:
    """The slowest blocks as a person reads them."""
    view = Table(title=f"Timing on {board.name} ({board.part}), ns", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("block", "worst", "levels", "cells alone", "endpoints", *(f"> {period}" for period in report.over)):
        view.add_column(column, justify="left" if column == "block" else "right", no_wrap=True)
    for row in report.blocks[:_ROWS]:
        counts = [f"{number:,}" for number in (row.endpoints, *row.over.values())]
        view.add_row(row.block, f"{row.worst.ns:.2f}", str(row.worst.levels), f"{row.worst_logic.ns:.2f}", *counts)
    view.add_section()
    whole = [f"{number:,}" for number in (report.endpoints, *report.over.values())]
    view.add_row(f"{len(report.blocks)} blocks", f"{report.worst_ns:.2f}", "", f"{report.worst_logic_ns:.2f}", *whole)
    return view


def say(report: Report, board: Board, console: Console) -> None:
    """Print the slowest blocks, the worst paths of some of them, and the figure."""
    console.print(table(report, board))
    console.print("The worst paths of the slowest of them:")
    for row in report.blocks[:_PATHS]:
        cells = " ".join(kind if number == 1 else f"{number}x{kind}" for kind, number in _runs(row.worst.through))
        console.print(f"  {row.worst.ns:.2f} ns: {row.worst.start} to {row.worst.end} ({cells})", soft_wrap=True)
    say_worst(report, board, console)


def say_worst(report: Report, board: Board, console: Console) -> None:
    """Print the figure: the slowest path of all, and what it is worth."""
    console.print(
        f"worst path {report.worst_ns:.2f} ns ({1000 / report.worst_ns:.0f} MHz), by the cells alone "
        f"{report.worst_logic_ns:.2f} ns; {board.name} is clocked at {board.clock_mhz:g} MHz"
    )
    console.print(f"An estimate {CAVEAT} (docs/timing.md)", soft_wrap=True)


def _runs(kinds: list[str]) -> list[tuple[str, int]]:
    """Types of cells in their order, each with how often it stands there in a row."""
    return [(kind, len(list(run))) for kind, run in groupby(kinds)]
