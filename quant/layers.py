# SPDX-License-Identifier: BSD-3-Clause
"""The layers of the reduced TSM, quantized by Brevitas so that the exported graph always becomes pure integers.

Every activation has the same constant power-of-two scale, so both branches of a residual add meet in one scale.
Weights are narrow-range with a scale per output channel, which batch norm absorbs; batch norm itself becomes integer
thresholds.
"""

from collections.abc import Sequence
from typing import Any

import brevitas.nn as qnn
import torch
from brevitas.inject.enum import ScalingImplType
from brevitas.quant import (
    Int8ActPerTensorFixedPoint,
    Int8WeightPerChannelFloat,
    Int8WeightPerTensorFloat,
    Uint8ActPerTensorFixedPoint,
)
from torch import Tensor, nn

from shiftcore.quant import qonnx_ops
from shiftcore.quant.preset import Quantization

ACT_RANGE = 4.0  # activations cover [0, 4), branches [-2, 2): one scale, ACT_RANGE / 2**act_bits, for both


class Precision:
    """Makes a network's layers in the bit widths of a preset, or (`quantized=False`) in floating point with the same
    ranges and the same parameter names."""

    def __init__(self, quantization: Quantization, quantized: bool) -> None:
        self.bits = quantization
        self.quantized = quantized

    def conv(self, channels: int, width: int, stride: int, bits: int) -> nn.Conv2d:
        """A 3x3 convolution with weights of `bits` bits."""
        if not self.quantized:
            return nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        quantizer = Int8WeightPerChannelFloat.let(bit_width=bits)
        return qnn.QuantConv2d(channels, width, 3, stride, 1, bias=False, weight_quant=quantizer)

    def linear(self, channels: int, classes: int) -> nn.Linear:
        if not self.quantized:
            return nn.Linear(channels, classes, bias=False)
        quantizer = Int8WeightPerTensorFloat.let(bit_width=self.bits.last_weight_bits)
        return qnn.QuantLinear(channels, classes, bias=False, weight_quant=quantizer)

    def relu(self) -> nn.Module:
        """Clips to [0, ACT_RANGE)."""
        if not self.quantized:
            return nn.Hardtanh(0.0, ACT_RANGE)
        return qnn.QuantReLU(act_quant=self._constant(Uint8ActPerTensorFixedPoint, ACT_RANGE))

    def signed(self) -> nn.Module:
        """Clips to [-ACT_RANGE / 2, ACT_RANGE / 2), in the scale of `relu`."""
        if not self.quantized:
            return nn.Hardtanh(-ACT_RANGE / 2, ACT_RANGE / 2)
        return qnn.QuantIdentity(act_quant=self._constant(Int8ActPerTensorFixedPoint, ACT_RANGE / 2))

    def _constant(self, quantizer: Any, limit: float) -> Any:
        return quantizer.let(bit_width=self.bits.act_bits, scaling_impl_type=ScalingImplType.CONST, scaling_init=limit)


class TemporalShift(nn.Module):
    """The first `channels` channels of each frame come from the frame before it (TSM, Lin et al. 2019, figure 1c)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        """`x`: `[N*T, C, H, W]`, T frames of each of N clips; `previous`: `[N, channels, H, W]` (or what expands to
        it), left behind by the frame before. Returns the shifted `x`, and what its last frame leaves behind."""
        if torch.onnx.is_in_onnx_export():
            return self._operator(x), previous
        frames = x.unflatten(0, (len(previous), -1))
        current = frames[:, :, : self.channels]
        late = torch.cat([previous.expand_as(current[:, 0])[:, None], current[:, :-1]], 1)
        shifted = torch.cat([late, frames[:, :, self.channels :]], 2).flatten(0, 1)
        return shifted.contiguous(memory_format=torch.channels_last), current[:, -1]  # as the network keeps its maps

    def _operator(self, x: Tensor) -> Tensor:
        name = f"{qonnx_ops.DOMAIN}::TemporalShift"
        attrs: dict[str, Any] = {"shift_channels": self.channels}
        return torch.onnx.ops.symbolic(name, (x,), attrs, dtype=x.dtype, shape=x.shape, version=1)


class ConvLayer(nn.Module):
    """3x3 convolution, batch norm, quantized activation: in hardware, a convolution and integer thresholds."""

    def __init__(
        self, make: Precision, channels: int, width: int, stride: int, bits: int, signed: bool = False
    ) -> None:
        super().__init__()
        self.bits = bits
        self.act_bits = make.bits.act_bits
        self.signed = signed
        self.conv = make.conv(channels, width, stride, bits)
        self.norm = nn.BatchNorm2d(width)
        self.activation = make.signed() if signed else make.relu()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.norm(self.conv(x)))


class Block(nn.Module):
    """A residual block. The branch is shifted in time and the shortcut is not, so nothing of a frame is lost."""

    def __init__(self, make: Precision, width: int, shift: int) -> None:
        super().__init__()
        self.shift = TemporalShift(shift) if shift else None
        self.conv1 = ConvLayer(make, width, width, 1, make.bits.weight_bits)
        self.conv2 = ConvLayer(make, width, width, 1, make.bits.weight_bits, signed=True)
        self.activation = make.relu()

    def forward(self, x: Tensor, previous: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`previous` and what is returned beside the output are those of the block's shift, None if it has none."""
        branch, last = x, None
        if self.shift is not None and previous is not None:
            branch, last = self.shift(x, previous)
        return self.activation(x + self.conv2(self.conv1(branch))), last


class Stage(nn.Module):
    """Residual blocks of one width and resolution, led in by a convolution where either changes."""

    def __init__(self, make: Precision, channels: int, width: int, stride: int, blocks: int, shift: int) -> None:
        super().__init__()
        changes = stride != 1 or channels != width
        self.transition = ConvLayer(make, channels, width, stride, make.bits.weight_bits) if changes else None
        self.blocks: Sequence[Block] = nn.ModuleList(  # type: ignore[assignment]  # it hides its elements' type
            Block(make, width, shift) for _ in range(blocks)
        )
