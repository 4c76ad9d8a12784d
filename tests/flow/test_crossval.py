# SPDX-License-Identifier: BSD-3-Clause
"""Cross-validation from end to end, as a user runs it: folds by source, the integer model's scores, final weights."""

import csv
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shiftcore.flow.crossval import summarize
from shiftcore.flow.operating_point import choose_threshold, false_alarms_per_hour
from shiftcore.model import video
from shiftcore.quant import checkpoint
from shiftcore.quant.cross_validation import Row
from shiftcore.quant.preset import parse_preset
from tests.commands import shiftcore
from tests.quant import topologies
from tests.real_clips import REAL_CLIPS, real_clips

NETWORK = """
[input]
height = 16
width = 24
representation = "motion"
images_per_second = 10
run_every = 2
[network]
stem = { width = 8, stride = 2 }
stages = [{ width = 8, stride = 2, blocks = 1 }]
"""
PRESET = (
    NETWORK
    + """[data]
source = "folder"
num_segments = 4
apart = ["dull"]
[augmentation]
crop = 0.7
pace = 1.2
light = 0.3
reverse = true
[training]
batch_size = 4
float_epochs = 12
float_lr = 0.01
qat_epochs = 2
label_smoothing = 0.1
keep = "last"
[alarm]
classes = ["lively"]
threshold = "chosen"
"""
)
QUICK = PRESET.replace("float_epochs = 12", "float_epochs = 2").replace("qat_epochs = 2", "qat_epochs = 1")


def write_clips(folder: Path) -> None:
    """Two classes that only motion tells apart, of eight sources each, one of them called dull."""
    rows = ["clip,label,source,fold"]
    for index in range(16):
        label = "lively" if index % 2 else "calm"
        rng = np.random.default_rng(index)
        picture = rng.integers(60, 190, (40, 60, 3))
        images = [(picture + (rng.integers(-50, 50) if label == "lively" else 0)).astype(np.uint8) for _ in range(25)]
        (folder / label).mkdir(parents=True, exist_ok=True)
        video.write(folder / label / f"{index}.mp4", images, rate=20)
        rows.append(f"{label}/{index}.mp4,{label},{'dull' if index == 0 else f'camera {index}'},")
    (folder / "index.csv").write_text("\n".join(rows) + "\n")


Crossval = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def crossval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Crossval:
    """Run the command on the preset and the clips in `tmp_path`."""
    monkeypatch.setenv("PL_TRAINER_DEVICES", "1")  # which a cross-validation would leave behind

    def run(*more: str, data: str = "clips", command: str = "crossval") -> subprocess.CompletedProcess[str]:
        given = ["--preset", tmp_path / "small.toml", "--data", tmp_path / data, *more]
        return shiftcore(command, *given, SHIFTCORE_BUILD=tmp_path / "build")

    return run


