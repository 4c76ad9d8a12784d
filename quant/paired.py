# SPDX-License-Identifier: BSD-3-Clause
"""Whether one network is better than another on the same clips, when clips of one source are alike.

The question is decided by a permutation test (Fisher, The Design of Experiments, 1935, section 21; Pitman 1937): if the
new network were no better, old and new could change places in any source, all its clips at once, and what they gain
there would as well have the other sign. So whole sources are swapped, never single clips, and p is the share of all
swaps whose gain is at least the one seen. No distribution is assumed, and few sources make no p too small: with n of
them it cannot fall below 2^-n.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest  # type: ignore[import-untyped]

EXACT = 14  # sources up to which all swaps are tried
DRAWS = 20_000  # of swaps at random, beyond
LEAST_PROBABILITY = 1e-3  # that counts: one clip that is wrong for certain must not outweigh all the others
SEED = 0


def log_loss(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """What each clip costs, `[n]`: minus the logarithm of the probability that its true class was given, 0 to 6.9.
    `scores`: probabilities `[n, classes]`; `labels`: indices of the true classes `[n]`."""
    return -np.log(np.maximum(scores[np.arange(len(labels)), labels], LEAST_PROBABILITY))


def permutation_p(gains: np.ndarray, sources: Sequence[str]) -> float:
    """The one-sided p-value of the sum of `gains`, one a clip `[n]`, positive where the new network is better, when old
    and new change places by whole sources. `sources`: that of each clip.

    Exact with up to 14 sources; else of 20,000 swaps at random, among which the one seen is counted: that keeps the
    test's level (Phipson and Smyth 2010, Statistical Applications in Genetics and Molecular Biology 9(1)).
    """
    _, which = np.unique(np.array(sources), return_inverse=True)
    totals = np.bincount(which, weights=gains)
    slack = 1e-9 * np.abs(totals).sum()  # sums of the same numbers in another order are equal
    seen = totals.sum() - slack
    if len(totals) <= EXACT:
        swaps = (np.arange(2 ** len(totals))[:, None] >> np.arange(len(totals))) & 1
        return float(((1 - 2 * swaps) @ totals >= seen).mean())
    swaps = np.random.default_rng(SEED).integers(2, size=(DRAWS, len(totals)), dtype=np.int8)
    return float((1 + ((1 - 2 * swaps) @ totals >= seen).sum()) / (1 + DRAWS))


def smallest_p(sources: int) -> float:
    """The smallest p-value that so many sources can give: the new network better in every one of them."""
    return max(2.0**-sources, 1 / (1 + DRAWS)) if sources > EXACT else 2.0**-sources


def sources_needed(confidence: float) -> int:
    """The fewest sources whose smallest p-value is no more than 1 - `confidence`; `confidence` in (0, 1)."""
    return max(1, math.ceil(-math.log2(1 - confidence) - 1e-9))


def mcnemar(old_right: np.ndarray, new_right: np.ndarray) -> tuple[int, int, float]:
    """How many clips only the new network has right, how many only the old one, and the exact one-sided p-value of the
    first being more (McNemar 1947, Psychometrika 12:153). It takes clips as independent, which those of one source are
    not: for reading, not for deciding. Both arguments: bool `[n]`."""
    fixed, broken = int((new_right & ~old_right).sum()), int((old_right & ~new_right).sum())
    p = binomtest(fixed, fixed + broken, 0.5, alternative="greater").pvalue if fixed + broken else 1.0
    return fixed, broken, float(p)
