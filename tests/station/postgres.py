# SPDX-License-Identifier: BSD-3-Clause
"""A real PostgreSQL server for tests."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.driver.mosquitto import eventually

NEWEST = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))[-1:]
INITDB, POSTGRES = (
    shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, NEWEST))) for name in ("initdb", "postgres")
)


class Postgres:
    """A server of our own on a free port, started and stopped at will; it keeps what it has."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._data, self._count = folder / "data", 0
        # Started by root it refuses to run: then it is the user that its package has made.
        self._user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if self._user:
            shutil.chown(folder, "postgres", "postgres")
        command = [str(INITDB), "-D", str(self._data), "-U", "station", "-A", "trust", "--no-sync", "-E", "UTF8"]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **self._user)  # type: ignore[call-overload]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        command = [str(POSTGRES), "-D", str(self._data), "-p", str(self.port), "-k", "", "-h", "127.0.0.1", "-F"]
        self._process = subprocess.Popen(  # type: ignore[call-overload]
            command, cwd=self._data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._user
        )
        assert eventually(self._answers)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """So that it does not wait for those who are connected; with SIGQUIT as a crash leaves it."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def new(self) -> str:
        """The URL of a new database."""
        self._count += 1
        name = f"station{self._count}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgresql://station@127.0.0.1:{self.port}/{name}"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def running() -> Iterator[Postgres]:
    """One, in a folder that its user may enter."""
    with tempfile.TemporaryDirectory(prefix="shiftcore-postgres-", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder))
        try:
            yield server
        finally:
            server.stop()
