# SPDX-License-Identifier: BSD-3-Clause
"""Frames from cameras: called for ever, in time, and one line for what is wrong with them."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from shiftcore.driver.address import Address
from shiftcore.driver.sources import Image, Source, interleave, live, open_sources
from shiftcore.driver.sources.files import Files
from shiftcore.driver.sources.live import Live
from shiftcore.driver.sources.source import Stamped
from shiftcore.model import video
from shiftcore.model.sampling import Wanted
from tests.driver.footage import LIMIT_S, joined, pictures
from tests.driver.http_camera import MjpegCamera
from tests.driver.rtsp_camera import Camera, transport_stream

LUMA = Wanted(luma=True)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly a pause between two attempts."""
    monkeypatch.setattr(live, "PAUSE_S", (0.01, 0.04))


Make = Callable[..., Camera]


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[Make]:
    made: list[Camera] = []

    def make(count: int = 12, pace_s: float = 0.0, freeze: bool = False) -> Camera:
        content = transport_stream(tmp_path / "camera.ts", pictures(count)).read_bytes()
        made.append(Camera(content, pace_s, freeze))
        return made[-1]

    yield make
    for one in made:
        one.close()


def drain(source: Source, until: Callable[[list[Image]], bool]) -> list[Image]:
    images: list[Image] = []
    end = time.monotonic() + LIMIT_S
    while not until(images):
        image = source.take()
        images += [image] if image else []
        assert time.monotonic() < end, "the camera hangs"
    return images


@pytest.mark.usefixtures("at_once")
def test_a_camera_that_hangs_up_is_called_again(reader: str, camera: Make, said: list[str]) -> None:
    door = camera(count=40, pace_s=0.002)
    (source,) = open_sources([door.address], None, said.append)
    assert source.live
    images = drain(source, lambda images: sum(image.first for image in images) == 3)
    source.close()
    starts = [index for index, image in enumerate(images) if image.first]
    assert starts[0] == 0 and all(images[start].number == 0 or source.dropped for start in starts)
    assert all(a.seconds <= b.seconds for a, b in pairwise(images))
    assert images[0].pixels.shape == (48, 64, 3)
    assert said[:2] == [f"{door.address}: the camera ended the connection; called again in 0.01 s",
                        f"{door.address}: sends again"] or "sends no more frames" in said[0]  # fmt: skip


