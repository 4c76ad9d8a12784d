# SPDX-License-Identifier: BSD-3-Clause
"""Who may come in, and what they may: the first start's password, roles, sessions, boards' tokens."""

import re

from sqlalchemy import select, update

from shiftcore.station.accounts import Accounts
from shiftcore.station.tables import Board, Login, User
from tests.station.browser import Browser, Running, event
from tests.station.conftest import both_databases


@both_databases
def test_the_first_start_makes_an_admin_whose_one_time_password_must_be_changed(running: Running) -> None:
    browser = Browser(running.port)
    assert browser.get("/").headers["location"] == "/login"
    assert browser.log_in("admin", "admin").status == 403  # no default password
    assert browser.log_in("admin", running.password).status == 303
    assert browser.get("/").headers["location"] == "/password"
    assert browser.get("/admin").headers["location"] == "/password"
    for new, again in (("short", "short"), (running.password, running.password), ("long enough", "long  enough")):
        assert browser.post("/password", old=running.password, new=new, again=again).status == 403
    assert browser.post("/password", old="another", new="long enough", again="long enough").status == 403
    assert browser.post("/password", old=running.password, new="long enough", again="long enough").status == 303
    assert browser.get("/").status == 200
    assert Browser(running.port).log_in("admin", running.password).status == 403
    assert Browser(running.port).log_in("admin", "long enough").status == 303
    assert running.parts.accounts.first_password() == ""


def test_until_it_was_used_each_start_gives_another_one_time_password(running: Running) -> None:
    second = running.parts.accounts.first_password()
    assert second not in ("", running.password)
    assert Browser(running.port).log_in("admin", running.password).status == 403
    assert Browser(running.port).log_in("admin", second).status == 303


@both_databases
def test_each_role_may_what_it_may(running: Running, admin: Browser) -> None:
    running.tell(event())
    may = {}
    for role in ("viewer", "reviewer", "admin"):
        page = admin.post("/admin/users", name=role + "1", role=role)
        password = re.search(r"One-time password of \w+, shown this once: (\S+)", page.shown)
        assert password
        browser = Browser(running.port)
        browser.log_in(role + "1", password[1])
        browser.post("/password", old=password[1], new="my own word", again="my own word")
        page = browser.get("/events/1")
        review = browser.post("/events/1/review", verdict="right", action="").status
        board = browser.post("/admin/boards", name=f"by-{role}").status
        user = browser.post("/admin/users", name=f"by-{role}", role="admin").status
        may[role] = (page.status, 'action="/events/1/review"' in page.text, review, board, user)
    assert may == {
        "viewer": (200, False, 403, 403, 403),
        "reviewer": (200, True, 303, 403, 403),
        "admin": (200, True, 303, 200, 200),
    }


def test_what_an_admin_may_not(running: Running, admin: Browser) -> None:
    admin.get("/admin")
    for name, role in (("admin", "viewer"), ("a b", "viewer"), ("<b>", "viewer"), ("one", "owner")):
        assert admin.post("/admin/users", name=name, role=role).status == 400
    assert admin.post("/admin/boards", name="../gate").status == 400


def test_another_role_or_password_ends_the_sessions(running: Running, admin: Browser) -> None:
    accounts = running.parts.accounts
    by = accounts.who(admin.cookie)
    assert by
    password = accounts.set_user("guard", "reviewer", by)
    guard, other = Browser(running.port), Browser(running.port)
    guard.log_in("guard", password)
    other.log_in("guard", password)
    guard.post("/password", old=password, new="my own word", again="my own word")
    assert guard.get("/").status == 200
    assert other.get("/").headers["location"] == "/login"
    accounts.set_user("guard", "viewer", by)
    assert guard.get("/").headers["location"] == "/login"


def test_a_session_ends(running: Running, admin: Browser) -> None:
    stolen = admin.cookie
    with running.parts.database.reading() as session:
        until = session.scalars(select(Login.until)).one()
    other = Browser(running.port)
    other.log_in("admin", "long enough")
    with running.parts.database.writing() as session:
        session.execute(update(Login).values(until=until.replace(year=2000)))
    assert other.get("/").headers["location"] == "/login"
    assert admin.log_in("admin", "long enough").status == 303
    stolen = admin.cookie
    admin.get("/")
    assert admin.post("/logout").headers["location"] == "/login"
    admin.cookie = stolen
    assert admin.get("/").headers["location"] == "/login"


def test_nothing_in_the_database_lets_anybody_in(running: Running, admin: Browser) -> None:
    with running.parts.database.reading() as session:
        password = session.scalars(select(User.password)).one()
        kept = (password, session.scalars(select(Login.key)).one(), session.scalars(select(Board.token)).one())
    assert password.startswith("$argon2id$")
    assert not {"long enough", admin.cookie, running.token} & set(kept)
    assert running.parts.accounts.who(kept[1]) is None
    assert running.parts.accounts.board(kept[2]) is None


def test_passwords_are_hashed_as_the_library_advises(running: Running) -> None:
    hashed = Accounts(running.parts.database)._hash("word")
    found = re.match(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$", hashed)
    assert found
    assert int(found[1]) >= 19 * 1024  # KiB; OWASP's least for argon2id with t=2
    assert int(found[2]) >= 2


def test_a_new_token_of_a_board_ends_the_old_one(running: Running, admin: Browser) -> None:
    assert running.tell(event()).status == 204
    admin.get("/admin")
    page = admin.post("/admin/boards", name="gate")
    token = re.search(r"Token of the board gate, shown this once: (\S+)", page.shown)
    assert token
    assert running.tell(event(False)).status == 401
    running.token = token[1]
    assert running.tell(event(False)).status == 204
    assert token[1] not in admin.get("/admin").text
