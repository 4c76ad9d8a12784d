# SPDX-License-Identifier: BSD-3-Clause
"""What comes back to one sender of frames."""

from collections import deque
from collections.abc import Iterator

from shiftcore.driver.errors import AcceleratorError
from shiftcore.model.records import Result


class ResultQueue:
    """Results, and the error that ended frames of its own; `under_way`: frames without either."""

    def __init__(self) -> None:
        self.results: deque[Result] = deque()
        self.under_way = 0
        self.error: AcceleratorError | None = None

    def put(self, result: Result) -> None:
        """One that was under way has come."""
        self.under_way -= 1
        self.results.append(result)

    def take(self) -> list[Result]:
        """The results so far, which are taken out."""
        taken = list(self.results)
        self.results.clear()
        return taken

    def drain(self) -> Iterator[Result]:
        """The results so far; after them, the error if there is one."""
        while self.results:
            yield self.results.popleft()
        if self.error:
            error, self.error = self.error, None
            raise error
