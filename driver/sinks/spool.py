# SPDX-License-Identifier: BSD-3-Clause
"""A spool on disk that loses no event: what a sink sends waits there until it has arrived."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from shiftcore.driver.sinks.patient import MOST_WAITING, Patient
from shiftcore.driver.sources.source import Say
from shiftcore.errors import UserError


class Spool(Patient):
    """Events, oldest first, each until it is taken out: a file each in `folder`, named by its number, whole or not
    there. On a full disk, which `say` is told, they are kept in memory until there is room. Of one process at a time:
    UserError when another has it."""

    def __init__(self, folder: Path, say: Say = print) -> None:
        super().__init__(say)
        self.folder = folder
        self._unwritten: dict[Path, bytes] = {}  # oldest first
        self._gone: set[Path] = set()  # taken out or never readable, but still there
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = open(folder / ".lock", "w")  # noqa: SIM115 - the lock lives as long as the spool
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for stale in folder.glob("*.tmp"):  # of a process that was killed while writing; not accepted
                stale.unlink()
        except BlockingIOError:
            raise UserError(f"{folder}: another run uses this spool; give this one its own with --spool") from None
        except OSError as error:
            raise UserError(
                f"{folder}: the spool cannot be written: {error.strerror}; name another with --spool"
            ) from None
        self._next = max((int(path.stem) for path in self.waiting()), default=0) + 1

    def put(self, event: Mapping[str, object]) -> Path:
        """Keep an event; it has reached the disk when this returns, if there is room for it."""
        with self._mutex:
            path = self.folder / f"{self._next:012d}.json"
            self._next += 1
            self._unwritten[path] = json.dumps(event).encode()
            if len(self._unwritten) > MOST_WAITING:
                del self._unwritten[next(iter(self._unwritten))]
                self.lost += 1
            self._try()
        return path

    def waiting(self) -> list[Path]:
        """The names of the events kept, oldest first."""
        with self._mutex:
            files = {path for path in self.folder.glob("*.json") if path.stem.isascii() and path.stem.isdigit()}
            return sorted(files.union(self._unwritten) - self._gone, key=lambda path: int(path.stem))

    def read(self, path: Path) -> bytes | None:
        """An event; None for one that cannot be read (any more), which is left alone from now on."""
        with self._mutex:
            if path in self._unwritten:
                return self._unwritten[path]
            try:
                return path.read_bytes()
            except OSError:
                self._gone.add(path)
                return None

    def take_out(self, path: Path) -> None:
        """Forget an event."""
        with self._mutex:
            self._unwritten.pop(path, None)
            try:
                path.unlink(missing_ok=True)
            except OSError:
                self._gone.add(path)

    def close(self) -> None:
        """Let another process have it."""
        self._closed.set()
        with self._mutex:
            if self._unwritten:
                self._try()
            self.lost += len(self._unwritten)
            self._unwritten.clear()
            self._lock.close()

    def losses(self) -> Iterator[str]:
        """What could neither be taken out nor written until it was closed, in a line."""
        if self.lost:
            yield f"{self.folder}: {self.lost} events could neither be sent nor written and are lost"

    def _write(self) -> None:
        for path in list(self._unwritten):
            temporary = path.with_suffix(".tmp")
            try:
                with open(temporary, "wb") as file:
                    file.write(self._unwritten[path])
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, path)
                self._sync()
            except OSError as error:
                with contextlib.suppress(OSError):
                    temporary.unlink(missing_ok=True)
                error.filename = str(path)
                raise
            del self._unwritten[path]

    def _sync(self) -> None:
        """Make the new name last, too."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
