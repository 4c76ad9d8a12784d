# SPDX-License-Identifier: BSD-3-Clause
"""Each stage of a graph must compute what the stage before it computed, integer for integer."""

from collections.abc import Sequence

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.errors import UserError
from shiftcore.hw.graph import Frame, execute
from shiftcore.quant import synthetic

# A float executor's logit, divided by the logits' scale, lies so close to an integer, or something is wrong: at most
# this share of it away, which is a few units in float32's last place, and always less than a half. A smaller one than
# 400,000 steps has no reason to be as far as 0.2 away.
_ROUNDING, _CLOSE, _CLOSEST = 2.0**-21, 0.45, 0.2


def verification_frames(height: int, width: int, channels: int = 3, seed: int = 1) -> list[Frame]:
    """Random frames, then those of a rendered scene, whose colours other channels repeat: the same on every machine.

    The random frames of stream 0 are interrupted by one of stream 1, and the clip's second frame starts a new clip.
    """
    noise = np.random.default_rng(seed).integers(0, 256, (2, height, width, channels), dtype=np.uint8)
    clip = synthetic.clip(("door",), 0, (8, height, width), (seed, 0))[3:6]
    clip = clip[..., np.arange(channels) % 3]
    return [
        Frame(noise[0], stream=0, clear=True),
        Frame(noise[1], stream=1, clear=False),
        Frame(clip[0], stream=0, clear=False),
        Frame(clip[1], stream=0, clear=True),
        Frame(clip[2], stream=0, clear=False),
    ]


def integer_logits(model: ModelWrapper, frames: Sequence[Frame], logit_scale: float) -> np.ndarray:
    """Integer logits [frames, classes] of a graph, whether or not it still ends in the logits' scale.

    Raises UserError where a graph cannot be executed, or its output is no multiple of the scale.
    """
    outputs = execute(model, frames)
    if not model.get_tensor_datatype(model.graph.output[0].name).is_integer():
        outputs = outputs / logit_scale
    rounded = np.rint(outputs)
    away, largest = np.abs(outputs - rounded).max(), np.abs(rounded).max()
    wrong = away > np.clip(largest * _ROUNDING, _CLOSEST, _CLOSE)
    if wrong and largest * _ROUNDING > _CLOSE:
        raise UserError(
            f"a logit reaches {largest:,.0f} steps of its scale: the graph cannot be verified, since float32 does not "
            f"tell one step from the next beyond {_CLOSE / _ROUNDING:,.0f}; give the last layer fewer bits or inputs"
        )
    if wrong:
        raise UserError(
            f"an output is {away:.3f} of a step away from an integer: the description's logit_scale = "
            f"{logit_scale:.9g} is not the network's, or a layer is not quantized"
        )
    return rounded.astype(np.int64)


def first_difference(before: np.ndarray, after: np.ndarray) -> str | None:
    """Where two arrays of logits [frames, classes] first differ, in words, or None."""
    differing = np.argwhere(before != after)
    if not len(differing):
        return None
    frame, logit = differing[0]
    return f"frame {frame}, logit {logit}: {before[frame, logit]} became {after[frame, logit]}"
