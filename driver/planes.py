# SPDX-License-Identifier: BSD-3-Clause
"""Memory in which a chip with ingest finds a decoder's planes, and what is known of those that it has not done yet."""

from collections import deque

import numpy as np

from shiftcore.driver.backends.base import Backend, Buffer
from shiftcore.errors import UserError
from shiftcore.model import registers as reg
from shiftcore.model.limits import PLANE_HEIGHT, PLANE_WIDTH
from shiftcore.model.preprocess import Preprocessor

SLOTS = 4  # planes in memory at a time: one is shrunk, one is written, and two wait
_ROW = 8  # bytes that rows begin at a multiple of: a word of the memory port
_SMALLEST = 1 << 16  # bytes of a slot


class Planes:
    """Slots of one size, used in turn: the chip is done with planes in the order in which they were pushed, and counts
    them. Until there is a plane there is no memory."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._buffer: Buffer | None = None
        self._slot = 0
        self.forget()

    def forget(self) -> None:
        """None is under way: the chip is fresh from reset."""
        self._pushed = 0
        self._under_way: deque[int] = deque()

    @property
    def cycles(self) -> int:
        """How many the chip may take for those under way, however slow its memory is; 0: none is."""
        return sum(self._under_way)

    @property
    def span(self) -> tuple[int, int]:
        """The bus addresses of the first byte, and of the first behind; both 0 where there is no memory."""
        return (self._buffer.address, self._buffer.address + SLOTS * self._slot) if self._buffer else (0, 0)

    def fit(self, plane: np.ndarray) -> bool:
        """Whether the slots are large enough."""
        return _size(plane) <= self._slot

    def grow(self, plane: np.ndarray) -> None:
        """Take larger slots. None may be under way. Raises BackendError where there is no such memory."""
        self.free()
        slot = max(1 << (_size(plane) - 1).bit_length(), _SMALLEST)
        self._buffer = self._backend.allocate(SLOTS * slot)
        self._slot = slot

    def free(self) -> None:
        """Give the memory back."""
        if self._buffer:
            self._buffer.free()
        self._buffer, self._slot = None, 0

    def has_room(self) -> bool:
        """Whether a slot is free."""
        if len(self._under_way) == SLOTS:
            self.moved()
        return len(self._under_way) < SLOTS

    def moved(self) -> bool:
        """Ask the chip how many it has done; whether those are more than before."""
        before = len(self._under_way)
        left = self._pushed - self._backend.read(reg.PLANES_DONE) & 0xFFFF_FFFF
        while len(self._under_way) > left:
            self._under_way.popleft()
        return len(self._under_way) < before

    def put(self, plane: np.ndarray) -> tuple[int, int]:
        """Copy a plane, uint8 `[rows, columns]`, into a free slot; its address and its stride in bytes."""
        assert self._buffer is not None
        rows, columns = plane.shape
        start, stride = self._pushed % SLOTS * self._slot, _stride(columns)
        self._buffer.array[start : start + rows * stride].reshape(rows, stride)[:, :columns] = plane
        self._buffer.flush(start, rows * stride)
        self._pushed = self._pushed + 1 & 0xFFFF_FFFF
        self._under_way.append(rows * stride + _SMALLEST)
        return self._buffer.address + start, stride


def seen_by_ingest(preprocessor: Preprocessor, image: np.ndarray, stream: int) -> np.ndarray:
    """What the chip is to be given of a camera's next image: `Preprocessor.part`, which a chip's plane can be. Raises
    UserError as that does, and for an image that is too large; the camera's next one then begins a clip."""
    part = preprocessor.part(image, stream)
    rows, columns = part.shape
    if rows > PLANE_HEIGHT or columns > PLANE_WIDTH:
        preprocessor.forget(stream)
        raise UserError(
            f"the frame is {image.shape[1]}x{image.shape[0]} pixels, of which the network sees {columns}x{rows}: more "
            f"than the {PLANE_WIDTH}x{PLANE_HEIGHT} that this chip shrinks"
        )
    return part


def _stride(columns: int) -> int:
    return -(-columns // _ROW) * _ROW


def _size(plane: np.ndarray) -> int:
    return plane.shape[0] * _stride(plane.shape[1])
