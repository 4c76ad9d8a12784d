# SPDX-License-Identifier: BSD-3-Clause
"""From a chip to a bitstream with open tools, on Zynq-7: Yosys, nextpnr-xilinx, Project X-Ray.

An experiment: large presets do not get through placement and routing (`forecast`), and what nextpnr-xilinx says about
timing leaves many paths out (`CAVEAT`, `report`). The nextpnr is openXC7's nextpnr-xilinx, not the newer
himbaechel-based one, whose options and words differ.
"""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shiftcore.artifacts import PACKAGE_FOLDER, atomic_folder, digest, kept
from shiftcore.errors import UserError
from shiftcore.hw.boards import MAX_DIVISOR, Board
from shiftcore.hw.estimate import count
from shiftcore.hw.toolchains import yosys
from shiftcore.hw.toolchains.openxc7 import report
from shiftcore.hw.toolchains.openxc7.forecast import forecast
from shiftcore.hw.toolchains.openxc7.tools import OpenXc7Error, Tools, find, run, version
from shiftcore.hw.toolchains.sources import TOPS, copy_sources
from shiftcore.hw.toolchains.yosys.netlist import read
from shiftcore.model.manifest import ChipManifest
from shiftcore.process import plain
from shiftcore.sources import code

__all__ = ["BITSTREAM_BYTES", "CAVEAT", "OpenXc7Error", "Tools", "build", "check", "find", "prepare", "say", "version"]

CAVEAT = "openxc7: its timing report does not cover paths of DSP slices, block RAM and the processing system"
BITSTREAM_BYTES = {"xc7z020": 4_045_564}
"""Configuration bytes of the dies that it is for (UG585)."""

_TOP = TOPS["zynq7"][-1].removesuffix(".sv")
_CASCADES = ("ACIN", "BCIN", "PCIN", "CARRYCASCIN", "MULTSIGNIN")
_SEED = 1
_HERE = plain(Path(__file__).parent)
_SINGLE_PORT = ("RAM32X1S", "RAM64X1S", "RAM128X1S", "RAM256X1S")
# What nextpnr-xilinx does not take: LUTs with two outputs, memories with one port, the pattern detector's values where
# nothing uses it, and cells that are notes.
MENDS = (
    f"techmap -map {_HERE / 'lut6_2.v'} t:LUT6_2",
    f"techmap -map {_HERE / 'single_port_ram.v'} {' '.join(f't:{kind}' for kind in _SINGLE_PORT)}",
    "setparam -unset PATTERN -unset MASK t:DSP48E1",
    "clean",
    "delete t:$scopeinfo t:$check t:$print",
)


def check(board: Board) -> None:
    """Raise UserError unless it can be tried for the board: it has the part, and the tools are there."""
    if not board.part.startswith(tuple(BITSTREAM_BYTES)):
        raise UserError(f"TOOLCHAIN=openxc7 is for {' and '.join(BITSTREAM_BYTES)}: {board.part} needs vivado")
    find(board.part)


def prepare(chip: Path, board: Board, folder: Path, shift_registers: bool = True) -> None:
    """Synthesize the chip in folder `chip` (hw.chip) and its top into `folder`, unless that has been done.

    netlist.json is what nextpnr takes. It needs no constraints file: the design has no pins, and the one clock's
    frequency is an option of nextpnr. Without `shift_registers` none is put into a LUT: each bit becomes a flip-flop.
    """
    options = "-flatten -noiopad -noclkbuf" + ("" if shift_registers else " -nosrl")
    tops = [PACKAGE_FOLDER / "hw" / "rtl" / name for name in TOPS[board.family]]
    made_by = code("shiftcore.hw.toolchains.yosys", packages=("pyosys",), data=(*tops, *sorted(_HERE.glob("*.v"))))
    key = digest(ChipManifest.read(chip).content, board.part, options, *MENDS[2:], made_by)
    kept(folder, key, lambda: _synthesize(chip, board, folder, options))


def _synthesize(chip: Path, board: Board, folder: Path, options: str) -> None:
    print("Yosys at work, for some minutes ...", flush=True)
    with atomic_folder(folder) as temporary:
        names = copy_sources(chip, board, temporary)
        sources = yosys.Sources(tuple(temporary.resolve() / name for name in names), _TOP, temporary.resolve())
        netlist = plain(temporary.resolve()) / "netlist.json"
        commands = [*yosys.read(sources, temporary / "yosys"), *yosys.synth("xc7", temporary, options), *MENDS]
        yosys.run([*commands, f"write_json {netlist}"], temporary / "yosys", "synthesis", sources.data)
        open_cascades(netlist)


