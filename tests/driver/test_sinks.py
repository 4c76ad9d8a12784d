# SPDX-License-Identifier: BSD-3-Clause
"""Sinks: Home Assistant at a real broker, a webhook and Frigate that go away in the middle, and Prometheus' text."""

import json
import re
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from shiftcore.driver.events import Event, Reporter
from shiftcore.driver.sinks import CameraState, Place, Sinks, courier, settings
from shiftcore.driver.sinks.frigate import FrigateSettings
from shiftcore.driver.sinks.lines import FileSettings
from shiftcore.driver.sinks.metrics import MetricsSettings, lines
from shiftcore.driver.sinks.mqtt import Mqtt, MqttSettings
from shiftcore.driver.sinks.retained import Retained
from shiftcore.driver.sinks.webhook import WebhookSettings
from shiftcore.errors import UserError
from shiftcore.model.alarm import Change
from tests.driver.http_servers import Frigate, HttpServer
from tests.driver.mosquitto import Mosquitto, eventually, needs_broker

HOST = socket.gethostname()
QUIET = CameraState("door", 100, 2, 15.9, (168901, 168901), "calm", 0.126, "quiet", 3, ())
ALARM = CameraState("door", 101, 2, 15.9, (168901, 168901), "fight", 0.974, "raised", 4, ())
AWAY = CameraState("yard", 0, 0, 0.0, (0, 0), "", 0.0, "quiet", 0, ("lost",))


def events(*kinds: str, camera: str = "door") -> list[Event]:
    """Alarms' begins and ends, each "begin" with an id of its own; a "trouble" is one too."""
    reporter, made = Reporter(0, camera), list[Event]()
    for kind in kinds:
        name, begins = "lost" if kind == "trouble" else "fight", kind != "end"
        change = Change(begins, 1.5, 1.0, name, 0.97)
        made.append(reporter.event(change, camera, "1f0c22ab", "trouble" if kind == "trouble" else "alarm"))
    return made


class Listener:
    """What a broker keeps and what comes, by topic; "" is nothing kept."""

    def __init__(self, port: int) -> None:
        self.kept: dict[str, str] = {}
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_message = lambda _client, _data, message: self.kept.update(
            {message.topic: message.payload.decode("latin-1")}
        )
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@needs_broker
def test_home_assistant_finds_each_camera(broker: Mosquitto, tmp_path: Path) -> None:
    """And whoever comes later is told how it is; a camera that is taken out of the site is gone there, too."""
    sink = MqttSettings(broker.address).open(Place("mqtt", tmp_path / "spool", print))
    assert isinstance(sink, Mqtt) and eventually(lambda: bool(sink._up))
    sink.show([QUIET, AWAY])
    sink.show([ALARM, AWAY])
    late = Listener(broker.port)
    base, node = f"shiftcore/{HOST}", f"shiftcore_{re.sub('[^A-Za-z0-9_-]+', '_', HOST)}"
    names = {"sensor": ["risk"], "binary_sensor": ["alarm", "problem"]}
    topics = {
        (camera, key): f"homeassistant/{component}/{node}/{camera}_{key}/config"
        for camera in ("door", "yard") for component, keys in names.items() for key in keys
    }  # fmt: skip
    assert eventually(lambda: late.kept.keys() >= {*topics.values(), f"{base}/status", f"{base}/camera/door"}, 60)
    found = {which: json.loads(late.kept[topic]) for which, topic in topics.items()}
    risk, alarm, problem = (found["door", key] for key in ("risk", "alarm", "problem"))
    assert risk["unit_of_measurement"] == "%" and risk["device"]["name"] == "door"
    assert alarm["device_class"] == "safety" and problem["device_class"] == "problem"
    assert len({entity["unique_id"] for entity in found.values()}) == 6
    assert len({json.dumps(entity["device"]) for entity in found.values()}) == 2
    for (camera, key), entity in found.items():
        state = json.loads(late.kept[entity["state_topic"]])
        value = state[re.fullmatch(r"\{\{ value_json\.(\w+) \}\}", entity["value_template"])[1]]  # type: ignore[index]
        expected = {("door", "risk"): 97, ("door", "alarm"): "ON", ("door", "problem"): "OFF",
                    ("yard", "risk"): 0, ("yard", "alarm"): "OFF", ("yard", "problem"): "ON"}  # fmt: skip
        assert value == expected[camera, key] and late.kept[entity["availability_topic"]] == "online"
    sink.picture("door", b"\xff\xd8 a JPEG")
    sink.show([ALARM])
    image = f"homeassistant/image/{node}/door_picture/config"
    assert eventually(lambda: late.kept.keys() >= {image, f"{base}/camera/door/picture"}, 60)
    assert json.loads(late.kept[image])["image_topic"] == f"{base}/camera/door/picture"
    assert late.kept[f"{base}/camera/door/picture"].encode("latin-1") == b"\xff\xd8 a JPEG"
    assert eventually(
        lambda: not any(late.kept[topic] for (camera, _), topic in topics.items() if camera == "yard"), 60
    )
    for event in events("begin", "trouble"):
        sink.publish(event)
    assert eventually(lambda: f"{base}/alarm" in late.kept and f"{base}/trouble" in late.kept, 60)
    assert json.loads(late.kept[f"{base}/trouble"])["class"] == "lost"
    assert sink.close() == 0
    assert eventually(lambda: late.kept[f"{base}/status"] == "offline", 60)
    late.close()


