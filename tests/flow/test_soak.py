# SPDX-License-Identifier: BSD-3-Clause
"""The soak, 300 frames of it; what it would notice, and that an interrupted one goes on."""

from pathlib import Path

import numpy as np
import pytest

from shiftcore.driver import DifferenceError, LostFrameError
from shiftcore.driver.build import Build
from shiftcore.driver.device import Device, Flight
from shiftcore.flow import driver_cost, soak


@pytest.fixture
def build(tiny_chip: Path, tmp_path: Path) -> Build:
    """The shipped `tiny`, where a saved difference lands in the test's own folder."""
    (tmp_path / "chip").symlink_to(tiny_chip)
    return Build.load(tmp_path)


def test_300_frames_through_the_whole_chip(build: Build) -> None:
    counts = soak.batch(build, seed=1, number=0, frames=300, progress=lambda _: None)
    print(f"seed 1: {counts}")
    assert counts["frames"] >= 300
    assert counts["clips"] > 30 and counts["soft_resets"] > 5 and counts["swaps"] > 5
    assert counts["load_cycles_max"] > build.manifest.load_words
    assert counts["cycles"] > 300 * build.manifest.frame_interval


def test_a_bit_that_flips_in_memory_is_noticed(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    push = Device.push

    def flip(device: Device, frame: np.ndarray, flight: Flight) -> None:
        push(device, frame, flight)
        if flight.frame_id == 3:
            device._frames.array[3 * device._stride + 1000] ^= 128

    monkeypatch.setattr(Device, "push", flip)
    with pytest.raises(DifferenceError, match="frame 3 of stream"):
        soak.batch(build, seed=2, number=0, frames=40, progress=lambda _: None)


def test_a_record_that_comes_twice_is_noticed(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    take = Device._take

    def twice(device: Device, count: int) -> list:
        size = device._record_bytes
        if device._taken:
            device._records.array[device._taken * size : (device._taken + 1) * size] = device._records.array[:size]
        return take(device, count)

    monkeypatch.setattr(Device, "_take", twice)
    with pytest.raises(LostFrameError, match="was due"):
        soak.batch(build, seed=3, number=0, frames=40, progress=lambda _: None)


def test_an_interrupted_soak_goes_on(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "work_folder", lambda: tmp_path)
    ran: list[int] = []

    def batch(_build: Build, seed: int, number: int, frames: int, _progress: object) -> soak.Counts:
        if len(ran) == 2:
            ran.append(-1)
            raise KeyboardInterrupt
        ran.append(number)
        return {"frames": frames, "clips": 1, "soft_resets": 1, "given_up": 0, "load_cycles_max": number, "cycles": 10}

    monkeypatch.setattr(soak, "batch", batch)
    with pytest.raises(KeyboardInterrupt):
        soak.soak(build, 1000, 7, lambda _: None)
    report = soak.soak(build, 1000, 7, lambda _: None)
    assert ran == [0, 1, -1, 2, 3]
    assert (report["frames"], report["clips"], report["differing_bits"]) == (1000, 4, 0)
    assert (report["models"], report["frames_lost"], report["load_cycles_max"]) == (5, 0, 3)
    assert soak.soak(build, 500, 7, lambda _: None)["frames"] == 500
    assert ran == [0, 1, -1, 2, 3], "done before"
    soak.soak(build, 250, 8, lambda _: None)
    assert ran[-1] == 0, "another seed begins anew"


def test_what_the_driver_costs(build: Build) -> None:
    """0.3 ms a frame is what it may cost where it is measured; here the machine may be busy with other tests."""
    assert 0 < driver_cost.overhead_ms(build, 200) < 3


def test_the_chip_is_as_fast_as_its_core(build: Build) -> None:
    assert driver_cost.cycles_per_frame(build, driver_cost.SLOW_MEMORY, 8) == pytest.approx(
        build.manifest.frame_interval, rel=0.02
    )
