# SPDX-License-Identifier: BSD-3-Clause
"""What boards tell, into the database: each event once, however often it comes."""

import json
import re
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Annotated, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shiftcore.station.database import Database
from shiftcore.station.files import LIMITS, Kept, WrongFileError
from shiftcore.station.tables import LONGEST, Board, Camera, Event, File

MOST_CAMERAS = 256  # of a board
LARGEST_EVENT = 64 << 10  # bytes
CLOCKS = datetime(2000, 1, 1, tzinfo=timezone.utc), datetime(2200, 1, 1, tzinfo=timezone.utc)  # what one may say
LONGEST_S = 30 * 86400.0  # that a clock of a camera may be off, and an alarm may last

Model = TypeVar("Model", bound=BaseModel)
PRINTED = r"^[^\x00-\x1f\x7f]*$"
Name = Annotated[str, Field(min_length=1, max_length=LONGEST["name"], pattern=PRINTED)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Score = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=1e10)]


class Told(BaseModel):
    """An event as `shiftcore.driver.events` makes it; docs/alarms.md has the keys. Others are left out."""

    model_config = ConfigDict(allow_inf_nan=False)
    id: Id
    event: Literal["begin", "end"]
    kind: Literal["alarm", "trouble"]
    camera: Name
    label: str = Field(alias="class", min_length=1, max_length=LONGEST["class"], pattern=PRINTED)
    score: Score
    source: str = Field(default="", max_length=LONGEST["source"], pattern=PRINTED)
    seconds: Seconds
    since: Seconds
    model: str = Field(default="", max_length=LONGEST["id"], pattern=PRINTED)
    utc: Annotated[AwareDatetime, Field(ge=CLOCKS[0], lt=CLOCKS[1])]

    @property
    def began(self) -> datetime:
        """When that began, by the board's clock."""
        lasted = 0.0 if self.event == "begin" else min(max(self.seconds - self.since, 0.0), LONGEST_S)
        return self.utc.astimezone(timezone.utc) - timedelta(seconds=lasted)


class State(BaseModel):
    """How a camera is now."""

    model_config = ConfigDict(allow_inf_nan=False)
    name: Name
    risk: Score


class States(BaseModel):
    """How a board's cameras are now."""

    cameras: list[State] = Field(max_length=MOST_CAMERAS)


class RefusedError(Exception):
    """What a board may not tell, and never will: why, in a line."""


def told(payload: bytes, limit: int = LARGEST_EVENT) -> Told:
    """The event in JSON, of `limit` bytes at most. Raises RefusedError where it is none."""
    return _parsed(Told, payload, limit)


def states(payload: bytes) -> States:
    """The cameras in JSON. Raises RefusedError where they are none."""
    return _parsed(States, payload, LARGEST_EVENT)