def test_what_a_broker_keeps_is_given_once_and_again_to_one_that_may_have_lost_it() -> None:
    kept = Retained("shiftcore", "pynq", "homeassistant")
    first = list(kept.changed([QUIET, AWAY]))
    assert len(first) == 8 and list(kept.changed([QUIET, AWAY])) == []
    assert [topic for topic, _ in kept.changed([ALARM, AWAY])] == ["shiftcore/pynq/camera/door"]
    kept.forget()
    again = dict(kept.changed([QUIET]))  # and of the yard, that it is gone
    assert {topic for topic, payload in again.items() if payload == ""} == {one for one, _ in first if "yard" in one}
    assert {topic: payload for topic, payload in again.items() if payload} == {
        topic: payload for topic, payload in first if "yard" not in topic
    }


@needs_broker
def test_the_broker_tells_that_a_run_is_gone(broker: Mosquitto, tmp_path: Path) -> None:
    sink = MqttSettings(broker.address, home_assistant=False).open(Place("mqtt", tmp_path / "spool", print))
    assert isinstance(sink, Mqtt)
    listener, topic = Listener(broker.port), f"shiftcore/{HOST}/status"
    assert eventually(lambda: listener.kept.get(topic) == "online", 60)
    sink._client._sock.close()  # as a machine does that loses power: without a word
    assert eventually(lambda: listener.kept[topic] == "offline", 60)
    assert eventually(lambda: listener.kept[topic] == "online", 60)  # it calls again
    sink.show([QUIET])
    assert eventually(lambda: f"shiftcore/{HOST}/camera/door" in listener.kept, 60)
    assert not any(topic.startswith("homeassistant") for topic in listener.kept)
    sink.close()
    listener.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "PAUSE_S", (0.05, 0.05))


@pytest.mark.usefixtures("hasty")
def test_a_webhook_loses_no_event_while_its_server_is_away(tmp_path: Path, said: list[str]) -> None:
    server = HttpServer()
    given = events("begin", "end", "trouble")
    address = server.address.replace("://", "://me:CANARY@") + "/hook?key=CANARY"

    def opened() -> Any:
        return WebhookSettings(address).open(Place("webhook", tmp_path / "spool", said.append))

    sink = opened()
    sink.publish(given[0])
    assert eventually(lambda: len(server.received) == 1, 60)
    server.off()
    sink.publish(given[1])
    assert eventually(lambda: len(said) == 1, 60)
    assert sink.close(0.1) == 1
    server.on()
    sink = opened()  # the next run, with the same spool
    sink.publish(given[2])
    assert sink.close(60) == 0
    assert [value for _, _, value, _ in server.received] == given
    method, path, _, headers = server.received[0]
    assert (method, path) == ("POST", "/hook?key=CANARY") and headers["Authorization"] == "Basic bWU6Q0FOQVJZ"
    assert len({headers["Idempotency-Key"] for *_, headers in server.received}) == 3
    shown = f"{server.address}/hook?key=***"
    assert said[0] == f"{shown}: Connection refused; events are kept in the spool until they can be sent"
    assert "CANARY" not in "".join(said)
    server.off()


