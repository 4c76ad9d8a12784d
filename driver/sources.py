"""Where frames come from: video files, folders of them, network cameras, cameras of this machine.

Frames are RGB, uint8 `[H, W, 3]`, decoded by PyAV where it is installed and by OpenCV otherwise; the two give the same
bytes. As many frames a second are taken as in training, `rate` (sim.sampling), the first included.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common.errors import UserError
from sim.containers import cut_short
from sim.preprocess import picture
from sim.sampling import Frame, Sampler
from sim.video_files import address, check_file, find, told

Say = Callable[[str], None]
Pixels = Callable[[], np.ndarray | None]  # converts a frame, which takes time; None where it turns out damaged
Stamped = tuple[float | None, Pixels]  # a frame's own time in seconds, where it has one

RECONNECT_S = (1.0, 2.0, 4.0, 8.0, 15.0)  # the pause before each attempt; after the last one a camera is given up
TIMEOUT_S = 10.0  # for a connection, and between two frames
PATIENCE_S = 1.0  # of one who leaves a camera, before a line says what is waited for
QUEUED = 4  # frames of a live source that wait; beyond that the oldest is dropped
FRAME_TYPE, BUILT_ON_OTHERS = 69, (ord("P"), ord("B"))  # cv2.CAP_PROP_FRAME_TYPE; OpenCV before 4.9 gives 0 for it
SAR_NUM, SAR_DEN, ORIENTATION, PTS = 40, 41, 48, 71  # cv2.CAP_PROP_...; 0 where this OpenCV does not know them
COUNTING = {".mp4", ".m4v", ".mov", ".qt", ".3gp"}  # their containers count each frame


class Image(NamedTuple):
    """A frame. `seconds`: its time in its clip's, never less than the one before; `number`: its place in the video,
    from 0; `first`: nothing connects it to the frame before (a file's first; a camera's after a loss)."""

    pixels: np.ndarray
    seconds: float
    number: int
    source: str
    first: bool


class Source:
    """Images of one camera, or of files one after another. `done`: no more will come; `dropped`: images that came
    faster than they were taken; `problems`: how many lines were said about damage or loss that cost images."""

    live = False

    def __init__(self, name: str, rate: int | None, say: Say) -> None:
        self.name, self.done = name, False
        self.dropped = self.problems = 0
        self._rate, self._say = rate, say

    def take(self) -> Image | None:
        """The next image; None when there is none now (a live source), or none any more."""
        raise NotImplementedError

    def abandon(self, problem: str) -> None:
        """Say what is wrong with what it gives, and leave this file, or this camera, out."""
        raise NotImplementedError

    def stop(self) -> None:
        """Give no more images. Returns at once; a signal's handler may call it."""
        self.done = True

    def close(self) -> None:
        """Stop, and let go of files and cameras."""
        self.stop()

    def _complain(self, problem: str) -> None:
        self.problems += 1
        self._say(problem)


class Files(Source):
    """The videos at `paths`, in order. What is wrong with one is said after its good frames, and the next begins."""

    def __init__(self, name: str, paths: Iterable[Path], rate: int | None, say: Say) -> None:
        super().__init__(name, rate, say)
        self._paths = iter(paths)
        self._images: Iterator[Image] = iter(())

    def take(self) -> Image | None:
        """The next image; None when the last file has ended."""
        while not self.done:
            try:
                image = next(self._images, None)
                if image is not None:
                    return image
            except UserError as error:
                self._complain(str(error))
            path = next(self._paths, None)
            self.done = path is None
            self._images = self._read(path) if path else iter(())
        return None

    def abandon(self, problem: str) -> None:
        """Say what is wrong with this file, and go on with the next."""
        self._complain(problem)
        self._images = iter(())

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._images = iter(())

    def _read(self, path: Path) -> Iterator[Image]:
        for frame in _read_file(path, self._rate):
            yield Image(frame.pixels, frame.seconds, frame.number, str(path), frame.number == 0)


