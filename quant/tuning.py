# SPDX-License-Identifier: BSD-3-Clause
"""Which part of a network is trained: all of it, its end, or small adapters that leave no trace in the hardware.

For training on from somebody else's weights with few clips: the less is trained, the less there is to overfit.
"""

import re

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from shiftcore.errors import UserError
from shiftcore.quant.network import ReducedTSM

RANK = 4  # of an adapter's matrix, or as many as the layer has channels


class Adapter(nn.Module):
    """What is added to a frozen convolution's weights `[Cout, Cin, kH, kW]`: the product of two thin matrices
    `[Cout, RANK]` and `[RANK, Cin * kH * kW]` (LoRA, Hu et al. 2021, arXiv:2106.09685, section 4.1), seen from the
    layer's input a residual branch beside it (Rebuffi et al. 2017, arXiv:1705.08045). One of them starts at zero, so
    the network does not change at first. Weights are quantized after the addition: the chip sees the sum alone.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        flat = weight.flatten(1)
        rank = min(RANK, *flat.shape)
        self.up = nn.Parameter(weight.new_zeros(len(flat), rank))
        self.down = nn.Parameter(torch.empty_like(flat[:rank]))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.up @ self.down).view_as(weight)


def restrict(network: ReducedTSM, tune: str) -> None:
    """Let training move only what `tune` names, in place; adapters of an earlier call are merged first.

    - `all`: everything.
    - `head`: the classifier.
    - `last-N`: the last N stages (1 to all of them) and the classifier.
    - `adapters`: an `Adapter` on every 3x3 convolution, the classifier, and batch norm: it costs two numbers a channel,
      becomes thresholds in the chip anyway, and its statistics must follow weights and pictures that change.

    Raises UserError for any other `tune`.
    """
    trained = _trained(network, tune)
    merge(network)
    network.requires_grad_(False)
    for module in trained:
        module.requires_grad_(True)
    if tune == "adapters":
        for layer, _, _ in network.convolutions():
            parametrize.register_parametrization(layer.conv, "weight", Adapter(layer.conv.weight))
    for parameter in network.parameters():
        parameter.grad = None  # an optimizer would still follow what an earlier phase left there


def _trained(network: ReducedTSM, tune: str) -> list[nn.Module]:
    stages = len(network.stages)
    last = re.fullmatch(r"last-([0-9]{1,3})", tune)
    if last and not 1 <= int(last[1]) <= stages:
        raise UserError(f"tune {tune!r}: the network has {stages} stages, so N of last-N is 1 to {stages}")
    if tune == "all":
        return [network]
    if tune == "head":
        return [network.classifier]
    if last:
        return [*network.stages[stages - int(last[1]) :], network.classifier]
    if tune == "adapters":
        return [*(layer.norm for layer, _, _ in network.convolutions()), network.classifier]
    raise UserError(f"tune {tune!r}: is none of all, head, last-N (N from 1 to {stages}) and adapters")


def keep_statistics(network: ReducedTSM) -> None:
    """Put each batch norm whose parameters are frozen into eval mode, so that its statistics stay as they are.
    `network.train()` undoes it: call this behind it, at the start of every epoch."""
    for layer, _, _ in network.convolutions():
        if not layer.norm.weight.requires_grad:
            layer.norm.eval()


def merge(network: ReducedTSM) -> None:
    """Fold the adapters into the weights, in place: the network computes the same, bit for bit, and its parameters
    have the names of one that never had any. Without adapters nothing happens."""
    for layer, _, _ in network.convolutions():
        if parametrize.is_parametrized(layer.conv, "weight"):
            _fold(layer.conv)


def _fold(conv: nn.Conv2d) -> None:
    """As parametrize.remove_parametrizations, which however strips the layer's class of its weight, and copies of the
    layer share that class."""
    weight, plain = conv.weight.detach(), parametrize.type_before_parametrizations(conv)
    del conv.parametrizations
    conv.__class__ = plain
    conv.register_parameter("weight", nn.Parameter(weight, requires_grad=False))


def trained_parameters(network: ReducedTSM) -> int:
    """How many numbers training moves."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
