# SPDX-License-Identifier: BSD-3-Clause
"""Writing to a disk that may be full."""

import threading

from shiftcore.driver.sources.source import Say

MOST_WAITING = 10_000  # events kept in memory while a disk is full; then the oldest is lost
RETRY_S = 5.0  # between two attempts to write


class Patient:
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
        while not self._closed.wait(RETRY_S):
            with self._mutex:  # while another thread tries there seems to be no problem
                if not self._problem:
                    return
                self._try()
