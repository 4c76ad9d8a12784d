# SPDX-License-Identifier: BSD-3-Clause
"""Environments of other Pythons and other packages, made once, and one test process at a time where that is needed."""

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shiftcore.artifacts import atomic_folder, build_folder, digest
from tests.checkout import ROOT


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Let one test process in; the others wait, and find the work done."""
    build_folder().mkdir(parents=True, exist_ok=True)
    with open(build_folder() / f".{name}.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def with_tools(folder: Path) -> Path:
    """A build folder for one test, with the tools of the others' (Verilator's header, precompiled) as they are."""
    tools = build_folder() / "tools"
    for path in (tools, folder):
        path.mkdir(parents=True, exist_ok=True)
    (folder / "tools").symlink_to(tools.resolve())
    return folder


PYNQ = {
    "3.0.1": ("pynqmetadata==0.1.2", "pydantic==1.9.1", "pycparser==2.21", "ipython==8.39.0"),
    "3.1.2": ("pynqmetadata==0.1.9", "pydantic==1.9.1", "pycparser==2.21", "ipython==8.39.0"),
    "4.0.0": ("pynqmetadata==0.2.0",),
}
"""The versions of pynq that the driver is tested with, and what each image has beside it: v3.0.1, v3.1, the newest."""


def old_python() -> str | None:
    """A Python 3.10 that starts, as PYNQ's images have it, if this machine has one."""
    homes = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/3.10.*/bin/python3.10"))
    for candidate in (*map(str, homes), shutil.which("python3.10")):
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def environment(name: str, *arguments: str) -> Path:
    """The Python of an environment of Python 3.10 with what pip installs by `arguments`, made once; skips where there
    is no such Python, or pip cannot."""
    python = old_python()
    if python is None:
        pytest.skip("no Python 3.10 on this machine (PATH, pyenv)")
    files = [Path(argument) for argument in arguments if Path(argument).is_file()]
    folder = build_folder() / "tools" / f"{name}-{digest(python, *arguments, *files)[:12]}"
    with one_at_a_time(name):
        if not (folder / ".complete").is_file():
            subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True)
            _pip_install(str(folder / "bin" / "python"), *arguments)
            (folder / ".complete").touch()
    return folder / "bin" / "python"


def overlay(package: str, *options: str) -> str:
    """A folder for PYTHONPATH with one package as Python 3.10's pip unpacks it, made once; skips where there is no such
    Python, or pip cannot."""
    python, folder = old_python(), build_folder() / "tools" / f"only-{package}"
    if python is None:
        pytest.skip("no Python 3.10 on this machine (PATH, pyenv)")
    with one_at_a_time("overlay"):
        if not folder.is_dir():
            with atomic_folder(folder) as temporary:
                _pip_install(python, "--no-deps", *options, "--target", str(temporary), package)
    return str(folder)


def _pip_install(python: str, *arguments: str) -> None:
    """Without compiling what is installed: of the most part nothing is ever imported, the rest when it is."""
    command = [python, "-m", "pip", "install", "--no-compile", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"{' '.join(arguments)} cannot be installed here: {why}")


def pynq_environment(version: str) -> Path:
    """The Python of an environment with the real pynq of that version, with what its image has beside it, and with the
    packages that the driver's commands need."""
    wheels = re.findall(r"^[\w-]+==\S+", (ROOT / "driver" / "requirements.txt").read_text(), re.MULTILINE)
    return environment(f"pynq-{version}", f"pynq=={version}", *PYNQ[version], "numpy<2", *wheels)
