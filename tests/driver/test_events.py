# SPDX-License-Identifier: BSD-3-Clause
"""Events leave the machine: JSON lines, and MQTT against a real broker that goes away in the middle."""

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import groupby, pairwise
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from shiftcore.driver.events import Reporter
from shiftcore.driver.sinks import mqtt as publishing
from shiftcore.driver.sinks import patient
from shiftcore.driver.sinks.lines import JsonLines
from shiftcore.driver.sinks.mqtt import Broker, Mqtt, split_address
from shiftcore.driver.sinks.spool import Spool
from shiftcore.errors import UserError
from shiftcore.model.alarm import Change
from tests.checkout import ROOT
from tests.driver.disk import fill, small_disk
from tests.driver.mosquitto import Mosquitto, eventually, needs_broker


def quiet(_line: str) -> None:
    pass


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
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mosquitto]:
    monkeypatch.setattr(publishing, "RECONNECT_S", (1, 1))
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Mosquitto(folder)
    broker.start()
    yield broker
    broker.stop()


def numbers(received: list[dict]) -> list[int]:
    """In order of first arrival: QoS 1 may deliver an event twice."""
    return list(dict.fromkeys(event["number"] for event in received))


@needs_broker
def test_no_event_is_lost_when_the_broker_restarts_in_the_middle(broker: Mosquitto, tmp_path: Path) -> None:
    seed = 7
    rng = random.Random(seed)
    said: list[str] = []
    subscriber = Subscriber(broker.port)
    mqtt = Mqtt(Broker.parse(broker.address), Spool(tmp_path / "spool"), said.append)
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
    # Away for longer than a second, it is first not there, and then not reachable for a reason: two lines, not alike.
    assert [away for away, _ in groupby("not reachable" in line for line in said)] == [False, True, False, True, False]
    assert all(line != after for line, after in pairwise(said))
    subscriber.close()


@needs_broker
def test_what_one_run_could_not_send_the_next_one_does(broker: Mosquitto, tmp_path: Path) -> None:
    subscriber = Subscriber(broker.port)
    broker.stop()
    mqtt = Mqtt(Broker.parse(broker.address), Spool(tmp_path / "spool"), quiet)
    for number in range(5):
        mqtt.publish({"number": number})
    assert mqtt.close(wait_s=0.1) == 5
    broker.start()
    mqtt = Mqtt(Broker.parse(broker.address), Spool(tmp_path / "spool"), quiet)
    mqtt.publish({"number": 5})
    assert mqtt.close(wait_s=20) == 0
    assert eventually(lambda: numbers(subscriber.received) == list(range(6)))
    subscriber.close()


