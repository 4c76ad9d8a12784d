# SPDX-License-Identifier: BSD-3-Clause
"""Models over MQTT, for a run that allows it: whoever may publish to its topics gives it another one, or one beside its
own."""

import json
import socket
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from shiftcore.driver.build import Build
from shiftcore.driver.change import install
from shiftcore.driver.shadow import Candidates
from shiftcore.driver.sinks.mqtt import KEEP_ALIVE_S, RECONNECT_S, Broker
from shiftcore.driver.sources import Say
from shiftcore.driver.switch import Answer
from shiftcore.errors import UserError


class Inbox:
    """Takes the content of a model.npz from the topic `shiftcore/HOST/load`, and publishes to `shiftcore/HOST/model`
    what became of it: `{"model": HASH}` or `{"error": ...}`. A compiled build goes by it from then on. One from
    `shiftcore/HOST/shadow` is a candidate beside it, `{"shadow": HASH}`; what is empty ends that: `{"shadow": "",
    "report": ...}`. What the broker retains is left alone: it is of another day.

    `ask` is what gives a model's file to the run, and `candidates` what sees the run's frames. Raises UserError where
    paho-mqtt is not installed, and for certificates that are none.
    """

    def __init__(
        self, broker: Broker, build: Build, ask: Callable[[Path], Answer], candidates: Candidates, say: Say
    ) -> None:
        self._build, self._ask, self._candidates, self._say = build, ask, candidates, say
        topic = f"shiftcore/{socket.gethostname()}"
        self._replies, self._shadow = f"{topic}/model", f"{topic}/shadow"
        self._folder = tempfile.TemporaryDirectory(prefix="shiftcore-")
        self._client = broker.client()
        self._client.reconnect_delay_set(*RECONNECT_S)
        self._client.on_connect = lambda client, *_: client.subscribe([(f"{topic}/load", 1), (self._shadow, 1)])
        self._client.on_message = self._take
        self._client.connect_async(broker.host, broker.port, keepalive=KEEP_ALIVE_S)
        self._client.loop_start()

    def close(self) -> None:
        """Take no more."""
        self._client.disconnect()
        self._client.loop_stop()
        self._folder.cleanup()

    def _take(self, _client: Any, _data: Any, message: Any) -> None:
        if message.retain:
            return
        if message.topic == self._shadow:
            self._compare(message.payload)
            return
        path = Path(self._folder.name) / "model.npz"
        path.write_bytes(message.payload)
        try:
            answer = self._ask(install(self._build, path) if self._build.compiled else path)
        except UserError as error:
            self._say(f"the model stays: what came over MQTT is refused: {error}")
            self._reply({"error": str(error)})
        else:
            answer.add_done_callback(self._answered)

    def _compare(self, content: bytes) -> None:
        """With the candidate of that content; none: no more."""
        path = Path(self._folder.name) / "candidate.npz"
        path.write_bytes(content)
        try:
            answer = self._candidates.ask(path if content else None)
        except UserError as error:
            self._say(f"no candidate: what came over MQTT is refused: {error}")
            self._reply({"shadow": "", "error": str(error)})
        else:
            answer.add_done_callback(partial(self._compared, bool(content)))

    def _compared(self, begins: bool, answer: Answer) -> None:
        if error := answer.exception():
            self._reply({"shadow": "", "error": str(error)})
        else:
            self._reply({"shadow": answer.result()} if begins else {"shadow": "", "report": answer.result()})

    def _answered(self, answer: Answer) -> None:
        error = answer.exception()
        self._reply({"error": str(error)} if error else {"model": answer.result()})

    def _reply(self, what: dict[str, str]) -> None:
        self._client.publish(self._replies, json.dumps(what), qos=1)
