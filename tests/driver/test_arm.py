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

# Prints the SHA-256 of each frame's planes as they are decoded, and of the luma and the RGB that model.video gives.
DECODE = """
import hashlib, json, platform, sys
from pathlib import Path
import av, numpy as np
from shiftcore.model import decoders, video

assert decoders.need_one() == "", decoders.need_one()
with av.open(sys.argv[1]) as container:
    planes = [hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest() for frame in container.decode(video=0)]
seen = [hashlib.sha256(image.tobytes()).hexdigest() for luma in (True, False)
        for image in video.frames(Path(sys.argv[1]), luma=luma)]
print(json.dumps({"planes": planes, "seen": seen, "machine": platform.machine()}))
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


def test_luma_and_colours_are_the_same_bytes_there(arm: str, board: Path, clip: Path) -> None:
    """As are the decoder's planes. No swscale is between, whose code is another for each kind of processor."""
    said = json.loads(there(arm, board, DECODE, clip))
    with av.open(str(clip)) as container:
        ours = [hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest() for frame in container.decode(video=0)]
    images = [image for luma in (True, False) for image in video.frames(clip, luma=luma)]
    seen = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
    assert len(images) == 2 * len(ours) and images[-1].ndim == 3
    assert said == {"planes": ours, "seen": seen, "machine": "armv7l"}


def test_it_records_without_x264(arm: str, board: Path, tmp_path: Path) -> None:
    """PyAV's wheel for armv7l has none."""
    assert there(arm, board, RECORD, tmp_path / "out.mp4") == "mpeg4\n"
    levels = [int(image.mean()) for image in video.frames(tmp_path / "out.mp4")]
    assert np.abs(np.subtract(levels, (0, 60, 120, 180))).max() < 4
