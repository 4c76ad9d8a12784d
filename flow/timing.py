# SPDX-License-Identifier: BSD-3-Clause
"""`make timing`: static timing of a compiled preset's chip (hw.timing)."""

from rich.console import Console

from shiftcore.artifacts import write_json
from shiftcore.errors import UserError
from shiftcore.flow.build import compiled_chip, network
from shiftcore.hw.boards import load_board
from shiftcore.hw.timing import chip_timing, say
from shiftcore.hw.timing.delays import of_board
from shiftcore.options import BoardName, PresetName


def main(
    preset: PresetName = "tiny",
    board: BoardName = "pynq-z2",
) -> None:
    """How fast the compiled PRESET's chip can be clocked on BOARD before placement: the slowest paths, block by block,
    and build/PRESET/BOARD/timing.json."""
    target = load_board(board)
    of_board(target)
    of = network(preset)
    folder = of.build / target.name
    if not (folder / "folding.json").is_file():
        raise UserError(f"{folder}: nothing compiled there; run `make compile PRESET={preset} BOARD={board}` first")
    console = Console()
    console = console if console.is_terminal else Console(width=120)
    compiled_chip(of, board, console)  # at once where nothing has changed since
    report = chip_timing(folder, target, console)
    write_json(folder / "timing.json", report.as_json())
    say(report, target, console)
    print(f"{folder / 'timing.json'}: written")
