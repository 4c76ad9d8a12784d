# SPDX-License-Identifier: BSD-3-Clause
"""Who asks, and whether they may: sessions in a cookie, a token on each form, roles, and boards by their tokens."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool

from shiftcore.station.accounts import Person
from shiftcore.station.web.parts import Parts, parts

COOKIE = "station"
LARGEST_FORM, MOST_FIELDS = 64 << 10, 50
UNFORCED = ("/password", "/logout")  # what one with a one-time password may reach


class AwayError(Exception):
    """Somebody must go to another page first."""

    def __init__(self, to: str) -> None:
        super().__init__(to)
        self.to = to


def set_cookie(request: Request, response: Response, value: str) -> None:
    """Give whoever asks a cookie that no script reads and that comes with no other site's form."""
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, value, httponly=True, samesite="lax", secure=secure, path="/")


def form_token(cookie: str) -> str:
    """What each form of a session holds: only who has the cookie can know it."""
    return hmac.new(cookie.encode(), b"form", hashlib.sha256).hexdigest()


def new_cookie() -> str:
    """Of one who has not come in yet: it binds the form to come in by."""
    return secrets.token_urlsafe(32)


def visitor(request: Request, station: Annotated[Parts, Depends(parts)]) -> Person:
    """Who asks. Raises AwayError for one who has not come in, or has not yet chosen a password."""
    cookie = request.cookies.get(COOKIE, "")
    person = station.accounts.who(cookie) if cookie else None
    if person is None:
        raise AwayError("/login")
    if person.must_change and request.url.path not in UNFORCED:
        raise AwayError("/password")
    return person


Visitor = Annotated[Person, Depends(visitor)]


def may(role: str) -> Callable[[Visitor], Person]:
    """Who asks, if they may what `role` may; else 403."""

    def check(person: Visitor) -> Person:
        if not person.may(role):
            raise HTTPException(403, f"Only {role}s may do that.")
        return person

    return check


async def body(request: Request, limit: int) -> bytes:
    """What a request holds, if that is no more than `limit` bytes; else 413."""
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > limit:
            raise HTTPException(413, f"larger than {limit >> 10} KiB")
    return bytes(content)


async def form(request: Request) -> dict[str, str]:
    """The fields of a form of ours, each once; 403 for one of another site's, or of another session's."""
    content = await body(request, LARGEST_FORM)
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403, "That form is another site's.")
    try:
        fields = dict(
            parse_qsl(content.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
        )
    except ValueError:
        raise HTTPException(400, "That is no form.") from None
    given, cookie = fields.pop("token", ""), request.cookies.get(COOKIE, "")
    if not cookie or not hmac.compare_digest(given.encode(), form_token(cookie).encode()):
        raise HTTPException(403, "That form is of another session; open the page again.")
    return fields


Form = Annotated[dict[str, str], Depends(form)]


async def board(request: Request, station: Annotated[Parts, Depends(parts)]) -> int:
    """The board that asks, by its token; else 401."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    found = None
    if scheme.lower() == "bearer" and token:
        found = await run_in_threadpool(station.accounts.board, token.strip())
    if found is None:
        raise HTTPException(401, "no board's token", {"WWW-Authenticate": "Bearer"})
    return found


Sender = Annotated[int, Depends(board)]
Station = Annotated[Parts, Depends(parts)]


def address(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""
