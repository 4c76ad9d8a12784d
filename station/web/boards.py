# SPDX-License-Identifier: BSD-3-Clause
"""What boards send. An answer of 400, 413, 415 or 422 says that the same would be answered so again
(`shiftcore.driver.sinks.courier.FOR_GOOD`)."""

import re

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from shiftcore.station.files import FullError, Incoming, TooLargeError, WrongFileError
from shiftcore.station.intake import LARGEST_EVENT, RefusedError, course_of, states, told
from shiftcore.station.web.access import Sender, Station, body

router = APIRouter(prefix="/api")
CLIP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,180}\.(json|jpg|mp4)")  # as shiftcore.driver.service.clips names them
LARGEST_PICTURE = 1 << 20  # bytes
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@router.post("/events", status_code=204)
async def event(request: Request, sender: Sender, station: Station) -> Response:
    """An event's begin or end, as the sinks `station` and `webhook` send it."""
    content = await body(request, LARGEST_EVENT)
    await run_in_threadpool(lambda: station.intake.event(sender, told(content)))
    return Response(status_code=204)


@router.put("/cameras", status_code=204)
async def cameras(request: Request, sender: Sender, station: Station) -> Response:
    """How the cameras are now."""
    content = await body(request, LARGEST_EVENT)
    await run_in_threadpool(lambda: station.intake.show(sender, states(content).cameras))
    return Response(status_code=204)


@router.put("/cameras/{name:path}/picture", status_code=204)
async def picture(name: str, request: Request, sender: Sender, station: Station) -> Response:
    """A camera's picture now, small."""
    content = await body(request, LARGEST_PICTURE)
    try:
        await run_in_threadpool(_keep_picture, station, sender, name, content)
    except WrongFileError as error:
        raise HTTPException(415, str(error)) from None
    except FullError:
        raise HTTPException(507, "the station's disk is full") from None
    return Response(status_code=204)


def _keep_picture(station: Station, sender: int, name: str, content: bytes) -> None:
    with station.store.incoming("jpg") as incoming:
        incoming.add(content)
        station.keep_picture(sender, name, incoming)


@router.put("/events/{which}/{name}", status_code=204)
async def clip(which: str, name: str, request: Request, sender: Sender, station: Station) -> Response:
    """A part of an event's clip: its JSON first, then picture and video."""
    named = CLIP.fullmatch(name)
    if not (named and ID.fullmatch(which)):
        raise HTTPException(422, "not the name of a clip: NAME.json, NAME.jpg or NAME.mp4")
    part = named[1]
    with station.store.incoming(part) as incoming:
        try:
            async for piece in request.stream():
                incoming.add(piece)
            await run_in_threadpool(_keep, station, incoming, sender, which, part, name)
        except WrongFileError as error:
            raise HTTPException(413 if isinstance(error, TooLargeError) else 415, str(error)) from None
        except ClientDisconnect:
            return Response(status_code=400)  # which nobody reads
        except FullError:
            raise HTTPException(507, "the station's disk is full") from None
    return Response(status_code=204)


def _keep(station: Station, incoming: Incoming, sender: int, which: str, part: str, name: str) -> None:
    if part == "json":
        content = incoming.read()
        course_of(content)
        station.intake.course(sender, which, content)
    else:
        station.intake.known(sender, which)
    station.intake.file(sender, which, part, name, incoming.keep())


async def refused(_request: Request, error: Exception) -> Response:
    """The answer to what is wrong with what a board tells."""
    assert isinstance(error, RefusedError)
    return Response(str(error), 422, media_type="text/plain")
