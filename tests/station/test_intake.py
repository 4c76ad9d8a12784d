# SPDX-License-Identifier: BSD-3-Clause
"""What boards tell: each event once, clips whole, by the real sinks; what the station misses comes later."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from shiftcore.driver.events import Event as Told
from shiftcore.driver.sinks import CameraState, Place, Sinks, courier
from shiftcore.driver.sinks import station as station_sink
from shiftcore.driver.sinks.sink import Sink
from shiftcore.driver.sinks.station import StationSettings
from shiftcore.driver.sinks.webhook import WebhookSettings
from shiftcore.station import figures, files
from shiftcore.station.server import serving
from shiftcore.station.tables import Camera, Event, File
from tests.driver.mosquitto import eventually
from tests.station.browser import JPEG, MP4, Browser, Running, ask, event
from tests.station.conftest import both_databases


def kept(running: Running) -> list[Event]:
    with running.parts.database.reading() as session:
        return list(session.scalars(select(Event).order_by(Event.id)))


@both_databases
def test_an_event_is_kept_once_from_begin_to_end_however_often_it_comes(running: Running) -> None:
    for told in (event(), event(), event(False), event(False), event(), event(which="b2")):
        assert running.tell(told).status == 204
    first, second = kept(running)
    assert (first.told, first.kind, first.label, first.score, first.model) == ("a1", "alarm", "fight", 0.95, "1f0c22ab")
    assert first.began.isoformat() == "2026-11-27T10:00:00+00:00"
    assert first.ended is not None
    assert first.ended.isoformat() == "2026-11-27T10:00:05+00:00"
    assert (second.told, second.ended) == ("b2", None)


@both_databases
def test_an_end_before_its_begin_is_the_same_event(running: Running) -> None:
    assert running.tell(event(False)).status == 204
    assert kept(running)[0].began.isoformat() == "2026-11-27T09:59:59.500000+00:00"  # as long before as it counted
    assert running.tell(event()).status == 204
    (one,) = kept(running)
    assert one.began.isoformat() == "2026-11-27T10:00:00+00:00"
    assert one.ended is not None


@both_databases
def test_boards_are_kept_apart(running: Running) -> None:
    running.tell(event())
    other = Running(running.parts, running.port, "", running.parts.accounts.set_board("yard"))
    other.tell(event(False, camera="back"))
    assert [(one.board_id, one.ended is None) for one in kept(running)] == [(1, True), (2, False)]
    assert other.ask("PUT", "/api/events/b9/x.jpg", JPEG).status == 422  # no event of that board's
    assert running.tell(event(which="a1", camera="other")).status == 422  # its id is another camera's


def test_the_webhook_sink_tells_a_station_as_it_is(running: Running, tmp_path: Path) -> None:
    lines: list[str] = []
    sink = WebhookSettings(f"http://127.0.0.1:{running.port}/api/events", running.token).open(
        Place("hook", tmp_path / "spool", lines.append)
    )
    sink.publish(event())
    sink.publish(event(False))
    assert sink.close(60) == 0
    assert [one.told for one in kept(running)] == ["a1"]
    assert lines == []


def clip_of(folder: Path, name: str, told: Told, video: bytes = MP4) -> Path:
    """A clip's files, as the service writes them."""
    path = folder / name
    about = {**told, "begins": 5.0, "scores": [[20.0, 0.1], [25.0, 0.9]]}
    for suffix, content in ((".mp4", video), (".jpg", JPEG), (".json", json.dumps(about).encode())):
        path.with_name(name + suffix).write_bytes(content)
    return path


