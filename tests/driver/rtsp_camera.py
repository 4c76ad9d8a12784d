# SPDX-License-Identifier: BSD-3-Clause
"""A camera on a network, for tests: a little RTSP server (RFC 2326) that sends MPEG transport packets (RFC 2250) inside
its TCP connection, and hangs up whenever it is told to."""

import contextlib
import socket
import struct
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

_PACKET, _PACKETS = 188, 7


def transport_stream(path: Path, images: list[np.ndarray], rate: int = 25, begin_s: int = 0) -> Path:
    """Write images `[H, W, 3]` as MPEG-2 in a transport stream whose clock begins at `begin_s`, each picture decodable
    by itself."""
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("mpeg2video", rate=rate)
        stream.height, stream.width, stream.pix_fmt = *images[0].shape[:2], "yuv420p"
        stream.gop_size, stream.bit_rate = 1, 4_000_000
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = begin_s * rate + number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


class Camera:
    """Serves `content` (a transport stream) to one client at a time. `connections` counts; `pace_s` is the pause
    between two packets; after the content it hangs up, or with `freeze` goes silent. With `once` it
    is switched off after its first client."""

    def __init__(
        self, content: bytes, pace_s: float = 0.0, freeze: bool = False, once: bool = False, port: int = 0
    ) -> None:
        self.connections = 0
        self._content, self._pace_s, self._freeze, self._once = content, pace_s, freeze, once
        self._server = socket.create_server(("127.0.0.1", port))
        self.address = f"rtsp://127.0.0.1:{self._server.getsockname()[1]}/door"
        self._closed = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Switch it off: connections are refused from now on."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            with connection, contextlib.suppress(OSError):
                self._talk(connection)
            if self._once:
                self.close()

    def _talk(self, connection: socket.socket) -> None:
        reader = connection.makefile("rb")
        while line := reader.readline().decode():
            method = line.split()[0]
            headers = dict(header.split(": ", 1) for header in iter(lambda: reader.readline().decode().strip(), ""))
            extra, body = "", ""
            if method == "DESCRIBE":
                lines = (
                    "v=0",
                    "o=- 0 0 IN IP4 127.0.0.1",
                    "s=camera",
                    "t=0 0",
                    "m=video 0 RTP/AVP 33",
                    "a=control:video",
                )
                body = "".join(f"{line}\r\n" for line in lines)
                extra = "Content-Type: application/sdp\r\n"
            elif method == "SETUP":
                extra = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
            answer = f"RTSP/1.0 200 OK\r\nCSeq: {headers['CSeq']}\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}"
            connection.sendall(answer.encode())
            if method == "PLAY":
                self._play(connection)
                return

    def _play(self, connection: socket.socket) -> None:
        step = _PACKET * _PACKETS
        for sequence, start in enumerate(range(0, len(self._content), step)):
            payload = self._content[start : start + step]
            rtp = struct.pack(">BBHII", 0x80, 33, sequence & 0xFFFF, sequence * 90, 1) + payload
            connection.sendall(b"$\x00" + struct.pack(">H", len(rtp)) + rtp)
            if self._closed.is_set():
                return
            time.sleep(self._pace_s)
        connection.settimeout(60)
        while self._freeze and connection.recv(1000):  # silent, until the client hangs up
            pass
