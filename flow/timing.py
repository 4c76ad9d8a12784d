# SPDX-License-Identifier: BSD-3-Clause
"""`make timing`: static timing of a compiled preset's chip (hw.timing)."""

from pathlib import Path

from rich.console import Console

from shiftcore.artifacts import write_json
from shiftcore.errors import UserError
from shiftcore.flow.build import compiled_chip, lock_file_of, network
from shiftcore.hw.boards import load_board
from shiftcore.hw.estimate import synthesized
from shiftcore.hw.timing import chip_timing, say
from shiftcore.hw.timing.delays import of_board
from shiftcore.hw.timing.record import Record, made_of
from shiftcore.options import BoardName, PresetName

FOUND = "found.timing"


def record_of(preset: str, board: str) -> Path:
    """Where the figures of a preset, shipped or a TOML file, are kept: beside its lock file (hw.timing.record)."""
    return lock_file_of(preset, board).with_suffix(".timing")


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
    report = chip_timing(folder, target, synthesized(folder, target, console), console)
    write_json(folder / "timing.json", report.as_json())
    say(report, target, console)
    print(f"{folder / 'timing.json'}: written")
    lock_file = lock_file_of(preset, target.name)
    if lock_file.is_file():
        _note(Record.of(report, made_of(lock_file, target)), folder / FOUND, record_of(preset, target.name))


def _note(found: Record, path: Path, kept: Path) -> None:
    """Leave the record, and say where it belongs unless that one is of the same sources, or has the same figures."""
    found.write(path)
    known = Record.read(kept) if kept.is_file() else None
    if known is None or known.made_of != found.made_of or not found.agrees(known):
        print(f"{path}: these figures; as {kept} they are held for the next time")
