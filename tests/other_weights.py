# SPDX-License-Identifier: BSD-3-Clause
"""Integer models of one shape that have learned something else."""

import numpy as np


def other_weights(arrays: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """The arrays of a model that differs from that of `arrays` in every layer: weights of any value that its quantizer
    can give, thresholds of other channels."""
    rng, other = np.random.default_rng(seed), dict(arrays)
    for key, array in arrays.items():
        if key.endswith("weight"):
            most = 127 if np.abs(array).max() > 7 else 7
            other[key] = rng.integers(-most, most + 1, array.shape).astype(array.dtype)
        elif key.endswith("thresholds"):
            other[key] = np.sort(rng.permutation(array.reshape(-1)).reshape(array.shape), axis=1)
    return other