@pytest.mark.usefixtures("at_once")
def test_a_camera_that_stays_away_is_called_for_ever(
    reader: str, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is there when it comes, at the same address."""
    content = transport_stream(tmp_path / "camera.ts", pictures(40)).read_bytes()
    away = Camera(content)
    away.close()
    (source,) = open_sources([away.address], None, said.append)
    end = time.monotonic() + LIMIT_S
    while not any("every 0.04 s" in line for line in said) and time.monotonic() < end:
        assert source.take() is None
        time.sleep(0.01)
    time.sleep(0.3)
    assert not source.done and source.interrupted and source.problems == 0
    assert ["in 0.01 s" in said[0], "in 0.02 s" in said[1], "every 0.04 s" in said[2]] == [True] * 3
    assert len(said) == 3, "the longest pause is told once"
    back = Camera(content, pace_s=0.002, port=int(away.address.split(":")[2].split("/")[0]))
    images = drain(source, lambda images: len(images) > 3)
    assert images[0].first and not source.interrupted and said[3] == f"{away.address}: sends again"
    source.close()
    back.close()


@pytest.mark.usefixtures("at_once")
def test_a_camera_that_goes_silent_is_called_again(
    reader: str, camera: Make, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "TIMEOUT_S", 2.0)
    door = camera(count=60, freeze=True)
    (source,) = open_sources([door.address], None, said.append)
    drain(source, lambda images: any(image.first for image in images[1:]) or door.connections > 1)
    source.close()
    assert said[0].startswith(f"{door.address}: ") and said[0].endswith("; called again in 0.01 s")
    assert "stalled: no picture for 2 s" in said[0] or "no answer within 2 s" in said[0], said


def test_the_newest_frames_are_kept_and_the_rest_counted(
    camera: Make, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "TIMEOUT_S", 2.0)
    door = camera(count=40, pace_s=0.002, freeze=True)
    (source,) = open_sources([door.address], None, said.append)
    end = time.monotonic() + LIMIT_S
    while source.dropped < 20 and time.monotonic() < end:
        time.sleep(0.01)
    first = source.take()
    assert isinstance(source, Live) and first is not None
    assert source.dropped >= 20 and first.first and first.number >= 20 - live.QUEUED  # what began still begins
    source.close()


def test_whoever_closes_a_silent_camera_waits_for_its_thread(
    reader: str, camera: Make, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "TIMEOUT_S", 2.0)
    monkeypatch.setattr(live, "PATIENCE_S", 0.1)
    door = camera(count=12, freeze=True)
    (source,) = open_sources([door.address], None, said.append)
    drain(source, lambda images: len(images) > 0)
    time.sleep(0.5)  # all are sent: what follows is silence
    source.close()
    assert door.address not in {thread.name for thread in threading.enumerate()}
    assert said == [f"{door.address}: silent; the end waits for it, 2 s at most"]
    assert source.done and door.connections == 1  # nobody called again


def test_one_who_stops_a_camera_does_not_wait(camera: Make, said: list[str]) -> None:
    (source,) = open_sources([camera(count=100, pace_s=0.01).address], None, said.append)
    drain(source, lambda images: len(images) > 0)
    source.stop()
    assert source.done and list(interleave([source])) == []
    source.close()
    assert said == []


def test_without_frames_there_is_nothing_to_take_but_others_go_on(
    camera: Make, said: list[str], tmp_path: Path
) -> None:
    video.write(tmp_path / "a.mp4", pictures(6))
    door = camera(count=100, pace_s=0.01, freeze=True)
    opened = open_sources([door.address, str(tmp_path / "a.mp4")], None, said.append)
    end, counts = time.monotonic() + LIMIT_S, [0, 0]
    for item in interleave(opened):
        if item:
            counts[item[0]] += 1
        assert time.monotonic() < end
        if counts[0] >= 8 and counts[1] == 6:
            break
    assert isinstance(opened[1], Files) and opened[1].done
    opened[0].close()


@pytest.mark.parametrize("rate", [None, 16])
def test_a_camera_whose_clock_jumps_goes_on(
    reader: str, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch, rate: int | None
) -> None:
    monkeypatch.setattr(live, "QUEUED", 1000)
    monkeypatch.setattr(live, "PAUSE_S", (60.0, 60.0))
    content = joined(tmp_path, [100, 40]).read_bytes()
    door = Camera(content, pace_s=4 * 1316 / len(content))  # 4 seconds of footage
    (source,) = open_sources([door.address], rate, said.append)
    images = drain(source, lambda _: source.interrupted)
    source.close()
    door.close()
    assert len(images) > 0.8 * (100 if rate is None else 64)
    assert all(0 <= b.seconds - a.seconds < 2 for a, b in pairwise(images))
    assert sum("its clock jumps by -6" in line for line in said) == 1


@pytest.mark.parametrize("rate", [None, 16])
def test_pictures_over_http_have_the_time_of_their_arrival(reader: str, said: list[str], rate: int | None) -> None:
    """They come without a clock; FFmpeg invents one, 25 a second."""
    camera = MjpegCamera(pictures(20), rate=5)
    (source,) = open_sources([camera.address], rate, said.append)
    images: list[tuple[float, Image]] = []
    while len(images) < 12:
        image = source.take()
        images += [(time.monotonic(), image)] if image else []
        time.sleep(0.002)
    source.close()
    camera.close()
    (began, first), (ended, last) = images[0], images[-1]
    assert last.seconds - first.seconds == pytest.approx(ended - began, abs=0.5)
    assert last.number <= 14 and said == []  # slower than the rate: all are taken but what came in a burst


@pytest.mark.parametrize("login", ["user:CANARY", "user:CANARY/?#@"])
def test_a_wrong_password_is_told_never_shown_and_seldom_tried(reader: str, said: list[str], login: str) -> None:
    camera = MjpegCamera(pictures(2), rate=5, login="user:right")
    user, password = login.split(":")
    address = f"http://{user}:{quote(password, safe='')}@127.0.0.1:{camera.port}/video?token=CANARY&channel=1"
    (source,) = open_sources([address], None, said.append)
    end = time.monotonic() + LIMIT_S
    while not said and time.monotonic() < end:
        time.sleep(0.01)
    names = {thread.name for thread in threading.enumerate()}
    time.sleep(2)
    source.stop()
    source.close()
    camera.close()
    shown = f"http://127.0.0.1:{camera.port}/video?token=***&channel=1"
    assert said == [f"{shown}: refuses user and password (401 Unauthorized); look at its address; called again in 60 s"]
    assert source.name == shown and "CANARY" not in "".join(names)
    assert 0 < camera.logins <= (1 if reader == "PyAV" else 2)


def test_the_right_password_opens(reader: str, said: list[str]) -> None:
    camera = MjpegCamera(pictures(2), rate=25, login="user:right")
    (source,) = open_sources([f"http://user:right@127.0.0.1:{camera.port}/video"], None, said.append)
    (image,) = drain(source, lambda images: len(images) == 1)
    source.close()
    camera.close()
    assert image.source == f"http://127.0.0.1:{camera.port}/video" and said == []


def test_one_cameras_surprises_are_its_own(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(address: Address, *_: object) -> Iterator[Stamped]:
        raise ValueError(f"cannot digest {address.secret}\nnor CANARY")

    monkeypatch.setattr(live, "_read_live", broken)
    source = Live("rtsp://user:CANARY@door/1", None, said.append)
    time.sleep(0.3)
    source.close()
    assert said == ["rtsp://door/1: ValueError: cannot digest rtsp://door/1 nor ***; called again in 1 s"]


BLACK = np.zeros((4, 4, 3), np.uint8)


@pytest.mark.usefixtures("at_once")
def test_a_cameras_frames_are_taken_by_the_clock_from_each_connection_on(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stamped = [(5 + index / 10, lambda: (BLACK, None)) for index in range(7)]
    monkeypatch.setattr(live, "_read_live", lambda *_: iter(stamped))
    monkeypatch.setattr(live, "QUEUED", 100)
    monkeypatch.setattr(live, "PAUSE_S", (0.05, 0.05))
    source = Live("rtsp://camera", 4, said.append)
    images = drain(source, lambda images: len(images) == 6)
    source.close()
    assert [(image.number, image.first) for image in images] == [(0, True), (3, False), (5, False)] * 2
    begins = [image.seconds for image in images[::3]]
    assert [image.seconds - begins[index // 3] for index, image in enumerate(images)] == pytest.approx(
        [0, 0.3, 0.5] * 2
    )
    assert begins[1] >= images[2].seconds


def test_a_camera_whose_images_do_not_fit_is_told_of_once_and_kept(camera: Make, said: list[str]) -> None:
    (source,) = open_sources([camera(count=100, pace_s=0.01).address], None, said.append, LUMA)
    for _ in range(3):
        drain(source, lambda images: len(images) > 0)
        source.refuse("too small")
    assert not source.done and said == ["too small"] and source.problems == 1
    drain(source, lambda images: len(images) > 0)
    source.close()
