# SPDX-License-Identifier: BSD-3-Clause
"""Vivado in batch mode, from a folder that holds all it needs and may be carried to the machine that has it."""

import os
import re
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import tomllib

from shiftcore import certificate, process
from shiftcore.artifacts import atomic_folder, digest
from shiftcore.errors import UserError
from shiftcore.hw.boards import Board
from shiftcore.hw.toolchains.sources import copy_sources
from shiftcore.hw.toolchains.vivado import reports

SCRIPTS = Path(__file__).parent
OLDEST = (2022, 2)
_TIME_LIMIT_S = 12 * 3600


class VivadoError(UserError):
    """Vivado did not make a bitstream that may be used; the message says why, and where its log is."""


def script(board: Board) -> str:
    """The name of the Tcl script for a board's family."""
    return f"{board.family}.tcl"


def arguments(board: Board) -> list[str]:
    """What the script takes (see its header)."""
    if board.family == "zynq7":
        return [board.part]
    pll = [board.pll.name, str(board.pll.fbdiv), str(int(board.pll.div2))]
    return [board.part, f"{board.clock_mhz:.6f}", f"{board.base_address:#x}", *pll]


def command(vivado: str, board: Board) -> list[str]:
    """The command line, to be run in the prepared folder."""
    return [vivado, "-mode", "batch", "-nojournal", "-log", "vivado.log", "-source", script(board), "-tclargs",
            *arguments(board)]  # fmt: skip


def prepare(chip: Path, board: Board, folder: Path) -> list[str]:
    """Put everything that Vivado needs for the chip in folder `chip` (hw.chip) into `folder`; return the file names.

    RTL under rtl/ and core/, data/ as the RTL names it, sources.txt in compile order, the scripts, and for Zynq-7
    clock.xdc (the block design of the other family brings its own).
    """
    with atomic_folder(folder) as temporary:
        sources = copy_sources(chip, board, temporary)
        # Whether the names of data files are relative to where Vivado runs or to the RTL file, UG901 leaves open.
        shutil.copytree(temporary / "data", temporary / "core" / "rtl" / "data")
        (temporary / "sources.txt").write_text("".join(f"{name}\n" for name in sources))
        for name in (script(board), "implement.tcl"):
            shutil.copyfile(SCRIPTS / name, temporary / name)
        if board.family == "zynq7":
            (temporary / "clock.xdc").write_text(
                f"create_clock -name fclk0 -period {board.clock_ns:.3f} [get_pins {{ps7_i/FCLKCLK[0]}}]\n"
                f"set_input_jitter fclk0 {board.clock_ns * 0.03:.3f}\n"
            )
        return sorted(path.name for path in temporary.iterdir())


def find() -> str | None:
    """Vivado's program: what the environment variable VIVADO names, or the one on PATH."""
    return shutil.which(os.environ.get("VIVADO") or "vivado")


