# SPDX-License-Identifier: BSD-3-Clause
"""What the op means in integers: how shiftcore's reference runs a layer `abs` of an integer model."""

import numpy as np

from shiftcore.model.description import Layer
from shiftcore.model.reference import Map


class AbsoluteLayer:
    """The magnitude of each value."""

    def __init__(self, layer: Layer, arrays: dict[str, np.ndarray], source: Map) -> None:
        self.output = Map(source.shape, 0, max(-source.low, source.high))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """`x`: `[C, H, W]`. It is widened first: -8 in four bits has no magnitude there."""
        return np.abs(x.astype(np.int64)).astype(self.output.dtype)
