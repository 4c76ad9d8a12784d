# SPDX-License-Identifier: BSD-3-Clause
"""Cameras: a thread reads each, and calls it again for as long as the run lasts."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus
from typing import Any

from shiftcore.driver.address import Address
from shiftcore.driver.knock import status
from shiftcore.driver.sources.opencv import opencv_frames
from shiftcore.driver.sources.programs import ffmpeg_live, gstreamer_live
from shiftcore.driver.sources.source import AS_IT_IS, Image, Mode, Say, Source, Stamped
from shiftcore.driver.sources.tape import Tape
from shiftcore.errors import UserError
from shiftcore.model import decoders
from shiftcore.model.sampling import RGB, Sampler, Wanted

TIMEOUT_S = 10.0  # for a connection, and between two frames
PAUSE_S = (1.0, 60.0)  # before a camera is called again: at first, and at most; it doubles from one to the next
REFUSED_S = (60.0, 600.0)  # the same where it refuses user and password: who guesses too often is locked out
REMIND_S = 3600.0  # one who stays away at the longest pause is told of again after so long
PATIENCE_S = 1.0  # of one who leaves a camera, before a line says what is waited for
QUEUED = 4  # frames of a live source that wait; beyond that the oldest is dropped
logging.getLogger("libav").addHandler(logging.NullHandler())  # FFmpeg's own words, which an older PyAV passes on
_NO_TIMESTAMPS = 0x80  # AVFMT_NOTIMESTAMPS of libavformat


class RefusedError(UserError):
    """A camera refuses user and password."""


class Live(Source):
    """A camera at `address`: rtsp://..., another address that FFmpeg reads, or /dev/videoN. A thread reads it, so that
    its images are new when they are taken. A lost one is called again after a pause, `PAUSE_S`, for ever.

    Time is the camera's own clock, counted from the arrival of a connection's first frame; where it has none, or that
    one jumps, the time of arrival. `name`: what it is called, where that is not its address; `mode`: what a camera of
    this machine is asked for; `tape`: what keeps its last seconds as they came, where PyAV reads it.
    """

    live = True

    def __init__(
        self,
        address: str,
        rate: int | None,
        say: Say,
        wanted: Wanted = RGB,
        name: str = "",
        mode: Mode = AS_IT_IS,
        tape: Tape | None = None,
    ) -> None:
        self._address, self._mode, self._tape = Address(address), mode, tape
        super().__init__(name or self._address.shown, rate, say, wanted)
        self._images: deque[Image] = deque()
        self._started, self._last = time.monotonic(), 0.0  # of the run, and the time of the newest frame
        self._lost, self._failures, self._pauses = False, 0, PAUSE_S
        self._told, self._told_at = "", 0.0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    @property
    def interrupted(self) -> bool:
        """Nothing follows the last image that was taken, for now: the camera is lost."""
        with self._lock:
            return self._lost and not self._images

    def take(self) -> Image | None:
        """The oldest image that waits; None when none does."""
        ended = not self._thread.is_alive()  # asked first: what it left is then complete
        with self._lock:
            if self._images:
                return self._images.popleft()
        self.done = self.done or ended
        return None

    def stop(self) -> None:
        """Give no more images. The thread ends with the camera's next frame, or with `TIMEOUT_S` without one."""
        super().stop()
        self._stopped.set()

    def close(self) -> None:
        """Stop, and wait for the thread: to end the interpreter while it is in FFmpeg crashes at times."""
        super().close()
        self._thread.join(PATIENCE_S)
        if self._thread.is_alive():
            self._say(f"{self.name}: silent; the end waits for it, {TIMEOUT_S:g} s at most")
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            problem, pauses = "the camera ended the connection", PAUSE_S
            try:
                for image in self._connection():
                    self._put(image)
            except RefusedError as error:
                problem, pauses = str(error), REFUSED_S
            except UserError as error:
                problem = str(error)
            except Exception as error:  # whatever a decoder throws costs this connection, and no other camera
                problem = self._address.clean(f"{type(error).__name__}: {' '.join(str(error).split())}")
            if self._stopped.is_set():
                return
            with self._lock:
                self._lost = True
            self._failures, self._pauses = self._failures + 1 if pauses is self._pauses else 1, pauses
            pause = min(pauses[1], pauses[0] * 2.0 ** min(self._failures - 1, 30))
            self._tell(problem, pause, pause == pauses[1])
            self._stopped.wait(pause)

    def _connection(self) -> Iterator[Image]:
        """The images of one connection. Its first frame's time is that of its arrival; the others follow it by the
        camera's own clock."""
        begin, sample = 0.0, Sampler(self._rate, say=lambda why: self._say(f"{self.name}: {why}"))
        refused = self._pauses is REFUSED_S
        frames = _read_live(self._address, self._wanted, refused, self._mode, self._tape)
        for number, (stamp, convert) in enumerate(frames):
            if self._stopped.is_set():
                return
            now = time.monotonic() - self._started
            begin = max(now, self._last) if number == 0 else begin
            seconds = sample(number, stamp, now - begin)
            if seconds is None:
                continue
            seen = convert()
            if seen is None:
                raise UserError("sends damaged frames")
            self._last = begin + seconds
            yield Image(seen[0], self._last, number, self.name, number == 0, seen[1])

    def _put(self, image: Image) -> None:
        if self._failures:
            self._failures, self._told = 0, ""
            self._say(f"{self.name}: sends again")
        with self._lock:
            self._lost = False
            if len(self._images) == QUEUED:
                lost = self._images.popleft()
                self.dropped += 1
                if lost.first:  # what began there begins with the next one
                    self._images[0] = self._images[0]._replace(first=True)
            self._images.append(image)

    def _tell(self, problem: str, pause: float, longest: bool) -> None:
        """Say what is wrong and when the camera is called again; not again and again at the longest pause."""
        now = time.monotonic()
        if longest and problem == self._told and now - self._told_at < REMIND_S:
            return
        self._told, self._told_at = problem if longest else "", now
        self._say(f"{self.name}: {problem}; called again {'every' if longest else 'in'} {pause:g} s")


