# SPDX-License-Identifier: BSD-3-Clause
"""How many alarms other thresholds would have raised: what was seen is replayed through the alarm, score by score.

A network's scores do not depend on the threshold, so footage is watched once and each threshold costs a replay.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from shiftcore.model.alarm import COOLING, QUIET, Alarm, AlarmSettings


@dataclass(frozen=True)
class Track:
    """What the alarm was given of a clip without a gap: `times`, float64 `[n]`, ascending, in seconds; the `scores`
    then, float64 `[n]`, in [0, 1]; and how many `seconds` the clip has."""

    times: np.ndarray
    scores: np.ndarray
    seconds: float


LOWEST = 0.5
"""A camera's threshold is never set below this, or below a model's own that is lower: a calm day does not show that
what the network itself holds for unlikely will not come."""


class Raised(NamedTuple):
    """An alarm, in seconds of its track: since when the score counted, when it was `raised` (told to people), when it
    `ended` (the last frame, where the track ends first); and the highest `score` meanwhile."""

    since: float
    raised: float
    ended: float
    score: float


def replay(settings: AlarmSettings, track: Track, alarm: Alarm | None = None) -> list[Raised]:
    """The alarms that the runtime raises on `track`: a file, which begins with a quiet alarm, or what follows after a
    gap on the `alarm` of a live camera.

    Frames below the threshold change nothing while an alarm is quiet or cooling, and are not looked at.
    """
    alarm = alarm or Alarm(settings)
    times, scores = track.times.tolist(), track.scores.tolist()
    reach = np.flatnonzero(track.scores >= settings.threshold)
    changes, index = alarm.interrupt(), 0
    while index < len(times):
        if alarm.state in (QUIET, COOLING):
            place = int(np.searchsorted(reach, index))
            if place == len(reach):
                break
            index = int(reach[place])
        changes += alarm.update(times[index], scores[index], "")
        index += 1
    changes += alarm.interrupt()
    begins = [change for change in changes if change.begin]
    ends = [change for change in changes if not change.begin]
    return [Raised(b.since, b.seconds, e.seconds, e.score) for b, e in zip(begins, ends, strict=True)]


def count(settings: AlarmSettings, tracks: Iterable[Track], live: bool = False) -> int:
    """How many alarms the runtime raises on `tracks`: files, or what a `live` camera showed between its losses, whose
    cool-down goes on from one to the next."""
    alarm = Alarm(settings) if live else None
    return sum(len(replay(settings, track, alarm)) for track in tracks)


def floor(settings: AlarmSettings) -> float:
    """The lowest threshold that a camera is given."""
    return min(LOWEST, settings.threshold)


def camera_threshold(
    settings: AlarmSettings, tracks: Sequence[Track], per_hour: float, live: bool = False
) -> float | None:
    """The lowest threshold of a camera that has shown `tracks` (`live` as of `count`) at which, and above which, no
    more than `per_hour` alarms an hour of them would have been raised. None where every threshold raises more."""
    allowed = per_hour * sum(track.seconds for track in tracks) / 3600
    scores = np.concatenate([np.zeros(0), *(track.scores for track in tracks)])
    return lowest_threshold(lambda t: count(settings.at(t), tracks, live), scores, allowed, floor(settings))


def lowest_threshold(
    alarms: Callable[[float], float], scores: np.ndarray, allowed: float, floor: float = 0.0
) -> float | None:
    """The lowest threshold, none below `floor`, from which on upward no threshold raises more than `allowed` alarms;
    `alarms(threshold)` counts them, on footage of these `scores`. None where every threshold raises more.

    From above, because their number is no measure further down: a threshold that every score reaches raises one alarm
    that never ends. The result lies halfway between two scores, so that no decision hangs on a rounding.
    """
    above = _between(float(scores.max(initial=floor)), 1.0)
    lowest = above if above and alarms(above) <= allowed else None
    candidates: list[float] = np.unique(scores[scores > floor])[::-1].tolist()
    for threshold, lower in zip(candidates, [*candidates, floor][1:], strict=True):
        if alarms(threshold) > allowed:
            return lowest
        lowest = _between(lower, threshold)
    return floor if floor and alarms(floor) <= allowed else lowest


def _between(lower: float, upper: float) -> float | None:
    """Halfway, above `lower`; `upper` where no number lies between; None where that is no higher than `lower`."""
    middle = (lower + upper) / 2
    return middle if lower < middle else upper if lower < upper else None
