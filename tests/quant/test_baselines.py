# SPDX-License-Identifier: BSD-3-Clause
"""The baselines: what each knows of time, on any preset, and what they cost."""

import sys
from importlib.util import find_spec

import pytest
import torch
from torch import Tensor, nn

from shiftcore.errors import UserError
from shiftcore.quant.baselines import BASELINES
from shiftcore.quant.complexity import complexity
from shiftcore.quant.preset import Preset, load_preset
from tests.quant import topologies
from tests.quant.test_network import clips

CLASSES = ("fight", "no_fight")
NAMES = [
    pytest.param(name, marks=pytest.mark.skipif(name == "slowfast" and not find_spec("pytorchvideo"), reason="library"))
    for name in BASELINES
]


def build(name: str, preset: Preset = topologies.NARROW) -> nn.Module:
    """A baseline whose batch norm has seen frames, so that all its layers matter."""
    torch.manual_seed(0)
    network = BASELINES[name](preset, CLASSES).train()
    with torch.no_grad():
        for seed in range(3):
            network(clips(preset, 4, 6, seed))
    return network.eval()


def logits(network: nn.Module, images: Tensor) -> Tensor:
    with torch.inference_mode():
        return network(images)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("preset", topologies.ALL, ids=lambda preset: preset.name)
@pytest.mark.parametrize("frames", [2, 5, 8])
def test_any_preset_any_length(name: str, preset: Preset, frames: int) -> None:
    network = BASELINES[name](preset, CLASSES)
    result = network(clips(preset, 3, frames))
    assert network.classes == CLASSES
    assert result.shape == (3, 1 if name == "slowfast" else frames, 2)
    nn.functional.cross_entropy(result.mean(1), torch.tensor([0, 1, 1])).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_order_matters_to_all_but_tsn(name: str) -> None:
    network, images = build(name), clips(topologies.NARROW, 2, 8, seed=9)
    shuffled = images[:, [3, 0, 7, 4, 1, 6, 2, 5]]
    same = torch.allclose(logits(network, images).mean(1), logits(network, shuffled).mean(1), atol=1e-5)
    assert same == (name == "tsn")


def changed(name: str, at: int) -> list[bool]:
    """Which of eight frames' logits another frame `at` changes."""
    network, images = build(name), clips(topologies.NARROW, 1, 8, seed=9)
    other = images.clone()
    other[:, at] = 255 - other[:, at]
    difference = (logits(network, images) - logits(network, other))[0].abs().amax(1)
    return (difference > 1e-5).tolist()


def test_which_frames_see_which() -> None:
    """Two shifts in a row: a frame is seen two frames far. Only the bi-directional network sees what comes."""
    assert changed("tsn", at=4) == [index == 4 for index in range(8)]
    assert changed("tsm", at=4) == [4 <= index <= 6 for index in range(8)]
    assert changed("tsm_offline", at=4) == [2 <= index <= 6 for index in range(8)]


def test_both_directions_take_channels_of_their_own() -> None:
    network = BASELINES["tsm_offline"](topologies.NARROW, CLASSES)
    shift = network.stages[0].blocks[0].shift  # type: ignore[union-attr,index]
    x = torch.arange(2 * 3 * 16).float().reshape(6, 16, 1, 1)
    result, _ = shift(x, torch.zeros(2, 1, 1, 1))
    expected, frames = x.clone().unflatten(0, (2, 3)), x.unflatten(0, (2, 3))
    for t in range(3):
        expected[:, t, :2] = frames[:, t - 1, :2] if t > 0 else 0
        expected[:, t, 2:4] = frames[:, t + 1, 2:4] if t < 2 else 0
    assert torch.equal(result.unflatten(0, (2, 3)), expected)


def test_no_channels_for_the_frame_after() -> None:
    with pytest.raises(UserError, match="fold_div = 1"):
        BASELINES["tsm_offline"](topologies.NARROW.with_(network={"fold_div": 1}), CLASSES)


def test_slowfast_leaves_no_stand_in_behind() -> None:
    pytest.importorskip("pytorchvideo")
    for _ in range(2):
        BASELINES["slowfast"](topologies.NARROW, CLASSES)
    assert not {"torchvision", "torchvision.ops"} & sys.modules.keys()


def test_cctv_costs_what_its_file_says() -> None:
    """50 million multiply-accumulates a frame, counted by hand: output pixels x channels out x inputs of one output."""
    by_hand = 40 * 56 * 16 * 3 * 9  # stem
    by_hand += 2 * 40 * 56 * 16 * 16 * 9
    for pixels, before, width in ((20 * 28, 16, 32), (10 * 14, 32, 64), (5 * 7, 64, 128)):
        by_hand += pixels * width * 9 * (before + 2 * width)  # transition, and two convolutions of a block
    by_hand += 128 * len(CLASSES)
    preset = load_preset("cctv")
    costs = complexity(BASELINES["tsm"](preset, CLASSES), preset)
    assert costs["macs_per_frame"] == by_hand == 49_997_056
    assert costs["macs_per_clip"] == 8 * by_hand
    norms = 2 * (16 + 2 * 16 + 3 * (32 + 64 + 128))
    weights = 9 * (3 * 16 + 2 * 16**2 + 16 * 32 + 2 * 32**2 + 32 * 64 + 2 * 64**2 + 64 * 128 + 2 * 128**2)
    assert costs["parameters"] == weights + norms + 128 * len(CLASSES)
    assert costs["ms_per_clip"] > 0
