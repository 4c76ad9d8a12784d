# SPDX-License-Identifier: BSD-3-Clause
"""A real MQTT broker for tests."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
needs_broker = pytest.mark.skipif(PROGRAM is None, reason="no mosquitto here (Debian: mosquitto)")


def eventually(condition: Callable[[], bool], seconds: float = 300) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


class Mosquitto:
    """A mosquitto of our own on a free port, which keeps its sessions over a restart. `options`: lines of its
    configuration about who is let in."""

    def __init__(self, folder: Path, options: str = "allow_anonymous true") -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\n{options}\npersistence true\n"
            f"persistence_location {folder}/\nmax_queued_messages 0\nlog_type none\n"
            "user root\n"  # else, started by root, it becomes a user who may not write here
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen([str(PROGRAM), "-c", str(self._config)], stderr=subprocess.DEVNULL)
        assert eventually(self._answers)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()  # it writes what it holds for absent subscribers to disk
            self._process.wait(10)
            self._process = None

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
