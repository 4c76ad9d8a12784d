# SPDX-License-Identifier: BSD-3-Clause
"""A camera that sends pictures over HTTP as multipart/x-mixed-replace (motion JPEG), as cheap ones do."""

import base64
import contextlib
import io
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image


class MjpegCamera:
    """Sends `images` over and over, `rate` a second. With `login`, "user:password", it wants that (Basic). `asked`
    counts requests, `logins` those that came with a user and a password."""

    def __init__(self, images: list[np.ndarray], rate: float, login: str = "") -> None:
        self.asked = self.logins = 0
        self._pictures = [_jpeg(image) for image in images]
        self._rate, self._login, self._closed = rate, login, threading.Event()
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/video"

    def close(self) -> None:
        """Switch it off."""
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked += 1
        shown = request.headers.get("Authorization", "")
        self.logins += bool(shown)
        if self._login and shown != "Basic " + base64.b64encode(self._login.encode()).decode():
            request.send_response(401)
            request.send_header("WWW-Authenticate", 'Basic realm="camera"')
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        request.end_headers()
        with contextlib.suppress(OSError):
            self._send(request)

    def _send(self, request: BaseHTTPRequestHandler) -> None:
        start = time.monotonic()
        number = 0
        while not self._closed.is_set():
            picture = self._pictures[number % len(self._pictures)]
            head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            request.wfile.write(head.encode() + picture + b"\r\n")
            number += 1
            time.sleep(max(0.0, start + number / self._rate - time.monotonic()))


def _jpeg(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=90)
    return file.getvalue()
