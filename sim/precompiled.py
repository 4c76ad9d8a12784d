# SPDX-License-Identifier: BSD-3-Clause
"""The header of Verilator's run-time library, precompiled once for all designs.

Verilator's makefiles precompile it anew for each design, for fast and for slow code, which takes longer than a small
design itself.
"""

import errno
import fcntl
import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from shiftcore import process
from shiftcore.artifacts import atomic_folder, build_folder, digest
from shiftcore.process import plain

_HEADER = "verilated_for_all.h"
_TEXT = '#include "verilated.h"\n'
_TRACES = ("TRACE", "TRACE_FST", "TRACE_VCD", "TRACE_SAIF")
SWITCHES = [f"VM_{name}=0" for name in ("COVERAGE", "SC", "TIMING", *_TRACES)]
"""What the makefile of a design without timing, traces and coverage says. Where another says more, the compiler sees
that this was precompiled for something else, and reads the header itself."""


def makeflags(environment: Mapping[str, str], compiler: str, flags: str, fast: str = "") -> str:
    """What makes Verilator's makefiles use the precompiled header, for a design compiled with `flags`, its fast
    code with `fast` as well: to be added to MAKEFLAGS. `environment` is sim.verilator's, `compiler` its C++ compiler.
    Raises RuntimeError, and OSError for a full disk."""
    header = _precompiled(environment, compiler, flags, fast)
    there = f"{header}.gch/header"  # .fast.gch and .slow.gch: the compiler takes the one that fits
    return rf"VK_PCH_H={there} VK_PCH_I_FAST=-include\ {header} VK_PCH_I_SLOW=-include\ {header}"


def _precompiled(environment: Mapping[str, str], compiler: str, flags: str, fast: str) -> Path:
    """The header, precompiled, in a folder of its own, kept for all that decides what is in it."""
    includes = Path(environment["VERILATOR_ROOT"]) / "include"
    settings = [_content(compiler, includes), compiler, flags, fast, SWITCHES]
    key = digest(json.dumps(settings), includes / "verilated.mk")
    tools = (build_folder() / "tools").resolve()  # one name for what several build folders share: ccache goes by names
    target = tools / f"verilated-{key[:24]}"
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target.with_suffix(".lock"), "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not target.is_dir():
                with atomic_folder(target) as temporary:
                    _precompile(temporary, environment, flags, fast)
    return plain(target) / _HEADER


@cache
def _content(compiler: str, includes: Path) -> str:
    """A digest of the header with all that it includes, and of the compiler's version."""
    whole = [compiler, "-E", "-std=gnu++20", f"-I{includes}", f"-I{includes / 'vltstd'}", "-x", "c++-header"]
    done = [process.run(words) for words in ([*whole, str(includes / "verilated.h")], [compiler, "--version"])]
    return digest(*(one.stdout for one in done))


def _precompile(folder: Path, environment: Mapping[str, str], flags: str, fast: str) -> None:
    """By the rules of Verilator's makefiles, so that nothing else can be said than in a design's."""
    (folder / _HEADER).write_text(_TEXT)
    both = folder / f"{_HEADER}.gch"
    both.mkdir()
    (both / "header").write_text(_TEXT)
    rules = f"{environment['VERILATOR_ROOT']}/include/verilated.mk"
    options = [f"OPT_FAST={fast}", f"USER_CPPFLAGS={flags}", *SWITCHES]
    command = ["make", "-f", rules, *options, "header.fast.gch", "header.slow.gch"]
    done = process.run(command, cwd=both, env=dict(environment))
    if done.returncode:
        if os.strerror(errno.ENOSPC) in done.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        raise RuntimeError(f"{folder}: Verilator's header cannot be precompiled: {done.stderr[-500:]}")
    for path in both.iterdir():  # with nothing that it is made of, make takes what is there as it is
        if path.suffix != ".gch":
            path.unlink()
