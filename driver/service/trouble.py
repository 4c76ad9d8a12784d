# SPDX-License-Identifier: BSD-3-Clause
"""Pictures that show nothing: one that stands still, is black, or is covered. Integers on a grid of the picture's luma,
looked at once a second, before anything in it is masked.

- black: 19 in 20 of the grid's values are `DARK` or darker (black is 16), for 5 seconds;
- covered: 18 in 20 of them lie within `FLAT` levels of each other, and it is not black, for 10 seconds: a hand, a cloth
  or paint before the lens leaves no contrast. Fog and a wall may do so as well;
- frozen: not one of them has changed for 60 seconds. A camera's noise, or the clock that it writes into its picture,
  changes some.
"""

from collections.abc import Iterator

import numpy as np

from shiftcore.driver.sources.source import Image
from shiftcore.model.colour import gray

SIDE = 48  # of the grid at least, where the picture has as many pixels
LOOK_S = 1.0  # between two looks
DARK, FLAT = 32, 24  # levels of luma
AFTER_S = {"black": 5.0, "covered": 10.0, "frozen": 60.0}  # so long it has to be so, before it is a trouble


class Sight:
    """One camera's pictures, looked at."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._looked = 0.0
        self._since: dict[str, float] = {}

    def look(self, image: Image) -> Iterator[tuple[str, bool]]:
        """Each trouble of the camera, whether it has that after this image; nothing between two looks."""
        if image.first:
            self._last, self._since = None, {}
        elif image.seconds - self._looked < LOOK_S:
            return
        values, self._looked = grid(image.pixels), image.seconds
        for name, holds in self._holds(values).items():
            if holds:
                yield name, image.seconds - self._since.setdefault(name, image.seconds) >= AFTER_S[name]
            else:
                self._since.pop(name, None)
                yield name, False
        self._last = values

    def _holds(self, values: np.ndarray) -> dict[str, bool]:
        ordered = np.sort(values, axis=None)
        count = len(ordered)
        black = bool(ordered[min(19 * count // 20, count - 1)] <= DARK)
        flat = int(ordered[min(19 * count // 20, count - 1)]) - int(ordered[count // 20]) <= FLAT
        still = self._last is not None and np.array_equal(values, self._last)
        return {"black": black, "covered": flat and not black, "frozen": still}


def grid(pixels: np.ndarray) -> np.ndarray:
    """The luma, uint8, of a grid of the pixels of a picture, luma `[H, W]` or RGB `[H, W, 3]`."""
    rows, columns = pixels.shape[:2]
    some = np.asarray(pixels)[:: max(1, rows // SIDE), :: max(1, columns // SIDE)]
    return gray(some) if some.ndim == 3 else some.copy()
