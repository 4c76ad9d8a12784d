# SPDX-License-Identifier: BSD-3-Clause
"""`make estimate`: what a compiled preset costs on a board, and how fast it can be clocked (hw.estimate, hw.timing)."""

from pathlib import Path

from rich.console import Console

from shiftcore.artifacts import write_json
from shiftcore.errors import UserError
from shiftcore.flow.build import compiled_chip, network
from shiftcore.hw import timing
from shiftcore.hw.boards import Board, load_board
from shiftcore.hw.estimate import Synthesized, estimate, say, synthesized
from shiftcore.hw.timing.delays import of_board
from shiftcore.options import BoardName, PresetName


def main(
    preset: PresetName = "tiny",
    board: BoardName = "pynq-z2",
) -> None:
    """What the compiled PRESET costs on BOARD: a table a layer, its slowest path, build/PRESET/BOARD/estimate.json."""
    target = load_board(board)
    of = network(preset)
    folder = of.build / target.name
    if not (folder / "folding.json").is_file():
        raise UserError(f"{folder}: nothing compiled there; run `make compile PRESET={preset} BOARD={board}` first")
    console = Console()
    console = console if console.is_terminal else Console(width=120)
    compiled_chip(of, board, console)  # at once where nothing has changed since
    netlists = synthesized(folder, target, console)
    report = estimate(folder, target, netlists)
    say(report, target, console)
    write_json(folder / "estimate.json", {**report.as_json(), "timing": _timing(folder, target, netlists, console)})
    print(f"{folder / 'estimate.json'}: written")


def _timing(folder: Path, board: Board, netlists: Synthesized, console: Console) -> dict[str, object] | None:
    """Say how fast the chip can be clocked; returns the figures, None for a part whose delays are not known."""
    try:
        of_board(board)
    except UserError as unknown:
        console.print(f"timing: {unknown}", soft_wrap=True)
        return None
    report = timing.chip_timing(folder, board, netlists, console)
    timing.say_worst(report, board, console)
    figures = report.as_json()
    return {key: figures[key] for key in ("delays", "worst_ns", "worst_logic_ns", "endpoints", "over", "caveat")}
