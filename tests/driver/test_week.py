# SPDX-License-Identifier: BSD-3-Clause
"""A week of a service by a clock of its own: over a thousand losses and returns, alarms each day, and nothing grows."""

import gc
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from shiftcore.driver import LoadedModel
from shiftcore.driver import run as running
from shiftcore.driver.events import Event
from shiftcore.driver.service import service as serving
from shiftcore.driver.service.service import Service
from shiftcore.driver.service.site import Camera, Site
from shiftcore.driver.sinks import CameraState, Place, Sink, Sinks
from shiftcore.driver.sources import Image, Source
from shiftcore.model.alarm import AlarmSettings
from shiftcore.model.preprocess import Preprocessor
from shiftcore.model.records import Result
from shiftcore.model.sampling import RGB
from tests.driver.test_run_loop import described

STEP_S, HOUR_S, DAYS = 60.0, 3600.0, 7
CAMERAS = 4


class Clock:
    """Time passes when somebody rests, and then a step at once."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, _seconds: float) -> None:
        self.now += STEP_S


class Hourly(Source):
    """A camera that gives a picture each step, is lost for the last ten minutes of each hour, and sees a fight at noon.
    It ends with the week."""

    live = True

    def __init__(self, clock: Clock, name: str) -> None:
        super().__init__(name, None, print)
        self._clock, self._next, self._lost = clock, 0.0, False

    @property
    def interrupted(self) -> bool:
        return self._clock.now % HOUR_S >= 50 * 60

    def take(self) -> Image | None:
        now = self._clock.now
        self.done = now >= DAYS * 24 * HOUR_S
        if self.interrupted or now < self._next:
            self._lost = self._lost or self.interrupted
            return None
        self._next, first, self._lost = now + STEP_S, self._lost or now == 0.0, False
        fight = now % (24 * HOUR_S) // HOUR_S == 12
        luma = np.array([[255 if fight else 40, 200], [now % 199, 120]], np.uint8)
        return Image(luma[..., None].repeat(3, 2), now, int(now), self.name, first)


class Seeing:
    """An accelerator for which a white picture is a fight."""

    streams, classes, clock_mhz, backend, ingest = CAMERAS, ["calm", "fight"], 100.0, "seeing", False
    description = replace(described(2, "rgb", 1), alarm=AlarmSettings(("fight",), 0.8, 0.5, 60.0, 60.0))
    models = (LoadedModel(Path("model.npz"), "1f0c22ab", description),)

    def __init__(self) -> None:
        self._sent, self._done = 0, deque[Result]()

    def preprocessor(self) -> Preprocessor:
        return Preprocessor(self.description)

    def model_of(self, _stream: int) -> LoadedModel:
        return self.models[0]

    def use(self, _stream: int, _bank: int) -> None:
        pass

    def submit(self, frame: np.ndarray, stream: int, clear: bool) -> int:
        self._sent += 1
        score = float(frame[0, 0, 0] == 255)
        scores = np.array([1 - score, score])
        decision = SimpleNamespace(scores=scores, name="fight" if score else "calm")
        made: Any = SimpleNamespace(frame_id=self._sent, decision=decision, score=score, latency_cycles=168901)
        self._done.append(made)
        return self._sent

    def results(self, wait_s: float = 0.0) -> list[Result]:
        done = list(self._done)
        self._done.clear()
        return done


class Counting(Sink):
    """Counts events, and how often each camera was lost when it was shown; its own settings."""

    def __init__(self) -> None:
        self.events: Counter[tuple[str, str]] = Counter()
        self.open_ids: set[str] = set()
        self.shown = 0

    def open(self, _place: Place) -> Sink:
        return self

    def publish(self, event: Event) -> None:
        self.events[event["class"], event["event"]] += 1
        (self.open_ids.add if event["event"] == "begin" else self.open_ids.remove)(event["id"])

    def show(self, cameras: Sequence[CameraState]) -> None:
        self.shown += 1
        assert len(cameras) == CAMERAS and len({camera.troubles for camera in cameras}) == 1


def test_a_week(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, counted = Clock(), Counting()
    things: list[int] = []
    monkeypatch.setattr(running, "time", clock)
    monkeypatch.setattr(serving, "time", clock)
    monkeypatch.setattr(serving, "open_source", lambda _address, _rate, _say, _wanted, name, *_: Hourly(clock, name))
    accelerator: Any = Seeing()
    site = Site({f"camera{index}": Camera("rtsp://x") for index in range(CAMERAS)}, {})

    def look(*_: object) -> None:
        if clock.now % (24 * HOUR_S) == 6 * HOUR_S and len(things) <= clock.now // (24 * HOUR_S):
            gc.collect()
            things.append(len(gc.get_objects()))

    said: list[str] = []
    service = Service(
        accelerator, site, Sinks(tmp_path, said.append), said.append,
        on_result=look, wanted=RGB, thresholds=lambda _: {}, more={"counting": counted}, spools={},
    )  # fmt: skip
    service.going()
    service.close()
    hours, cameras = DAYS * 24, CAMERAS
    assert counted.events == {
        ("lost", "begin"): hours * cameras, ("lost", "end"): hours * cameras,
        ("fight", "begin"): DAYS * cameras, ("fight", "end"): DAYS * cameras,
    }  # fmt: skip
    assert not counted.open_ids and said == []
    frames = [channel.frames - 1 for channel in service.going.channels]  # but the last, with which the week ends
    assert frames == [int(DAYS * 24 * 50 * 60 / STEP_S)] * cameras
    assert len(things) == DAYS and things[-1] - things[1] < 200, things
    assert counted.shown > hours
