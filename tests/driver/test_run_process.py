# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore run` as a process of its own: cameras that go, signals, and nothing secret in what it leaves."""

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

from shiftcore.model import video
from shiftcore.quant import synthetic
from tests.checkout import ROOT
from tests.driver.footage import EVENTS, alarming, scene
from tests.driver.http_camera import MjpegCamera
from tests.driver.rtsp_camera import Camera, transport_stream


class Began:
    """The driver in a process of its own, ended by SIGTERM; `lines` of its standard output so far."""

    def __init__(self, folder: Path, *arguments: Any, environment: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "shiftcore", "run", *map(str, arguments), "--build", str(folder)]
        self.process = subprocess.Popen(
            [*command, "--backend", "reference"],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | (environment or {}),
        )  # fmt: skip
        self.lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    def wait_for(self, condition: Callable[[], bool], seconds: float = 90) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end and self.process.poll() is None, (self.lines[-3:], self.process.poll())
            time.sleep(0.05)

    def end(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        assert self.process.stderr is not None
        return self.process.returncode, self.process.stderr.read()


def test_a_lost_camera_ends_its_alarm_and_not_the_run(tiny_build: Path, tmp_path: Path) -> None:
    """While another camera is there: the end is told when it happens, not when the run ends."""
    content, log = alarming(tmp_path / "a.ts"), tmp_path / "events.jsonl"
    lost, stays = Camera(content, pace_s=0.01, once=True), Camera(content, pace_s=0.01)
    run = Began(tiny_build, lost.address, stays.address, "--json", "--events", log)

    def kinds() -> list[str]:
        events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [event["event"] for event in events if event["stream"] == 0]

    run.wait_for(lambda: len(kinds()) >= 2 and kinds()[-1] == "end")
    time.sleep(3)
    assert kinds() == ["begin", "end"] * (len(kinds()) // 2) and run.process.poll() is None
    status, errors = run.end()
    lost.close()
    stays.close()
    assert status == 0 and f"{lost.address}: Connection refused; called again in" in errors


def test_a_finished_file_ends_its_alarm_while_others_go_on(tiny_build: Path, tmp_path: Path) -> None:
    path, log = scene(tmp_path / "a.mp4", "leave_pick"), tmp_path / "events.jsonl"
    camera = Camera(alarming(tmp_path / "a.ts"), pace_s=0.01)
    run = Began(tiny_build, path, camera.address, "--events", log)
    run.wait_for(lambda: log.exists() and '"event": "end", "stream": 0' in log.read_text())
    assert run.end()[0] == 0
    camera.close()


def test_nothing_secret_leaves_a_run(tiny_build: Path, tmp_path: Path) -> None:
    """Neither one that works nor one that fails: searched is all that it wrote or said."""
    (tmp_path / "there").mkdir()
    images = [image for k in range(3) for image in synthetic.clip(EVENTS, 3, (8, 64, 80), (77, k))]
    works = MjpegCamera(images, 25, login="CANARYuser:CANARY/word")
    refuses = MjpegCamera(images, 25, login="another:one")
    there = [
        f"http://CANARYuser:CANARY%2Fword@127.0.0.1:{works.port}/video?token=CANARY&channel=1",
        f"http://CANARYuser:CANARY%2Fword@127.0.0.1:{refuses.port}/video",
        "rtsp://CANARYuser:CANARY@127.0.0.1:9/user=CANARY_password=CANARY_channel=1.sdp",
        "rtsp://CANARYuser:CANARY/unescaped@127.0.0.1:9/x",
    ]
    out = tmp_path / "there"
    outputs = ["--events", out / "events.jsonl", "--record", out / "out.mp4", "--spool", out / "spool"]
    broker = "mqtt://CANARYuser:CANARY@127.0.0.1:9"
    run = Began(tiny_build, *there, *outputs, "--json", "--mqtt", broker)
    run.wait_for(lambda: (out / "events.jsonl").exists() and "begin" in (out / "events.jsonl").read_text())
    status, errors = run.end()
    plain = Began(tiny_build, *there[:1])  # with the table instead of JSON
    time.sleep(8)
    plain_errors = plain.end()[1]
    for camera in (works, refuses):
        camera.close()
    written = [str(path).encode() + path.read_bytes() for path in out.rglob("*") if path.is_file()]
    everything = b"".join(written) + "".join([*run.lines, errors, *plain.lines, plain_errors]).encode()
    assert status == 0 and len(written) > 3, errors
    assert b"CANARY" not in everything, everything[everything.index(b"CANARY") - 200 :][:300]
    assert f"http://127.0.0.1:{works.port}/video?token=***&channel=1" in run.lines[0]
    assert "refuses user and password (401 Unauthorized)" in errors and "Connection refused" in errors
    assert "Traceback" not in errors + plain_errors


def test_files_that_are_interrupted(tiny_build: Path, tmp_path: Path) -> None:
    path = scene(tmp_path / "a.mp4", "leave_pick", clips=60)
    run = Began(tiny_build, *[path] * 4, "--json", "--record", tmp_path / "out.mp4")
    run.wait_for(lambda: len(run.lines) > 3)
    status, errors = run.end()
    assert status == 2
    assert errors.splitlines()[-1] == "error: interrupted before the end; what was reported and recorded so far is kept"


def test_a_camera_run_is_ended_by_a_signal_and_keeps_its_recording(tiny_build: Path, tmp_path: Path) -> None:
    images = [image for k in range(3) for image in synthetic.clip(EVENTS, 3, (8, 64, 80), (77, k))]
    camera = Camera(transport_stream(tmp_path / "a.ts", images).read_bytes(), pace_s=0.01, freeze=True)
    command = [
        *(sys.executable, "-m", "shiftcore", "run", camera.address),
        *("--build", str(tiny_build), "--backend", "reference"),
    ]
    process = subprocess.Popen(
        [*command, "--json", "--record", str(tmp_path / "out.mp4")],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["frame"] >= 0
    process.send_signal(signal.SIGTERM)  # while that frame is drawn: it is finished first
    _, errors = process.communicate(timeout=600)
    camera.close()
    assert process.returncode == 0, errors
    assert len(list(video.frames(tmp_path / "out.mp4"))) >= 1
