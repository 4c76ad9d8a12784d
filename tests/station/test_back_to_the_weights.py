# SPDX-License-Identifier: BSD-3-Clause
"""On from where the whole way ends (test_whole_way.py), every part real: what a board raised is reviewed in a browser,
an adaptation learns from that, and its model goes to the board, which raises no such false alarm any more."""

import json
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from sqlalchemy import select

from shiftcore.quant import checkpoint
from shiftcore.quant.export import export
from shiftcore.quant.network import random_network
from shiftcore.quant.preset import load_preset
from shiftcore.station.demo import serve_cameras
from shiftcore.station.rollout import HOWS
from shiftcore.station.tables import Board, Camera, Event, Job
from shiftcore.station.task import Task
from tests.driver.mosquitto import Mosquitto, eventually, needs_broker
from tests.flow.test_crossval import NETWORK
from tests.station.browser import Running
from tests.station.chromium import Page, browsing, needs_chromium
from tests.station.test_broker import subscriber
from tests.station.test_whole_way import log_in, watching

PRESET = f"""{NETWORK}[data]
source = "folder"
num_segments = 4
[training]
batch_size = 4
qat_epochs = 1
qat_lr = 0.01
keep = "last"
[alarm]
classes = ["lively"]
threshold = 0.5
release = 0.45
min_seconds = 0.5
cool_down_seconds = 1.0
[hardware]
streams = 8
models = 2
"""
ENOUGH = """
from shiftcore.flow import adapt
adapt.STEPS, adapt.FOLDS = 120, 2
from shiftcore.flow.command import main
main()
"""
CAMERAS = 8  # every second one shows lights that flicker; the others show a wall, and nothing moves
SITE = """
build = "model.npz"
secrets = "secrets.env"
state = "state"

{cameras}
[sinks.station]
address = "http://127.0.0.1:{port}"
token = "${{STATION_TOKEN}}"

[clips]
folder = "clips"

[live]
seconds = 2
"""


def scene(camera: int) -> np.ndarray:
    """What a camera shows, over and over: uint8 `[T, H, W, 3]`, three seconds."""
    rng = np.random.default_rng(camera)
    wall, light = rng.integers(60, 190, (48, 64, 3)), rng.integers(-50, 50, 48) * lively(camera)
    return np.clip(wall + light[:, None, None, None], 0, 255).astype(np.uint8)


def lively(camera: int) -> bool:
    return camera % 2 == 0


@contextmanager
def cameras(running: Running) -> Iterator[tuple[str, Callable[[], None]]]:
    """Them, as the site that has them, and what switches them off."""
    with ExitStack() as stack:
        scenes = {f"c{one}": [scene(one)] for one in range(CAMERAS)}
        addresses = stack.enter_context(serve_cameras(scenes))
        tables = "".join(f'[cameras.{name}]\naddress = "{address}"\n\n' for name, address in addresses.items())
        yield SITE.format(cameras=tables, port=running.port), stack.close


@pytest.fixture
def task(tmp_path: Path) -> Task:
    (tmp_path / "small.toml").write_text(PRESET)
    return Task(str(tmp_path / "small.toml"), ("lively", "calm"))


def alarmist(task: Task, build: Path, board: Path) -> None:
    """A network that calls everything lively, in use at the station and on the board."""
    preset = load_preset(task.preset)
    network = random_network(preset, 0, ("calm", "lively"))
    with torch.no_grad():  # what goes into the classifier is not below 0
        network.classifier.weight.zero_()
        network.classifier.weight[1] = 0.03
    network.snap()
    weights = build / "small" / "qat" / "best.pt"
    weights.parent.mkdir(parents=True)
    checkpoint.save(network, preset, weights)
    board.mkdir()
    (board / "model.npz").write_bytes(
        (export(network, preset, board / "export", trained=True) / "model.npz").read_bytes()
    )


