# SPDX-License-Identifier: BSD-3-Clause
"""What a network costs: parameters, multiply-accumulates, and time on this machine."""

import statistics
import time
from typing import TypedDict

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from shiftcore.quant.preset import Preset

WARM_UP, REPEATS = 3, 25


class Complexity(TypedDict):
    """See `complexity`."""

    parameters: int
    macs_per_clip: int
    macs_per_frame: int
    ms_per_clip: float


def complexity(network: nn.Module, preset: Preset) -> Complexity:
    """Of a network that takes clips as quant.baselines says, for one clip of `num_segments` frames of `preset`:
    `parameters`; `macs_per_clip`, those of convolutions and matrix products, counted as torch dispatches them;
    `macs_per_frame`, a frame's share of them; `ms_per_clip`, the median time of a clip by itself in milliseconds, with
    as many threads as torch is set to. Leaves the network in evaluation mode."""
    network.eval()
    size = preset.input
    shape = (1, preset.data.num_segments, size.made_of.channels, size.height, size.width)
    clip = torch.randint(256, shape).float()
    macs = _macs(network, clip)
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "macs_per_clip": macs,
        "macs_per_frame": round(macs / preset.data.num_segments),
        "ms_per_clip": round(_milliseconds(network, clip), 3),
    }


def _macs(network: nn.Module, clip: Tensor) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(clip)
    return counter.get_total_flops() // 2  # it counts a multiplication and an addition as two


def _milliseconds(network: nn.Module, clip: Tensor) -> float:
    times = []
    with torch.inference_mode():
        for _ in range(WARM_UP + REPEATS):
            start = time.perf_counter()
            network(clip)
            times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[WARM_UP:])
