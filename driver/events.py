# SPDX-License-Identifier: BSD-3-Clause
"""Alarm events: what is in one, lines of JSON in a file, and a spool on disk that loses none (driver.mqtt sends it).

docs/alarms.md has the event's keys.
"""

import contextlib
import fcntl
import io
import json
import os
import socket
import stat
import sys
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, TypedDict

from shiftcore.errors import UserError
from shiftcore.model.alarm import Change

Event = TypedDict(
    "Event",
    {
        "id": str,
        "event": Literal["begin", "end"],
        "stream": int,
        "source": str,
        "seconds": float,
        "since": float,
        "class": str,
        "score": float,
        "model": str,
        "utc": str,
        "host": str,
    },
)
"""An alarm's begin or end as it is written and published; docs/alarms.md says what each key holds."""
Say = Callable[[str], None]
MOST_WAITING = 10_000  # events kept in memory while a disk is full; then the oldest is lost
RETRY_S = 5.0  # between two attempts to write
LONGEST_LINE, OURS = 1 << 16, b'{"id": "'  # of an event in bytes, and how it begins


class Reporter:
    """Turns the changes of one camera's alarm into events: an `id` for each pair of begin and end, who and when."""

    def __init__(self, stream: int) -> None:
        self._stream = stream
        self._id = ""

    def event(self, change: Change, source: str, model: str) -> Event:
        """The event of `change`, as it is written and published; `model`: the hash of the one that gave it."""
        self._id = uuid.uuid4().hex if change.begin else self._id
        return {
            "id": self._id,
            "event": "begin" if change.begin else "end",
            "stream": self._stream,
            "source": source,
            "seconds": round(change.seconds, 3),
            "since": round(change.since, 3),
            "class": change.name,
            "score": round(change.score, 6),
            "model": model,
            "utc": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "host": socket.gethostname(),
        }


class _Patient:
    """Writes to a disk that may be full: what cannot be written waits in memory, and is tried again every `RETRY_S`.
    `say` is told once that it waits, and once that it is written. `lost`: what found no room to the end."""

    def __init__(self, say: Say) -> None:
        self.lost = 0
        self._say, self._problem = say, ""
        self._mutex, self._closed = threading.RLock(), threading.Event()

    def _write(self) -> None:
        """Write what waits, as far as it goes. Raises OSError with a file's name."""
        raise NotImplementedError

    def _try(self) -> None:
        with self._mutex:
            before, self._problem = self._problem, ""
            try:
                self._write()
            except BrokenPipeError:
                raise
            except OSError as error:
                self._problem = f"{error.filename}: {error.strerror}"
            now = self._problem
        if now and not before:
            self._say(f"{now}; lines wait in memory until they can be written")
            threading.Thread(target=self._again, daemon=True, name="events").start()
        elif before and not now:
            self._say(f"{before.rpartition(':')[0]}: can be written again; the lines that waited are there")

    def _again(self) -> None:
        while not self._closed.wait(RETRY_S) and self._problem:
            self._try()


class JsonLines(_Patient):
    """JSON objects, one a line, appended to the file at `path`, or written to standard output for "-".

    In a file each has reached the disk, whole, when `publish` returns, if there is room. Half a line at the end, as a
    power cut leaves it, is removed where it is one of ours; behind anything else a new line begins. Raises UserError
    where the file cannot be written at first.
    """

    def __init__(self, path: str, say: Say = print) -> None:
        super().__init__(say)
        self._path = None if path == "-" else Path(path)
        self.name = str(self._path or "standard output")
        self._waiting: deque[bytes] = deque()
        try:
            if self._path and _mend(self._path):
                say(f"{path}: half a line at its end, which a power cut leaves, was removed")
        except OSError as error:
            raise UserError(f"{path}: events cannot be written there: {error.strerror}") from None

    def publish(self, value: Mapping[str, Any]) -> None:
        """Write one object, at once, after those that wait. Raises BrokenPipeError where nobody reads."""
        with self._mutex:
            self._waiting.append(json.dumps(value).encode() + b"\n")
            self._try()
            if len(self._waiting) > MOST_WAITING:
                self._waiting.popleft()
                self.lost += 1

    def close(self) -> None:
        """Write what still waits, if that can be."""
        self._closed.set()
        with self._mutex:
            if self._waiting:
                self._try()
            self.lost += len(self._waiting)
            self._waiting.clear()

    def _write(self) -> None:
        try:
            while self._waiting:
                if self._path:
                    with _locked(self._path) as file:
                        _append(file, self._waiting[0])
                        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # a device or a pipe has nothing to keep
                            os.fsync(file.fileno())
                else:
                    _to_standard_output(self._waiting[0])
                self._waiting.popleft()
        except OSError as error:
            error.filename = self.name
            raise


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[io.FileIO]:
    """The file at `path`, for one writer at a time. It is opened anew for each line, since it may have been moved away
    (logrotate) or be on a disk that went and came."""
    with open(path, "a+b", buffering=0) as file:
        if _is_regular(file):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _is_regular(file: io.FileIO) -> bool:
    return stat.S_ISREG(os.fstat(file.fileno()).st_mode)


def _append(file: io.FileIO, line: bytes) -> None:
    """Write a line, or nothing. Raises OSError."""
    regular = _is_regular(file)
    end = file.seek(0, os.SEEK_END) if regular else 0
    try:
        done = 0
        while done < len(line):
            done += file.write(line[done:]) or 0
    except OSError:
        if regular:
            os.ftruncate(file.fileno(), end)
            file.seek(end)
        raise


def _to_standard_output(line: bytes) -> None:
    try:
        number = sys.stdout.fileno()
    except io.UnsupportedOperation:  # it is no file, but something in Python
        print(line.decode(), end="", flush=True)
        return
    sys.stdout.flush()
    with open(number, "ab", buffering=0, closefd=False) as file:
        _append(file, line)


def _mend(path: Path) -> bool:
    """Let the next line of the file at `path` begin where a line begins. Returns whether half a line was removed."""
    with _locked(path) as file:
        if not _is_regular(file):
            return False
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - LONGEST_LINE))
        half = (file.read(LONGEST_LINE) or b"").rpartition(b"\n")[2]
        text = half.rstrip(b"\0")  # of a file system that had noted the length, and not yet the content
        ours = len(half) < LONGEST_LINE and text[: len(OURS)] == OURS[: len(text)]
        with contextlib.suppress(ValueError):
            json.loads(text)
            ours = False  # only its end is missing
        if half and ours:
            os.ftruncate(file.fileno(), size - len(half))
        elif half:
            file.write(b"\n")
        return bool(half and ours)


class Spool(_Patient):
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
