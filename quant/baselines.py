# SPDX-License-Identifier: BSD-3-Clause
"""What the reduced TSM is measured against: networks in floating point that learn from the same clips, the same way.

Each of `BASELINES` is built for a preset and the names of its classes, which are its `.classes`. It takes clips
`[N, T, C, H, W]`, T >= 2, floats of the whole numbers 0 to 255, and gives logits `[N, T', classes]` whose mean over T'
is the clip's.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from shiftcore.errors import UserError
from shiftcore.quant.layers import TemporalShift
from shiftcore.quant.network import ReducedTSM
from shiftcore.quant.preset import Preset


def without_shift(preset: Preset) -> Preset:
    """The TSN of `preset`: the same network, data and recipe, without the shift."""
    return preset.with_(name=f"{preset.name}_tsn", network={"shift": False})


class BidirectionalShift(TemporalShift):
    """The first `channels` channels of each frame come from the frame before it, and the next `channels` from the frame
    after it (TSM, Lin et al. 2019, figure 1b); the last frame of a clip sees zeros there, as the first does before."""

    def forward(self, x: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        x, last = super().forward(x, previous)
        frames = x.unflatten(0, (len(previous), -1))
        late, current, kept = frames.tensor_split((self.channels, 2 * self.channels), 2)
        early = torch.cat([current[:, 1:], torch.zeros_like(current[:, :1])], 1)
        return torch.cat([late, early, kept], 2).flatten(0, 1), last


def tsn(preset: Preset, classes: Sequence[str]) -> ReducedTSM:
    """The same network in floating point, without the shift."""
    return ReducedTSM(without_shift(preset), classes, quantized=False)


def bidirectional(preset: Preset, classes: Sequence[str]) -> ReducedTSM:
    """The reduced TSM with every shift in both directions: it needs the whole clip, so `forward` alone is right.
    Raises UserError where `fold_div` is 1, which leaves nothing to take from the frame after."""
    if preset.network.fold_div == 1:
        raise UserError(f"preset {preset.name!r}: network.fold_div = 1: a shift in both directions needs at least 2")
    network = ReducedTSM(preset, classes, quantized=False)
    for stage in network.stages:
        for block in stage.blocks:
            if block.shift is not None:
                block.shift = BidirectionalShift(block.shift.channels)
    return network


class SlowFast(nn.Module):
    """SlowFast (Feichtenhofer et al. 2019) as PyTorchVideo 0.1.5 builds it, from nothing, not pretrained.

    alpha 4 and beta 1/8 as in the paper's SlowFast 8x8: the fast pathway sees all T frames with an eighth of the
    channels, the slow pathway every fourth frame (2 of 8); lateral convolutions 7x1x1 lead from fast to slow. Reduced
    against the paper's ResNet-50 to one bottleneck block a stage (the library's depth 18) and half its width: stems of
    32 and 4 channels, last stage 1024 and 128. T' is 1. Takes any H and W.
    """

    ALPHA, BETA_INVERSE, WIDTH = 4, 8, 32
    MEAN, STD = 0.45, 0.225  # of pixels in [0, 1], as in the paper's code

    def __init__(self, preset: Preset, classes: Sequence[str]) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.network: nn.Module = _slowfast_builder()(
            input_channels=(preset.input.made_of.channels,) * 2,
            slowfast_channel_reduction_ratio=self.BETA_INVERSE,
            slowfast_fusion_conv_stride=(self.ALPHA, 1, 1),
            stem_dim_outs=(self.WIDTH, self.WIDTH // self.BETA_INVERSE),
            model_depth=18,
            model_num_class=len(classes),
            head_pool=nn.AdaptiveAvgPool3d,
        )

    def forward(self, clips: Tensor) -> Tensor:
        fast = ((clips / 255 - self.MEAN) / self.STD).transpose(1, 2)
        return self.network([fast[:, :, :: self.ALPHA], fast])[:, None]


def _slowfast_builder() -> Callable[..., Any]:
    """PyTorchVideo's `create_slowfast`. Beside it the library imports one operator of torchvision, for its detection
    heads, and torchvision does not load beside our torch: while the library loads, an empty class stands in for it."""
    ops = ModuleType("torchvision.ops")
    ops.RoIAlign = nn.Identity  # type: ignore[attr-defined]
    stand_ins = {"torchvision": ModuleType("torchvision"), ops.__name__: ops}
    missing = stand_ins.keys() - sys.modules.keys()
    sys.modules.update({name: stand_ins[name] for name in missing})
    try:
        from pytorchvideo.models.slowfast import create_slowfast
    finally:
        for name in missing:
            del sys.modules[name]
    return create_slowfast


BASELINES: dict[str, Callable[[Preset, Sequence[str]], nn.Module]] = {
    "tsm": partial(ReducedTSM, quantized=False),
    "tsn": tsn,
    "tsm_offline": bidirectional,
    "slowfast": SlowFast,
}
