# SPDX-License-Identifier: BSD-3-Clause
"""The alarm's promises, for any scores at any times."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiftcore.model.alarm import COOLING, PENDING, QUIET, RAISED, Alarm, AlarmSettings, Change
from shiftcore.model.fields import parsed

SCORES = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.3, 0.5, 0.79, 0.8, 1.0]))
STEPS = st.one_of(st.just(0.0), st.just(0.04), st.floats(0, 30))
SECONDS = st.one_of(st.just(0.0), st.floats(0, 20))
FRAMES = st.lists(st.tuples(STEPS, SCORES, st.booleans()), max_size=60)  # time since the last, score, interrupted first


@st.composite
def settings(draw: st.DrawFn) -> AlarmSettings:
    release = draw(st.floats(0.01, 1))
    return AlarmSettings(("fight",), draw(st.floats(release, 1)), release, draw(SECONDS), draw(SECONDS))


def play(alarm: Alarm, frames: list[tuple[float, float, bool]]) -> list[Change]:
    seconds, changes = 0.0, []
    for step, score, interrupted in frames:
        seconds += step
        changes += alarm.interrupt() if interrupted else []
        changes += alarm.update(seconds, score, "fight")
    return changes + alarm.interrupt()


@given(settings(), FRAMES)
def test_begin_and_end_are_paired(chosen: AlarmSettings, frames: list[tuple[float, float, bool]]) -> None:
    changes = play(Alarm(chosen), frames)
    assert [change.begin for change in changes] == [True, False] * (len(changes) // 2)
    for begin, end in zip(changes[::2], changes[1::2], strict=True):
        assert begin.since == end.since <= begin.seconds <= end.seconds
        assert chosen.threshold <= begin.score <= end.score


@given(settings(), FRAMES)
def test_no_event_is_shorter_than_the_minimum_nor_inside_a_cool_down(
    chosen: AlarmSettings, frames: list[tuple[float, float, bool]]
) -> None:
    changes = play(Alarm(chosen), frames)
    assert all(change.seconds - change.since >= chosen.min_seconds for change in changes)
    ends = changes[1::2]
    assert all(later.since >= earlier.seconds + chosen.cool_down_seconds for earlier, later in pairwise(ends))


@given(settings(), FRAMES)
def test_while_raised_no_frame_was_below_release(
    chosen: AlarmSettings, frames: list[tuple[float, float, bool]]
) -> None:
    alarm, seconds = Alarm(chosen), 0.0
    for step, score, interrupted in frames:
        seconds += step
        if interrupted:
            alarm.interrupt()
            assert alarm.state in (QUIET, COOLING)
        before = alarm.state
        changes = alarm.update(seconds, score, "fight")
        assert (alarm.state in (PENDING, RAISED)) <= (score >= chosen.release)
        assert bool(changes) == ((before == RAISED) != (alarm.state == RAISED))
        assert (before == QUIET and score >= chosen.threshold) <= (alarm.state in (PENDING, RAISED))


def test_the_drawing_in_the_docs() -> None:
    alarm = Alarm(AlarmSettings(("fight",), 0.8, 0.5, 1.0, 10.0))
    story = [
        (0.0, 0.7, QUIET),
        (1.0, 0.8, PENDING),
        (1.5, 0.6, PENDING),  # between release and threshold: it keeps what is
        (1.6, 0.4, QUIET),
        (2.0, 0.9, PENDING),
        (3.0, 0.95, RAISED),
        (4.0, 0.5, RAISED),
        (5.0, 0.49, COOLING),
        (14.9, 1.0, COOLING),
        (15.0, 1.0, PENDING),
    ]
    changes = []
    for seconds, score, state in story:
        changes += alarm.update(seconds, score, "fight")
        assert alarm.state == state
    assert changes == [Change(True, 3.0, 2.0, "fight", 0.95), Change(False, 5.0, 2.0, "fight", 0.95)]


def test_time_does_not_run_backwards() -> None:
    alarm = Alarm(AlarmSettings(("fight",), 0.8, 0.5, 1.0, 10.0))
    alarm.update(2.0, 0.0, "fight")
    for seconds in (1.9, float("nan")):
        with pytest.raises(ValueError, match=r"came after one at 2\.0 s"):
            alarm.update(seconds, 0.0, "fight")


def test_settings_are_read_by_their_names() -> None:
    alarm = {"cool_down_seconds": 3, "min_seconds": 2, "release": 0.6, "threshold": 0.7, "classes": ["a"], "more": 1}
    assert parsed(AlarmSettings, alarm) == AlarmSettings(("a",), 0.7, 0.6, 2.0, 3.0)
    assert parsed(AlarmSettings, alarm | {"min_seconds": 0}).min_seconds == 0
    for key, wrong in (("threshold", None), ("release", 0), ("min_seconds", -1), ("classes", "a"), ("threshold", True)):
        with pytest.raises(ValueError, match=f"^{key} is {wrong!r}, no "):
            parsed(AlarmSettings, alarm | {key: wrong})


@pytest.mark.parametrize("wrong", [(0.5, 0.6, 1, 1), (1.1, 0.5, 1, 1), (0.5, 0, 1, 1), (0.5, 0.5, -1, 1)])
def test_settings_out_of_range(wrong: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match=r"does not hold|is below 0"):
        AlarmSettings(("a",), *wrong)
