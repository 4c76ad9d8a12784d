# SPDX-License-Identifier: BSD-3-Clause
"""Old clips make room, and their events stay."""

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from shiftcore.station import retention
from shiftcore.station.files import COMING_S, Store
from shiftcore.station.retention import Limits, keep, make_room
from tests.station.browser import MP4, Browser, Running, event
from tests.station.conftest import both_databases

NOW = datetime.now(timezone.utc)
LATER = NOW + timedelta(days=1)


@pytest.fixture(autouse=True)
def disk(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes of one that is free enough; whatever a test puts there."""
    room = [retention.ROOM]
    monkeypatch.setattr(Store, "free", lambda _: room[0])
    return room


def clips(running: Running, admin: Browser, count: int) -> list[bool]:
    """Whether each of the first events still has its clip."""
    return [admin.get(f"/events/{number}/clip.mp4").status == 200 for number in range(1, count + 1)]


def send(running: Running, count: int) -> None:
    """Alarms a day apart, the last one three days ago, with clips of 10^6 bytes."""
    for number in range(count):
        began = NOW - timedelta(days=count + 2 - number)
        told = event(which=f"e{number}", utc=began.isoformat())
        running.send_clip(told, video=MP4[:12] + bytes([number]) * (10**6 - 12))


def files(running: Running) -> int:
    return len(list(running.parts.store.all()))


@both_databases
def test_by_age(running: Running, admin: Browser) -> None:
    send(running, 4)
    parts = running.parts
    make_room(parts.database, parts.store, Limits(), LATER)
    assert clips(running, admin, 4) == [True] * 4
    before = files(running)
    make_room(parts.database, parts.store, Limits(days=4.5), NOW)
    assert clips(running, admin, 4) == [False, False, True, True]
    assert files(running) == before  # what is younger than an hour may be of a clip that is coming
    make_room(parts.database, parts.store, Limits(), LATER)
    assert clips(running, admin, 4) == [False, False, True, True]
    assert files(running) < before
    assert admin.get("/events/1").status == 200


@both_databases
def test_by_size_the_oldest_first_and_last_those_that_teach(running: Running, admin: Browser) -> None:
    send(running, 5)
    for number, verdict in ((1, "wrong"), (2, "unsure"), (3, "right")):
        admin.post(f"/events/{number}/review", verdict=verdict, action="")
    parts = running.parts
    make_room(parts.database, parts.store, Limits(gigabytes=0.0042), LATER)
    assert clips(running, admin, 5) == [True, False, True, True, True]
    make_room(parts.database, parts.store, Limits(gigabytes=0.0021), LATER)
    assert clips(running, admin, 5) == [True, False, True, False, False]
    make_room(parts.database, parts.store, Limits(gigabytes=0.0011), LATER)
    assert clips(running, admin, 5) == [False, False, True, False, False]
    assert admin.get("/").text.count(".jpg") == 1  # a camera's last picture stays
    picture = admin.get("/").text.partition('img src="')[2].partition('"')[0]
    assert admin.get(picture).status == 200


def test_where_the_disk_is_full_the_oldest_that_do_not_teach(running: Running, admin: Browser, disk: list[int]) -> None:
    send(running, 4)
    admin.post("/events/1/review", verdict="wrong", action="")
    parts = running.parts
    disk[0] -= 1
    gone = make_room(parts.database, parts.store, Limits(), LATER)
    assert [clip.event for clip in gone] == [2]
    assert clips(running, admin, 4) == [True, False, True, True]
    disk[0] = 0
    make_room(parts.database, parts.store, Limits(), LATER)
    assert clips(running, admin, 4) == [True, False, False, False]
    assert make_room(parts.database, parts.store, Limits(), LATER) == []


def test_by_age_those_that_teach_as_well_and_for_size_no_more_than_that(running: Running, admin: Browser) -> None:
    send(running, 4)
    admin.post("/events/1/review", verdict="wrong", action="")
    parts = running.parts
    make_room(parts.database, parts.store, Limits(days=5.5, gigabytes=0.0032), NOW)
    assert clips(running, admin, 4) == [False, True, True, True]


def test_what_went_is_said(running: Running, admin: Browser, tmp_path: Path) -> None:
    send(running, 2)
    left = tmp_path / "station" / "files" / "incoming" / "left"  # by a process that was killed
    left.touch()
    for path in (left, *running.parts.store.all()):
        os.utime(path, (0, 0))
    lines, parts = list[str](), running.parts
    for _ in range(2):
        keep(parts.database, parts.store, Limits(gigabytes=0.0011), lines.append)
    assert not left.exists()
    assert files(running) == 3  # a video, a course, the picture of both
    assert lines == ["old clips made room: 1, of which 0 are reviewed as right or wrong"]
    assert clips(running, admin, 2) == [False, True]
    assert retention.EACH_S < COMING_S
