# SPDX-License-Identifier: BSD-3-Clause
"""`make estimate`: what a compiled preset costs on a board (hw.estimate)."""

from rich.console import Console

from shiftcore.artifacts import write_json
from shiftcore.errors import UserError
from shiftcore.flow.build import compiled_chip, network
from shiftcore.hw.boards import load_board
from shiftcore.hw.estimate import estimate, say
from shiftcore.options import BoardName, PresetName


def main(
    preset: PresetName = "tiny",
    board: BoardName = "pynq-z2",
) -> None:
    """What the compiled PRESET costs on BOARD: a table a layer, and build/PRESET/BOARD/estimate.json."""
    target = load_board(board)
    of = network(preset)
    folder = of.build / target.name
    if not (folder / "folding.json").is_file():
        raise UserError(f"{folder}: nothing compiled there; run `make compile PRESET={preset} BOARD={board}` first")
    console = Console()
    console = console if console.is_terminal else Console(width=120)
    compiled_chip(of, board, console)  # at once where nothing has changed since
    report = estimate(folder, target, console)
    write_json(folder / "estimate.json", report.as_json())
    say(report, target, console)
    print(f"{folder / 'estimate.json'}: written")
