"""How every command of the project ends: one clear line and exit code 2, or its result."""

import errno
import functools
import signal
import sys
from collections.abc import Callable
from typing import Any

import typer

from shiftcore.errors import UserError

USER_ERROR = 2
_ENVIRONMENT_ERRORS = {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT}


def _fail(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    raise typer.Exit(USER_ERROR)


def _terminate(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def command(function: Callable[..., Any]) -> Callable[..., None]:
    """Wrap a command's function: a `UserError`, a full or read-only disk and Ctrl-C (or SIGTERM)
    become one line on stderr and exit code 2; any other exception is a defect and keeps its traceback.
    """

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        signal.signal(signal.SIGTERM, _terminate)
        try:
            function(*args, **kwargs)
        except UserError as error:
            _fail(str(error))
        except KeyboardInterrupt:
            _fail("interrupted; what was finished is kept, run the same command again to go on")
        except OSError as error:
            if error.errno not in _ENVIRONMENT_ERRORS:
                raise
            _fail(f"{error.filename or 'build folder'}: {error.strerror}; free some space or choose a writable folder")

    return wrapped