def _read_live(
    address: Address, wanted: Wanted, refused: bool, mode: Mode, tape: Tape | None = None
) -> Iterator[Stamped]:
    """Every frame that a camera sends, which has or has not `refused` user and password the last time. Raises
    UserError, without the camera's name, when no more come, and RefusedError where it refuses them."""
    device = address.secret.startswith("/dev/")
    public = address.secret == address.shown  # that decoder's program has the address on its command line
    if decoders.hardware().usable and public and not device and tape is None:  # the tape takes packets: it gives none
        return _program_live(gstreamer_live, address, wanted, refused)
    if decoders.pyav().usable and not device:
        return _pyav_live(address, wanted, tape)
    if decoders.opencv().usable or device:
        return _opencv_live(address, wanted, refused, mode)
    return _program_live(ffmpeg_live, address, wanted, refused)


def _program_live(
    read: Callable[[Address, Wanted, float], Iterator[Stamped]], address: Address, wanted: Wanted, refused: bool
) -> Iterator[Stamped]:
    if refused and (code := status(address, TIMEOUT_S)) in (401, 403):
        raise _refused(code)  # asked once, where the program and who asks for its reason are two
    opened = False
    try:
        for stamped in read(address, wanted, TIMEOUT_S):
            opened = True
            yield stamped
    except TimeoutError:
        raise _silent(opened) from None
    except UserError:
        if not opened and (code := status(address, TIMEOUT_S)) in (401, 403):
            raise _refused(code) from None
        raise


def _silent(opened: bool) -> UserError:
    return UserError(f"stalled: no picture for {TIMEOUT_S:g} s" if opened else f"no answer within {TIMEOUT_S:g} s")


def _refused(code: int) -> RefusedError:
    return RefusedError(f"refuses user and password ({code} {HTTPStatus(code).phrase}); look at its address")