class Live(Source):
    """A camera at `address`: rtsp://..., another address that FFmpeg reads, or /dev/videoN. A thread reads it, so that
    its images are new when they are taken. A lost one is called again after each pause of `RECONNECT_S`."""

    live = True

    def __init__(self, address: str, rate: int | None, say: Say) -> None:
        super().__init__(address, rate, say)
        self._images: deque[Image] = deque()
        self._last = 0.0  # time of the newest frame
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=address, daemon=True)
        self._thread.start()

    def take(self) -> Image | None:
        """The oldest image that waits; None when none does."""
        ended = not self._thread.is_alive()  # asked first: what it left is then complete
        with self._lock:
            if self._images:
                return self._images.popleft()
        self.done = self.done or ended
        return None

    def abandon(self, problem: str) -> None:
        """Say what is wrong with this camera, and leave it."""
        self._complain(problem)
        self.stop()

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
        started, failures = time.monotonic(), 0
        while not self._stopped.is_set():
            problem = "the camera ended the connection"
            try:
                for image in self._connection(started):
                    failures = 0
                    self._put(image)
            except UserError as error:
                problem = str(error)
            if self._stopped.is_set():
                return
            if failures == len(RECONNECT_S):
                self._complain(f"{self.name}: {problem}; given up after {failures} attempts")
                return
            pause = RECONNECT_S[failures]
            failures += 1
            self._say(f"{self.name}: {problem}; attempt {failures} of {len(RECONNECT_S)} in {pause:g} s")
            self._stopped.wait(pause)

    def _connection(self, started: float) -> Iterator[Image]:
        """The images of one connection. Its first frame's time is that of its arrival; the others follow it by the
        camera's own clock."""
        begin, sample = 0.0, Sampler(self._rate)
        for number, (stamp, convert) in enumerate(_read_live(self.name)):
            if self._stopped.is_set():
                return
            now = time.monotonic() - started
            begin = max(now, self._last) if number == 0 else begin
            seconds = sample(number, now if stamp is None else stamp)
            if seconds is None:
                continue
            pixels = convert()
            if pixels is None:
                raise UserError("sends damaged frames")
            self._last = begin + seconds
            yield Image(pixels, self._last, number, self.name, number == 0)

    def _put(self, image: Image) -> None:
        with self._lock:
            if len(self._images) == QUEUED:
                lost = self._images.popleft()
                self.dropped += 1
                if lost.first:  # what began there begins with the next one
                    self._images[0] = self._images[0]._replace(first=True)
            self._images.append(image)


def check_sources(arguments: Sequence[str]) -> None:
    """Raise UserError for what is no source, before any is opened."""
    if not find_spec("av") and not find_spec("cv2"):
        raise UserError("no video can be read: neither PyAV nor OpenCV is installed (pip install av)")
    for argument in arguments:
        _check(argument)


def open_sources(arguments: Sequence[str], rate: int | None, say: Say) -> list[Source]:
    """The source of each argument: a video file, a folder of them, an address (rtsp://...), or /dev/videoN.

    `say` is told, a line each, what is damaged, lost or called again; from several threads. Raises as `check_sources`.
    """
    check_sources(arguments)
    return [_open(argument, rate, say) for argument in arguments]


def interleave(sources: Sequence[Source]) -> Iterator[tuple[int, Image] | None]:
    """One image of each source in turn, with the source's index, until all are done; None when none has one now."""
    while not all(source.done for source in sources):
        idle = True
        for index, source in enumerate(sources):
            image = None if source.done else source.take()
            if image is not None:
                idle = False
                yield index, image
        if idle:
            yield None


def _is_live(argument: str) -> bool:
    return "://" in argument or argument.startswith("/dev/")


def _check(argument: str) -> None:
    if argument.startswith("/dev/") and not find_spec("cv2"):
        raise UserError(f"{argument}: cameras need OpenCV, which is not installed (pip install opencv-python-headless)")
    if "://" not in argument and not Path(argument).exists():
        what = "no such camera" if _is_live(argument) else "no such video file or folder"
        raise UserError(f"{argument}: {what}")
    if Path(argument).is_dir() and not find(Path(argument)).videos:
        raise UserError(f"{argument}: an empty folder; put video files there")


def _open(argument: str, rate: int | None, say: Say) -> Source:
    if _is_live(argument):
        return Live(argument, rate, say)
    path = Path(argument)
    if not path.is_dir():
        return Files(argument, [path], rate, say)
    found = find(path)
    if found.others:
        say(f"{argument}: {told(found.others, path)}")
    return Files(argument, found.videos, rate, say)


def _read_file(path: Path, rate: int | None) -> Iterator[Frame]:
    """What `Sampler(rate)` takes of a file. Raises UserError, naming it, after the good frames of a damaged one."""
    if find_spec("av"):
        from sim.video import timed

        return timed(path, rate)
    return _opencv_file(path, rate)


