# SPDX-License-Identifier: BSD-3-Clause
"""What is tried against a station, one test each: it holds."""

import hashlib
import json
from pathlib import Path

import pytest
from sqlalchemy import func, select

from shiftcore.station import accounts, files
from shiftcore.station.tables import Camera, Event, File, User
from tests.station.browser import JPEG, MP4, Browser, Running, ask, event
from tests.station.conftest import both_databases

SQL = "x'; DROP TABLE events; --"
MARKUP = "<script src=/static/station.js></script><img src=x onerror=alert(1)>\"'"


def count(running: Running, table: type[Event | File | Camera | User]) -> int:
    with running.parts.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@both_databases
def test_injection(running: Running, admin: Browser) -> None:
    assert running.tell(event(which="a1", camera=SQL, label=SQL, source=SQL)).status == 204
    for query in ("camera=1%20OR%201=1", "review=x'%20OR%20''='", "first=2026-01-01'--", "kind=alarm'--", "page=-1"):
        answer = admin.get(f"/events?{query}")
        assert answer.status == 200
        assert SQL in answer.shown
    assert admin.get("/events/1%20OR%201=1").status == 422
    assert admin.get("/events/99999999999999999999").status == 404
    admin.get("/events/1")
    assert admin.post("/events/1/review", verdict="right", action=SQL).status == 303
    assert admin.post("/events/1/review", verdict="right", action="a\0b").status == 400
    for name in ("' OR ''='", "admin\0"):
        assert Browser(running.port).log_in(name, "' OR ''='").status == 403
    assert SQL in admin.get("/events/1").shown
    assert count(running, Event) == 1


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd.mp4",
        "..%2f..%2f..%2fetc%2fpasswd.mp4",
        "%2e%2e/%2e%2e/x.mp4",
        "..\\..\\x.mp4",
        "/etc/passwd.mp4",
        "x%00.mp4",
        "x.mp4%0d%0aSet-Cookie:%20station=1.mp4",
        ".x.mp4",
        "x.html",
        "x.mp4.html",
        "x" * 300 + ".mp4",
    ],
)
def test_path_traversal_in_clip_names(running: Running, tmp_path: Path, name: str) -> None:
    running.tell(event())
    before = sorted(tmp_path.rglob("*"))
    assert running.ask("PUT", f"/api/events/a1/{name}", MP4).status in (400, 404, 405, 422)
    assert running.ask("PUT", f"/api/events/..%2f..%2fx/{name}", MP4).status in (400, 404, 405, 422)
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(KeyError):
        running.parts.store.path("../" * 20 + "etc/passwd")


def test_a_clip_lies_under_its_digest_whatever_it_is_called(running: Running, tmp_path: Path) -> None:
    running.send_clip(event(), "a..b")
    digest = hashlib.sha256(MP4).hexdigest()
    assert (tmp_path / "station" / "files" / digest[:2] / digest).read_bytes() == MP4
    assert [path for path in tmp_path.rglob("*") if "a..b" in path.name] == []


def test_stored_xss_through_names_that_a_board_gives(running: Running, admin: Browser) -> None:
    told = event(camera=MARKUP, label=MARKUP[:80], source=MARKUP, model=MARKUP[:64])
    running.send_clip(told)
    admin.get("/events/1")
    admin.post("/events/1/review", verdict="wrong", action=MARKUP[:80])
    for path in ("/", "/events", "/events/1", "/false-alarms"):
        page = admin.get(path)
        assert "<img src=x" not in page.text
        assert page.text.count("<script") == 1
        assert "<img src=x onerror=alert(1)>" in page.shown or "onerror" in page.shown  # as text
    clip = admin.get("/events/1/clip.json")
    assert (clip.headers["content-type"], clip.headers["x-content-type-options"]) == ("application/json", "nosniff")


def test_csrf(running: Running, admin: Browser) -> None:
    running.tell(event())
    admin.get("/events/1")
    good = {"token": admin.token, "verdict": "wrong", "action": ""}
    other = Browser(running.port)
    other.get("/login")
    for fields in ({**good, "token": ""}, {**good, "token": other.token}, {"verdict": "wrong", "action": ""}):
        assert admin.send("/events/1/review", fields).status == 403
    assert admin.send("/events/1/review", good, **{"Sec-Fetch-Site": "cross-site"}).status == 403
    admins = (
        "/admin/users",
        "/admin/boards",
        "/weights/data-set",
        "/weights/jobs",
        "/weights/rollouts",
        "/weights/schedule",
    )
    for path in ("/login", "/logout", "/password", *admins):
        assert admin.send(path, {"name": "eve", "role": "admin"}).status == 403, path
    assert admin.get("/events/1/review").status == 405
    assert (count(running, User), admin.get("/").status) == (1, 200)
    assert admin.send("/events/1/review", good, **{"Sec-Fetch-Site": "same-origin"}).status == 303


def test_session_fixation(running: Running) -> None:
    victim, fixed = Browser(running.port), "f" * 43
    victim.cookie = fixed
    page = victim.get("/login")
    answer = victim.post("/login", name="admin", password=running.password)
    assert (page.status, answer.status) == (200, 303)
    assert victim.cookie != fixed
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie
    attacker = Browser(running.port)
    attacker.cookie = fixed
    assert attacker.get("/password").headers["location"] == "/login"
    before = victim.cookie
    victim.get("/password")
    victim.post("/password", old=running.password, new="long enough", again="long enough")
    assert victim.cookie != before
    tls = ask(running.port, "GET", "/login", b"", {"X-Forwarded-Proto": "https"})  # of a proxy on this machine
    assert "secure" in tls.headers["set-cookie"].lower()


