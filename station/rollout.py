# SPDX-License-Identifier: BSD-3-Clause
"""Promoted models to boards, by the broker that both talk to (docs/weights.md): beside the model in use first, then in
use, and back. A board that is not let, or is not there, does not answer."""

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Annotated, Protocol

from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from shiftcore.station import intake
from shiftcore.station.database import Database
from shiftcore.station.jobs import BEFORE, MODEL, Jobs, RefusedError
from shiftcore.station.tables import LONGEST, Board, Job, Rollout

HOWS = {"shadow": "beside the model in use", "use": "in use", "back": "back to the one before"}
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{0,16}$")]


class Sender(Protocol):
    """A broker of boards."""

    @property
    def reachable(self) -> bool:
        """Whether it is there."""

    def send(self, topic: str, payload: bytes) -> None:
        """Bring `payload` to a topic below that of all boards."""


class Answer(BaseModel):
    """What a board says of what it was given: the hash of the `model` in use, or of the one in its `shadow` ("": none,
    any more), a `report` of both, or an `error`."""

    model: Hash | None = None
    shadow: Hash | None = None
    report: str = ""
    error: str = ""


class Rollouts:
    """What boards were given and what they answered. `sender` brings them something; None: there is no broker.
    `changed` is called when there is something new to show."""

    def __init__(self, database: Database, jobs: Jobs, changed: Callable[[], None]) -> None:
        self._database, self._jobs, self._changed = database, jobs, changed
        self.sender: Sender | None = None

    def give(self, how: str, job: int, boards: Sequence[int], user: int) -> None:
        """Give `boards` the model of an adaptation, or with `how` "back" the one that each had before it. Raises
        RefusedError, and nothing is given then: without a broker, for what has no model, and for one that is to be used
        where it has not been beside the model in use."""
        if (sender := self.sender) is None:
            raise RefusedError("Boards are reached by a broker: start the station with --mqtt.")
        if not sender.reachable:
            raise RefusedError("The broker is away; try again when it is back.")
        if not boards:
            raise RefusedError("Choose a board.")
        with self._database.writing() as session:
            given = [_given(session, how, job, board, user) for board in boards]
            contents = [self._model(how, rollout.job_id) for rollout in given]
            hosts = [session.get_one(Board, board).name for board in boards]
            session.add_all(given)
        self._changed()
        for host, content in zip(hosts, contents, strict=True):
            if how == "shadow":
                sender.send(f"{host}/shadow", content)
            else:
                sender.send(f"{host}/shadow", b"")  # and it reports
                sender.send(f"{host}/load", content)

    def answered(self, board: int, payload: bytes) -> None:
        """A board's answer. Raises intake.RefusedError for what is none."""
        try:
            answer = Answer.model_validate_json(payload)
        except ValidationError:
            raise intake.RefusedError("no answer about a model") from None
        with self._database.writing() as session:
            if answer.model and not answer.error:
                session.get_one(Board, board).model = answer.model
            rollout = _asked(session, board, answer)
            if rollout is not None:
                rollout.answered = datetime.now(timezone.utc)
                rollout.model = answer.model or answer.shadow or rollout.model
                said = answer.error or answer.report
                rollout.said = "".join(c if c.isprintable() else " " for c in said)[: LONGEST["said"]]
        self._changed()

    def _model(self, how: str, job: int) -> bytes:
        path = self._jobs.folder(job) / (BEFORE if how == "back" else MODEL)
        try:
            return path.read_bytes()
        except OSError:
            raise RefusedError("That adaptation has no model: only what was promoted has one.") from None


def in_use(session: Session, board: int) -> Rollout | None:
    """The roll-out by which a board has its model; None where it has that from elsewhere."""
    chosen = select(Rollout).where(Rollout.board_id == board, Rollout.how != "shadow", Rollout.model != "")
    last = session.scalar(chosen.order_by(Rollout.id.desc()).limit(1))
    return last if last is not None and last.how == "use" else None


def _given(session: Session, how: str, job: int, board: int, user: int) -> Rollout:
    """A roll-out, if it is allowed. Raises RefusedError."""
    if session.get(Board, board) is None or how not in HOWS:
        raise RefusedError("There is no such board.")
    if how == "back":
        last = in_use(session, board)
        if last is None:
            raise RefusedError("There is nothing to go back to: no adaptation is in use there.")
        job = last.job_id
    elif session.get(Job, job) is None:
        raise RefusedError("There is no such adaptation.")
    tried = select(Rollout.id).where(
        Rollout.board_id == board, Rollout.job_id == job, Rollout.how == "shadow", Rollout.model != ""
    )
    if how == "use" and session.scalar(tried.limit(1)) is None:
        raise RefusedError("It has not been beside the model in use there yet: begin with that.")
    now = datetime.now(timezone.utc)
    return Rollout(board_id=board, job_id=job, user_id=user, how=how, at=now, model="", said="")


def _asked(session: Session, board: int, answer: Answer) -> Rollout | None:
    """What an answer is to: the last roll-out of its kind, which it is the first answer to; of a report, the last one
    that was beside the model in use."""
    kind = Rollout.how == "shadow" if answer.shadow is not None else Rollout.how != "shadow"
    chosen = select(Rollout).where(Rollout.board_id == board, kind).order_by(Rollout.id.desc()).limit(1)
    last = session.scalar(chosen)
    if last is None or (last.answered is not None and not answer.report):
        return None
    return last
