# SPDX-License-Identifier: BSD-3-Clause
"""What the station keeps, as tables. What changes here needs a migration beside it (`station/migrations/versions/`)."""

from datetime import datetime, timezone

from sqlalchemy import DateTime, Dialect, ForeignKey, Index, String, TypeDecorator, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

ROLES = ("viewer", "reviewer", "admin")  # each may what those before it may
VERDICTS = ("right", "wrong", "unsure")
TEACH = ("right", "wrong")  # those of them that say what an alarm shows
STATES = ("waiting", "running", "interrupted", "done", "failed", "cancelled")  # of a job
PARTS = ("json", "jpg", "mp4")  # of a clip
LONGEST = {"name": 200, "id": 64, "class": 80, "source": 500, "said": 500}  # characters


class Utc(TypeDecorator[datetime]):
    """A moment, in UTC whatever the database makes of time zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """As it is kept: UTC, without saying so."""
        return value.astimezone(timezone.utc).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """As it is used."""
        return value.replace(tzinfo=timezone.utc) if value else None


class Base(DeclarativeBase):
    """Of all tables. Constraints have names, so that a migration can change them."""


Base.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class User(Base):
    """Who may come in. `password` is its argon2 hash; with `must_change` it is a one-time password."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    password: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    must_change: Mapped[bool]


class Login(Base):
    """A session: the SHA-256 `key` of its cookie, whose it is, and until when it holds."""

    __tablename__ = "logins"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    until: Mapped[datetime] = mapped_column(Utc, index=True)


class Board(Base):
    """Who may send: a name, and the SHA-256 of its token. `seen`: when it last sent anything; `model`: the hash of the
    one in use that it has told last, "" where it has told none."""

    __tablename__ = "boards"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST["name"]), unique=True)
    token: Mapped[str] = mapped_column(String(64), unique=True)
    seen: Mapped[datetime | None] = mapped_column(Utc)
    model: Mapped[str] = mapped_column(String(LONGEST["id"]), default="")


class Camera(Base):
    """A camera of a board, as it was `seen` last. `picture`: the digest of its last clip's."""

    __tablename__ = "cameras"
    __table_args__ = (UniqueConstraint("board_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    board_id: Mapped[int] = mapped_column(ForeignKey("boards.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(LONGEST["name"]))
    seen: Mapped[datetime] = mapped_column(Utc)
    risk: Mapped[float | None]
    picture: Mapped[str | None] = mapped_column(String(64))
    board: Mapped[Board] = relationship()


class Event(Base):
    """An alarm or a trouble, from its begin to its end, each told once: `told` is the board's own id of it.

    `label` is the class, `begun` whether its begin was told; `verdict` and `action` are of the last review ("": none).
    """

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("board_id", "told"),
        Index(None, "camera_id", "began"),
        Index(None, "kind", "verdict", "began"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    board_id: Mapped[int] = mapped_column(ForeignKey("boards.id", ondelete="CASCADE"))
    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"))
    told: Mapped[str] = mapped_column(String(LONGEST["id"]))
    kind: Mapped[str] = mapped_column(String(20))
    label: Mapped[str] = mapped_column(String(LONGEST["class"]))
    score: Mapped[float]
    model: Mapped[str] = mapped_column(String(LONGEST["id"]))
    source: Mapped[str] = mapped_column(String(LONGEST["source"]))
    began: Mapped[datetime] = mapped_column(Utc, index=True)
    ended: Mapped[datetime | None] = mapped_column(Utc)
    begun: Mapped[bool]
    verdict: Mapped[str] = mapped_column(String(20), default="")
    action: Mapped[str] = mapped_column(String(LONGEST["class"]), default="")
    camera: Mapped[Camera] = relationship()
    files: Mapped[list["File"]] = relationship()


class File(Base):
    """A part of an event's clip; its bytes are in the store, under `digest`. `name` is what the board calls it."""

    __tablename__ = "files"
    __table_args__ = (UniqueConstraint("event_id", "part"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"))
    part: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(LONGEST["name"]))
    digest: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int]


class Review(Base):
    """What a person said of an event, and when; the last one counts."""

    __tablename__ = "reviews"
    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    verdict: Mapped[str] = mapped_column(String(20))
    action: Mapped[str] = mapped_column(String(LONGEST["class"]))
    at: Mapped[datetime] = mapped_column(Utc)
    user: Mapped[User] = relationship()


class Job(Base):
    """An adaptation that a user asked for, or that their schedule began `by_itself`: its `state`, one of `STATES`, and
    the line that it `said` when it ended."""

    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(20), index=True)
    preset: Mapped[str] = mapped_column(String(LONGEST["source"]))
    asked: Mapped[datetime] = mapped_column(Utc)
    ended: Mapped[datetime | None] = mapped_column(Utc)
    said: Mapped[str] = mapped_column(String(LONGEST["said"]))
    by_itself: Mapped[bool] = mapped_column(default=False)
    user: Mapped[User] = relationship()


class Schedule(Base):
    """In its one row, whether the station adapts by itself: every so many `days` (0: never), where so many alarms were
    reviewed since the last time; whether what comes of it is then brought in `use` by itself; and who said so."""

    __tablename__ = "schedule"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    days: Mapped[int]
    reviews: Mapped[int]
    use: Mapped[bool]
    user: Mapped[User] = relationship()


class Rollout(Base):
    """A board was given the model of an adaptation, `how` (shiftcore.station.rollout): when, when it `answered`, with
    which `model`'s hash ("": it has not taken it), and what it `said`."""

    __tablename__ = "rollouts"
    id: Mapped[int] = mapped_column(primary_key=True)
    board_id: Mapped[int] = mapped_column(ForeignKey("boards.id", ondelete="CASCADE"), index=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    how: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(Utc)
    answered: Mapped[datetime | None] = mapped_column(Utc)
    model: Mapped[str] = mapped_column(String(LONGEST["id"]))
    said: Mapped[str] = mapped_column(String(LONGEST["said"]))
    board: Mapped[Board] = relationship()
    user: Mapped[User] = relationship()
