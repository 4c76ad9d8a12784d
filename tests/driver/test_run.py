# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore run` on files: what it prints, records and reports, and what it survives."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from shiftcore.driver import Accelerator, display
from shiftcore.driver.build import Build
from shiftcore.driver.run import Run
from shiftcore.driver.sources.files import Files
from shiftcore.flow.command import app
from shiftcore.model import video
from shiftcore.model.preprocess import Preprocessor
from shiftcore.model.reference import Reference
from tests.driver.disk import fill, small_disk
from tests.driver.footage import scene


@pytest.fixture
def driver(tiny_build: Path) -> Callable[..., Result]:
    """Run the command on the reference, in a terminal wide enough that no name is folded, however fast the machine."""

    def run(*arguments: Any, backend: str = "reference") -> Result:
        command = ["run", "--build", str(tiny_build), "--backend", backend, *map(str, arguments)]
        return CliRunner(env={"COLUMNS": "120"}).invoke(app, command, catch_exceptions=False)

    return run


def expected_logits(folder: Path, path: Path) -> list[list[int]]:
    build = Build.load(folder)
    prepare = Preprocessor(build.reference.description)
    inputs = list(prepare.clip(video.frames(path, luma=prepare.luma)))
    reference = Reference.load(build.chip / "model.npz")
    return [reference.infer(pixels, 0, index == 0).tolist() for index, pixels in enumerate(inputs)]


@pytest.mark.parametrize("backend", ["reference", "rtl"])
def test_several_videos_are_several_streams_kept_apart(
    driver: Callable[..., Result], tiny_build: Path, tmp_path: Path, backend: str
) -> None:
    paths = [scene(tmp_path / f"{name}.mp4", name, clips) for name, clips in (("leave_pick", 2), ("enter_put", 1))]
    result = driver(*paths, "--json", "--compare", backend=backend)
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    for stream, path in enumerate(paths):
        mine = [line for line in lines if line["stream"] == stream]
        assert [line["logits"] for line in mine] == expected_logits(tiny_build, path)
        assert {line["source"] for line in mine} == {str(path)}
        assert [line["frame"] for line in mine] == list(range(len(mine)))
        assert all(abs(sum(line["scores"]) - 1) < 1e-5 and 0 <= line["score"] <= 1 for line in mine)
        assert all(line["seconds"] == pytest.approx(line["frame"] / 25, abs=1e-3) for line in mine)
    assert len({line["latency_cycles"] for line in lines}) == 1
    assert (lines[0]["latency_cycles"] > 0) == (backend == "rtl")


def test_the_table_fits_80_columns_and_says_it_all(
    driver: Callable[..., Result], tmp_path: Path, tiny_build: Path
) -> None:
    path = scene(tmp_path / "a_camera_with_quite_a_long_name.mp4", "leave_pick")
    with Accelerator.open(tiny_build, "reference") as accelerator:
        going = Run(accelerator, [Files(str(path), [path], None, print)], lambda *_: None, [], print)
        going()
        channel = going.channels[0]
        channel.latency, channel.started, channel.now = (28_225, 128_225), 0.0, 0.6
        console = Console(width=80, file=io.StringIO(), record=True)
        console.print(display.table(going.channels, "title", 100.0))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    for word in ("frames", "fps", "25.0", "latency", "16", "0.28225", "1.28225", "leave_pick", "cooling, 1"):
        assert word in text, text


def test_an_alarm_begins_and_ends_in_the_same_file(driver: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("a_leave_pick.mp4", "b_enter_put.mp4", "c_leave_pick.mp4"):
        scene(tmp_path / "folder" / name, name[2:-4], clips=1)
    log = tmp_path / "events.jsonl"
    result = driver(tmp_path / "folder", "--events", log)
    assert result.exit_code == 0, result.output
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(event["event"], Path(event["source"]).name) for event in events] == [
        (kind, name) for name in ("a_leave_pick.mp4", "c_leave_pick.mp4") for kind in ("begin", "end")
    ]
    assert events[0]["id"] == events[1]["id"] != events[2]["id"] == events[3]["id"]
    for begin, end in zip(events[::2], events[1::2], strict=True):
        assert begin["seconds"] - begin["since"] >= 0.1 and end["seconds"] == pytest.approx(7 / 25)  # the last frame
    assert "leave_pick" in result.stdout or "enter_put" in result.stdout


def test_events_without_a_file_are_said(driver: Callable[..., Result], tmp_path: Path) -> None:
    result = driver(scene(tmp_path / "a.mp4", "leave_pick"))
    assert "a.mp4 at 0.16 s: ALARM: leave_pick, score" in result.stderr
    assert "alarm ended" in result.stderr
    lines = driver(tmp_path / "a.mp4", "--events", "-").stdout.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["begin", "end"]


