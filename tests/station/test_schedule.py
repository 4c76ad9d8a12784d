# SPDX-License-Identifier: BSD-3-Clause
"""Adapting by itself: only where an admin says so, only to enough that is new, and no further than they say."""

import re
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import select, update

from shiftcore.station import jobs, schedule
from shiftcore.station.tables import Job, Rollout
from tests.station.browser import Browser, Running, event
from tests.station.conftest import both_databases
from tests.station.test_given_models import Sent

NOW = datetime.now(timezone.utc)
DAY = timedelta(days=1)


@pytest.fixture
def sent(running: Running, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """A broker that keeps what it is given; no job begins to run."""
    running.parts.jobs.close()
    monkeypatch.setattr(jobs, "lacking", lambda: "")
    running.parts.rollouts.sender = sender = Sent()
    return sender


def keep_to_it(running: Running, admin: Browser, days: int = 30, reviews: int = 2, use: str = "no") -> None:
    admin.get("/weights")
    assert admin.post("/weights/schedule", days=str(days), reviews=str(reviews), use=use).status == 303


def look(running: Running, now: datetime = NOW) -> list[tuple[int, str, bool]]:
    """What there is of jobs after a look."""
    parts = running.parts
    schedule.keep_to_it(parts.database, parts.jobs, parts.rollouts, now)
    with parts.database.reading() as session:
        return [(job.id, job.state, job.by_itself) for job in session.scalars(select(Job).order_by(Job.id))]


def review(running: Running, admin: Browser, number: int, verdict: str = "wrong") -> None:
    running.send_clip(event(which=f"e{number}"))
    admin.get("/weights")
    assert admin.post(f"/events/{number}/review", verdict=verdict, action="").status == 303


def end(running: Running, number: int, promoted: bool = True) -> None:
    with running.parts.database.writing() as session:
        session.get_one(Job, number).state = "done"
    folder = running.parts.jobs.folder(number)
    folder.mkdir(parents=True)
    if promoted:
        (folder / "model.npz").write_bytes(b"new")


@both_databases
def test_it_adapts_every_month_to_what_is_new(running: Running, admin: Browser, sent: Sent) -> None:
    assert look(running) == []
    review(running, admin, 1)
    review(running, admin, 2, "unsure")
    keep_to_it(running, admin, days=0)
    assert "Reviewed since" not in admin.get("/weights").shown
    assert look(running) == []
    keep_to_it(running, admin)
    assert "As admin said. Reviewed since the last adaptation: 1; it takes 2." in admin.get("/weights").shown
    assert look(running) == []  # who is unsure teaches nothing
    review(running, admin, 3, "right")
    review(running, admin, 3, "wrong")  # again
    assert look(running) == [(1, "waiting", True)]
    assert look(running, NOW + 99 * DAY) == [(1, "waiting", True)]
    assert "admin, by itself" in admin.get("/weights").shown
    end(running, 1, promoted=False)
    assert look(running, NOW + 99 * DAY) == [(1, "done", True)]  # nothing is new
    review(running, admin, 4)
    review(running, admin, 5)
    assert "Reviewed since the last adaptation: 2; it takes 2. The next one begins on" in admin.get("/weights").shown
    assert look(running, NOW + 29 * DAY) == [(1, "done", True)]
    assert look(running, NOW + 31 * DAY) == [(1, "done", True), (2, "waiting", True)]
    assert sent.sent == []


@pytest.mark.parametrize("use", ["no", "yes"])
def test_what_was_promoted_goes_beside_the_model_in_use_and_no_further_than_was_said(
    running: Running, admin: Browser, sent: Sent, use: str
) -> None:
    for number in (1, 2):
        review(running, admin, number)
    keep_to_it(running, admin, use=use)
    running.parts.accounts.set_board("yard")
    look(running)
    end(running, 1)
    sent.reachable = False
    look(running)
    assert sent.sent == []  # the broker is away
    sent.reachable = True
    for _ in range(2):
        look(running)
    beside = [("gate/shadow", b"new"), ("yard/shadow", b"new")]
    assert sent.sent == beside
    running.parts.rollouts.answered(1, b'{"shadow": "0a"}')
    look(running, NOW + 2 * DAY)
    assert sent.sent == [*beside, beside[1]]  # one has not answered
    in_use = [("gate/shadow", b""), ("gate/load", b"new")] if use == "yes" else []
    look(running, NOW + 6 * DAY)
    look(running, NOW + 8 * DAY)
    assert [one for one in sent.sent if one[0].startswith("gate")] == [beside[0], *in_use]
    if use == "yes":
        running.parts.rollouts.answered(1, b'{"model": "0a"}')
        (running.parts.jobs.folder(1) / "before.npz").write_bytes(b"old")
        running.parts.rollouts.give("back", 1, [1], 1)
        count = len(sent.sent)
        look(running, NOW + 9 * DAY)
        assert "gate/load" not in dict(sent.sent[count:])  # a person went back


def test_what_a_person_has_given_stays(running: Running, admin: Browser, sent: Sent) -> None:
    for number in (1, 2):
        review(running, admin, number)
    keep_to_it(running, admin)
    look(running)
    end(running, 1)
    with running.parts.database.writing() as session:
        job = Job(user_id=1, state="done", preset="cctv", asked=NOW, said="")  # a person's, later
        session.add(job)
        session.flush()
        session.add(Rollout(board_id=1, job_id=job.id, user_id=1, how="shadow", at=NOW, model="", said=""))
    look(running)
    assert sent.sent == []


def test_an_adaptation_of_a_persons_own_is_theirs_to_give(running: Running, admin: Browser, sent: Sent) -> None:
    for number in (1, 2):
        review(running, admin, number)
    keep_to_it(running, admin)
    look(running)
    end(running, 1)
    with running.parts.database.writing() as session:
        session.execute(update(Job).values(by_itself=False))
    look(running)
    assert sent.sent == []


@pytest.mark.parametrize(
    "wrong", [{"days": "1"}, {"days": "x"}, {"reviews": "0"}, {"reviews": "-1"}, {"use": "maybe"}, {"use": ""}]
)
def test_what_is_no_schedule(running: Running, admin: Browser, wrong: dict[str, str]) -> None:
    admin.get("/weights")
    fields = {"days": "30", "reviews": "5", "use": "no", **wrong}
    assert admin.post("/weights/schedule", **fields).status == 400
    assert "selected" not in re.sub(r".*By itself", "", admin.get("/weights").text, flags=re.S)
