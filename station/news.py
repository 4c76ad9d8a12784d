# SPDX-License-Identifier: BSD-3-Clause
"""What other processes of the station have written: pages that this one shows renew themselves, too."""

from collections.abc import Callable

from sqlalchemy import func, select

from shiftcore.station.database import Database
from shiftcore.station.tables import Board, Job, Review, Rollout

LAST = (Board.seen, Review.id, Job.id, Job.ended, Rollout.id, Rollout.answered)  # of all that is shown, one goes up


class News:
    """Calls `changed` at a `look` that finds something new."""

    def __init__(self, database: Database, changed: Callable[[], None]) -> None:
        self._database, self._changed = database, changed
        self._seen: tuple[object, ...] = ()

    def look(self) -> None:
        """Raises SQLAlchemyError."""
        with self._database.reading() as session:
            found = tuple(session.scalar(select(func.max(column))) for column in LAST)
        if found != self._seen:
            self._seen = found
            self._changed()
