# SPDX-License-Identifier: BSD-3-Clause
"""Calibration to a camera: what was promised holds when the same footage runs with the threshold that was set."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from shiftcore.driver import thresholds
from shiftcore.driver.calibration import Watch
from shiftcore.driver.thresholds import Calibration
from shiftcore.errors import UserError
from shiftcore.flow.command import app
from shiftcore.model import video
from shiftcore.model.alarm import Alarm, AlarmSettings
from shiftcore.quant import synthetic
from tests.checkout import ROOT
from tests.driver.rtsp_camera import Camera, transport_stream

EVENTS = ("door", "object")
LABELS = {name: label for label, name in enumerate(synthetic.class_names(EVENTS))}
SETTINGS = AlarmSettings(("fight",), 0.8, 0.6, 1.0, 5.0)
AT = Calibration(0.9, 1.0, 24.0, 17, "2026-11-27T00:00:00+00:00")


@pytest.fixture(scope="module")
def build(tiny_export: Path) -> Path:
    return tiny_export / "model.npz"


@pytest.fixture
def driver(build: Path) -> Callable[..., Result]:
    def run(command: str, *arguments: Any) -> Result:
        words = [command, "--build", str(build), "--backend", "reference", *map(str, arguments)]
        return CliRunner(env={"COLUMNS": "120"}).invoke(app, words, catch_exceptions=False)

    return run


def recordings(folder: Path, count: int = 3) -> Path:
    """Short videos in each of which the shipped `tiny` raises an alarm."""
    folder.mkdir()
    for number in range(count):
        video.write(folder / f"{number}.mp4", list(synthetic.clip(EVENTS, LABELS["leave_pick"], (16, 64, 80), (77, 0))))
    return folder


def begun(log: Path) -> int:
    return sum('"event": "begin"' in line for line in log.read_text().splitlines()) if log.exists() else 0


def scores(seed: int, count: int) -> np.ndarray:
    noise = np.convolve(np.random.default_rng(seed).normal(size=count), np.ones(8) / 2, "same")
    return 1 / (1 + np.exp(-noise))


def runtime(clips: list[np.ndarray], threshold: float, live: bool) -> int:
    """Alarms of the runtime's own loop: a loss interrupts a camera's alarm, a file begins with a new one."""
    alarm, begins = Alarm(SETTINGS.at(threshold)), 0
    for number, clip in enumerate(clips):
        alarm.interrupt()
        alarm = alarm if live else Alarm(SETTINGS.at(threshold))
        offset = 60.0 * number if live else 0.0
        for index, score in enumerate(clip):
            begins += sum(change.begin for change in alarm.update(offset + index / 8, score, "fight"))
    return begins


@pytest.mark.parametrize("live", [False, True])
def test_what_is_left_out_of_a_watch_changes_no_count(live: bool) -> None:
    clips = [scores(seed, 400) for seed in range(3)]
    watch = Watch(SETTINGS, live)
    for number, clip in enumerate(clips):
        for index, score in enumerate(clip):
            watch.add(number + 1, (60.0 * number if live else 0.0) + index / 8, score)
    assert watch.hours == pytest.approx(3 * 399 / 8 / 3600)
    kept = sum(len(track.times) for track in watch.tracks)
    assert kept < 900, "most of a calm scene is not kept"
    for threshold in (0.5, 0.55, 0.6, 0.7, 0.8, 0.9, 0.95):
        assert watch.alarms(threshold) == runtime(clips, threshold, live)
    for per_hour in (0, 60, 200):
        at = watch.calibrate(per_hour)
        assert at.alarms == runtime(clips, at.threshold, live) <= per_hour * at.hours


def test_a_camera_that_showed_nothing_has_no_threshold() -> None:
    with pytest.raises(UserError, match="showed nothing"):
        Watch(SETTINGS, live=True).calibrate(1)
    watch = Watch(SETTINGS, live=True)
    for second in range(100):
        watch.add(1, float(second), 1.0)
    with pytest.raises(UserError, match="no threshold keeps to 1 alarms an hour"):
        watch.calibrate(1)


def test_a_file_of_thresholds_is_added_to_and_is_for_its_weights_alone(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.json"
    thresholds.write(path, "abc", {"rtsp://door": AT})
    thresholds.write(path, "abc", {"rtsp://hall": AT})
    assert thresholds.read(path, "abc") == {"rtsp://door": AT, "rtsp://hall": AT}
    with pytest.raises(UserError, match="thresholds for other weights"):
        thresholds.read(path, "abd")
    with pytest.raises(UserError, match="other weights"):
        thresholds.write(path, "abd", {"rtsp://door": AT})
    content = json.loads(path.read_text())
    content["cameras"]["rtsp://hall"]["threshold"] = 1.5
    path.write_text(json.dumps(content))
    for text in (path.read_text(), "[]", "{", '{"format": "other"}'):
        path.write_text(text)
        with pytest.raises(UserError, match=r"thresholds.json: no file of thresholds \(`shiftcore calibrate`"):
            thresholds.read(path, "abc")
    with pytest.raises(UserError, match=r"missing.json: cannot be read"):
        thresholds.read(tmp_path / "missing.json", "abc")


def test_from_recordings_to_a_quiet_run(driver: Callable[..., Result], tmp_path: Path) -> None:
    seen, path, log = recordings(tmp_path / "door"), tmp_path / "thresholds.json", tmp_path / "events.jsonl"
    assert driver("run", seen, "--events", log).exit_code == 0
    alarms = begun(log)
    assert alarms == 3
    done = driver("calibrate", seen, "--thresholds", path)
    assert done.exit_code == 0, done.output
    assert "0 alarms in 0.00 h; the model's own, 0.8000, would have raised 3" in done.stderr
    assert "too short to tell 1 alarms an hour from none" in done.stderr
    assert 0.8 < json.loads(path.read_text())["cameras"][str(seen)]["threshold"] <= 1
    log.unlink()
    assert driver("run", seen, "--events", log, "--thresholds", path).exit_code == 0
    assert begun(log) == 0


def test_recordings_set_the_threshold_of_their_camera(driver: Callable[..., Result], tmp_path: Path) -> None:
    seen, path = recordings(tmp_path / "door", 1), tmp_path / "thresholds.json"
    address = "rtsp://user:secret@door.example/stream?channel=1"
    done = driver("calibrate", seen, "--camera", address, "--thresholds", path)
    assert done.exit_code == 0, done.output
    assert list(json.loads(path.read_text())["cameras"]) == ["rtsp://door.example/stream?channel=1"]
    assert "secret" not in path.read_text() + done.output
    result = driver("run", seen, "--thresholds", path, "--events", "-")
    assert f"{seen}: not in {path}; it has the model's own threshold" in result.stderr
    assert result.stdout.count('"begin"') == 1


def test_a_live_camera_is_watched_for_so_long_and_no_longer(build: Path, tmp_path: Path) -> None:
    images = [image for k in range(3) for image in synthetic.clip(EVENTS, LABELS["leave_pick"], (8, 64, 80), (77, k))]
    camera = Camera(transport_stream(tmp_path / "a.ts", images).read_bytes(), pace_s=0.01)
    command = ["calibrate", camera.address, "--hours", "0.0002", "--thresholds", str(tmp_path / "thresholds.json")]
    command = [sys.executable, "-m", "shiftcore", *command, "--build", str(build), "--backend", "reference"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    camera.close()
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "thresholds.json").read_text())["cameras"]
    assert list(found) == [camera.address] and found[camera.address]["hours"] >= 0.0002
    assert found[camera.address]["alarms"] == 0


def test_slips_are_one_line(driver: Callable[..., Result], tmp_path: Path) -> None:
    seen = recordings(tmp_path / "door", 1)
    done = driver("calibrate", seen, seen, "--camera", "rtsp://door")
    assert done.exit_code == 2 and "--camera names one camera" in done.stderr
    (tmp_path / "wrong.json").write_text("{}")
    for command in ("run", "calibrate"):
        done = driver(command, seen, "--thresholds", tmp_path / "wrong.json")
        assert done.exit_code == 2 and done.stderr.count("\n") == 1, done.stderr
        assert "wrong.json: no file of thresholds" in done.stderr
