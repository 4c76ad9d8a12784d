# SPDX-License-Identifier: BSD-3-Clause
"""Which alarms teach most when a person says what they are: those that the network was least sure of, of cameras of
which little is known."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shiftcore.station.tables import TEACH, Event

ORDERS = {"oldest": "the oldest first", "teaching": "what teaches most first"}


@dataclass(frozen=True)
class Waiting:
    """An alarm that waits for a review, by its event's `number`: its `score`; the `lowest` one that its camera has
    raised an alarm with by the same model, which stands for the threshold, since no board tells that; and how many
    `labels`, reviews that say right or wrong, its camera has."""

    number: int
    score: float
    lowest: float
    labels: int

    @property
    def worth(self) -> float:
        """What a review of it teaches, above 0 and up to 1: less the further its score is above the threshold, and less
        the more labels its camera has."""
        return (1 - min(max(self.score - self.lowest, 0.0), 0.999)) / (1 + self.labels)


def in_order(waiting: Sequence[Waiting]) -> list[int]:
    """Their numbers, those first that teach most; of equals the oldest."""
    return [one.number for one in sorted(waiting, key=lambda one: (-one.worth, one.number))]


def next_to_review(session: Session, order: str, after: int = 0) -> int | None:
    """The alarm that nobody has reviewed which comes behind the one numbered `after` in that order, or else the
    first."""
    if order == "teaching":
        numbers = in_order(_waiting(session))
        behind = numbers[numbers.index(after) + 1 :] if after in numbers else []
        return next(iter([*behind, *numbers]), None)
    oldest = select(func.min(Event.id)).where(Event.kind == "alarm", Event.verdict == "")
    return session.scalar(oldest.where(Event.id > after)) or session.scalar(oldest)


def _waiting(session: Session) -> list[Waiting]:
    alarms = Event.kind == "alarm"
    which = Event.camera_id, Event.model
    lowest = select(*which, func.min(Event.score)).where(alarms).group_by(*which)
    least = {(camera, model): score for camera, model, score in session.execute(lowest)}
    known = select(Event.camera_id, func.count()).where(alarms, Event.verdict.in_(TEACH))
    labels = {camera: count for camera, count in session.execute(known.group_by(Event.camera_id))}
    chosen = select(Event.id, Event.camera_id, Event.model, Event.score).where(alarms, Event.verdict == "")
    return [
        Waiting(number, score, least[camera, model], labels.get(camera, 0))
        for number, camera, model, score in session.execute(chosen)
    ]
