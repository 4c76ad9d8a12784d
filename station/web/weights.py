# SPDX-License-Identifier: BSD-3-Clause
"""For admins: from reviews back to the weights."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from shiftcore.errors import UserError
from shiftcore.station import dataset, figures, jobs, rollout, schedule
from shiftcore.station.accounts import Person
from shiftcore.station.tables import Board, Job, Rollout, Schedule
from shiftcore.station.web.access import Form, Station, may
from shiftcore.station.web.pages import LARGEST, common

router = APIRouter(prefix="/weights")
Admin = Annotated[Person, Depends(may("admin"))]
DATA = "data-set"  # in the station's folder
SHOWN = 50  # jobs, the last ones


@router.get("")
def weights(request: Request, person: Admin, station: Station) -> HTMLResponse:
    """What there is to learn from, and what was learned."""
    return _page(request, person, station)


@router.post("/data-set")
def write_data_set(request: Request, _fields: Form, person: Admin, station: Station) -> HTMLResponse:
    """Write the reviewed clips as a data set, in place of the last one."""
    folder = station.state / DATA
    try:
        with station.database.reading() as session:
            dataset.write(session, station.store, station.task, folder)
    except UserError as error:
        raise HTTPException(400, str(error)) from None
    return _page(request, person, station, str(folder))


@router.post("/jobs")
def adapt(_fields: Form, person: Admin, station: Station) -> RedirectResponse:
    """Adapt to what was reviewed."""
    return _done(lambda: station.jobs.ask(person.id))


@router.post("/jobs/{number}/cancel")
def cancel(number: int, _fields: Form, _person: Admin, station: Station) -> RedirectResponse:
    """End a job for good."""
    return _done(lambda: station.jobs.cancel(_row(number)))


@router.post("/jobs/{number}/go-on")
def go_on(number: int, _fields: Form, _person: Admin, station: Station) -> RedirectResponse:
    """Let a job that was interrupted go on."""
    return _done(lambda: station.jobs.go_on(_row(number)))


@router.get("/jobs/{number}/report")
def report(number: int, _person: Admin, station: Station) -> FileResponse:
    """What a job reports, as it was written."""
    path = station.jobs.folder(number) / jobs.REPORT
    if not path.is_file():
        raise HTTPException(404, "There is no such report.")
    return FileResponse(path, media_type="text/plain; charset=utf-8")


@router.post("/rollouts")
def roll_out(fields: Form, person: Admin, station: Station) -> RedirectResponse:
    """Give chosen boards a model, or the one before."""
    boards = [figures.number(name.removeprefix("board-")) for name in fields if name.startswith("board-")]
    job = figures.number(fields.get("job", ""))
    return _done(lambda: station.rollouts.give(fields.get("how", ""), job, boards, person.id))


@router.post("/schedule")
def set_schedule(fields: Form, person: Admin, station: Station) -> RedirectResponse:
    """Whether the station adapts by itself."""
    chosen, reviews = fields.get("days", ""), figures.number(fields.get("reviews", ""))
    if chosen not in map(str, schedule.EVERY) or not reviews or fields.get("use") not in ("yes", "no"):
        raise HTTPException(400, "That is no schedule.")
    with station.database.writing() as session:
        kept = session.scalar(select(Schedule)) or Schedule()
        kept.user_id, kept.days, kept.reviews, kept.use = person.id, int(chosen), reviews, fields["use"] == "yes"
        session.add(kept)
    return RedirectResponse("/weights", 303)


def _done(do: Callable[[], object]) -> RedirectResponse:
    try:
        do()
    except jobs.RefusedError as error:
        raise HTTPException(400, str(error)) from None
    return RedirectResponse("/weights", 303)


def _row(number: int) -> int:
    return number if 0 < number < LARGEST else 0


def _page(request: Request, person: Person, station: Station, written: str = "") -> HTMLResponse:
    chosen = select(Job).options(joinedload(Job.user)).order_by(Job.id.desc()).limit(SHOWN)
    with station.database.reading() as session:
        found, made = list(dataset.reviewed(session, station.task)), session.scalars(chosen).all()
        rollouts = session.scalars(_newest_rollouts()).all()
        boards = session.scalars(select(Board).order_by(Board.name)).all()
        kept = session.scalar(select(Schedule).options(joinedload(Schedule.user)))
        due = schedule.due(session, kept) if kept and kept.days else None
    reports = {job.id for job in made if (station.jobs.folder(job.id) / jobs.REPORT).is_file()}
    models = [job.id for job in made if (station.jobs.folder(job.id) / jobs.MODEL).is_file()]
    running = next((job.id for job in made if job.state == "running"), 0)
    return station.page(
        "weights", shares=dataset.shares(found), task=station.task, written=written, jobs=made, reports=reports,
        tail=station.jobs.tail(running) if running else "", lacking=jobs.lacking(), models=models, boards=boards,
        schedule=kept, due=due, every=schedule.EVERY, proposed=schedule.REVIEWS, beside=schedule.BESIDE.days,
        rollouts=rollouts, hows=rollout.HOWS, reached=station.rollouts.sender is not None, **common(request, person),
    )  # fmt: skip


def _newest_rollouts() -> Select[Rollout]:
    chosen = select(Rollout).options(joinedload(Rollout.board), joinedload(Rollout.user))
    return chosen.order_by(Rollout.id.desc()).limit(SHOWN)
