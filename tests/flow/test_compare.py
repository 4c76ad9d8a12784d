"""The comparison: figures of a hand-made example, and a run that is interrupted and goes on."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from common.errors import UserError
from flow import compare
from quant import baselines, metrics

CLASSES = ("calm", "fall", "fight")
LABELS = ("fight", "fight", "fall", "calm", "calm")
SCORES = {  # of each clip: calm, fall, fight
    "tsm": ((0.1, 0.2, 0.7), (0.2, 0.2, 0.6), (0.1, 0.5, 0.4), (0.8, 0.1, 0.1), (0.3, 0.1, 0.6)),
    "tsn": ((0.4, 0.2, 0.4), (0.3, 0.2, 0.5), (0.1, 0.0, 0.9), (0.1, 0.8, 0.1), (0.2, 0.4, 0.4)),
}


def rows(scores: Sequence[Sequence[float]], labels: Sequence[str] = LABELS) -> list[dict[str, Any]]:
    return [
        {"clip": f"{i}.mp4", "label": label, "source": f"camera {i % 3}", "fold": i % 2, "scores": list(row)}
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
    for figure in (tsm["top1_ci95"], tsm["auc_ci95"], tsn["auc_difference_ci95"]):
        assert figure[0] <= figure[1]
    assert tsm["auc_difference"] is None


def test_a_network_differs_from_itself_by_nothing() -> None:
    figures = compare.compare({"tsm": RESULTS["tsm"], "copy": rows(SCORES["tsm"])}, CLASSES, ("fight",))
    assert figures["copy"]["auc_difference"] == 0 and figures["copy"]["auc_difference_ci95"] == (0, 0)


def test_several_alarm_classes_count_as_one() -> None:
    positive, scores = compare.alarm_columns(RESULTS["tsm"], CLASSES, ("fall", "fight"))
    assert positive.tolist() == [True, True, True, False, False]
    assert scores.tolist() == [0.7, 0.6, 0.5, 0.1, 0.6]


def test_without_an_alarm_there_are_classes_only() -> None:
    figures = compare.compare(RESULTS, CLASSES, ())
    assert figures["tsm"]["top1"] == 4 / 5 and figures["tsn"]["auc"] is figures["tsn"]["auc_difference"] is None


def test_other_clips_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="same clips"):
        compare.compare({"tsm": RESULTS["tsm"], "tsn": RESULTS["tsn"][::-1]}, CLASSES, ("fight",))


def test_top_k() -> None:
    labels, scores = np.array([0, 1, 5]), np.tile(np.array([0.05, 0.1, 0.15, 0.2, 0.22, 0.28]), (3, 1))
    assert metrics.top_k(labels, scores, 5) == 2 / 3
    assert metrics.top_k(labels, scores, 1) == 1 / 3
    assert metrics.top_k(labels, scores, 6) == metrics.top_k(labels[:2], scores[:2, :2], 5) == 1


NETWORKS = ("tsm", "tsn", "tsm_bidirectional")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Videos that nobody opens, the baselines that need no further library, and builds that go elsewhere."""
    monkeypatch.setattr("common.preset.BUILD", tmp_path / "build")
    monkeypatch.setattr(baselines, "BASELINES", {name: baselines.BASELINES[name] for name in NETWORKS})
    for label in ("leave_pick", "pick_leave"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for index in range(6):
            (tmp_path / "data" / label / f"{index}.mp4").touch()
    return tmp_path


def pretend_training(monkeypatch: pytest.MonkeyPatch, *interrupted: str) -> list[str]:
    """Puts scores in training's place; returns which networks were trained, as they come. Those `interrupted` are."""
    trained: list[str] = []

    def out_of_fold(_preset: object, _data: Path, _build: object, folder: Path) -> list[dict[str, Any]]:
        if folder.name in interrupted:
            raise KeyboardInterrupt
        trained.append(folder.name)
        scores = np.random.default_rng(len(folder.name)).dirichlet([1, 1], 12)
        return rows(scores.tolist(), ["leave_pick", "pick_leave"] * 6)

    module = ModuleType("quant.cross_validation")
    module.out_of_fold = out_of_fold  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return trained


def test_goes_on_where_it_stopped(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = pretend_training(monkeypatch, "tsm_bidirectional")
    with pytest.raises(KeyboardInterrupt):
        compare.main("tiny", workplace / "data")
    assert trained == ["tsm", "tsn"]
    trained = pretend_training(monkeypatch)
    compare.main("tiny", workplace / "data")
    assert trained == ["tsm_bidirectional"]
    folder = workplace / "build" / "tiny" / "compare"
    report = json.loads((folder / "report.json").read_text())
    assert report["classes"] == ["leave_pick", "pick_leave"] and {"date", "machine", "versions"} <= set(report)
    wanted = "top1 top1_ci95 top5 precision recall f1 auc auc_ci95 parameters macs_per_clip ms_per_clip"
    assert list(report["networks"]) == list(NETWORKS)
    assert all(set(wanted.split()) <= set(figures) for figures in report["networks"].values())
    assert (folder / "compare.png").stat().st_size > 10_000
    printed = capsys.readouterr().out
    assert all(word in printed for word in (*NETWORKS, "top-5", "AUC - tsm", "28,432", "12 clips of 3 sources"))

    (workplace / "data" / "leave_pick" / "another.mp4").touch()
    trained = pretend_training(monkeypatch)
    compare.main("tiny", workplace / "data")
    assert trained == list(NETWORKS)


def test_an_alarm_that_the_data_does_not_know_is_refused_at_once(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = pretend_training(monkeypatch)
    with pytest.raises(UserError, match="no class 'fight'"):
        compare.main("cctv", workplace / "data")
    assert not trained and not (workplace / "build").exists()
