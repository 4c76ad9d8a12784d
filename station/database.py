# SPDX-License-Identifier: BSD-3-Clause
"""The database: SQLite in a file, or PostgreSQL by its URL; brought up to date by migrations when it is opened."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import Session

from shiftcore.errors import UserError

MIGRATIONS = Path(__file__).parent / "migrations"
OURS = 0x5C0E  # our locks, among those of whoever else has the same PostgreSQL database
BUSY_S = 30  # another process may be writing for so long


class Database:
    """The one at `url` (sqlite:///FILE or postgresql://...), with all tables. Raises UserError where it is none."""

    def __init__(self, url: str) -> None:
        self._writing = threading.Lock()
        self.engine = _engine(url)
        try:
            with self.engine.begin() as connection:
                if self.shared:  # two processes that begin at once
                    _lock(connection, 0)
                config = Config(attributes={"connection": connection})
                config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
                logging.getLogger("alembic").setLevel(logging.WARNING)
                command.upgrade(config, "head")
        except OperationalError as error:
            why = str(error.orig).strip().splitlines() or ["no reason given"]
            raise UserError(f"--database: {self.shown}: {why[0]}") from None
        except CommandError as error:
            raise UserError(f"--database: {self.shown} was made by another version of shiftcore: {error}") from None

    @property
    def shown(self) -> str:
        """Its URL without the password."""
        return self.engine.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for looking."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @property
    def shared(self) -> bool:
        """Whether several processes on several machines may have it at once."""
        return self.engine.dialect.name != "sqlite"

    @contextmanager
    def writing(self, board: int = 0) -> Iterator[Session]:
        """A session whose changes are all kept when the block ends, or none. One at a time, in whatever process, of
        those that write what that `board` tells (0: all else): what is read in it is still true when it is written."""
        alone = nullcontext() if self.shared else self._writing
        with alone, Session(self.engine, expire_on_commit=False) as session, session.begin():
            session.connection(execution_options={"immediate": True})
            if self.shared:
                _lock(session, board)
            yield session

    def close(self) -> None:
        """Let go of it."""
        self.engine.dispose()


def _lock(connection: Connection | Session, what: int) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:ours, :what)"), {"ours": OURS, "what": what})


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        engine = create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, ImportError, ValueError):
        raise UserError(
            "--database: not a database's URL; give postgresql://USER:PASSWORD@HOST/NAME, or sqlite:////FOLDER/FILE"
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # `_begin_sqlite` begins
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_S * 1000}"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
