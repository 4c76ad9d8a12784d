# SPDX-License-Identifier: BSD-3-Clause
"""Known frames and their known logits, for the self-test of whoever has a new board."""

from pathlib import Path

import numpy as np

from shiftcore.model.reference import Reference

CLIP, MIXED = 8, 24  # frames of one clip alone, and of all streams in turn
SEED = 2026


def write(path: Path, reference: Reference, latency_cycles: int | None = None) -> None:
    """Write to `path` (.npz) frames, their contexts, and the logits that `reference` gives for them: `frames` uint8
    `[N, H, W, C]`, `streams` and `clears` `[N]`, `logits` int64 `[N, classes]`. First a clip alone on stream 0; then
    all streams in turn, some clips beginning anew. `latency_cycles`: what every frame takes, where that was measured.
    The same network gives the same bytes.
    """
    rng = np.random.default_rng(SEED)
    streams = np.concatenate([np.zeros(CLIP, np.int64), np.arange(MIXED) % reference.streams])
    clears = np.concatenate([np.arange(CLIP) == 0, (np.arange(MIXED) < reference.streams) | (rng.random(MIXED) < 0.2)])
    frames = np.stack([_frame(rng, reference.input_shape, index) for index in range(CLIP + MIXED)])
    reference.reset()
    contexts = zip(frames, streams.tolist(), clears.tolist(), strict=True)
    logits = np.stack([reference.infer(*context) for context in contexts])
    arrays = {"frames": frames, "streams": streams, "clears": clears, "logits": logits}
    if latency_cycles is not None:
        arrays["latency_cycles"] = np.array(latency_cycles)
    np.savez_compressed(path, allow_pickle=False, **arrays)


def _frame(rng: np.random.Generator, shape: tuple[int, int, int], index: int) -> np.ndarray:
    """In turn noise, smooth waves, blocks, and now and then all black or white."""
    height, width, channels = shape
    if index % 8 == 7:
        return np.full(shape, 255 * (index // 8 % 2), np.uint8)
    if index % 3 == 0:
        return rng.integers(0, 256, shape, dtype=np.uint8)
    if index % 3 == 1:
        rows, columns = np.arange(height)[:, None, None], np.arange(width)[None, :, None]
        return ((rows * (index + 3) + columns * 5 + 60 * np.arange(channels)) % 256).astype(np.uint8)
    blocks = rng.integers(0, 256, (-(-height // 4), -(-width // 4), channels), dtype=np.uint8)
    return blocks.repeat(4, 0).repeat(4, 1)[:height, :width]
