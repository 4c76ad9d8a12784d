# SPDX-License-Identifier: BSD-3-Clause
"""A station that runs: its parts in a folder, and who answers at an address."""

import fcntl
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import uvicorn

from shiftcore.driver.sources import Say
from shiftcore.errors import UserError
from shiftcore.station.accounts import Accounts
from shiftcore.station.database import Database
from shiftcore.station.files import Store
from shiftcore.station.intake import Intake
from shiftcore.station.jobs import Jobs
from shiftcore.station.news import News
from shiftcore.station.regular import Regular
from shiftcore.station.rollout import Rollouts
from shiftcore.station.task import Task
from shiftcore.station.web.app import application
from shiftcore.station.web.parts import Parts

MOST = 64  # processes of a station
NEWS_S = 1.0  # between two looks at what others have written
GRACE_S = 3  # at the end, for answers under way
START_S = 30.0


def database_of(state: Path, url: str) -> Database:
    """The database at `url`; without one, SQLite in the folder `state`. Raises UserError."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UserError(f"{state}: the station cannot keep anything there: {error.strerror}") from None
    return Database(url or f"sqlite:///{state.absolute() / 'station.db'}")


def store_of(state: Path) -> Store:
    """Where the clips of the station in the folder `state` lie. Raises UserError."""
    return Store(state / "files")


@contextmanager
def opened(state: Path, url: str, task: Task) -> Iterator[Parts]:
    """The parts of the station in the folder `state`: of one process at a time, or of several that share the folder and
    a database that allows it. Raises UserError."""
    with closing(database_of(state, url)) as database, _place(state, database.shared) as number, ExitStack() as stack:
        store, intake = store_of(state), Intake(database)
        jobs = stack.enter_context(closing(Jobs(database, store, state, task, intake.changed)))
        if database.shared:
            stack.enter_context(closing(Regular("news", NEWS_S, News(database, intake.changed).look)))
        rollouts = Rollouts(database, jobs, intake.changed)
        yield Parts(database, store, Accounts(database), intake, state, task, jobs, rollouts, number)


@contextmanager
def _place(state: Path, shared: bool) -> Iterator[int]:
    """Which of the station's processes this one is, from 0 on: the first that no other is. Raises UserError where there
    may be but one."""
    with ExitStack() as stack:
        for number in range(MOST):
            lock = stack.enter_context(open(state / f".lock{number or ''}", "w"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if shared:
                    continue
                raise UserError(
                    f"{state}: another station runs in this folder; give this one its own with --state, or both one "
                    "database of PostgreSQL"
                ) from None
            yield number
            return
        raise UserError(f"{state}: {MOST} processes of this station run already")


@contextmanager
def serving(parts: Parts, host: str, port: int) -> Iterator[int]:
    """Answers meanwhile at `host` and the port that is given back; 0: any free one. Raises UserError where it
    cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise UserError(f"--listen: {host}:{port}: {error.strerror or error}") from None
    server = uvicorn.Server(
        uvicorn.Config(
            application(parts), lifespan="off", log_level="warning", access_log=False, server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
    )  # fmt: skip
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="http", daemon=True)
    with listening:
        thread.start()
        end = time.monotonic() + START_S
        while not server.started and thread.is_alive() and time.monotonic() < end:
            time.sleep(0.01)
        try:
            yield listening.getsockname()[1]
        finally:
            parts.closing = server.should_exit = True
            thread.join()


def greet(say: Say, host: str, port: int, password: str) -> None:
    """Say where the station is, and how to come in at first."""
    say(f"station: http://{f'[{host}]' if ':' in host else host}:{port}/")
    if password:
        say(f"first user: admin, one-time password: {password}")
