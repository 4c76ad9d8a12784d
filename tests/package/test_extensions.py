# SPDX-License-Identifier: BSD-3-Clause
"""What other installed packages add by entry points: found by name, and their faults named as theirs."""

import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from shiftcore import extensions
from shiftcore.errors import UserError
from shiftcore.hw.boards import load_board
from shiftcore.model.description import ModelDescription
from shiftcore.model.reference import Reference
from shiftcore.quant import layouts
from shiftcore.quant.preset import load_preset
from tests.checkout import ROOT


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package `others`, as pip leaves one, with an entry point of each kind."""
    about = tmp_path / "others-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    points = {
        "presets": "mine = others:PRESET",
        "boards": "arty = others:BOARD",
        "layouts": "flat = others:Flat",
        "semantics": "multiple = others:Multiple",
        "sinks": "beep = others:absent",
    }
    text = "".join(f"[shiftcore.{kind}]\n{line}\n" for kind, line in points.items())
    (about / "entry_points.txt").write_text(text)
    (tmp_path / "mine.toml").write_text((ROOT / "quant" / "presets" / "tiny.toml").read_text())
    (tmp_path / "arty.toml").write_text((ROOT / "hw" / "boards" / "pynq-z2.toml").read_text())
    code = """
        from pathlib import Path
        from shiftcore.model.reference import Map
        from shiftcore.quant.layouts import Layout, Sample
        PRESET, BOARD = (Path(__file__).with_name(name) for name in ("mine.toml", "arty.toml"))
        class Flat(Layout):
            name = "flat"
            def claims(self, listing):
                return any(video.name.startswith("flat") for video in listing.videos)
            def samples(self, listing):
                return (Sample(video, video.stem.split("-")[1], video.stem) for video in listing.videos)
        class Multiple:
            def __init__(self, layer, arrays, source):
                self.times = layer.number("times")
                self.output = Map(source.shape, self.times * source.low, self.times * source.high)
            def __call__(self, x):
                return x.astype(self.output.dtype) * self.times
    """
    (tmp_path / "others.py").write_text(textwrap.dedent(code))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "others", raising=False)
    return tmp_path


def test_presets_and_boards_by_name(package: Path) -> None:
    assert load_preset("mine").name == "mine"
    assert load_board("arty").name == "arty"
    with pytest.raises(UserError, match=r"preset 'yours': not known; the presets are .*mine.*, or any TOML file"):
        load_preset("yours")


def test_a_layout_is_asked_before_ours(package: Path) -> None:
    folder = package / "clips" / "some"
    folder.mkdir(parents=True)
    for name in ("flat-run.mp4", "flat-sit.mp4"):
        (folder / name).write_bytes(b"\0\0\0\x18ftypmp42")
    assert layouts.read(package / "clips").classes == ["run", "sit"]


def test_a_fault_of_the_package_is_named_as_its_own(package: Path) -> None:
    with pytest.raises(UserError, match=r"shiftcore\.sinks 'beep' of package others: cannot be imported \(Attrib"):
        extensions.load("sinks", "beep")


def tripling(op: str, **numbers: int) -> Reference:
    layers = [
        {"name": "sums", "op": "sum_pool", "inputs": ["input"]},
        {"name": "thrice", "op": op, "inputs": ["sums"], **numbers},
    ]
    graph = {
        "format": "shiftcore-integer-model",
        "version": 2,
        "trained": False,
        "preset": {"name": "thrice", "hardware": {"streams": 1}},
        "classes": ["a", "b", "c"],
        "input": {"height": 2, "width": 2, "channels": 3},
        "preprocess": {"representation": "rgb", "images_per_second": None, "run_every": 1},
        "num_segments": 1,
        "logit_scale": 1.0,
        "layers": layers,
    }
    return Reference(ModelDescription.parse(graph), {})


def test_the_reference_runs_layers_of_other_packages(package: Path) -> None:
    frame = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert tripling("multiple", times=3).infer(frame).tolist() == (3 * frame.astype(int).sum((0, 1))).tolist()
    for op, missing in (("treble", "treble"), ("multiple", "times")):
        with pytest.raises(ValueError, match=rf"layer 'thrice': unknown or missing '{missing}'"):
            tripling(op)
