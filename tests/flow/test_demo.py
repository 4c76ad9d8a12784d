# SPDX-License-Identifier: BSD-3-Clause
"""The demo: what it shows, what it writes, and how it ends when something is wrong."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console

from shiftcore.errors import UserError
from shiftcore.flow import demo, measure
from shiftcore.flow.build import exported_model
from shiftcore.flow.watch import Watched, watch
from shiftcore.model import video
from shiftcore.model.decision import Decision
from shiftcore.model.reference import Reference
from shiftcore.quant.preset import load_preset
from shiftcore.sim import core
from tests.checkout import ROOT

TINY, CCTV = load_preset("tiny"), load_preset("cctv")
KEYS = [
    *("frames", "differing_bits", "latency_cycles_min", "latency_cycles_max", "cycles_per_frame"),
    *("slowest_op_cycles", "clock_mhz", "frames_per_second", "preset", "source"),
]
Demo = Callable[..., dict]


@pytest.fixture
def run_demo(tiny_chip: Path, tiny_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Demo:
    """Run the demo on the shared chip, its results in `tmp_path`; returns the report."""
    monkeypatch.setattr(demo, "work_folder", lambda: tmp_path)
    monkeypatch.setattr(demo, "exported_model", lambda _preset: tiny_export / "model.onnx")
    monkeypatch.setattr(demo, "compiled_chip", lambda *_: tiny_chip)

    def run(file: Path | None, frames: int | None = None) -> dict:
        demo.main(file, "tiny", "pynq-z2", frames, seconds=3600.0)
        return json.loads((tmp_path / "report.json").read_text())

    return run


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A video of 20 frames of noise, larger than the network's input and not square."""
    rng = np.random.default_rng(3)
    path = tmp_path / "noise.mp4"
    video.write(path, list(rng.integers(0, 256, (20, 50, 80, 3), dtype=np.uint8)))
    return path


