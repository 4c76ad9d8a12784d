# SPDX-License-Identifier: BSD-3-Clause
"""What a broker keeps for whoever comes later: how each camera is, and what Home Assistant makes of it.

Home Assistant (MQTT discovery, one message a component, docs/service.md) finds a device for each camera, with its risk
in percent, its alarm, and whether something is wrong with it.
"""

import json
import re
from collections.abc import Iterator, Sequence

from shiftcore import __version__
from shiftcore.driver.sinks.sink import CameraState
from shiftcore.model.alarm import RAISED

ONLINE, OFFLINE = "online", "offline"
Message = tuple[str, str | bytes]  # topic and payload; an empty one takes back what was kept there


class Retained:
    """Messages to be kept at a broker, under `prefix`/`host`; `discovery` is Home Assistant's own prefix, "" without
    it. Each is given once, until its content changes or `forget` is called."""

    def __init__(self, prefix: str, host: str, discovery: str) -> None:
        self._base, self._node, self._discovery = f"{prefix}/{host}", f"{_plain(prefix)}_{_plain(host)}", discovery
        self.status = f"{self._base}/status"
        self._kept: dict[str, str | bytes] = {}
        self._forgotten = False
        self.pictures: dict[str, bytes] = {}  # of each camera, the last one, a JPEG

    def forget(self) -> None:
        """Give all again: the broker may have lost what it kept. Another thread than `changed`'s may call this."""
        self._forgotten = True

    def changed(self, cameras: Sequence[CameraState]) -> Iterator[Message]:
        """What is to be kept otherwise than it is, with `cameras` as they are now; nothing of those that are gone."""
        wanted: dict[str, str | bytes] = dict(message for camera in cameras for message in self._messages(camera))
        if self._forgotten:
            self._forgotten, self._kept = False, dict.fromkeys(self._kept, "")
        for topic in self._kept.keys() - wanted.keys():
            del self._kept[topic]
            yield topic, ""
        for topic, payload in wanted.items():
            if self._kept.get(topic) != payload:
                self._kept[topic] = payload
                yield topic, payload

    def _messages(self, camera: CameraState) -> Iterator[Message]:
        name = _plain(camera.name)
        topic = f"{self._base}/camera/{name}"
        if self._discovery:
            yield from self._discoveries(camera.name, name, topic)
        state = {
            "risk": round(100 * camera.risk),
            "class": camera.winner,
            "alarm": "ON" if camera.alarm == RAISED else "OFF",
            "problem": "ON" if camera.troubles else "OFF",
            "troubles": list(camera.troubles),
        }
        yield topic, json.dumps(state)
        if camera.name in self.pictures:
            yield f"{topic}/picture", self.pictures[camera.name]

    def _discoveries(self, called: str, name: str, topic: str) -> Iterator[Message]:
        """A message for each entity. Keys are those of Home Assistant's MQTT integration."""
        risk = {"unit_of_measurement": "%", "state_class": "measurement", "icon": "mdi:shield-alert-outline"}
        entities = (
            ("sensor", "risk", "Risk", risk),
            ("binary_sensor", "alarm", "Alarm", {"device_class": "safety"}),
            ("binary_sensor", "problem", "Problem", {"device_class": "problem", "entity_category": "diagnostic"}),
        )
        device = f"{self._node}_{name}"
        for component, key, label, more in entities:
            value = {"state_topic": topic, "value_template": f"{{{{ value_json.{key} }}}}"}
            yield self._discovery_of(component, device, name, called, key, label, {**value, **more})
        if called in self.pictures:
            image = {"image_topic": f"{topic}/picture", "content_type": "image/jpeg"}
            yield self._discovery_of("image", device, name, called, "picture", "Last alarm", image)

    def _discovery_of(
        self, component: str, device: str, name: str, called: str, key: str, label: str, more: dict[str, str]
    ) -> Message:
        entity = {
            "name": label,
            "unique_id": f"{device}_{key}",
            "json_attributes_topic": f"{self._base}/camera/{name}",
            "availability_topic": self.status,
            "device": {"identifiers": [device], "name": called, "manufacturer": "Shiftcore"},
            "origin": {"name": "Shiftcore", "sw_version": __version__},
            **more,
        }
        return f"{self._discovery}/{component}/{self._node}/{name}_{key}/config", json.dumps(entity)


def _plain(name: str) -> str:
    """A name as it may stand in a topic and an identifier of Home Assistant's."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)
