# SPDX-License-Identifier: BSD-3-Clause
"""From a chip to a bitstream with open tools, for preset tiny on Zynq-7: Yosys, nextpnr-xilinx, Project X-Ray.

An experiment: larger presets do not get through placement and routing, and what nextpnr-xilinx says about timing leaves
most paths out (`CAVEAT`). The nextpnr is openXC7's nextpnr-xilinx, not the newer himbaechel-based one, whose options
differ.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from shiftcore import process
from shiftcore.artifacts import atomic_folder
from shiftcore.errors import UserError
from shiftcore.hw.boards import Board
from shiftcore.hw.toolchains import yosys
from shiftcore.hw.toolchains.sources import copy_sources
from shiftcore.process import plain

CAVEAT = "openxc7: its timing report does not cover paths of DSP slices, block RAM and the processing system"
PRESET = "tiny"
BITSTREAM_BYTES = {"xc7z020": 4_045_564}
"""Configuration bytes of the dies that it is for (UG585)."""

_TOP = "top_zynq7"
_PROGRAMS = ("nextpnr-xilinx", "fasm2frames", "xc7frames2bit")
_CASCADES = ("ACIN", "BCIN", "PCIN", "CARRYCASCIN", "MULTSIGNIN")
_SEED = 1
_TIME_LIMIT_S = 2 * 3600
_LUT6_2 = plain(Path(__file__).parent) / "lut6_2.v"
# What nextpnr-xilinx does not take: the pattern detector's values where nothing uses it, and cells that are notes.
MENDS = (
    f"techmap -map {_LUT6_2} t:LUT6_2",
    "setparam -unset PATTERN -unset MASK t:DSP48E1",
    "clean",
    "delete t:$scopeinfo t:$check t:$print",
)


class OpenXc7Error(UserError):
    """A tool failed, or gave what cannot be right; the message says why, and where its log is."""


class Tools(NamedTuple):
    """The programs and data bases."""

    nextpnr: str
    fasm2frames: str
    frames2bit: str
    chipdb: Path
    database: Path


def check(preset: str, board: Board) -> None:
    """Raise UserError unless it can be tried for the preset and the board."""
    if preset != PRESET:
        raise UserError(
            f"TOOLCHAIN=openxc7 is for preset {PRESET}: {preset} does not get through its routing; use vivado"
        )
    if not board.part.startswith(tuple(BITSTREAM_BYTES)):
        raise UserError(f"TOOLCHAIN=openxc7 is for {' and '.join(BITSTREAM_BYTES)}: {board.part} needs vivado")


def prepare(chip: Path, board: Board, folder: Path) -> list[str]:
    """Synthesize the chip in folder `chip` (hw.chip) and its top into `folder`; return the file names.

    netlist.json is what nextpnr takes. It needs no constraints file: the design has no pins, and the one clock's
    frequency is an option of nextpnr.
    """
    with atomic_folder(folder) as temporary:
        names = copy_sources(chip, board, temporary)
        sources = yosys.Sources(tuple(temporary.resolve() / name for name in names), _TOP, temporary.resolve())
        netlist = plain(temporary.resolve()) / "netlist.json"
        commands = [
            *yosys.read(sources, temporary / "yosys"),
            *yosys.synth("xc7", temporary, "-flatten -noiopad -noclkbuf"),
            *MENDS,
        ]
        yosys.run([*commands, f"write_json {netlist}"], temporary / "yosys", "synthesis", sources.data)
        open_cascades(netlist)
        return sorted(path.name for path in temporary.iterdir())


def open_cascades(netlist: Path) -> None:
    """Leave the cascade inputs of DSP slices open where nothing but a constant is at them: no wire leads there."""
    design = json.loads(netlist.read_text())
    for cell in design["modules"][_TOP]["cells"].values():
        for port in _CASCADES if cell["type"] == "DSP48E1" else ():
            bits = cell["connections"].get(port, [])
            if all(isinstance(bit, str) for bit in bits):
                cell["connections"][port] = ["x"] * len(bits)
    netlist.write_text(json.dumps(design))


def find(part: str) -> Tools | str:
    """The tools for a part: programs on PATH or anywhere under the folder that the environment variable OPENXC7 names,
    data bases under that folder; or, where one is missing, what."""
    root = Path(os.environ.get("OPENXC7") or os.devnull)
    found = []
    for program in _PROGRAMS:
        path = shutil.which(program) or next(
            (str(p) for p in sorted(root.rglob(program)) if os.access(p, os.X_OK)), None
        )
        if path is None:
            return program
        found.append(path)
    die = part[:7]
    chipdb = next(iter(sorted(root.rglob(f"{die}*.bin"))), None)
    if chipdb is None:
        return f"chip data base {die}*.bin"
    yaml = next(iter(sorted(root.rglob(f"{part}/part.yaml"))), None)
    if yaml is None:
        return f"Project X-Ray data base with {part}/part.yaml"
    return Tools(found[0], found[1], found[2], chipdb, yaml.parent.parent)


def missing(what: str, folder: Path, prepared: list[str]) -> UserError:
    """The error that says what to install, and what has been prepared."""
    return UserError(
        f"{what}: not found; install openXC7's tools ({', '.join(_PROGRAMS)}, chip and Project X-Ray data bases) and "
        f"name their folder in OPENXC7=...; prepared for them in {folder}: {', '.join(prepared)}"
    )


def version(tools: Tools) -> str:
    """What nextpnr calls itself."""
    done = process.run([tools.nextpnr, "--version"], timeout=60)
    found = re.search(r"Version ([^)\s]+)", done.stdout + done.stderr)
    return found[1] if found else "unknown"


def build(tools: Tools, board: Board, folder: Path) -> dict[str, Any]:
    """Place, route and write shiftcore.bit in the prepared `folder`; return what is known of its timing.

    Raises OpenXc7Error when a tool ends other than well; there is no shiftcore.bit then, whatever ended it.
    """
    bitstream = folder / "shiftcore.bit"
    usable = False
    try:
        log = _run("nextpnr", folder, [
            tools.nextpnr, "--chipdb", tools.chipdb, "--json", "netlist.json", "--fasm", "design.fasm",
            "--freq", f"{board.clock_mhz:g}", "--seed", _SEED,
        ])  # fmt: skip
        if "Program finished normally" not in log:
            raise OpenXc7Error(f"nextpnr: did not say that it finished normally; see {folder / 'nextpnr.log'}")
        frames = [tools.fasm2frames, "--part", board.part, "--db-root", tools.database, "design.fasm", "design.frames"]
        _run("fasm2frames", folder, frames)
        _run("frames2bit", folder, [
            tools.frames2bit, "--part_file", tools.database / board.part / "part.yaml", "--part_name", board.part,
            "--frm_file", "design.frames", "--output_file", bitstream.name,
        ])  # fmt: skip
        _check_size(bitstream, BITSTREAM_BYTES[board.part[:7]])
        usable = True
        return {"timing": {"max_mhz": _frequency(log), "caveat": CAVEAT}}
    finally:
        if not usable:
            bitstream.unlink(missing_ok=True)


def _run(name: str, folder: Path, command: list[Any]) -> str:
    """Run a tool in `folder`, its words in NAME.log there; return them."""
    log = folder / f"{name}.log"
    print(f"{name} at work; its log is {log} ...", flush=True)
    try:
        with open(log, "w") as output:
            done = process.run([*map(str, command)], _TIME_LIMIT_S, cwd=folder, stdout=output, stderr=output)
    except subprocess.TimeoutExpired:
        raise OpenXc7Error(f"{name}: stopped after {_TIME_LIMIT_S / 3600:g} h; see {log}") from None
    except OSError as error:
        raise OpenXc7Error(f"{name}: does not run: {error}") from None
    text = log.read_text(errors="replace")
    if done.returncode:
        errors = [line.strip() for line in text.splitlines() if "ERROR" in line]
        raise OpenXc7Error(f"{name}: {errors[0] if errors else f'exit code {done.returncode}'}; see {log}")
    return text


def _check_size(bitstream: Path, expected: int) -> None:
    size = bitstream.stat().st_size if bitstream.is_file() else 0
    if size < expected:
        raise OpenXc7Error(f"{bitstream}: {size} bytes, and {expected} are needed to configure the part: cut short")


def _frequency(log: str) -> float | None:
    """The last maximum frequency that nextpnr named, in MHz: the one after routing."""
    found = re.findall(r"Max frequency for clock.*?: ([\d.]+) MHz", log)
    return float(found[-1]) if found else None
