# SPDX-License-Identifier: BSD-3-Clause
"""A clip an alarm: from 5 seconds before it to 5 seconds after, as the camera sent it, with a picture and the score's
course beside it. Oldest first they make room for new ones, and the last bytes of a disk stay free.

NAME.mp4, NAME.jpg and NAME.json, NAME being the time, the camera and the event's id, are written under other names
first, the JSON last: where that is, the others are whole.
"""

import contextlib
import io
import json
import math
import os
import queue
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from shiftcore.driver.events import Event
from shiftcore.driver.record import encoded
from shiftcore.driver.service.cover import Cover
from shiftcore.driver.sources.source import Image, Say
from shiftcore.driver.sources.tape import Reel, Tape
from shiftcore.errors import UserError
from shiftcore.model.fields import Count, Seconds

AROUND_S = 5.0  # before an alarm, and after it
LONGEST_S = 60.0  # of a clip: a tape is in memory
FREE = 200 << 20, 20  # bytes of a disk that stay free, or one in so many of all it has, whichever is more
PARTS = (".mp4", ".jpg", ".json")
_DAY_S = 24 * 3600.0


@dataclass(frozen=True)
class ClipSettings:
    """A clip an alarm in `folder`: all `megabytes` (10^6 bytes) at most, none older than `days` (0: any age)."""

    folder: str
    megabytes: Count = 1000
    days: Seconds = 30.0


@dataclass
class _Cut:
    """A clip that is under way: its alarm's event, since when, and until when, by the monotonic clock; where it has not
    ended, that is as long as a clip may be."""

    event: Event
    begin: float
    end: float