def test_from_videos_to_a_model_card(crossval: Crossval, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(PRESET)
    write_clips(tmp_path / "clips")
    done = crossval()
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "build" / "small" / "crossval"
    report = json.loads((folder / "metrics.json").read_text())
    rows = json.loads((folder / "predictions.json").read_text())
    assert len(rows) == 16 and len({row["clip"] for row in rows}) == 16
    assert set(report["figures"]) == {"all", "without dull"}
    everything = report["figures"]["all"]
    assert everything["n"] == 16 and everything["auc"] > 0.9 and report["figures"]["without dull"]["n"] == 15
    assert abs(everything["quantized_minus_float_auc"]) < 0.2
    card = (folder / "model-card.md").read_text()
    assert f"| **AUC** | {everything['auc']:.3f}" in card and "bias floor" in card
    assert (folder / "crossval.png").stat().st_size > 10_000
    weights = tmp_path / "build" / "small" / "qat" / "best.pt"
    assert checkpoint.chosen_threshold(weights) == report["threshold"]

    again = crossval()
    assert again.returncode == 0 and "teach" not in again.stdout.replace("all 16 clips teach", "")
    assert json.loads((folder / "predictions.json").read_text()) == rows


def test_several_data_sets_are_pooled_each_left_out_and_the_unseen_teaches_nothing(
    crossval: Crossval, tmp_path: Path
) -> None:
    (tmp_path / "small.toml").write_text(QUICK)
    for name in ("here", "there", "ordinary", "drawn"):
        write_clips(tmp_path / name)
    calm = [line for line in (tmp_path / "ordinary" / "index.csv").read_text().splitlines() if ",lively," not in line]
    (tmp_path / "ordinary" / "index.csv").write_text("\n".join(calm))
    done = crossval(
        "--data",
        str(tmp_path / "there"),
        "--unseen",
        str(tmp_path / "ordinary"),
        "--also",
        str(tmp_path / "drawn"),
        data="here",
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "build" / "small" / "crossval"
    rows = json.loads((folder / "predictions.json").read_text())
    assert len({row["clip"] for row in rows}) == len(rows) == 16 + 16 + 8
    assert {row["origin"] for row in rows if row["unseen"]} == {"ordinary"}
    assert {row["fold"] for row in rows if row["unseen"]} == {f"fold{number}" for number in range(5)}
    assert "fold0: " in done.stdout and "32 clips teach, 16 are held out" in done.stdout  # those left out, and --also
    assert "final network: all 48 clips teach" in done.stdout
    report = json.loads((folder / "metrics.json").read_text())
    assert report["data"] == "here and there" and report["figures"]["all"]["n"] == 32
    assert report["figures"]["without dull"]["n"] == 30
    felt = report["alarms"]
    assert set(felt["out_of_fold"]) == {"all", "here", "there", "ordinary"}
    assert set(felt["left_out"]) == {"here", "there"}
    assert felt["out_of_fold"]["ordinary"]["hours"] == pytest.approx(8 * 1.25 / 3600, rel=1e-3)
    assert felt["out_of_fold"]["here"]["events"] == felt["left_out"]["here"]["events"] == 8
    assert felt["left_out"]["there"]["auc"] > 0.5
    card = (folder / "model-card.md").read_text()
    assert card.index("---|\n| **all** |") < card.index("| here, left out as a whole |") < card.index("| **AUC** |")


def test_a_protocols_test_sources_are_scored_once_and_again_by_evaluate(crossval: Crossval, tmp_path: Path) -> None:
    """Sources 1 and 2 together are one, which is tested with those of 4 to 7; the others teach."""
    recipe = PRESET.replace("float_epochs = 12", "float_epochs = 6").split("[alarm]")[0].replace('apart = ["dull"]', "")
    tested = [f"camera {number}" for number in (4, 5, 6, 7)]
    rules = f'test = {json.dumps(["one", *tested])}\ntogether = {{ one = ["camera 1", "camera 2"] }}\n'
    (tmp_path / "small.toml").write_text(recipe.replace("num_segments = 4\n", f"num_segments = 4\n{rules}"))
    write_clips(tmp_path / "clips")
    done = crossval()
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "build" / "small"
    assert "fold0: 10 clips teach, 6 are held out" in done.stdout and "final network" not in done.stdout
    rows = json.loads((folder / "crossval" / "predictions.json").read_text())
    assert {row["source"] for row in rows} == {"one", *tested}
    figures = json.loads((folder / "crossval" / "metrics.json").read_text())["figures"]["all"]
    assert (figures["n"], figures["sources"], figures["auc"]) == (6, 5, None)
    card = (folder / "crossval" / "model-card.md").read_text()
    assert "one, camera 4, camera 5, camera 6, camera 7, which" in card and "bias floor" not in card

    again = crossval(command="evaluate")
    assert again.returncode == 0, again.stderr
    assert "10 of 16 clips are of sources that are not in data.test" in again.stdout
    evaluated = json.loads((folder / "evaluate" / "metrics.json").read_text())
    assert (evaluated["n"], evaluated["top1"]) == (6, figures["top1"])


def test_a_class_of_one_source_is_one_line(crossval: Crossval, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(PRESET)
    write_clips(tmp_path / "clips")
    table = (tmp_path / "clips" / "index.csv").read_text().splitlines()
    same = [line if ",lively," not in line else f"{line.split(',')[0]},lively,one," for line in table]
    (tmp_path / "clips" / "index.csv").write_text("\n".join(same))
    done = crossval()
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: class 'lively' has 1 source (one); 5 are needed")


@pytest.mark.skipif(not real_clips(), reason="the real clips are not beside this checkout")
def test_a_few_real_clips(crossval: Crossval, tmp_path: Path) -> None:
    """Nothing of real files (sizes, rates, containers) stops the pipeline."""
    (tmp_path / "small.toml").write_text(QUICK.replace('"lively"', '"fight"'))
    rows = list(csv.DictReader((REAL_CLIPS / "index.csv").open()))
    chosen = [
        row
        for label in ("fight", "no_fight")
        for fold in "01234"
        for row in [r for r in rows if (r["label"], r["fold"]) == (label, fold)][:1]
    ]
    for row in chosen:
        target = tmp_path / "clips" / row["clip"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REAL_CLIPS / row["clip"], target)
    with (tmp_path / "clips" / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(chosen)
    done = crossval()
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "build" / "small" / "crossval" / "metrics.json").read_text())
    assert report["figures"]["all"]["n"] == 10


def rows_of(scores: list[float], labels: str, fold: str = "") -> list[Row]:
    return [
        {
            "label": "second" if label == "1" else "first",
            "source": str(index),
            "fold": (fold or str(index % 2)),
            "scores": [1 - score, score],
            "float_scores": [1 - score, score],
            "window": [score] * 3,
            "times": [0.0, 1.0, 2.0],
            "seconds": 3.0,
        }
        for index, (score, label) in enumerate(zip(scores, labels, strict=True))
    ]


def test_thresholds_by_each_rule_and_never_on_the_scores_they_judge() -> None:
    values = topologies.NARROW.model_dump(mode="json")
    values["alarm"] = {"classes": ["second"], "threshold": "chosen", "choose": {"recall": 0.5}, "min_seconds": 0.5}
    preset = parse_preset(values, "test")
    rows = rows_of([0.1, 0.3, 0.6, 0.9, 0.7, 0.2], "001101")
    classes = ["first", "second"]
    assert choose_threshold(rows, preset, classes) == pytest.approx(0.45)
    values["alarm"]["choose"] = {"false_alarms_per_hour": 0}
    assert choose_threshold(rows, parse_preset(values, "test"), classes) == pytest.approx(0.8)
    calm = [row for row in rows if row["label"] == "first"]
    assert false_alarms_per_hour(calm, preset, 0.65) == pytest.approx(3600 / 9)
    # Fold 0 is all of the first two rules' making: judged by its own threshold it would be perfect.
    # What no network learned from comes first: the calm clips around events count no more.
    unseen = [row | {"unseen": True, "label": "first"} for row in rows_of([0.2, 0.4], "00")]
    assert choose_threshold([*rows, *unseen], parse_preset(values, "test"), classes) == pytest.approx(0.5)
    assert summarize([*rows, *unseen], parse_preset(values, "test"), classes)["all"]["n"] == 6
    # Or data sets are named to count on.
    values["alarm"]["choose"] = {"false_alarms_per_hour": 0, "on": ["street"]}
    named = [row | {"origin": "shop"} for row in rows] + [row | {"origin": "street"} for row in rows_of([0.15], "0")]
    assert choose_threshold(named, parse_preset(values, "test"), classes) == pytest.approx(0.175)
    values["alarm"]["choose"] = {}
    assert parse_preset(values, "test").alarm.choose.rule == ("false_alarms_per_hour", 10)
    shifted = rows_of([0.6, 0.9], "01", "a") + rows_of([0.1, 0.4], "01", "b")
    figures = summarize(shifted, parse_preset(values, "test"), classes)["all"]
    assert figures["auc"] == 0.75 and figures["accuracy"] == 0.5
