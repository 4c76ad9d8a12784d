# SPDX-License-Identifier: BSD-3-Clause
"""Replays of kept scores: the runtime's alarm, counted by hand, and thresholds that keep a promise."""

import numpy as np
import pytest

from shiftcore.model.alarm import Alarm, AlarmSettings
from shiftcore.model.calibration import Raised, Track, count, lowest_threshold, replay

SETTINGS = AlarmSettings(("fight",), 0.8, 0.5, 1.0, 10.0)


def track(*scores: float, step: float = 1.0) -> Track:
    return Track(step * np.arange(len(scores)), np.array(scores), step * len(scores))


def test_alarms_are_those_counted_by_hand() -> None:
    # Pending at 1, raised at 2, ended at 4; cooling to 14; 12 is too early, 15 is one frame, 17 lasts to the end.
    seen = track(0.1, 0.9, 0.85, 0.6, 0.4, 0.1, 0, 0, 0, 0, 0, 0, 0.9, 0.1, 0.1, 0.9, 0.1, 0.8, 0.95)
    assert replay(SETTINGS, seen) == [Raised(1, 2, 4, 0.9), Raised(17, 18, 18, 0.95)]
    assert count(SETTINGS, [seen, seen]) == 4


def test_a_replay_is_what_the_alarm_does_frame_by_frame() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        noise = rng.normal(size=400)
        scores = 1 / (1 + np.exp(-np.convolve(noise, np.ones(8) / 2, "same")))
        seen = Track(np.arange(400) / 8, scores, 50.0)
        alarm = Alarm(SETTINGS)
        changes = [c for t, s in zip(seen.times, seen.scores, strict=True) for c in alarm.update(t, s, "fight")]
        changes += alarm.interrupt()
        assert [(r.since, r.raised) for r in replay(SETTINGS, seen)] == [
            (c.since, c.seconds) for c in changes if c.begin
        ]
        assert [(r.ended, r.score) for r in replay(SETTINGS, seen)] == [
            (c.seconds, c.score) for c in changes if not c.begin
        ]


def test_a_live_camera_cools_down_over_a_loss_and_a_file_does_not() -> None:
    first, after = track(0.9, 0.9, 0.1), Track(np.array([5.0, 6.0]), np.array([0.9, 0.9]), 2.0)
    assert count(SETTINGS, [first, after], live=True) == 1
    assert count(SETTINGS, [first, after]) == 2


def test_the_lowest_threshold_keeps_to_what_is_allowed_and_no_lower_one_does() -> None:
    seen = track(0.9, 0.9, 0.1, 0.8, 0.8, 0.1, 0.7, 0.7, 0.1, step=20.0)

    def alarms(threshold: float) -> int:
        return count(SETTINGS.at(threshold), [seen])

    assert lowest_threshold(alarms, seen.scores, 2) == pytest.approx(0.75)
    assert lowest_threshold(alarms, seen.scores, 1) == pytest.approx(0.85)
    assert lowest_threshold(alarms, seen.scores, 0) == pytest.approx(0.95)
    assert lowest_threshold(alarms, seen.scores, 3, floor=0.6) == 0.6


def test_one_endless_alarm_far_down_is_no_reason_to_go_there() -> None:
    seen = track(0.9, 0.9, 0.3, 0.3, *[0.9, 0.9, 0.3, 0.3] * 5, step=20.0)

    def alarms(threshold: float) -> int:
        return count(SETTINGS.at(threshold), [seen])

    assert alarms(0.2) == 1 and alarms(0.6) == 6
    assert lowest_threshold(alarms, seen.scores, 1) == pytest.approx(0.95)


def test_where_nothing_helps_there_is_no_threshold() -> None:
    certain = track(1.0, 1.0)
    assert lowest_threshold(lambda t: count(SETTINGS.at(t), [certain]), certain.scores, 0) is None
    assert lowest_threshold(lambda _: 9.0, np.array([0.2, 0.7]), 2) is None
    assert lowest_threshold(lambda _: 0, np.array([]), 0, floor=0.5) == 0.5
