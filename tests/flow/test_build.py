# SPDX-License-Identifier: BSD-3-Clause
"""What is exported follows the weights in use, by their content: never by when a file was written."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from shiftcore.artifacts import digest
from shiftcore.flow import build
from shiftcore.quant import checkpoint
from shiftcore.quant import export as exporting
from shiftcore.quant.network import random_network
from shiftcore.quant.preset import Preset, parse_preset

PRESET = parse_preset(
    {
        "name": "small",
        "input": {"height": 8, "width": 8},
        "network": {"stem": {"width": 4, "stride": 1}, "stages": [{"width": 4}], "fold_div": 4},
    },
    "small",
)


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Preset, "build", property(lambda preset: tmp_path / preset.name))
    monkeypatch.setattr(checkpoint, "PRETRAINED", tmp_path / "shipped")


def train(path: Path, seed: int) -> Path:
    """Weights at `path`, as if they had been there for years."""
    checkpoint.save(random_network(PRESET, seed, ["a", "b"]), PRESET, path)
    os.utime(path, (10**9, 10**9))
    return path


def weights_of(model: Path) -> str | None:
    """What the exported integer model says of itself."""
    with np.load(model.with_name("model.npz")) as content:
        return json.loads(str(content["graph"]))["checkpoint"]


def test_the_export_is_of_the_weights_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = train(tmp_path / "shipped" / "small.pt", 1)
    trained = train(checkpoint.trained_path(PRESET), 2)
    assert weights_of(build.exported_model(PRESET)) == digest(trained)
    train(trained, 3)
    assert weights_of(build.exported_model(PRESET)) == digest(trained), "trained again"
    shutil.rmtree(trained.parent)
    assert weights_of(build.exported_model(PRESET)) == digest(shipped), "`remove that folder to train it anew`"

    def again(*_: object) -> None:
        raise AssertionError("exported again")

    monkeypatch.setattr(exporting, "export", again)
    os.utime(shipped)
    assert weights_of(build.exported_model(PRESET)) == digest(shipped), "a newer time is no other content"


def test_what_was_exported_of_other_weights_by_name_is_not_taken(tmp_path: Path) -> None:
    """`make export` of some checkpoint leaves its network in the same folder."""
    shipped, other = train(tmp_path / "shipped" / "small.pt", 1), train(tmp_path / "other.pt", 2)
    folder = exporting.export_preset(PRESET, other)
    assert weights_of(folder / "model.onnx") == digest(other)
    assert weights_of(build.exported_model(PRESET)) == digest(shipped)
