"""Events leave the machine: JSON lines, and MQTT against a real broker that goes away in the middle."""

import json
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from shiftcore.driver import events
from shiftcore.driver.events import JsonLines, Mqtt, Reporter, Spool, split_address
from shiftcore.errors import UserError
from shiftcore.model.alarm import Change
from tests.checkout import ROOT

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto here (Debian: mosquitto)")


def quiet(_line: str) -> None:
    pass


def eventually(condition: Callable[[], bool], seconds: float = 300) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


class Broker:
    """A mosquitto of our own on a free port, which keeps its sessions over a restart."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {folder}/\nmax_queued_messages 0\nlog_type none\n"
            "user root\n"  # else, started by root, it becomes a user who may not write here
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen([str(MOSQUITTO), "-c", str(self._config)], stderr=subprocess.DEVNULL)
        assert eventually(self._answers)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()  # it writes what it holds for absent subscribers to disk
            self._process.wait(10)
            self._process = None

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Subscriber:
    """Collects what arrives, with a session that the broker keeps while it is away."""

    def __init__(self, port: int) -> None:
        self.received: list[dict] = []
        self.topics: set[str] = set()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="test", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("shiftcore/+/alarm", qos=1)
        self._client.on_subscribe = lambda *_: setattr(self, "ready", True)
        self._client.on_message = self._on_message
        self.ready = False
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert eventually(lambda: self.ready)

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        self.topics.add(message.topic)
        self.received.append(json.loads(message.payload))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    monkeypatch.setattr(events, "RECONNECT_S", (1, 1))
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Broker(folder)
    broker.start()
    yield broker
    broker.stop()


def numbers(received: list[dict]) -> list[int]:
    """In order of first arrival: QoS 1 may deliver an event twice."""
    return list(dict.fromkeys(event["number"] for event in received))


@needs_broker
def test_no_event_is_lost_when_the_broker_restarts_in_the_middle(broker: Broker, tmp_path: Path) -> None:
    seed = 7
    rng = random.Random(seed)
    said: list[str] = []
    subscriber = Subscriber(broker.port)
    mqtt = Mqtt(broker.address, Spool(tmp_path / "spool"), said.append)
    for number in range(120):
        if number in (30, 80):
            broker.stop()
        if number in (50, 100):
            broker.start()
            assert eventually(lambda: len(numbers(subscriber.received)) > number - 10)  # noqa: B023 - called at once
        mqtt.publish({"number": number})
        time.sleep(rng.uniform(0, 0.02))
    assert eventually(lambda: len(numbers(subscriber.received)) == 120), f"seed {seed}: {subscriber.received}"
    assert numbers(subscriber.received) == list(range(120))
    assert mqtt.close() == 0
    assert Spool(tmp_path / "spool").waiting() == []
    assert subscriber.topics == {f"shiftcore/{socket.gethostname()}/alarm"}
    assert [("not reachable" in line) for line in said] == [False, True, False, True, False]
    subscriber.close()


@needs_broker
def test_what_one_run_could_not_send_the_next_one_does(broker: Broker, tmp_path: Path) -> None:
    subscriber = Subscriber(broker.port)
    broker.stop()
    mqtt = Mqtt(broker.address, Spool(tmp_path / "spool"), quiet)
    for number in range(5):
        mqtt.publish({"number": number})
    assert mqtt.close(wait_s=0.1) == 5
    broker.start()
    mqtt = Mqtt(broker.address, Spool(tmp_path / "spool"), quiet)
    mqtt.publish({"number": 5})
    assert mqtt.close(wait_s=20) == 0
    assert eventually(lambda: numbers(subscriber.received) == list(range(6)))
    subscriber.close()


@needs_broker
def test_a_killed_process_leaves_its_events_for_the_next(broker: Broker, tmp_path: Path) -> None:
    broker.stop()
    program = f"""
import os, signal
from pathlib import Path
from shiftcore.driver.events import Mqtt, Spool
mqtt = Mqtt({broker.address!r}, Spool(Path({str(tmp_path / "spool")!r})), print)
for number in range(4):
    mqtt.publish({{"number": number}})
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=False).returncode == -9
    (tmp_path / "spool" / "000000000005.tmp").write_text('{"half')  # killed while writing the next
    broker.start()
    subscriber = Subscriber(broker.port)
    assert Mqtt(broker.address, Spool(tmp_path / "spool"), quiet).close(wait_s=20) == 0
    assert eventually(lambda: numbers(subscriber.received) == list(range(4)))
    subscriber.close()


def test_what_is_sent_but_not_acknowledged_stays(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        mqtt = Mqtt(f"127.0.0.1:{server.getsockname()[1]}", Spool(tmp_path), quiet)
        mqtt.publish({"number": 0})
        connection, _ = server.accept()
        with connection:
            connection.settimeout(10)
            connection.recv(1000)
            connection.sendall(b"\x20\x02\x00\x00")  # CONNACK: accepted
            assert b'{"number": 0}' in connection.recv(1000)  # and no PUBACK ever
            assert mqtt.close(wait_s=0.2) == 1


def test_a_spool_keeps_order_and_belongs_to_one_process(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    paths = [spool.put({"number": number}) for number in range(12)]
    assert spool.waiting() == paths
    with pytest.raises(UserError, match="another run uses this spool"):
        Spool(tmp_path)
    spool.take_out(paths[0])
    spool.close()
    again = Spool(tmp_path)
    again.put({"number": 12})
    assert [json.loads(path.read_text())["number"] for path in again.waiting()] == list(range(1, 13))


def test_begin_and_end_share_an_id_that_no_other_event_has() -> None:
    reporter = Reporter(stream=3)
    changes = [Change(begin, 1.5, 0.25, "fight", 0.9) for begin in (True, False, True, False)]
    made = [reporter.event(change, "a.mp4") for change in changes]
    assert [event["event"] for event in made] == ["begin", "end", "begin", "end"]
    ids = [event["id"] for event in made]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert {key: made[0][key] for key in ("stream", "source", "seconds", "since", "class", "score")} == {
        "stream": 3, "source": "a.mp4", "seconds": 1.5, "since": 0.25, "class": "fight", "score": 0.9,
    }  # fmt: skip


def test_json_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for number in range(3):
        lines = JsonLines(str(path))
        lines.publish({"number": number})
        lines.close()
    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [0, 1, 2]
    with pytest.raises(UserError, match=r"missing/a\.jsonl: events cannot be written there: No such file"):
        JsonLines(str(tmp_path / "missing" / "a.jsonl"))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("broker", ("broker", 1883)),
        ("10.0.0.1:8883", ("10.0.0.1", 8883)),
        ("[::1]:1884", ("::1", 1884)),
        ("::1", ("::1", 1883)),
        ("[::1]", ("::1", 1883)),
    ],
)
def test_addresses(address: str, expected: tuple[str, int]) -> None:
    assert split_address(address) == expected


@pytest.mark.parametrize("address", ["", ":1883", "host:", "host:0", "host:65536", "host:x", "mqtt://host"])
def test_no_addresses(address: str) -> None:
    with pytest.raises(UserError, match="not a broker's address"):
        split_address(address)