class Clips:
    """Cuts clips of the tapes of cameras; a thread writes them, and has `shown` each: its event, where it lies (without
    a suffix), and its picture, a JPEG. Raises UserError where the folder cannot be written."""

    def __init__(
        self, settings: ClipSettings, say: Say, shown: Callable[[Event, Path, bytes], None] = lambda *_: None
    ) -> None:
        self._shown = shown
        self._settings, self._say, self._folder = settings, say, Path(settings.folder)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for left in self._folder.glob(".*.part"):  # of a process that was killed
                left.unlink()
            if not os.access(self._folder, os.W_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise UserError(f"{self._folder}: clips cannot be written there: {error.strerror}") from None
        self._tapes: dict[str, tuple[Tape, Cover]] = {}
        self._scores: dict[str, deque[tuple[float, float, float]]] = {}
        self._cuts: dict[str, _Cut] = {}
        self._jobs: queue.Queue[tuple[_Cut, Reel, Cover, list[list[float]]] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._write_all, name="clips", daemon=True)
        self._thread.start()

    def tape(self, camera: str, cover: Cover) -> Tape:
        """The tape of a camera, for its source, whose picture is covered so in clips."""
        tape = Tape(AROUND_S + 1.0)
        tape.hold = lambda: getattr(self._cuts.get(camera), "begin", None)
        self._tapes[camera], self._scores[camera] = (tape, cover), deque(maxlen=2000)
        return tape

    def cover(self, camera: str, cover: Cover) -> None:
        """Other masks for a camera."""
        if camera in self._tapes:
            self._tapes[camera] = self._tapes[camera][0], cover

    def saw(self, camera: str, image: Image, score: float) -> None:
        """A result of a camera."""
        if camera in self._scores:
            self._scores[camera].append((time.monotonic(), image.seconds, score))

    def publish(self, event: Event) -> None:
        """An alarm of a camera with a tape begins a clip or ends it."""
        camera, now = event["camera"], time.monotonic()
        if event["kind"] != "alarm" or camera not in self._tapes:
            return
        if event["event"] == "begin":
            if camera in self._cuts:  # the end of the one before is waited for no longer
                self._finish(camera, now)
            begin = now - (event["seconds"] - event["since"]) - AROUND_S
            self._cuts[camera] = _Cut(event, begin, begin + LONGEST_S)
        elif camera in self._cuts:
            cut = self._cuts[camera]
            cut.event, cut.end = event, min(cut.end, now + AROUND_S)

    def look(self, at_once: bool = False) -> None:
        """Hand over to be written what is complete, and `at_once` all."""
        now = time.monotonic()
        for camera, cut in list(self._cuts.items()):
            if at_once or now >= cut.end:
                self._finish(camera, now)

    def _finish(self, camera: str, now: float) -> None:
        """Hand a clip over, as far as its camera has come."""
        (tape, cover), cut = self._tapes[camera], self._cuts[camera]
        reel = tape.reel(cut.begin, min(cut.end, now))
        del self._cuts[camera]
        if reel:
            begin, seen = reel.packets[0].arrival, self._scores[camera]
            course = [[round(s, 3), round(score, 6)] for at, s, score in seen if begin <= at <= cut.end]
            self._jobs.put((cut, reel, cover, course))

    def close(self) -> None:
        """Write what is under way."""
        self.look(at_once=True)
        self._jobs.put(None)
        self._thread.join()

    def _write_all(self) -> None:
        while (job := self._jobs.get()) is not None:
            cut, reel, cover, course = job
            try:
                self._make_room(sum(len(packet.data) for packet in reel.packets))
                self._write(cut, reel, cover, course)
            except Exception as error:  # whatever a muxer throws costs this clip, and not the run
                why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
                self._say(f"{cut.event['camera']}: no clip: {' '.join(str(why).split()) or type(error).__name__}")

    def _write(self, cut: _Cut, reel: Reel, cover: Cover, course: list[list[float]]) -> None:
        event, at = cut.event, re.sub(r"[-:]|\..*", "", cut.event["utc"])
        name = f"{at}-{re.sub(r'[^A-Za-z0-9_-]+', '_', event['camera'])[:80]}-{event['id'][:8]}"
        begin = reel.packets[0].arrival
        begins = round(max(cut.begin + AROUND_S - begin, 0.0), 3)
        about = {**event, "begins": begins, "scores": course}
        parts = {suffix: self._folder / f".{name}{suffix}.part" for suffix in PARTS}
        try:
            (write_masked if cover.masks else write)(parts[".mp4"], reel, cover)
            jpeg = picture(parts[".mp4"], begins)
            parts[".jpg"].write_bytes(jpeg)
            parts[".json"].write_text(json.dumps(about) + "\n")
            for suffix, part in parts.items():
                with open(part, "rb") as file:
                    os.fsync(file.fileno())
                part.replace(self._folder / f"{name}{suffix}")
            self._shown(event, self._folder / name, jpeg)
        finally:
            for part in parts.values():
                part.unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        """Remove what is too old, and the oldest until a clip of `size` bytes has room. Raises OSError without any."""
        known = sorted(path for path in self._folder.iterdir() if path.suffix in PARTS and path.name[0] != ".")
        sizes = {path: path.stat().st_size for path in known}
        limit, oldest = self._settings.megabytes * 10**6, time.time() - self._settings.days * _DAY_S
        total = sum(sizes.values())
        while known:
            old = self._settings.days > 0 and known[0].stat().st_mtime < oldest
            if not old and total + size <= limit and free(self._folder) >= size:
                return
            total -= sizes[known[0]]
            known.pop(0).unlink()
        if free(self._folder) < size or size > limit:
            raise OSError(28, "there is no room for it")


def free(folder: Path) -> int:
    """Bytes of a disk that clips may take: those that stay free do not count."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize - max(FREE[0], disk.f_blocks * disk.f_frsize // FREE[1])


def write(path: Path, reel: Reel, _cover: Cover) -> None:
    """Write a reel as it is, into an MP4 file. Raises what PyAV raises."""
    import av

    with av.open(io.BytesIO(reel.header), format="nut") as source, av.open(str(path), "w", format="mp4") as container:
        base = source.streams.video[0]
        stream = container.add_stream_from_template(base)
        for packet in _packets(reel):
            packet.stream = stream
            container.mux(packet)


def write_masked(path: Path, reel: Reel, cover: Cover) -> None:
    """Write a reel with its masks, encoded anew: nothing of what nobody may see is on a disk at any time."""
    import av

    from shiftcore.model.sampling import RGB
    from shiftcore.model.video import seen

    seconds = reel.packets[-1].arrival - reel.packets[0].arrival
    rate = Fraction(max(1, round(len(reel.packets) / max(seconds, 0.1)))).limit_denominator(1000)
    with av.open(io.BytesIO(reel.header), format="nut") as source, contextlib.ExitStack() as stack:
        base, writer = source.streams.video[0], None
        for packet in [*_packets(reel), None]:
            for frame in base.codec_context.decode(packet):
                image = Image(seen(frame, base, RGB)[0], 0.0, 0, "", False)
                pixels = Cover(cover.masks)(image).pixels[: frame.height // 2 * 2, : frame.width // 2 * 2]
                if writer is None:
                    writer = stack.enter_context(encoded(path, (pixels.shape[1], pixels.shape[0]), rate))
                writer.add(pixels)


def picture(path: Path, seconds: float) -> bytes:
    """A JPEG of a video's frame at `seconds`, or its last before that."""
    import av

    with av.open(str(path)) as container:
        frames: Iterator[Any] = container.decode(video=0)
        chosen = next(frames)
        for frame in frames:
            if frame.time is not None and frame.time > seconds:
                break
            chosen = frame
        return encode_jpeg(chosen)


def encode_jpeg(frame: Any) -> bytes:
    """A frame of PyAV's as a JPEG."""
    import av

    frame = frame.reformat(format="yuvj420p")
    codec: Any = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, "yuvj420p"
    codec.time_base, frame.pts = Fraction(1, 25), 0
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])


def _packets(reel: Reel) -> Iterator[Any]:
    import av

    first = reel.packets[0].dts
    last = -math.inf
    step = max(
        1, (reel.packets[-1].dts - first) // max(1, len(reel.packets) - 1)
    )  # on average; the last one lasts, too
    for kept in reel.packets:
        packet = av.Packet(kept.data)
        dts = max(kept.dts - first, 0 if last == -math.inf else int(last) + 1)
        packet.dts, packet.pts, packet.time_base, last = dts, max(kept.pts - first, dts), reel.base, dts
        packet.is_keyframe = kept.key
        packet.duration = step
        yield packet
