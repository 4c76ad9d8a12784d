# SPDX-License-Identifier: BSD-3-Clause
"""Models over MQTT, against a real mosquitto: taken, refused, and those of another day left alone."""

import json
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from typer.testing import CliRunner

from shiftcore.driver.build import Build
from shiftcore.driver.change import LOADED
from shiftcore.driver.mqtt_load import Inbox
from shiftcore.driver.sinks.mqtt import Broker
from shiftcore.errors import UserError
from shiftcore.flow.command import app
from tests.driver.mosquitto import Mosquitto, eventually, needs_broker
from tests.driver.rig import other_model

TOPIC = f"shiftcore/{socket.gethostname()}"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    server = Mosquitto(tmp_path)
    server.start()
    yield server
    server.stop()


class Station:
    """Who sends models, and hears what became of them."""

    def __init__(self, port: int) -> None:
        self.heard: list[dict[str, str]] = []
        self._ready = False
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.on_connect = lambda client, *_: client.subscribe(f"{TOPIC}/model", qos=1)
        self.client.on_subscribe = lambda *_: setattr(self, "_ready", True)
        self.client.on_message = lambda _client, _data, message: self.heard.append(json.loads(message.payload))
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert eventually(lambda: self._ready)

    def send(self, content: bytes, retain: bool = False, to: str = "load") -> None:
        self.client.publish(f"{TOPIC}/{to}", content, qos=1, retain=retain).wait_for_publish(60)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Candidates:
    """What a run has beside its model, in this test."""

    def __init__(self) -> None:
        self.begun: list[bytes] = []

    def ask(self, candidate: Path | None) -> Future[str]:
        answer: Future[str] = Future()
        if candidate is None:
            answer.set_result("the same class in 9 of 10 frames")
            return answer
        if candidate.read_bytes() == b"no model":
            raise UserError("not comparable")
        self.begun.append(candidate.read_bytes())
        answer.set_result("2b")
        return answer


@needs_broker
def test_a_model_comes_over_mqtt(broker: Mosquitto, tiny_chip: Path, tmp_path: Path) -> None:
    folder, asked, said = tmp_path / "tiny" / "pynq-z2", list[bytes](), list[str]()
    (folder / "chip").mkdir(parents=True)
    for name in ("manifest.json", "model.npz"):
        shutil.copy(tiny_chip / name, folder / "chip")
    model = other_model(tiny_chip / "model.npz", tmp_path / "1.npz", 1)

    candidates: Any = Candidates()

    def ask(path: Path) -> Future[str]:
        asked.append(path.read_bytes())
        answer: Future[str] = Future()
        answer.set_result("1f0c22ab")
        return answer

    with closing(Station(broker.port)) as station:
        for topic in ("load", "shadow"):
            station.send(b"of another day", retain=True, to=topic)
        inbox: Any = Inbox(Broker("127.0.0.1", broker.port), Build.load(folder), ask, candidates, said.append)
        with closing(inbox):
            assert eventually(inbox._client.is_connected)
            station.send(b"no model")
            assert eventually(lambda: len(station.heard) == 1)
            assert "not an integer model" in station.heard[0]["error"] and len(said) == 1
            assert asked == [] and not (folder / "chip" / LOADED).exists()
            station.send(model.read_bytes())
            assert eventually(lambda: len(station.heard) == 2)
            for content in (b"no model", b"a candidate", b""):
                station.send(content, to="shadow")
            assert eventually(lambda: len(station.heard) == 5)
    assert station.heard[1] == {"model": "1f0c22ab"}
    assert station.heard[2:] == [
        {"shadow": "", "error": "not comparable"},
        {"shadow": "2b"},
        {"shadow": "", "report": "the same class in 9 of 10 frames"},
    ]
    assert candidates.begun == [b"a candidate"]
    assert asked == [model.read_bytes()] == [(folder / "chip" / LOADED).read_bytes()]


def test_without_a_broker_there_is_nothing_to_listen_to(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    command = ["run", str(tmp_path / "a.mp4"), "--build", str(tmp_path), "--mqtt-load"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 2 and result.stderr == "error: --mqtt-load: from which broker? give --mqtt as well\n"
