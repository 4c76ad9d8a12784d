# SPDX-License-Identifier: BSD-3-Clause
"""Ingest in NumPy, for the reference's chip: planes to the streams' images, and these to the network's input."""

from typing import NamedTuple

import numpy as np

from shiftcore.model import registers as reg
from shiftcore.model.limits import PLANE_HEIGHT, PLANE_WIDTH
from shiftcore.model.preprocess import motion, shrink, to_input

_IMAGES = 3  # that an input is made of


class Plane(NamedTuple):
    """A descriptor's words beside address and context: DESCRIPTOR_PLANE_SIZE and DESCRIPTOR_PLANE_USE."""

    size: int
    use: int

    @property
    def width(self) -> int:
        """Columns."""
        return reg.DescriptorPlaneSize.WIDTH.of(self.size)

    @property
    def height(self) -> int:
        """Rows."""
        return reg.DescriptorPlaneSize.HEIGHT.of(self.size)

    @property
    def stride(self) -> int:
        """Bytes from row to row."""
        return reg.DescriptorPlaneUse.STRIDE.of(self.use)

    @property
    def bytes(self) -> int:
        """From its first to its last."""
        return self.stride * (self.height - 1) + self.width


class Ingest:
    """Each stream's earlier images, uint8 `[height, width]`, the newest first."""

    def __init__(self, height: int, width: int) -> None:
        self._height, self._width = height, width
        self._kept: dict[int, list[np.ndarray]] = {}

    def forget(self, stream: int) -> None:
        """A stream's images."""
        self._kept.pop(stream, None)

    def fault(self, plane: Plane) -> int:
        """The error flag of a plane that is refused whatever memory it lies in; 0 for a good one."""
        small = plane.height < self._height or plane.width < self._width
        if small or plane.width > PLANE_WIDTH or plane.height > PLANE_HEIGHT:
            return reg.Error.PLANE_SIZE
        return reg.Error.PLANE_STRIDE if plane.stride < plane.width else 0

    def keep(self, plane: Plane, content: np.ndarray, stream: int) -> None:
        """Shrink a plane, whose `bytes` are `content`, and keep its image."""
        if plane.use & reg.DescriptorPlaneUse.RESTART:
            self.forget(stream)
        padded = np.concatenate([content, np.zeros(plane.stride - plane.width, np.uint8)])
        pixels = padded.reshape(plane.height, plane.stride)[:, : plane.width]
        whole = plane.use & reg.DescriptorPlaneUse.WHOLE
        image = (shrink if whole else to_input)(pixels, self._height, self._width)
        self._kept[stream] = [image, *self._kept.get(stream, [])[: _IMAGES - 1]]

    def made(self, stream: int) -> np.ndarray | None:
        """The input of a stream's newest images, uint8 `[height, width, 3]`; None where there are too few."""
        kept = self._kept.get(stream, [])
        return motion(*kept) if len(kept) == _IMAGES else None
