# SPDX-License-Identifier: BSD-3-Clause
"""Build folders: written whole or not at all, by one process at a time, and known by their content."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from shiftcore.errors import UserError

CHUNK = 1 << 20  # bytes of a file in memory at a time
PACKAGE_FOLDER = Path(__file__).resolve().parent
"""The installed package, read only: presets, boards, RTL and weights lie in it."""


def build_folder() -> Path:
    """The folder of everything generated: that of `SHIFTCORE_BUILD`, else build/ in the current folder. Asked for at
    each use, so that an installed shiftcore works wherever it is called."""
    return Path(os.environ.get("SHIFTCORE_BUILD") or "build").absolute()


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process. Raises UserError when another process builds in it, or when it is a file.

    The kernel drops the lock with the process, so a killed build never blocks the next one.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise UserError(f"{folder}: not a folder") from None
    with open(folder / ".lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{folder}: another build is running in this folder; wait for it or stop it") from None
        yield


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes `path`'s place only when the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; it replaces `path` only when the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    old = temporary.with_suffix(".old")
    try:
        yield temporary
        temporary.chmod(0o755)
        if path.exists():
            os.replace(path, old)  # one step: an interrupted removal would leave half a folder under the name
        os.replace(temporary, path)
    finally:
        if old.exists() and not path.exists():
            os.replace(old, path)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON, keys in the order given, atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")


def kept(path: Path, key: str, make: Callable[[], object]) -> Path:
    """Have `make` leave the file or folder `path`, unless it is there and was made of `key`; returns `path`.

    `key` is a `digest` of all that decides what `make` leaves: data, settings, versions, and the code itself
    (shiftcore.sources). It stands in `.NAME.key` beside `path`, from when `make` has come back until the next one begins:
    what an interrupted `make` leaves is never taken for whole, and what was put at `path` by hand is made anew.
    """
    stamp = path.with_name(f".{path.name}.key")
    if not is_kept(path, key):
        stamp.unlink(missing_ok=True)
        make()
        with atomic_file(stamp) as temporary:
            temporary.write_text(key)
    return path


def is_kept(path: Path, key: str) -> bool:
    """Whether `kept` would find at `path` what was made of `key`."""
    stamp = path.with_name(f".{path.name}.key")
    return path.exists() and stamp.is_file() and stamp.read_text() == key


def without_nan(value: Any) -> Any:
    """`value` as JSON holds it (tuples are lists), and None wherever a figure is not defined: JSON knows no NaN."""
    return json.loads(json.dumps(value), parse_constant=lambda _: None)


def digest(*parts: Path | bytes | str) -> str:
    """SHA-256 over the parts in order; a Path stands for its file's content, a folder for all files in it."""
    state = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            files = sorted(p for p in part.rglob("*") if p.is_file()) if part.is_dir() else [part]
            for file in files:
                name = os.fsencode(file.relative_to(part)) if part.is_dir() else b""
                with open(file, "rb") as stream:
                    state.update(name + f":{os.fstat(stream.fileno()).st_size}:".encode())
                    while chunk := stream.read(CHUNK):
                        state.update(chunk)
        else:
            content = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
            state.update(f"{len(content)}:".encode())
            state.update(content)
    return state.hexdigest()
