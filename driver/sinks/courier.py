# SPDX-License-Identifier: BSD-3-Clause
"""Events to a server over HTTP, by way of a spool on disk: none is lost while the server is away."""

import base64
import json
import os
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from shiftcore.driver.address import Address
from shiftcore.driver.events import Event
from shiftcore.driver.sinks.sink import WAIT_S, Sink
from shiftcore.driver.sinks.spool import Spool
from shiftcore.driver.sources.source import Say
from shiftcore.errors import UserError

TIMEOUT_S = 10.0
PAUSE_S = (1.0, 60.0)  # before a server is called again: at first, and at most; it doubles from one to the next
FOR_GOOD = (400, 413, 415, 422)  # answers about what was sent: sent again, it would be answered so again


class RefusedError(Exception):
    """The server does not take this event, and never will."""


class Courier(Sink):
    """Has `deliver` bring each event to `server`, oldest first, through `spool`. Where it raises OSError, an
    HTTPException or ValueError, it is called again after a pause; where it raises RefusedError, the event is left out,
    and `say` is told why."""

    def __init__(self, server: Address, spool: Spool, deliver: Callable[[Event], None], say: Say) -> None:
        self._server, self._spool, self._deliver, self._say = server, spool, deliver, say
        self._changed, self._closing, self._busy, self._away = threading.Condition(), False, False, ""
        self._thread = threading.Thread(target=self._run, daemon=True, name=server.shown)
        self._thread.start()

    def publish(self, event: Event) -> None:
        """Take an event over. It is safe on disk when this returns; sending is done behind the caller's back."""
        self.keep(event)

    def keep(self, item: Mapping[str, object]) -> None:
        """The same of anything that `deliver` brings."""
        self._spool.put(item)
        with self._changed:
            self._changed.notify_all()

    def close(self, wait_s: float = WAIT_S) -> int:
        """Wait up to `wait_s` seconds for what still waits, then let go. Returns how many events stay in the spool."""
        with self._changed:
            self._changed.wait_for(lambda: not self._spool.waiting(), wait_s)
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._spool.close()
        return len(self._spool.waiting())

    def losses(self) -> Iterator[str]:
        """As of the spool."""
        return self._spool.losses()

    def _run(self) -> None:
        pause = PAUSE_S[0]
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._spool.waiting())
                if self._closing:
                    return
                path = self._spool.waiting()[0]
            if self._brought(self._spool.read(path)):
                pause = PAUSE_S[0]
                with self._changed:
                    self._spool.take_out(path)
                    self._changed.notify_all()
                continue
            with self._changed:
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._closing, pause)
            pause = min(2 * pause, PAUSE_S[1])

    def _brought(self, payload: bytes | None) -> bool:
        """Whether an event has arrived, or never will."""
        if payload is None:
            return True
        try:
            self._deliver(json.loads(payload))
        except RefusedError as error:
            self._say(f"{self._server}: an event is left out: {self._clean(error)}")
        except (OSError, HTTPException, ValueError) as error:
            why = self._clean(error)
            if why != self._away:
                self._say(f"{self._server}: {why}; events are kept in the spool until they can be sent")
            self._away = why
            return False
        if self._away:
            self._say(f"{self._server}: takes events again")
        self._away = ""
        return True

    def _clean(self, error: Exception) -> str:
        reason = getattr(error, "reason", error)
        text = getattr(reason, "strerror", None) or str(reason)
        return self._server.clean(" ".join(text.split())) or type(error).__name__


class Server:
    """An HTTP server at `address` (http:// or https://, with user and password where it wants them), with `token`
    as a bearer's where there is one; `ca`: who signed its certificate, "" for those that the system trusts;
    `certificate`: the file of the one that it is shown, with its key, "" for none. Raises UserError for files that are
    none."""

    def __init__(self, address: str, token: str = "", ca: str = "", certificate: str = "") -> None:
        self.address = Address(address)
        user, password = self.address.credentials()
        parts = urlsplit(address)
        self._base = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self.headers = {"Content-Type": "application/json", "User-Agent": "shiftcore"}
        if user or password:
            self.headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        try:
            context = ssl.create_default_context(cafile=ca or None)
            if certificate:
                context.load_cert_chain(certificate)
        except OSError as error:  # SSLError, too
            where = " or ".join(name for name in (ca, certificate) if name)
            raise UserError(f"{where}: no certificates to be used: {error.strerror}") from None
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _NoRedirect())

    def call(self, method: str, path: str, value: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Any:
        """Send JSON; returns the answer's, and its headers. Raises OSError, HTTPException and ValueError where that may
        do another time, and RefusedError where it will not (`FOR_GOOD`)."""
        content, answered = self._ask(method, path, json.dumps(value).encode(), headers or {})
        return json.loads(content or b"null") if path else None, answered

    def upload(self, method: str, path: str, file: IO[bytes], kind: str) -> None:
        """Send what an open file holds, as content of that kind. Raises as `call`."""
        length = os.fstat(file.fileno()).st_size
        self._ask(method, path, file, {"Content-Type": kind, "Content-Length": str(length)})

    def put(self, path: str, content: bytes, kind: str) -> None:
        """Send what is small, of that kind. Raises as `call`."""
        self._ask("PUT", path, content, {"Content-Type": kind})

    def _ask(self, method: str, path: str, data: bytes | IO[bytes], headers: Mapping[str, str]) -> tuple[bytes, Any]:
        """The answer and its headers."""
        address = self._base.rstrip("/") + path if path else self._base
        request = urllib.request.Request(address, data, {**self.headers, **headers}, method=method)
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                return answer.read(), answer.headers
        except HTTPError as error:
            with error:
                text = f"answers {error.code} {error.reason}"
            raise (RefusedError(text) if error.code in FOR_GOOD else AnswerError(error.code, text)) from None


class AnswerError(OSError):
    """A server's answer that is an error; its status `code`."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """What is sent must arrive: behind a redirection it would be asked for, and not be sent."""

    def redirect_request(self, *_: Any) -> None:
        return None


def address_mistake(address: str) -> str:
    """Why that is no address of an HTTP server; "" where it is one. Does not show it."""
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    return "" if good else "not a server's address; give http://HOST[:PORT]/... or https://USER:PASSWORD@HOST/..."
