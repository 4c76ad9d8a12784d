# SPDX-License-Identifier: BSD-3-Clause
"""The way into a broker: user and password, TLS, and that neither is shown to anybody. Against a real mosquitto."""

import json
import shutil
import socket
import subprocess
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from shiftcore.driver.sinks import mqtt as publishing
from shiftcore.driver.sinks.mqtt import Broker, Mqtt
from shiftcore.driver.sinks.spool import Spool
from shiftcore.errors import UserError
from tests.driver.mosquitto import Mosquitto, eventually, needs_broker

needs_tools = pytest.mark.skipif(
    not (shutil.which("mosquitto_passwd") and shutil.which("openssl")), reason="no mosquitto_passwd or openssl here"
)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("broker", Broker("broker", 1883)),
        ("mqtt://broker", Broker("broker", 1883)),
        ("mqtt://broker:99/", Broker("broker", 99)),
        ("mqtts://broker", Broker("broker", 8883, tls=True)),
        ("me:secret@broker", Broker("broker", 1883, user="me", password="secret")),
        ("mqtt://me:secret@[::1]:99", Broker("::1", 99, user="me", password="secret")),
        ("mqtt://me:p%40s%3A%2F@broker", Broker("broker", 1883, user="me", password="p@s:/")),
        ("mqtts://me:p@ss:word@broker", Broker("broker", 8883, tls=True, user="me", password="p@ss:word")),
        ("mqtt://me@broker", Broker("broker", 1883, user="me", password="of the environment")),
        ("mqtt://broker ", None),
        ("http://me:CANARY@broker", None),
        ("me:CANARY@broker:0", None),
        ("mqtt://me:CANARY@broker/topic", None),
        ("mqtt://me:CANARY@", None),
        ("me:CANARY", None),
    ],
)
def test_addresses(address: str, expected: Broker | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(publishing.MQTT_PASSWORD, "of the environment")
    if expected is None:
        with pytest.raises(UserError, match="--mqtt: not a broker's address; give HOST") as caught:
            Broker.parse(address)
        assert "CANARY" not in str(caught.value) and caught.value.__suppress_context__
        return
    if "@" not in address:
        monkeypatch.delenv(publishing.MQTT_PASSWORD)
    broker = Broker.parse(address)
    assert broker == expected
    assert "secret" not in f"{broker} {broker!r}" and str(broker) == f"{expected.host}:{expected.port}"


def test_user_and_password_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(publishing.MQTT_USER, "me")
    monkeypatch.setenv(publishing.MQTT_PASSWORD, "secret")
    assert Broker.parse("mqtts://broker:1") == Broker("broker", 1, tls=True, user="me", password="secret")
    assert Broker.parse("other:x@broker:1").password == "x"


def test_certificates_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "absent.pem"):
        with pytest.raises(UserError, match=f"{name}: no certificates to be used"):
            Broker.parse("mqtts://broker", tmp_path / name).client()
    with pytest.raises(UserError, match="--mqtt-ca is for TLS"):
        Broker.parse("mqtt://broker", tmp_path / "ca.pem")


def delivered(broker: Broker, folder: Path, said: list[str]) -> int:
    """Publish an event; returns how many stay in the spool when the broker has said yes or no."""
    mqtt = Mqtt(broker, Spool(folder, said.append), said.append)
    mqtt.publish({"number": 1})
    assert eventually(lambda: bool(said))
    return mqtt.close(wait_s=0.5 if "not reachable" in said[0] else 20)


def passwords(folder: Path) -> str:
    """A password file, as it is configured; `me` may in with `CANARY`."""
    path = folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(path), "me", "CANARY"], check=True, capture_output=True)
    return f"allow_anonymous false\npassword_file {path}"


@needs_broker
@needs_tools
def test_a_broker_with_a_password(tmp_path: Path) -> None:
    server = Mosquitto(tmp_path, passwords(tmp_path))
    server.start()
    try:
        said: list[str] = []
        received: list[bytes] = []
        listener = paho.Client(paho.CallbackAPIVersion.VERSION2)
        listener.username_pw_set("me", "CANARY")
        listener.on_connect = lambda client, *_: client.subscribe("shiftcore/+/alarm", qos=1)
        listener.on_message = lambda _client, _data, message: received.append(bytes(message.payload))
        subscribed: list[int] = []
        listener.on_subscribe = lambda *_: subscribed.append(1)
        listener.connect("127.0.0.1", server.port)
        listener.loop_start()
        assert eventually(lambda: bool(subscribed))
        assert delivered(Broker.parse(f"mqtt://me:CANARY@{server.address}"), tmp_path / "spool", said) == 0
        assert eventually(lambda: bool(received)) and json.loads(received[0]) == {"number": 1}
        listener.disconnect()
        listener.loop_stop()
        for login in ("", "me:CANARIES@", "you:CANARY@"):
            said = []
            assert delivered(Broker.parse(f"mqtt://{login}{server.address}"), tmp_path / f"spool{login}", said) == 1
            place = f"MQTT broker 127.0.0.1:{server.port}"
            assert said == [f"{place}: not reachable (Not authorized); events are kept in the spool until it is"]
    finally:
        server.stop()


def certificates(folder: Path) -> str:
    """A certificate of 127.0.0.1 and who signed it, ca.pem, as a broker is told of them."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("req", "-newkey", "rsa:2048", "-nodes", "-subj")
    openssl(*new, "/CN=test", "-x509", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem")
    openssl(*new, "/CN=127.0.0.1", "-keyout", "key.pem", "-out", "wish.pem")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    signed = ("x509", "-req", "-in", "wish.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
    openssl(*signed, "-extfile", "names", "-out", "cert.pem")
    return f"certfile {folder}/cert.pem\nkeyfile {folder}/key.pem"


@needs_broker
@needs_tools
def test_a_broker_with_tls(tmp_path: Path) -> None:
    server = Mosquitto(tmp_path, f"{passwords(tmp_path)}\n{certificates(tmp_path)}")
    server.start()
    try:
        said: list[str] = []
        address = f"mqtts://me:CANARY@{server.address}"
        assert delivered(Broker.parse(address, tmp_path / "ca.pem"), tmp_path / "spool", said) == 0
        said.clear()
        assert delivered(Broker.parse(address), tmp_path / "other", said) == 1  # nobody here knows who signed it
        assert "certificate verify failed" in said[0] and "CANARY" not in said[0] and "\n" not in said[0]
    finally:
        server.stop()


def test_who_does_not_answer_is_told_why(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        said: list[str] = []
        assert delivered(Broker("127.0.0.1", probe.getsockname()[1]), tmp_path / "spool", said) == 1
    assert "Connection refused" in said[0] and len(said) == 1
