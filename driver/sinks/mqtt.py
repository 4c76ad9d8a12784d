# SPDX-License-Identifier: BSD-3-Clause
"""Alarm events to an MQTT broker, by way of a spool on disk: none is lost while the broker is away."""

import contextlib
import json
import os
import re
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from shiftcore.driver.sinks.retained import OFFLINE, ONLINE, Retained
from shiftcore.driver.sinks.sink import WAIT_S, CameraState, Place, Sink
from shiftcore.driver.sinks.spool import Spool
from shiftcore.driver.sources.source import Say
from shiftcore.errors import UserError

MQTT_USER, MQTT_PASSWORD = "SHIFTCORE_MQTT_USER", "SHIFTCORE_MQTT_PASSWORD"  # so that no command line shows them
MQTT_CERTIFICATE = "SHIFTCORE_MQTT_CERTIFICATE"
KEEP_ALIVE_S = 15
RECONNECT_S = (1, 15)  # first and longest pause between two attempts


@dataclass(frozen=True)
class Broker:
    """Where an MQTT broker is, and how to be let in; `tls`: with the certificates of the file `ca`, None for the
    system's, and showing the `certificate` of that file, with its key, where it wants one (mutual TLS). Printed, it is
    host and port."""

    host: str
    port: int
    tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    ca: Path | None = None
    certificate: Path | None = None

    @classmethod
    def parse(cls, address: str, ca: Path | None = None, certificate: Path | None = None) -> "Broker":
        """Of HOST[:PORT], USER:PASSWORD@HOST[:PORT], mqtt://... or mqtts://... (TLS); %40 is a @ in user or password.
        Where it has none, they are those of the environment (`MQTT_USER`, `MQTT_PASSWORD`), as is the certificate
        (`MQTT_CERTIFICATE`). Raises UserError, which does not show the address, for anything else."""
        scheme, _, rest = address.rpartition("://")
        login, _, where = rest.removesuffix("/").rpartition("@")
        tls = scheme.lower() in ("mqtts", "ssl", "tls")
        try:
            if scheme.lower() not in ("", "mqtt", "tcp", "mqtts", "ssl", "tls"):
                raise ValueError
            host, port = split_address(where, 8883 if tls else 1883)
        except ValueError:
            raise UserError(
                "--mqtt: not a broker's address; give HOST[:PORT], mqtt://USER:PASSWORD@HOST[:PORT], or mqtts://... "
                "for TLS, with a port of 1 to 65535, and % escapes for @ : / in user and password"
            ) from None
        if ca and not tls:
            raise UserError("--mqtt-ca is for TLS: give the broker's address as mqtts://...")
        if certificate and not tls:
            raise UserError("certificate is for TLS: give the broker's address as mqtts://...")
        if tls and certificate is None and (named := os.environ.get(MQTT_CERTIFICATE)):
            certificate = Path(named)
        user, _, password = login.partition(":")
        given = unquote(user) if login else os.environ.get(MQTT_USER, "")
        return cls(host, port, tls, given, unquote(password) or os.environ.get(MQTT_PASSWORD, ""), ca, certificate)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def client(self, kept: str = "") -> Any:
        """A client of paho-mqtt for it, not yet connected; for one that is `kept` under that name the broker keeps what
        comes while it is away, and until it is acknowledged by hand. Raises UserError where paho-mqtt is not installed,
        and for certificates that are none."""
        try:
            import paho.mqtt.client as paho
        except ImportError:
            raise UserError("--mqtt needs paho-mqtt, which is not installed: pip install paho-mqtt") from None
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            kept,
            clean_session=not kept,
            protocol=paho.MQTTv311,
            manual_ack=bool(kept),
        )
        if self.user or self.password:
            client.username_pw_set(self.user, self.password)
        if self.tls:
            try:
                client.tls_set(str(self.ca) if self.ca else None, str(self.certificate) if self.certificate else None)
            except (OSError, ValueError) as error:  # SSLError, too
                where = " or ".join(str(path) for path in (self.ca, self.certificate) if path) or "the system"
                why = getattr(error, "strerror", None) or error
                raise UserError(f"{where}: no certificates to be used: {why}") from None
        return client


@dataclass(frozen=True)
class MqttSettings:
    """A broker at `address` (`Broker.parse`), whose certificate `ca` signed, "" for those of the system, and to which
    the `certificate` of that file is shown, "" for none. Events stand under `prefix`; it keeps how the cameras are
    (`states`), and Home Assistant finds them under its own prefix, `discovery`, where `home_assistant`."""

    address: str = field(repr=False)
    ca: str = ""
    prefix: str = "shiftcore"
    states: bool = True
    home_assistant: bool = True
    discovery: str = "homeassistant"
    certificate: str = ""

    def mistakes(self) -> Iterator[str]:
        """What is wrong with them."""
        try:
            self._broker()
        except UserError as error:
            yield f"address: {str(error).removeprefix('--mqtt: ').replace('--mqtt-ca', 'ca')}"
        for key, value in (("prefix", self.prefix), ("discovery", self.discovery)):
            if not re.fullmatch(r"[^/+#\s]+(/[^/+#\s]+)*", value):
                yield f"{key} is {value!r}, no beginning of a topic, as `site/cameras` is one"

    def open(self, place: Place) -> Sink:
        """The sink. Raises UserError as `Mqtt`, and where the spool cannot be written."""
        broker, discovery = self._broker(), self.discovery if self.home_assistant else ""
        retained = Retained(self.prefix, socket.gethostname(), discovery) if self.states else None
        return Mqtt(broker, Spool(place.spool, place.say), place.say, self.prefix, retained)

    def _broker(self) -> Broker:
        ca, certificate = (Path(name) if name else None for name in (self.ca, self.certificate))
        return Broker.parse(self.address, ca, certificate)


