# SPDX-License-Identifier: BSD-3-Clause
"""From a quantized network's floating-point parameters to the integers of the hardware, in float64 and exactly."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from shiftcore.quant.layers import ACT_RANGE, ConvLayer

SMALLEST_FACTOR = 1e-2  # of batch norm: below it a channel is constant, and float32 cannot place its thresholds
MARGIN = 1e-3  # how near a threshold may come to an accumulator value, in steps of the accumulator


def act_scale(act_bits: int) -> float:
    """The real value of one integer step of every activation."""
    return ACT_RANGE / 2**act_bits


def integer_weights(layer: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """A quantized layer's weights as whole numbers (int64, the layer's shape), and their scale (float64): one a
    channel, `[Cout]`, or a single one, `[1]`."""
    quantize: Any = layer.quant_weight
    with torch.no_grad():
        quantized = quantize()
        integers = torch.round(quantized.value / quantized.scale)
    return integers.numpy().astype(np.int64), quantized.scale.double().numpy().reshape(-1)


def snap_linear(linear: nn.Linear) -> None:
    """Bring a quantized linear layer into canonical form, in place: see `snap`."""
    integers, scale = integer_weights(linear)
    _set(linear.weight, integers * _short(scale))


def snap(layer: ConvLayer, input_scale: float) -> None:
    """Bring a convolution layer into canonical form, in place: the same function for all practical purposes, but one
    that float32 tools (Brevitas, QONNX) and integer hardware cannot disagree about.

    - Weights become integers times a scale of 8 significant bits, so float32 products and sums are exact.
    - A negative batch-norm factor would turn the comparison with its thresholds around: the sign moves to the weights.
    - The batch-norm bias moves by at most half a step of the accumulator, so that no threshold of the channel is near
      an integer and rounding never decides an output.

    `input_scale`: the real value of one step of the layer's input.
    """
    integers, scale = integer_weights(layer.conv)
    factor, _, mean, _ = _norm(layer)
    sign = np.where(factor < 0, -1.0, 1.0)
    ratio = sign * _short(scale) / scale
    _set(layer.conv.weight, integers * (sign * _short(scale))[:, None, None, None])
    _set(layer.norm.get_buffer("running_mean"), mean * ratio)
    _set(layer.norm.weight, np.maximum(np.abs(factor), SMALLEST_FACTOR) / np.abs(ratio))
    _centre_thresholds(layer, input_scale)


def real_thresholds(layer: ConvLayer, input_scale: float) -> np.ndarray:
    """Where the layer's output changes, in steps of its convolution's accumulator: `[C, 2**act_bits - 1]`, float64,
    ascending. Output k is reached where batch norm gives (k - 1/2) steps of the output (round to nearest)."""
    factor, bias, mean, std = _norm(layer)
    levels = np.arange(1, 2**layer.act_bits) - (2 ** (layer.act_bits - 1) if layer.signed else 0)
    real = (levels - 0.5) * act_scale(layer.act_bits)
    _, scale = integer_weights(layer.conv)
    accumulated = (real - bias[:, None]) * (std / factor)[:, None] + mean[:, None]
    return accumulated / (scale * input_scale)[:, None]


def accumulator_range(weights: np.ndarray, input_max: int) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and the largest sum each output channel can reach with inputs in [0, input_max]."""
    flat = weights.reshape(len(weights), -1)
    return np.minimum(flat, 0).sum(1) * input_max, np.maximum(flat, 0).sum(1) * input_max


def integer_thresholds(layer: ConvLayer, input_scale: float, input_max: int) -> np.ndarray:
    """The layer's integer thresholds, int64 `[C, 2**act_bits - 1]`, ascending: the accumulator reaches the real
    threshold where it reaches this. Clipped to what the accumulator can hold, and one above.

    Raises ValueError where rounding could decide: the layer is not in canonical form, or its batch norm's numbers are
    beyond what float32 tells apart.
    """
    weights, _ = integer_weights(layer.conv)
    low, high = accumulator_range(weights, input_max)
    real = np.clip(real_thresholds(layer, input_scale), low[:, None] - 0.5, high[:, None] + 0.5)
    margin = np.abs(real - np.round(real)).min()
    if not margin >= MARGIN:  # nor NaN, which no comparison is true of
        raise ValueError(
            f"a threshold is {margin:.1e} steps of the accumulator from a whole number, and rounding could decide it: "
            "batch norm's numbers are too far apart, or the network is not in canonical form"
        )
    return np.ceil(real).astype(np.int64)


def _centre_thresholds(layer: ConvLayer, input_scale: float) -> None:
    """Move each channel's thresholds together so that the widest gap between their fractions lies on the integers.
    A channel whose integers lie in such a gap already stays as it is."""
    _, scale = integer_weights(layer.conv)
    fractions = np.sort(real_thresholds(layer, input_scale) % 1, axis=1)
    gaps = np.diff(fractions, axis=1, append=fractions[:, :1] + 1)
    rows, widest = np.arange(len(gaps)), gaps.argmax(1)
    gap = gaps[rows, widest]
    middle = fractions[rows, widest] + gap / 2
    move = np.round(middle) - middle
    move[np.minimum(fractions[:, 0], 1 - fractions[:, -1]) > 0.9 * gap / 2] = 0
    factor, bias, _, std = _norm(layer)
    _set(layer.norm.bias, bias - move * scale * input_scale * factor / std)


def _norm(layer: ConvLayer) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Factor, bias, mean and standard deviation of a layer's batch norm, float64 `[C]` each."""
    values = {name: value.double().numpy() for name, value in layer.norm.state_dict().items()}
    std = np.sqrt(values["running_var"] + layer.norm.eps)
    return values["weight"], values["bias"], values["running_mean"], std


def _short(scale: np.ndarray) -> np.ndarray:
    """`scale` rounded to 8 significant bits."""
    mantissa, exponent = np.frexp(scale)
    return np.ldexp(np.round(mantissa * 256) / 256, exponent)


def _set(parameter: Tensor, values: np.ndarray) -> None:
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(values))
