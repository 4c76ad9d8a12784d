# SPDX-License-Identifier: BSD-3-Clause
"""Running programs: each in a process group of its own, of which nothing is left when it, or we, are stopped."""

import contextlib
import math
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from hashlib import sha256
from pathlib import Path
from typing import Any

from shiftcore.errors import UserError

GRACE_S = 5
"""So long a program and what it has started may take to end when they are told to; then they are killed."""
LOOK_S = 0.5  # between two times that it is asked whether a program is wanted

# Waits until whoever holds the other end of its input is gone, however that ended, and ends the group.
_GUARD = f'exec 2>/dev/null; cat >&2; kill -s TERM -- "-$0" && sleep {GRACE_S} && kill -s KILL -- "-$0"'
_PLAIN = re.compile(r"[A-Za-z0-9_./+@-]+")
_running: set[subprocess.Popen[str]] = set()
_starting = threading.Lock()


class StoppedError(Exception):
    """A program was ended since nobody wanted it any more."""


def run(
    command: Sequence[str], timeout: float | None = None, wanted: Callable[[], bool] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run(command, text=True, check=False, **options)`, with its output captured unless `stdout` is
    given; `timeout` is in seconds. `wanted` is asked twice a second whether it still is.

    The program leads a process group. Interrupted (Ctrl-C, SIGTERM, time-out, not wanted), the group is ended before
    this returns; should this process be killed, the group is too. Raises OSError where it cannot be started,
    StoppedError, and subprocess.TimeoutExpired.
    """
    if "stdout" not in options:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # In a thread of its own: a signal's exception comes to the first one, and so never between start and `started`.
    started: Future[subprocess.Popen[str]] = Future()
    threading.Thread(target=_start, args=(started, command, options), daemon=True).start()
    try:
        process = started.result()
        with _guarded(process.pid):
            output, errors = _communicate(process, timeout, wanted)
            return subprocess.CompletedProcess(command, process.returncode, output, errors)
    except BaseException:
        if started.exception() is None:
            _end(started.result())
        raise
    finally:
        if started.exception() is None:
            _forget(started.result())


def _communicate(
    process: subprocess.Popen[str], timeout: float | None, wanted: Callable[[], bool] | None
) -> tuple[str, str]:
    if wanted is None:
        return process.communicate(timeout=timeout)
    end = math.inf if timeout is None else time.monotonic() + timeout
    while True:
        try:
            return process.communicate(timeout=min(LOOK_S, max(0.0, end - time.monotonic())))
        except subprocess.TimeoutExpired:
            if time.monotonic() >= end:
                raise
            if not wanted():
                raise StoppedError from None


def _start(started: Future[subprocess.Popen[str]], command: Sequence[str], options: dict[str, Any]) -> None:
    with _starting:
        try:
            process = subprocess.Popen(command, text=True, errors="replace", start_new_session=True, **options)
        except BaseException as error:
            started.set_exception(error)
            return
        _running.add(process)
        started.set_result(process)


def _forget(process: subprocess.Popen[str]) -> None:
    _running.discard(process)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def stop() -> None:
    """End the programs that other threads are running, and what these have started."""
    with _starting:
        for process in tuple(_running):
            _signal(process, signal.SIGTERM)


@contextlib.contextmanager
def _guarded(group: int) -> Iterator[None]:
    """Meanwhile a process outside the group lives only to kill it should we be killed."""
    with subprocess.Popen(["sh", "-c", _GUARD, str(group)], stdin=subprocess.PIPE, start_new_session=True) as guard:
        try:
            yield
        finally:
            guard.kill()


def _end(process: subprocess.Popen[str]) -> None:
    """End a program and what it has started, the gentle way first."""
    _signal(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def plain(path: Path) -> Path:
    """`path`, or a link to it without spaces, quotes, `$` or letters beyond ASCII, for make, Verilator's makefiles and
    Yosys' scripts, which split and expand names. `path` must be there. Links lie under the temporary folder, are made
    anew where they are gone, and go when what they lead to has gone. Raises UserError where no folder with a plain name
    can be written."""
    path = path.absolute()
    if _PLAIN.fullmatch(str(path)):
        return path
    link = _links() / sha256(os.fsencode(path)).hexdigest()[:16]
    if not link.is_symlink():
        for other in link.parent.iterdir():
            if not other.exists():
                other.unlink(missing_ok=True)
        with contextlib.suppress(FileExistsError):
            link.symlink_to(path)
    return link


def _links() -> Path:
    """Our folder of links: nobody else can put any there."""
    for parent in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        folder = Path(parent) / f"shiftcore-{os.getuid()}"
        if not _PLAIN.fullmatch(str(folder)):
            continue
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            state = folder.lstat()
            if (
                folder.is_dir()
                and not folder.is_symlink()
                and state.st_uid == os.getuid()
                and not state.st_mode & 0o022
            ):
                return folder
    raise UserError("TMPDIR: no temporary folder of ours has a name of plain letters; name one that has, TMPDIR=/tmp")
