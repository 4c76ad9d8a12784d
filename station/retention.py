# SPDX-License-Identifier: BSD-3-Clause
"""Old clips make room: by age, by size, and where the disk is nearly full; the oldest first. Their events and reviews
stay."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from shiftcore.driver.sources import Say
from shiftcore.station.database import Database
from shiftcore.station.files import COMING_S, Store
from shiftcore.station.tables import TEACH, Camera, Event, File

EACH_S = 600.0  # between two looks
ROOM = 1 << 30  # bytes of the disk for clips that come until the next look, beside those that stay free (clips.free)


@dataclass(frozen=True)
class Limits:
    """Clips of alarms that began more than `days` ago go, and so many of the oldest that all together have `gigabytes`
    (10^9 bytes) at most; 0: no limit."""

    days: float = 0.0
    gigabytes: float = 0.0


@dataclass(frozen=True)
class Clip:
    """An event's clip: its `size` in bytes, and whether it `teaches`, being reviewed as right or wrong."""

    event: int
    size: int
    began: datetime
    teaches: bool


def keep(database: Database, store: Store, limits: Limits, say: Say) -> None:
    """`make_room` now, and say what went. Raises as that does."""
    if gone := make_room(database, store, limits, datetime.now(timezone.utc)):
        taught = sum(clip.teaches for clip in gone)
        say(f"old clips made room: {len(gone)}, of which {taught} are reviewed as right or wrong")


def make_room(database: Database, store: Store, limits: Limits, now: datetime) -> Sequence[Clip]:
    """Forget the clips that are beyond `limits`, remove what no event and no camera shows any more, and return them.

    Where it is for age, all go. Where it is for size, those that teach go last; for a disk that others fill, not at
    all. Raises SQLAlchemyError and OSError.
    """
    with database.writing() as session:
        gone = list(_beyond(_clips(session), limits, now, ROOM - store.free()))
        for start in range(0, len(gone), 500):
            events = [clip.event for clip in gone[start : start + 500]]
            session.execute(delete(File).where(File.event_id.in_(events)))
        shown = {*session.scalars(select(File.digest)), *session.scalars(select(Camera.picture))}
    store.tidy(now.timestamp())
    for path in store.all():
        if path.name not in shown and path.stat().st_mtime < now.timestamp() - COMING_S:
            path.unlink(missing_ok=True)
    return gone


def _clips(session: Session) -> list[Clip]:
    """All, the oldest first, behind them those that teach."""
    chosen = select(Event.id, func.sum(File.size), Event.began, Event.verdict).join(File).group_by(Event.id)
    found = [Clip(event, int(size), began, verdict in TEACH) for event, size, began, verdict in session.execute(chosen)]
    return sorted(found, key=lambda clip: (clip.teaches, clip.began, clip.event))


def _beyond(clips: Sequence[Clip], limits: Limits, now: datetime, lacking: int) -> Iterator[Clip]:
    """Those that go, `lacking` being how many bytes the disk lacks."""
    oldest = now - timedelta(days=limits.days) if limits.days else datetime.min.replace(tzinfo=timezone.utc)
    for clip in clips:
        if clip.began < oldest:
            lacking -= clip.size
            yield clip
    others = [clip for clip in clips if clip.began >= oldest]
    surplus = sum(clip.size for clip in others) - round(limits.gigabytes * 1e9) if limits.gigabytes else 0
    for clip in others:
        if surplus > 0 or (lacking > 0 and not clip.teaches):
            surplus -= clip.size
            lacking -= clip.size
            yield clip