class Answering(HttpServer):
    statuses = (500, 302, 429, 200, 422, 200)

    def answer(self, method: str, path: str, value: Any, headers: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        status = self.statuses[min(len(self.received), len(self.statuses) - 1)]
        return status, None, {"Location": "/elsewhere"} if status == 302 else {}


@pytest.mark.usefixtures("hasty")
def test_what_a_server_refuses_for_now_is_sent_again_and_what_it_never_takes_is_left_out(
    tmp_path: Path, said: list[str]
) -> None:
    server, given = Answering(), events("begin", "end", "begin")
    sink = WebhookSettings(f"{server.address}/", token="CANARY").open(Place("hook", tmp_path, said.append))
    for event in given:
        sink.publish(event)
    assert sink.close(60) == 0
    first, second, third = (event["id"] + event["event"] for event in given)
    assert [value["id"] + value["event"] for _, _, value, _ in server.received] == [first] * 4 + [second, third]
    assert {path for _, path, *_ in server.received} == {"/"}  # nobody followed
    assert all(headers["Authorization"] == "Bearer CANARY" for *_, headers in server.received)
    assert "answers 500" in said[0] and "takes events again" in "".join(said) and "CANARY" not in "".join(said)
    assert any("an event is left out: answers 422" in line for line in said)
    server.off()


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("login", [None, ("guard", "CANARY")])
def test_an_alarm_is_an_event_of_frigates(tmp_path: Path, said: list[str], login: tuple[str, str] | None) -> None:
    """It begins in one run and ends in the next, which knows what Frigate calls it."""
    frigate = Frigate({"front_door"}, login)
    user, password = login or ("", "")
    given = FrigateSettings(frigate.address, user, password, cameras={"door": "front_door"})
    begin, end, trouble = events("begin", "end", "trouble")
    sink = given.open(Place("frigate", tmp_path, said.append))
    sink.publish(begin)
    sink.publish(trouble)
    assert sink.close(60) == 0
    ((called, made),) = frigate.events.items()
    assert {key: made[key] for key in ("camera", "label", "sub_label", "score", "duration", "include_recording")} == {
        "camera": "front_door", "label": "fight", "sub_label": "fight", "score": 0.97, "duration": None,
        "include_recording": True,
    }  # fmt: skip
    assert "end_time" not in made and said == []
    sink = given.open(Place("frigate", tmp_path, said.append))
    for event in (end, *events("begin", "end", camera="unknown"), *events("begin")):
        sink.publish(event)
    assert sink.close(60) == 0
    assert 1.7e9 < frigate.events[called]["end_time"] < 1e10 and len(frigate.events) == 2
    assert len(json.loads((tmp_path / "open.json").read_text())) == 1
    assert "it knows no such camera" in said[0] and "its beginning was not taken" in said[1] and len(said) == 2
    frigate.off()


def sample(text: str) -> dict[str, float]:
    """The samples of Prometheus' text format, each line of which is as its grammar says."""
    found, described = {}, set()
    for line in text.splitlines():
        if line.startswith("# "):
            described.add(line.split()[2])
            continue
        name, labels, value = re.fullmatch(r'([a-z_]+)(\{(?:[a-z]+="(?:[^"\\]|\\.)*",?)*\})? (\S+)', line).groups()  # type: ignore[union-attr]
        assert name in described
        found[name + (labels or "")] = float(value)
    return found


def test_prometheus_collects_metrics() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    sink = MetricsSettings(f"127.0.0.1:{port}").open(Place("metrics", Path(), print))
    sink.show([ALARM, AWAY])
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        found = sample(answer.read().decode())
    with pytest.raises(UserError, match=r"metrics cannot be offered at .*: Address already in use"):
        MetricsSettings(f"127.0.0.1:{port}").open(Place("metrics", Path(), print))
    sink.close()
    door = {
        name: found[f'shiftcore_{name}{{camera="door"}}'] for name in ("frames_total", "risk", "alarm", "alarms_total")
    }
    assert door == {"frames_total": 101, "risk": 0.974, "alarm": 1, "alarms_total": 4}
    assert found["shiftcore_cameras_lost"] == 1 and found['shiftcore_camera_trouble{camera="yard",trouble="lost"}'] == 1
    assert found['shiftcore_latency_cycles{camera="door",bound="max"}'] == 168901
    odd = CameraState('a "b"\\c\nd', 0, 0, 0.0, (0, 0), "", 0.0, "", 0, ())
    assert 'shiftcore_risk{camera="a \\"b\\"\\\\c\\nd"}' in sample("\n".join(lines([odd], 1.0)))


@pytest.mark.parametrize(
    ("kind", "table", "mistake"),
    [
        ("webhook", {"address": "me:CANARY@door"}, "s.address: not a server's address; give http"),
        ("webhook", {"address": "http://door:CANARY/"}, "s.address: not a server's address; give http"),
        ("webhook", {}, "s.address: missing"),
        ("frigate", {"address": "http://frigate", "cameras": {"a": 3}}, "s.cameras.a is 3, no text"),
        ("metrics", {"address": "9105:x"}, "s.address is '9105:x', not HOST[:PORT]"),
        ("mqtt", {"address": "broker", "prefix": "a/#"}, "s.prefix is 'a/#', no beginning of a topic"),
        ("mqtt", {"address": "broker", "ca": "x.pem"}, "s.address: ca is for TLS"),
        ("mqtt", "mqtt://me:CANARY@broker", "s is no table"),
    ],
)
def test_wrong_settings_are_a_line(kind: str, table: Any, mistake: str) -> None:
    mistakes: list[str] = []
    assert settings(kind, table, "s", mistakes) is None
    assert len(mistakes) == 1 and mistakes[0].startswith(mistake) and "CANARY" not in mistakes[0], mistakes


def test_sinks_that_do_not_change_stay_open(tmp_path: Path, said: list[str]) -> None:
    sinks = Sinks(tmp_path, said.append)
    one, other = (FileSettings(str(tmp_path / name)) for name in ("one", "other"))
    sinks.set({"one": one, "other": other})
    kept: Callable[[], Any] = lambda: sinks._open["one"][1]  # noqa: E731
    before = kept()
    with pytest.raises(UserError, match="absent: events cannot be written there"):
        sinks.set({"one": one, "other": FileSettings(str(tmp_path / "no" / "absent"))})
    assert kept() is before and list(sinks._open) == ["one"]
    sinks.publish(events("begin")[0])
    sinks.close()
    assert len((tmp_path / "one").read_text().splitlines()) == 1