class Mqtt(Sink):
    """Publishes events to a broker, QoS 1, through `spool`: each is on disk before it is sent, and until the broker has
    acknowledged it. A thread sends what waits, oldest first, one at a time; without a broker it waits for one.

    The topic of an event is `prefix`/HOST/KIND. What is `retained`, if anything, is told while the broker is there, and
    that we are; when we are no more, however that comes, the broker says so (last will).

    `say` is told, in one line, when the broker comes and goes, and why. Raises UserError where
    paho-mqtt is not installed, and for certificates that are none.
    """

    def __init__(
        self, broker: Broker, spool: Spool, say: Say, prefix: str = "shiftcore", retained: Retained | None = None
    ) -> None:
        self._spool, self._say, self._broker, self._retained = spool, say, broker, retained
        self._base = f"{prefix}/{socket.gethostname()}"
        self._changed = threading.Condition()
        self._acknowledged: set[int] = set()
        self._closing = False
        self._up: bool | None = None
        self._why = ""
        self._client = broker.client()
        if retained:
            self._client.will_set(retained.status, OFFLINE, qos=1, retain=True)
        self._client.reconnect_delay_set(*RECONNECT_S)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = lambda *_: self._tell(False, str(sys.exc_info()[1] or ""))
        self._client.on_disconnect = lambda *_: self._tell(False)
        self._client.on_publish = self._on_publish
        self._client.connect_async(broker.host, broker.port, keepalive=KEEP_ALIVE_S)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._send, daemon=True, name="mqtt")
        self._thread.start()

    def publish(self, event: Mapping[str, object]) -> None:
        """Take an event over. It is safe on disk when this returns; sending is done behind the caller's back."""
        self._spool.put(event)
        with self._changed:
            self._changed.notify_all()

    def show(self, cameras: Sequence[CameraState]) -> None:
        """Tell what has changed of what the broker is to keep, while it is there."""
        if self._retained and self._up:
            for topic, payload in self._retained.changed(cameras):
                self._client.publish(topic, payload, qos=0, retain=True)

    def picture(self, camera: str, jpeg: bytes) -> None:
        """It is told when the cameras are shown the next time."""
        if self._retained:
            self._retained.pictures[camera] = jpeg

    def losses(self) -> Iterator[str]:
        """As of the spool."""
        return self._spool.losses()

    def close(self, wait_s: float = WAIT_S) -> int:
        """Wait up to `wait_s` seconds for what still waits, then let go. Returns how many events stay in the spool."""
        with self._changed:
            self._changed.wait_for(lambda: not self._spool.waiting(), wait_s)
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        with contextlib.suppress(OSError, ValueError):
            if self._retained and self._up:
                self._client.publish(self._retained.status, OFFLINE, qos=1, retain=True).wait_for_publish(1.0)
        with contextlib.suppress(OSError, ValueError):
            self._client.disconnect()
        self._client.loop_stop()
        self._spool.close()
        return len(self._spool.waiting())

    def _send(self) -> None:
        """The thread: the oldest event, until it is acknowledged; then the next."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or (self._up and self._spool.waiting()))
                if self._closing:
                    return
                waiting = self._spool.waiting()
            for path in waiting:
                # paho keeps it and sends it again after each reconnection, as long as this process lives
                payload = self._spool.read(path)
                if payload is None:
                    continue
                with self._changed:
                    self._acknowledged.clear()  # of what nobody waited for, and numbers come again
                number = self._client.publish(f"{self._base}/{_kind(payload)}", payload, qos=1).mid
                with self._changed:
                    while not self._closing and number not in self._acknowledged:
                        self._changed.wait()
                    if number not in self._acknowledged:
                        return
                    self._acknowledged.discard(number)
                    self._spool.take_out(path)
                    self._changed.notify_all()

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if self._retained and not reason.is_failure:
            self._retained.forget()
            self._client.publish(self._retained.status, ONLINE, qos=1, retain=True)
        self._tell(not reason.is_failure, str(reason) if reason.is_failure else "")

    def _on_publish(self, _client: Any, _data: Any, number: int, _reason: Any, _properties: Any) -> None:
        with self._changed:
            self._acknowledged.add(number)
            self._changed.notify_all()

    def _tell(self, up: bool, why: str = "") -> None:
        with self._changed:
            known = self._up == up and (not why or why == self._why)
            self._up, self._why = up, why or self._why
            self._changed.notify_all()
        if known or self._closing:
            return
        if up:
            self._say(f"MQTT broker {self._broker}: connected, {len(self._spool.waiting())} events to send")
        else:
            reason = f" ({' '.join(why.split())})" if why else ""
            self._say(f"MQTT broker {self._broker}: not reachable{reason}; events are kept in the spool until it is")


def _kind(payload: bytes) -> str:
    """Of an event, as the spool keeps it."""
    with contextlib.suppress(ValueError):
        return str(json.loads(payload).get("kind", "alarm"))
    return "alarm"


def split_address(address: str, default: int = 1883) -> tuple[str, int]:
    """HOST[:PORT], [IPv6]:PORT too. Raises ValueError for anything else."""
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]") or (host.count(":") and not host.startswith("[")):
        host, port = address, str(default)
    host = host.removeprefix("[").removesuffix("]")
    good = re.fullmatch(r"[\w.:%-]+", host) and port.isascii() and port.isdigit() and 0 < int(port) < 65536
    if not good:
        raise ValueError("not a broker's address")
    host.encode("idna")  # what no resolver takes is a UnicodeError, which is one
    return host, int(port)
