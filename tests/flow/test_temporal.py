# SPDX-License-Identifier: BSD-3-Clause
"""The comparison of with and without the shift: what it counts, and that it goes on where it stopped."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from shiftcore.flow import temporal
from shiftcore.quant import data, learner, orders
from shiftcore.quant.preset import Preset, load_preset

BASE = load_preset("temporal")


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the presets that were trained, in order; nothing is really trained: weights stay random."""
    names: list[str] = []
    monkeypatch.setattr(temporal, "HELD_OUT_CLIPS", 12)
    monkeypatch.setenv("SHIFTCORE_BUILD", str(tmp_path))
    monkeypatch.setattr(learner, "train", lambda preset: names.append(preset.name))
    return names


def test_variants_differ_in_the_shift_alone() -> None:
    with_shift, without = (temporal.variant(BASE, "passes", name, 2) for name in temporal.VARIANTS)
    assert with_shift.network.shift and not without.network.shift
    assert with_shift.network == without.network.with_(shift=True)
    assert (with_shift.data, with_shift.training) == (without.data, without.training)
    assert with_shift.data.events == ("passes",) and with_shift.training.seed == 2
    assert with_shift.build != without.build


def test_an_interrupted_comparison_goes_on(trained: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stops(preset: Preset) -> Any:
        if len(trained) == 3:
            raise KeyboardInterrupt
        trained.append(preset.name)

    with monkeypatch.context() as patch:
        patch.setattr(learner, "train", stops)
        with pytest.raises(KeyboardInterrupt):
            temporal.measure_all(BASE, 1, Console(quiet=True))
    hits = temporal.measure_all(BASE, 1, Console(quiet=True))
    assert len(trained) == len(set(trained)) == len(orders.CLASSES) * 2
    again = temporal.measure_all(BASE, 1, Console(quiet=True))
    assert len(trained) == len(orders.CLASSES) * 2
    for task in orders.CLASSES:
        for name in temporal.VARIANTS:
            assert hits[task][name].shape == (1, 12)
            assert np.array_equal(hits[task][name], again[task][name])


def test_another_recipe_is_trained_anew(trained: list[str]) -> None:
    preset = temporal.variant(BASE, "arrow", "shift", 0)
    images, labels = data.render(preset, 4, 3)
    temporal.measure(preset, images, labels)
    temporal.measure(preset.with_(training={"float_epochs": 1}), images, labels)
    assert len(trained) == 2  # by learner.train, which clears another recipe's states away itself (test_train.py)


def _hits(share: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((3, 400)) < share


HITS = {task: {"shift": _hits(0.9, 1), "no_shift": _hits(1 / len(names), 2)} for task, names in orders.CLASSES.items()}


def test_figures_and_their_intervals() -> None:
    report = temporal.summarize(HITS)
    for task, names in orders.CLASSES.items():
        figures = report[task]
        assert figures["chance"] == pytest.approx(1 / len(names))
        assert figures["shift"]["mean"] == pytest.approx(HITS[task]["shift"].mean())
        assert figures["no_shift"]["seeds"] == pytest.approx(HITS[task]["no_shift"].mean(1).tolist())
        gain = figures["shift"]["mean"] - figures["no_shift"]["mean"]
        assert figures["difference"]["mean"] == pytest.approx(gain)
        low, high = figures["difference"]["ci95"]
        assert gain - 0.1 < low < gain < high < gain + 0.1
    assert json.loads(json.dumps(report))


def test_the_difference_is_paired() -> None:
    """Where both are right on the same clips, the difference is sure, however sure each of them is."""
    same = {"arrow": {"shift": HITS["arrow"]["shift"], "no_shift": HITS["arrow"]["shift"]}}
    report = temporal.summarize(same)["arrow"]
    assert report["difference"] == {"mean": 0.0, "ci95": (0.0, 0.0)}
    low, high = report["shift"]["ci95"]
    assert low < high


def test_table_and_pictures(tmp_path: Path) -> None:
    report = temporal.summarize(HITS)
    console = Console(record=True, width=140, file=io.StringIO())
    console.print(temporal.table(report))
    assert f"{report['put_take']['shift']['mean']:.1%}" in console.export_text()
    temporal.draw(report, tmp_path / "temporal.png")
    temporal.draw_scenes(tmp_path / "scenes.png", 8)
    for name in ("temporal.png", "scenes.png"):
        assert min(Image.open(tmp_path / name).size) > 300
