# SPDX-License-Identifier: BSD-3-Clause
"""The comparison: figures of a hand-made example, and a run that is interrupted and goes on."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from shiftcore.errors import UserError
from shiftcore.flow import compare
from shiftcore.quant import baselines, cross_validation, metrics
from shiftcore.quant.cross_validation import Scorer
from shiftcore.quant.data import Clips
from shiftcore.quant.layouts import Sample
from shiftcore.quant.metrics import Row
from tests.flow.test_crossval import PRESET, write_clips

CLASSES = ("calm", "fall", "fight")
LABELS = ("fight", "fight", "fall", "calm", "calm")
SCORES = {  # of each clip: calm, fall, fight
    "tsm": ((0.1, 0.2, 0.7), (0.2, 0.2, 0.6), (0.1, 0.5, 0.4), (0.8, 0.1, 0.1), (0.3, 0.1, 0.6)),
    "tsn": ((0.4, 0.2, 0.4), (0.3, 0.2, 0.5), (0.1, 0.0, 0.9), (0.1, 0.8, 0.1), (0.2, 0.4, 0.4)),
}


def rows(scores: Sequence[Sequence[float]], labels: Sequence[str] = LABELS) -> list[Row]:
    return [
        {"clip": f"{i}.mp4", "label": label, "source": f"camera {i % 3}", "fold": str(i % 2), "scores": list(row)}
        for i, (label, row) in enumerate(zip(labels, scores, strict=True))
    ]


RESULTS = {name: rows(scores) for name, scores in SCORES.items()}


def test_figures_of_a_hand_made_example() -> None:
    figures = compare.compare(RESULTS, CLASSES, ("fight",))
    tsm, tsn = figures["tsm"], figures["tsn"]
    assert (tsm["n"], tsm["sources"]) == (5, 3)
    assert tsm["top1"] == 4 / 5 and tsn["top1"] == 1 / 5  # tsn's 0.4 and 0.4: the first class is the guess
    assert tsm["top5"] == tsn["top5"] == 1  # there are only three classes
    assert (tsm["precision"], tsm["recall"], tsm["f1"]) == (2 / 3, 1, 0.8)
    assert (tsn["precision"], tsn["recall"], tsn["f1"]) == (1 / 2, 1 / 2, 1 / 2)
    assert tsm["auc"] == 5.5 / 6  # of six pairs one is equal
    assert tsn["auc"] == 3.5 / 6
    assert tsn["auc_difference"] == pytest.approx(-2 / 6)
    assert tsn["top1_difference"] == pytest.approx(-3 / 5) and tsm["top1_difference"] is None
    # Whole cameras: 0 has clips 0 and 3 (both lost), 1 clips 1 and 4 (one lost), 2 clip 2 (as it was).
    assert tsn["top1_difference_ci95"][0] == -1 and tsn["top1_difference_ci95"][1] == 0
    for figure in (tsm["top1_ci95"], tsm["auc_ci95"], tsn["auc_difference_ci95"]):
        assert figure[0] <= figure[1]
    assert tsm["auc_difference"] is None


def test_a_network_differs_from_itself_by_nothing() -> None:
    figures = compare.compare({"tsm": RESULTS["tsm"], "copy": rows(SCORES["tsm"])}, CLASSES, ("fight",))
    assert figures["copy"]["auc_difference"] == 0 and figures["copy"]["auc_difference_ci95"] == (0, 0)


def test_several_alarm_classes_count_as_one() -> None:
    positive, scores = metrics.alarm_columns(RESULTS["tsm"], CLASSES, ("fall", "fight"))
    assert positive.tolist() == [True, True, True, False, False]
    assert scores.tolist() == [0.7, 0.6, 0.5, 0.1, 0.6]


def test_without_an_alarm_there_are_classes_only() -> None:
    figures = compare.compare(RESULTS, CLASSES, ())
    assert figures["tsn"]["top1_difference"] == pytest.approx(-3 / 5)
    assert figures["tsm"]["top1"] == 4 / 5 and figures["tsn"]["auc"] is figures["tsn"]["auc_difference"] is None


def test_other_clips_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="same clips"):
        compare.compare({"tsm": RESULTS["tsm"], "tsn": RESULTS["tsn"][::-1]}, CLASSES, ("fight",))


def test_among_top() -> None:
    labels, scores = np.array([0, 1, 5]), np.tile(np.array([0.05, 0.1, 0.15, 0.2, 0.22, 0.28]), (3, 1))
    assert metrics.among_top(labels, scores, 5).mean() == 2 / 3
    assert metrics.among_top(labels, scores, 1).mean() == 1 / 3
    assert metrics.among_top(labels, scores, 6).all() and metrics.among_top(labels[:2], scores[:2, :2], 5).all()


NETWORKS = ("tsm", "tsn", "tsm_offline")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small videos and a preset for them, the baselines that need no further library, and a build folder of its own."""
    monkeypatch.setenv("SHIFTCORE_BUILD", str(tmp_path / "build"))
    monkeypatch.setattr("shiftcore.quant.frames.work_folder", lambda: tmp_path / "build" / "frames")
    monkeypatch.setattr(baselines, "BASELINES", {name: baselines.BASELINES[name] for name in NETWORKS})
    write_clips(tmp_path / "clips")
    (tmp_path / "small.toml").write_text(PRESET)
    return tmp_path


