# SPDX-License-Identifier: BSD-3-Clause
"""`make compile`: a preset to a chip for a board. Each step of the way is kept while its inputs are the same."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shiftcore.hw import folding, lockfile
from shiftcore.hw.boards import load_board
from shiftcore.hw.chip import build_chip
from shiftcore.hw.compile import LOCK, compile_model
from shiftcore.hw.steps import Progress
from shiftcore.options import BoardName, PresetName
from shiftcore.quant.preset import PRESETS, Preset, load_preset


def exported_model(preset: Preset) -> Path:
    """The QONNX model of `preset`, the integer model beside it: exported now, unless it is of the same weights (those
    trained here, or else those shipped), preset and code already."""
    from shiftcore.quant.export import export_preset  # here: it takes seconds to import torch

    return export_preset(preset) / "model.onnx"


def compiled_core(
    exported: Path, board: str, console: Console | None = None, verify: bool = True, lock_file: Path | None = None
) -> Path:
    """`hw.compile.compile_model` on a terminal: what happens is printed, with a spinner beside it."""
    with shown(console or _terminal()) as progress:
        return compile_model(exported, board, progress=progress, verify=verify, lock_file=lock_file)


def compiled_chip(preset: Preset, board: str, console: Console | None = None) -> Path:
    """The chip of `preset` for a board (see hw.chip): exported, compiled and wrapped, as far as it is not yet. Raises
    UserError as `compile_model`."""
    target, exported = load_board(board), exported_model(preset)
    return build_chip(compiled_core(exported, board, console), exported.with_name("model.npz"), target)


@contextmanager
def shown(console: Console) -> Iterator[Callable[[Progress], None]]:
    """While inside, `console` has what the compiler logs; the callback shows what it is at."""
    status, handler, logger = console.status(""), _Printer(console), logging.getLogger("shiftcore.hw")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with status:
            yield lambda now: status.update(f"{now.step}: {now.text} ...")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


class _Printer(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        self.console.print(record.getMessage(), markup=False)


def _terminal() -> Console:
    """The terminal; into a file or a pipe, wide enough for the folding table."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def lock_file_of(preset: str, board: str) -> Path:
    """Where the lock file of a preset, shipped or a TOML file, lies: beside it (hw.lockfile)."""
    path = Path(preset) if preset.endswith(".toml") else PRESETS / f"{preset}.toml"
    return path.with_name(f"{path.stem}.{board}.lock")


def main(
    preset: PresetName = "tiny",
    board: BoardName = "pynq-z2",
    model: Annotated[Path | None, typer.Option(help="an exported QONNX file, instead of the preset's")] = None,
    verify: Annotated[bool, typer.Option(help="execute every step and compare")] = True,
) -> None:
    """Compile a network to RTL: its core under build/PRESET/BOARD/core, and the chip around it beside it in chip."""
    target, console = load_board(board), _terminal()
    exported = model or exported_model(load_preset(preset))
    lock_file = None if model else lock_file_of(preset, target.name)
    core = compiled_core(exported, board, console, verify, lock_file)
    console.print(folding.table(folding.read_report(core.parent / "folding.json"), target))
    print(f"{core}: compiled")
    found = core.parent / LOCK
    if lock_file and lockfile.read(lock_file) != lockfile.read(found):
        print(f"{found}: what search found; as {lock_file} it saves the next compilation the search")
    integers = exported.with_suffix(".npz")
    if model and not integers.is_file():
        print(f"{integers}: not there; no chip is made without the integer model beside the QONNX file")
    else:
        print(f"{build_chip(core, integers, target)}: the chip around it")
