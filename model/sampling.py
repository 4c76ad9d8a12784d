# SPDX-License-Identifier: BSD-3-Clause
"""Which frames of a video or a camera become images, by the frames' own times.

Cameras give 10 to 30 frames a second, and not always evenly. A network that sees motion must see it at one pace, so
frames are taken by the clock and not by counting them; training, evaluation and the driver do it alike. Clocks are not
to be trusted: recordings that were joined begin again in the middle, cameras set theirs, some stand still.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

UNTIMED_RATE = 25.0  # frames a second of pictures and raw streams, which do not say
FASTEST_RATE = 1000.0  # frames a second; containers that do not know announce their time base, 90,000
EARLY_MS = 1  # a frame that comes so much before its tick belongs to it
BACK_S, HELD = 1.0, 3  # up to so much, and for so many frames in a row, a stamp may lie behind: unsorted, no jump
GAP_S, LIVE_GAP_S = 10.0, 2.0  # a file's pause, and what a camera's clock may gain between two frames: more is a jump


class Wanted(NamedTuple):
    """What is wanted of each frame: its `luma`, or else RGB; and whether it is to be `shown`, so in RGB besides."""

    luma: bool = False
    shown: bool = False


RGB = Wanted()


class Frame(NamedTuple):
    """A frame of a video: its place, from 0; its time since the first one, in seconds; uint8 luma `[H, W]` or RGB
    `[H, W, 3]`, as `Wanted`; the same in RGB for people, None where nobody wants to see it."""

    number: int
    seconds: float
    pixels: np.ndarray
    shown: np.ndarray | None


class Clock:
    """The time of one clip's frames, from stamps that may jump, stand still or be missing. It begins at 0 and never
    runs backwards. Where a stamp cannot follow the one before, a new timeline begins: time goes on as the frame arrives
    (a camera), or one frame of `frame_rate` a second after the last (a file), and later stamps count from there.

    `jumped`: whether this has happened; `say` is told once, in words that follow the source's name.
    """

    def __init__(self, frame_rate: float | None = None, say: Callable[[str], None] | None = None) -> None:
        self.jumped = False
        known = frame_rate is not None and 0 < frame_rate <= FASTEST_RATE
        self._step = 1 / (frame_rate if frame_rate and known else UNTIMED_RATE)
        self._say = say
        self._last: float | None = None
        self._offset: float | None = None  # of time against the stamps; None before the first of them
        self._number, self._arrival = 0, 0.0
        self._late = 0  # frames in a row whose stamps did not move on

    def __call__(self, number: int, stamp: float | None, arrival: float | None = None) -> float:
        """The time of frame `number`, in seconds: `stamp` is its own, None where it has none; `arrival`, of a camera
        only, when it came, in seconds since the clip's first frame did."""
        if stamp is not None and not abs(stamp) < 1e9:  # some readers give a number without meaning for "none"
            stamp = None
        seconds = 0.0 if self._last is None else self._next(self._last, number, stamp, arrival)
        if stamp is not None and self._offset is None:
            self._offset = seconds - stamp
        if self._last is None or seconds > self._last:
            self._last, self._number, self._arrival = seconds, number, arrival or 0.0
        return seconds

    def _next(self, last: float, number: int, stamp: float | None, arrival: float | None) -> float:
        if arrival is None:
            pause, gap = self._step * (number - self._number), GAP_S
            expected = last + pause
        else:
            pause, gap = max(0.0, arrival - self._arrival), LIVE_GAP_S
            expected = max(arrival, last + pause)
        if stamp is None or self._offset is None:
            return expected
        seconds = stamp + self._offset
        self._late = self._late + 1 if seconds <= last else 0
        if last < seconds <= last + pause + gap:
            return seconds
        if last - BACK_S < seconds <= last and self._late <= HELD:
            return last
        self._offset = expected - stamp
        self._tell(seconds - last, last)
        return expected

    def _tell(self, jump: float, last: float) -> None:
        if self._say and not self.jumped:
            word = f"jumps by {jump:+.1f} s" if jump else "stands still"
            self._say(f"its clock {word} at {last:.1f} s; time goes on from there")
        self.jumped = True


class Sampler:
    """Takes frames of one clip at `rate` images a second; `rate` None takes every frame. `frame_rate`, `say`: as of
    `Clock`.

    The clip's time is cut into ticks of 1/rate seconds, from its first frame on; the first frame of each tick is an
    image. A camera slower than `rate` gives all its frames. Times count in whole milliseconds, and a tick begins
    `EARLY_MS` of them before its time: containers and readers round a frame's time either way, and a camera of exactly
    `rate` is to lose none of its frames.
    """

    def __init__(
        self, rate: int | None, frame_rate: float | None = None, say: Callable[[str], None] | None = None
    ) -> None:
        self._rate = rate
        self._clock = Clock(frame_rate, say)
        self._tick = -1

    @property
    def jumped(self) -> bool:
        """Whether the clip's clock has jumped: how long it is said to be means nothing then."""
        return self._clock.jumped

    def __call__(self, number: int, stamp: float | None, arrival: float | None = None) -> float | None:
        """The next frame, the `number`-th of its clip from 0; `stamp`, `arrival`: as of `Clock`. Returns its time since
        the clip's first frame, in seconds, never less than that of the frame before; None when it is not taken."""
        seconds = self._clock(number, stamp, arrival)
        if self._rate is not None:
            tick = (round(1000 * seconds) + EARLY_MS) * self._rate // 1000
            if tick <= self._tick:
                return None
            self._tick = tick
        return seconds
