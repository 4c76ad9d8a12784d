# SPDX-License-Identifier: BSD-3-Clause
"""`make timing`: static timing of a synthesized chip, by the delays of its cells and a model of its wires
(docs/timing.md)."""

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from shiftcore.hw.boards import Board
from shiftcore.hw.estimate import design
from shiftcore.hw.timing.delays import of_board
from shiftcore.hw.timing.flat import flat
from shiftcore.hw.timing.report import CAVEAT, Report, analyse
from shiftcore.hw.toolchains import yosys
from shiftcore.hw.toolchains.yosys.parts import synthesize

_ROWS = 16


def chip_timing(folder: Path, board: Board, console: Console) -> Report:
    """The timing of what `folder` (build/PRESET/BOARD) holds: the chip, or the core alone where there is no chip. What
    `make estimate` has synthesized is not synthesized again. Raises UserError where nothing is compiled, and for a
    board whose part's delays are not known."""
    delays, family = of_board(board), yosys.FAMILIES[board.family]
    with console.status("reading ...") as status:
        whole = design(folder)
        parts = synthesize(whole.parts, family, lambda text: status.update(f"{text} ..."))
        status.update("putting the parts together ...")
        module = flat(whole, parts, family, folder / "timing")
        status.update("following the paths ...")
        return analyse(module, delays)


def table(report: Report, board: Board) -> Table:
    """The slowest blocks as a person reads them."""
    view = Table(title=f"Timing on {board.name} ({board.part}), ns", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("block", "worst", "levels", "cells alone", *(f"over {period}" for period in report.over), "from", "to"):
        view.add_column(column, justify="left" if column in ("block", "from", "to") else "right", overflow="fold")
    for row in report.blocks[:_ROWS]:
        over = [f"{number:,}" for number in row.over.values()]
        logic = f"{row.worst_logic.ns:.2f}"
        ends = [_within(name, row.block) for name in (row.worst.start, row.worst.end)]
        view.add_row(row.block, f"{row.worst.ns:.2f}", str(row.worst.levels), logic, *over, *ends)
    return view


def _within(name: str, block: str) -> str:
    return name.removeprefix(f"{block}.")


def say(report: Report, board: Board, console: Console) -> None:
    """Print the slowest blocks and the whole."""
    console.print(table(report, board))
    over = ", ".join(f"{number:,} over {period}" for period, number in report.over.items())
    console.print(f"{report.endpoints:,} endpoints: {over} ns")
    console.print(
        f"worst path {report.worst_ns:.2f} ns ({1000 / report.worst_ns:.0f} MHz), by the cells alone "
        f"{report.worst_logic_ns:.2f} ns; {board.name} is clocked at {board.clock_mhz:g} MHz"
    )
    console.print(f"An estimate {CAVEAT} (docs/timing.md)")
