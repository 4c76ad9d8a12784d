# SPDX-License-Identifier: BSD-3-Clause
"""An exported model runs before anyone compiles it: on the reference, whose results are the chip's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shiftcore.driver import Accelerator, BackendError, build, commands
from shiftcore.driver.errors import BuildError
from shiftcore.errors import UserError
from shiftcore.model.reference import Reference
from shiftcore.quant.brawl import clip
from tests.checkout import ROOT


def test_an_exported_model_gives_the_references_logits(tiny_export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tiny_export / "model.npz"
    reference = Reference.load(model)
    frames = np.random.default_rng(1).integers(0, 256, (3, *reference.input_shape), np.uint8)
    with Accelerator.open(model, compare=True) as opened:
        assert (opened.backend, opened.compiled) == ("reference", False)
        logits = [result.logits.tolist() for result in opened.stream(frames)]
    assert logits == [reference.infer(frame, 0, index == 0).tolist() for index, frame in enumerate(frames)]
    assert capsys.readouterr().err == ""  # nobody asked for a chip


@pytest.mark.parametrize("backend", ["board", "rtl"])
def test_it_is_no_chip(tiny_export: Path, backend: str) -> None:
    with pytest.raises(BackendError, match="holds an exported model and no chip; compile it first"):
        Accelerator.open(tiny_export / "model.npz", backend)


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no such file; `make export` writes"):
        Accelerator.open(tmp_path / "model.npz")


def test_run_takes_the_shipped_network(tmp_path: Path) -> None:
    """As a new user would: no export, no compilation, no torch; a video."""
    from shiftcore.model.video import write

    write(tmp_path / "a video.mp4", list(clip(True, 16, 160, 224, (3,))), rate=16)
    command = [sys.executable, "-m", "shiftcore", "run", str(tmp_path / "a video.mp4"), "--json"]
    (tmp_path / "torch.py").write_text("raise ImportError('there is none')")
    environment = {**os.environ, "SHIFTCORE_BUILD": str(tmp_path / "build"), "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"fight", "no_fight"} >= {json.loads(line)["class"] for line in done.stdout.splitlines()} != set()
    assert (tmp_path / "build" / "cctv" / "cctv.npz").read_bytes() == commands.SHIPPED.read_bytes()


def test_what_was_trained_here_goes_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIFTCORE_BUILD", str(tmp_path))
    assert commands.exported() == tmp_path / "cctv" / "cctv.npz"
    (tmp_path / "cctv" / "qat").mkdir()
    (tmp_path / "cctv" / "qat" / "best.pt").write_text("no weights")
    with pytest.raises(UserError, match=r"no --build is given, and cctv cannot be exported here: .*best.pt") as refused:
        commands.exported()
    assert "\n" not in str(refused.value)


def test_what_outlives_a_run_outlives_the_next_export(tmp_path: Path) -> None:
    """An export replaces its folder: events that wait for a broker would be gone, and the keys that feeders have."""
    export, chip = tmp_path / "cctv" / "export", tmp_path / "cctv" / "pynq-z2"
    for folder in (export, chip):
        folder.mkdir(parents=True)
    assert build.state_folder(export / "model.npz") == tmp_path / "cctv"
    assert build.state_folder(chip) == chip
    assert build.state_folder(tmp_path / "mine" / "night.npz") == tmp_path / "mine"
