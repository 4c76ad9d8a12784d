# SPDX-License-Identifier: BSD-3-Clause
"""A checkout in a folder with spaces, quotes, `$` and letters beyond ASCII: simulators and netlists are built in it."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.checkout import ROOT
from tests.package.test_process import left

FOLDERS = ("shiftcore", "driver", "flow", "hw", "model", "quant", "sim", "tests")

SIMULATE = """
    import numpy as np
    import shutil
    from shiftcore.artifacts import build_folder
    from shiftcore.sim import cocotb_runner
    from shiftcore.sim.core import CoreModel

    core = ROOT / "tests" / "sim" / "fixture_core"
    model = CoreModel(core)
    model.push(np.full((4, 4, 3), 2, np.uint8))
    print(model.run()[0].logits.tolist())
    folder = build_folder() / "bench"
    shutil.copytree(core / "data", folder / "data")
    cocotb_runner.build("core", [core / "core.sv"], folder, ["--no-timing", "-Wno-lint", "-Wno-style"])
    (ROOT / "odd_bench.py").write_text(
        "import cocotb\\nfrom cocotb.triggers import Timer\\n"
        "@cocotb.test()\\nasync def starts(dut):\\n    await Timer(10, unit='ns')\\n"
    )
    print(cocotb_runner.run("core", "odd_bench", folder))
"""
SYNTHESIZE = """
    from shiftcore.artifacts import build_folder
    from shiftcore.hw.toolchains import yosys

    sources = yosys.Sources((ROOT / "hw" / "rtl" / "reset_synchronizer.sv",), "reset_synchronizer", ROOT)
    log = yosys.run([*yosys.read(sources, build_folder() / "yosys"), "stat"], build_folder() / "yosys", "read")
    print("reset_synchronizer" in log.read_text())
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout, its environment a link to ours."""
    folder = tmp_path / "with space ü's $HOME"
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "*.pt"))
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def start(checkout: Path, code: str) -> subprocess.Popen[str]:
    lines = "import sys\nfrom pathlib import Path\nROOT = Path.cwd()\nsys.path.insert(0, str(ROOT))\n"
    lines += "\n".join(line.removeprefix("    ") for line in code.splitlines())
    environment = {key: value for key, value in os.environ.items() if key not in ("SHIFTCORE_BUILD", "PYTHONPATH")}
    command = [str(checkout / ".venv" / "bin" / "python"), "-c", lines]
    return subprocess.Popen(
        command, cwd=checkout, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(("code", "output"), [(SIMULATE, "[96, -96]\n1\n"), (SYNTHESIZE, "True\n")])
def test_simulators_and_netlists_are_built_in_any_folder(checkout: Path, code: str, output: str) -> None:
    process = start(checkout, code)
    said, errors = process.communicate()
    assert process.returncode == 0, errors
    assert said == output


BUILD_WITHOUT_END = """
    import os

    import typer
    from shiftcore.cli import command
    from shiftcore.sim.core import build_library

    os.environ["CXX"] = {compiler!r}
    typer.run(command(lambda: build_library(ROOT / "tests" / "sim" / "fixture_core")))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_a_stopped_build_leaves_no_compiler_and_no_folder(checkout: Path, number: signal.Signals) -> None:
    """Verilator has started make, and make a compiler, when the build is stopped; the header is precompiled by then."""
    compiler, notes = checkout.parent / "compiler-without-end", checkout.parent / "notes"
    compiler.write_text(
        '#!/bin/sh\ncase " $* " in\n*" -E "* | *" --version "*) exit ;;\n'
        '*" c++-header "*) for output; do :; done; : >"$output"; exit ;;\nesac\n'
        f'echo $$ $PPID >>"{notes}"\nexec sleep 300\n'
    )
    compiler.chmod(0o755)
    process = start(checkout, BUILD_WITHOUT_END.format(compiler=str(compiler)))
    end = time.monotonic() + 300
    while not notes.is_file() or not notes.read_text().strip():
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.05)
    family = [int(word) for word in notes.read_text().split()]
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert left([int(word) for word in notes.read_text().split()] + family) == []
    if number != signal.SIGKILL:
        assert process.returncode == 2 and errors.startswith("error: interrupted") and errors.count("\n") == 1
        assert [path.suffix for path in (checkout / "build" / "models").iterdir()] == [".lock"]