def pretend_training(monkeypatch: pytest.MonkeyPatch, interrupted: str = "") -> list[str]:
    """Puts random scores in training's place; returns which folds of which networks were trained, as they come, up to
    the one `interrupted`."""
    trained: list[str] = []

    def train_in_float(*_arguments: object) -> Callable[[Clips, Path], Scorer]:
        def train_fold(_data: Clips, folder: Path) -> Scorer:
            name = f"{folder.parent.name}/{folder.name}"
            if name == interrupted:
                raise KeyboardInterrupt
            trained.append(name)
            rng = np.random.default_rng(len(trained))

            def score(_sample: Sample) -> Row:
                return {"scores": rng.dirichlet([1, 1]).tolist()}

            return score

        return train_fold

    monkeypatch.setattr(cross_validation, "train_in_float", train_in_float)
    return trained


def test_goes_on_where_it_stopped(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    preset, data = str(workplace / "small.toml"), workplace / "clips"
    trained = pretend_training(monkeypatch, "tsn/fold3")
    with pytest.raises(KeyboardInterrupt):
        compare.main(preset, data)
    assert trained == [f"tsm/fold{k}" for k in range(5)] + [f"tsn/fold{k}" for k in range(3)]
    trained = pretend_training(monkeypatch)
    compare.main(preset, data)
    assert trained == ["tsn/fold3", "tsn/fold4"] + [f"tsm_offline/fold{k}" for k in range(5)]
    folder = workplace / "build" / "small" / "compare"
    report = json.loads((folder / "report.json").read_text())
    assert report["classes"] == ["calm", "lively"] and {"date", "machine", "versions"} <= set(report)
    wanted = "top1 top1_ci95 top5 precision recall f1 auc auc_ci95 parameters macs_per_clip ms_per_clip"
    assert list(report["networks"]) == list(NETWORKS)
    assert all(set(wanted.split()) <= set(figures) for figures in report["networks"].values())
    assert (folder / "compare.png").stat().st_size > 10_000
    printed = capsys.readouterr().out
    assert all(word in printed for word in (*NETWORKS, "top-5", "AUC - tsm", "16 clips of 16 sources"))


def test_an_alarm_that_the_data_does_not_know_is_refused_at_once(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = pretend_training(monkeypatch)
    with pytest.raises(UserError, match="no class 'fight'"):
        compare.main("cctv", workplace / "clips")
    assert not trained and not (workplace / "build" / "cctv").exists()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_baseline_trains(workplace: Path, name: str) -> None:
    from shiftcore.quant.data import usable, video_clips
    from shiftcore.quant.layouts import read
    from shiftcore.quant.preset import load_preset

    preset = load_preset(str(workplace / "small.toml"))
    preset = preset.with_(training={"float_epochs": 1})
    dataset = usable(preset, read(workplace / "clips"))
    data = video_clips(preset, dataset.classes, dataset.samples[2:], ())
    score = cross_validation.train_in_float(preset, baselines.BASELINES[name])(data, workplace / name)
    assert sum(score(dataset.samples[0])["scores"]) == pytest.approx(1)
