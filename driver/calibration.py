# SPDX-License-Identifier: BSD-3-Clause
"""Calibration to a camera: watch what it shows, unlabelled; say which threshold would have kept to so many alarms."""

from array import array
from dataclasses import dataclass, field
from datetime import datetime, timezone

import numpy as np

from shiftcore.driver.thresholds import Calibration
from shiftcore.errors import UserError
from shiftcore.model.alarm import AlarmSettings
from shiftcore.model.calibration import Track, camera_threshold, count, floor


@dataclass
class _Clip:
    times: array = field(default_factory=lambda: array("d"))
    scores: array = field(default_factory=lambda: array("d"))
    first: float = 0.0
    last: float = 0.0
    low: bool = False


class Watch:
    """What the alarm of one camera was given, of a `live` one or of its recordings.

    Of frames in a row that score too low for every threshold in question only the first is kept: it ends what the
    others would. A calm camera's day so takes next to no memory.
    """

    def __init__(self, settings: AlarmSettings, live: bool) -> None:
        self._settings, self._live = settings, live
        self._low = min(floor(settings), settings.release)
        self._clips: list[_Clip] = []
        self._clip = -1

    def add(self, clip: int, seconds: float, score: float) -> None:
        """The next result: the number of its clip (another one after a gap), its time in it, and the alarm's score."""
        if clip != self._clip:
            self._clips.append(_Clip(first=seconds))
            self._clip = clip
        now = self._clips[-1]
        low = score < self._low
        if not (low and now.low):
            now.times.append(seconds)
            now.scores.append(score)
        now.low, now.last = low, seconds

    @property
    def hours(self) -> float:
        """For how long it was watched, gaps left out."""
        return sum(clip.last - clip.first for clip in self._clips) / 3600

    @property
    def tracks(self) -> list[Track]:
        """All of it, to be replayed."""
        return [Track(np.array(clip.times), np.array(clip.scores), clip.last - clip.first) for clip in self._clips]

    def alarms(self, threshold: float) -> int:
        """How many alarms this threshold would have raised."""
        return count(self._settings.at(threshold), self.tracks, self._live)

    def calibrate(self, per_hour: float) -> Calibration:
        """The lowest threshold that would have raised at most `per_hour` alarms an hour. Raises UserError, without the
        camera's name, where nothing was seen, or where there is none."""
        if not self.hours:
            raise UserError("showed nothing; no threshold is set")
        threshold = camera_threshold(self._settings, self.tracks, per_hour, self._live)
        if threshold is None:
            raise UserError(f"scores 1 too often: no threshold keeps to {per_hour:g} alarms an hour, none is set")
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        return Calibration(threshold, per_hour, self.hours, self.alarms(threshold), now)
