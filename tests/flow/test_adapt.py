# SPDX-License-Identifier: BSD-3-Clause
"""Adapting from end to end, as a user runs it: promoted, kept, or too little data; and the way back."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from shiftcore.artifacts import digest
from shiftcore.driver.control import listening, runs_folder
from shiftcore.flow import adapt, versions
from shiftcore.flow.build import exported_model
from shiftcore.flow.command import app
from shiftcore.model import video
from shiftcore.model.reference import Reference
from shiftcore.quant import checkpoint, frames
from shiftcore.quant.data import folder_clips
from shiftcore.quant.learner import two_phases
from shiftcore.quant.metrics import Row
from shiftcore.quant.network import random_network
from shiftcore.quant.preset import Preset, load_preset
from tests.checkout import ROOT
from tests.flow.test_crossval import NETWORK
from tests.flow.test_rollout import taken

PRESET = (
    NETWORK
    + """[data]
source = "folder"
num_segments = 4
[augmentation]
light = 0.2
[training]
batch_size = 4
float_epochs = 12
float_lr = 0.01
qat_epochs = 2
qat_lr = 0.005
keep = "last"
[alarm]
classes = ["lively"]
threshold = "chosen"
"""
)
SHARP, FAINT = 50, 9  # how much the lights of a lively scene change: where the base network learned, and elsewhere


def write_clips(folder: Path, changes: int, numbers: range, sources: int = 99) -> Path:
    """Clips of two classes that only motion tells apart, in turn; as many scenes of each class as `sources` allows."""
    rows = ["clip,label,source"]
    for index in numbers:
        label, rng = ("lively", "calm")[index % 2], np.random.default_rng(index)
        picture = rng.integers(60, 190, (40, 60, 3))
        light = rng.integers(-changes, changes, 25) * (label == "lively")
        images = [np.clip(picture + by, 0, 255).astype(np.uint8) for by in light]
        video.write(folder / label / f"{index}.mp4", images, rate=20)
        rows.append(f"{label}/{index}.mp4,{label},{label} scene {index // 2 % sources}")
    (folder / "index.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of a network that knows lively scenes by strong changes of light."""
    folder = tmp_path_factory.mktemp("base")
    (folder / "small.toml").write_text(PRESET)
    preset = load_preset(str(folder / "small.toml"))
    data = folder_clips(preset, write_clips(folder / "clips", SHARP, range(100, 124)))
    checkpoint.save(two_phases(preset, data, folder / "qat").network, preset, folder / "base.pt", threshold=0.7)
    return folder / "base.pt"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Preset:
    """A preset and a build folder of its own, without any weights."""
    monkeypatch.setenv("SHIFTCORE_BUILD", str(tmp_path / "build"))
    monkeypatch.setattr(frames, "work_folder", lambda: tmp_path / "build" / "frames")
    monkeypatch.setattr(adapt, "STEPS", 60)
    monkeypatch.setattr(adapt, "FOLDS", 3)
    (tmp_path / "small.toml").write_text(PRESET)
    return load_preset(str(tmp_path / "small.toml"))


def use(preset: Preset, weights: Path) -> None:
    target = checkpoint.trained_path(preset)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(weights.read_bytes())


def call(preset: Preset, command: str, *more: str | Path) -> Any:
    path = preset.build.parent.parent / "small.toml"
    return CliRunner().invoke(app, [command, "--preset", str(path), *map(str, more)])


def line_of(result: Any) -> str:
    assert result.exit_code == 2, result.output
    assert result.stderr.splitlines()[-1].startswith("error: ")
    return str(result.stderr.splitlines()[-1])