def test_events_wait_for_a_broker_that_is_not_there(driver: Callable[..., Result], tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    path = scene(tmp_path / "a.mp4", "leave_pick")
    result = driver(path, "--mqtt", "127.0.0.1:9", "--spool", spool)
    assert result.exit_code == 0
    assert f"2 events wait in {spool}" in result.stderr and "not reachable" in result.stderr
    assert [json.loads(file.read_text())["event"] for file in sorted(spool.glob("*.json"))] == ["begin", "end"]


def test_a_recording_shows_every_frame_and_the_alarm(driver: Callable[..., Result], tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    assert driver(scene(tmp_path / "a.mp4", "leave_pick"), "--record", out).exit_code == 0
    frames = list(video.frames(out))
    assert len(frames) == 16 and frames[0].shape == (384, 480, 3)  # small frames are enlarged
    edges = [frame[-2:, 50:-50].reshape(-1, 3).mean(0) for frame in frames]
    red = [edge[0] > 180 and edge[1] < 90 for edge in edges]
    assert red == [False] * 4 + [True] * 12  # from 0.16 s on
    assert frames[0][2:30].std() > 20  # there is text
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_several_sources_are_several_recordings(
    driver: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written by OpenCV, as on a board without PyAV."""
    monkeypatch.setattr("shiftcore.driver.record._encoder", lambda: "")
    path = scene(tmp_path / "a.mp4", "leave_pick", clips=1)
    assert driver(path, path, "--record", tmp_path / "out.mp4").exit_code == 0
    assert [len(list(video.frames(tmp_path / f"out.{index}.mp4"))) for index in (0, 1)] == [8, 8]


def test_a_damaged_video_is_one_line_after_its_good_frames(driver: Callable[..., Result], tmp_path: Path) -> None:
    scene(tmp_path / "good.mp4", "enter_put", clips=1)
    path = tmp_path / "cut.avi"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for pixels in np.random.default_rng(1).integers(0, 256, (80, 48, 64, 3), dtype=np.uint8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    result = driver(path, tmp_path / "good.mp4", "--json")
    assert result.exit_code == 2
    frames = [json.loads(line)["stream"] for line in result.stdout.splitlines()]
    assert 0 < frames.count(0) < 80 and frames.count(1) == 8
    assert f"after {frames.count(0)} frames" in result.stderr.splitlines()[0]
    assert len(result.stderr.splitlines()) == 2  # and the warning at the end


def test_a_video_smaller_than_the_input_is_left_out(driver: Callable[..., Result], tmp_path: Path) -> None:
    video.write(tmp_path / "small.mp4", [np.zeros((16, 16, 3), np.uint8)] * 3)
    scene(tmp_path / "z.mp4", "enter_put", clips=1)
    result = driver(tmp_path, "--json")
    assert result.exit_code == 2 and len(result.stdout.splitlines()) == 8
    assert "small.mp4: the frame is 16x16 pixels, smaller than the network's input of 32x32" in result.stderr


def mistake(result: Result) -> str:
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    return result.stderr


def test_mistakes_are_one_line(driver: Callable[..., Result], tmp_path: Path) -> None:
    path = scene(tmp_path / "a.mp4", "enter_put", clips=1)
    assert "absent.mp4: no such video file or folder" in mistake(driver("absent.mp4"))
    assert "5 sources, but this chip keeps 4 streams apart" in mistake(driver(*[path] * 5))
    assert "--record writes MP4" in mistake(driver(path, "--record", tmp_path / "out.avi"))
    assert "not a broker's address" in mistake(driver(path, "--mqtt", "a:b"))
    assert "manifest.json: no such file" in mistake(driver(path, "--build", tmp_path))
    assert "backend 'gpu': not known" in mistake(driver(path, "--backend", "gpu"))


@pytest.mark.parametrize("slip", ["CANARYuser:CANARY@door/1", "rtsp//CANARYuser:CANARY@door", "rtsp:/a:CANARY@door"])
def test_a_slip_in_an_address_does_not_show_its_password(driver: Callable[..., Result], slip: str) -> None:
    error = mistake(driver(slip))
    assert "CANARY" not in error and "door" in error and "no such video file or folder" in error


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_does_not_end_a_run(driver: Callable[..., Result], tiny_build: Path, tmp_path: Path) -> None:
    path = scene(tmp_path / "a.mp4", "leave_pick", clips=4)
    with small_disk(tmp_path / "disk") as disk:
        fill(disk)
        names = ("events.jsonl", "spool", "out.mp4")
        events, spool, video_file = (disk / name for name in names)
        outputs = ["--events", events, "--spool", spool, "--mqtt", "127.0.0.1:9", "--record", video_file]
        result = driver(path, *outputs, "--json")
        assert result.exit_code == 2 and len(result.stdout.splitlines()) == 32, result.stderr
        for name in (events, spool, video_file):
            assert f"{name}" in result.stderr
        assert result.stderr.count("No space left on device") == 3 and "Traceback" not in result.stderr
        assert "lines could not be written and are lost" in result.stderr
        assert not video_file.exists()
