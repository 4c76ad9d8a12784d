# SPDX-License-Identifier: BSD-3-Clause
"""Pages: cameras, events and their filters, a review, false alarms a day, news by server-sent events."""

import re
import socket
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import select

from shiftcore.driver.events import Event
from shiftcore.station import accuracy, figures
from shiftcore.station.tables import Review
from shiftcore.station.web.parts import HERE
from tests.station.browser import Browser, Running, event
from tests.station.conftest import both_databases

PAGES = ("/", "/events", "/events/1", "/false-alarms", "/accuracy", "/weights", "/admin", "/password")


def trouble(camera: str, name: str, begin: bool = True) -> Event:
    return event(begin, which=f"{camera}-{name}", camera=camera, label=name, kind="trouble", score=0.0)


@both_databases
def test_the_overview_says_how_each_camera_is(running: Running, admin: Browser) -> None:
    assert "No camera has been heard of yet" in admin.get("/").shown
    running.send_clip(event())
    running.tell(trouble("yard", "lost"))
    running.tell(trouble("back", "black"))
    running.tell(trouble("back", "black", begin=False))
    running.ask("PUT", "/api/cameras", b'{"cameras": [{"name": "door", "risk": 0.97}]}')
    page = admin.get("/")
    back, door, yard = re.findall(r"<article.*?</article>", page.text, re.S)
    assert "ALARM: fight" in door
    assert "Risk 97 %" in door
    assert "lost" in yard
    assert "No alarm yet" in yard
    assert "watching" in back
    picture = re.search(r'src="(/cameras/\d+/[0-9a-f]{64}\.jpg)"', door)
    assert picture
    assert admin.get(picture[1]).headers["content-type"] == "image/jpeg"
    assert admin.get(picture[1].replace("cameras/1", "cameras/2")).status == 404
    running.tell(event(False))
    assert "ALARM" not in admin.get("/").text


@both_databases
def test_events_are_found_by_camera_kind_day_and_review(running: Running, admin: Browser) -> None:
    for number in range(figures.ON_A_PAGE + 2):
        running.tell(event(which=f"e{number}", utc=f"2026-11-{1 + number // 20:02}T10:00:{number:02}Z"))
    running.tell(trouble("yard", "lost"))
    admin.post("/events/2/review", verdict="wrong", action="")

    def found(query: str) -> int:
        return len(re.findall(r'<a href="/events/\d+"', admin.get(f"/events{query}").text))

    assert found("?kind=alarm") == figures.ON_A_PAGE
    assert found("?kind=alarm&page=1") == 2
    assert found("?camera=2") == 1
    assert found("?kind=trouble") == 1
    assert found("?review=wrong") == 1
    assert found("?first=2026-11-02&last=2026-11-02") == 20
    assert found("?last=2026-11-01") == 20
    older = re.search(r'href="(/events\?[^"]*)">older', admin.get("/events?kind=alarm").text)
    assert older
    assert len(re.findall(r'<a href="/events/\d+"', admin.get(older[1].replace("&amp;", "&")).text)) == 2


@both_databases
def test_a_review_is_kept_with_who_and_when_and_goes_on_to_the_next(running: Running, admin: Browser) -> None:
    for which in ("a1", "a2"):
        running.send_clip(event(which=which))
    assert admin.get("/review").headers["location"] == "/events/1?order=oldest"
    page = admin.get("/events/1").text
    assert '<video controls autoplay muted playsinline preload="auto" data-begins="5.0"' in page
    assert "<polyline points=" in page
    answer = admin.post("/events/1/review", verdict="wrong", action="  people who   dance ")
    assert (answer.status, answer.headers["location"]) == (303, "/events/2?order=oldest")
    assert admin.post("/events/2/review", verdict="right", action="").headers["location"] == "/events"
    assert admin.post("/events/1/review", verdict="unsure", action="").status == 303
    with running.parts.database.reading() as session:
        said = [(one.event_id, one.user.name, one.verdict, one.action) for one in session.scalars(select(Review))]
        now = datetime.now(timezone.utc)
        assert all(now - timedelta(minutes=5) < one.at <= now for one in session.scalars(select(Review)))
    assert said == [(1, "admin", "wrong", "people who dance"), (2, "admin", "right", ""), (1, "admin", "unsure", "")]
    shown = admin.get("/events/1").shown
    assert shown.index("admin: unsure") < shown.index("admin: wrong (people who dance)")
    for fields in ({"verdict": "right", "action": "x" * 81}, {"verdict": "maybe", "action": ""}):
        assert admin.post("/events/1/review", **fields).status == 400
    assert admin.post("/events/99/review", verdict="right", action="").status == 404


