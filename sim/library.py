# SPDX-License-Identifier: BSD-3-Clause
"""Verilator's model of a design, compiled with a C++ harness to a shared library that Python loads.

A library is built once for what it depends on (RTL sources, flags, harness) and shared by all designs that differ only
in their data files, which the model reads when it is made.
"""

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from shiftcore import process
from shiftcore.artifacts import atomic_folder, build_folder, digest
from shiftcore.process import plain
from shiftcore.sim.verilator import environment

_HERE = Path(__file__).parent
_HEADER = _HERE / "harness.h"
_FST = _HERE / "fst"

_FAST = "-O1"
# docs/simulation.md says what each of these, and what was left out, gave.
_VERILATOR_FLAGS = [
    *("--cc", "--exe", "--build", "-j", "2", "-O3", "--x-assign", "fast", "--x-initial", "unique", "--no-timing"),
    *("--output-split", "20000", "--timescale-override", "1ns/1ns", "-Wno-fatal", "-Wno-lint", "-Wno-style"),
    *("-MAKEFLAGS", f"OPT_FAST={_FAST}"),
    # Without liblz4 and libz: sim/fst stands in for them. harness.h wraps fopen.
    *("-MAKEFLAGS", "LDLIBS='-shared -pthread -Wl,--wrap=fopen'"),
]
_COMPILER_FLAGS = "-fPIC -fvisibility=hidden -fno-gnu-unique -DVL_USER_STOP -DVL_USER_WARN -DVL_USER_FATAL"
_SOURCES = {".sv", ".v", ".svh", ".vh"}


class SimulationError(RuntimeError):
    """A design could not be built or loaded, or broke a rule while it ran."""


def build(
    top: str,
    folder: Path,
    files: Sequence[str],
    include: str,
    harness: Path,
    defines: Sequence[str] = (),
    flags: Sequence[str] = (),
) -> Path:
    """Compile the module `top` and its `harness` to a shared library, unless that has been done; return the library.

    `files`: its sources in order, and `include`: where they include from, relative to `folder`; `defines`: for the
    harness; `flags`: more of Verilator's. Processes that want the same library wait for the first one. Raises UserError
    when no compiler is there, SimulationError when the sources are refused.
    """
    sources = [path for path in sorted(folder.rglob("*")) if path.suffix in _SOURCES]
    names = [str(path.relative_to(folder)) for path in sources]
    own = ["--top-module", top, "--prefix", f"V{top}", "-o", f"{top}.so", *flags]
    settings = [list(files), names, _VERILATOR_FLAGS, own, _COMPILER_FLAGS, list(defines), version("verilator")]
    key = digest(json.dumps(settings), harness, _HEADER, _FST, *sources)
    target = build_folder() / "models" / key[:24]
    library = target / f"{top}.so"
    if library.is_file():
        return library
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.with_suffix(".lock"), "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if library.is_file():
            return library
        waves = "--trace-fst" in flags  # whose header is not the one of all
        variables = environment() if waves else environment(_COMPILER_FLAGS, _FAST)
        with atomic_folder(target) as temporary:
            objects = plain(target.parent) / temporary.name / "objects"
            command = ["verilator", *_VERILATOR_FLAGS, *own, "--Mdir", str(objects)]
            command += _design(folder, files, include, harness, defines)
            _compile(command, variables, folder, target)
            os.replace(objects / library.name, temporary / library.name)
            shutil.rmtree(objects)
    return library


def _design(folder: Path, files: Sequence[str], include: str, harness: Path, defines: Sequence[str]) -> list[str]:
    """What Verilator is told of a design and its harness, by names that its makefiles can hold."""
    here, design = plain(_HERE), plain(folder)
    compiler = [_COMPILER_FLAGS, f"-I{here}", f"-I{here / _FST.name}", *(f"-D{name}" for name in defines)]
    sources = [str(design / file) for file in files] + [str(plain(harness.parent) / harness.name)]
    return ["-CFLAGS", " ".join(compiler), f"-I{design / include}", *sources]


def _compile(command: list[str], variables: dict[str, str], folder: Path, target: Path) -> None:
    done = process.run(command, env=variables)
    log = done.stdout + done.stderr
    if done.returncode:
        if os.strerror(errno.ENOSPC) in log:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        errors = [line for line in log.splitlines() if "%Error" in line or "error:" in line]
        raise SimulationError(f"{folder}: Verilator refuses it: {' / '.join(errors[:3]) or log[-500:]}")
