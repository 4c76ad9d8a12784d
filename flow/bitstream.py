# SPDX-License-Identifier: BSD-3-Clause
"""`make bitstream`: a preset's chip to a bitstream for a board (hw.bitstream)."""

import shutil
from typing import Annotated, Literal

import typer

from shiftcore.artifacts import lock
from shiftcore.errors import UserError
from shiftcore.flow.build import compiled_chip, network
from shiftcore.hw.bitstream import build_openxc7, build_vivado, maker
from shiftcore.hw.boards import load_board
from shiftcore.hw.toolchains import openxc7
from shiftcore.options import BoardName, PresetName


def main(
    preset: PresetName = "tiny",
    board: BoardName = "pynq-z2",
    toolchain: Annotated[Literal["vivado", "openxc7"], typer.Option(help="what makes it")] = "vivado",
    clock_mhz: Annotated[float | None, typer.Option(help="openxc7: a slower clock than the board's; the next")] = None,
    shift_registers: Annotated[bool, typer.Option(help="openxc7: shift registers in LUTs")] = True,
) -> None:
    """A bitstream of a preset for a board, with its handoff and manifest; compiles the preset where need be."""
    target, settings = load_board(board), network(preset)
    if toolchain == "openxc7":
        openxc7.check(target)
        target = target.slowed_to(clock_mhz) if clock_mhz else target
    elif clock_mhz or not shift_registers:
        raise UserError("--clock-mhz and --no-shift-registers are for --toolchain openxc7; Vivado needs neither")
    chip = compiled_chip(settings, board)
    made_by = maker(chip, target.clock_mhz)
    if made_by == toolchain:
        print(f"{chip.parent / 'bitstream'}: built before, nothing has changed")
        return
    with lock(chip.parent):
        if maker(chip) is None:
            shutil.rmtree(chip.parent / "bitstream", ignore_errors=True)  # another chip's, which no driver would take
        built = build_vivado(chip, target) if toolchain == "vivado" else build_openxc7(chip, target, shift_registers)
    print(f"{built}: built for {target.clock_mhz:g} MHz, and copied to bitstreams/{settings.name}-{target.name}")
