# SPDX-License-Identifier: BSD-3-Clause
"""What a station does now and then, by itself."""

import threading
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError


class Regular:
    """A thread called `name` that calls `do` every `each_s` seconds, the first time at once, until it is closed. While
    the database or the disk is away, it tries again the next time."""

    def __init__(self, name: str, each_s: float, do: Callable[[], object]) -> None:
        self._each_s, self._do, self._closed = each_s, do, threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Do it no more; what is under way comes to its end."""
        self._closed.set()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with suppress(SQLAlchemyError, OSError):
                self._do()
            if self._closed.wait(self._each_s):
                return
