# SPDX-License-Identifier: BSD-3-Clause
"""A clip an alarm: the camera's own pictures, unless they are masked; room on the disk; nothing half-written."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from shiftcore.driver.service import clips
from shiftcore.driver.service.clips import Clips, ClipSettings
from shiftcore.driver.sources.tape import Tape
from shiftcore.errors import UserError
from shiftcore.flow.command import app
from shiftcore.model import video
from tests.checkout import ROOT
from tests.driver.footage import alarming
from tests.driver.rtsp_camera import Camera


def test_a_clip_is_what_the_camera_sent_and_a_masked_one_shows_nothing_of_it(
    tiny_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "AROUND_S", 1.0)
    content = alarming(tmp_path / "a.ts", clips=6)
    sent = {frame.tobytes() for frame in video.frames(tmp_path / "a.ts", luma=True)}
    bare, masked = (Camera(content, pace_s=0.03) for _ in range(2))
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / ".old.mp4.part").write_text("of a run that was killed")
    site = tmp_path / "site.toml"
    site.write_text(
        f'[cameras.bare]\naddress = "{bare.address}"\n'
        f'[cameras.masked]\naddress = "{masked.address}"\nmasks = [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]]\n'
        '[clips]\nfolder = "clips"\n'
    )

    def written(suffix: str) -> dict[str, Path]:
        return {path.name.split("-")[1]: path for path in sorted((tmp_path / "clips").glob(f"*{suffix}"))}

    def conduct() -> None:
        end = time.monotonic() + 120
        while len(written(".json")) < 2 and time.monotonic() < end:
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)

    conductor = threading.Thread(target=conduct)
    conductor.start()
    command = ["run", str(site), "--build", str(tiny_export / "model.npz"), "--backend", "reference"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    conductor.join()
    for camera in (bare, masked):
        camera.close()
    assert result.exit_code == 0 and "no clip" not in result.stderr, result.output
    assert set(written(".mp4")) == set(written(".jpg")) == set(written(".json")) == {"bare", "masked"}
    assert not list((tmp_path / "clips").glob(".*"))
    copied = list(video.frames(written(".mp4")["bare"], luma=True))
    assert len(copied) > 10 and all(frame.tobytes() in sent for frame in copied)  # not one was made anew
    hidden = np.stack(list(video.frames(written(".mp4")["masked"], luma=True)))
    assert hidden[:, 8:-8, :30].max() < 40 and hidden[:, :, 50:].std() > 10
    for name in ("bare", "masked"):
        about = json.loads(written(".json")[name].read_text())
        assert about["camera"] == name and about["kind"] == "alarm" and about["begins"] >= 0
        assert len(about["scores"]) > 5 and all(0 <= score <= 1 for _, score in about["scores"])
        with av.open(str(written(".jpg")[name])) as picture:
            assert next(picture.decode(video=0)).width == 80


def reel_of(path: Path) -> Tape:
    tape = Tape(1000.0)
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            tape.add(packet, float((packet.pts or 0) * packet.time_base))
    return tape


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "mjpeg"])
def test_codecs_that_are_copied(tmp_path: Path, codec: str) -> None:
    path, rng = tmp_path / "a.mkv", np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.gop_size = 64, 48, 10
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for pixels in rng.integers(0, 256, (50, 48, 64, 3), dtype=np.uint8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    tape = reel_of(path)
    reel = tape.reel(0.9, 100.0)
    assert reel is not None and reel.packets[0].key and (codec == "mjpeg" or reel.packets[0].arrival < 0.9)
    clips.write(tmp_path / "clip.mp4", reel, clips.Cover())
    copied, sent = (list(video.frames(name, luma=True)) for name in (tmp_path / "clip.mp4", path))
    assert len(copied) == len(reel.packets) and all(
        np.array_equal(one, other) for one, other in zip(copied, sent[-len(copied) :], strict=True)
    )
    assert clips.picture(tmp_path / "clip.mp4", 0.5)[:2] == b"\xff\xd8"


def test_a_tape_keeps_seconds_from_a_key_frame_on_and_no_more() -> None:
    class Fake:
        size, stream, time_base = 1, None, 1

        def __init__(self, number: int) -> None:
            self.pts = self.dts = number
            self.is_keyframe = number % 10 == 0

        def __bytes__(self) -> bytes:
            return b"x"

    tape = Tape(5.0)
    tape._header = b"there"
    for number in range(100):
        tape.add(Fake(number), number / 10)
    assert [tape._packets[0].pts, len(tape._packets)] == [40, 60]
    tape.hold = lambda: 6.0  # a clip began there
    for number in range(100, 200):
        tape.add(Fake(number), number / 10)
    assert tape._packets[0].pts == 60
    reel = tape.reel(7.55, 8.0)
    assert reel is not None and [packet.pts for packet in reel.packets] == list(range(70, 81))
    tape.begin()
    assert tape.reel(0.0, 100.0) is None


WRITES = """
import sys
from itertools import count
from pathlib import Path
from shiftcore.driver.events import Reporter
from shiftcore.driver.service.clips import Clips, ClipSettings, Cover, _Cut
from shiftcore.model.alarm import Change
from tests.driver.test_clips import reel_of
reel, made = reel_of(Path(sys.argv[1])).reel(0.0, 100.0), Clips(ClipSettings(sys.argv[2]), print)
for number in count():
    event = Reporter(0, f"camera{number}").event(Change(True, 1.0, 1.0, "fight", 0.9), "a", "1f0c22ab")
    made._write(_Cut(event, 0.0, 1.0), reel, Cover(), [[0.0, 0.5]])
    print(number, flush=True)
