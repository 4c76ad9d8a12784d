# SPDX-License-Identifier: BSD-3-Clause
"""Evaluating as a user does it, on small synthetic videos and the shipped network."""

import csv
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from shiftcore.model import video
from shiftcore.model.decision import Decision
from shiftcore.model.preprocess import Preprocessor
from shiftcore.model.reference import Reference
from shiftcore.quant import synthetic
from shiftcore.quant.checkpoint import load_network
from shiftcore.quant.preset import load_preset
from tests.commands import shiftcore

PRESET = load_preset("tiny")
CLASSES = synthetic.class_names(PRESET.data.events)


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos a class, large enough that compression leaves them alone."""
    folder = tmp_path_factory.mktemp("footage")
    for label, name in enumerate(CLASSES):
        for index in range(3):
            images = synthetic.clip(PRESET.data.events, label, (8, 128, 128), (77, label, index))
            (folder / name).mkdir(exist_ok=True)
            video.write(folder / name / f"{index}.mp4", list(images))
    return folder


def evaluate(data: Path, build: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return shiftcore("evaluate", "--preset", "tiny", "--data", data, *more, SHIFTCORE_BUILD=build)


def test_figures_predictions_and_report(footage: Path, tiny_export: Path, tmp_path: Path) -> None:
    done = evaluate(footage, tmp_path, "--model", str(tiny_export / "model.npz"))
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "tiny" / "evaluate"
    figures = json.loads((folder / "metrics.json").read_text())
    wanted = "n accuracy accuracy_at_half precision recall f1 auc auc_ci95 threshold per_class false_alarms_per_hour"
    assert set(wanted.split()) <= set(figures)
    assert figures["n"] == 12 and figures["top1"] > 0.8
    rows = list(csv.DictReader((folder / "predictions.csv").open()))
    assert [row["label"] for row in rows] == [name for name in sorted(CLASSES) for _ in range(3)]
    assert figures["top1"] == sum(row["label"] == row["guess"] for row in rows) / 12
    reference = Reference.load(tiny_export / "model.npz")
    prepare = Preprocessor(reference.description)
    for row in rows:
        images = list(prepare.clip(video.frames(footage / row["clip"])))
        logits = [reference.infer(pixels, clear=index == 0) for index, pixels in enumerate(images)]
        scores = Decision(sum(logits), len(logits), reference.description.logit_scale, CLASSES).scores  # type: ignore[arg-type]
        assert [row[f"p({name})"] for name in CLASSES] == [f"{score:.6f}" for score in scores]
    html = (folder / "report.html").read_text()
    assert html.count("<img") >= 2 and "http" not in html.replace("http://www.w3.org", "")


def test_the_integer_model_predicts_what_the_quantized_network_does(footage: Path, tiny_export: Path) -> None:
    import torch

    network, _ = load_network(PRESET)
    reference = Reference.load(tiny_export / "model.npz")
    prepare = Preprocessor(reference.description)
    for path in sorted(footage.glob("*/*.mp4")):
        inputs = np.stack(list(prepare.clip(video.frames(path))))
        integers = sum(reference.infer(pixels, clear=index == 0) for index, pixels in enumerate(inputs))
        with torch.inference_mode():
            real = network.eval()(torch.from_numpy(inputs).permute(0, 3, 1, 2)[None].float()).sum(1)[0]
        expected = np.rint(real.numpy() / reference.description.logit_scale).astype(np.int64)
        assert np.array_equal(integers, expected)


def test_without_labels_there_are_predictions_only(footage: Path, tiny_export: Path, tmp_path: Path) -> None:
    data = tmp_path / "videos"
    data.mkdir()
    (data / "a.mp4").write_bytes((footage / CLASSES[0] / "0.mp4").read_bytes())
    (data / "notes.txt").write_text("no video")
    done = evaluate(data, tmp_path, "--model", str(tiny_export / "model.npz"))
    assert done.returncode == 0 and "skipped: " in done.stderr and "notes.txt" in done.stderr
    folder = tmp_path / "tiny" / "evaluate"
    assert json.loads((folder / "metrics.json").read_text())["n"] == 0
    assert [row["clip"] for row in csv.DictReader((folder / "predictions.csv").open())] == ["a.mp4"]
    assert not (folder / "report.html").exists()


def test_labels_that_the_model_does_not_know_are_refused(footage: Path, tiny_export: Path, tmp_path: Path) -> None:
    data = tmp_path / "videos"
    (data / "fight").mkdir(parents=True)
    (data / "fight" / "a.mp4").write_bytes((footage / CLASSES[0] / "0.mp4").read_bytes())
    done = evaluate(data, tmp_path, "--model", str(tiny_export / "model.npz"))
    assert done.returncode == 2
    assert "labels the model does not know: fight; its classes are" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "tiny" / "evaluate").exists()
