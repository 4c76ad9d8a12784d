# SPDX-License-Identifier: BSD-3-Clause
"""The database: migrations make what the tables say, mistakes are one line, and nothing is lost when it goes away."""

import logging
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select, text

from shiftcore.errors import UserError
from shiftcore.station import server
from shiftcore.station.database import Database
from shiftcore.station.tables import Base, Event
from shiftcore.station.task import Task
from tests.driver.mosquitto import eventually
from tests.station.browser import Running, event
from tests.station.conftest import both_databases
from tests.station.postgres import Postgres


@both_databases
def test_migrations_make_what_the_tables_say(tmp_path: Path, database_url: str) -> None:
    database = server.database_of(tmp_path, database_url)
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    database.close()
    again = server.database_of(tmp_path, database_url)  # nothing is left to be done
    assert logging.getLogger("alembic").level == logging.WARNING
    again.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "not a database's URL"),
        ("oracle://x/y", "not a database's URL"),
        ("sqlite:////nowhere/at/all.db", "unable to open database file"),
        ("postgresql://station:canary@127.0.0.1:1/x", "refused"),
    ],
)
def test_a_mistake_is_one_line_without_the_password(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        server.database_of(tmp_path, url)
    assert said in str(error.value)
    assert str(error.value).startswith("--database: ")
    assert "\n" not in str(error.value)
    assert "canary" not in str(error.value)


def test_another_version_s_database_is_left_alone(tmp_path: Path) -> None:
    database = server.database_of(tmp_path, "")
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    database.close()
    with pytest.raises(UserError, match="made by another version of shiftcore"):
        Database(f"sqlite:///{tmp_path}/station.db")


def test_one_station_a_folder(tmp_path: Path) -> None:
    with server.opened(tmp_path, "", Task()), pytest.raises(UserError, match="another station runs in this folder"):  # noqa: SIM117
        with server.opened(tmp_path, "", Task()):
            pass
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot keep anything there"):
        server.database_of(tmp_path / "file" / "folder", "")


def test_an_address_that_is_taken_is_said(running: Running) -> None:
    with (
        pytest.raises(UserError, match=f"--listen: 127.0.0.1:{running.port}: "),
        server.serving(running.parts, "127.0.0.1", running.port),
    ):
        pass


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_while_postgresql_is_away_a_board_is_told_to_try_again(running: Running, postgresql: Postgres) -> None:
    assert running.tell(event()).status == 204
    postgresql.stop()
    try:
        assert running.tell(event(False)).status == 500  # which is not for good
    finally:
        postgresql.start()
    assert eventually(lambda: running.tell(event(False)).status == 204, 60)
    with running.parts.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 1
