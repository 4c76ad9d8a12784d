# SPDX-License-Identifier: BSD-3-Clause
"""A compiled chip to a bitstream for its board, with what PYNQ and the driver need beside it.

build/PRESET/BOARD/bitstream/ and a copy in bitstreams/PRESET-BOARD/:
    shiftcore.bit   the bitstream
    shiftcore.hwh   the hardware handoff
    manifest.json   what it was made of and by what; utilization and timing
"""

import json
import shutil
from pathlib import Path
from typing import Any

from shiftcore.artifacts import atomic_folder, build_folder, digest, write_json
from shiftcore.errors import UserError
from shiftcore.hw.boards import Board
from shiftcore.hw.hwh import check_clock, write_hwh
from shiftcore.hw.toolchains import openxc7, vivado
from shiftcore.model.manifest import ChipManifest

FORMAT, VERSION = "shiftcore-bitstream", 1


def manifest(chip: Path, toolchain: dict[str, Any], result: dict[str, Any], files: Path) -> dict[str, Any]:
    """What is known of the bitstream in folder `files`, made of the chip in folder `chip` by `toolchain`.

    `result` is what the tools' reports say, and the clock where that is not the chip's. Hashes are SHA-256; slacks are
    in ns.
    """
    made_of = ChipManifest.read(chip).as_json()
    folding = json.loads((chip.parent / "folding.json").read_text())
    return {
        "format": FORMAT,
        "version": VERSION,
        **{
            key: made_of[key] for key in ("preset", "board", "part", "clock_mhz", "build_hash", "model", "core_content")
        },
        "chip": made_of["content"],
        "folding": [{key: row[key] for key in ("layer", "op", "PE", "SIMD", "cycles")} for row in folding],
        "toolchain": toolchain,
        **result,
        "files": {path.name: digest(path) for path in sorted(files.iterdir())},
    }


def published() -> Path:
    """The folder of built bitstreams, beside the build folder."""
    return build_folder().parent / "bitstreams"


def publish(chip: Path, board: Board, work: Path, toolchain: dict[str, Any], result: dict[str, Any]) -> Path:
    """Put the bitstream in folder `work`, its handoff and its manifest into their places; return the first."""
    folder = chip.parent / "bitstream"
    with atomic_folder(folder) as temporary:
        shutil.copyfile(work / "shiftcore.bit", temporary / "shiftcore.bit")
        if board.family == "zynq7":
            write_hwh(temporary / "shiftcore.hwh", board, ChipManifest.read(chip).build_hash)
        else:
            check_clock(vivado.handoff(work), board)
            shutil.copyfile(vivado.handoff(work), temporary / "shiftcore.hwh")
        write_json(temporary / "manifest.json", manifest(chip, toolchain, result, temporary))
    with atomic_folder(published() / f"{chip.parent.parent.name}-{board.name}") as temporary:
        shutil.copytree(folder, temporary, dirs_exist_ok=True)
    return folder


def maker(chip: Path, clock_mhz: float | None = None) -> str | None:
    """The toolchain that made the bitstream in its place; None unless it is whole, of this very chip, and for the
    clock, where one is named."""
    folder = chip.parent / "bitstream"
    try:
        found = json.loads((folder / "manifest.json").read_text())
        whole = all(digest(folder / name) == known for name, known in found["files"].items())
        same = found["chip"] == ChipManifest.read(chip).content and clock_mhz in (None, found["clock_mhz"])
        return str(found["toolchain"]["name"]) if whole and same else None
    except (OSError, ValueError, KeyError, TypeError, UserError):
        return None


def build_vivado(chip: Path, board: Board) -> Path:
    """The bitstream by Vivado; returns its folder. Raises UserError where Vivado is missing, too old or fails, or where
    its result must not be used."""
    work = chip.parent / "vivado"
    prepared = vivado.prepare(chip, board, work)
    program = vivado.find()
    if program is None:
        raise vivado.missing(board, work, prepared)
    toolchain = {"name": "vivado", "version": vivado.version(program)}
    print(f"Vivado {toolchain['version']} at work; its log is {work / 'vivado.log'} ...", flush=True)
    return publish(chip, board, work, toolchain, vivado.build(program, board, work))


def build_openxc7(chip: Path, board: Board, shift_registers: bool = True) -> Path:
    """The bitstream by Yosys, nextpnr-xilinx and Project X-Ray, an experiment; returns its folder. `board` may have a
    slower clock than the chip was compiled for. Raises UserError where the board is not for it, a tool is missing or
    fails."""
    work = chip.parent / "openxc7"
    tools = openxc7.find(board.part)
    openxc7.prepare(chip, board, work, shift_registers)
    openxc7.say(work, board)
    result = openxc7.build(tools, board, work)
    print(openxc7.CAVEAT)
    return publish(chip, board, work, {"name": "openxc7", "version": openxc7.version(tools)}, result)
