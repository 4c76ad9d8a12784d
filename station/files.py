# SPDX-License-Identifier: BSD-3-Clause
"""Where clips lie: each file under the digest of what is in it, whatever a board calls it. No name becomes a path."""

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from shiftcore.driver.service.clips import free
from shiftcore.errors import UserError

LIMITS = {"json": 2 << 20, "jpg": 10 << 20, "mp4": 500 << 20}  # bytes of a part of a clip
COMING_S = 3600.0  # a file that is younger may be of a clip that is under way
SETTLED_S = 5.0  # so long after it has come, it is known who shows it
KINDS = {"json": "application/json", "jpg": "image/jpeg", "mp4": "video/mp4"}


class WrongFileError(Exception):
    """Not what it should be, in a few words."""


class TooLargeError(WrongFileError):
    """Larger than its kind may be."""


class FullError(Exception):
    """The disk has no room for it now."""


@dataclass(frozen=True)
class Kept:
    """A file in the store."""

    digest: str
    size: int


class Store:
    """Files in `folder`. Raises UserError where that cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._incoming = folder, folder / "incoming"
        try:
            self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UserError(f"{folder}: clips cannot be written there: {error.strerror}") from None

    def tidy(self, now: float) -> None:
        """Remove what a process left that was killed while files came: nothing has come of them for `COMING_S`."""
        for left in self._incoming.iterdir():
            with suppress(FileNotFoundError):  # it has come just now
                if left.stat().st_mtime < now - COMING_S:
                    left.unlink()

    def path(self, digest: str) -> Path:
        """Where the file of that digest is. Raises KeyError for what is no digest."""
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise KeyError(digest)
        return self._folder / digest[:2] / digest

    def remove(self, digest: str) -> None:
        """Remove the file of that digest, if there is one that has not come again just now."""
        with suppress(FileNotFoundError):
            if self.path(digest).stat().st_mtime < time.time() - SETTLED_S:
                self.path(digest).unlink()

    def all(self) -> Iterator[Path]:
        """All files that have come."""
        return self._folder.glob("[0-9a-f][0-9a-f]/*")

    def free(self) -> int:
        """Bytes that it may still take; below 0 where the disk has too few."""
        return free(self._folder)

    def incoming(self, part: str) -> "Incoming":
        """A file that comes in pieces."""
        return Incoming(self, self._incoming, part)


class Incoming:
    """A part of a clip on its way into the store: it is there when `keep` returns, whole, or never."""

    def __init__(self, store: Store, folder: Path, part: str) -> None:
        self._store, self._part = store, part
        self._hash, self._size, self._head = hashlib.sha256(), 0, b""
        self._file = tempfile.NamedTemporaryFile(dir=folder, delete=False)  # noqa: SIM115 - closed on exit
        self._path = Path(self._file.name)

    def __enter__(self) -> "Incoming":
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def add(self, piece: bytes) -> None:
        """Raises TooLargeError where it becomes that, FullError where the disk is full."""
        self._size += len(piece)
        if self._size > LIMITS[self._part]:
            raise TooLargeError(f"larger than {LIMITS[self._part] >> 20} MiB")
        if free(self._path.parent) < len(piece):
            raise FullError
        self._head = (self._head + piece)[:16]
        self._hash.update(piece)
        self._file.write(piece)

    def keep(self) -> Kept:
        """It is complete. Raises WrongFileError where it is no such file."""
        good = {"jpg": self._head[:3] == b"\xff\xd8\xff", "mp4": self._head[4:8] == b"ftyp", "json": True}
        if not good[self._part]:
            raise WrongFileError(f"not a file of the kind {KINDS[self._part]}")
        self._file.flush()
        os.fsync(self._file.fileno())
        digest = self._hash.hexdigest()
        path = self._store.path(digest)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        os.replace(self._path, path)
        return Kept(digest, self._size)

    def read(self) -> bytes:
        """What has come so far."""
        self._file.flush()
        return self._path.read_bytes()
