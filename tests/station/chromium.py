# SPDX-License-Identifier: BSD-3-Clause
"""A real browser for tests: Chromium without a window, spoken to through a pipe (the DevTools protocol)."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.driver.mosquitto import eventually

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(PROGRAM is None, reason="no Chromium here (Debian: chromium)")
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe")


class Page:
    """A page of it. `complaints`: what scripts and the content security policy said there."""

    def __init__(self, writing: int, reading: int) -> None:
        self._to, self._from = os.fdopen(writing, "wb", buffering=0), os.fdopen(reading, "rb", buffering=0)
        self._number, self._rest, self._session = 0, b"", ""
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a method of the protocol's."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.complaints.append(json.dumps(answer["params"]))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def open(self, address: str) -> None:
        """Go there, and wait until it is shown."""
        self.call("Page.navigate", url=address)
        assert self.becomes(f"location.href === {json.dumps(address)} && document.readyState === 'complete'")

    def value(self, expression: str) -> Any:
        """Of an expression of JavaScript; None while the page changes."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def becomes(self, expression: str) -> bool:
        """Whether an expression becomes true, in a minute."""
        return eventually(lambda: self.value(expression) is True, 60)

    def press(self, key: str) -> None:
        """A key of the keyboard's."""
        written = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **written)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            piece = os.read(self._from.fileno(), 1 << 16)
            assert piece, "Chromium has ended"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))


@contextmanager
def browsing() -> Iterator[Page]:
    """A page of a browser that has never been anywhere. It reads from 3, and writes to 4."""
    (to_read, to_write), (from_read, from_write) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(prefix="shiftcore-chromium-", ignore_cleanup_errors=True) as folder:
        words = " ".join([str(PROGRAM), *OPTIONS, f"--user-data-dir={folder}", "--window-size=390,844", "about:blank"])
        command = ["bash", "-c", f"exec {words} 3<&{to_read} 4>&{from_write} 2>/dev/null"]
        process = subprocess.Popen(command, pass_fds=(to_read, from_write))
        os.close(to_read)
        os.close(from_write)
        try:
            page = Page(to_write, from_read)
            yield page
            page.call("Browser.close")
        finally:
            process.kill()
            process.wait()
