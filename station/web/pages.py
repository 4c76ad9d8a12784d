# SPDX-License-Identifier: BSD-3-Clause
"""The pages that people look at, and what they say of an event there."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timezone
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, StreamingResponse
from sqlalchemy import select

from shiftcore.station import accuracy, figures
from shiftcore.station.accounts import Person
from shiftcore.station.files import KINDS, WrongFileError
from shiftcore.station.intake import course_of
from shiftcore.station.tables import LONGEST, VERDICTS, Camera, Event, File, Review
from shiftcore.station.teaching import ORDERS, next_to_review
from shiftcore.station.web.access import COOKIE, Form, Station, Visitor, form_token, may
from shiftcore.station.web.parts import Parts

router = APIRouter()
LOOK_S, LIVE_S = 0.25, 600.0  # between two looks for news; then a browser asks again, and is asked who it is
LARGEST = 1 << 31  # and no number of a row
KEPT = {"Cache-Control": "private, max-age=604800, immutable"}  # a digest is of one content


def common(request: Request, person: Person) -> dict[str, object]:
    """What each page needs."""
    return {"person": person, "token": form_token(request.cookies[COOKIE]), "path": request.url.path}


@router.get("/")
def overview(request: Request, person: Visitor, station: Station) -> HTMLResponse:
    """Each camera."""
    page = figures.number(request.query_params.get("page", ""))
    with station.database.reading() as session:
        tiles, more = figures.overview(session, page)
        return station.page("overview", tiles=tiles, more=more, page=page, **common(request, person))


@router.get("/events")
def events(request: Request, person: Visitor, station: Station) -> HTMLResponse:
    """The events that are asked for."""
    wanted = figures.Wanted.of(dict(request.query_params))
    with station.database.reading() as session:
        found, more = figures.events(session, wanted)
        return station.page(
            "events", events=found, more=more, wanted=wanted, verdicts=VERDICTS,
            cameras=figures.cameras(session), **common(request, person),
        )  # fmt: skip


@router.get("/events/{number}")
def event(number: int, request: Request, person: Visitor, station: Station) -> HTMLResponse:
    """An event with its clip."""
    with station.database.reading() as session:
        found = figures.event(session, number) if number < LARGEST else None
        if found is None:
            raise HTTPException(404, "There is no such event.")
        files = {file.part: file for file in found.files}
        begins, course = _course(station, files.get("json"))
        return station.page(
            "event", event=found, files=files, begins=begins, line=figures.polyline(course) if course else "",
            length=course[-1][0] if course else 0.0, reviews=figures.reviews(session, number),
            actions=sorted({*figures.actions(session), *station.task.classes}), longest=LONGEST["class"],
            orders=ORDERS, order=_order(request.query_params), **common(request, person),
        )  # fmt: skip


@router.post("/events/{number}/review")
def review(
    number: int, fields: Form, person: Annotated[Person, Depends(may("reviewer"))], station: Station
) -> RedirectResponse:
    """Say whether an alarm was right; goes on to the next that waits."""
    verdict, action = fields.get("verdict", ""), " ".join(fields.get("action", "").split())
    if verdict not in VERDICTS or len(action) > LONGEST["class"] or not action.isprintable():
        raise HTTPException(400, f"A review is one of {', '.join(VERDICTS)}, with an action of a few words at most.")
    with station.database.writing() as session:
        found = session.get(Event, number) if number < LARGEST else None
        if found is None:
            raise HTTPException(404, "There is no such event.")
        found.verdict, found.action = verdict, action
        now = datetime.now(timezone.utc)
        session.add(Review(event_id=number, user_id=person.id, verdict=verdict, action=action, at=now))
        session.flush()
        order = _order(fields)
        following = next_to_review(session, order, number)
    station.intake.changed()
    return RedirectResponse(f"/events/{following}?order={order}" if following else "/events", 303)


@router.get("/review")
def to_review(request: Request, _person: Visitor, station: Station) -> RedirectResponse:
    """On to the first alarm that waits for a review, in the `order` that is asked for, or to the one behind `after`."""
    order, after = _order(request.query_params), figures.number(request.query_params.get("after", ""))
    with station.database.reading() as session:
        following = next_to_review(session, order, after)
    waiting = f"/events/{following}?order={order}"
    return RedirectResponse(waiting if following else "/events?review=none&kind=alarm", 303)


@router.get("/false-alarms")
def false_alarms(request: Request, person: Visitor, station: Station) -> HTMLResponse:
    """False alarms a camera and day."""
    today = datetime.now(timezone.utc).date()
    with station.database.reading() as session:
        charts = figures.false_alarms(session, today)
        return station.page("false_alarms", charts=charts, days=figures.DAYS, **common(request, person))


@router.get("/accuracy")
def how_right(request: Request, person: Visitor, station: Station) -> HTMLResponse:
    """How many alarms are right."""
    with station.database.reading() as session:
        found = accuracy.accuracy(session, datetime.now(timezone.utc))
    return station.page("accuracy", accuracy=found, weeks=accuracy.WEEKS, day=accuracy.DAY, **common(request, person))


@router.get("/events/{number}/clip.{part}")
def clip(number: int, part: str, _person: Visitor, station: Station) -> FileResponse:
    """A part of an event's clip; of a video also a range of its bytes."""
    with station.database.reading() as session:
        found = (
            session.scalar(select(File).where(File.event_id == number, File.part == part)) if part in KINDS else None
        )
    if found is None:
        raise HTTPException(404, "There is no such clip.")
    path = station.store.path(found.digest)
    return FileResponse(
        path, media_type=KINDS[part], filename=found.name, content_disposition_type="inline", headers=KEPT
    )


@router.get("/cameras/{number}/{digest}.jpg")
def picture(number: int, digest: str, _person: Visitor, station: Station) -> FileResponse:
    """A camera's last picture."""
    with station.database.reading() as session:
        found = session.get(Camera, number) if number < LARGEST else None
    if found is None or not found.picture or found.picture != digest:
        raise HTTPException(404, "There is no such picture.")
    return FileResponse(station.store.path(found.picture), media_type=KINDS["jpg"], headers=KEPT)


@router.get("/live")
async def live(_person: Visitor, station: Station) -> StreamingResponse:
    """Tells a page, by server-sent events, when there is something new to show."""
    return StreamingResponse(_news(station), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _news(station: Parts) -> AsyncIterator[str]:
    seen = station.intake.version
    yield "retry: 2000\n\n"
    for _ in range(round(LIVE_S / LOOK_S)):
        if station.closing:
            return
        if station.intake.version != seen:
            seen = station.intake.version
            yield f"data: {seen}\n\n"
        await asyncio.sleep(LOOK_S)


def _order(fields: Mapping[str, str]) -> str:
    """In which alarms are reviewed, as an address or a form says it."""
    return order if (order := fields.get("order", "")) in ORDERS else next(iter(ORDERS))


def _course(station: Parts, file: File | None) -> tuple[float, list[tuple[float, float]]]:
    """Of a clip, as `course_of`; nothing where there is none."""
    if file is None:
        return 0.0, []
    try:
        return course_of(station.store.path(file.digest).read_bytes())
    except (OSError, WrongFileError):
        return 0.0, []
