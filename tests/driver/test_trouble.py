# SPDX-License-Identifier: BSD-3-Clause
"""Pictures that show nothing are told of, begin and end: on made pictures, and from a camera over HTTP."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from shiftcore.driver.service import trouble
from shiftcore.driver.service.trouble import AFTER_S, Sight, grid
from shiftcore.driver.sources import Image
from shiftcore.flow.command import app
from tests.driver.http_camera import MjpegCamera

RNG = np.random.default_rng(5)
SCENE = RNG.integers(30, 220, (120, 160)).astype(np.int16)


def noisy(level: int = 3) -> np.ndarray:
    return np.clip(SCENE + RNG.integers(-level, level + 1, SCENE.shape), 0, 255).astype(np.uint8)


def black() -> np.ndarray:
    return RNG.integers(14, 24, SCENE.shape, dtype=np.uint8)


def hand() -> np.ndarray:
    return RNG.integers(90, 110, SCENE.shape, dtype=np.uint8)


def still() -> np.ndarray:
    return SCENE.astype(np.uint8)


def night() -> np.ndarray:
    """A dark yard with a lamp in it."""
    picture = black()
    picture[20:60, 20:60] = 140
    return picture


def changes(parts: list[tuple[Callable[[], np.ndarray], int]], rgb: bool = False) -> list[tuple[str, bool, float]]:
    """What changes, and when, while each picture is seen for so many seconds, twice a second."""
    sight, has, found, now = Sight(), dict.fromkeys(AFTER_S, False), [], 0.0
    for picture, seconds in parts:
        for _ in range(2 * seconds):
            pixels = picture()
            shown = np.repeat(pixels[..., None], 3, 2) if rgb else pixels
            for name, holds in sight.look(Image(shown, now, 0, "a", now == 0)):
                if holds != has[name]:
                    has[name] = holds
                    found.append((name, holds, now))
            now += 0.5
    return found


@pytest.mark.parametrize("rgb", [False, True])
@pytest.mark.parametrize(("picture", "name"), [(black, "black"), (hand, "covered"), (still, "frozen")])
def test_each_trouble_begins_when_it_has_lasted_and_ends_at_once(
    picture: Callable[[], np.ndarray], name: str, rgb: bool
) -> None:
    after = int(AFTER_S[name])
    found = changes([(noisy, 20), (picture, after + 20), (noisy, 20)], rgb)
    begin = 20 + after + (name == "frozen")  # which takes two looks to be seen
    assert found == [(name, True, begin), (name, False, 40 + after)]


@pytest.mark.parametrize("picture", [noisy, night])
def test_what_is_in_order(picture: Callable[[], np.ndarray]) -> None:
    assert changes([(picture, 100)]) == []


def test_shorter_than_that_is_nothing() -> None:
    assert changes([(noisy, 5), *[(picture, seconds) for _ in range(3)
                    for picture, seconds in ((black, 4), (hand, 9), (still, 50), (noisy, 2))]]) == []  # fmt: skip


def test_a_camera_that_comes_back_with_the_same_picture_was_not_frozen_meanwhile() -> None:
    sight = Sight()
    looks = [sight.look(Image(still(), second, 0, "a", second % 50 == 0)) for second in map(float, range(100))]
    assert not any(dict(look).get("frozen") for look in looks)


def test_the_grid_is_small_and_of_integers() -> None:
    for shape in ((1080, 1920), (48, 48), (10, 2000), (97, 95)):
        values = grid(np.zeros(shape, np.uint8))
        assert values.dtype == np.uint8 and values.size < (2 * trouble.SIDE) ** 2


def test_a_camera_that_goes_black_is_an_event(
    tiny_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trouble, "LOOK_S", 0.2)
    monkeypatch.setattr(trouble, "AFTER_S", {"black": 0.5, "covered": 60.0, "frozen": 60.0})
    pictures = [np.repeat(picture()[..., None], 3, 2) for picture in [noisy] * 20 + [black] * 20]
    camera, log = MjpegCamera(pictures, 10), tmp_path / "events.jsonl"
    site = tmp_path / "site.toml"
    site.write_text(f'[cameras.door]\naddress = "{camera.address}"\n[sinks.file]\npath = "events.jsonl"\n')

    def found() -> list[dict]:
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def conduct() -> None:
        end = time.monotonic() + 120
        while sum(event["class"] == "black" for event in found()) < 2 and time.monotonic() < end:
            time.sleep(0.1)
        camera.close()  # it is lost, too
        while not any(event["class"] == "lost" for event in found()) and time.monotonic() < end:
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)

    conductor = threading.Thread(target=conduct)
    conductor.start()
    command = ["run", str(site), "--build", str(tiny_export / "model.npz"), "--backend", "reference"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    conductor.join()
    assert result.exit_code == 0, result.output
    told = [event for event in found() if event["kind"] == "trouble" and event["class"] == "black"]
    assert {event["camera"] for event in told} == {"door"} and "door: picture black" in result.stderr
    assert all((one["event"], other["event"]) in (("begin", "end"), ("end", "begin")) for one, other in pairwise(told))
    assert told[0]["id"] == told[1]["id"] and told[0]["event"] == "begin"
    assert [event["event"] for event in found() if event["class"] == "lost"] == ["begin"]
