# SPDX-License-Identifier: BSD-3-Clause
"""Events: that an alarm, or trouble with a camera, begins or ends (docs/alarms.md has the keys). shiftcore.driver.sinks
tells them.
"""

import socket
import uuid
from datetime import datetime, timezone
from typing import Literal, TypedDict

from shiftcore.model.alarm import Change

Kind = Literal["alarm", "trouble"]
Event = TypedDict(
    "Event",
    {
        "id": str,
        "event": Literal["begin", "end"],
        "stream": int,
        "source": str,
        "seconds": float,
        "since": float,
        "class": str,
        "score": float,
        "model": str,
        "utc": str,
        "host": str,
        "kind": Kind,
        "camera": str,
    },
)
"""An alarm's or a trouble's begin or end as it is written and published; docs/alarms.md says what each key holds."""


class Reporter:
    """Turns what changes with one camera into events: an `id` for each pair of begin and end, who and when. `camera`:
    the name of it."""

    def __init__(self, stream: int, camera: str = "") -> None:
        self._stream, self._camera = stream, camera
        self._ids: dict[str, str] = {}

    def event(self, change: Change, source: str, model: str, kind: Kind = "alarm") -> Event:
        """The event of `change`, as it is written and published; `model`: the hash of the one that gave it. Of a
        trouble, `change.name` says which it is."""
        which = kind if kind == "alarm" else change.name
        if change.begin:
            self._ids[which] = uuid.uuid4().hex
        return {
            "id": self._ids.get(which, ""),
            "event": "begin" if change.begin else "end",
            "stream": self._stream,
            "source": source,
            "seconds": round(change.seconds, 3),
            "since": round(change.since, 3),
            "class": change.name,
            "score": round(change.score, 6),
            "model": model,
            "utc": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "host": socket.gethostname(),
            "kind": kind,
            "camera": self._camera,
        }
