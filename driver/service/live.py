# SPDX-License-Identifier: BSD-3-Clause
"""What cameras see now, as small pictures now and then, for whoever looks at a page: what the network sees of them, so
what is masked, or outside of zones, is black."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from shiftcore.driver.service.clips import encode_jpeg
from shiftcore.driver.sources.source import Image

WIDEST = 320  # columns of a picture, at most
LEAST_S = 1.0


@dataclass(frozen=True)
class LiveSettings:
    """A picture of each camera every so many `seconds`, 1 or more."""

    seconds: float

    def mistakes(self) -> Iterator[str]:
        """What is wrong with them."""
        if not LEAST_S <= self.seconds < float("inf"):
            yield f"seconds is {self.seconds:g}; it is 1 or more"


class Live:
    """Makes the pictures in a thread, and has `shown` each: its camera, and a JPEG."""

    def __init__(self, settings: LiveSettings, shown: Callable[[str, bytes], None]) -> None:
        self._settings, self._shown = settings, shown
        self._next: dict[str, float] = {}
        self._waiting: queue.Queue[tuple[str, np.ndarray] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._make, name="live pictures", daemon=True)
        self._thread.start()

    def saw(self, camera: str, image: Image) -> None:
        """An image of a camera, covered."""
        now = time.monotonic()
        if now < self._next.get(camera, 0.0) or self._waiting.qsize() > len(self._next):
            return
        self._next[camera] = now + self._settings.seconds
        step = -(-image.pixels.shape[1] // WIDEST)
        self._waiting.put((camera, image.pixels[::step, ::step].copy()))

    def close(self) -> None:
        """Make no more."""
        self._waiting.put(None)
        self._thread.join()

    def _make(self) -> None:
        while (item := self._waiting.get()) is not None:
            camera, pixels = item
            self._shown(camera, jpeg(pixels))


def jpeg(pixels: np.ndarray) -> bytes:
    """A picture, uint8 luma `[H, W]` or RGB `[H, W, 3]`, as a JPEG; an odd row or column is left out."""
    import av

    even = np.ascontiguousarray(pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2])
    return encode_jpeg(av.VideoFrame.from_ndarray(even, format="gray" if even.ndim == 2 else "rgb24"))
