# SPDX-License-Identifier: BSD-3-Clause
"""How the cameras are, for Prometheus to collect: its text format (version 0.0.4), at /metrics."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shiftcore.driver.events import Event
from shiftcore.driver.sinks.mqtt import split_address
from shiftcore.driver.sinks.sink import WAIT_S, CameraState, Place, Sink
from shiftcore.errors import UserError
from shiftcore.model.alarm import RAISED

PORT = 9105
TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class MetricsSettings:
    """Where Prometheus asks: HOST[:PORT] of this machine."""

    address: str = f"127.0.0.1:{PORT}"

    def mistakes(self) -> Iterator[str]:
        """What is wrong with it."""
        try:
            split_address(self.address, PORT)
        except ValueError:
            yield f"address is {self.address!r}, not HOST[:PORT]"

    def open(self, place: Place) -> Sink:
        """The sink. Raises UserError where that port is taken, or not this machine's."""
        return _Metrics(*split_address(self.address, PORT))


class _Metrics(Sink):
    def __init__(self, host: str, port: int) -> None:
        self._text, self._started = "", time.monotonic()
        metrics = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10.0  # of one who asks for nothing

            def do_GET(self) -> None:
                found = self.path == "/metrics"
                body = metrics._text.encode() if found else b"see /metrics\n"
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", TYPE if found else "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise UserError(f"metrics cannot be offered at {host}:{port}: {error.strerror}") from None
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True, name="metrics").start()

    def publish(self, event: Event) -> None:
        pass  # the next look tells it

    def show(self, cameras: Sequence[CameraState]) -> None:
        self._text = "".join(f"{line}\n" for line in lines(cameras, time.monotonic() - self._started))

    def close(self, wait_s: float = WAIT_S) -> int:
        self._server.shutdown()
        self._server.server_close()
        return 0


def lines(cameras: Sequence[CameraState], seconds: float) -> Iterator[str]:
    """The lines of the text format, without their ends; `seconds`: since the run began."""
    low, high = ([(_labels(camera, bound=name), camera.latency_cycles[index]) for camera in cameras]
                 for index, name in enumerate(("min", "max")))  # fmt: skip
    troubles = [(_labels(camera, trouble=trouble), 1) for camera in cameras for trouble in camera.troubles]
    lost = sum("lost" in camera.troubles for camera in cameras)
    yield from _metric("uptime_seconds", "gauge", "Since the run began.", [("", round(seconds, 3))])
    yield from _metric("cameras", "gauge", "Cameras of the site.", [("", len(cameras))])
    yield from _metric("cameras_lost", "gauge", "Cameras that do not answer now.", [("", lost)])
    yield from _metric("latency_cycles", "gauge", "Clock cycles of a frame, least and greatest.", low + high)
    yield from _metric("camera_trouble", "gauge", "Troubles that a camera has now.", troubles)
    for name, kind, text, value in (
        ("frames_total", "counter", "Frames with a result.", lambda camera: camera.frames),
        ("frames_dropped_total", "counter", "Frames that came too fast.", lambda camera: camera.dropped),
        ("frames_per_second", "gauge", "Frames a second, since the first.", lambda camera: round(camera.rate, 3)),
        ("risk", "gauge", "Score of the alarm's classes, 0 to 1.", lambda camera: round(camera.risk, 6)),
        ("alarm", "gauge", "1 while the alarm is raised.", lambda camera: int(camera.alarm == RAISED)),
        ("alarms_total", "counter", "Alarms raised.", lambda camera: camera.alarms),
    ):
        yield from _metric(name, kind, text, [(_labels(camera), value(camera)) for camera in cameras])


def _metric(name: str, kind: str, text: str, samples: Sequence[tuple[str, float]]) -> Iterator[str]:
    yield f"# HELP shiftcore_{name} {text}"
    yield f"# TYPE shiftcore_{name} {kind}"
    for labels, value in samples:
        yield f"shiftcore_{name}{labels} {value}"


def _labels(camera: CameraState, **more: str) -> str:
    pairs = {"camera": camera.name, **more}.items()
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
