# SPDX-License-Identifier: BSD-3-Clause
"""Networks with layers of one sign, of zeros, or alike: every step gives the same integers, and so does the RTL."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from shiftcore.hw import compile as flow
from shiftcore.hw.boards import load_board
from shiftcore.hw.chip import build_chip
from shiftcore.model.reference import Reference
from shiftcore.quant.export import export
from shiftcore.quant.network import ReducedTSM, random_network
from shiftcore.quant.preset import Preset, parse_preset
from shiftcore.sim.core import CoreModel
from tests.environments import with_tools

SIZES = {
    "input": {"height": 16, "width": 16},
    "network": {
        "stem": {"width": 4, "stride": 2},
        "stages": [{"width": 4, "stride": 2, "blocks": 1}],
        "fold_div": 4,
    },
    "hardware": {"streams": 2},
}


def _block(network: ReducedTSM) -> tuple[torch.Tensor, torch.Tensor]:
    block = network.stages[0].blocks[0]
    return block.conv1.conv.weight, block.conv2.conv.weight


KINDS: dict[str, Callable[[ReducedTSM], object]] = {
    "positive_head": lambda n: n.classifier.weight.abs_(),
    "negative_head": lambda n: n.classifier.weight.abs_().neg_(),
    "equal_head": lambda n: n.classifier.weight.fill_(0.5),
    "zero_head": lambda n: n.classifier.weight.zero_(),
    "zero_branch": lambda n: _block(n)[1].zero_(),
    "zero_before": lambda n: _block(n)[0].zero_(),
    "twins": lambda n: _block(n)[1].copy_(_block(n)[0]),
    "positive": lambda n: [layer.conv.weight.abs_() for layer, _, _ in n.convolutions()],
    "negative": lambda n: [layer.conv.weight.abs_().neg_() for layer, _, _ in n.convolutions()],
    "dead": lambda n: [layer.conv.weight.zero_() for layer, _, _ in n.convolutions()] + [n.classifier.weight.zero_()],
    "silent": lambda n: n.stages[0].blocks[0].conv1.norm.bias.fill_(-60),
    "saturated": lambda n: n.stages[0].blocks[0].conv1.norm.bias.fill_(60),
}


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIFTCORE_BUILD", str(with_tools(tmp_path / "build")))


def exported(kind: str, classes: int) -> tuple[Preset, Path]:
    preset = parse_preset({"name": kind, **SIZES}, kind)
    network = random_network(preset, 1, [f"class{index}" for index in range(classes)])
    with torch.no_grad():
        KINDS[kind](network)
    return preset, export(network, preset, preset.build / "export")


@pytest.mark.parametrize("kind", KINDS)
def test_every_step_takes_layers_of_one_sign(kind: str) -> None:
    """Up to the folded RTL layers: each step's logits equal those of the step before, and the exported model's."""
    preset, folder = exported(kind, 3)
    flow.compile_model(folder / "model.onnx", "pynq-z2", flow.STEPS[:5])
    assert (preset.build / "pynq-z2" / "05_fold.onnx").is_file()


@pytest.mark.parametrize(("kind", "classes"), [("positive_head", 1), ("zero_branch", 3), ("dead", 2)])
def test_the_chip_of_such_a_network_is_exact(kind: str, classes: int) -> None:
    _, folder = exported(kind, classes)
    core = flow.compile_model(folder / "model.onnx", "pynq-z2")
    build_chip(core, folder / "model.npz", load_board("pynq-z2"))  # takes signed logits alone
    reference, model = Reference.load(folder / "model.npz"), CoreModel(core)
    frames = [(frame.pixels, frame.stream, frame.clear) for frame in flow.verification_frames(16, 16)]
    for frame in frames:
        model.push(*frame)
    results = model.run()
    model.close()
    assert [result.logits.tolist() for result in results] == [reference.infer(*frame).tolist() for frame in frames]
