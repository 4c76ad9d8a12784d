# SPDX-License-Identifier: BSD-3-Clause
"""openXC7's programs and data bases: where they are, and how a program is run that may never end."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from shiftcore import process
from shiftcore.errors import UserError

STALLED_S = 1800
"""So long a program may say nothing: nextpnr-xilinx tells of each step of placement and of each round of routing."""
SILENT_S = 300
"""After so long it is told that it says nothing."""
_TIME_LIMIT_S = 12 * 3600
_PROGRAMS = ("nextpnr-xilinx", "fasm2frames", "xc7frames2bit")


class OpenXc7Error(UserError):
    """A tool failed, or gave what cannot be right; the message says why, and where its log is."""


class Tools(NamedTuple):
    """The programs and data bases."""

    nextpnr: str
    fasm2frames: str
    frames2bit: str
    chipdb: Path
    database: Path


def find(part: str) -> Tools:
    """The tools for a part: programs on PATH or anywhere under the folder that the environment variable OPENXC7 names,
    data bases under that folder, behind links as well. Raises UserError where one is missing: what, and what to do."""
    files = list(_files(Path(os.environ.get("OPENXC7") or os.devnull)))
    nextpnr, fasm2frames, frames2bit = (_program(program, files) for program in _PROGRAMS)
    chipdb = next((file for file in files if re.fullmatch(rf"{part[:7]}.*\.bin", file.name)), None)
    if chipdb is None:
        raise _missing(f"chip data base {part[:7]}*.bin")
    yaml = next((file for file in files if file.parts[-2:] == (part, "part.yaml")), None)
    if yaml is None:
        raise _missing(f"Project X-Ray data base with {part}/part.yaml")
    return Tools(nextpnr, fasm2frames, frames2bit, chipdb, yaml.parent.parent)


def _program(name: str, files: list[Path]) -> str:
    found = shutil.which(name) or next((str(f) for f in files if f.name == name and os.access(f, os.X_OK)), None)
    if found is None:
        raise _missing(name)
    return found


def _files(root: Path) -> Iterator[Path]:
    """All files under `root`, in order, links followed, each folder once."""
    seen: set[str] = set()
    for folder, names, files in os.walk(root, followlinks=True):
        names[:] = sorted(name for name in names if os.path.realpath(os.path.join(folder, name)) not in seen)
        seen.update(os.path.realpath(os.path.join(folder, name)) for name in names)
        yield from (Path(folder, file) for file in sorted(files))


def _missing(what: str) -> UserError:
    return UserError(
        f"{what}: not found; install openXC7's tools ({', '.join(_PROGRAMS)}, chip and Project X-Ray data bases) and "
        "name their folder in OPENXC7=...; no package has them (docs/bitstream.md)"
    )


def version(tools: Tools) -> str:
    """What nextpnr calls itself."""
    done = process.run([tools.nextpnr, "--version"], timeout=60)
    found = re.search(r"Version ([^)\s]+)", done.stdout + done.stderr)
    return found[1] if found else "unknown"


def run(name: str, folder: Path, command: list[object]) -> tuple[int, str]:
    """Run a tool in `folder`, its words in NAME.log there; returns its exit code and them. Tells when it says nothing
    for long, and ends it when that lasts. Raises OpenXc7Error where it is ended, or cannot be started."""
    log = folder / f"{name}.log"
    print(f"{name} at work; its log is {log} ...", flush=True)
    try:
        with open(log, "w") as output:
            done = process.run(
                [*map(str, command)], _TIME_LIMIT_S, _speaking(name, log), cwd=folder, stdout=output, stderr=output
            )
    except process.StoppedError:
        raise OpenXc7Error(
            f"{name}: stalled: said nothing for {STALLED_S / 60:g} minutes after {_last(log)!r}; where that is the "
            f"routing, try SHIFT_REGISTERS=no; see {log}"
        ) from None
    except subprocess.TimeoutExpired:
        raise OpenXc7Error(f"{name}: stopped after {_TIME_LIMIT_S / 3600:g} h; see {log}") from None
    except OSError as error:
        raise OpenXc7Error(f"{name}: does not run: {error}") from None
    return done.returncode, log.read_text(errors="replace")


def _speaking(name: str, log: Path) -> Callable[[], bool]:
    """Whether a log has grown within `STALLED_S`: asked twice a second. When it has not for `SILENT_S` that is told."""
    size, since, told = 0, time.monotonic(), False

    def speaking() -> bool:
        nonlocal size, since, told
        now, grown = time.monotonic(), log.stat().st_size
        if grown > size:
            size, since, told = grown, now, False
        if now - since > SILENT_S and not told:
            told = True
            print(f"{name}: has said nothing for {SILENT_S / 60:g} minutes, after {_last(log)!r}", flush=True)
        return now - since < STALLED_S

    return speaking


def _last(log: Path) -> str:
    """Its last line."""
    return (log.read_text(errors="replace").strip().splitlines() or [""])[-1].strip()
