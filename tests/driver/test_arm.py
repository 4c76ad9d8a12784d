# SPDX-License-Identifier: BSD-3-Clause
"""The driver on 32-bit ARM, emulated: the deploy archive's self-test, and what a video decodes to there."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from shiftcore.model import video
from tests.driver import armhf, deployed
from tests.driver.deployed import shiftcore

# Prints the SHA-256 of each frame's planes as they are decoded, and writes the RGB that model.video makes of them.
DECODE = """
import hashlib, json, platform, sys
from pathlib import Path
import av, numpy as np
from shiftcore.model import decoders, video

assert decoders.need_one() == "", decoders.need_one()
with av.open(sys.argv[1]) as container:
    planes = [hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest() for frame in container.decode(video=0)]
np.save(sys.argv[2], np.stack(list(video.frames(Path(sys.argv[1])))))
print(json.dumps({"planes": planes, "machine": platform.machine()}))
"""

# Records with the encoder that PyAV has there.
RECORD = """
import sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from shiftcore.driver import record

writer = record._PyAv(Path(sys.argv[1]), (64, 48), Fraction(25))
for level in (0, 60, 120, 180):
    writer.add(np.full((48, 64, 3), level, np.uint8))
writer.close()
print(record._encoder())
"""


@pytest.fixture(scope="module")
def arm() -> str:
    """An armv7l Python."""
    return armhf.python()


def there(python: str, board: Path, program: str, *arguments: Any) -> str:
    """What a program prints on ARM, with the archive's modules."""
    unpacked = shiftcore(board, python, "--version")  # the first start lays out the archive's modules
    assert unpacked.returncode == 0, unpacked.stderr
    command = [python, "-c", program, *map(str, arguments)]
    environment = {**deployed.VARIABLES, "PYTHONPATH": str(board / "lib")}
    done = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_archives_selftest_passes(arm: str, own_board: Path) -> None:
    done = shiftcore(own_board, arm, "selftest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "armv7l; 0 of 32 differ" in done.stdout and "FAIL" not in done.stdout
    assert done.stderr.startswith("warning: no chip: ") and done.stderr.count("\n") == 1


def test_planes_are_the_same_there_and_rgb_is_not(arm: str, board: Path, clip: Path, tmp_path: Path) -> None:
    """What a decoder gives is the same everywhere, to the bit. swscale's conversion to RGB is not, by a few levels;
    that is not ours to make equal, only to be truthful about (docs/driver.md)."""
    said = json.loads(there(arm, board, DECODE, clip, tmp_path / "rgb.npy"))
    with av.open(str(clip)) as container:
        ours = [hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest() for frame in container.decode(video=0)]
    assert said == {"planes": ours, "machine": "armv7l"}
    here, far = np.stack(list(video.frames(clip))).astype(int), np.load(tmp_path / "rgb.npy").astype(int)
    assert here.shape == far.shape and 0 < np.abs(here - far).max() <= 3


def test_it_records_without_x264(arm: str, board: Path, tmp_path: Path) -> None:
    """PyAV's wheel for armv7l has none."""
    assert there(arm, board, RECORD, tmp_path / "out.mp4") == "mpeg4\n"
    levels = [int(image.mean()) for image in video.frames(tmp_path / "out.mp4")]
    assert np.abs(np.subtract(levels, (0, 60, 120, 180))).max() < 4
