# SPDX-License-Identifier: BSD-3-Clause
"""What of a camera's picture is covered: private places from everybody, and from the network what is outside of the
zones in which motion counts. Before anything is made of the picture, so that it is, byte for byte, one of a video in
which those places are black."""

from dataclasses import dataclass, field

import numpy as np

from shiftcore.driver.sources.source import Image
from shiftcore.model.colour import BLACK

Polygon = tuple[tuple[float, ...], ...]  # of points (x, y), each from 0 to 1: of the picture's width and height


@dataclass
class Cover:
    """`masks`: what nobody sees; `zones`: outside of these, where there are any, the network sees nothing, either."""

    masks: tuple[Polygon, ...] = ()
    zones: tuple[Polygon, ...] = ()
    _made: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, image: Image) -> Image:
        """`image` with what is covered in black; itself where nothing is."""
        if not self.masks and not self.zones:
            return image
        shown = image.shown
        if shown is not None and self.masks:
            shown = _blackened(shown, self._places(shown)[0])
        return image._replace(pixels=_blackened(image.pixels, self._places(image.pixels)[1]), shown=shown)

    def _places(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where nobody, and where the network, sees anything: bool `[H, W]` each, made once a size."""
        size = image.shape[0], image.shape[1]
        if size not in self._made:
            masked = _any_inside(self.masks, *size)
            hidden = masked | ~_any_inside(self.zones, *size) if self.zones else masked
            self._made = {size: (masked, hidden)}
        return self._made[size]


def inside(polygon: Polygon, rows: int, columns: int) -> np.ndarray:
    """Whose centre lies in the polygon (by the even-odd rule) of the pixels of a picture of that size, bool
    `[rows, columns]`."""
    result = np.zeros((rows, columns), bool)
    x, y = (np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows
    for (x0, y0), (x1, y1) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if y0 != y1:
            beside = (min(y0, y1) <= y) & (y < max(y0, y1))
            crossing = x0 + (y[beside] - y0) * (x1 - x0) / (y1 - y0)
            result[beside] ^= x >= crossing[:, None]
    return result


def problem(polygon: Polygon) -> str:
    """Why that is no polygon; "" where it is one."""
    if len(polygon) < 3:
        return "a polygon has three points or more"
    if any(len(point) != 2 or not all(0 <= value <= 1 for value in point) for point in polygon):
        return "points are [x, y], each from 0 (left, top) to 1 (right, bottom)"
    return ""


def _any_inside(polygons: tuple[Polygon, ...], rows: int, columns: int) -> np.ndarray:
    result = np.zeros((rows, columns), bool)
    for polygon in polygons:
        result |= inside(polygon, rows, columns)
    return result


def _blackened(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """A copy: the image may lie in a decoder's memory. Black is 0 in RGB, and `BLACK` in luma."""
    copy = image.copy()
    copy[where] = BLACK if image.ndim == 2 else 0
    return copy
