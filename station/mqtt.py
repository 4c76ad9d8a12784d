# SPDX-License-Identifier: BSD-3-Clause
"""What boards tell a broker (docs/service.md), into the station: acknowledged when it is in the database."""

import hashlib
import json
import socket
import threading
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from shiftcore.driver.sinks.mqtt import KEEP_ALIVE_S, RECONNECT_S, Broker
from shiftcore.driver.sources import Say
from shiftcore.station.files import FullError, WrongFileError
from shiftcore.station.intake import RefusedError, State, told
from shiftcore.station.web.parts import Parts

PREFIX = "shiftcore"
TOPICS = ("+/alarm", "+/trouble", "+/camera/+", "+/camera/+/picture", "+/model")
AGAIN_S = 2.0  # while the database is away


class Subscriber:
    """Takes from `broker` what the boards that the station knows tell, a board's name being the HOST of its topics, and
    brings them models. The broker keeps events for the station in the folder `state` while that is away.

    Raises UserError where paho-mqtt is not installed, and for certificates that are none.
    """

    def __init__(self, broker: Broker, parts: Parts, state: Path, say: Say) -> None:
        self._broker, self._parts, self._say = broker, parts, say
        self._closed, self._strangers, self._away = threading.Event(), set[str](), False
        me = f"{socket.gethostname()} {state.absolute()}{parts.number or ''}"
        who = hashlib.sha256(me.encode()).hexdigest()[:12]
        self._client = broker.client(f"station-{who}")
        self._client.reconnect_delay_set(*RECONNECT_S)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.connect_async(broker.host, broker.port, keepalive=KEEP_ALIVE_S)
        self._client.loop_start()
        parts.rollouts.sender = self

    def close(self) -> None:
        """Take no more; the broker keeps what comes."""
        self._parts.rollouts.sender = None
        self._closed.set()
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def reachable(self) -> bool:
        """Whether the broker is there."""
        return bool(self._client.is_connected())

    def send(self, topic: str, payload: bytes) -> None:
        """Tell boards something, below the topic of them all."""
        self._client.publish(f"{PREFIX}/{topic}", payload, qos=1)

    def _on_connect(self, client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._say(f"MQTT broker {self._broker}: {reason}")
            return
        client.subscribe([(f"{PREFIX}/{topic}", 1) for topic in TOPICS])
        self._say(f"MQTT broker {self._broker}: connected")

    def _on_message(self, client: Any, _data: Any, message: Any) -> None:
        while not self._closed.is_set():
            try:
                self._take(message.topic.split("/")[1:], message.payload)
            except (RefusedError, WrongFileError, ValidationError) as error:
                self._say(f"MQTT: {message.topic}: left out: {' '.join(str(error).split())}")
            except (SQLAlchemyError, FullError, OSError) as error:
                if not self._away:
                    self._say(f"{type(error).__name__}: what comes from MQTT waits until it can be kept")
                self._away = True
                self._closed.wait(AGAIN_S)
                continue
            self._away = False
            client.ack(message.mid, message.qos)
            return

    def _take(self, topic: list[str], payload: bytes) -> None:
        host = topic[0]
        board = self._parts.accounts.board_called(host)
        if board is None:
            if host not in self._strangers:
                self._strangers.add(host)
                self._say(f"MQTT: {host} is no board of this station; `shiftcore station board {host}` makes it one")
            return
        match topic[1:]:
            case ["alarm" | "trouble"]:
                self._parts.intake.event(board, told(payload))
            case ["model"]:
                self._parts.rollouts.answered(board, payload)
            case ["camera", name] if payload:
                self._parts.intake.show(board, [_state(name, payload)])
            case ["camera", name, "picture"] if payload:
                with self._parts.store.incoming("jpg") as incoming:
                    incoming.add(payload)
                    self._parts.keep_picture(board, name, incoming)


def _state(name: str, payload: bytes) -> State:
    try:
        return State(name=name, risk=float(json.loads(payload)["risk"]) / 100)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RefusedError("not how a camera is") from None
