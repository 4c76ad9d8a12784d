# SPDX-License-Identifier: BSD-3-Clause
"""Where events go: one registry, whether a site file or the command line asks for a sink.

A sink is a file with a dataclass of its settings, whose `open` gives the sink, and a line in `KINDS`; or another
package's (docs/extending.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shiftcore import extensions
from shiftcore.driver.events import Event
from shiftcore.driver.sinks import frigate, lines, metrics, mqtt, station, webhook
from shiftcore.driver.sinks.sink import WAIT_S, CameraState, Place, Settings, Sink
from shiftcore.driver.sources.source import Say
from shiftcore.errors import UserError
from shiftcore.model.fields import collected

__all__ = ["KINDS", "CameraState", "Foreign", "Place", "Settings", "Sink", "Sinks", "settings"]

KINDS: dict[str, type[Any]] = {
    "file": lines.FileSettings,
    "frigate": frigate.FrigateSettings,
    "metrics": metrics.MetricsSettings,
    "mqtt": mqtt.MqttSettings,
    "station": station.StationSettings,
    "webhook": webhook.WebhookSettings,
}


@dataclass(frozen=True)
class Foreign:
    """A sink of another package, the entry point `kind` of the group `shiftcore.sinks`."""

    kind: str
    argument: str = ""

    def open(self, place: Place) -> Sink:
        """The sink. Raises UserError where no package offers it, or it cannot be imported."""
        known = extensions.found("sinks")
        if self.kind not in known:
            raise UserError(f"no installed package offers the sink {self.kind}; there are {', '.join(known) or 'none'}")
        return _Foreign(extensions.load("sinks", self.kind)(self.argument, place.say))


class _Foreign(Sink):
    def __init__(self, other: Any) -> None:
        self._other = other

    def publish(self, event: Event) -> None:
        self._other.publish(event)

    def close(self, wait_s: float = WAIT_S) -> int:
        if hasattr(self._other, "close"):
            self._other.close()
        return 0


def settings(name: str, values: object, key: str, mistakes: list[str]) -> Settings | None:
    """The settings of a table `[sinks.NAME]`: of its `kind`, which is `name` where that is not given. Each mistake is a
    line in `mistakes`; None where there was any."""
    if not isinstance(values, dict):
        mistakes.append(f"{key} is no table")
        return None
    rest = {name: value for name, value in values.items() if name != "kind"}
    kind = values.get("kind", name)
    if kind in KINDS:
        found: Settings | None = collected(KINDS[kind], rest, key, mistakes)
        return found
    others = extensions.found("sinks")
    if kind not in others:
        mistakes.append(f"{key}: no sink {kind!r}; there are {', '.join([*KINDS, *others])}")
        return None
    return collected(Foreign, {"kind": kind, **rest}, key, mistakes)


class Sinks:
    """The sinks of a run, by their names. `folder`: where each may keep events, in a folder of its name."""

    def __init__(self, folder: Path, say: Say) -> None:
        self._folder, self._say = folder, say
        self._open: dict[str, tuple[Settings, Sink, Path]] = {}
        self.losses: list[str] = []

    def set(self, wanted: Mapping[str, Settings], spools: Mapping[str, Path] | None = None) -> None:
        """Have those of `wanted` open, by their names, and no others; one whose settings are the same is not touched.
        `spools`: other folders than those of the names. Raises UserError where one cannot be opened: the others are."""
        for name in [name for name, (known, _, _) in self._open.items() if wanted.get(name) != known]:
            self._close(name, 0.0)
        problems = []
        for name, given in wanted.items():
            if name not in self._open:
                spool = (spools or {}).get(name, self._folder / name)
                try:
                    self._open[name] = given, given.open(Place(name, spool, self._say)), spool
                except UserError as error:
                    problems.append(str(error))
        if problems:
            raise UserError("; ".join(problems))

    def publish(self, event: Event) -> None:
        """Tell all an event."""
        for _, sink, _ in list(self._open.values()):
            sink.publish(event)

    def show(self, cameras: Sequence[CameraState]) -> None:
        """Tell all how the cameras are."""
        for _, sink, _ in self._open.values():
            sink.show(cameras)

    def clip(self, event: Event, path: Path, jpeg: bytes) -> None:
        """Tell all where an alarm's clip lies, and its picture; another thread may call this."""
        self.picture(event["camera"], jpeg)
        for _, sink, _ in list(self._open.values()):
            sink.clip(event, path)

    def picture(self, camera: str, jpeg: bytes) -> None:
        """Tell all a picture of a camera; another thread may call this."""
        for _, sink, _ in list(self._open.values()):
            sink.picture(camera, jpeg)

    def close(self) -> None:
        """Close all. What is lost for good is then in `losses`, a line each."""
        for name in list(self._open):
            self._close(name, WAIT_S)

    def _close(self, name: str, wait_s: float) -> None:
        _, sink, spool = self._open.pop(name)
        if left := sink.close(wait_s):
            self._say(f"{left} events wait in {spool}; the next run with {name} sends them")
        self.losses += sink.losses()
