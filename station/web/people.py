# SPDX-License-Identifier: BSD-3-Clause
"""Coming in, going out, one's password; for admins, users and boards."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import select

from shiftcore.errors import UserError
from shiftcore.station.accounts import Person, RefusedError
from shiftcore.station.tables import ROLES, Board, User
from shiftcore.station.web.access import (
    COOKIE,
    Form,
    Station,
    Visitor,
    address,
    form_token,
    may,
    new_cookie,
    set_cookie,
)
from shiftcore.station.web.pages import common

router = APIRouter()
Admin = Annotated[Person, Depends(may("admin"))]


@router.get("/login")
def login_page(request: Request, station: Station) -> Response:
    """The form to come in by."""
    cookie = request.cookies.get(COOKIE) or new_cookie()
    if station.accounts.who(cookie):
        return RedirectResponse("/", 303)
    page = station.page("login", token=form_token(cookie), person=None, problem="", name="", path="")
    set_cookie(request, page, cookie)
    return page


@router.post("/login")
def log_in(request: Request, fields: Form, station: Station) -> Response:
    """Come in: with a cookie that nobody has seen before."""
    name = fields.get("name", "")
    try:
        cookie = station.accounts.log_in(name, fields.get("password", ""), address(request))
    except RefusedError as error:
        token = form_token(request.cookies[COOKIE])
        return station.page("login", 403, token=token, person=None, problem=str(error), name=name, path="")
    answer = RedirectResponse("/", 303)
    set_cookie(request, answer, cookie)
    return answer


@router.post("/logout")
def log_out(request: Request, _fields: Form, _person: Visitor, station: Station) -> Response:
    """Go out."""
    station.accounts.log_out(request.cookies[COOKIE])
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


@router.get("/password")
def password_page(request: Request, person: Visitor, station: Station) -> HTMLResponse:
    """The form for another password."""
    return station.page("password", problem="", **common(request, person))


@router.post("/password")
def change_password(request: Request, fields: Form, person: Visitor, station: Station) -> Response:
    """Another password; all other sessions of theirs end."""
    try:
        if fields.get("new") != fields.get("again"):
            raise RefusedError("The new password was not written twice the same.")
        cookie = station.accounts.change_password(
            person, fields.get("old", ""), fields.get("new", ""), address(request)
        )
    except RefusedError as error:
        return station.page("password", 403, problem=str(error), **common(request, person))
    answer = RedirectResponse("/", 303)
    set_cookie(request, answer, cookie)
    return answer


@router.get("/admin")
def admin_page(request: Request, person: Admin, station: Station) -> HTMLResponse:
    """Users and boards."""
    return _admin_page(request, person, station)


@router.post("/admin/users")
def set_user(request: Request, fields: Form, person: Admin, station: Station) -> HTMLResponse:
    """Make a user, or give one another one-time password."""
    name = fields.get("name", "")
    try:
        password = station.accounts.set_user(name, fields.get("role", ""), person)
    except RefusedError as error:
        raise HTTPException(400, str(error)) from None
    return _admin_page(request, person, station, f"One-time password of {name}", password)


@router.post("/admin/boards")
def set_board(request: Request, fields: Form, person: Admin, station: Station) -> HTMLResponse:
    """Make a board, or give one another token."""
    name = fields.get("name", "")
    try:
        token = station.accounts.set_board(name)
    except UserError as error:
        raise HTTPException(400, str(error)) from None
    return _admin_page(request, person, station, f"Token of the board {name}", token)


def _admin_page(request: Request, person: Person, station: Station, what: str = "", secret: str = "") -> HTMLResponse:
    with station.database.reading() as session:
        users = session.scalars(select(User).order_by(User.name)).all()
        boards = session.scalars(select(Board).order_by(Board.name)).all()
        return station.page(
            "admin", users=users, boards=boards, roles=ROLES, what=what, secret=secret, **common(request, person)
        )
