# SPDX-License-Identifier: BSD-3-Clause
"""What a sink of events is, and what its settings are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shiftcore.driver.events import Event
from shiftcore.driver.sources.source import Say

WAIT_S = 5.0  # at the end of a run, for events that are under way


@dataclass(frozen=True)
class CameraState:
    """How a camera is now: `frames` seen and `dropped`, frames a second, least and greatest latency in cycles, the
    winning class, the score (the risk), the alarm's state ("": the model has none), how many alarms there were, and the
    troubles it has."""

    name: str
    frames: int
    dropped: int
    rate: float
    latency_cycles: tuple[int, int]
    winner: str
    risk: float
    alarm: str
    alarms: int
    troubles: tuple[str, ...]


class Sink:
    """Where events go. What it is told it takes over at once, whatever is away; nothing here raises."""

    def publish(self, event: Event) -> None:
        """Take an event over."""
        raise NotImplementedError

    def show(self, cameras: Sequence[CameraState]) -> None:
        """How all cameras are; told about once a second."""

    def picture(self, camera: str, jpeg: bytes) -> None:
        """A camera's last picture: of a clip, or a live one; another thread may call this."""

    def clip(self, event: Event, path: Path) -> None:
        """An alarm's clip lies at `path` with .mp4, .jpg and .json behind it; another thread may call this."""

    def close(self, wait_s: float = WAIT_S) -> int:
        """Let go, after up to `wait_s` seconds for what is under way. Returns how many events wait for the next run."""
        return 0

    def losses(self) -> Iterator[str]:
        """What is lost for good, a line each; complete when it is closed."""
        return iter(())


@dataclass(frozen=True)
class Place:
    """Where a sink is opened: its `name`, the folder where it may keep events (made when it is needed), and who is
    told, a line each, what goes wrong and is survived."""

    name: str
    spool: Path
    say: Say


class Settings(Protocol):
    """A table `[sinks.NAME]` of a site file."""

    def open(self, place: Place) -> Sink:
        """The sink. Raises UserError where it cannot be opened."""
