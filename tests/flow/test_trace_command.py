# SPDX-License-Identifier: BSD-3-Clause
"""`make trace` on the shipped network."""

import subprocess
from pathlib import Path

import numpy as np

from shiftcore.model import video as files
from tests.commands import shiftcore


def trace(*arguments: str) -> subprocess.CompletedProcess[str]:
    return shiftcore("trace", *arguments)


def test_every_layer_is_compared(tiny_core: Path) -> None:
    done = trace("--frames", "3")
    assert done.returncode == 0, done.stderr
    assert "20 layers of 3 frames equal the reference" in done.stdout


def test_what_is_said_to_be_compared_was(tiny_core: Path, tmp_path: Path) -> None:
    """A video of three frames, of which eight were wanted."""
    files.write(tmp_path / "three.mp4", [np.full((32, 32, 3), 80 * k, np.uint8) for k in range(3)])
    done = trace("--video", str(tmp_path / "three.mp4"))
    assert done.returncode == 0, done.stderr
    assert "20 layers of 3 frames equal the reference" in done.stdout


def test_a_missing_video_is_one_line(tiny_core: Path) -> None:
    done = trace("--video", "missing.mp4")
    assert done.returncode == 2
    assert done.stderr.strip() == "error: missing.mp4: no such video file"
