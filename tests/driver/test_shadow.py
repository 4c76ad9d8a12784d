# SPDX-License-Identifier: BSD-3-Clause
"""A candidate beside the model in use: what the report says is what both give, and the run does not notice it."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from shiftcore.driver import Accelerator
from shiftcore.driver import candidate as candidates
from shiftcore.driver.candidate import InNumpy
from shiftcore.driver.errors import ShapeError
from shiftcore.driver.run import Channel, Run
from shiftcore.driver.shadow import Candidates, Shadow
from shiftcore.driver.shadow_report import BINS, Report
from shiftcore.driver.sources import Image, Source, open_sources
from shiftcore.flow.command import app
from shiftcore.model import registers as reg
from shiftcore.model import video
from shiftcore.model.alarm import Alarm
from shiftcore.model.preprocess import Preprocessor
from shiftcore.model.records import Result, alarm_score
from shiftcore.model.reference import Reference
from shiftcore.model.sampling import Wanted
from tests.driver.footage import scene
from tests.driver.rig import described, other_model

ALL = ["enter_put", "enter_pick", "leave_put", "leave_pick"]
EAGER = {"classes": ALL, "threshold": 0.2, "release": 0.1, "min_seconds": 0.04, "cool_down_seconds": 0}


@pytest.fixture
def candidate(tiny_export: Path, tmp_path: Path) -> Path:
    return other_model(tiny_export / "model.npz", tmp_path / "candidate.npz", 1, described(alarm=EAGER))


@pytest.fixture
def opened(tiny_export: Path) -> Iterator[Accelerator]:
    with Accelerator.open(tiny_export / "model.npz") as accelerator:
        yield accelerator


def judged(model: Path, path: Path) -> tuple[list[int], list[float], int]:
    """The winner and the alarm's score of each frame, and how many alarms they raise."""
    reference, winners, scores, begins = Reference.load(model), [], [], 0
    settings, consensus, prepare = (
        reference.description.alarm,
        reference.consensus(),
        Preprocessor(reference.description),
    )
    assert settings is not None
    alarm = Alarm(settings)
    for index, pixels in enumerate(prepare.clip(video.frames(path, luma=prepare.luma))):
        decision = consensus.update(reference.infer(pixels, 0, index == 0), 0, index == 0)
        winners.append(decision.index)
        scores.append(alarm_score(decision, reference.description.alarm_indices))
        begins += sum(change.begin for change in alarm.update(index / 25, scores[-1], decision.name))
    return winners, scores, begins


@pytest.fixture
def in_a_bank(tiny_two_chip: Path) -> Iterator[Accelerator]:
    """A chip of two banks, in which the candidate has one."""
    with Accelerator.open(tiny_two_chip.parent, "reference") as accelerator:
        yield accelerator


def watched(run: Run, candidate: Path) -> Report:
    beside = Shadow(run.accelerator.read(candidate), run, candidate.parent / "clips")
    run.beside = beside
    run()
    return beside.close()


