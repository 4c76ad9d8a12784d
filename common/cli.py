"""How every command of the project ends: its result, or one clear line and exit code 2 or 3."""

import errno
import functools
import signal
import sys
from collections.abc import Callable
from typing import Any

import typer

from common.errors import DeviceError, UserError

USER_ERROR, DEVICE_ERROR = 2, 3
_ENVIRONMENT_ERRORS = {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT}


def _fail(message: str, code: int = USER_ERROR) -> None:
    print(f"error: {message}", file=sys.stderr)
    raise typer.Exit(code)


def _terminate(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def command(function: Callable[..., Any]) -> Callable[..., None]:
    """Wrap a command's function: a `UserError`, a full or read-only disk and Ctrl-C (or SIGTERM) become one line on
    stderr and exit code 2, a `DeviceError` the same with 3; any other exception is a defect and keeps its traceback.
    """

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        signal.signal(signal.SIGTERM, _terminate)
        try:
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


def run(function: Callable[..., Any]) -> None:
    """Run `function` as the program's only command, its parameters taken from the command line."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command(function))
    app()
