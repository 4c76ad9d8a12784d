# SPDX-License-Identifier: BSD-3-Clause
"""Adapting by itself, where an admin has said so: to new reviews, and then to the boards, beside the model in use."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shiftcore.station.database import Database
from shiftcore.station.jobs import MODEL, Jobs, RefusedError
from shiftcore.station.rollout import Rollouts
from shiftcore.station.tables import TEACH, Board, Job, Review, Rollout, Schedule

EVERY = {0: "never", 7: "every week", 30: "every month", 90: "every three months"}  # by days
REVIEWS = 20  # what a page proposes: fewer seldom decide anything
BESIDE = timedelta(days=7)  # so long beside the model in use, before it is in use by itself
AGAIN = timedelta(days=1)  # to a board that has not answered


@dataclass(frozen=True)
class Due:
    """How far it is: alarms that were reviewed as right or wrong since the last adaptation, and when the next one may
    begin (None: at once)."""

    reviews: int
    begins: datetime | None


def due(session: Session, schedule: Schedule) -> Due:
    """Of a schedule that is not "never"."""
    last = session.scalar(select(func.max(Job.asked)))
    known = select(func.count(Review.event_id.distinct())).where(Review.verdict.in_(TEACH))
    reviews = session.scalar(known.where(Review.at > last) if last else known) or 0
    return Due(reviews, last + timedelta(days=schedule.days) if last else None)


def keep_to_it(database: Database, jobs: Jobs, rollouts: Rollouts, now: datetime) -> None:
    """Begin an adaptation that is due, and give boards what the last of them has brought. Raises SQLAlchemyError."""
    with database.reading() as session:
        schedule = session.scalar(select(Schedule))
        if schedule is None or not schedule.days:
            return
        found = due(session, schedule)
        newest = select(Job).where(Job.by_itself, Job.state == "done").order_by(Job.id.desc()).limit(1)
        job = session.scalar(newest)
        given = _to_be_given(session, job.id, schedule.use, now) if job else {}
    if job and (jobs.folder(job.id) / MODEL).is_file():
        for how, boards in given.items():
            with suppress(RefusedError):  # there is no broker, or it is away: the next time
                rollouts.give(how, job.id, boards, schedule.user_id)
    if found.reviews >= schedule.reviews and (found.begins is None or found.begins <= now):
        with suppress(RefusedError):  # one is under way
            jobs.ask(schedule.user_id, by_itself=True)


def _to_be_given(session: Session, job: int, use: bool, now: datetime) -> dict[str, Sequence[int]]:
    """To which boards the model of an adaptation goes now, by how: not to one to which a person has given something
    since."""
    newest = select(func.max(Rollout.id)).group_by(Rollout.board_id)
    last = {one.board_id: one for one in session.scalars(select(Rollout).where(Rollout.id.in_(newest)))}
    given: dict[str, list[int]] = {}
    for board in session.scalars(select(Board.id).order_by(Board.id)):
        one = last.get(board)
        if one is None or one.job_id < job or (_is_beside(one, job) and not one.answered and one.at < now - AGAIN):
            given.setdefault("shadow", []).append(board)
        elif use and _is_beside(one, job) and one.model and one.answered and one.answered < now - BESIDE:
            given.setdefault("use", []).append(board)
    return dict(given)


def _is_beside(one: Rollout, job: int) -> bool:
    return one.job_id == job and one.how == "shadow"