class Intake:
    """What boards, by their ids, tell. `version` counts what has changed, for whoever looks at it."""

    def __init__(self, database: Database) -> None:
        self._database, self.version, self._counting = database, 0, threading.Lock()

    def event(self, board: int, one: Told) -> bool:
        """Keep an event's begin or end; whether that is new. Raises RefusedError."""
        with self._database.writing(board) as session:
            new = self._event(session, board, one)
        self.changed()
        return new

    def show(self, board: int, cameras: Sequence[State]) -> None:
        """Keep how cameras are. Raises RefusedError."""
        with self._database.writing(board) as session:
            known = {one.name: one for one in session.scalars(select(Camera).where(Camera.board_id == board))}
            now = session.get_one(Board, board).seen = datetime.now(timezone.utc)
            for one in cameras:
                camera = known.get(one.name) or self._camera(session, board, one.name)
                camera.risk, camera.seen = one.risk, now
        self.changed()

    def course(self, board: int, which: str, content: bytes) -> None:
        """A clip's JSON is its event, too, which may not have come yet. Raises RefusedError."""
        one = told(content, LIMITS["json"])
        if one.id != which:
            raise RefusedError("the event of another clip")
        self.event(board, one)

    def known(self, board: int, which: str) -> None:
        """Raises RefusedError where no event of the board's is called that."""
        with self._database.reading() as session:
            _called(session, board, which)

    def file(self, board: int, which: str, part: str, name: str, kept: Kept) -> None:
        """A part of the clip of the event that the board calls `which` lies in the store; the first one counts. Raises
        RefusedError where there is no such event."""
        with self._database.writing(board) as session:
            event = _called(session, board, which)
            if not session.scalar(select(File.id).where(File.event_id == event.id, File.part == part)):
                session.add(File(event_id=event.id, part=part, name=name, digest=kept.digest, size=kept.size))
                if part == "jpg":
                    event.camera.picture = kept.digest
        self.changed()

    def picture(self, board: int, name: str, kept: Kept) -> str:
        """A camera's last picture lies in the store. Returns the digest of one that nothing shows any more, "" for
        none. Raises RefusedError."""
        with self._database.writing(board) as session:
            camera = self._camera(session, board, _name(name))
            before, camera.picture = camera.picture, kept.digest
            session.flush()
            shown = select(File.id).where(File.digest == before), select(Camera.id).where(Camera.picture == before)
            left = before or "" if not any(session.scalar(one.limit(1)) for one in shown) else ""
        self.changed()
        return left

    def changed(self) -> None:
        """Let those who look see it."""
        with self._counting:
            self.version += 1

    def _event(self, session: Session, board: int, one: Told) -> bool:
        camera = self._camera(session, board, one.camera)
        event = session.scalar(select(Event).where(Event.board_id == board, Event.told == one.id))
        if event is None:
            event = Event(
                board_id=board, camera_id=camera.id, told=one.id, kind=one.kind, label=one.label, score=one.score,
                model=one.model, source=one.source, began=one.began, begun=one.event == "begin",
                ended=None if one.event == "begin" else one.utc,
            )  # fmt: skip
            session.add(event)
            return True
        if event.camera_id != camera.id or event.kind != one.kind:
            raise RefusedError("that id is another event's")
        if one.event == "begin":
            new, event.begun = not event.begun, True
            event.began = one.utc if new else event.began
            return new
        if event.ended is not None:
            return False
        event.ended, event.label, event.score = one.utc, one.label, one.score  # the highest so far
        return True

    def _camera(self, session: Session, board: int, name: str) -> Camera:
        now = datetime.now(timezone.utc)
        session.get_one(Board, board).seen = now
        camera = session.scalar(select(Camera).where(Camera.board_id == board, Camera.name == name))
        if camera is None:
            count = select(func.count()).select_from(Camera).where(Camera.board_id == board)
            if (session.scalar(count) or 0) >= MOST_CAMERAS:
                raise RefusedError(f"more than {MOST_CAMERAS} cameras")
            camera = Camera(board_id=board, name=name, seen=now)
            session.add(camera)
            session.flush()
        camera.seen = now
        return camera


def _called(session: Session, board: int, which: str) -> Event:
    event = session.scalar(select(Event).where(Event.board_id == board, Event.told == which))
    if event is None:
        raise RefusedError("no such event; send its JSON first")
    return event


def course_of(content: bytes) -> tuple[float, list[tuple[float, float]]]:
    """Of a clip's JSON: where its event begins in it, in seconds, and the score's course, `(seconds, score)` from its
    first on. Raises WrongFileError where it has none."""
    try:
        about = json.loads(content)
        points = [(float(seconds), float(score)) for seconds, score in about["scores"]]
        begins = float(about["begins"])
        good = all(0 <= score <= 1 for _, score in points) and abs(begins) < LONGEST_S
    except (ValueError, KeyError, TypeError, RecursionError):
        good = False
    if not (good and points):
        raise WrongFileError("no clip's JSON: it has `begins` and `scores`")
    return begins, [(seconds - points[0][0], score) for seconds, score in points]


def _name(text: str) -> str:
    """That of a camera, as an address has it. Raises RefusedError for what is none."""
    if not (0 < len(text) <= LONGEST["name"] and re.fullmatch(PRINTED, text)):
        raise RefusedError("no camera's name")
    return text


def _parsed(kind: type[Model], payload: bytes, limit: int) -> Model:
    if len(payload) > limit:
        raise RefusedError(f"larger than {limit >> 10} KiB")
    try:
        return kind.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise RefusedError(f"{where}: {first['msg']}" if where else str(first["msg"])) from None
