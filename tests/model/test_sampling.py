"""Frames are taken by their times: as many a second as asked for, evenly, whatever the camera's rate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiftcore.model.sampling import Sampler


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
    ticks = [round(1000 * (stamp - start)) * rate // 1000 for stamp in stamps]
    assert list(images) == [index for index, tick in enumerate(ticks) if index == 0 or tick > max(ticks[:index])]
    assert all(seconds == stamps[number] - start for number, seconds in images.items())


@pytest.mark.parametrize("camera", [12.5, 24, 25, 29.97, 30])
def test_the_rate_is_kept_on_average(camera: float) -> None:
    images = taken(12, [index / camera for index in range(round(10 * camera))])
    assert len(images) == 120


def test_a_slow_camera_gives_all_its_frames() -> None:
    assert list(taken(16, [index / 10 for index in range(50)])) == list(range(50))


def test_time_never_runs_backwards() -> None:
    assert list(taken(None, [5.0, 5.04, 5.01, 5.12]).values()) == pytest.approx([0, 0.04, 0.04, 0.12])
    assert list(taken(20, [0.0, 0.06, 0.01, 0.06, 0.1])) == [0, 1, 4]


def test_without_stamps_frames_are_25_a_second() -> None:
    assert list(taken(5, [None] * 12)) == [0, 5, 10]