"""


def test_a_run_that_is_killed_leaves_whole_clips(tmp_path: Path) -> None:
    """At any moment: each JSON has its video and picture, and the next run removes what is half-written."""
    alarming(tmp_path / "a.ts", clips=2)
    folder, sent = tmp_path / "clips", len(list(video.frames(tmp_path / "a.ts")))
    for pause_s in (0.0, 0.013, 0.037):
        command = [sys.executable, "-c", WRITES, str(tmp_path / "a.ts"), str(folder)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stdout.readline() == b"0\n"
            time.sleep(pause_s)
            process.kill()
    told = list(folder.glob("*.json"))
    assert len(told) >= 3
    for path in told:
        assert json.loads(path.read_text())["kind"] == "alarm" and path.with_suffix(".jpg").stat().st_size > 100
        assert len(list(video.frames(path.with_suffix(".mp4")))) == sent
    Clips(ClipSettings(str(folder)), print).close()
    assert not list(folder.glob(".*"))


def filled(folder: Path, settings: Callable[[str], ClipSettings], sizes: list[int]) -> Clips:
    made = Clips(settings(str(folder)), print)
    for number, size in enumerate(sizes):
        for suffix in (".mp4", ".jpg"):
            (folder / f"2026112{number}T000000-door-0{suffix}").write_bytes(b"x" * (size // 2))
    return made


def left(folder: Path) -> list[str]:
    return sorted({path.name[:8] for path in folder.iterdir()})


def test_the_oldest_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "free", lambda _: 10**12)
    made = filled(tmp_path, lambda name: ClipSettings(name, megabytes=1, days=0.0), [400_000] * 3)
    made._make_room(500_000)
    assert left(tmp_path) == ["20261122"]
    with pytest.raises(OSError, match="no room"):
        made._make_room(1_100_000)
    made.close()


def test_what_is_too_old_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "free", lambda _: 10**12)
    made = filled(tmp_path, lambda name: ClipSettings(name, days=2.0), [10] * 3)
    for path in tmp_path.glob("20261120*"):
        os.utime(path, (0, time.time() - 3 * 86400))
    made._make_room(10)
    assert left(tmp_path) == ["20261121", "20261122"]
    made.close()


def test_a_disks_last_bytes_are_not_for_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = os.statvfs(tmp_path)
    assert clips.free(tmp_path) <= disk.f_bavail * disk.f_frsize - (200 << 20)
    room = [-5, -5, 20]  # before, after one and after two are removed
    monkeypatch.setattr(clips, "free", lambda _: room.pop(0) if len(room) > 1 else room[0])
    made = filled(tmp_path, ClipSettings, [10] * 3)
    made._make_room(10)
    assert len(list(tmp_path.iterdir())) == 4
    monkeypatch.setattr(clips, "free", lambda _: -1)
    with pytest.raises(OSError, match="no room"):
        made._make_room(10)
    made.close()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file/clips: clips cannot be written there"):
        Clips(ClipSettings(str(tmp_path / "file" / "clips")), print)
