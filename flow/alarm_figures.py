# SPDX-License-Identifier: BSD-3-Clause
"""What a guard feels: false alarms an hour, events found, and how soon, at any threshold."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import beta, chi2  # type: ignore[import-untyped]

from shiftcore.model.alarm import AlarmSettings
from shiftcore.model.calibration import Raised, Track, camera_threshold, count, replay

LATE_S = 3.0  # an alarm may be raised so long after its event ended: the decision looks back, the alarm waits
SOON_S = 3.0  # found within this time of its beginning, an event is found soon
THRESHOLDS = (*(round(i / 50, 2) for i in range(1, 45)), *(i / 200 for i in range(180, 200)), 0.9975, 0.999, 0.9995)

Figures = dict[str, Any]


@dataclass(frozen=True)
class Footage:
    """One video: which `clip` of which data set (`origin`), the `camera` that saw it, what is known `about` it (by
    column of index.csv), what the alarm was given (`track`), and its `events` (begin and end, in seconds)."""

    origin: str
    clip: str
    camera: str
    about: dict[str, str]
    track: Track
    events: tuple[tuple[float, float], ...] = ()

    @property
    def calm_seconds(self) -> float:
        """So long an alarm would be false: outside each event and `LATE_S` after it."""
        calm, reached = 0.0, 0.0
        for begin, end in sorted(self.events):
            calm += max(0.0, min(begin, self.track.seconds) - reached)
            reached = max(reached, min(end + LATE_S, self.track.seconds))
        return calm + self.track.seconds - reached


@dataclass(frozen=True)
class Verdict:
    """What became of a video's alarms and events: the `false` alarms, and for each event after how many seconds it was
    found, None where it was not."""

    false: list[Raised]
    delays: list[float | None]


def verdict(footage: Footage, settings: AlarmSettings) -> Verdict:
    """An alarm finds the events within which, or `LATE_S` after which, it is raised, and is false where there is none.
    One that was up before an event began finds nothing: nobody is told again."""
    alarms = replay(settings, footage.track)
    false = [a for a in alarms if not any(b <= a.raised <= e + LATE_S for b, e in footage.events)]
    delays = [
        min((alarm.raised - begin for alarm in alarms if begin <= alarm.raised <= end + LATE_S), default=None)
        for begin, end in footage.events
    ]
    return Verdict(false, delays)


def poisson_interval(alarms: int, hours: float) -> tuple[float, float]:
    """The exact 95 % interval of a rate an hour, of so many `alarms` in `hours` > 0 (Garwood 1936): as if alarms came
    independently of each other."""
    low = chi2.ppf(0.025, 2 * alarms) / 2 if alarms else 0.0
    return float(low / hours), float(chi2.ppf(0.975, 2 * alarms + 2) / 2 / hours)


def binomial_interval(found: int, of: int) -> tuple[float, float]:
    """The exact 95 % interval of a share, `found` `of` so many (Clopper and Pearson 1934)."""
    low = beta.ppf(0.025, found, of - found + 1) if found else 0.0
    high = beta.ppf(0.975, found + 1, of - found) if found < of else 1.0
    return float(low), float(high)


def figures(footages: Iterable[Footage], settings: AlarmSettings) -> Figures:
    """The figures at the threshold of `settings`; None for what there is no footage or no event for."""
    footages = list(footages)
    return tally(footages, [verdict(footage, settings) for footage in footages], settings.threshold)


def tally(footages: Sequence[Footage], verdicts: Sequence[Verdict], threshold: float) -> Figures:
    """The figures of `footages`, each with what became of it, at its own threshold or at this one."""
    hours = sum(footage.calm_seconds for footage in footages) / 3600
    alarms = sum(len(verdict.false) for verdict in verdicts)
    delays = [delay for verdict in verdicts for delay in verdict.delays]
    found = [delay for delay in delays if delay is not None]
    soon = sum(delay <= SOON_S for delay in found)
    return {
        "clips": len(footages),
        "cameras": len({(footage.origin, footage.camera) for footage in footages}),
        "hours": hours,
        "false_alarms": alarms,
        "false_alarms_per_hour": alarms / hours if hours else None,
        "false_alarms_ci95": poisson_interval(alarms, hours) if hours else None,
        "events": len(delays),
        "found": len(found),
        "found_share": len(found) / len(delays) if delays else None,
        "found_ci95": binomial_interval(len(found), len(delays)) if delays else None,
        "found_within_3_s": soon,
        "found_within_3_s_share": soon / len(delays) if delays else None,
        "delay_s_median": float(np.median(found)) if found else None,
        "threshold": threshold,
    }


def curve(footages: Sequence[Footage], settings: AlarmSettings) -> list[Figures]:
    """The figures at `THRESHOLDS` and at the threshold of `settings`, in rising order."""
    return [figures(footages, settings.at(value)) for value in sorted({*THRESHOLDS, settings.threshold})]


def breakdown(footages: Sequence[Footage], settings: AlarmSettings) -> dict[str, dict[str, Figures]]:
    """The figures for each camera, and for each text of each column of index.csv. What a column says of one clip alone
    is counted together, as "others"."""
    groups: dict[str, dict[str, list[Footage]]] = {"camera": defaultdict(list)}
    for footage in footages:
        for column, text in {"camera": footage.camera, **footage.about}.items():
            groups.setdefault(column, defaultdict(list))[text].append(footage)
    result: dict[str, dict[str, Figures]] = {}
    for column, texts in groups.items():
        lone = [part[0] for part in texts.values() if len(part) == 1] if column != "camera" else []
        parts = {text: part for text, part in sorted(texts.items()) if column == "camera" or len(part) > 1}
        if parts:
            parts |= {"others": lone} if lone else {}
            result[column] = {text: figures(part, settings) for text, part in parts.items()}
    return result


def held_out(footages: Sequence[Footage], settings: AlarmSettings, per_hour: float) -> Figures | None:
    """What calibration to a camera (`shiftcore calibrate`) is worth: each camera's calm footage is cut into halves of
    equal time, its threshold is set on one and its alarms are counted on the other, both ways. Beside it the same
    halves at the threshold of `settings`; and the share of all events found by those thresholds. None without calm
    footage."""
    cameras: dict[tuple[str, str], list[Track]] = defaultdict(list)
    for footage in footages:
        if not footage.events:
            cameras[footage.origin, footage.camera].append(footage.track)
    if not cameras:
        return None
    before = after = 0
    thresholds = []
    for tracks in cameras.values():
        halves = _halves(tracks)
        for watched, judged in (halves, halves[::-1]):
            threshold = camera_threshold(settings, watched, per_hour)
            thresholds.append(threshold)
            before += count(settings, judged)
            after += count(settings.at(threshold), judged) if threshold else 0
    hours = sum(track.seconds for tracks in cameras.values() for track in tracks) / 3600
    return {
        "alarms_per_hour": per_hour,
        "cameras": len(cameras),
        "hours": hours,
        "false_alarms_per_hour_at_threshold": before / hours,
        "false_alarms_at_threshold_ci95": poisson_interval(before, hours),
        "false_alarms_per_hour": after / hours,
        "false_alarms_ci95": poisson_interval(after, hours),
        "found_share": _found(footages, settings, thresholds),
        "threshold_median": float(np.median([threshold or 1.0 for threshold in thresholds])),
    }


def _halves(tracks: Sequence[Track]) -> tuple[list[Track], list[Track]]:
    """The first and the second half of a camera's footage, by time."""
    left = sum(track.seconds for track in tracks) / 2
    first, second = [], []
    for track in tracks:
        cut = min(max(left, 0.0), track.seconds)
        left -= track.seconds
        place = int(np.searchsorted(track.times, cut))
        if cut > 0:
            first.append(Track(track.times[:place], track.scores[:place], cut))
        if cut < track.seconds:
            second.append(Track(track.times[place:], track.scores[place:], track.seconds - cut))
    return first, second


def _found(footages: Sequence[Footage], settings: AlarmSettings, thresholds: Sequence[float | None]) -> float | None:
    """The share of events found, were each seen by every one of the cameras with these thresholds."""
    events = [footage for footage in footages if footage.events]
    if not events:
        return None
    shares = {t: figures(events, settings.at(t))["found_share"] if t else 0.0 for t in set(thresholds)}
    return float(np.mean([shares[threshold] for threshold in thresholds]))
