# SPDX-License-Identifier: BSD-3-Clause
"""Integer models of one shape that have learned something else."""

from typing import Any

import numpy as np

Arrays = dict[str, Any]
"""NumPy arrays by name; of a narrower type savez takes none."""


def other_weights(arrays: Arrays, seed: int) -> Arrays:
    """The arrays of a model that differs from that of `arrays` in every layer: weights of any value that its quantizer
    can give, thresholds of other channels, or a little higher where all channels have the same."""
    rng, other = np.random.default_rng(seed), dict(arrays)
    for key, array in arrays.items():
        if key.endswith("weight"):
            most = 127 if np.abs(array).max() > 7 else 7
            other[key] = rng.integers(-most, most + 1, array.shape).astype(array.dtype)
        elif key.endswith("thresholds"):
            other[key] = np.sort(rng.permutation(array.reshape(-1)).reshape(array.shape), axis=1)
            if len(array) == 1:
                other[key] += rng.integers(1, 4, dtype=array.dtype)
    return other