def _pyav_live(address: Address, wanted: Wanted = RGB, tape: Tape | None = None) -> Iterator[Stamped]:
    import av

    from shiftcore.model.video import seen, video_stream

    options, opened = {"rtsp_transport": "tcp"}, False  # UDP loses packets, and with them pictures
    try:
        with av.open(address.secret, options=options, timeout=TIMEOUT_S) as container:
            stream = video_stream(container)
            if stream is None:
                raise UserError("sends no video")
            timed = not int(container.format.flags) & _NO_TIMESTAMPS and not container.format.name.endswith("pipe")
            opened, begun, last = True, False, time.monotonic()
            # sound, too: it may go on where the picture stalls
            for packet in _taped(container, stream, tape, timed) if tape else container.demux():
                if packet.stream.index == stream.index:
                    begun = begun or packet.is_keyframe  # before the first one, as in model.video
                    for frame in packet.decode() if begun else []:
                        assert isinstance(frame, av.VideoFrame)
                        yield frame.time if timed else None, partial(seen, frame, stream, wanted)
                        last = time.monotonic()
                if time.monotonic() - last > TIMEOUT_S:
                    raise _silent(opened)
    except av.error.ExitError:
        raise _silent(opened) from None
    except av.error.HTTPUnauthorizedError:
        raise _refused(401) from None
    except av.error.HTTPForbiddenError:
        raise _refused(403) from None
    except av.FFmpegError as error:
        raise UserError(address.clean(error.strerror or type(error).__name__)) from None


def _taped(container: Any, stream: Any, tape: Tape, timed: bool) -> Iterator[Any]:
    """A container's packets; those of its video `stream`, from a key frame on, are on the tape as well."""
    tape.begin(timed)
    begun = False
    for packet in container.demux():
        begun = begun or (packet.stream.index == stream.index and packet.is_keyframe)
        if begun and packet.stream.index == stream.index:
            tape.add(packet, time.monotonic())
        yield packet


def _opencv_live(
    address: Address, wanted: Wanted = RGB, refused: bool = False, mode: Mode = AS_IT_IS
) -> Iterator[Stamped]:
    import cv2

    if refused and (code := status(address, TIMEOUT_S)) in (401, 403):
        raise _refused(code)  # asked once, where OpenCV and who asks for its reason are two
    device, began = address.secret.startswith("/dev/"), time.monotonic()
    if device:
        capture = cv2.VideoCapture(address.secret, cv2.CAP_V4L2)
        asked = dict(zip((cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT), mode.size, strict=False))
        for what, value in {**asked, **({cv2.CAP_PROP_FPS: mode.rate} if mode.rate else {})}.items():
            capture.set(what, value)
    else:
        limit = int(1000 * TIMEOUT_S)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit]
        capture = cv2.VideoCapture(address.secret, cv2.CAP_FFMPEG, limits)
    try:
        if not capture.isOpened():
            raise _unopened(address, time.monotonic() - began)
        over_rtp = address.secret.lower().startswith("rtsp")
        jpeg = int(capture.get(cv2.CAP_PROP_FOURCC)) == cv2.VideoWriter.fourcc(*"MJPG")
        timed = device or over_rtp or not jpeg  # pictures over HTTP come without a clock, and FFmpeg invents one
        last = time.monotonic()
        for stamp, convert in opencv_frames(capture, wanted):
            yield stamp if timed else None, convert
            last = time.monotonic()
        raise _silent(True) if time.monotonic() - last > 0.9 * TIMEOUT_S else UserError("sends no more frames")
    finally:
        capture.release()


def _unopened(address: Address, seconds: float) -> UserError:
    """OpenCV does not say why it could not open a camera."""
    if seconds > 0.9 * TIMEOUT_S:
        return _silent(False)
    code = status(address, TIMEOUT_S)
    return _refused(code) if code in (401, 403) else UserError(f"cannot be opened{f' (answer {code})' if code else ''}")