@both_databases
def test_false_alarms_a_camera_and_day_are_drawn(running: Running, admin: Browser) -> None:
    today = datetime.now(timezone.utc)
    for number, days in enumerate((0, 3, 3, 3, 60)):
        running.tell(event(which=f"e{number}", utc=(today - timedelta(days=days)).isoformat()))
        admin.get("/events/1")
        admin.post(f"/events/{number + 1}/review", verdict="wrong", action="")
    running.tell(event(which="right", camera="yard"))
    with running.parts.database.reading() as session:
        door, yard = figures.false_alarms(session, today.date())
    assert (door.total, door.most, yard.total) == (4, 3, 0)
    assert [(bar.day, bar.count, bar.height) for bar in door.bars] == [
        (today.date() - timedelta(days=3), 3, 80.0),
        (today.date(), 1, 80.0 / 3),
    ]
    assert all(bar.x >= 0 and bar.x + bar.width <= door.width for bar in door.bars)
    page = admin.get("/false-alarms")
    assert page.text.count("<rect ") == 2
    assert "4, at most 3 a day" in page.shown


@both_databases
def test_how_many_alarms_are_right_by_week_model_hour_and_camera(running: Running, admin: Browser) -> None:
    assert "None is reviewed as right or wrong yet." in admin.get("/accuracy").shown
    now = datetime.now(timezone.utc)
    noon = datetime.now().astimezone().replace(hour=12) - timedelta(days=14)
    told = [("door", noon, "0a", "right"), ("door", noon, "0a", "wrong"), ("door", noon, "0a", "unsure")]
    told += [("<b>yard", noon.replace(hour=3), "0b", "wrong"), ("door", now - timedelta(weeks=13), "0a", "wrong")]
    for number, (camera, at, model, verdict) in enumerate(told):
        running.tell(event(which=f"e{number}", camera=camera, utc=at.isoformat(), model=model))
        admin.get("/events/1")
        admin.post(f"/events/{number + 1}/review", verdict=verdict, action="")
    with running.parts.database.reading() as session:
        found = accuracy.accuracy(session, now)
    assert (sum(one.right for one in found.weeks), sum(one.wrong for one in found.weeks)) == (1, 2)
    assert {one.name: (one.right, one.wrong) for one in found.models} == {"0a": (1, 1), "0b": (0, 1)}
    assert {one.name: (one.right, one.wrong) for one in found.hours} == {"day": (1, 1), "night": (0, 1)}
    assert [(one.name, one.accuracy) for one in found.cameras] == [("gate: <b>yard", 0.0), ("gate: door", 0.5)]
    page = admin.get("/accuracy")
    assert "gate: door 1 1 50 %" in page.shown
    assert "<b>" not in page.text


def test_of_many_cameras_those_come_first_of_which_something_goes_on(
    running: Running, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "TILES", 3)
    monkeypatch.setattr(figures, "CHARTS", 3)
    for number in range(7):
        running.tell(event(which=f"e{number}", camera=f"c{number}"))
        if number != 5:
            running.tell(event(False, which=f"e{number}", camera=f"c{number}"))
    admin.get("/events/7")
    admin.post("/events/7/review", verdict="wrong", action="")
    heading = r"<h2><a [^>]*>(c\d)</a>"
    shown = [re.findall(heading, admin.get(f"/?page={page}").text) for page in range(4)]
    assert shown == [["c5", "c0", "c1"], ["c2", "c3", "c4"], ["c6"], []]
    assert "more cameras" in admin.get("/").shown
    assert "more cameras" not in admin.get("/?page=2").shown
    assert re.findall(heading, admin.get("/false-alarms").text) == ["c6", "c0", "c1"]


def test_news_comes_by_server_sent_events(running: Running, admin: Browser) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as connection:
        ask = f"GET /live HTTP/1.1\r\nHost: x\r\nCookie: station={admin.cookie}\r\n\r\n"
        connection.sendall(ask.encode())
        seen = b""
        while b"retry: 2000" not in seen:
            seen += connection.recv(4096)
        assert b"text/event-stream" in seen
        assert b"data:" not in seen
        running.tell(event())
        while b"data: 1\n\n" not in seen:
            seen += connection.recv(4096)


def test_pages_fit_a_telephone_and_hold_no_script_style_or_address_of_others(running: Running, admin: Browser) -> None:
    running.send_clip(event())
    for path in PAGES:
        page = admin.get(path)
        assert page.status == 200, path
        assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page.text
        assert not re.search(r"<script(?! src=\"/static/station\.js\" defer></script>)", page.text), path
        assert not re.search(r"\bstyle=|<style|\bon\w+=", page.text), path
        assert not re.search(r"(?:src|href)=\"(?!/)", page.text), path
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert page.headers["cache-control"] == "no-store"
    assert admin.get("/static/station.js").status == 200
    assert admin.get("/static/station.css").headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("path", sorted((HERE / "templates").glob("*.html")), ids=lambda path: path.name)
def test_each_form_that_changes_anything_has_a_token(path: Path) -> None:
    forms = re.findall(r'<form method="post".*?</form>', path.read_text(), re.S)
    assert [form for form in forms if 'name="token" value="{{ token }}"' not in form] == []
    assert "|safe" not in path.read_text().replace(" ", "")
