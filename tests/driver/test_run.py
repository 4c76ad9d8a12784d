# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore run`: what it prints, records and reports, and what it survives."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from shiftcore.driver import Accelerator, display, sources
from shiftcore.driver import run as running
from shiftcore.driver.build import Build
from shiftcore.driver.errors import DifferenceError, StuckError
from shiftcore.driver.run import Run
from shiftcore.driver.sources import Image, Source
from shiftcore.driver.sources.files import Files
from shiftcore.errors import UserError
from shiftcore.flow.command import app
from shiftcore.model import video
from shiftcore.model.alarm import AlarmSettings
from shiftcore.model.description import FORMAT, VERSION, ModelDescription
from shiftcore.model.preprocess import Preprocessor
from shiftcore.model.reference import Reference
from shiftcore.model.sampling import Wanted
from shiftcore.quant import synthetic
from tests.checkout import ROOT
from tests.driver.disk import fill, small_disk
from tests.driver.http_camera import MjpegCamera
from tests.driver.rtsp_camera import Camera, transport_stream

LUMA = Wanted(luma=True)
EVENTS = ("door", "object")
LABELS = {name: label for label, name in enumerate(synthetic.class_names(EVENTS))}


def scene(path: Path, name: str, clips: int = 2, seed: int = 77) -> Path:
    """A video of `clips` scenes of class `name`, 8 frames each."""
    images = [image for k in range(clips) for image in synthetic.clip(EVENTS, LABELS[name], (8, 64, 80), (seed, k))]
    video.write(path, images)
    return path


@pytest.fixture(scope="module")
def folder(tiny_chip: Path) -> Path:
    return tiny_chip.parent


@pytest.fixture
def driver(folder: Path) -> Callable[..., Result]:
    """Run the command on the reference, in a terminal wide enough that no name is folded, however fast the machine."""

    def run(*arguments: Any, backend: str = "reference") -> Result:
        command = ["run", "--build", str(folder), "--backend", backend, *map(str, arguments)]
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
    driver: Callable[..., Result], folder: Path, tmp_path: Path, backend: str
) -> None:
    paths = [scene(tmp_path / f"{name}.mp4", name, clips) for name, clips in (("leave_pick", 2), ("enter_put", 1))]
    result = driver(*paths, "--json", "--compare", backend=backend)
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    for stream, path in enumerate(paths):
        mine = [line for line in lines if line["stream"] == stream]
        assert [line["logits"] for line in mine] == expected_logits(folder, path)
        assert {line["source"] for line in mine} == {str(path)}
        assert [line["frame"] for line in mine] == list(range(len(mine)))
        assert all(abs(sum(line["scores"]) - 1) < 1e-5 and 0 <= line["score"] <= 1 for line in mine)
        assert all(line["seconds"] == pytest.approx(line["frame"] / 25, abs=1e-3) for line in mine)
    assert len({line["latency_cycles"] for line in lines}) == 1
    assert (lines[0]["latency_cycles"] > 0) == (backend == "rtl")


def test_the_table_fits_80_columns_and_says_it_all(driver: Callable[..., Result], tmp_path: Path, folder: Path) -> None:
    path = scene(tmp_path / "a_camera_with_quite_a_long_name.mp4", "leave_pick")
    with Accelerator.open(folder, "reference") as accelerator:
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


def described(size: int, representation: str, run_every: int) -> ModelDescription:
    """What a model without an alarm says of itself."""
    return ModelDescription.parse(
        {
            "format": FORMAT,
            "version": VERSION,
            "layers": [],
            "input": {"height": size, "width": size, "channels": 3},
            "preprocess": {"representation": representation, "images_per_second": None, "run_every": run_every},
            "trained": False,
            "preset": {"name": "stand-in", "hardware": {"streams": 4}},
            "classes": ["calm", "fight"],
            "num_segments": 1,
            "logit_scale": 1.0,
        }
    )