def version(vivado: str) -> str:
    """Its version, as "2023.1". Raises UserError when it is too old or is no Vivado."""
    try:
        done = process.run([vivado, "-version"], timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"{vivado}: does not run: {error}") from None
    found = re.search(r"\bv(\d{4})\.(\d)", done.stdout)
    if done.returncode or found is None:
        raise UserError(f"{vivado}: `-version` does not answer as Vivado does; name Vivado's program in VIVADO=...")
    if (int(found[1]), int(found[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise UserError(f"{vivado}: version {found[1]}.{found[2]}; {oldest} or newer is needed")
    return f"{found[1]}.{found[2]}"


def missing(board: Board, folder: Path, prepared: list[str]) -> UserError:
    """The error that says what to install, and what has been prepared."""
    oldest = ".".join(map(str, OLDEST))
    return UserError(
        f"Vivado: not found; install Vivado {oldest} or newer with support for {board.part} and put it on PATH, or "
        f"name its program in VIVADO=...; prepared for it in {folder}: {', '.join(prepared)}"
    )


def accepted() -> dict[str, str]:
    """Critical warnings that a bitstream may have: id -> reason."""
    return {
        entry["id"]: entry["reason"] for entry in tomllib.loads((SCRIPTS / "accepted.toml").read_text())["accepted"]
    }


def build(vivado: str, board: Board, folder: Path) -> dict[str, Any]:
    """Run Vivado in the prepared `folder`; return what its reports say (see `judge`), with shiftcore.bit there, and the
    same as certificate.json.

    Raises VivadoError when it fails or its result must not be used; there is no shiftcore.bit then, whatever ended it.
    """
    bitstream = folder / "shiftcore.bit"
    usable = False
    try:
        with open(folder / "output.txt", "w") as output:
            done = process.run(command(vivado, board), _TIME_LIMIT_S, cwd=folder, stdout=output, stderr=output)
        result = judge(folder, done.returncode)
        _certify(folder, board, vivado, result)
        usable = True
        return result
    except subprocess.TimeoutExpired:
        raise VivadoError(f"Vivado: stopped after {_TIME_LIMIT_S / 3600:g} h; see {folder / 'vivado.log'}") from None
    except reports.ReportError as error:
        raise VivadoError(f"{folder}: {error}") from None
    finally:
        if not usable:
            bitstream.unlink(missing_ok=True)


def judge(folder: Path, returncode: int) -> dict[str, Any]:
    """{"timing": ..., "paths": the slowest ones, "utilization": ..., "power": Vivado's estimate, "accepted": critical
    warnings that were met and accepted}.

    Raises VivadoError where Vivado failed, a critical warning is not accepted, a design rule is violated, timing is
    not met or there is no bitstream; ReportError where a report cannot be read.
    """
    log = folder / "vivado.log"
    found = reports.messages(_read(log))
    errors = [message for message in found if message.severity == "ERROR"]
    if returncode or errors:
        why = f"[{errors[0].id}] {errors[0].text}" if errors else f"exit code {returncode}"
        raise VivadoError(f"Vivado: {why}; see {log}")
    reasons = accepted()
    for message in found:
        if message.id not in reasons:
            raise VivadoError(
                f"Vivado: critical warning [{message.id}] {message.text}; when it does no harm, add it with the reason "
                f"to hw/toolchains/vivado/accepted.toml; see {log}"
            )
    if violated := reports.drc_errors(_read(folder / "drc.rpt")):
        raise VivadoError(f"Vivado: design rule {violated[0]}; see {folder / 'drc.rpt'}")
    slack = reports.timing(_read(folder / "timing.rpt"))
    if slack.worst_ns < 0:
        raise VivadoError(
            f"Vivado: timing is not met: worst slack {slack.setup_ns} ns setup, {slack.hold_ns} ns hold, "
            f"{slack.pulse_width_ns} ns pulse width; lower the board's clock_mhz; see {folder / 'timing.rpt'}"
        )
    used = reports.utilization(_read(folder / "utilization.rpt"))
    if not (folder / "shiftcore.bit").is_file():
        raise VivadoError(f"Vivado: ended without an error and without a bitstream; see {log}")
    return {
        "timing": {**slack._asdict(), "worst_ns": slack.worst_ns},
        "paths": [path._asdict() for path in reports.paths(_read(folder / "paths.rpt"))],
        "utilization": used,
        "power": reports.power(_read(folder / "power.rpt"))._asdict(),
        "accepted": [{"id": message.id, "reason": reasons[message.id]} for message in found],
    }


def _certify(folder: Path, board: Board, program: str, result: dict[str, Any]) -> None:
    """Leave what the reports say in the form in which `shiftcore certify` leaves what a board shows."""
    about = {"when": datetime.now(timezone.utc).isoformat(timespec="seconds"), "vivado": version(program)}
    made_for = {"board": board.name, "part": board.part, "clock_mhz": board.clock_mhz}
    files = {name: digest(folder / name) for name in ("sources.txt", "shiftcore.bit")}
    certificate.write(
        folder / "certificate.json", "vivado",
        {"verdict": {"passed": True, "why": []}, "about": about, "build": {**made_for, "files": files}, **result},
    )  # fmt: skip


def handoff(folder: Path) -> Path:
    """The .hwh of the block design that Vivado made in `folder`. Raises VivadoError when there is none."""
    found = sorted(folder.glob("project/**/hw_handoff/shiftcore.hwh"))
    if not found:
        raise VivadoError(f"Vivado: no shiftcore.hwh under {folder / 'project'}; see {folder / 'vivado.log'}")
    return found[0]


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        raise VivadoError(f"Vivado: wrote no {path.name}; see {path.parent / 'output.txt'}") from None
