# SPDX-License-Identifier: BSD-3-Clause
"""Several processes of one station: each event once, each job in one of them, sessions in all; nothing is lost when one
of them, the database or the broker goes and comes back."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from shiftcore.station.server import opened, serving
from shiftcore.station.tables import Event
from shiftcore.station.task import Task
from tests.driver.mosquitto import eventually, needs_broker
from tests.station import postgres
from tests.station.browser import Browser, Running, event
from tests.station.load import load
from tests.station.test_jobs import CHILD, calls, state

together = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def other(running: Running, tmp_path: Path, database_url: str, task: Task) -> Iterator[Running]:
    """Another process of that station; here it is in the same one, which the locks do not know."""
    with opened(tmp_path / "station", database_url, task) as parts, serving(parts, "127.0.0.1", 0) as port:
        yield Running(parts, port, running.password, running.token)


@together
def test_a_session_is_good_in_both_and_pages_renew_themselves(running: Running, other: Running, admin: Browser) -> None:
    assert (running.parts.number, other.parts.number) == (0, 1)
    here, there = Browser(running.port), Browser(other.port)
    there.cookie = admin.cookie
    assert there.get("/").status == 200
    version = other.parts.intake.version
    running.tell(event())
    assert eventually(lambda: other.parts.intake.version > version, 60)
    assert "ALARM" in there.get("/").shown
    there.post("/events/1/review", verdict="wrong", action="")
    there.post("/logout")
    here.cookie = admin.cookie
    assert here.get("/").headers["location"] == "/login"


@together
def test_each_event_is_kept_once_whoever_is_told_it(running: Running, other: Running) -> None:
    events = [event(begin, f"e{number}", f"c{number % 3}") for number in range(20) for begin in (True, False)]

    def tell(one: Running) -> None:
        for told_now in events:
            answers.append(one.tell(told_now).status)

    answers = list[int]()
    threads = [threading.Thread(target=tell, args=(one,)) for one in (running, other) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [204] * 160
    with running.parts.database.reading() as session:
        rows = [(one.told, one.begun, one.ended is not None) for one in session.scalars(select(Event))]
    assert sorted(rows) == sorted((f"e{number}", True, True) for number in range(20))


@together
def test_a_job_runs_in_one_of_them_and_another_takes_over(
    running: Running, other: Running, admin: Browser, tmp_path: Path
) -> None:
    (tmp_path / "child.py").write_text(CHILD)
    for one in (running, other):
        one.parts.jobs.command = [sys.executable, str(tmp_path / "child.py")]
    running.send_clip(event())
    admin.post("/events/1/review", verdict="wrong", action="")
    there = Browser(other.port)
    there.cookie = admin.cookie
    there.get("/weights")
    assert there.post("/weights/jobs").status == 303  # the other process runs it
    assert eventually(lambda: len(calls(tmp_path)) == 2)
    assert "One is under way already." in there.post("/weights/jobs").shown
    assert "fold0: 3 clips teach" in there.get("/weights").text
    assert (running.parts.jobs.leading, other.parts.jobs.leading) == (True, False)
    there.post("/weights/jobs/1/cancel")
    assert eventually(lambda: state(running) == "cancelled")
    there.post("/weights/jobs")
    assert eventually(lambda: len(calls(tmp_path)) == 4)
    running.parts.jobs.close()
    assert eventually(lambda: other.parts.jobs.leading)
    assert state(running, 2) == "interrupted"
    there.get("/weights")
    there.post("/weights/jobs/2/go-on")
    assert eventually(lambda: len(calls(tmp_path)) == 6)
    (tmp_path / "go").write_text("0")
    assert eventually(lambda: state(running, 2) == "done")


@needs_broker
@pytest.mark.skipif(not postgres.POSTGRES, reason="no PostgreSQL server here (Debian: postgresql)")
def test_nothing_is_lost_when_a_process_the_database_or_the_broker_goes(tmp_path: Path) -> None:
    figures = load(tmp_path, boards=6, cameras=4, seconds=8, kills=True)
    print(figures)
    assert (figures.lost, figures.unended) == (0, 0)
    assert figures.events > 100
    assert figures.by_broker > 0 < figures.again