def test_report_and_picture(run_demo: Demo, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = run_demo(clip, 12)
    assert set(KEYS) <= set(report)
    assert (report["frames"], report["differing_bits"]) == (12, 0)
    assert report["latency_cycles_min"] == report["latency_cycles_max"] > 0
    assert report["cycles_per_frame"] == pytest.approx(report["slowest_op_cycles"], rel=0.02)
    assert report["frames_per_second"] == pytest.approx(
        report["clock_mhz"] * 1e6 / report["cycles_per_frame"], rel=1e-3
    )
    assert (report["preset"], report["source"]) == ("tiny", str(clip))
    output = capsys.readouterr().out
    assert "differing bits" in output
    assert "means nothing" in output.replace("\n", " ")
    assert min(Image.open(tmp_path / "demo.png").size) > 400


def test_without_a_video_there_are_scenes_of_every_class(run_demo: Demo) -> None:
    report = run_demo(None)
    shown = [entry["shown"] for entry in report["videos"][0]["timeline"]]
    assert list(dict.fromkeys(shown)) == ["enter_put", "enter_pick", "leave_put", "leave_pick"]
    assert report["frames"] == 4 * TINY.data.num_segments
    assert report["differing_bits"] == 0


def test_the_alarm_is_the_runtimes(run_demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    """`tiny` raises it for `leave_pick`, the last of the four scenes, 0.1 s after its score is above the threshold."""
    (scenes,) = run_demo(None)["videos"]
    (alarm,) = scenes["alarms"]
    first = 3 * TINY.data.num_segments / 25
    assert first + 0.1 <= alarm["raised_s"] < alarm["ended_s"] == pytest.approx(31 / 25, abs=1e-3)
    assert f"scenes.mp4: ALARM, leave_pick at {alarm['raised_s']:.1f} s" in capsys.readouterr().out


def test_a_fight_alarms_and_a_calm_scene_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first command a user gives, as far as the verdict: the shipped `cctv` on drawn people it never saw."""
    monkeypatch.setattr(demo, "work_folder", lambda: tmp_path)
    reference = Reference.load(exported_model(CCTV).with_name("model.npz"))
    fight, calm = demo.see(demo.choose(None, CCTV), reference, None, Console())
    assert (len(fight.alarms), len(calm.alarms)) == (1, 0)
    assert (len(fight.logits), fight.truth, calm.truth) == (47, ("fight",), ("no_fight",))


def test_a_difference_fails_and_says_so(
    run_demo: Demo, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    infer = Reference.infer

    def faulty(self: Reference, frame: np.ndarray, stream: int = 0, clear: bool = False) -> np.ndarray:
        return infer(self, frame, stream, clear) ^ (1 if clear else 0)

    monkeypatch.setattr(Reference, "infer", faulty)
    with pytest.raises(typer.Exit) as stop:
        run_demo(clip, 4)
    assert stop.value.exit_code == 1
    assert json.loads((tmp_path / "report.json").read_text())["differing_bits"] == 4  # one bit of each class
    assert "differs from the reference" in capsys.readouterr().out


def test_a_missing_video_is_one_line_and_exit_code_2() -> None:
    variables = {**os.environ, "MAKEFLAGS": "", "MAKELEVEL": ""}  # `make test` may be what runs this test
    command = ["make", "demo", "VIDEO=missing.mp4"]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    message, make = done.stderr.splitlines()
    assert message == "error: missing.mp4: no such video file"
    assert make.startswith("make: ***")
    assert done.stdout == ""


@pytest.mark.parametrize("fault", ["empty", "no video", "truncated", "smaller than the input"])
def test_a_bad_video_is_refused_by_name(clip: Path, tiny_export: Path, fault: str) -> None:
    content = clip.read_bytes()
    if fault == "smaller than the input":
        video.write(clip, [np.zeros((30, 64, 3), np.uint8)] * 3)
    else:
        clip.write_bytes({"empty": b"", "no video": b"a text\n" * 100, "truncated": content[:2000]}[fault])
    with pytest.raises(UserError) as caught:
        watch(demo.choose(clip, TINY)[0].path, Reference.load(tiny_export / "model.npz"))
    assert str(clip) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_compiler_is_one_line_and_exit_code_2(clip: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "shiftcore", "demo", "--video", str(clip)]
    variables = {**os.environ, "PATH": str(tmp_path), "SHIFTCORE_BUILD": str(tmp_path / "build")}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: g++: not found; install a C++20 compiler")
    assert done.stderr.count("\n") == 1


def test_a_disk_that_fills_while_the_simulator_compiles(
    tiny_core: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = "Vcore__Syms.h:37:2: fatal error: cannot write PCH file: No space left on device"
    failed = subprocess.CompletedProcess([], 2, stdout="", stderr=log)
    monkeypatch.setenv("SHIFTCORE_BUILD", str(tmp_path))
    monkeypatch.setattr("shiftcore.process.run", lambda *_, **__: failed)
    with pytest.raises(OSError, match="No space left on device") as caught:  # shiftcore.cli makes one line of it
        core.build_library(tiny_core)
    assert caught.value.errno == errno.ENOSPC


def test_frames_of_two_videos_keep_their_state_apart() -> None:
    first, second = (Watched(name, [0, 2], inputs=[np.zeros((1, 1, 3), np.uint8)] * 3) for name in "ab")
    contexts = [(frame.stream, frame.clear) for frame in demo.contexts([first, second], 4)]
    assert contexts == [(0, True), (1, True), (0, False), (1, False), (0, True), (1, True)]
    assert {frame.stream for frame in demo.contexts([first, second], 1)} == {0}, "a chip with one stream"


def test_timeline_joins_frames_of_one_winner_and_parts_clips() -> None:
    def decision(winner: int) -> Decision:
        return Decision(np.array([4, 0]) if winner == 0 else np.array([0, 4]), 1, 1.0, ["a", "b"])

    watched = Watched("x.mp4", [0, 4], ["a", "b"], decisions=[decision(winner) for winner in (0, 0, 1, 1, 1, 1)])
    stretches = demo.timeline(watched)
    assert [(s["first_frame"], s["last_frame"], s["class"], s["shown"]) for s in stretches] == [
        (0, 1, "a", "a"),
        (2, 3, "b", "a"),
        (4, 5, "b", "b"),
    ]
    assert stretches[0]["score"] == pytest.approx(1 / (1 + np.exp(-4)), abs=1e-3)


@given(st.integers(1, 40), st.lists(st.tuples(st.integers(), st.integers()), min_size=1, max_size=5))
def test_differing_bits_are_counted_one_by_one(bits: int, pairs: list[tuple[int, int]]) -> None:
    low = -(1 << (bits - 1))
    wrapped = np.array([[(x - low) % (1 << bits) + low for x in pair] for pair in pairs], np.int64)
    mask = (1 << bits) - 1
    expected = sum(bin((int(a) & mask) ^ (int(b) & mask)).count("1") for a, b in wrapped)
    assert measure.differing_bits(wrapped[:, 0], wrapped[:, 1], bits) == expected
