# SPDX-License-Identifier: BSD-3-Clause
"""For admins: from reviews back to the weights."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse

from shiftcore.errors import UserError
from shiftcore.station import dataset
from shiftcore.station.accounts import Person
from shiftcore.station.web.access import Form, Station, may
from shiftcore.station.web.pages import common

router = APIRouter(prefix="/weights")
Admin = Annotated[Person, Depends(may("admin"))]
DATA = "data-set"  # in the station's folder


@router.get("")
def weights(request: Request, person: Admin, station: Station) -> HTMLResponse:
    """What there is to learn from."""
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


def _page(request: Request, person: Person, station: Station, written: str = "") -> HTMLResponse:
    with station.database.reading() as session:
        found = list(dataset.reviewed(session, station.task))
    return station.page(
        "weights", shares=dataset.shares(found), task=station.task, written=written, **common(request, person)
    )
