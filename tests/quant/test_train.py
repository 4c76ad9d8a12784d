# SPDX-License-Identifier: BSD-3-Clause
"""Training learns, goes on after Ctrl-C, and starts anew when the preset changed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from shiftcore.model import video
from shiftcore.quant import accuracy
from shiftcore.quant.checkpoint import PRETRAINED, load
from shiftcore.quant.data import HELD_OUT_SEED, Clips, render
from shiftcore.quant.learner import Learner, Phase, fit
from shiftcore.quant.preset import Training
from tests.checkout import ROOT
from tests.commands import shiftcore
from tests.quant import topologies

PRESET = """
[input]
height = 16
width = 16
[network]
stem = { width = 8, stride = 2 }
stages = [{ width = 8, stride = 2, blocks = 1 }]
[data]
source = "folder"
num_segments = 4
[training]
batch_size = 4
float_epochs = %d
qat_epochs = 12
"""


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """Videos of two classes that anyone can tell apart, and a preset for them."""
    texture = np.random.default_rng(0).integers(0, 60, (24, 24, 3))
    for name, brightness in (("bright", 190), ("dark", 0)):
        (tmp_path / "videos" / name).mkdir(parents=True)
        for index in range(8):
            images = [(texture + brightness + index).astype(np.uint8)] * 8
            video.write(tmp_path / "videos" / name / f"{index}.mp4", images)
    (tmp_path / "light.toml").write_text(PRESET % 3)
    return tmp_path


def start(workplace: Path, **more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "shiftcore", "qat", "--preset", str(workplace / "light.toml")]
    return subprocess.Popen(
        [*command, "--data", str(workplace / "videos")],
        cwd=ROOT,
        env={**os.environ, "SHIFTCORE_BUILD": str(workplace / "build"), **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Ctrl-C must reach it even where the tests run under nohup.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def finish(workplace: Path) -> str:
    done = shiftcore(
        *("qat", "--preset", workplace / "light.toml", "--data", workplace / "videos"),
        SHIFTCORE_BUILD=workplace / "build",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def interrupt(workplace: Path, when: str) -> str:
    """Start training, press Ctrl-C as soon as the file `when` is there, and return what stderr says."""
    process = start(workplace)
    while not (workplace / "build" / "light" / "qat" / when).is_file():
        assert process.poll() is None, "training ended before it could be interrupted"
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 2
    return errors


def epochs_of(state: Path) -> list[dict[str, float]]:
    callbacks = torch.load(state, weights_only=True)["callbacks"]
    return callbacks["History"]["epochs"]


def test_learns_resumes_and_starts_anew(workplace: Path) -> None:
    (workplace / "light.toml").write_text(PRESET % 30)
    folder = workplace / "build" / "light" / "qat"
    errors = interrupt(workplace, "float/last.ckpt")
    assert errors.splitlines()[-1].startswith("error: interrupted") and "Traceback" not in errors
    assert not (folder / "best.pt").exists() and not (folder / "metrics.json").exists()
    before = epochs_of(folder / "float" / "last.ckpt")
    assert 0 < len(before) < 30

    interrupt(workplace, "quantized/last.ckpt")
    assert not (folder / "best.pt").exists() and not (folder / "metrics.json").exists()
    quantized = epochs_of(folder / "quantized" / "last.ckpt")

    finish(workplace)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["epochs"]["float"][: len(before)] == before and len(metrics["epochs"]["float"]) == 30
    assert metrics["epochs"]["quantized"][: len(quantized)] == quantized
    assert metrics["val_accuracy"] == 1.0 and metrics["classes"] == ["bright", "dark"]
    assert (folder / "curves.png").stat().st_size > 10_000
    network, preset = load(folder / "best.pt")
    assert network.classes == ("bright", "dark") and preset.name == "light"

    assert "is trained; remove that folder" in finish(workplace)
    (workplace / "light.toml").write_text(PRESET % 0)
    assert "training starts anew" in finish(workplace)
    assert json.loads((folder / "metrics.json").read_text())["epochs"]["float"] == []


def test_a_mistake_is_one_line(tmp_path: Path) -> None:
    result = shiftcore("qat", "--preset", "cctv", "--data", "tests/absent", SHIFTCORE_BUILD=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("error: tests/absent: no such folder") and result.stderr.count("\n") == 1


def test_shipped_weights_tell_time_and_their_baseline_cannot() -> None:
    """At least 95 % with the shift on held-out scenes of four classes; without it, near the chance of 25 %."""
    images, labels = render(topologies.TINY, 600, HELD_OUT_SEED)
    for name, low, high in (("tiny", 0.95, 1.0), ("tiny_tsn", 0.2, 0.32)):
        path = PRETRAINED / f"{name}.pt"
        assert path.stat().st_size < 1_000_000
        network, preset = load(path)
        assert preset.network.shift == (name == "tiny")
        assert preset.network.with_(shift=True) == topologies.TINY.network
        assert (preset.data, preset.input) == (topologies.TINY.data, topologies.TINY.input)  # whose scenes these are
        assert low <= accuracy.hits(network, images, labels).mean() <= high


def test_two_processes_train_one_network(workplace: Path) -> None:
    """As Lightning does it on several GPUs, here on two CPU processes by its own environment variables."""
    (workplace / "light.toml").write_text(PRESET.replace("qat_epochs = 12", "qat_epochs = 2") % 1)
    process = start(workplace, PL_TRAINER_ACCELERATOR="cpu", PL_TRAINER_DEVICES="2", PL_TRAINER_STRATEGY="ddp")
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    folder = workplace / "build" / "light" / "qat"
    assert output.count("best.pt: validation accuracy") == 1 and output.count("float warm-up") == 1
    assert len(json.loads((folder / "metrics.json").read_text())["epochs"]["quantized"]) == 2
    assert load(folder / "best.pt")[1].name == "light"


class OneConvolution(nn.Module):
    """A convolution over space, or over time as well, and a mean; notes the precision it runs in."""

    def __init__(self, convolution: nn.Module) -> None:
        super().__init__()
        self.convolution = convolution
        self.in_half = False

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        frames = clips.transpose(1, 2) if isinstance(self.convolution, nn.Conv3d) else clips[:, 0]
        result = self.convolution(frames)
        self.in_half = result.dtype == torch.bfloat16
        return result.flatten(2).mean(2)[:, None]


@pytest.mark.parametrize("convolution, in_half", [(nn.Conv2d(3, 2, 1), True), (nn.Conv3d(3, 2, 1), False)])
def test_convolutions_over_time_learn_in_full_precision(
    convolution: nn.Module, in_half: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU: their gradient in bfloat16 is not to be trusted (quant.learner)."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    network, few = OneConvolution(convolution), TensorDataset(torch.zeros(4, 2, 3, 4, 4), torch.tensor([0, 1, 0, 1]))
    learner = Learner(network, 2, Training(), learning_rate=0.01)
    fit(learner, Clips(("a", "b"), few, TensorDataset(torch.empty(0)), 2), Training(), 1, tmp_path, Phase.FLOAT)
    assert network.in_half == in_half
