# SPDX-License-Identifier: BSD-3-Clause
"""How many of the alarms that people reviewed were right: over time, by model, by day and night, by camera."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from shiftcore.station.tables import TEACH, Board, Camera, Event

WEEKS = 12
DAY = range(6, 20)  # hours of this machine's clock
MOST = 100  # cameras that are shown


@dataclass(frozen=True)
class Reviewed:
    """An alarm that a person called right or not: `camera` and board by their names, when it began, by which model."""

    camera: str
    began: datetime
    model: str
    right: bool


@dataclass(frozen=True)
class Share:
    """Of the alarms called `name`: how many were right, and how many wrong."""

    name: str
    right: int
    wrong: int

    @property
    def accuracy(self) -> float:
        """From 0 to 1."""
        return self.right / (self.right + self.wrong)


@dataclass(frozen=True)
class Accuracy:
    """Of the last `WEEKS` weeks; of cameras those with the most wrong alarms first."""

    weeks: Sequence[Share]
    models: Sequence[Share]
    hours: Sequence[Share]
    cameras: Sequence[Share]


def accuracy(session: Session, now: datetime) -> Accuracy:
    """That of the alarms that began in the weeks up to `now` and are reviewed as right or wrong."""
    chosen = (
        select(Board.name, Camera.name, Event.began, Event.model, Event.verdict).join_from(Event, Camera).join(Board)
    )
    recent = chosen.where(
        Event.kind == "alarm", Event.verdict.in_(TEACH), Event.began > now - timedelta(weeks=WEEKS)
    ).order_by(Event.began)
    found = [
        Reviewed(f"{board}: {camera}", began, model or "not said", verdict == "right")
        for board, camera, began, model, verdict in session.execute(recent)
    ]
    cameras = shares(found, lambda one: one.camera)
    return Accuracy(
        weeks=shares(found, partial(_week, now)),
        models=shares(found, lambda one: one.model),
        hours=shares(found, lambda one: "day" if one.began.astimezone().hour in DAY else "night"),
        cameras=sorted(cameras, key=lambda share: (-share.wrong, share.name))[:MOST],
    )


def shares(found: Sequence[Reviewed], name: Callable[[Reviewed], Hashable]) -> list[Share]:
    """Theirs by a name, in the order in which these come first."""
    counts: dict[str, list[int]] = {}
    for one in found:
        counts.setdefault(str(name(one)), [0, 0])[one.right] += 1
    return [Share(called, right, wrong) for called, (wrong, right) in counts.items()]


def _week(now: datetime, one: Reviewed) -> str:
    """The week's first day; the last week ends today."""
    ago = (now.date() - one.began.date()).days // 7
    return f"{now.date() - timedelta(days=7 * ago + 6)}"
