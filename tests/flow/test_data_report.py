# SPDX-License-Identifier: BSD-3-Clause
"""The data report on small videos made to be told apart without looking, or not at all."""

import json
from pathlib import Path

import numpy as np
import pytest

from shiftcore.flow import bias, data_report
from shiftcore.model import video
from shiftcore.quant import layouts
from tests.commands import shiftcore


def clip(path: Path, seed: int, brightness: int, size: tuple[int, int] = (48, 64)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    scene = np.kron(rng.integers(0, 60, (6, 8, 3)), np.ones((size[0] // 6, size[1] // 8, 1))).astype(np.uint8)
    video.write(path, [scene + np.uint8(brightness)] * 5)


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bright fights and dark calm, ten of each; of calm one is there twice."""
    folder = tmp_path_factory.mktemp("data") / "lit"
    for index in range(10):
        clip(folder / "calm" / f"{index}.mp4", index, 20)
        clip(folder / "fight" / f"{index}.mp4", 100 + index, 160)
    (folder / "calm" / "copy.mp4").write_bytes((folder / "calm" / "0.mp4").read_bytes())
    return folder


@pytest.fixture(scope="module")
def facts(footage: Path) -> tuple[layouts.Dataset, list[bias.Facts]]:
    dataset = layouts.read(footage)
    return dataset, [bias.examine(sample) for sample in dataset.samples]


def test_labels_told_by_brightness_alone(facts: tuple[layouts.Dataset, list[bias.Facts]]) -> None:
    floor = bias.bias_floor(*facts)
    assert floor["brightness"]["accuracy"] == floor["brightness"]["auc"] == 1.0
    assert floor["size"]["accuracy"] < 0.7 and 0.3 <= floor["size"]["auc"] <= 0.7
    assert floor["the largest class"]["accuracy"] == 11 / 21


def test_the_copy_is_found_and_nothing_else(facts: tuple[layouts.Dataset, list[bias.Facts]]) -> None:
    pairs = data_report.duplicates(facts[1])
    assert [(a.sample.path.name, b.sample.path.name, why) for a, b, why in pairs] == [
        ("0.mp4", "copy.mp4", "same file")
    ]


def test_a_video_coded_anew_looks_alike(tmp_path: Path) -> None:
    clip(tmp_path / "calm" / "a.mp4", 1, 20)
    video.write(tmp_path / "calm" / "b.mp4", list(video.frames(tmp_path / "calm" / "a.mp4"))[:-1])
    facts = [bias.examine(sample) for sample in layouts.read(tmp_path).samples]
    assert [why for _, _, why in data_report.duplicates(facts)] == ["look alike"]


def test_what_a_user_sees(footage: Path, tmp_path: Path) -> None:
    done = shiftcore("data-report", "--data", footage, SHIFTCORE_BUILD=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "does not say which clips share a scene" in done.stdout and "1 pairs of equal videos" in done.stdout
    report = json.loads((tmp_path / "data-report" / "lit" / "report.json").read_text())
    assert report["classes"]["calm"]["clips"] == 11 and report["classes"]["fight"]["sizes"] == {"64x48": 10}
    page = (tmp_path / "data-report" / "lit" / "report.html").read_text()
    assert page.count("<img") == 11 + 10


def test_too_little_for_a_floor_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip(tmp_path / "calm" / "a.mp4", 1, 20)
    clip(tmp_path / "fight" / "b.mp4", 2, 20)
    dataset = layouts.read(tmp_path)
    report = data_report.summarize(dataset, [bias.examine(sample) for sample in dataset.samples])
    assert report["bias_floor"] is None and "class 'calm' has 1 source" in report["no_bias_floor_because"]