class Flaky:
    """An accelerator whose chip fails when it is told to, with all frames under way lost."""

    streams, classes, clock_mhz, backend = 4, ["calm", "fight"], 100.0, "flaky"
    description = described(2, "rgb", 1)

    def __init__(self, real: Accelerator, failing: set[int], error: type[Exception] = StuckError) -> None:
        self._results: deque[Any] = deque()
        self._sent, self._failing, self._error, self._real = 0, failing, error, real

    def preprocessor(self) -> Preprocessor:
        return Preprocessor(self.description)

    def submit(self, frame: np.ndarray, stream: int, clear: bool) -> int:
        self._sent += 1
        if self._sent in self._failing:
            self._results.clear()
            raise self._error(f"frame {self._sent}: the core is stuck; the chip was reset")
        result = self._real.infer([np.zeros(self._real.input_shape, np.uint8)])
        object.__setattr__(result, "frame_id", self._sent)
        self._results.append(result)
        return self._sent

    def results(self, wait_s: float = 0.0) -> list[Any]:
        done = list(self._results)
        self._results.clear()
        return done


class Frames(Source):
    """Ten frames of black."""

    def take(self) -> Image | None:
        self.count = getattr(self, "count", 0) + 1
        self.done = self.count == 10
        return Image(np.zeros((2, 2, 3), np.uint8), self.count / 25, self.count, "a", self.count == 1)


@pytest.mark.parametrize(
    ("failing", "error", "frames"),
    [({3}, StuckError, 9), ({3, 4, 8}, StuckError, 7), ({3, 4, 5}, StuckError, None), ({3}, DifferenceError, None)],
)
def test_a_chip_error_costs_its_frames_and_three_in_a_row_the_run(
    folder: Path, failing: set[int], error: type[UserError], frames: int | None
) -> None:
    said: list[str] = []
    seen: list[Image] = []
    with Accelerator.open(folder, "reference") as real:
        flaky: Any = Flaky(real, failing, error)
        going = Run(
            flaky, [Frames("a", 1, said.append)], lambda _channel, image, _result: seen.append(image), [], said.append
        )
        if frames is None:
            with pytest.raises(error, match="the core is stuck"):
                going()
        else:
            going()
            assert len(seen) == frames and len(said) == len(failing)
    assert running.FAILURES == 3


class Growing(Frames):
    """A camera whose first, fifth and sixth image are smaller than the input."""

    live = True

    def take(self) -> Image | None:
        image = super().take()
        assert image is not None
        small = image.number in (1, 5, 6)
        return image._replace(pixels=np.zeros((1, 2, 3), np.uint8)) if small else image

    def refuse(self, problem: str) -> None:
        self._complain(problem)


def test_a_camera_whose_images_were_too_small_is_seen_when_they_fit(folder: Path) -> None:
    """Each time a clip begins anew: nothing of before is compared with what comes then."""
    said: list[str] = []
    clears: list[bool] = []
    with Accelerator.open(folder, "reference") as real:
        flaky: Any = Flaky(real, set())
        submit, seen = flaky.submit, []

        def watched(frame: np.ndarray, stream: int, clear: bool) -> int:
            clears.append(clear)
            return submit(frame, stream, clear)

        flaky.submit = watched
        Run(flaky, [Growing("a", 1, said.append)], lambda _, image, __: seen.append(image.number), [], said.append)()
    assert seen == [2, 3, 4, 7, 8, 9, 10] and clears == [True, False, False, True, False, False, False]
    assert said == ["a: the frame is 2x1 pixels, smaller than the network's input of 2x2"] * 3


class Alarming(Flaky):
    """Every frame is a fight."""

    description = replace(Flaky.description, alarm=AlarmSettings(("calm", "fight"), 0.001, 0.001, 0, 0))


def test_a_file_whose_first_frame_is_lost_in_the_chip_is_another_file_all_the_same(
    folder: Path, tmp_path: Path
) -> None:
    for name in ("a.mp4", "b.mp4"):
        video.write(tmp_path / name, [np.zeros((32, 32, 3), np.uint8)] * 5)
    published: list[Any] = []
    with Accelerator.open(folder, "reference") as real:
        flaky: Any = Alarming(real, {6})
        Run(flaky, sources.open_sources([str(tmp_path)], None, print), lambda *_: None, [published.append], print)()
    assert [(event["event"], Path(event["source"]).name, event["seconds"]) for event in published] == [
        ("begin", "a.mp4", 0), ("end", "a.mp4", 0.16), ("begin", "b.mp4", 0.04), ("end", "b.mp4", 0.16)
    ]  # fmt: skip


