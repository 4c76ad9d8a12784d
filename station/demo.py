# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore station --demo`: a station, and a run of drawn cameras that tells it what the shipped network sees there,
through the reference: no hardware, no footage."""

import contextlib
import importlib.util
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from shiftcore import process
from shiftcore.artifacts import build_folder
from shiftcore.driver.sources import Say
from shiftcore.errors import UserError
from shiftcore.station.server import greet, opened, serving
from shiftcore.station.task import Task

RATE, HEIGHT, WIDTH, SECONDS = 16, 240, 320, 6.0  # of the drawn scenes: images a second, rows, columns, length
SEED = 20260  # as the demo's scenes: none of training or validation
CALM = 3  # scenes between two fights
BOARD = "demo"
NEEDS = ("av", "cv2")  # to film, and to draw
SITE = """# written by `shiftcore station --demo`
secrets = "secrets.env"
state = "board"

{cameras}
[sinks.station]
address = "http://{host}:{port}"
token = "${{STATION_TOKEN}}"

[clips]
folder = "clips"
megabytes = 200
"""


def show(host: str, port: int, say: Say) -> None:
    """Until Ctrl-C. What was there from the last time goes first. Raises UserError where a package is missing, or the
    run cannot go on."""
    if missing := [name for name in NEEDS if importlib.util.find_spec(name) is None]:
        raise UserError(f'--demo draws cameras, and {missing[0]} is not installed: pip install "shiftcore[station]"')
    folder = build_folder() / "station-demo"
    shutil.rmtree(folder, ignore_errors=True)
    with opened(folder / "station", "", Task()) as parts, serving(parts, host, port) as given:
        greet(say, host, given, parts.accounts.first_password())
        say("drawing two cameras, and starting a run of them; the first alarm comes within a minute or two ...")
        token = parts.accounts.set_board(BOARD)
        calm = [_scene(False, number) for number in range(CALM)]
        with serve_cameras({"door": calm, "yard": [*calm, _scene(True, 0)]}) as addresses:
            reached = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
            site = write_site(folder, addresses, reached, given, token)
            command = [sys.executable, "-m", "shiftcore", "run", str(site)]
            try:
                done = process.run(command, stdout=subprocess.DEVNULL)
            except KeyboardInterrupt:
                return
            raise UserError(f"the run of the drawn cameras has ended, with exit code {done.returncode}; see above")


def write_site(folder: Path, cameras: dict[str, str], host: str, port: int, token: str) -> Path:
    """The site file of `cameras`, their addresses by their names, that tells the station at `host` and `port`."""
    secrets = folder / "secrets.env"
    secrets.touch(mode=0o600)
    secrets.write_text(f"STATION_TOKEN={token}\n")
    tables = "".join(f'[cameras.{name}]\naddress = "{address}"\n\n' for name, address in cameras.items())
    path = folder / "site.toml"
    path.write_text(SITE.format(cameras=tables, host=host, port=port))
    return path


@contextlib.contextmanager
def serve_cameras(scenes: dict[str, list[np.ndarray]]) -> Iterator[dict[str, str]]:
    """Cameras on this machine, by their names, that show their scenes (uint8 `[T, H, W, 3]`, RGB) over and over, as a
    network camera would: H.264 in an MPEG transport stream over HTTP. Gives their addresses."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.strip("/")
            if name not in scenes:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            film(cast(IO[bytes], self.wfile), scenes[name], ended)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True, name="drawn cameras").start()
    try:
        yield {name: f"http://127.0.0.1:{server.server_port}/{name}" for name in scenes}
    finally:
        ended.set()
        server.shutdown()
        server.server_close()


def film(file: IO[bytes], scenes: Sequence[np.ndarray], ended: threading.Event) -> None:
    """Write scenes into a file, over and over, as fast as they are seen, until it has `ended`, or nobody reads."""
    import av

    with contextlib.suppress(OSError, av.FFmpegError), av.open(file, "w", format="mpegts") as container:
        stream: Any = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = (
            scenes[0].shape[2],
            scenes[0].shape[1],
            "yuv420p",
            RATE,
        )
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "threads": "1"}
        start, number = time.monotonic(), 0
        while True:
            for image in (image for scene in scenes for image in scene):
                if ended.wait(max(0.0, start + number / RATE - time.monotonic())):
                    return
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, RATE)
                container.mux(stream.encode(frame))
                number += 1


def _scene(fight: bool, number: int) -> np.ndarray:
    from shiftcore.quant import brawl

    return brawl.clip(fight, RATE, HEIGHT, WIDTH, (SEED + number, fight), SECONDS)