@needs_broker
def test_a_killed_process_leaves_its_events_for_the_next(broker: Mosquitto, tmp_path: Path) -> None:
    broker.stop()
    program = f"""
import os, signal
from pathlib import Path
from shiftcore.driver.sinks.spool import Spool
from shiftcore.driver.sinks.mqtt import Broker, Mqtt
mqtt = Mqtt(Broker.parse({broker.address!r}), Spool(Path({str(tmp_path / "spool")!r})), print)
for number in range(4):
    mqtt.publish({{"number": number}})
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=False).returncode == -9
    (tmp_path / "spool" / "000000000005.tmp").write_text('{"half')  # killed while writing the next
    broker.start()
    subscriber = Subscriber(broker.port)
    assert Mqtt(Broker.parse(broker.address), Spool(tmp_path / "spool"), quiet).close(wait_s=20) == 0
    assert eventually(lambda: numbers(subscriber.received) == list(range(4)))
    subscriber.close()


def test_what_is_sent_but_not_acknowledged_stays(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        mqtt = Mqtt(Broker("127.0.0.1", server.getsockname()[1]), Spool(tmp_path), quiet)
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
    made = [reporter.event(change, "a.mp4", "1f0c22ab") for change in changes]
    assert [event["event"] for event in made] == ["begin", "end", "begin", "end"]
    ids = [event["id"] for event in made]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert {key: made[0][key] for key in ("stream", "source", "seconds", "since", "class", "score")} == {
        "stream": 3, "source": "a.mp4", "seconds": 1.5, "since": 0.25, "class": "fight", "score": 0.9,
    }  # fmt: skip


def test_json_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for number in range(3):
        lines = JsonLines(str(path), quiet)
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


NO_ADDRESSES = ["", ":1883", "host:", "host:0", "host:65536", "host:x", "mqtt://host", "a..b", "x" * 64, "ho st", "a/b"]


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_no_addresses(address: str) -> None:
    with pytest.raises(ValueError):
        split_address(address)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_events_outlive_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient, "RETRY_S", 0.05)
    said: list[str] = []
    with small_disk(tmp_path / "disk") as disk:
        lines, spool = JsonLines(str(disk / "events.jsonl"), said.append), Spool(disk / "spool", said.append)
        lines.publish({"number": 0})
        spool.put({"number": 0})
        fill(disk)
        for number in range(1, 40):
            lines.publish({"number": number, "text": "x" * 1000})
            spool.put({"number": number})
        assert len(spool.waiting()) == 40 and json.loads(spool.read(spool.waiting()[39]) or b"")["number"] == 39
        assert sorted(line.split(": No space left on device; ")[0] for line in said) == [
            str(disk / "events.jsonl"), next(str(path) for path in spool.waiting() if str(path) in "".join(said))
        ]  # fmt: skip
        (disk / "filler").unlink()
        assert eventually(lambda: len(said) == 4), said  # nobody publishes: written all the same
        assert all("can be written again" in line for line in said[2:])
        lines.close()
        spool.close()
        written = [json.loads(line)["number"] for line in (disk / "events.jsonl").read_text().splitlines()]
        assert written == list(range(40)) == [json.loads(path.read_text())["number"] for path in spool.waiting()]
        assert lines.lost == spool.lost == 0 and not list((disk / "spool").glob("*.tmp"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_what_never_finds_room_is_counted(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        lines, spool = JsonLines(str(disk / "events.jsonl"), quiet), Spool(disk / "spool", quiet)
        fill(disk)
        lines.publish({"number": 1})
        spool.put({"number": 1})
        lines.close()
        spool.close()
        assert lines.lost == spool.lost == 1 and (disk / "events.jsonl").read_bytes() == b""


EVENT = '{"id": "1", "event": "begin"}'


@pytest.mark.parametrize(
    ("left", "kept"),
    [
        (f"{EVENT}\n{EVENT[:15]}", [EVENT]),  # power failed in the middle of a line
        (f"{EVENT}\n" + "\0" * 30, [EVENT]),  # the file system knew the length already
        (f"{EVENT}\n" + EVENT[:12] + "\0" * 9, [EVENT]),
        (f"{EVENT}\n{EVENT}", [EVENT, EVENT]),
        ("my own notes", ["my own notes"]),  # not ours to remove
    ],
)
def test_half_a_line_is_never_continued(tmp_path: Path, left: str, kept: list[str]) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(left)
    lines = JsonLines(str(path), quiet)
    lines.publish({"id": "2"})
    assert path.read_text().splitlines() == [*kept, '{"id": "2"}']


def test_a_file_that_is_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = JsonLines(str(path), quiet)
    lines.publish({"number": 0})
    path.rename(tmp_path / "events.jsonl.1")  # as logrotate does
    lines.publish({"number": 1})
    assert path.read_text() == '{"number": 1}\n'


def test_a_spool_with_foreign_files_in_it(tmp_path: Path) -> None:
    for name in ("1a.json", "README.json", "²³.json"):
        (tmp_path / name).write_text("{}")
    spool = Spool(tmp_path, quiet)
    assert spool.waiting() == [] and spool.put({}) == spool.waiting()[0]


@pytest.mark.parametrize("path", ["/dev/null", "/dev/full"])
def test_a_device_takes_lines_as_far_as_it_can(path: str) -> None:
    """fsync refuses what has no disk behind it; that is no reason to keep lines back."""
    said: list[str] = []
    lines = JsonLines(path, said.append)
    lines.publish({"id": "a"})
    lines.close()
    assert (lines.lost, len(said)) == ((0, 0) if path == "/dev/null" else (1, 1))