def _cv2() -> Any:
    """OpenCV, which is to leave the terminal to us: what went wrong is said in our own words."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    return cv2


def _opencv_file(path: Path, rate: int | None) -> Iterator[Frame]:
    """OpenCV says nothing of damage: what the file announces and does not hold is all that shows. It takes a file's
    first video; which one is the default, and what is a cover, it does not tell."""
    cv2 = _cv2()
    check_file(path)
    if not str(path).isprintable() and any("\ud800" <= letter <= "\udfff" for letter in str(path)):
        raise UserError(f"{path}: OpenCV opens no file whose name is not UTF-8; rename it")
    capture = cv2.VideoCapture(address(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise UserError(f"{path}: not a readable video")
        count, own_rate, sample = 0, capture.get(cv2.CAP_PROP_FPS), Sampler(rate)
        begin = span = 0.0  # of the first frame, and from it to the last, in frames
        for stamp, convert in _opencv_frames(capture, partial(_begins_whole, path)):
            begin = capture.get(PTS) if count == 0 else begin
            span = capture.get(PTS) - begin
            seconds = sample(count, count / own_rate if stamp is None and own_rate > 0 else stamp)
            if seconds is not None:
                pixels = convert()
                if pixels is None:
                    break
                yield Frame(count, seconds, pixels)
            count += 1
        announced = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        capture.release()
    if count == 0:
        raise UserError(f"{path}: holds no frames, or no key frame to decode them from")
    missing = cut_short(path)
    if not missing and count < announced and path.suffix.lower() in COUNTING and count < (held := _packets(path, span)):
        missing = f"{held} are announced"
    if missing:
        raise UserError(f"{path}: truncated after {count} frames, {missing}")


def _opencv_frames(capture: Any, begins_whole: Callable[[], bool] = lambda: False) -> Iterator[Stamped]:
    """Every frame that comes, from the first key frame on, as in sim.video. `begins_whole` tells whether nothing that
    the first frames build on is gone: an edit list may begin the picture behind its key frame."""
    cv2 = _cv2()

    def convert() -> np.ndarray | None:
        good, image = capture.retrieve()
        return picture(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)), aspect) if good else None

    first, aspect = True, None
    while capture.grab():
        if first:
            if capture.get(FRAME_TYPE) in BUILT_ON_OTHERS and not begins_whole():
                continue
            aspect = _opencv_aspect(capture)
        stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        yield stamp if stamp > 0 or first else None, convert
        first = False


def _opencv_aspect(capture: Any) -> Fraction | None:
    """Width over height of a pixel as it is shown, None where OpenCV does not know: before 4.4, and for cameras of this
    machine."""
    wide, high, turn = (int(capture.get(number)) for number in (SAR_NUM, SAR_DEN, ORIENTATION))
    if wide <= 0 or high <= 0:
        return None
    return Fraction(high, wide) if turn % 180 == 90 else Fraction(wide, high)


def _packets(path: Path, span: float) -> int:
    """How many frames the file holds in the `span` frames up to its last one; what an edit list leaves out lies before
    them. 0 for an OpenCV before 4.9, which cannot tell."""
    times = [time for _, time in _raw(path)]
    return sum(time >= max(times) - span for time in times)


def _begins_whole(path: Path) -> bool:
    return next(_raw(path), (False, 0.0))[0]


def _raw(path: Path) -> Iterator[tuple[bool, float]]:
    """The packets of the file's video: whether each is a key frame's, and its time in frames. Nothing for an OpenCV
    before 4.9."""
    cv2 = _cv2()
    if not hasattr(cv2, "CAP_PROP_PTS"):
        return
    capture = cv2.VideoCapture(address(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    try:
        while capture.grab():
            yield bool(capture.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME)), capture.get(PTS)
    finally:
        capture.release()


def _read_live(address: str) -> Iterator[Stamped]:
    """Every frame that a camera sends. Raises UserError, without the camera's name, when no more come."""
    if find_spec("av") and not address.startswith("/dev/"):
        return _pyav_live(address)
    return _opencv_live(address)


def _pyav_live(address: str) -> Iterator[Stamped]:
    import av

    from sim.video import decodable, pixels, video_stream

    options = {"rtsp_transport": "tcp"}  # UDP loses packets, and with them pictures
    try:
        with av.open(address, options=options, timeout=TIMEOUT_S) as container:
            stream = video_stream(container)
            if stream is None:
                raise UserError("sends no video")
            for frame in decodable(container, stream):
                yield frame.time, partial(pixels, frame, stream)
    except av.FFmpegError as error:
        raise UserError(error.strerror or str(error)) from None


def _opencv_live(address: str) -> Iterator[Stamped]:
    cv2 = _cv2()
    if address.startswith("/dev/"):
        capture = cv2.VideoCapture(address, cv2.CAP_V4L2)
    else:
        limit = int(1000 * TIMEOUT_S)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit]
        capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
    try:
        if not capture.isOpened():
            raise UserError("cannot be opened")
        yield from _opencv_frames(capture)
        raise UserError("sends no more frames")
    finally:
        capture.release()