class Watched(Flaky):
    """Takes the `motion` input, and keeps what it was sent."""

    description = described(32, "motion", 2)

    def __init__(self, real: Accelerator) -> None:
        super().__init__(real, set())
        self.sent: list[tuple[int, bool, list]] = []

    def submit(self, frame: np.ndarray, stream: int, clear: bool) -> int:
        self.sent.append((stream, clear, frame.tolist()))
        return super().submit(frame, stream, clear)


def test_motion_looks_back_in_its_own_camera_only(folder: Path, tmp_path: Path) -> None:
    paths = [scene(tmp_path / f"{name}.mp4", name, clips=1) for name in ("leave_pick", "enter_put")]
    with Accelerator.open(folder, "reference") as real:
        watched: Any = Watched(real)
        Run(watched, sources.open_sources(list(map(str, paths)), None, print, LUMA), lambda *_: None, [], print)()
    for stream, path in enumerate(paths):
        expected = [pixels.tolist() for pixels in Preprocessor(Watched.description).clip(video.frames(path, luma=True))]
        assert len(expected) == 3
        assert [frame for s, _, frame in watched.sent if s == stream] == expected
        assert [clear for s, clear, _ in watched.sent if s == stream] == [True, False, False]


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


def alarming(path: Path, clips: int = 3) -> bytes:
    """A transport stream in which things happen, without an end of them."""
    images = [image for k in range(clips) for image in synthetic.clip(EVENTS, 3, (8, 64, 80), (77, k))]
    return transport_stream(path, images).read_bytes()


def test_a_lost_camera_ends_its_alarm_and_not_the_run(folder: Path, tmp_path: Path) -> None:
    """While another camera is there: the end is told when it happens, not when the run ends."""
    content, log = alarming(tmp_path / "a.ts"), tmp_path / "events.jsonl"
    lost, stays = Camera(content, pace_s=0.01, once=True), Camera(content, pace_s=0.01)
    run = Began(folder, lost.address, stays.address, "--json", "--events", log)

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


def test_a_finished_file_ends_its_alarm_while_others_go_on(folder: Path, tmp_path: Path) -> None:
    path, log = scene(tmp_path / "a.mp4", "leave_pick"), tmp_path / "events.jsonl"
    camera = Camera(alarming(tmp_path / "a.ts"), pace_s=0.01)
    run = Began(folder, path, camera.address, "--events", log)
    run.wait_for(lambda: log.exists() and '"event": "end", "stream": 0' in log.read_text())
    assert run.end()[0] == 0
    camera.close()


def test_nothing_secret_leaves_a_run(folder: Path, tmp_path: Path) -> None:
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
    run = Began(folder, *there, *outputs, "--json", "--mqtt", broker)
    run.wait_for(lambda: (out / "events.jsonl").exists() and "begin" in (out / "events.jsonl").read_text())
    status, errors = run.end()
    plain = Began(folder, *there[:1])  # with the table instead of JSON
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


@pytest.mark.parametrize("slip", ["CANARYuser:CANARY@door/1", "rtsp//CANARYuser:CANARY@door", "rtsp:/a:CANARY@door"])
def test_a_slip_in_an_address_does_not_show_its_password(driver: Callable[..., Result], slip: str) -> None:
    error = mistake(driver(slip))
    assert "CANARY" not in error and "door" in error and "no such video file or folder" in error


def test_files_that_are_interrupted(folder: Path, tmp_path: Path) -> None:
    path = scene(tmp_path / "a.mp4", "leave_pick", clips=60)
    run = Began(folder, *[path] * 4, "--json", "--record", tmp_path / "out.mp4")
    run.wait_for(lambda: len(run.lines) > 3)
    status, errors = run.end()
    assert status == 2
    assert errors.splitlines()[-1] == "error: interrupted before the end; what was reported and recorded so far is kept"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_does_not_end_a_run(driver: Callable[..., Result], folder: Path, tmp_path: Path) -> None:
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


def test_a_camera_run_is_ended_by_a_signal_and_keeps_its_recording(folder: Path, tmp_path: Path) -> None:
    images = [image for k in range(3) for image in synthetic.clip(EVENTS, 3, (8, 64, 80), (77, k))]
    camera = Camera(transport_stream(tmp_path / "a.ts", images).read_bytes(), pace_s=0.01, freeze=True)
    command = [
        *(sys.executable, "-m", "shiftcore", "run", camera.address),
        *("--build", str(folder), "--backend", "reference"),
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
