# SPDX-License-Identifier: BSD-3-Clause
"""The header of Verilator's run-time library is precompiled once, and the compiler takes it for fast and slow code."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from shiftcore.sim import library, precompiled, verilator

FLAGS = library._COMPILER_FLAGS


def included(header: str, tmp_path: Path, *flags: str) -> list[str]:
    """What g++ says of the first files that it reads: `!` before one that was precompiled, `x` before one that does not
    fit, dots before one that it parses."""
    (tmp_path / "design.cpp").write_text('#include "verilated.h"\nint design;\n')
    where = Path(verilator.environment()["VERILATOR_ROOT"]) / "include"
    settings = [f"-D{switch}" for switch in precompiled.SWITCHES]
    command = ["g++", *flags, *FLAGS.split(), "-std=gnu++20", "-DVERILATOR=1", *settings, f"-I{where}"]
    command += [f"-I{where / 'vltstd'}", "-include", header, "-H", "-fsyntax-only", "design.cpp"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    return [line for line in done.stderr.splitlines() if line[:1] in "!x."]


@pytest.mark.skipif("CXX" in os.environ, reason="says what g++ does")
def test_the_compiler_takes_it_for_fast_and_for_slow_code(tmp_path: Path) -> None:
    makeflags = shlex.split(verilator.environment(FLAGS, library._FAST)["MAKEFLAGS"])
    given = dict(word.split("=", 1) for word in makeflags)
    header = given["VK_PCH_I_FAST"].removeprefix("-include ")
    assert given["VK_PCH_I_SLOW"] == given["VK_PCH_I_FAST"]
    for name, flags in (("fast", [library._FAST]), ("slow", [])):
        taken = f"! {given['VK_PCH_H']}.{name}.gch"
        read = included(header, tmp_path, *flags)
        assert taken in read and not [line for line in read if line.startswith("..")], read  # all was in there
    parsed = included(header, tmp_path, "-O3", "-DVL_DEBUG=1", "-D_GLIBCXX_DEBUG=1")
    assert parsed and not [line for line in parsed if line.startswith("!")], "made for something else, and taken"


def test_other_flags_are_another_header_and_the_same_are_made_once() -> None:
    first, same, other = (verilator.environment(*given)["MAKEFLAGS"] for given in ((FLAGS, "-O1"),) * 2 + (("-O0",),))
    assert first == same != other
