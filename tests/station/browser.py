# SPDX-License-Identifier: BSD-3-Clause
"""What a station is asked by, in tests: a browser of few words, and a board."""

import http.client
import json
import re
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urlencode

from shiftcore.driver.events import Event
from shiftcore.station.web.parts import Parts

JPEG = b"\xff\xd8\xff\xe0 a picture"
MP4 = b"\0\0\0\x18ftypisom" + bytes(range(256)) * 40


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def shown(self) -> str:
        """What a person reads of a page."""
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", self.text)).split())


@dataclass
class Running:
    """A station that runs at `port`; the admin's one-time `password`, and the `token` of the board `gate`."""

    parts: Parts
    port: int
    password: str
    token: str

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """As the board."""
        return ask(self.port, method, path, body, {"Authorization": f"Bearer {self.token}", **headers})

    def tell(self, event: Event) -> Answer:
        return self.ask("POST", "/api/events", json.dumps(event).encode())

    def send_clip(self, event: Event, name: str = "20261127T100000-door-1", video: bytes = MP4) -> None:
        """A clip's parts, as the sink sends them."""
        about = {**event, "begins": 5.0, "scores": [[20.0, 0.1], [25.0, 0.9], [30.0, 0.2]]}
        for suffix, content in (("json", json.dumps(about).encode()), ("jpg", JPEG), ("mp4", video)):
            answer = self.ask("PUT", f"/api/events/{event['id']}/{name}.{suffix}", content)
            assert answer.status == 204, answer.text


class Browser:
    """Keeps its cookie, and sends each form with the token that the last page had."""

    def __init__(self, port: int) -> None:
        self.port, self.cookie, self.token = port, "", ""

    def get(self, path: str, **headers: str) -> Answer:
        return self._kept(ask(self.port, "GET", path, b"", {**self._cookies(), **headers}))

    def post(self, path: str, /, **fields: str) -> Answer:
        return self.send(path, {"token": self.token, **fields})

    def send(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        """A form, of whatever fields."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._kept(
            ask(self.port, "POST", path, urlencode(fields).encode(), {**kind, **self._cookies(), **headers})
        )

    def log_in(self, name: str, password: str) -> Answer:
        self.get("/login")
        answer = self.post("/login", name=name, password=password)
        if answer.status == 303:
            self.get("/password")
        return answer

    def _cookies(self) -> dict[str, str]:
        return {"Cookie": f"station={self.cookie}"} if self.cookie else {}

    def _kept(self, answer: Answer) -> Answer:
        if found := re.match(r'station="?([^;"]*)', answer.headers.get("set-cookie", "")):
            self.cookie = found[1]
        if token := re.search(rb'name="token" value="([0-9a-f]+)"', answer.body):
            self.token = token[1].decode()
        return answer


def ask(port: int, method: str, path: str, body: bytes, headers: dict[str, Any]) -> Answer:
    """One request; nothing is followed, nothing is escaped."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def event(begin: bool = True, which: str = "a1", camera: str = "door", label: str = "fight", **other: Any) -> Event:
    """An alarm's begin or end, as the driver makes it."""
    made: Any = {
        "id": which,
        "event": "begin" if begin else "end",
        "stream": 0,
        "source": "rtsp://10.0.0.5/stream2",
        "seconds": 25.0 if begin else 30.0,
        "since": 24.5,
        "class": label,
        "score": 0.9 if begin else 0.95,
        "model": "1f0c22ab",
        "utc": f"2026-11-27T10:00:{'00' if begin else '05'}.000+00:00",
        "host": "gate",
        "kind": "alarm",
        "camera": camera,
        **other,
    }
    result: Event = made
    return result
