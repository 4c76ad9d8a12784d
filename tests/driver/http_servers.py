# SPDX-License-Identifier: BSD-3-Clause
"""Servers that take events, for tests: one of the user's own, and one that answers as Frigate's documentation says."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class HttpServer:
    """Keeps what it is sent: (method, path, JSON, headers), and answers with `answer`'s status, JSON and headers. It
    can be switched off and on again, at the same port."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str, Any, dict[str, str]]] = []
        self.port = 0
        self._server: ThreadingHTTPServer | None = None
        self.on()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, method: str, path: str, value: Any, headers: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        return 200, None, {}

    def on(self) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                value = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                headers = dict(self.headers.items())
                status, answer, more = server.answer(self.command, self.path, value, headers)
                server.received.append((self.command, self.path, value, headers))
                body = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                for name, text in {**more, "Content-Length": str(len(body))}.items():
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(body)

            do_PUT = do_POST  # noqa: N815 - a name of http.server

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def off(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()


class Frigate(HttpServer):
    """Answers `events/create`, `events/end` and `login` as Frigate's HTTP API does; with `login`, user and password, it
    wants the cookie of that. `events`: by their ids, with the body they were made by, and their end."""

    def __init__(self, cameras: set[str], login: tuple[str, str] | None = None) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self._cameras, self._login = cameras, login
        super().__init__()

    def answer(self, method: str, path: str, value: Any, headers: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        if path == "/api/login":
            good = self._login == (value["user"], value["password"])
            return (200, {}, {"Set-Cookie": "frigate_token=abc; HttpOnly"}) if good else (401, {}, {})
        if self._login and headers.get("Cookie") != "frigate_token=abc":
            return 401, {}, {}
        match method, path.split("/")[1:]:
            case "POST", ["api", "events", camera, label, "create"]:
                if camera not in self._cameras:
                    return 404, {"success": False, "message": f"{camera} is not a valid camera."}, {}
                called = f"1732700000.{len(self.events)}-abcdef"
                self.events[called] = {"camera": camera, "label": label, **value}
                return 200, {"success": True, "message": "Successfully created event.", "event_id": called}, {}
            case "PUT", ["api", "events", called, "end"] if called in self.events:
                self.events[called]["end_time"] = value["end_time"]
                return 200, {"success": True, "message": "Event successfully ended."}, {}
        return 404, {"success": False, "message": "must be set and valid."}, {}
