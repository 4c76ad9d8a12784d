# SPDX-License-Identifier: BSD-3-Clause
"""From a frame's integer logits to a decision: TSN's segmental consensus, real logits, softmax. NumPy alone.

The simulator, the board's runtime and the reference share this one definition.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np


class Decision:
    """What is known after a frame: `total`, the exact integer sum of the logits of the last frames, int64
    `[classes]`; `logits`, their mean as real numbers; `scores`, its softmax, in [0, 1]; `index` and `name` of the most
    likely class (the first among equals)."""

    def __init__(
        self,
        total: np.ndarray,
        frames: int,
        scale: float,
        classes: Sequence[str],
        offset: Sequence[float] | None = None,
    ) -> None:
        self.total = total
        self.logits = total * (scale / frames) + (0.0 if offset is None else np.asarray(offset))
        powers = np.exp(self.logits - self.logits.max())
        self.scores = powers / powers.sum()
        self.index = int((total if offset is None else self.logits).argmax())
        self.name = classes[self.index]


class Consensus:
    """The mean of the logits of the last `num_segments` frames of each stream (Temporal Segment Networks, Wang et al.
    2016), as an exact integer running sum; of fewer frames where the clip has just begun.

    `scale`, `offset`: real logit = integer logit x scale, plus its class's offset where there is one. `classes`: names,
    in the order of the logits.
    """

    def __init__(
        self, num_segments: int, scale: float, classes: Sequence[str], offset: Sequence[float] | None = None
    ) -> None:
        if num_segments < 1:
            raise ValueError(f"num_segments is {num_segments}; a decision needs at least one frame")
        self.num_segments, self.scale, self.classes = num_segments, scale, tuple(classes)
        self.offset = offset
        self._windows: dict[int, deque[np.ndarray]] = {}
        self._totals: dict[int, np.ndarray] = {}

    def update(self, logits: np.ndarray, stream: int = 0, clear: bool = False) -> Decision:
        """Add a frame's integer logits, int64 `[classes]`; `clear` marks the first frame of a clip."""
        if clear or stream not in self._windows:
            self._windows[stream] = deque()
            self._totals[stream] = np.zeros(len(self.classes), np.int64)
        window = self._windows[stream]
        window.append(np.array(logits, np.int64))
        total = self._totals[stream] + window[-1]
        if len(window) > self.num_segments:
            total = total - window.popleft()
        self._totals[stream] = total
        return Decision(total, len(window), self.scale, self.classes, self.offset)

    def reset(self) -> None:
        """Forget every stream."""
        self._windows.clear()
        self._totals.clear()
