# SPDX-License-Identifier: BSD-3-Clause
"""From a camera to a person, every part real: an RTSP server that shows a drawn fight, `shiftcore run`, a broker, the
station with PostgreSQL, a browser."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest
from sqlalchemy import select

from shiftcore.quant.brawl import clip
from shiftcore.station.tables import Event, Review
from tests.driver.mosquitto import Mosquitto, eventually, needs_broker
from tests.station import rtsp_server
from tests.station.browser import Running
from tests.station.chromium import Page, browsing, needs_chromium
from tests.station.test_broker import subscriber
from tests.station.test_browser import fill_in

RATE, HEIGHT, WIDTH = 16, 240, 320  # images a second, rows, columns
SEED = 20260  # of none of the clips that the network learned from or was chosen on
SHOWN = "document.querySelector('.tile a[href^=\"/events/\"]') !== null"
"""The alarm that goes on, or the last one: on a busy machine the page may renew itself behind its end."""
SITE = """
secrets = "secrets.env"
state = "state"

[cameras.door]
address = "{camera}"

[sinks.station]
address = "http://127.0.0.1:{port}"
token = "${{STATION_TOKEN}}"

[sinks.mqtt]
address = "{broker}"

[clips]
folder = "clips"
"""


def filmed(path: Path, scenes: list[np.ndarray]) -> Path:
    """Scenes, uint8 `[T, H, W, 3]`, one after the other as a network camera codes them: H.264, a key frame a second."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE)
        stream.height, stream.width, stream.pix_fmt, stream.gop_size = *scenes[0].shape[1:3], "yuv420p", RATE
        stream.options = {"tune": "zerolatency"}
        for number, image in enumerate(image for scene in scenes for image in scene):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@contextmanager
def watching(folder: Path, site: str, token: str, *options: str) -> Iterator[None]:
    """`shiftcore run` of a site, as a service runs it."""
    folder.mkdir(exist_ok=True)
    (folder / "secrets.env").touch(mode=0o600)
    (folder / "secrets.env").write_text(f"STATION_TOKEN={token}\n")
    (folder / "site.toml").write_text(site)
    command = [sys.executable, "-m", "shiftcore", "run", str(folder / "site.toml"), *options]
    with (folder / "said.txt").open("w") as said, subprocess.Popen(command, stdout=said, stderr=said) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


def log_in(page: Page, running: Running) -> str:
    """Come in as the admin; the station's address."""
    station = f"http://127.0.0.1:{running.port}"
    page.open(f"{station}/login")
    fill_in(page, name="admin", password=running.password)
    assert page.becomes("location.pathname === '/password'")
    fill_in(page, old=running.password, new="long enough", again="long enough")
    assert page.becomes("location.pathname === '/' && document.querySelector('[data-live]') !== null")
    return station


@needs_chromium
@needs_broker
@pytest.mark.skipif(
    rtsp_server.python() is None,
    reason="no GStreamer RTSP server here (Debian: gir1.2-gst-rtsp-server-1.0, python3-gi)",
)
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_fight_before_a_camera_is_seen_and_reviewed(running: Running, broker: Mosquitto, tmp_path: Path) -> None:
    scenes = [clip(fight, RATE, HEIGHT, WIDTH, (SEED, fight), 6.0) for fight in (False, True, False)]
    video, lines = filmed(tmp_path / "scenes.mkv", scenes), list[str]()
    board = running.parts.accounts.set_board(socket.gethostname())
    with (
        rtsp_server.showing(video) as camera,
        browsing() as page,
        closing(subscriber(broker, running, tmp_path / "spool", lines)),
    ):
        station = log_in(page, running)
        site = SITE.format(camera=camera, port=running.port, broker=broker.address)
        with watching(tmp_path / "board", site, board):
            assert eventually(lambda: page.value(SHOWN) is True, 120)
            seen = datetime.now(timezone.utc)
            assert eventually(lambda: bool(alarms_with_clips(running)), 120)
        alarm = alarms_with_clips(running)[0]
        assert (alarm.camera, alarm.label) == ("door", "fight")
        page.open(f"{station}/events/{alarm.number}")
        assert page.becomes("document.querySelector('video').currentTime > 0")
        page.press("r")
        assert page.becomes("location.pathname === '/events'")
        assert eventually(lambda: reviews(running) == ["right"], 60)
    assert page.complaints == []
    print(f"{(seen - alarm.began).total_seconds():.2f} s from when the board raised it to the page")


class Alarm(NamedTuple):
    """What the station has of one."""

    number: int
    camera: str
    label: str
    began: datetime


def alarms_with_clips(running: Running) -> list[Alarm]:
    with running.parts.database.reading() as session:
        events = session.scalars(select(Event).where(Event.kind == "alarm").order_by(Event.id))
        return [
            Alarm(one.id, one.camera.name, one.label, one.began)
            for one in events
            if any(file.name.endswith(".mp4") for file in one.files)
        ]


def reviews(running: Running) -> list[str]:
    with running.parts.database.reading() as session:
        return [one.verdict for one in session.scalars(select(Review))]
