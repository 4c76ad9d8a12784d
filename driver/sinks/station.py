# SPDX-License-Identifier: BSD-3-Clause
"""Events and clips to a station (docs/station.md), by way of a spool on disk, and how the cameras are."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote

from shiftcore.driver.events import Event
from shiftcore.driver.sinks.courier import Courier, RefusedError, Server, address_mistake
from shiftcore.driver.sinks.sink import WAIT_S, CameraState, Place, Sink
from shiftcore.driver.sinks.spool import Spool

PARTS = {".json": "application/json", ".jpg": "image/jpeg", ".mp4": "video/mp4"}  # as they are sent, in this order
LARGEST = 500 << 20  # bytes of a part: a station would hang up on more, and that would look as if it were away
SHOWN_S = 2.0  # between two times that the station is told how the cameras are
SILENT_S = 60.0  # the same where nothing has changed
CLIP = "clip"  # the kind of what waits in the spool beside events


@dataclass(frozen=True)
class StationSettings:
    """A station at `address`, and the `token` that it has given this board; `ca`: as of the webhook; `certificate`: the
    file of the board's own, with its key, where the station wants to see one."""

    address: str = field(repr=False)
    token: str = field(repr=False)
    ca: str = ""
    certificate: str = ""

    def mistakes(self) -> Iterator[str]:
        """What is wrong with them."""
        if wrong := address_mistake(self.address):
            yield f"address: {wrong}"
        if not self.token:
            yield "token is empty; `shiftcore station board NAME` makes one"

    def open(self, place: Place) -> Sink:
        """The sink. Raises UserError for certificates that are none, and where the spool cannot be written."""
        server = Server(self.address, self.token, self.ca, self.certificate)
        return _Station(server, Spool(place.spool, place.say), place)


class _Station(Courier):
    """Events and clips, in the order in which they came; beside them a thread tells how the cameras are."""

    def __init__(self, server: Server, spool: Spool, place: Place) -> None:
        self._http, self._cameras, self._ended = server, list[CameraState](), threading.Event()
        self._pictures: dict[str, bytes] = {}  # that the station has not got
        self._telling = threading.Thread(target=self._tell, daemon=True, name=f"{place.name} cameras")
        self._telling.start()
        super().__init__(server.address, spool, self._deliver_any, place.say)

    def show(self, cameras: Sequence[CameraState]) -> None:
        """It is told the next time."""
        self._cameras = list(cameras)

    def picture(self, camera: str, jpeg: bytes) -> None:
        """It is told the next time."""
        self._pictures[camera] = jpeg

    def clip(self, event: Event, path: Path) -> None:
        """Send it after its event, if it is still there then."""
        self.keep({"kind": CLIP, "id": event["id"], "path": str(path.absolute())})

    def close(self, wait_s: float = WAIT_S) -> int:
        """As of any courier."""
        self._ended.set()
        left = super().close(wait_s)
        self._telling.join()
        return left

    def _deliver_any(self, item: Any) -> None:
        if item["kind"] == CLIP:
            self._send_clip(str(item["id"]), Path(item["path"]))
        else:
            self._http.call("POST", "/api/events", item)

    def _send_clip(self, which: str, path: Path) -> None:
        for suffix, kind in PARTS.items():
            part = path.with_name(path.name + suffix)
            try:
                with open(part, "rb") as file:
                    if os.fstat(file.fileno()).st_size > LARGEST:
                        raise RefusedError(f"{part}: larger than a station takes")
                    self._http.upload("PUT", f"/api/events/{which}/{part.name}", file, kind)
            except FileNotFoundError:
                raise RefusedError(f"{part}: made room for newer clips before it could be sent") from None

    def _tell(self) -> None:
        """The thread. What cannot be told now is old the next time: it is not kept."""
        told, told_at = list[dict[str, object]](), 0.0
        while not self._ended.wait(SHOWN_S):
            self._show_pictures()
            now = time.monotonic()
            cameras: list[dict[str, object]] = [{"name": one.name, "risk": round(one.risk, 2)} for one in self._cameras]
            if not cameras or (cameras == told and now - told_at < SILENT_S):
                continue
            try:
                self._http.call("PUT", "/api/cameras", {"cameras": cameras})
                told, told_at = cameras, now
            except (OSError, HTTPException, ValueError, RefusedError):
                continue  # that it is away is said where events are sent

    def _show_pictures(self) -> None:
        """What cannot be told now is told the next time, where there is no newer one by then."""
        for camera in list(self._pictures):
            jpeg = self._pictures.pop(camera)
            try:
                self._http.put(f"/api/cameras/{quote(camera, safe='')}/picture", jpeg, PARTS[".jpg"])
            except RefusedError:
                continue
            except (OSError, HTTPException):
                self._pictures.setdefault(camera, jpeg)
                return
