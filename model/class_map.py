# SPDX-License-Identifier: BSD-3-Clause
"""Why a decision: how much each place of the picture adds to the logits, exactly.

A class-activation map (Zhou et al. 2016, arXiv:1512.04150, equation 2): of a network that ends in a sum over all places
and a linear layer, a class's logit is the sum over all places of what its weights make of each. Here all of it is
integers, so the map's sum is the logit, and that of the last inputs' maps is what a decision is made of
(model.decision).
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from shiftcore.model.reference import Reference


@dataclass(frozen=True)
class Why:
    """After an input: its `logits`, int64 `[classes]`; `maps`: what each place adds to the sum of the logits of the
    inputs that the decision is made of (`Decision.total`), int64 `[rows, columns, classes]`."""

    logits: np.ndarray
    maps: np.ndarray

    def evidence(self, index: int) -> np.ndarray:
        """What speaks at each place for the class of that index rather than for the others, int64 `[rows, columns]`:
        its map, times the number of classes, less the sum of all."""
        return self.maps.shape[-1] * self.maps[..., index] - self.maps.sum(-1)


class ClassMap:
    """Runs a model and says why. Raises ValueError for a model that does not end as one must (`Reference.head`).

    `rows`, `columns`: where in the input its places are, in shares of the input's height and width from its upper left
    corner, ascending: laid over it, the map's places are tiles, and these their middles. Each looks at more than that.
    """

    def __init__(self, reference: Reference) -> None:
        self.reference, self._head = reference, reference.head
        self._window: deque[np.ndarray] = deque(maxlen=reference.description.num_segments)
        self.rows, self.columns = ((np.arange(count) + 0.5) / count for count in self._head.shape)

    def infer(self, frame: np.ndarray, clear: bool = False) -> Why:
        """The next input, as `Reference.infer` takes it, of one camera."""
        trace: dict[str, np.ndarray] = {}
        logits = self.reference.infer(frame, clear=clear, trace=trace)
        if clear:
            self._window.clear()
        places = trace[self._head.places]
        self._window.append(places @ self._head.weights.T)
        return Why(logits, np.sum(self._window, axis=0))
