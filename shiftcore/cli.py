# SPDX-License-Identifier: BSD-3-Clause
"""How every command of the project ends: its result, or one clear line and exit code 2 or 3."""

import contextlib
import errno
import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import typer

from shiftcore.errors import DeviceError, UserError

USER_ERROR, DEVICE_ERROR = 2, 3
_ENVIRONMENT_ERRORS = {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT}


def _fail(message: str, code: int = USER_ERROR) -> None:
    print(f"error: {message}", file=sys.stderr)
    raise typer.Exit(code)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """SIGINT and SIGTERM raise KeyboardInterrupt, even where a shell's `&` or nohup has left SIGINT ignored. Afterwards
    the handlers are those from before; in another thread than the first none can be set, and they stay."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def command(function: Callable[..., Any]) -> Callable[..., None]:
    """Wrap a command's function: a `UserError`, a full or read-only disk and Ctrl-C (or SIGTERM) become one line on
    stderr and exit code 2, a `DeviceError` the same with 3; any other exception is a defect and keeps its traceback.
    """

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            with _interruptible():
                function(*args, **kwargs)
        except UserError as error:
            _fail(str(error))
        except DeviceError as error:
            _fail(str(error), DEVICE_ERROR)
        except KeyboardInterrupt:
            _fail("interrupted; what was finished is kept, run the same command again to go on")
        except OSError as error:
            if error.errno not in _ENVIRONMENT_ERRORS:
                raise
            _fail(f"{error.filename or 'build folder'}: {error.strerror}; free some space or choose a writable folder")

    return wrapped
