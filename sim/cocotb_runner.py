# SPDX-License-Identifier: BSD-3-Clause
"""Build and run a cocotb bench with Verilator: the one place that knows how cocotb's runner is made to do so."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from cocotb_tools import config, runner

from shiftcore import process
from shiftcore.artifacts import build_folder
from shiftcore.model.manifest import CoreManifest
from shiftcore.process import plain
from shiftcore.sim.verilator import environment


class BenchError(AssertionError):
    """A bench failed; the message holds every failed test's own."""


class _Verilator(runner.Verilator):
    def __init__(self, optimize: str = "") -> None:
        super().__init__()
        self._optimize = optimize  # as the compiler is told, where something is compiled

    def _set_env_common(self) -> None:
        super()._set_env_common()
        large = self._optimize not in ("", "-O0")  # one that runs for short is small: a single file, read once
        ours = environment("", self._optimize) if large else environment()
        self.env["VERILATOR_ROOT"] = ours["VERILATOR_ROOT"]
        # Not by -CFLAGS, which reach Verilator's own files as well: these are the same for every bench.
        self.env["MAKEFLAGS"] = f"{ours['MAKEFLAGS']} OPT_FAST={self._optimize}"

    def _simulator_in_path_build_only(self) -> None:
        self.executable = shutil.which("verilator", path=environment()["PATH"]) or "verilator"

    def _build_command(self) -> list[list[str]]:
        # cocotb makes every signal of the design public, which keeps Verilator from optimising any of them away
        # and costs minutes on a whole network; a bench needs the top's ports alone.
        verilate, *rest = super()._build_command()
        position = verilate.index("--public-flat-rw")
        verilate = [*verilate[:position], "--public-depth", "1", *verilate[position + 1 :]]
        libraries = str(config.libs_dir), str(plain(config.libs_dir))
        return [[_plainly(word).replace(*libraries) for word in command] for command in (verilate, *rest)]

    def _execute_cmds(self, cmds: Sequence[list[str]], cwd: runner.PathLike, stdout: TextIO | None = None) -> None:
        for command in cmds:
            done = process.run(command, cwd=cwd, env=self.env, stdout=stdout, stderr=subprocess.STDOUT)
            if done.returncode:
                raise RuntimeError(f"Command failed with return code: {done.returncode}")


def _plainly(word: str) -> str:
    """A word of a command; a file's or a folder's name becomes a plain one."""
    path = Path(word)
    if not path.is_absolute() or not path.exists():
        return word
    return str(plain(path) if path.is_dir() else plain(path.parent) / path.name)


def build(
    top: str, sources: Sequence[Path | str], folder: Path, arguments: Sequence[str] = (), optimize: str = "-O1"
) -> None:
    """Compile the bench of the module `top` into `folder`, which only one process may use at a time; `arguments` are
    Verilator's, `optimize` the compiler's.

    Registers start with random values (`--x-initial unique`), so that nothing passes by lucky zeros.
    Raises RuntimeError, with the log's file, when Verilator or the compiler refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "build.log"
    flags = ["-Wno-fatal", "-O3", "--x-assign", "unique", "--x-initial", "unique"]
    try:
        _Verilator(optimize).build(
            sources=list(sources),
            hdl_toplevel=top,
            build_dir=folder,
            build_args=[*flags, *arguments],
            timescale=("1ns", "1ns"),
            always=True,
            log_file=log,
        )
    except RuntimeError as error:
        errors = [line for line in log.read_text().splitlines() if line.startswith("%Error") or "error:" in line]
        raise RuntimeError(f"{top}: {error}; {log}: {' / '.join(errors[:3])}") from None


def build_core(core: Path) -> Path:
    """Compile the core in folder `core` (see hw.core) for cocotb, unless that has been done; return the bench's folder.

    Processes that want the same bench wait for the first one.
    """
    manifest = CoreManifest.read(core)
    folder = build_folder() / "cocotb" / manifest.content[:24]
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        finished = folder / "finished"
        if not finished.is_file():
            shutil.copytree(core / "data", folder / "data", dirs_exist_ok=True)  # named relative to where it runs
            sources = [core / file for file in manifest.files]
            build("core", sources, folder, [f"-I{plain(core) / 'rtl'}", "--no-timing", "-Wno-lint", "-Wno-style"])
            finished.touch()
    return folder


def run(top: str, module: str, folder: Path, variables: dict[str, str] | None = None, seed: int = 1) -> int:
    """Run the cocotb tests of the Python module `module` on the bench in `folder`; return how many there were.

    `variables` reach the tests as environment variables; `seed` is cocotb's, and that of the registers' first values.
    Raises BenchError when a test fails, or when the simulator stops before the last one.
    """
    results = folder / "results.xml"
    plain(config.libs_dir)  # where the bench was linked to find its libraries
    with contextlib.suppress(SystemExit, RuntimeError):  # the runner's word for a failed test, in pytest and elsewhere
        _Verilator().test(
            hdl_toplevel=top,
            hdl_toplevel_lang="verilog",
            test_module=module,
            build_dir=folder,
            test_dir=folder,
            results_xml=str(results),
            seed=seed,
            test_args=["+verilator+rand+reset+2", f"+verilator+seed+{seed}"],
            extra_env={"PATH": os.environ["PATH"], **(variables or {})},
            log_file=folder / "run.log",
        )
    if not results.is_file():
        raise BenchError(f"{top}: the simulator ended without a result; see {folder / 'run.log'}")
    cases = ET.parse(results).getroot().findall(".//testcase")
    failed = [f"{case.get('name')}: {_message(case)}" for case in cases if case.find("failure") is not None]
    failed += [f"{case.get('name')}: {_message(case)}" for case in cases if case.find("error") is not None]
    if failed or not cases:
        raise BenchError(f"{top} (seed {seed}): " + "; ".join(failed or ["no test ran"]))
    return len(cases)


def _message(case: ET.Element) -> str:
    detail = case.find("failure")
    detail = case.find("error") if detail is None else detail
    if detail is None:
        return ""
    return detail.get("error_msg") or detail.get("message") or (detail.text or "").strip()
