# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore load` and SIGHUP reach a run that is a process of its own, in the middle of a file."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from shiftcore.driver import Accelerator, control
from shiftcore.driver.build import Build
from shiftcore.driver.change import LOADED, Change, install
from shiftcore.driver.control import listening, runs_folder, tell
from shiftcore.driver.errors import ShapeError
from shiftcore.driver.load import load
from shiftcore.errors import UserError
from shiftcore.flow.command import app
from shiftcore.model import video
from shiftcore.model.preprocess import Preprocessor
from shiftcore.model.reference import Reference
from shiftcore.quant import synthetic
from tests.checkout import ROOT
from tests.driver.footage import EVENTS
from tests.driver.rig import other_model, too_wide

FRAMES = 1800  # a pipe holds some 200 lines: the run cannot be at the end when it is told


@pytest.fixture
def build(tiny_chip: Path, tmp_path: Path) -> Path:
    """A copy of the build, as little of it as a board has."""
    folder = tmp_path / "tiny" / "pynq-z2"
    (folder / "chip").mkdir(parents=True)
    for name in ("manifest.json", "model.npz", "selftest.npz"):
        shutil.copy(tiny_chip / name, folder / "chip")
    return folder


class Paced:
    """A run of a file whose lines are read one by one: it is never far ahead of us."""

    def __init__(self, build: Path, path: Path) -> None:
        command = ["run", str(path), "--build", str(build), "--backend", "reference", "--json"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "shiftcore", *command],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.lines: list[dict[str, Any]] = []

    def next(self) -> str:
        """The hash of the model that gave the next frame."""
        assert self.process.stdout is not None
        self.lines.append(json.loads(self.process.stdout.readline()))
        return str(self.lines[-1]["model"])

    def end(self) -> str:
        """Read the rest; what it said on standard error."""
        assert self.process.stdout is not None and self.process.stderr is not None
        self.lines += [json.loads(line) for line in self.process.stdout]  # `communicate` passes by what is buffered
        errors = self.process.stderr.read()
        assert self.process.wait(timeout=60) == 0, errors
        return errors


def test_a_running_process_takes_other_models_and_every_frame_is_of_exactly_one(build: Path, tmp_path: Path) -> None:
    """One by command, one by SIGHUP; one of another shape is refused and changes nothing."""
    images = list(synthetic.clip(EVENTS, 3, (9, 48, 64), (77, 0)))
    video.write(tmp_path / "a.mp4", images * (FRAMES // 9))
    own, read = build / "chip" / "model.npz", Build.load(build)
    first, second = (other_model(own, tmp_path / f"{seed}.npz", seed) for seed in (1, 2))
    hashes = [Change.read(read, model).loaded.hash for model in (own, first, second)]
    run = Paced(build, tmp_path / "a.mp4")
    assert run.next() == hashes[0]
    with ThreadPoolExecutor() as threads:
        told = threads.submit(load, build, first)
        while not told.done():
            run.next()
            wait([told], timeout=0.1)  # a slow machine may take a minute for it
        assert [(reply.model, reply.error) for reply in told.result()] == [(hashes[1], "")]
    while run.next() != hashes[1]:
        pass
    with pytest.raises(ShapeError):
        load(build, other_model(own, tmp_path / "3.npz", 3, too_wide))
    install(read, second)
    run.process.send_signal(signal.SIGHUP)
    while run.next() != hashes[2]:
        time.sleep(0.02)
    errors = run.end()
    assert errors.count("from here on, in place of") == 2 and not list((build / "runs").iterdir())
    check(run.lines, dict(zip(hashes, (own, first, second), strict=True)), tmp_path / "a.mp4")


def check(lines: list[dict[str, Any]], models: dict[str, Path], path: Path) -> None:
    """Every frame is there once, and has the logits that its model gives from where that one began."""
    assert [line["frame"] for line in lines] == list(range(FRAMES))
    used, reference = [], Reference.load(next(iter(models.values())))
    prepare = Preprocessor(reference.description)
    inputs = prepare.clip(video.frames(path, luma=prepare.luma))
    for line, pixels in zip(lines, inputs, strict=True):
        begins = line["model"] not in used
        if begins:
            used.append(line["model"])
            reference = Reference.load(models[line["model"]])
        assert line["model"] == used[-1]
        assert line["logits"] == reference.infer(pixels, 0, begins).tolist()
    assert used == list(models)


def test_a_build_goes_by_what_was_loaded_until_it_has_another_chip(build: Path, tmp_path: Path) -> None:
    own = build / "chip" / "model.npz"
    other = other_model(own, tmp_path / "1.npz", 1)
    result = CliRunner().invoke(app, ["load", str(other), "--build", str(build)], catch_exceptions=False)
    assert (result.exit_code, result.stdout) == (0, "no run is there to be told\n")
    frame = np.full(Build.load(build).input_shape, 90, np.uint8)
    for model in (other, own):
        with Accelerator.open(build, "reference", compare=True) as accelerator:
            assert accelerator.infer([frame]).logits.tolist() == Reference.load(model).infer(frame).tolist()
        (build / "chip" / LOADED).unlink(missing_ok=True)  # as compiling does


def test_what_does_not_fit_is_one_line_and_nothing_is_left(build: Path, tmp_path: Path) -> None:
    wrong = other_model(build / "chip" / "model.npz", tmp_path / "1.npz", 1, too_wide)
    for model in (wrong, tmp_path / "none.npz"):
        result = CliRunner().invoke(app, ["load", str(model), "--build", str(build)], catch_exceptions=False)
        assert result.exit_code == 2 and result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert not (build / "chip" / LOADED).exists()


def refusing(_model: Path, _bank: int) -> Any:
    raise UserError("not today")


def test_a_run_that_refuses_is_an_exit_code(build: Path, tmp_path: Path) -> None:
    """In a folder with a path that is longer than a socket's may be."""
    deep = tmp_path / ("x" * 120) / "pynq-z2"
    shutil.copytree(build, deep)
    other = other_model(build / "chip" / "model.npz", tmp_path / "1.npz", 1)
    with listening(runs_folder(deep), refusing, print):
        result = CliRunner().invoke(app, ["load", str(other), "--build", str(deep)], catch_exceptions=False)
    assert result.exit_code == 2
    assert result.stdout == f"run {os.getpid()}: did not take it: not today\n"


def test_the_dead_are_not_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "123"))
    assert tell(tmp_path, tmp_path / "model.npz") == [] and not list(tmp_path.iterdir())


def test_who_talks_nonsense_is_told_so_and_the_next_one_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(tmp_path / "runs", refusing, print):
        monkeypatch.setattr(control.json, "dumps", lambda value: json.JSONEncoder().encode({**value, "load": 3}))
        assert "no wish" in tell(tmp_path / "runs", tmp_path)[0].error
        monkeypatch.undo()
        assert tell(tmp_path / "runs", tmp_path)[0].error == "not today"


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    with listening(tmp_path / "absent" / "runs", refusing, said.append):
        pass
    assert said == [f"{tmp_path}/absent/runs: No such file or directory; `shiftcore load` does not reach this run"]
