# SPDX-License-Identifier: BSD-3-Clause
"""A station that runs, for tests, its database SQLite or a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from shiftcore.station.accounts import Accounts
from shiftcore.station.server import opened, serving
from shiftcore.station.task import Task
from tests.station import postgres
from tests.station.browser import Browser, Running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Postgres]:
    """The server; skips where there is none."""
    if not (postgres.INITDB and postgres.POSTGRES):
        pytest.skip("no PostgreSQL server here (Debian: postgresql)")
    with postgres.running() as server:
        yield server


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """ "": SQLite. With the parameter "postgresql" a new database of the server's."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return ""
    return str(request.getfixturevalue("postgresql").new())


both_databases = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def task() -> Task:
    """What the boards have learned."""
    return Task()


@pytest.fixture
def running(tmp_path: Path, database_url: str, task: Task) -> Iterator[Running]:
    """A station with a board, whose passwords are hashed quickly."""
    with opened(tmp_path / "station", database_url, task) as parts:
        parts.accounts = Accounts(parts.database, PasswordHasher(1, 8, 1))
        password, token = parts.accounts.first_password(), parts.accounts.set_board("gate")
        with serving(parts, "127.0.0.1", 0) as port:
            yield Running(parts, port, password, token)


@pytest.fixture
def admin(running: Running) -> Browser:
    """A browser in which the admin has come in, with a password of their own."""
    browser = Browser(running.port)
    browser.log_in("admin", running.password)
    browser.post("/password", old=running.password, new="long enough", again="long enough")
    browser.get("/password")  # for the new session's token
    return browser
