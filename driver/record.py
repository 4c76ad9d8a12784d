# SPDX-License-Identifier: BSD-3-Clause
"""A video of what was seen, with the score and the alarm drawn on each frame."""

import contextlib
import errno
import fcntl
import itertools
import os
import struct
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from shiftcore.driver.sources.source import Say
from shiftcore.errors import UserError
from shiftcore.model import decoders
from shiftcore.model.preprocess import pixel_aspect

WHITE, RED = (255, 255, 255), (230, 30, 30)
LEAST_ROWS = 360  # smaller frames are enlarged, so that the text can be read
# PyAV's, best first, with their options. FFmpeg's own is in every build; x264 is not (PyAV's wheel for 32-bit ARM).
# 354: three times FF_QP2LAMBDA, a quantizer at which the text stays sharp.
ENCODERS = {"libx264": {"preset": "veryfast"}, "mpeg4": {"flags": "+qscale", "global_quality": "354"}}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
ROOM, RETRY_S = 1 << 16, 10.0  # free bytes without which a disk is full, and when it is looked at again


class Recorder:
    """Writes the MP4 file at `path`, `rate` frames a second: H.264 where PyAV has x264, else MPEG-4, through
    PyAV or OpenCV. It is fragmented, so that it can be played at any moment, whatever happens to the program: as
    NAME.part.mp4 while it grows, under its own name when it is closed.

    A full disk costs frames, which `say` is told, and not the run: what is there is closed, and when there is room
    again NAME-2.mp4 begins. `lost`: frames that are in no file. What a killed run left is kept under its time.

    Raises UserError where OpenCV, which draws, does not work, nothing can encode, the file cannot be written, or
    another run writes it.
    """

    def __init__(self, path: Path, rate: float, say: Say = print) -> None:
        if path.suffix.lower() != ".mp4":
            raise UserError(f"{path}: --record writes MP4; give a name that ends in .mp4")
        if not decoders.opencv().usable:
            raise UserError(f"--record needs OpenCV to draw: {decoders.opencv().problem} ({decoders.advice()})")
        if not path.parent.is_dir():
            raise UserError(f"{path}: no folder {path.parent}")
        _encoder()
        self.lost = 0
        self.path, self._part, self._say = path, path.with_name(f"{path.stem}.part.mp4"), say
        self._rate = Fraction(rate).limit_denominator(1000)
        self._writer: _PyAv | _OpenCv | None = None
        self._size, self._frames, self._files, self._retry = (0, 0), 0, 0, 0.0
        self._lock = -1
        try:
            self._claim()
        except BlockingIOError:
            raise UserError(f"{path}: another run records there; give this one another name") from None
        except OSError as error:
            raise UserError(f"{path}: cannot be written: {error.strerror}") from None

    def add(self, pixels: np.ndarray, text: str, raised: bool) -> None:
        """The next frame, RGB uint8 `[H, W, 3]`, with a line of `text` on it, and a red frame around it while an alarm
        is `raised`. All are brought to one size."""
        if time.monotonic() < self._retry:
            self.lost += 1
            return
        try:
            self._require_room()
            if self._writer is None:
                self._begin(pixels)
            assert self._writer is not None
            self._writer.add(_draw(self._resized(pixels), text, raised))
            self._frames += 1
        except OSError as error:
            self._pause(error)

    def close(self) -> None:
        """Finish the file."""
        self._finish()
        if self._lock >= 0:
            self._part.unlink(missing_ok=True)  # claimed, and never begun
            os.close(self._lock)
            self._lock = -1

    def _claim(self) -> None:
        """Let the .part file be ours, and empty. Raises OSError; BlockingIOError where another run has it."""
        lock = os.open(self._part, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left = os.fstat(lock)
            if left.st_size and _whole(self._part):  # of a run that was killed
                when = time.strftime("%Y%m%d-%H%M%S", time.localtime(left.st_mtime))
                kept = _free(self.path.with_stem(f"{self.path.stem}-{when}"))
                self._part.replace(kept)
                self._say(f"{kept}: is what a run that was killed had recorded")
                os.close(lock)
                lock = -1
                self._claim()
            else:
                os.ftruncate(lock, 0)
                self._lock = lock
        except OSError:
            if lock >= 0:
                os.close(lock)
            raise

    def _begin(self, pixels: np.ndarray) -> None:
        if self._lock < 0:
            self._claim()
        times = max(1, -(-LEAST_ROWS // pixels.shape[0]))
        shown = pixels.shape[0], int(pixels.shape[1] * pixel_aspect(pixels))
        height, width = (side * times // 2 * 2 for side in shown)  # 4:2:0: half the columns and rows
        self._size = (width, height)
        kind = _PyAv if _encoder() else _OpenCv
        self._writer = kind(self._part, self._size, self._rate)
        if self._files:
            self._say(f"{self._name()}: the recording goes on there")

    def _name(self) -> Path:
        return self.path.with_stem(f"{self.path.stem}-{self._files + 1}") if self._files else self.path

    def _require_room(self) -> None:
        """OpenCV does not tell of a full disk. Raises OSError where there is one."""
        disk = os.statvfs(self._part.parent)
        if (disk.f_bfree if os.geteuid() == 0 else disk.f_bavail) * disk.f_frsize < ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _pause(self, error: OSError) -> None:
        """No frames for a while. What is written so far can be played, and gets its name."""
        if self._retry == 0.0 or self._writer is not None:
            self._say(f"{self._name()}: {error.strerror}; frames are left out until there is room")
        self._retry = time.monotonic() + RETRY_S
        self.lost += 1
        self._finish()

    def _finish(self) -> None:
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        with contextlib.suppress(OSError):
            writer.close()
        if _whole(self._part):
            self._part.replace(self._name())
            os.close(self._lock)
            self._lock = -1
            self._files += 1
        else:
            self.lost += self._frames
        self._frames = 0

    def _resized(self, pixels: np.ndarray) -> np.ndarray:
        import cv2

        if (pixels.shape[1], pixels.shape[0]) == self._size:
            return pixels
        smaller = pixels.shape[0] > self._size[1]
        return cv2.resize(pixels, self._size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_NEAREST)


def _free(path: Path) -> Path:
    """`path`, or the first of NAME-2, NAME-3 ... that nobody has."""
    names = (path.with_stem(f"{path.stem}-{number}") if number > 1 else path for number in itertools.count(1))
    return next(name for name in names if not name.exists())


def _whole(path: Path) -> bool:
    """Cut a fragmented MP4 behind the last of its fragments that is whole; returns whether there is one. A fragment is
    a `moof` box with an `mdat` box behind it (ISO/IEC 14496-12, 8.8); boxes begin with their size and kind."""
    size, start, end = path.stat().st_size, 0, 0
    with open(path, "r+b") as file:
        while start + 8 <= size:
            file.seek(start)
            length, kind = struct.unpack(">I4s", file.read(8))
            length = struct.unpack(">Q", file.read(8))[0] if length == 1 else length
            if length < 8 or start + length > size:
                break
            start += length
            end = start if kind in (b"mdat", b"mfra") else end
        file.truncate(end)
    return end > 0


@cache
def _encoder() -> str:
    """The encoder of PyAV's to record with; "" where OpenCV has to. Raises UserError where it cannot either: before a
    run begins, which is not to end for its recording."""
    if decoders.pyav().usable:
        import av

        for name in ENCODERS:
            with contextlib.suppress(av.codec.codec.UnknownCodecError):
                return av.Codec(name, "w").name
    with tempfile.TemporaryDirectory() as folder:
        _OpenCv(Path(folder) / "try.mp4", (64, 64), Fraction(25)).close()
    return ""


def _draw(pixels: np.ndarray, text: str, raised: bool) -> np.ndarray:
    import cv2

    image = np.ascontiguousarray(pixels).copy()
    height, width = image.shape[:2]
    edge = max(2, height // 90)
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, height // 360)
    scale = min(height / 500, 0.9 * width / max(1, cv2.getTextSize(text, font, 1.0, thickness)[0][0]))
    band = int(42 * scale) + edge
    image[:band] //= 3
    cv2.putText(image, text, (3 * edge, band - int(12 * scale)), font, scale, WHITE, thickness, cv2.LINE_AA)
    if raised:
        cv2.rectangle(image, (0, 0), (width - 1, height - 1), RED, 2 * edge)
    return image


class _PyAv:
    def __init__(self, path: Path, size: tuple[int, int], rate: Fraction) -> None:
        import av

        self._container = av.open(str(path), "w", format="mp4", options=FRAGMENTED)
        stream: Any = self._container.add_stream(_encoder(), rate=rate)
        self._stream = stream
        stream.gop_size = max(1, round(rate))  # a fragment a second: what a power cut may cost
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = ENCODERS[_encoder()]

    def add(self, pixels: np.ndarray) -> None:
        import av

        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()


@contextlib.contextmanager
def encoded(path: Path, size: tuple[int, int], rate: Fraction) -> Iterator[_PyAv]:
    """A writer of an MP4 file at `path`, of RGB pictures of `size` (width, height, both even), `rate` a second;
    for where PyAV is."""
    writer = _PyAv(path, size, rate)
    try:
        yield writer
    finally:
        writer.close()


class _OpenCv:
    """Its MP4 holds nothing that can be played before it is closed, but that of ISMV files, which are MP4, too, is
    fragmented; and it knows the kind by the name alone."""

    def __init__(self, path: Path, size: tuple[int, int], rate: Fraction) -> None:
        import cv2

        link = path.with_suffix(".ismv")
        link.unlink(missing_ok=True)
        link.symlink_to(path.name)
        try:
            self._writer = cv2.VideoWriter(str(link), cv2.VideoWriter.fourcc(*"mp4v"), float(rate), size)
        finally:
            link.unlink()
        if not self._writer.isOpened():
            raise UserError(f"{path.name}: OpenCV cannot write MP4 here, and there is no PyAV that could")

    def add(self, pixels: np.ndarray) -> None:
        import cv2

        self._writer.write(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        self._writer.release()
