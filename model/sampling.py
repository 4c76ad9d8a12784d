"""Which frames of a video or a camera become images, by the frames' own times.

Cameras give 10 to 30 frames a second, and not always evenly. A network that sees motion must see it at one pace, so
frames are taken by the clock and not by counting them; training, evaluation and the driver do it alike.
"""

from typing import NamedTuple

import numpy as np

UNTIMED_RATE = 25.0  # frames a second of pictures and raw streams, which do not say


class Frame(NamedTuple):
    """A frame of a video: its place, from 0; its time since the first one, in seconds; RGB, uint8 `[H, W, 3]`."""

    number: int
    seconds: float
    pixels: np.ndarray


class Sampler:
    """Takes frames of one clip at `rate` images a second; `rate` None takes every frame.

    The clip's time is cut into ticks of 1/rate seconds, from its first frame on; the first frame of each tick is an
    image. A camera slower than `rate` gives all its frames. Times count in whole milliseconds, so that readers that
    round a frame's time differently agree.
    """

    def __init__(self, rate: int | None) -> None:
        self._rate = rate
        self._start: float | None = None
        self._last = 0.0
        self._tick = -1

    def __call__(self, number: int, stamp: float | None) -> float | None:
        """The next frame, the `number`-th of its clip from 0, with its time stamp in seconds, None where it has none.
        Returns its time since the clip's first frame, never less than that of the frame before; None when it is not
        taken."""
        stamp = number / UNTIMED_RATE if stamp is None else stamp
        self._start = stamp if self._start is None else self._start
        self._last = max(self._last, stamp - self._start)
        if self._rate is not None:
            tick = round(1000 * self._last) * self._rate // 1000
            if tick <= self._tick:
                return None
            self._tick = tick
        return self._last