@both_databases
def test_the_station_sink_brings_events_clips_and_how_cameras_are(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(station_sink, "SHOWN_S", 0.02)
    lines: list[str] = []
    sinks = Sinks(tmp_path / "spool", lines.append)
    sinks.set({"station": StationSettings(f"http://127.0.0.1:{running.port}", running.token)})
    sinks.show([CameraState("door", 9, 0, 16.0, (1, 1), "fight", 0.974, "raised", 1, ())])
    sinks.publish(event())
    sinks.publish(event(False))
    sinks.clip(event(False), clip_of(tmp_path, "20261127T100000-door-a1", event(False)), JPEG)

    def arrived() -> bool:
        with running.parts.database.reading() as session:
            camera = session.scalar(select(Camera))
            return camera is not None and camera.risk == 0.97 and len(session.scalars(select(File)).all()) == 3

    assert eventually(arrived, 60)
    sinks.close()
    assert lines == []
    with running.parts.database.reading() as session:
        files = {file.part: file for file in session.scalars(select(File))}
        assert running.parts.store.path(files["mp4"].digest).read_bytes() == MP4
        assert files["jpg"].name == "20261127T100000-door-a1.jpg"
        assert figures.overview(session)[0][0].camera.picture == files["jpg"].digest


def opened_sink(port: int, token: str, folder: Path, lines: list[str]) -> Sink:
    return StationSettings(f"http://127.0.0.1:{port}", token).open(Place("station", folder / "spool", lines.append))


def test_what_is_told_while_the_station_is_away_comes_later(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "PAUSE_S", (0.05, 0.1))
    lines: list[str] = []
    with serving(running.parts, "127.0.0.1", 0) as port:
        pass  # nobody is there any more
    sink = opened_sink(port, running.token, tmp_path, lines)
    told, gone = event(), event(which="b2")
    sink.publish(told)
    sink.clip(told, clip_of(tmp_path, "one", told))
    sink.publish(gone)
    sink.clip(gone, tmp_path / "made-room")
    monkeypatch.setattr(station_sink, "LARGEST", len(MP4) + 10)
    sink.clip(told, clip_of(tmp_path, "large", told, MP4 + bytes(11)))
    assert eventually(lambda: any("kept in the spool" in line for line in lines), 60)
    assert sink.close(0.0) == 5
    running.parts.closing = False
    with serving(running.parts, "127.0.0.1", port):
        again = opened_sink(port, running.token, tmp_path, lines)
        assert again.close(60) == 0
    with running.parts.database.reading() as session:
        assert [one.told for one in session.scalars(select(Event))] == ["a1", "b2"]
        assert len(session.scalars(select(File)).all()) == 3
    assert [why for line in lines for why in ("made room", "larger than") if "left out" in line and why in line] == [
        "made room",
        "larger than",
    ]


def test_a_clip_plays_from_any_place(running: Running, admin: Browser) -> None:
    running.send_clip(event())  # its JSON is the event, too
    whole = admin.get("/events/1/clip.mp4")
    assert (whole.status, whole.body, whole.headers["content-type"]) == (200, MP4, "video/mp4")
    assert whole.headers["accept-ranges"] == "bytes"
    part = admin.get("/events/1/clip.mp4", Range="bytes=100-199")
    assert (part.status, part.body) == (206, MP4[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(MP4)}"
    assert admin.get("/events/1/clip.mp4", Range=f"bytes={len(MP4) + 5}-").status == 416
    assert admin.get("/events/2/clip.mp4").status == 404
    assert admin.get("/events/1/clip.exe").status == 404


@both_databases
def test_a_cameras_live_picture_takes_the_place_of_the_one_before(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SETTLED_S", -1.0)

    def put(name: str, content: bytes) -> int:
        return running.ask("PUT", f"/api/cameras/{name}/picture", content).status

    def kept() -> tuple[set[str], set[str]]:
        with running.parts.database.reading() as session:
            shown = {one.name: one.picture or "" for one in session.scalars(select(Camera))}
        return set(shown), {path.name for path in running.parts.store.all()} ^ set(shown.values())

    assert [put("door", JPEG + bytes([number])) for number in range(3)] == [204] * 3
    assert put("http%3A%2F%2F10.0.0.5%2Fx", JPEG + b"\2") == 204  # the same
    assert kept() == ({"door", "http://10.0.0.5/x"}, set())
    assert put("door", JPEG) == 204
    assert kept() == ({"door", "http://10.0.0.5/x"}, set())
    assert put("door", b"<svg>") == 415
    assert put("door", JPEG + bytes(1 << 20)) == 413
    assert put("a%00b", JPEG) == 422
    assert put("a" * 201, JPEG) == 422
    assert ask(running.port, "PUT", "/api/cameras/door/picture", JPEG, {"Authorization": "Bearer x"}).status == 401
    assert len(kept()[0]) == 2
