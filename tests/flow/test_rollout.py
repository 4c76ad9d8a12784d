# SPDX-License-Identifier: BSD-3-Clause
"""Adapted weights reach the chips and runs of their preset, and an archive for a board, without a compilation."""

import shutil
import tarfile
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shiftcore.driver import Accelerator
from shiftcore.driver.build import Build
from shiftcore.driver.change import LOADED
from shiftcore.driver.control import listening, runs_folder
from shiftcore.flow import deploy, rollout
from shiftcore.flow.build import exported_model
from shiftcore.flow.command import app
from shiftcore.hw.boards import load_board
from shiftcore.quant import checkpoint
from shiftcore.quant.network import random_network
from shiftcore.quant.preset import Preset, load_preset

CLASSES = ("enter_put", "enter_pick", "leave_put", "leave_pick")


@pytest.fixture
def preset(tiny_chip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Preset:
    """`tiny` in a build folder of its own: compiled with the shipped weights, and other weights in use since."""
    monkeypatch.setenv("SHIFTCORE_BUILD", str(tmp_path / "build"))
    preset = load_preset("tiny")
    shutil.copytree(tiny_chip, preset.build / "pynq-z2" / "chip")
    checkpoint.save(random_network(preset, 3, CLASSES), preset, checkpoint.trained_path(preset))
    return preset


def taken(told: list[Path], model: Path, _bank: int = 0) -> Future[str]:
    """What a run does with a model that fits."""
    told.append(model)
    answer: Future[str] = Future()
    answer.set_result("1f0c22ab")
    return answer


def not_compiled(*_arguments: object) -> Path:
    raise AssertionError("nothing is compiled")


def test_the_archive_has_the_new_weights_and_the_chip_as_it_is(
    preset: Preset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[Path] = []

    def measure(folder: Path, _progress: object) -> int:
        measured.append(folder)
        return 28_205

    monkeypatch.setattr(deploy, "compiled_chip", not_compiled)
    monkeypatch.setattr(deploy, "wheels", list)
    monkeypatch.setattr(deploy, "measured_latency", measure)
    for _ in range(2):
        result = CliRunner().invoke(app, ["deploy", "--preset", "tiny"], catch_exceptions=False)
        assert result.exit_code == 0, result.output
    folder = preset.build / "pynq-z2"
    assert measured == [folder]  # it is the chip's: once
    with tarfile.open(folder / "shiftcore-tiny-pynq-z2.tar.gz") as archive:
        archive.extractall(tmp_path / "board", filter="data")
    there = tmp_path / "board" / "shiftcore-tiny-pynq-z2" / "build" / "tiny" / "pynq-z2"
    new = exported_model(preset).with_name("model.npz")
    assert (there / "chip" / "manifest.json").read_bytes() == (folder / "chip" / "manifest.json").read_bytes()
    assert (there / "chip" / LOADED).read_bytes() == new.read_bytes()
    with Accelerator.open(new) as ours, Accelerator.open(there, "reference") as its:
        assert its.description == ours.description
    result = CliRunner().invoke(app, ["selftest", "--build", str(there), "--backend", "reference"])
    assert result.exit_code == 0, result.output


def test_another_shape_is_compiled(preset: Preset) -> None:
    """Another shape, another target, another board; and the very weights that the chip was made with."""
    board, model = load_board("pynq-z2"), exported_model(preset).with_name("model.npz")
    found = rollout.compiled_for(preset, board, model)
    assert found is not None and found.folder == preset.build / "pynq-z2"
    faster = preset.with_(hardware={"target_fps": 1})
    assert rollout.compiled_for(faster, board, model) is None
    assert rollout.compiled_for(preset, board.with_(clock_mhz=50.0), model) is None
    assert rollout.compiled_for(preset, load_board("zcu104"), model) is None
    assert rollout.compiled_for(preset, board, found.chip / "model.npz") is None
    smaller = load_preset("tiny").with_(network={"stem": {"width": 8}})
    checkpoint.save(random_network(smaller, 3, CLASSES), smaller, checkpoint.trained_path(preset))
    other = exported_model(smaller).with_name("model.npz")
    assert rollout.compiled_for(smaller, board, other) is None


def test_chips_and_runs_take_the_weights_in_use(preset: Preset, capsys: pytest.CaptureFixture[str]) -> None:
    folder, told = preset.build / "pynq-z2", list[Path]()
    ask = partial(taken, told)
    with listening(runs_folder(folder), ask, print), listening(runs_folder(preset.build / "export"), ask, print):
        rollout.roll_out(preset)
    model = exported_model(preset).with_name("model.npz")
    assert told == [folder / "chip" / LOADED, model] and told[0].read_bytes() == model.read_bytes()
    assert capsys.readouterr().out.count("has model 1f0c22ab now") == 2
    assert Build.load(folder).model.read_bytes() != model.read_bytes()  # the chip's own stays what it was


def test_where_nothing_runs_nothing_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIFTCORE_BUILD", str(tmp_path / "build"))
    monkeypatch.setattr(rollout, "exported_model", not_compiled)
    rollout.roll_out(load_preset("tiny"))


def test_a_chip_of_another_shape_is_named(preset: Preset, capsys: pytest.CaptureFixture[str]) -> None:
    smaller = preset.with_(network={"stem": {"width": 8}})
    checkpoint.save(random_network(smaller, 3, CLASSES), smaller, checkpoint.trained_path(preset))
    rollout.roll_out(smaller)
    assert "does not take the new weights: " in capsys.readouterr().out
