# SPDX-License-Identifier: BSD-3-Clause
"""What boards tell a broker, a real mosquitto: by the real sink, and while the station is away."""

import json
import socket
from contextlib import closing
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from shiftcore.driver.sinks import CameraState, Place
from shiftcore.driver.sinks.mqtt import Broker, MqttSettings
from shiftcore.station import mqtt
from shiftcore.station.mqtt import Subscriber
from shiftcore.station.tables import Camera, Event
from tests.driver.mosquitto import Mosquitto, eventually, needs_broker
from tests.station.browser import JPEG, Running, event

pytestmark = needs_broker


def subscriber(broker: Mosquitto, running: Running, folder: Path, lines: list[str]) -> Subscriber:
    made = Subscriber(Broker.parse(broker.address), running.parts, folder, lines.append)
    assert eventually(lambda: any("connected" in line for line in lines), 60)
    return made


def publish(broker: Mosquitto, *messages: tuple[str, bytes]) -> None:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    for topic, payload in messages:
        client.publish(topic, payload, qos=1).wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


def told(running: Running) -> list[str]:
    with running.parts.database.reading() as session:
        return [f"{one.told}{'' if one.ended is None else ' ended'}" for one in session.scalars(select(Event))]


def test_what_the_mqtt_sink_tells_is_kept(running: Running, broker: Mosquitto, tmp_path: Path) -> None:
    lines: list[str] = []
    running.parts.accounts.set_board(socket.gethostname())
    with closing(subscriber(broker, running, tmp_path, lines)):
        sink = MqttSettings(broker.address).open(Place("mqtt", tmp_path / "spool", lines.append))
        assert eventually(lambda: sum("connected" in line for line in lines) == 2, 60)
        sink.publish(event())
        sink.publish(event(False))
        sink.picture("door", JPEG)
        sink.show([CameraState("door", 9, 0, 16.0, (1, 1), "fight", 0.974, "raised", 1, ())])

        def arrived() -> bool:
            with running.parts.database.reading() as session:
                camera = session.scalar(select(Camera))
                return camera is not None and camera.risk == 0.97 and camera.picture is not None

        assert eventually(arrived, 60)
        assert eventually(lambda: told(running) == ["a1 ended"], 60)
        sink.close()


def test_the_broker_keeps_events_while_the_station_is_away(running: Running, broker: Mosquitto, tmp_path: Path) -> None:
    lines: list[str] = []
    subscriber(broker, running, tmp_path, lines).close()
    payloads = [json.dumps(event(which=f"e{number}")).encode() for number in range(5)]
    publish(broker, *[("shiftcore/gate/alarm", payload) for payload in (*payloads, *payloads)])
    lines.clear()
    with closing(subscriber(broker, running, tmp_path, lines)):
        assert eventually(lambda: told(running) == [f"e{number}" for number in range(5)], 60)


def test_what_is_not_in_the_database_is_not_acknowledged(
    running: Running, broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "AGAIN_S", 0.02)
    lines: list[str] = []
    real = running.parts.intake.event

    def away(*_: object) -> bool:
        raise OperationalError("", {}, Exception("gone"))

    monkeypatch.setattr(running.parts.intake, "event", away)
    first = subscriber(broker, running, tmp_path, lines)
    publish(broker, ("shiftcore/gate/alarm", json.dumps(event()).encode()))
    assert eventually(lambda: any("waits until it can be kept" in line for line in lines), 60)
    first.close()
    monkeypatch.setattr(running.parts.intake, "event", real)
    with closing(subscriber(broker, running, tmp_path, [])):
        assert eventually(lambda: told(running) == ["a1"], 60)


def test_strangers_and_nonsense_are_said_and_left_out(running: Running, broker: Mosquitto, tmp_path: Path) -> None:
    lines: list[str] = []
    with closing(subscriber(broker, running, tmp_path, lines)):
        publish(
            broker,
            ("shiftcore/stranger/alarm", json.dumps(event(which="s1")).encode()),
            ("shiftcore/stranger/alarm", json.dumps(event(which="s2")).encode()),
            ("shiftcore/gate/alarm", b"{"),
            ("shiftcore/gate/alarm", b" " * 70_000),
            ("shiftcore/gate/camera/door", b'{"risk": "high"}'),
            ("shiftcore/gate/camera/door", b'{"risk": 400}'),
            ("shiftcore/gate/camera/door/picture", b"<svg>"),
            ("shiftcore/gate/alarm", json.dumps(event()).encode()),
        )
        assert eventually(lambda: told(running) == ["a1"], 60)
    assert sum("stranger is no board" in line for line in lines) == 1
    assert sum("left out" in line for line in lines) == 5
