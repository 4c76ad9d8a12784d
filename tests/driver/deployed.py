# SPDX-License-Identifier: BSD-3-Clause
"""The deploy archive as a board has it: unpacked where nothing else is, run by a Python that is not this project's."""

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from shiftcore.artifacts import atomic_folder, build_folder
from tests import environments

NAME = "shiftcore-tiny-pynq-z2"
PACKAGES = ("numpy==1.26.4", "opencv-python-headless==4.10.0.84")
VARIABLES = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}


def unpacked(archive: Path, home: Path) -> Path:
    """The archive's folder in `home`."""
    with tarfile.open(archive) as content:
        content.extractall(home, filter="data")
    return home / NAME


def shiftcore(board: Path, python: str | None, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the archive's command with `python`, from a folder that is not its own."""
    environment = {**VARIABLES, **({"PYTHON": python} if python else {}), **variables}
    command = [str(board / "shiftcore"), *arguments]
    return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)


def environment(*packages: str) -> Path:
    """A virtual environment of Python 3.10 with `packages` and nothing else, made once; its folder."""
    return environments.environment("board-python", *packages).parent.parent


def folder_of(package: str) -> str:
    """A folder for PYTHONPATH with one package as Python 3.10's pip unpacks it, made once."""
    python, folder = environments.old_python(), build_folder() / "tools" / f"only-{package}"
    if python is None:
        pytest.skip("no Python 3.10 on this machine (PATH, pyenv)")
    with environments.one_at_a_time("board-python"):
        if not folder.is_dir():
            with atomic_folder(folder) as temporary:
                _pip(python, "--no-deps", "--only-binary=:all:", "--target", str(temporary), package)
    return str(folder)


def _pip(python: str, *arguments: str) -> None:
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"pip cannot install {arguments[-1]} here: {why}")