def open_cascades(netlist: Path) -> None:
    """Leave the cascade inputs of DSP slices open where nothing but a constant is at them: no wire leads there."""
    design = read(netlist)
    for cell in design["modules"][_TOP]["cells"].values():
        for port in _CASCADES if cell["type"] == "DSP48E1" else ():
            bits = cell["connections"].get(port, [])
            if all(isinstance(bit, str) for bit in bits):
                cell["connections"][port] = ["x"] * len(bits)
    netlist.write_text(json.dumps(design))


def _cells(folder: Path) -> list[str]:
    """The type of each cell of the netlist in `folder`."""
    return [cell["type"] for cell in read(folder / "netlist.json")["modules"][_TOP]["cells"].values()]


def say(folder: Path, board: Board) -> None:
    """Print what is to be expected of the netlist in `folder`. Raises UserError where it does not fit the board."""
    print(f"openxc7: {forecast(count(Counter(_cells(folder))), board)}", flush=True)


def build(tools: Tools, board: Board, folder: Path) -> dict[str, Any]:
    """Place, route and write shiftcore.bit in the prepared `folder`; return its clock and what is known of its timing.

    Raises OpenXc7Error when a tool ends other than well, or timing is not met; there is no shiftcore.bit then, whatever
    ended it.
    """
    bitstream = folder / "shiftcore.bit"
    for old in ("shiftcore.bit", "design.fasm", "design.frames"):
        (folder / old).unlink(missing_ok=True)
    usable = False
    try:
        timing = _route(tools, board, folder)
        frames = [tools.fasm2frames, "--part", board.part, "--db-root", tools.database, "design.fasm", "design.frames"]
        _ended_well("fasm2frames", folder, *run("fasm2frames", folder, frames))
        _ended_well("frames2bit", folder, *run("frames2bit", folder, [
            tools.frames2bit, "--part_file", tools.database / board.part / "part.yaml", "--part_name", board.part,
            "--frm_file", "design.frames", "--output_file", bitstream.name,
        ]))  # fmt: skip
        _check_size(bitstream, BITSTREAM_BYTES[board.part[:7]])
        usable = True
        said = {"max_mhz": timing.slowest.max_mhz, "caveat": CAVEAT, **asdict(timing)}
        return {"clock_mhz": board.clock_mhz, "timing": said}
    finally:
        if not usable:
            bitstream.unlink(missing_ok=True)


def _route(tools: Tools, board: Board, folder: Path) -> report.Timing:
    """Place and route to design.fasm. nextpnr-xilinx ends with 0 when all is well, with 1 when it has routed all and
    missed the clock, and with 255 at any other error, when a .fasm may be cut short."""
    returncode, log = run("nextpnr", folder, [
        tools.nextpnr, "--chipdb", tools.chipdb, "--json", "netlist.json", "--fasm", "design.fasm",
        "--freq", f"{board.clock_mhz:g}", "--seed", _SEED,
    ])  # fmt: skip
    errors = [line for line in log.splitlines() if line.startswith("ERROR: ")]
    if returncode == 1 and errors and all(" (FAIL at " in line for line in errors):
        clock = report.read(log, _cells(folder)).slowest
        slower = next((f for n in range(1, MAX_DIVISOR + 1) if (f := board.pll_mhz / n) <= clock.max_mhz), None)
        cure = f"ask for a slower one: CLOCK_MHZ={slower:.6g}" if slower else "the board makes none so slow"
        raise OpenXc7Error(
            f"nextpnr: routed, but {clock.max_mhz:g} MHz are reached and {clock.asked_mhz:g} asked for; {cure}; see "
            f"{folder / 'nextpnr.log'}"
        )
    _ended_well("nextpnr", folder, returncode, log)
    fasm = folder / "design.fasm"
    if not fasm.is_file() or not fasm.read_bytes().endswith(b"\n"):
        raise OpenXc7Error(f"nextpnr: ended well, but {fasm} is missing or cut short; see {folder / 'nextpnr.log'}")
    return report.read(log, _cells(folder))


def _ended_well(name: str, folder: Path, returncode: int, log: str) -> None:
    if returncode:
        errors = [line.strip() for line in log.splitlines() if "ERROR" in line]
        why = errors[0] if errors else f"exit code {returncode}"
        raise OpenXc7Error(f"{name}: {why}; see {folder / f'{name}.log'}")


def _check_size(bitstream: Path, expected: int) -> None:
    size = bitstream.stat().st_size if bitstream.is_file() else 0
    if size < expected:
        raise OpenXc7Error(f"{bitstream}: {size} bytes, and {expected} are needed to configure the part: cut short")
