# SPDX-License-Identifier: BSD-3-Clause
"""Recordings on real disks: playable at any moment, never shared, and a full disk costs frames and not the run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from shiftcore.driver import record
from shiftcore.driver.record import Recorder
from shiftcore.errors import UserError
from shiftcore.model import video
from tests.checkout import ROOT
from tests.driver.disk import fill, small_disk

SCENE = np.random.default_rng(0).integers(0, 150, (12, 16, 3), dtype=np.uint8).repeat(30, 0).repeat(30, 1)


@pytest.fixture(params=["PyAV", "OpenCV"])
def writer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "OpenCV":
        monkeypatch.setattr(record, "_encoder", lambda: "")
    return request.param


def add(recorder: Recorder, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        recorder.add(np.roll(SCENE, 10 * number, 1), f"frame {number}", raised=False)


def test_a_recording_is_one_playable_file(writer: str, tmp_path: Path, said: list[str]) -> None:
    recorder = Recorder(tmp_path / "out.mp4", 16, said.append)
    add(recorder, 50)
    recorder.close()
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert len(list(video.frames(tmp_path / "out.mp4"))) == 50 and recorder.lost == 0 and said == []


PROGRAM = """
import os, signal, sys
from pathlib import Path
from shiftcore.driver import record
from tests.driver.test_record import add
if sys.argv[1] == "OpenCV":
    record._encoder = lambda: ""
add(record.Recorder(Path(sys.argv[2]), 16), 160)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_leaves_what_it_has_recorded(writer: str, tmp_path: Path, said: list[str]) -> None:
    command = [sys.executable, "-c", PROGRAM, writer, str(tmp_path / "out.mp4")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    part = tmp_path / "out.part.mp4"
    with av.open(str(part)) as container:
        assert sum(1 for _ in container.decode(video=0)) > 160 - 4 * 16  # seconds
    recorder = Recorder(tmp_path / "out.mp4", 16, said.append)  # started again, as a service is
    add(recorder, 20)
    recorder.close()
    (left,) = [path for path in tmp_path.iterdir() if path.name != "out.mp4"]
    assert said == [f"{left}: is what a run that was killed had recorded"] and left.name.startswith("out-2")
    assert len(list(video.frames(left))) > 160 - 4 * 16 and len(list(video.frames(tmp_path / "out.mp4"))) == 20


def test_two_runs_do_not_share_a_recording(writer: str, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mp4", 16)
    with pytest.raises(UserError, match=r"out\.mp4: another run records there; give this one another name"):
        Recorder(tmp_path / "out.mp4", 16)
    add(recorder, 20)
    with pytest.raises(UserError, match="another run records there"):
        Recorder(tmp_path / "out.mp4", 16)
    recorder.close()
    again = Recorder(tmp_path / "out.mp4", 16)
    again.close()
    assert len(list(video.frames(tmp_path / "out.mp4"))) == 20  # one that recorded nothing takes nothing away
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_costs_frames_and_leaves_only_what_plays(
    writer: str, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "RETRY_S", 0.0)
    with small_disk(tmp_path / "disk", "2m") as disk:
        recorder = Recorder(disk / "out.mp4", 16, said.append)
        add(recorder, 100)
        fill(disk)
        add(recorder, 100, start=100)
        assert said[0] == f"{disk / 'out.mp4'}: No space left on device; frames are left out until there is room"
        assert len(said) == 1 and recorder.lost > 0
        (disk / "filler").unlink()
        add(recorder, 40, start=200)
        recorder.close()
        assert said[1:] == [f"{disk / 'out-2.mp4'}: the recording goes on there"]
        assert sorted(path.name for path in disk.iterdir()) == ["out-2.mp4", "out.mp4"]
        assert len(list(video.frames(disk / "out.mp4"))) >= 60 and len(list(video.frames(disk / "out-2.mp4"))) == 40


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_disk_that_is_full_from_the_start(writer: str, tmp_path: Path, said: list[str]) -> None:
    with small_disk(tmp_path / "disk") as disk:
        fill(disk)
        recorder = Recorder(disk / "out.mp4", 16, said.append)
        add(recorder, 20)
        recorder.close()
        assert [path.name for path in disk.iterdir()] == ["filler"]
        assert recorder.lost == 20 and len(said) == 1 and "out.mp4: No space left on device" in said[0]
