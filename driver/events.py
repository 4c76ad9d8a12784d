"""Where alarm events go: lines of JSON, and an MQTT broker by way of a spool on disk that loses none.

docs/alarms.md has the event's keys.
"""

import contextlib
import fcntl
import json
import os
import socket
import sys
import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

from shiftcore.errors import UserError
from shiftcore.model.alarm import Change

Event = dict[str, Any]
KEEP_ALIVE_S = 15
RECONNECT_S = (1, 15)  # first and longest pause between two attempts
_EVERYTHING = 3600.0


class Reporter:
    """Turns the changes of one camera's alarm into events: an `id` for each pair of begin and end, who and when."""

    def __init__(self, stream: int) -> None:
        self._stream = stream
        self._id = ""

    def event(self, change: Change, source: str) -> Event:
        """The event of `change`, as it is written and published."""
        self._id = uuid.uuid4().hex if change.begin else self._id
        return {
            "id": self._id,
            "event": "begin" if change.begin else "end",
            "stream": self._stream,
            "source": source,
            "seconds": round(change.seconds, 3),
            "since": round(change.since, 3),
            "class": change.name,
            "score": round(change.score, 6),
            "utc": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "host": socket.gethostname(),
        }


class JsonLines:
    """Events appended to the file at `path`, or written to standard output for "-", one JSON object a line."""

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._file: TextIO = sys.stdout if path == "-" else open(path, "a", encoding="utf-8")  # noqa: SIM115 - close()
        except OSError as error:
            raise UserError(f"{path}: events cannot be written there: {error.strerror}") from None

    def publish(self, event: Event) -> None:
        """Write one event, at once."""
        print(json.dumps(event), file=self._file, flush=True)

    def close(self) -> None:
        """Close the file."""
        if self._file is not sys.stdout:
            self._file.close()


class Spool:
    """Events on disk, oldest first, each until it is taken out: a file each in `folder`, named by its number, whole or
    not there. Of one process at a time: UserError when another has it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = open(folder / ".lock", "w")  # noqa: SIM115 - the lock lives as long as the spool
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{folder}: another run uses this spool; give this one its own with --spool") from None
        except OSError as error:
            raise UserError(
                f"{folder}: the spool cannot be written: {error.strerror}; name another with --spool"
            ) from None
        for stale in folder.glob("*.tmp"):  # of a process that was killed while writing; its event was not accepted
            stale.unlink()
        self._next = max((int(path.stem) for path in self.waiting()), default=0) + 1

    def put(self, event: Event) -> Path:
        """Keep an event; it has reached the disk when this returns."""
        path = self._folder / f"{self._next:012d}.json"
        temporary = path.with_suffix(".tmp")
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(json.dumps(event))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        self._sync()
        self._next += 1
        return path

    def waiting(self) -> list[Path]:
        """The files of the events kept, oldest first."""
        return sorted(self._folder.glob("[0-9]*.json"))

    def take_out(self, path: Path) -> None:
        """Forget an event."""
        path.unlink()

    def close(self) -> None:
        """Let another process have it."""
        self._lock.close()

    def _sync(self) -> None:
        """Make the new name last, too."""
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class Mqtt:
    """Publishes events to a broker, QoS 1, through `spool`: each is on disk before it is sent, and until the broker has
    acknowledged it. A thread sends what waits, oldest first, one at a time; without a broker it waits for one.

    `address`: HOST or HOST:PORT; `say` is told, in one line, when the broker comes and goes. Raises UserError for an
    address that is none, and where paho-mqtt is not installed.
    """

    def __init__(self, address: str, spool: Spool, say: Callable[[str], None]) -> None:
        host, port = split_address(address)
        try:
            import paho.mqtt.client as paho
        except ImportError:
            raise UserError("--mqtt needs paho-mqtt, which is not installed: pip install paho-mqtt") from None
        self._spool, self._say, self._address = spool, say, f"{host}:{port}"
        self._topic = f"shiftcore/{socket.gethostname()}/alarm"
        self._changed = threading.Condition()
        self._acknowledged: set[int] = set()
        self._closing = False
        self._up: bool | None = None
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self._client.reconnect_delay_set(*RECONNECT_S)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = lambda *_: self._tell(False)
        self._client.on_disconnect = lambda *_: self._tell(False)
        self._client.on_publish = self._on_publish
        self._client.connect_async(host, port, keepalive=KEEP_ALIVE_S)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._send, daemon=True, name="mqtt")
        self._thread.start()

    def publish(self, event: Event) -> None:
        """Take an event over. It is safe on disk when this returns; sending is done behind the caller's back."""
        self._spool.put(event)
        with self._changed:
            self._changed.notify_all()

    def close(self, wait_s: float = 5.0) -> int:
        """Wait up to `wait_s` seconds for what still waits, then let go. Returns how many events stay in the spool."""
        with self._changed:
            self._changed.wait_for(lambda: not self._spool.waiting(), wait_s)
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        with contextlib.suppress(OSError, ValueError):
            self._client.disconnect()
        self._client.loop_stop()
        left = len(self._spool.waiting())
        self._spool.close()
        return left

    def _send(self) -> None:
        """The thread: the oldest event, until it is acknowledged; then the next."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or (self._up and self._spool.waiting()), _EVERYTHING)
                if self._closing:
                    return
                waiting = self._spool.waiting()
            for path in waiting:
                # paho keeps it and sends it again after each reconnection, as long as this process lives
                number = self._client.publish(self._topic, path.read_bytes(), qos=1).mid
                with self._changed:
                    while not self._closing and number not in self._acknowledged:
                        self._changed.wait(_EVERYTHING)
                    if number not in self._acknowledged:
                        return
                    self._acknowledged.discard(number)
                    self._spool.take_out(path)
                    self._changed.notify_all()

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._tell(not reason.is_failure, f" ({reason})" if reason.is_failure else "")

    def _on_publish(self, _client: Any, _data: Any, number: int, _reason: Any, _properties: Any) -> None:
        with self._changed:
            self._acknowledged.add(number)
            self._changed.notify_all()

    def _tell(self, up: bool, why: str = "") -> None:
        with self._changed:
            before, self._up = self._up, up
            self._changed.notify_all()
        if up != before and not self._closing:
            kept = len(self._spool.waiting())
            self._say(
                f"MQTT broker {self._address}: connected, {kept} events to send"
                if up
                else f"MQTT broker {self._address}: not reachable{why}; events are kept in the spool until it is"
            )


def split_address(address: str) -> tuple[str, int]:
    """HOST[:PORT], [IPv6]:PORT too. Raises UserError for anything else."""
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]") or (host.count(":") and not host.startswith("[")):
        host, port = address, "1883"
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536 or "/" in host:
        raise UserError(f"--mqtt {address}: not a broker's address; give HOST or HOST:PORT, with a port of 1 to 65535")
    return host, int(port)