def test_promoted_where_the_old_network_fails_and_back_again(
    place: Preset, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolled_out: list[str] = []
    monkeypatch.setattr(adapt, "roll_out", lambda preset: rolled_out.append(preset.name))
    use(place, base)
    trained = checkpoint.trained_path(place)
    old = exported_model(place)
    clips = write_clips(place.build.parent.parent / "clips", FAINT, range(16))
    done = call(place, "adapt", "--data", clips)
    assert done.exit_code == 0, done.output
    assert "promoted: the new network is better with 95 % confidence" in done.stdout and rolled_out == ["small"]
    original, first = versions.listed(place)
    assert trained.read_bytes() == first.weights.read_bytes() != base.read_bytes()
    assert original.weights.read_bytes() == base.read_bytes()
    assert Reference.load(old.with_name("model.npz")).description.checkpoint == digest(base)
    exported_model(place)
    assert Reference.load(old.with_name("model.npz")).description.checkpoint == digest(trained)
    figures = first.report["figures"]
    assert figures["right"]["old"] <= 10 and figures["right"]["new"] >= 14 and figures["p"] < 0.01
    assert figures["auc"]["difference_ci95"][0] <= figures["auc"]["difference"] and figures["sources"] == 16
    assert first.report["parent"] == 0 and len(first.report["clips"]) == 16
    assert checkpoint.chosen_threshold(trained) == first.report["threshold"] is not None
    assert "promoted" in (first.folder / "report.md").read_text()
    assert len(json.loads((first.folder / "predictions.json").read_text())) == 16

    again = call(place, "adapt", "--data", clips)  # it has seen these
    assert "too little data to decide: 0 sources that the network in use has not learned from" in again.stdout
    first_line, second_line, _ = call(place, "versions").stdout.splitlines()
    assert "original" in first_line and "in use" not in first_line
    assert "promoted  adapters from 0, " in second_line and second_line.endswith("<- in use")
    told: list[Path] = []
    with listening(runs_folder(old), partial(taken, told), print):
        back = command(place, "rollback")
    assert told == [old.with_name("model.npz")] and "has model 1f0c22ab now" in back.stdout
    assert Reference.load(told[0]).description.checkpoint == digest(base)
    assert back.returncode == 0 and back.stdout.startswith("version 0 of ") and "version 1" in back.stdout
    assert trained.read_bytes() == base.read_bytes()
    further = command(place, "rollback")
    assert further.returncode == 2
    assert further.stderr == "error: preset 'small': nothing to go back to: version 0, in use, is an original\n"


def command(preset: Preset, name: str) -> subprocess.CompletedProcess[str]:
    """As a user types it, in a process of its own."""
    environment = os.environ | {"SHIFTCORE_BUILD": str(preset.build.parent)}
    path = preset.build.parent.parent / "small.toml"
    words = [sys.executable, "-m", "shiftcore", name, "--preset", str(path)]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_kept_where_the_old_network_is_as_good(
    place: Preset, base: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(adapt, "STEPS", 6)
    use(place, base)
    done = call(place, "adapt", "--data", write_clips(tmp_path / "clips", SHARP, range(12)), "--strategy", "head")
    assert done.exit_code == 0, done.output
    assert "kept the old one: " in done.stdout
    assert checkpoint.trained_path(place).read_bytes() == base.read_bytes()
    version = versions.listed(place)[-1]
    assert version.report["outcome"] == "kept" and not version.weights.exists()
    figures = version.report["figures"]
    assert figures["right"]["old"] == 12 and not figures["better"]


def test_too_few_sources_decide_nothing(place: Preset, base: Path, tmp_path: Path) -> None:
    use(place, base)
    done = call(place, "adapt", "--data", write_clips(tmp_path / "clips", FAINT, range(16), sources=2))
    assert done.exit_code == 0
    said = done.stdout.replace("\n", " ")
    assert "too little data to decide: 4 sources: were the new network better on every one, p would be 0.0625" in said
    assert "add clips of at least 1 more source. Nothing was changed." in said
    assert checkpoint.trained_path(place).read_bytes() == base.read_bytes() and not versions.listed(place)


def test_mistakes_are_one_line(place: Preset, base: Path, tmp_path: Path) -> None:
    clips = write_clips(tmp_path / "clips", FAINT, range(8))
    assert "has no weights to start from" in line_of(call(place, "adapt", "--data", clips))
    use(place, base)
    assert "nothing to go back to from the weights in use: it was never adapted" in line_of(call(place, "rollback"))
    assert "no such folder" in line_of(call(place, "adapt", "--data", tmp_path / "nowhere"))
    assert "strategy 'scratch'" in line_of(call(place, "adapt", "--data", clips, "--strategy", "scratch"))
    assert call(place, "adapt", "--data", clips, "--confidence", "1").exit_code == 2
    index = clips / "index.csv"
    table = index.read_text()
    (clips / "calm").rename(clips / "quiet")  # a label that contradicts its folder is refused before all else
    table = table.replace("calm/", "quiet/")
    index.write_text(table.replace(",calm,", ",asleep,"))
    assert "does not know 'asleep' (it knows calm, lively)" in line_of(call(place, "adapt", "--data", clips))
    rows = [line.rpartition(",")[0] + ",hall" if ",calm," in line else line for line in table.splitlines()]
    index.write_text("\n".join(rows))
    assert "class 'calm' has 1 source (hall); 2 are needed" in line_of(call(place, "adapt", "--data", clips))
    index.write_text("clip,label\n" + "".join(f"lively/{number}.mp4,\n" for number in (0, 2, 4)))
    assert "none of its 3 videos is labelled" in line_of(call(place, "adapt", "--data", clips))


@pytest.fixture
def shipped(place: Preset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Shipped weights, and none trained here."""
    monkeypatch.setattr(checkpoint, "PRETRAINED", tmp_path / "shipped")
    checkpoint.save(random_network(place, 0, ("calm", "lively")), place, tmp_path / "shipped" / "small.pt")
    return tmp_path / "shipped" / "small.pt"


def promoted(preset: Preset, seed: int, sources: tuple[str, ...] = ()) -> versions.Version:
    """A version of random weights, put in use as adapting does it."""
    path = preset.build / f"{seed}.pt"
    checkpoint.save(random_network(preset, seed, ("calm", "lively")), preset, path)
    parent = versions.keep_original(preset)
    clips = [{"clip": "", "label": "", "source": source, "digest": f"of {source}"} for source in sources]
    version = versions.add(preset, {"outcome": "promoted", "parent": parent.number, "clips": clips}, path, {})
    versions.install(preset, version)
    return version


def test_back_to_the_shipped_weights_is_without_a_copy(place: Preset, shipped: Path) -> None:
    promoted(place, 1, ("yard",))
    second = promoted(place, 2, ("hall",))
    assert versions.learned(place, second) == ({"yard", "hall"}, {"of yard", "of hall"})
    assert versions.roll_back(place)[0].number == 1 and versions.weights_in_use(place) != shipped
    assert versions.learned(place, versions.in_use(place))[0] == {"yard"}
    third = promoted(place, 3)  # from version 1, so that is where it goes back to
    assert (third.number, third.report["parent"]) == (3, 1)
    assert versions.roll_back(place)[0].number == 1 and versions.roll_back(place)[0].number == 0
    assert versions.weights_in_use(place) == shipped and not checkpoint.trained_path(place).exists()


def test_weights_trained_by_other_means_are_kept_too(place: Preset, shipped: Path) -> None:
    promoted(place, 1)
    checkpoint.save(random_network(place, 7, ("calm", "lively")), place, checkpoint.trained_path(place))
    trained = checkpoint.trained_path(place).read_bytes()
    assert "they are none of the 2 versions" in line_of(call(place, "rollback"))
    promoted(place, 2)
    assert [version.report["outcome"] for version in versions.listed(place)] == [
        "original",
        "promoted",
        "original",
        "promoted",
    ]
    versions.roll_back(place)
    assert checkpoint.trained_path(place).read_bytes() == trained


def test_a_damaged_version_is_not_put_in_use(place: Preset, shipped: Path) -> None:
    promoted(place, 1)
    promoted(place, 2)
    versions.listed(place)[1].weights.write_bytes(b"")
    before = checkpoint.trained_path(place).read_bytes()
    assert "version 1 is lost" in line_of(call(place, "rollback"))
    assert checkpoint.trained_path(place).read_bytes() == before


def test_a_gain_without_more_clips_right_promotes_nothing(place: Preset) -> None:
    rows: list[Row] = [
        {"label": label, "source": str(index), "old_scores": old, "scores": new}
        for index in range(8)
        for label, old, new in [("calm", [0.6, 0.4], [0.9, 0.1])]
    ]
    figures = adapt.compare(rows, place, ["calm", "lively"], 0.95)
    assert figures["p"] == 2**-8 and not figures["better"] and figures["auc"] is None
    rows[0]["old_scores"] = [0.4, 0.6]
    assert adapt.compare(rows, place, ["calm", "lively"], 0.95)["better"]
