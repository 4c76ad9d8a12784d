# SPDX-License-Identifier: BSD-3-Clause
"""Alarms as events of Frigate's (docs.frigate.video: HTTP API, events/create and events/end)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from shiftcore.artifacts import write_json
from shiftcore.driver.events import Event
from shiftcore.driver.sinks.courier import AnswerError, Courier, RefusedError, Server, address_mistake
from shiftcore.driver.sinks.sink import Place, Sink
from shiftcore.driver.sinks.spool import Spool

LONGEST_SUB_LABEL = 100


@dataclass(frozen=True)
class FrigateSettings:
    """Frigate at `address`, and `user` and `password` where it asks for them (its port 8971). An alarm becomes an event
    of the camera that `cameras` names for ours (without that, of the same name), with `label` ("": the alarm's class)
    and the class as its sub-label; `ca`: as of the webhook."""

    address: str = field(repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    ca: str = ""
    label: str = ""
    cameras: dict[str, str] = field(default_factory=dict)

    def mistakes(self) -> Iterator[str]:
        """What is wrong with them."""
        if wrong := address_mistake(self.address):
            yield f"address: {wrong}"

    def open(self, place: Place) -> Sink:
        """The sink. Raises UserError for certificates that are none, and where the spool cannot be written."""
        spool = Spool(place.spool, place.say)
        server = Server(self.address, ca=self.ca)
        frigate = _Frigate(self, server, place.spool / "open.json")
        return _AlarmsOnly(server.address, spool, frigate.deliver, place.say)


class _AlarmsOnly(Courier):
    def publish(self, event: Event) -> None:
        if event["kind"] == "alarm":
            super().publish(event)


class _Frigate:
    """Begins and ends events. What Frigate calls those that have begun is kept at `path`, for the next run, too."""

    def __init__(self, settings: FrigateSettings, server: Server, path: Path) -> None:
        self._settings, self._server, self._path = settings, server, path

    def deliver(self, event: Event) -> None:
        """Raises as `Server.call`."""
        if event["event"] == "begin":
            self._begin(event)
        else:
            self._end(event)

    def _begin(self, event: Event) -> None:
        camera = self._settings.cameras.get(event["camera"], event["camera"])
        value = {
            "source_type": "api",
            "sub_label": event["class"][:LONGEST_SUB_LABEL],
            "score": event["score"],
            "duration": None,  # until it is ended
            "include_recording": True,
        }
        label = self._settings.label or event["class"]
        answer = self._call("POST", f"/api/events/{quote(camera, safe='')}/{quote(label, safe='')}/create", value)
        self._keep({**self._open(), event["id"]: str(answer["event_id"])})

    def _end(self, event: Event) -> None:
        known = self._open()
        called = known.pop(event["id"], None)
        if called is None:
            raise RefusedError("its beginning was not taken")
        end = datetime.fromisoformat(event["utc"]).timestamp()
        try:
            self._call("PUT", f"/api/events/{quote(called, safe='')}/end", {"end_time": end})
        finally:
            self._keep(known)

    def _call(self, method: str, path: str, value: dict[str, object]) -> dict[str, str]:
        try:
            answer = self._server.call(method, path, value)[0]
        except AnswerError as error:
            if error.code == 404:
                raise RefusedError(f"answers 404 to {method} {path}: it knows no such camera or event") from None
            if error.code != 401 or not self._settings.user:
                raise
            self._log_in()
            answer = self._server.call(method, path, value)[0]
        if not isinstance(answer, dict) or not answer.get("success"):
            raise ValueError("answers what Frigate does not")
        return answer

    def _log_in(self) -> None:
        asked = {"user": self._settings.user, "password": self._settings.password}
        cookies = self._server.call("POST", "/api/login", asked)[1].get_all("Set-Cookie") or []
        self._server.headers["Cookie"] = "; ".join(cookie.partition(";")[0] for cookie in cookies)

    def _open(self) -> dict[str, str]:
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return {str(ours): str(theirs) for ours, theirs in found.items()} if isinstance(found, dict) else {}

    def _keep(self, known: dict[str, str]) -> None:
        write_json(self._path, known)
