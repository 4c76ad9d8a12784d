# SPDX-License-Identifier: BSD-3-Clause
"""`make compile`: a preset, or a QONNX file, to a chip for a board. Each step of the way is kept while its inputs are
the same."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shiftcore.errors import UserError
from shiftcore.hw import folding, imports, lockfile
from shiftcore.hw.boards import load_board
from shiftcore.hw.chip import build_chip
from shiftcore.hw.compile import LOCK, compile_model, read_model
from shiftcore.hw.steps import Progress
from shiftcore.options import BoardName, PresetName
from shiftcore.quant.preset import PRESETS, Imported, Preset, described_network, load_preset


@dataclass(frozen=True)
class Network:
    """What the commands work on: a preset, or a QONNX `file` with what stands in its description for one."""

    preset: Preset | Imported
    file: Path | None = None

    @property
    def name(self) -> str:
        return self.preset.name

    @property
    def build(self) -> Path:
        return self.preset.build


def network(name: str) -> Network:
    """The one called `name`: a QONNX file's path (imported now, where it has no description), or what `load_preset`
    takes. Raises UserError as that and `hw.imports.described`."""
    if not name.endswith(".onnx"):
        return Network(load_preset(name))
    file = imports.described(Path(name))
    return Network(described_network(read_model(file)[1].preset, name), file)


def exported_model(of: Preset | Network) -> Path:
    """The QONNX model of a network, the integer model beside it: of a preset, exported now, unless it is of the same
    weights (those trained here, or else those shipped), preset and code already."""
    if isinstance(of, Network):
        if of.file or not isinstance(of.preset, Preset):
            return of.file or of.build / "export" / "model.onnx"
        of = of.preset
    from shiftcore.quant.export import export_preset  # here: it takes seconds to import torch

    return export_preset(of) / "model.onnx"


def compiled_core(
    exported: Path, board: str, console: Console | None = None, verify: bool = True, lock_file: Path | None = None
) -> Path:
    """`hw.compile.compile_model` on a terminal: what happens is printed, with a spinner beside it."""
    with shown(console or _terminal()) as progress:
        return compile_model(exported, board, progress=progress, verify=verify, lock_file=lock_file)


def compiled_chip(preset: Preset | Network, board: str, console: Console | None = None) -> Path:
    """The chip of a network for a board (see hw.chip): exported, compiled and wrapped, as far as it is not yet. Raises
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


def lock_file_of(name: str, board: str) -> Path:
    """Where the lock file of a preset, shipped or a TOML file, or of a QONNX file lies: beside it (hw.lockfile)."""
    path = Path(name) if name.endswith((".toml", ".onnx")) else PRESETS / f"{name}.toml"
    return path.with_name(f"{path.stem}.{board}.lock")


def main(
    file: Annotated[
        str | None,
        typer.Argument(metavar="[NETWORK.onnx]", help="a QONNX file, instead of a preset", show_default=False),
    ] = None,
    preset: PresetName = "tiny",
    board: BoardName = "pynq-z2",
    verify: Annotated[bool, typer.Option(help="execute every step and compare")] = True,
) -> None:
    """Compile a network to RTL: its core under build/NAME/BOARD/core, and the chip around it beside it in chip."""
    name, target, console = file or preset, load_board(board), _terminal()
    if file and not file.endswith(".onnx"):
        raise UserError(f"{file}: not a QONNX file, whose name ends in .onnx; a preset is given as --preset {file}")
    exported, lock_file = exported_model(network(name)), lock_file_of(name, target.name)
    core = compiled_core(exported, board, console, verify, lock_file)
    console.print(folding.table(folding.read_report(core.parent / "folding.json"), target))
    print(f"{core}: compiled")
    found = core.parent / LOCK
    if lockfile.read(lock_file) != lockfile.read(found):
        print(f"{found}: what search found; as {lock_file} it saves the next compilation the search")
    integers = exported.with_suffix(".npz")
    if not integers.is_file():
        print(f"{integers}: not there; no chip is made without the integer model beside the QONNX file")
    else:
        print(f"{build_chip(core, integers, target)}: the chip around it")