def test_brute_force(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser(running.port)
    answers = [browser.log_in("admin", f"guess {number}").shown for number in range(accounts.FAILURES + 1)]
    assert all("no user with that password" in answer for answer in answers[:-1])
    assert "Too many attempts" in answers[-1]
    assert "Too many attempts" in browser.log_in("admin", running.password).shown  # the right one neither
    assert "Too many attempts" in browser.log_in("other", "word").shown  # from this address nobody
    monkeypatch.setattr(accounts, "WITHIN_S", 0.0)
    assert browser.log_in("admin", running.password).status == 303


def test_no_answer_tells_whether_there_is_a_user(running: Running) -> None:
    browser = Browser(running.port)
    there, not_there = browser.log_in("admin", "word"), browser.log_in("nobody", "word")
    assert there.shown.replace("admin", "") == not_there.shown.replace("nobody", "")


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("x.mp4", b"<html>", 415),
        ("x.mp4", b"", 415),
        ("x.jpg", MP4, 415),
        ("x.jpg", b"GIF89a", 415),
        ("x.json", b"{", 415),
        ("x.json", b"[" * 100_000, 415),
        ("x.json", json.dumps({**event(), "begins": 1}).encode(), 415),
        ("x.json", json.dumps({**event(), "begins": 1, "scores": [[0, 9]]}).encode(), 415),
        ("x.json", json.dumps({**event(which="b2"), "begins": 1, "scores": [[0, 0.5]]}).encode(), 422),
        ("x.json", json.dumps({"begins": 1, "scores": [[0, 0.5]]}).encode(), 422),
    ],
)
def test_a_malformed_upload(running: Running, tmp_path: Path, name: str, content: bytes, status: int) -> None:
    running.tell(event())
    assert running.ask("PUT", f"/api/events/a1/{name}", content).status == status
    assert count(running, File) == 0
    assert [path for path in (tmp_path / "station" / "files").rglob("*") if path.is_file()] == []


def test_an_oversized_upload(running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running.tell(event())
    monkeypatch.setitem(files.LIMITS, "jpg", 100_000)
    assert running.ask("PUT", "/api/events/a1/x.jpg", JPEG + bytes(99_000)).status == 204
    assert running.ask("PUT", "/api/events/a1/y.jpg", JPEG + bytes(100_000)).status == 413
    assert running.ask("POST", "/api/events", b" " * 70_000).status == 413
    assert running.ask("PUT", "/api/cameras", b" " * 70_000).status == 413
    browser = Browser(running.port)
    assert browser.send("/login", {"name": "x" * 70_000}).status == 413
    assert len([path for path in (tmp_path / "station" / "files").rglob("*") if path.is_file()]) == 1
    many = json.dumps({"cameras": [{"name": f"c{number}", "risk": 0.5} for number in range(257)]}).encode()
    assert running.ask("PUT", "/api/cameras", many).status == 422


def test_a_full_disk_is_no_reason_to_leave_a_clip_out(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    running.tell(event())
    monkeypatch.setattr(files, "free", lambda _: 0)
    assert running.ask("PUT", "/api/events/a1/x.jpg", JPEG).status == 507  # which a board tries again
    monkeypatch.undo()
    assert running.ask("PUT", "/api/events/a1/x.jpg", JPEG).status == 204


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "../x"},
        {"id": ""},
        {"id": "x" * 65},
        {"event": "middle"},
        {"kind": "<b>"},
        {"camera": ""},
        {"camera": "x" * 201},
        {"class": 5},
        {"score": 1.5},
        {"score": float("nan")},
        {"score": "high"},
        {"seconds": -1},
        {"utc": "yesterday"},
        {"utc": "2026-11-27T10:00:00"},
        {"utc": "0001-01-01T00:00:00+23:59"},
        {"camera": "a\0b"},
        {"source": "a\nb"},
        {"class": "\ud800"},
    ],
)
def test_a_malformed_event(running: Running, wrong: dict[str, object]) -> None:
    told = {**event(), **wrong}
    assert running.ask("POST", "/api/events", json.dumps(told).encode()).status == 422
    assert (count(running, Event), count(running, Camera)) == (0, 0)


def test_a_wrong_token(running: Running, admin: Browser) -> None:
    for header in ("", "Bearer", "Bearer wrong", f"Basic {running.token}", "Bearer \xff", f"Bearer {running.token}x"):
        for method, path in (("POST", "/api/events"), ("PUT", "/api/cameras"), ("PUT", "/api/events/a1/x.jpg")):
            answer = running.ask(method, path, json.dumps(event()).encode(), Authorization=header)
            assert answer.status == 401, header
    told = json.dumps(event()).encode()
    assert ask(running.port, "POST", "/api/events", told, {"Cookie": f"station={admin.cookie}"}).status == 401
    assert (count(running, Event), count(running, File)) == (0, 0)
    browser = Browser(running.port)
    browser.cookie = running.token  # nor is a board's token a session
    assert browser.get("/").headers["location"] == "/login"


def test_a_replayed_event_changes_nothing(running: Running, admin: Browser) -> None:
    running.send_clip(event())
    running.tell(event(False))
    admin.get("/events/1")
    admin.post("/events/1/review", verdict="wrong", action="")
    before = admin.get("/events/1").shown
    assert running.tell(event(label="theft", score=0.1, utc="2027-01-01T00:00:00Z")).status == 204
    assert running.tell(event(False, label="theft", utc="2027-01-01T00:00:00Z")).status == 204
    assert running.ask("PUT", "/api/events/a1/other.jpg", JPEG + b"another").status == 204
    assert admin.get("/events/1").shown == before
    assert admin.get("/events/1/clip.jpg").body == JPEG
    assert count(running, Event) == 1
