# SPDX-License-Identifier: BSD-3-Clause
"""How often a network is right, on synthetic clips that it has never seen."""

import numpy as np
import torch

from shiftcore.quant.baselines import without_shift
from shiftcore.quant.checkpoint import load_network
from shiftcore.quant.data import HELD_OUT_SEED, render
from shiftcore.quant.network import ReducedTSM
from shiftcore.quant.preset import Preset


def accuracy(network: ReducedTSM, preset: Preset, clips: int, seed: int = HELD_OUT_SEED) -> float:
    """The share of `clips` held-out synthetic clips whose class has the largest sum of logits over the clip."""
    return float(hits(network, *render(preset, clips, seed)).mean())


def hits(network: ReducedTSM, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Of which clips, uint8 `[N, T, H, W, C]`, the class, `[N]`, has the largest sum of logits: bool `[N]`."""
    network.eval()
    right = []
    with torch.inference_mode():
        for batch, expected in zip(torch.from_numpy(images).split(64), torch.from_numpy(labels).split(64), strict=True):
            logits = network(batch.permute(0, 1, 4, 2, 3).float()).sum(1)
            right.append(logits.argmax(1) == expected)
    return torch.cat(right).numpy()


def with_and_without_shift(preset: Preset, clips: int = 1000) -> dict[str, float | None]:
    """`tsm_accuracy` and `tsn_accuracy` of the best trained or shipped weights; None where there are none."""
    result: dict[str, float | None] = {}
    for key, variant in (("tsm_accuracy", preset), ("tsn_accuracy", without_shift(preset))):
        network, source = load_network(variant)
        result[key] = accuracy(network, variant, clips) if source else None
    return result
