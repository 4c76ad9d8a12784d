# SPDX-License-Identifier: BSD-3-Clause
"""The deploy archive as a board has it: unpacked where nothing else is, run by a Python that is not this project's."""

import os
import subprocess
import tarfile
from pathlib import Path

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
