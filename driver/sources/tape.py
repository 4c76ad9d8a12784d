# SPDX-License-Identifier: BSD-3-Clause
"""The last seconds of a camera as it sent them, packets that nobody has decoded, in memory."""

import io
import threading
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple


class Packet(NamedTuple):
    """A packet: its bytes, its times in units of the stream's time base, whether a picture can be decoded from it on,
    and when it came, by the monotonic clock."""

    data: bytes
    pts: int
    dts: int
    key: bool
    arrival: float


class Reel(NamedTuple):
    """Packets of one connection, from a key frame on; `header`: a NUT file that holds the first of them, and so says
    what must be known of the stream, whose time `base` is in seconds."""

    header: bytes
    base: Fraction
    packets: tuple[Packet, ...]


class Tape:
    """Keeps at least the last `seconds` of a camera, from a key frame on; as far back as `hold` says, while that says
    anything. A reader's thread adds, another one takes."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._lock = seconds, threading.Lock()
        self._packets: deque[Packet] = deque()
        self._timed = True
        self._header, self._base, self._broken = b"", Fraction(1), False
        self.hold: Callable[[], float | None] = lambda: None

    def begin(self, timed: bool = True) -> None:
        """Another connection: nothing connects it to what was before. Packets that are not `timed` by the camera have
        the time of their arrival."""
        self._timed = timed
        with self._lock:
            self._packets.clear()
            self._header, self._broken = b"", False

    def add(self, packet: Any, arrival: float) -> None:
        """Keep one of PyAV's packets, the first of which is a key frame's. One without a time is left out."""
        pts = packet.pts if self._timed else round(arrival / packet.time_base)
        if pts is None or not packet.size or self._broken:
            return
        dts = packet.dts if self._timed and packet.dts is not None else pts
        kept = Packet(bytes(packet), pts, dts, packet.is_keyframe, arrival)
        try:
            header = self._header or _header(packet)
        except Exception:  # a codec that cannot be copied costs the tape, and not the camera
            self._broken = True
            return
        with self._lock:
            self._header, self._base = header, Fraction(packet.time_base)
            self._packets.append(kept)
            if kept.key:
                held = self.hold()
                self._forget(min(arrival - self._seconds, arrival if held is None else held))

    def _forget(self, keep: float) -> None:
        """Let go of what came before the last key frame that came at `keep` or before."""
        keys = [index for index, one in enumerate(self._packets) if one.key and one.arrival <= keep]
        for _ in range(keys[-1] if keys else 0):
            self._packets.popleft()

    def reel(self, begin: float, end: float) -> Reel | None:
        """What came from `begin` to `end`, and before that back to a key frame; None where there is nothing."""
        with self._lock:
            header, base, packets = (
                self._header,
                self._base,
                [packet for packet in self._packets if packet.arrival <= end],
            )
        first = max((index for index, one in enumerate(packets) if one.key and one.arrival <= begin), default=0)
        return Reel(header, base, tuple(packets[first:])) if packets else None


def _header(packet: Any) -> bytes:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="nut") as container:
        stream = container.add_stream_from_template(packet.stream)
        copy = av.Packet(bytes(packet))
        copy.stream, copy.time_base, copy.pts, copy.dts = stream, packet.time_base, 0, 0
        copy.is_keyframe = True
        container.mux(copy)
    return file.getvalue()
