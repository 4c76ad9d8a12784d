# SPDX-License-Identifier: BSD-3-Clause
"""Frames are taken by their times: as many a second as asked for, evenly, whatever the camera's rate."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiftcore.model.sampling import Clock, Sampler


def taken(rate: int | None, stamps: list[float | None]) -> dict[int, float]:
    sample = Sampler(rate)
    times = {number: sample(number, stamp) for number, stamp in enumerate(stamps)}
    return {number: seconds for number, seconds in times.items() if seconds is not None}


@given(
    rate=st.integers(1, 60),
    start=st.floats(-10, 1e6),
    steps=st.lists(st.floats(0.001, 0.5), min_size=1, max_size=80),
)
def test_one_image_a_tick_the_first_frame_in_it(rate: int, start: float, steps: list[float]) -> None:
    stamps = [start]
    for step in steps:
        stamps.append(stamps[-1] + step)
    images = taken(rate, list(stamps))
    ticks = [(round(1000 * (stamp - start)) + 1) * rate // 1000 for stamp in stamps]
    assert list(images) == [index for index, tick in enumerate(ticks) if index == 0 or tick > max(ticks[:index])]
    assert all(seconds == stamps[number] - start for number, seconds in images.items())


ROUND: dict[str, Callable[[float], float]] = {
    "exact": lambda seconds: seconds,
    "to the millisecond": lambda seconds: round(seconds, 3),
    "down to the millisecond": lambda seconds: math.floor(1000 * seconds) / 1000,
    "up to the millisecond": lambda seconds: math.ceil(1000 * seconds) / 1000,
    "down to 90 kHz": lambda seconds: math.floor(90000 * seconds) / 90000,
}


@pytest.mark.parametrize("camera", [8, 10, 12.5, 15, 16, 20, 25, 29.97, 30, 50, 60])
@pytest.mark.parametrize("rate", [8, 10, 12, 15, 16, 20, 25, 30, 50, 60])
def test_a_camera_that_is_fast_enough_gives_the_rate_and_all_readers_agree(camera: float, rate: int) -> None:
    """One of exactly the rate loses none of its frames, and a slower one loses none either."""
    frames = [index / camera for index in range(math.ceil(20 * camera))]
    images = {name: list(taken(rate, [way(stamp) for stamp in frames])) for name, way in ROUND.items()}
    assert len(images["exact"]) == (20 * rate if camera >= rate else len(frames))
    if camera <= rate:
        assert images["exact"] == list(range(len(frames)))
    if camera != 29.97:  # whose frames come as near to a tick's beginning as one likes
        assert all(numbers == images["exact"] for numbers in images.values())
    else:
        assert all(abs(len(numbers) - len(images["exact"])) <= 1 for numbers in images.values())


def test_a_slow_camera_gives_all_its_frames() -> None:
    assert list(taken(16, [index / 10 for index in range(50)])) == list(range(50))


def test_time_never_runs_backwards() -> None:
    assert list(taken(None, [5.0, 5.04, 5.01, 5.12]).values()) == pytest.approx([0, 0.04, 0.04, 0.12])
    assert list(taken(20, [0.0, 0.06, 0.01, 0.06, 0.1])) == [0, 1, 4]


def test_without_stamps_frames_are_25_a_second() -> None:
    assert list(taken(5, [None] * 12)) == [0, 5, 10]


STEP = 0.04
PLAYED = [round(STEP * index, 2) for index in range(100)]
NONE = -9.2e15  # what some readers give for a frame without a stamp


@pytest.mark.parametrize(
    "then",
    [
        PLAYED,  # a recording that was joined to itself
        [stamp - 6 for stamp in PLAYED],  # a camera that set its clock
        [stamp + 1 for stamp in PLAYED],  # back by less than what was played
        [stamp + 87 for stamp in PLAYED],
        [stamp - 2**33 / 90000 for stamp in PLAYED],  # MPEG's clock has 33 bits, and comes round after 26.5 hours
        [None] * 100,
        [NONE] * 100,
    ],
)
@pytest.mark.parametrize("rate", [None, 16])
def test_after_a_jump_time_goes_on_one_frame_after_the_last(then: list[float | None], rate: int | None) -> None:
    told: list[str] = []
    sample = Sampler(rate, 25, told.append)
    times = [sample(number, stamp) for number, stamp in enumerate([*PLAYED, *then])]
    uniform = Sampler(rate, 25)
    assert times == pytest.approx([uniform(number, number / 25) for number in range(200)])
    assert len(told) == (then[0] not in (None, NONE))


def test_a_clock_that_stands_still_is_counted_out() -> None:
    told: list[str] = []
    clock = Clock(25, told.append)
    times = [clock(number, stamp) for number, stamp in enumerate(PLAYED[:10] + [0.36] * 50 + PLAYED[10:])]
    assert all(0 <= b - a <= 4 * STEP + 1e-9 for a, b in pairwise(times))
    assert times[59] == pytest.approx(59 * STEP) and times[-1] == pytest.approx(149 * STEP, abs=1e-6)
    assert len(told) == 1 and "stands still at 0.4 s" in told[0]


def test_many_jumps_are_told_once() -> None:
    told: list[str] = []
    clock = Clock(25, told.append)
    times = [clock(number, stamp) for number, stamp in enumerate(PLAYED * 5)]
    assert times == pytest.approx([STEP * number for number in range(500)]) and len(told) == 1


def test_a_camera_whose_clock_jumps_goes_on_with_the_frames_arrival() -> None:
    arrivals = [0.1 * index for index in range(60)]
    stamps = [50 + arrival for arrival in arrivals[:20]] + [44 + arrival for arrival in arrivals[20:40]]
    stamps += [1e6 + arrival for arrival in arrivals[40:]]
    clock = Clock()
    times = [clock(number, stamp, arrivals[number]) for number, stamp in enumerate(stamps)]
    assert times == pytest.approx(arrivals, abs=1e-6)


def test_a_camera_without_a_clock_has_its_frames_arrival() -> None:
    arrivals = [0.0, 0.2, 0.41, 0.59, 3.0]
    clock = Clock()
    assert [clock(number, None, arrival) for number, arrival in enumerate(arrivals)] == pytest.approx(arrivals)


@given(
    stamps=st.lists(st.one_of(st.none(), st.floats(allow_nan=True), st.floats(-5, 5)), min_size=1, max_size=60),
    live=st.booleans(),
)
def test_no_stamps_can_stop_time_or_turn_it_back(stamps: list[float | None], live: bool) -> None:
    clock = Clock(25)
    times = [clock(n, stamp, n / 10 if live else None) for n, stamp in enumerate(stamps)]
    assert times[0] == 0 and all(a <= b for a, b in pairwise(times))
    assert all(later > earlier for earlier, later in zip(times, times[4:], strict=False))