@pytest.mark.parametrize("where", ["opened", "in_a_bank"])
def test_the_report_is_what_both_models_give(
    where: str, tiny_export: Path, candidate: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    opened: Accelerator = request.getfixturevalue(where)
    path, events = scene(tmp_path / "a.mp4", "leave_pick"), list[Any]()
    sources = open_sources([str(path)], None, print, Wanted(opened.preprocessor().luma))
    report = watched(Run(opened, sources, lambda *_: None, [events.append], print), candidate)
    ours, its = judged(tiny_export / "model.npz", path), judged(candidate, path)
    (camera,) = report.cameras
    table = np.zeros((4, 4), int)
    np.add.at(table, (ours[0], its[0]), 1)
    assert camera.confusion.tolist() == table.tolist() and camera.frames == 16 and camera.left_out == 0
    for side, (_, scores, alarms) in ((camera.use, ours), (camera.candidate, its)):
        assert side.scores.tolist() == np.histogram(scores, BINS, (0, 1))[0].tolist()
        assert len(side.alarms) == alarms
    assert len(camera.candidate.alarms) > 0 and camera.seconds == pytest.approx(0.6)
    assert camera.difference == pytest.approx(sum(abs(a - b) for a, b in zip(ours[1], its[1], strict=True)))
    assert [event["event"] for event in events] == ["begin", "end"] * ours[2]  # none of the candidate's


def test_on_the_chip_a_camera_without_a_second_stream_is_left_out_and_an_error_begins_anew(
    in_a_bank: Accelerator, tiny_export: Path, candidate: Path, tmp_path: Path
) -> None:
    """Three cameras of four streams: one has a second. The chip's descriptor is spoilt once. Cameras stay the model's
    in use."""
    sources: list[Source] = [Camera(f"c{number}", None, print) for number in range(in_a_bank.streams - 1)]
    said, results = list[str](), list[int]()

    def spoil(channel: Channel, _image: Image, _result: Result) -> None:
        results.append(channel.stream)
        if len(results) == 20:
            in_a_bank._backend.write(reg.DESCRIPTOR_BYTES, 1)

    run = Run(in_a_bank, sources, spoil, [], said.append)
    beside = Shadow(in_a_bank.read(candidate), run, tmp_path / "clips")
    run.beside = beside
    run()
    cameras, (use, its) = beside.close().cameras, in_a_bank.models
    assert any("bank 1 of the chip" in line for line in said) and any("reset" in line for line in said)
    assert 0 < cameras[0].frames <= 20 and [camera.frames for camera in cameras[1:]] == [0, 0]
    assert [camera.left_out for camera in cameras[1:]] == [results.count(stream) for stream in (1, 2)]
    assert [in_a_bank.model_of(stream) for stream in range(4)] == [use, use, use, its]


class Camera(Source):
    """A live camera of twenty frames."""

    live = True

    def take(self) -> Image | None:
        self.count = getattr(self, "count", 0) + 1
        self.done = self.count == 20
        pixels = np.random.default_rng(self.count).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        return Image(pixels, self.count / 25, self.count, self.name, self.count == 1)


def test_a_candidate_that_is_too_slow_leaves_frames_out_and_the_run_goes_on(
    opened: Accelerator, candidate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is let go after the tenth frame. What it sees behind a gap begins a clip, as if nothing had been before."""
    monkeypatch.setattr(candidates, "QUEUED", 2)
    go, infer, seen = threading.Event(), Reference.infer, list[tuple[np.ndarray, bool]]()

    def slow(self: Reference, frame: np.ndarray, stream: int = 0, clear: bool = False, **more: Any) -> Any:
        if threading.current_thread().name == "shadow":
            go.wait(60)
            seen.append((frame, clear))
        return infer(self, frame, stream, clear, **more)

    monkeypatch.setattr(Reference, "infer", slow)
    done: list[int] = []

    def count(_channel: object, image: Image, _result: object) -> None:
        done.append(image.number)
        if len(done) == 10:
            go.set()
        if len(done) > 10:  # the thread has time again
            assert isinstance(beside._candidate, InNumpy)
            while beside._candidate._queue.qsize():
                pass

    sent: list[np.ndarray] = []

    def watch(channel: Channel, image: Image, result: Result, pixels: np.ndarray) -> None:
        sent.append(pixels)
        beside(channel, image, result, pixels)

    run = Run(opened, [Camera("a", None, print)], count, [], print, beside=watch)
    beside = Shadow(run.accelerator.read(candidate), run, candidate.parent / "clips")
    run()
    (camera,) = beside.close().cameras
    assert done == list(range(1, 21))
    assert camera.frames + camera.left_out == 20 and camera.left_out >= 6
    places = [next(at for at, pixels in enumerate(sent) if pixels is frame) for frame, _ in seen]
    assert camera.frames == len(seen) and places == sorted(places)
    assert [clear for _, clear in seen] == [
        at == 0 or at - 1 != before for before, at in zip([-1, *places], places, strict=False)
    ]


def test_what_cannot_be_compared_is_refused(opened: Accelerator, tiny_export: Path, tmp_path: Path) -> None:
    run = Run(opened, [], lambda *_: None, [], print)
    names = {"classes": ["a", "b", "c", "d"], "alarm": {**EAGER, "classes": ["a"]}}
    other = other_model(tiny_export / "model.npz", tmp_path / "other.npz", 1, described(**names))
    with pytest.raises(ShapeError, match=r"its classes are .*; not comparable"):
        Shadow(opened.read(other), run, tmp_path / "clips")


def test_candidates_come_and_go_while_a_run_goes_on(
    opened: Accelerator, candidate: Path, tiny_export: Path, tmp_path: Path
) -> None:
    said = list[str]()
    camera: Any = Camera("a", None, print)
    run = Run(opened, [camera], lambda *_: None, [], said.append)
    candidates = Candidates(run, tmp_path / "shadow")
    models, answers = {3: candidate, 6: tiny_export / "model.npz"}, list[Future[str]]()

    def change(_run: Run) -> None:
        if model := models.pop(getattr(camera, "count", 0), None):
            answers.append(candidates.ask(model))

    other = other_model(candidate, tmp_path / "other.npz", 1, described(classes=["a", "b", "c", "d"]))
    run.between += [change, candidates]
    run()
    with pytest.raises(ShapeError, match="not comparable"):
        candidates.ask(other)
    hashes = [answer.result(timeout=0) for answer in answers]
    verdict = candidates.end()
    assert verdict.startswith(f"candidate {hashes[1]}: the same class in ")
    assert [line.partition(":")[0] for line in said if ": the same class in " in line] == [
        f"candidate {which}" for which in hashes
    ]
    report = json.loads((tmp_path / "shadow" / "report.json").read_text())
    assert report["candidate"]["hash"] == hashes[1] != hashes[0]
    (seen,) = report["cameras"]
    assert 0 < seen["frames"] + seen["left_out"] <= 20
    assert candidates.end() == ""


def test_the_command_leaves_json_and_a_page(tiny_export: Path, candidate: Path, tmp_path: Path) -> None:
    model = other_model(tiny_export / "model.npz", tmp_path / "use.npz", 2)
    path = scene(tmp_path / "a <b>.mp4", "leave_pick")
    command = ["run", str(path), "--build", str(model), "--shadow", str(candidate)]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "shadow" / "report.json").read_text())
    assert report["cameras"][0]["frames"] == 16 and report["candidate"]["file"] == str(candidate)
    assert report["cameras"][0]["model"] == report["in_use"][0]["hash"] != report["candidate"]["hash"]
    page = (tmp_path / "shadow" / "report.html").read_text()
    assert "a &lt;b&gt;.mp4" in page and "<b>" not in page
    (clip,) = report["clips"]
    assert clip["source"] == str(path) and f'src="clips/{clip["file"]}"' in page
    frames = list(video.frames(tmp_path / "shadow" / "clips" / clip["file"]))
    assert len(frames) == 16 and frames[0].shape == (384, 384, 3)
    said = " ".join(result.stderr.split())
    assert f"candidate {report['candidate']['hash']}: the same class in" in said and "report.html" in said
