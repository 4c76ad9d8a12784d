# SPDX-License-Identifier: BSD-3-Clause
"""Events as lines of JSON: in a file, or on standard output."""

import contextlib
import fcntl
import io
import json
import os
import stat
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shiftcore.driver.events import Event
from shiftcore.driver.sinks.patient import MOST_WAITING, Patient
from shiftcore.driver.sinks.sink import WAIT_S, Place, Sink
from shiftcore.driver.sources.source import Say
from shiftcore.errors import UserError

LONGEST_LINE, OURS = 1 << 16, b'{"id": "'  # of an event in bytes, and how it begins


@dataclass(frozen=True)
class FileSettings:
    """Events appended to the file at `path`, or written to standard output for "-"."""

    path: str

    def open(self, place: Place) -> Sink:
        """The sink. Raises UserError where the file cannot be written."""
        return _File(JsonLines(self.path, place.say))


class JsonLines(Patient):
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

    def losses(self) -> Iterator[str]:
        """What could not be written until it was closed, in a line."""
        if self.lost:
            yield f"{self.name}: {self.lost} lines could not be written and are lost"

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


class _File(Sink):
    def __init__(self, lines: JsonLines) -> None:
        self._lines = lines

    def publish(self, event: Event) -> None:
        self._lines.publish(event)

    def close(self, wait_s: float = WAIT_S) -> int:
        self._lines.close()
        return 0

    def losses(self) -> Iterator[str]:
        return self._lines.losses()
