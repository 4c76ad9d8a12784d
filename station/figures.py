# SPDX-License-Identifier: BSD-3-Clause
"""What pages show, asked of the database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from urllib.parse import urlencode

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from shiftcore.station.tables import VERDICTS, Board, Camera, Event, Review

ON_A_PAGE, TILES, CHARTS = 50, 96, 50  # events, cameras, and cameras with a chart
DAYS = 30
SILENT_S = 300.0  # a camera of which nothing was heard for so long is shown as silent


@dataclass(frozen=True)
class Tile:
    """A camera on the overview: its last alarm, if any, and what of it goes on."""

    camera: Camera
    last: Event | None
    alarm: Event | None
    troubles: Sequence[str]
    silent: bool


def overview(session: Session, page: int = 0) -> tuple[list[Tile], bool]:
    """A page of the cameras, by board and name, and whether there are more. Where one page is not enough, those come
    first of which something goes on."""
    urgent = Camera.id.in_(select(Event.camera_id).where(Event.ended.is_(None)))
    many = (session.scalar(select(func.count()).select_from(Camera)) or 0) > TILES
    order = [*([urgent.desc()] if many else []), Board.name, Camera.name]
    chosen = select(Camera).options(joinedload(Camera.board)).join(Board).order_by(*order)
    found = session.scalars(chosen.offset(page * TILES).limit(TILES + 1)).all()
    cameras = found[:TILES]
    shown = Event.camera_id.in_([camera.id for camera in cameras])
    newest = select(func.max(Event.id)).where(Event.kind == "alarm", shown).group_by(Event.camera_id)
    last = {event.camera_id: event for event in session.scalars(select(Event).where(Event.id.in_(newest)))}
    troubles: dict[int, list[str]] = {}
    going = select(Event).where(Event.kind == "trouble", Event.ended.is_(None), shown).order_by(Event.id)
    for event in session.scalars(going):
        troubles.setdefault(event.camera_id, []).append(event.label)
    limit = datetime.now(timezone.utc) - timedelta(seconds=SILENT_S)
    tiles = [
        Tile(
            camera, one := last.get(camera.id), one if one and one.ended is None else None,
            troubles.get(camera.id, []), camera.seen < limit,
        )
        for camera in cameras
    ]  # fmt: skip
    return tiles, len(found) > TILES


@dataclass(frozen=True)
class Wanted:
    """Which events are wanted: of a camera (its id, 0: any), a `kind` ("": any), a `review` ("": any, "none", or a
    verdict), from one day to another (UTC, included), and which `page` of them."""

    camera: int = 0
    kind: str = ""
    review: str = ""
    first: date | None = None
    last: date | None = None
    page: int = 0

    @classmethod
    def of(cls, given: dict[str, str]) -> "Wanted":
        """Of the fields of an address; what makes no sense there is left out."""
        return cls(
            camera=number(given.get("camera", "")),
            kind=given.get("kind", "") if given.get("kind") in ("alarm", "trouble") else "",
            review=given.get("review", "") if given.get("review") in ("none", *VERDICTS) else "",
            first=_day(given.get("first", "")),
            last=_day(given.get("last", "")),
            page=number(given.get("page", "")),
        )

    def address(self, page: int) -> str:
        """That of another page of them."""
        fields = {
            "camera": self.camera or "", "kind": self.kind, "review": self.review, "first": self.first or "",
            "last": self.last or "", "page": page or "",
        }  # fmt: skip
        return "/events?" + urlencode({name: value for name, value in fields.items() if value})

    def among(self, chosen: Select[Event]) -> Select[Event]:
        """Those of `chosen` that are wanted, on whatever page."""
        if self.camera:
            chosen = chosen.where(Event.camera_id == self.camera)
        if self.kind:
            chosen = chosen.where(Event.kind == self.kind)
        if self.review:
            chosen = chosen.where(Event.verdict == ("" if self.review == "none" else self.review))
        if self.first:
            chosen = chosen.where(Event.began >= _midnight(self.first))
        if self.last:
            chosen = chosen.where(Event.began < _midnight(self.last) + timedelta(days=1))
        return chosen


def events(session: Session, wanted: Wanted) -> tuple[Sequence[Event], bool]:
    """A page of them, the newest first, and whether there are more."""
    chosen = wanted.among(select(Event)).options(
        joinedload(Event.camera).joinedload(Camera.board), selectinload(Event.files)
    )
    ordered = chosen.order_by(Event.began.desc(), Event.id.desc())
    found = session.scalars(ordered.offset(wanted.page * ON_A_PAGE).limit(ON_A_PAGE + 1)).all()
    return found[:ON_A_PAGE], len(found) > ON_A_PAGE


def event(session: Session, number: int) -> Event | None:
    """One, with all that its page shows."""
    chosen = select(Event).where(Event.id == number)
    return session.scalar(chosen.options(joinedload(Event.camera).joinedload(Camera.board), selectinload(Event.files)))


def reviews(session: Session, number: int) -> Sequence[Review]:
    """What was said of an event, the last first."""
    chosen = select(Review).where(Review.event_id == number).options(joinedload(Review.user))
    return session.scalars(chosen.order_by(Review.id.desc())).all()


def cameras(session: Session) -> Sequence[Row[int, str, str]]:
    """All, by board and name: their ids, boards and names."""
    chosen = select(Camera.id, Board.name, Camera.name).join(Board)
    return session.execute(chosen.order_by(Board.name, Camera.name)).all()


def actions(session: Session) -> Sequence[str]:
    """The classes and actions that were named so far."""
    classes = select(Event.label).where(Event.kind == "alarm")
    return session.scalars(classes.union(select(Event.action).where(Event.action != "")).order_by("label")).all()


@dataclass(frozen=True)
class Bar:
    """A day's false alarms of a camera, as a rectangle in a chart's units."""

    day: date
    count: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Chart:
    """False alarms of a camera a day; `most` in one of them."""

    camera: Camera
    total: int
    most: int
    first: date
    last: date
    bars: Sequence[Bar] = field(default_factory=list)
    width: float = 600.0
    height: float = 80.0


def false_alarms(session: Session, until: date) -> list[Chart]:
    """Of each camera, of `CHARTS` at most, those with the most first: the alarms that were reviewed as wrong, by the
    day (UTC) on which they began, of the `DAYS` days up to `until`."""
    first = until - timedelta(days=DAYS - 1)
    chosen = select(Event.camera_id, Event.began).where(
        Event.kind == "alarm", Event.verdict == "wrong", Event.began >= _midnight(first)
    )
    counts: dict[int, dict[date, int]] = {}
    for camera, began in session.execute(chosen):
        days = counts.setdefault(camera, {})
        days[began.date()] = days.get(began.date(), 0) + 1
    most = sorted(counts, key=lambda camera: -sum(counts[camera].values()))[:CHARTS]
    found = select(Camera).options(joinedload(Camera.board)).join(Board)
    ordered = found.order_by(Camera.id.in_(most).desc(), Board.name, Camera.name).limit(CHARTS)
    return [_chart(camera, counts.get(camera.id, {}), first, until) for camera in session.scalars(ordered)]


def _chart(camera: Camera, counts: dict[date, int], first: date, last: date) -> Chart:
    inside = {day: count for day, count in counts.items() if first <= day <= last}
    chart = Chart(camera, sum(inside.values()), max(inside.values(), default=0), first, last)
    step = chart.width / DAYS
    bars = []
    for day, count in sorted(inside.items()):
        height = chart.height * count / chart.most
        x = (day - first).days * step
        bars.append(Bar(day, count, round(x + step / 10, 2), round(chart.height - height, 2), 0.8 * step, height))
    return Chart(camera, chart.total, chart.most, first, last, bars)


def polyline(course: Sequence[tuple[float, float]], width: float = 600.0, height: float = 80.0) -> str:
    """A score's course as the points of a line in SVG, from the left to the right."""
    length = max(course[-1][0], 1e-3)
    return " ".join(f"{width * seconds / length:.1f},{height * (1 - score):.1f}" for seconds, score in course)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=timezone.utc)


def number(text: str) -> int:
    """That of a row, in an address; 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
