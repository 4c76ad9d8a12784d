# SPDX-License-Identifier: BSD-3-Clause
"""When an alarm is raised: threshold with hysteresis, minimum duration, cool-down (docs/alarms.md). Pure: no clock of
its own, no input or output."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shiftcore.model.fields import Seconds

QUIET, PENDING, RAISED, COOLING = "quiet", "pending", "raised", "cooling"


@dataclass(frozen=True)
class AlarmSettings:
    """The integer model's `alarm`. `classes`: those that raise it; 0 < `release` <= `threshold` <= 1, probabilities;
    `min_seconds` and `cool_down_seconds`, 0 or more. Raises ValueError outside of that."""

    classes: tuple[str, ...]
    threshold: float
    release: float
    min_seconds: Seconds
    cool_down_seconds: Seconds

    def __post_init__(self) -> None:
        if not 0 < self.release <= self.threshold <= 1:
            raise ValueError(f"0 < release <= threshold <= 1 does not hold for {self.release} and {self.threshold}")
        if not (0 <= self.min_seconds < math.inf and 0 <= self.cool_down_seconds < math.inf):
            raise ValueError(f"min_seconds {self.min_seconds} or cool_down_seconds {self.cool_down_seconds} is below 0")

    def at(self, threshold: float) -> "AlarmSettings":
        """With this `threshold`, in (0, 1]. A release above it comes down to it."""
        return replace(self, threshold=threshold, release=min(self.release, threshold))

    def likeliest(self, classes: Sequence[str], scores: Sequence[float]) -> str:
        """Of those that raise the alarm, the class with the highest of `scores`, one for each of all `classes`."""
        return max(self.classes, key=lambda name: scores[classes.index(name)])


@dataclass(frozen=True)
class Change:
    """An event begins or ends. `begin`: which of the two; `seconds`: the time of the frame that did it; `since`: the
    time of the event's first frame; `name`, `score`: the highest score since then, and its class."""

    begin: bool
    seconds: float
    since: float
    name: str
    score: float


class Alarm:
    """The alarm of one camera or file. `state`: one of QUIET, PENDING, RAISED, COOLING.

    An event reaches from `since` to the `seconds` of its end. That is at least `min_seconds`; and from one event's end
    to the next one's `since` it is at least `cool_down_seconds`.
    """

    def __init__(self, settings: AlarmSettings) -> None:
        self._settings = settings
        self.state = QUIET
        self._now = -math.inf
        self._since = 0.0
        self._cool = -math.inf  # until when
        self._peak = (0.0, "")

    def update(self, seconds: float, score: float, name: str) -> list[Change]:
        """The next frame: its time, and its highest score, of class `name`. Returns what it changes, if anything.

        Raises ValueError when time runs backwards.
        """
        if not seconds >= self._now:
            raise ValueError(f"a frame at {seconds} s came after one at {self._now} s")
        settings, self._now = self._settings, seconds
        if self.state == COOLING and seconds >= self._cool:
            self.state = QUIET
        if self.state == QUIET and score >= settings.threshold:
            self.state, self._since, self._peak = PENDING, seconds, (score, name)
        if self.state in (QUIET, COOLING):
            return []
        if score < settings.release:
            return self._drop()
        self._peak = max(self._peak, (score, name), key=lambda peak: peak[0])
        if self.state == PENDING and seconds - self._since >= settings.min_seconds:
            self.state = RAISED
            return [self._change(begin=True)]
        return []

    def interrupt(self) -> list[Change]:
        """Frames are missing after the last one, or none follow: what is raised ends with that one, and what is pending
        is forgotten. The cool-down goes on."""
        return self._drop()

    def _drop(self) -> list[Change]:
        if self.state == RAISED:
            self.state, self._cool = COOLING, self._now + self._settings.cool_down_seconds
            return [self._change(begin=False)]
        self.state = QUIET if self.state == PENDING else self.state
        return []

    def _change(self, begin: bool) -> Change:
        score, name = self._peak
        return Change(begin, self._now, self._since, name, score)