class Seen:
    """What the station has of the cameras and of its first adaptation."""

    def __init__(self, running: Running) -> None:
        self._database = running.parts.database

    def alarms(self, model: str = "") -> Counter[int]:
        """How many of each camera were told, by that model or by any."""
        with self._database.reading() as session:
            events = session.scalars(select(Event).where(Event.kind == "alarm"))
            return Counter(number(one.camera.name) for one in events if model in ("", one.model))

    def with_clips(self) -> set[int]:
        """Cameras of which a clip has come, where none is missing that an alarm was told of."""
        with self._database.reading() as session:
            events = session.scalars(select(Event).where(Event.kind == "alarm")).all()
            missing = {one.camera_id for one in events if not any(file.part == "mp4" for file in one.files)}
            return {number(one.camera.name) for one in events if one.camera_id not in missing}

    def models(self) -> set[str]:
        """By which there were alarms."""
        with self._database.reading() as session:
            return set(session.scalars(select(Event.model).where(Event.kind == "alarm")))

    def risky(self) -> set[int]:
        """Cameras whose risk is one that raises an alarm."""
        with self._database.reading() as session:
            return {number(one.name) for one in session.scalars(select(Camera)) if (one.risk or 0) >= 0.5}

    def pictures(self) -> set[int]:
        """Cameras of which there is one; no clip has come yet."""
        with self._database.reading() as session:
            return {number(one.name) for one in session.scalars(select(Camera)) if one.picture}

    def in_use(self) -> str:
        """The model that the board has told."""
        with self._database.reading() as session:
            return session.scalar(select(Board.model).where(Board.name == socket.gethostname())) or ""

    def job(self) -> str:
        with self._database.reading() as session:
            return session.get_one(Job, 1).state


def number(camera: str) -> int:
    return int(camera.removeprefix("c"))


def review(page: Page, station: str) -> None:
    """Say of each alarm what it was, by keys, until there is none any more."""
    before = page.value("location.href")
    page.call("Page.navigate", url=f"{station}/review")
    while True:
        assert page.becomes(f"location.href !== {json.dumps(before)} && document.readyState === 'complete'")
        if not page.value("document.querySelector('button[value=right]') !== null"):
            return
        camera = str(page.value("document.querySelector('h1 small').textContent")).partition(",")[0]
        before = page.value("location.href")
        page.press("r" if lively(number(camera)) else "w")


def give(page: Page, how: str) -> None:
    """The board the adaptation's model, by the page's button, which then says by itself that it has it."""
    says = f"1, {HOWS[how]} has model"
    for _ in range(5):  # the run may not listen yet
        name = json.dumps(socket.gethostname())
        box = f"[...document.querySelectorAll('label.choice')].find(one => one.textContent.trim() === {name})"
        page.value(f"{box}.querySelector('input').checked = true")
        page.value(f"document.querySelector('button[value={how}]').click()")
        if eventually(lambda: says in shown(page), 30):
            return
    raise AssertionError(shown(page))


def shown(page: Page) -> str:
    return " ".join(str(page.value("document.querySelector('main').innerText")).split())


def adapt(page: Page, station: str, seen: Seen) -> str:
    """By the page's button; what the page says of it."""
    page.open(f"{station}/weights")
    page.value("document.querySelector('form[action=\"/weights/jobs\"] button').click()")
    assert eventually(lambda: "running" in shown(page), 60)
    end = time.monotonic() + 900
    while seen.job() in ("waiting", "running") and time.monotonic() < end:
        time.sleep(0.25)  # the child needs the CPU
    page.open(f"{station}/weights")
    return shown(page)


@needs_chromium
@needs_broker
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_was_called_wrong_raises_no_alarm_any_more(
    running: Running, task: Task, broker: Mosquitto, tmp_path: Path
) -> None:
    board, seen, everyone = tmp_path / "board", Seen(running), set(range(CAMERAS))
    alarmist(task, running.parts.state / "build", board)
    running.parts.jobs.command = [sys.executable, "-c", ENOUGH]
    token = running.parts.accounts.set_board(socket.gethostname())
    options = "--mqtt", broker.address, "--mqtt-load"
    with browsing() as page, closing(subscriber(broker, running, tmp_path / "spool", [])):
        with cameras(running) as (site, switch_off), watching(board, site, token, *options):
            assert eventually(lambda: seen.alarms().keys() == everyone, 120), (board / "said.txt").read_text()
            time.sleep(2)  # the clips show something, too
            assert eventually(lambda: seen.pictures() == everyone, 60)
            switch_off()
            assert eventually(lambda: seen.with_clips() == everyone, 120), (board / "said.txt").read_text()
        (old,) = seen.models()
        station = log_in(page, running)
        review(page, station)
        said, before = adapt(page, station, seen), seen.alarms()
        assert "done: promoted: the new network is better" in said, said
        with cameras(running) as (site, _), watching(board, site, token, *options):
            assert eventually(lambda: (seen.alarms() - before).keys() == everyone, 120)
            give(page, "shadow")
            give(page, "use")
            new = seen.in_use()
            restless = {one for one in everyone if lively(one)}
            right = eventually(lambda: seen.risky() == restless == seen.alarms(new).keys(), 120)
            assert right, (seen.risky(), seen.alarms(new))
            give(page, "back")
            assert seen.in_use() == old != new
            assert eventually(lambda: seen.risky() == everyone, 120)
            assert seen.alarms(new).keys() == restless
    assert page.complaints == []
