"""Where frames come from: video files, folders of them, network cameras, cameras of this machine.

Frames are RGB, uint8 `[H, W, 3]`, decoded by PyAV where it works and by OpenCV otherwise; the two give the same bytes
on one kind of processor (docs/driver.md). As many frames a second are taken as in training, `rate` (model.sampling),
the first included.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shiftcore.driver.address import Address
from shiftcore.errors import UserError
from shiftcore.model import decoders
from shiftcore.model.sampling import Frame, Sampler

Say = Callable[[str], None]
Pixels = Callable[[], np.ndarray | None]  # converts a frame, which takes time; None where it turns out damaged
Stamped = tuple[float | None, Pixels]  # a frame's own time in seconds, where it has one

FRAME_TYPE, BUILT_ON_OTHERS = 69, (ord("P"), ord("B"))  # cv2.CAP_PROP_FRAME_TYPE; OpenCV before 4.9 gives 0 for it
SLACK_S = 1.0  # a file without a count of frames may announce this much more than it holds, as in model.video


class Image(NamedTuple):
    """A frame. `seconds`: its time in its clip's, never less than the one before; `number`: its place in the video,
    from 0; `first`: nothing connects it to the frame before (a file's first; a camera's after a loss)."""

    pixels: np.ndarray
    seconds: float
    number: int
    source: str
    first: bool


class Source:
    """Images of one camera, or of files one after another. `name` shows no password. `done`: no more will come;
    `dropped`: images that came faster than they were taken; `problems`: how many lines were said about damage or loss
    that cost images."""

    live = False

    def __init__(self, name: str, rate: int | None, say: Say) -> None:
        self.name, self.done = name, False
        self.dropped = self.problems = 0
        self._rate, self._say = rate, say

    @property
    def interrupted(self) -> bool:
        """Nothing follows the last image that was taken: there are no more, or the camera is lost for now."""
        return self.done

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
        for frame in _read_file(path, self._rate, lambda why: self._say(f"{path}: {why}")):
            yield Image(frame.pixels, frame.seconds, frame.number, str(path), frame.number == 0)


def check_sources(arguments: Sequence[str]) -> None:
    """Raise UserError for what is no source, before any is opened."""
    decoders.need_one()
    for argument in arguments:
        _check(argument)


def open_sources(arguments: Sequence[str], rate: int | None, say: Say) -> list[Source]:
    """The source of each argument: a video file, a folder of them, an address (rtsp://...), or /dev/videoN.

    `say` is told, a line each, what is damaged, lost or called again; from several threads. Raises as `check_sources`.
    """
    check_sources(arguments)
    if notice := decoders.need_one():
        say(notice)
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
    if argument.startswith("/dev/") and not decoders.opencv().usable:
        raise UserError(f"{argument}: such cameras need OpenCV: {decoders.opencv().problem} ({decoders.advice()})")
    if "://" not in argument and not Path(argument).exists():
        what = "no such camera" if _is_live(argument) else "no such video file or folder"
        shown = Address(argument).shown if "@" in argument else argument  # an address with a slip in it
        raise UserError(f"{shown}: {what}")
    if Path(argument).is_dir() and not _videos(Path(argument)):
        raise UserError(f"{argument}: an empty folder; put video files there")


def _videos(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _open(argument: str, rate: int | None, say: Say) -> Source:
    if _is_live(argument):
        from shiftcore.driver.live import Live  # here: it builds on this module

        return Live(argument, rate, say)
    path = Path(argument)
    return Files(argument, _videos(path) if path.is_dir() else [path], rate, say)


def _read_file(path: Path, rate: int | None, say: Say) -> Iterator[Frame]:
    """What `Sampler(rate)` takes of a file. Raises UserError, naming it, after the good frames of a damaged one."""
    if decoders.pyav().usable:
        from shiftcore.model.video import timed

        return timed(path, rate, say)
    return _opencv_file(path, rate, say)


def _cv2() -> Any:
    import cv2  # here: a board may have PyAV alone

    return cv2


def _opencv_file(path: Path, rate: int | None, say: Say | None = None) -> Iterator[Frame]:
    """OpenCV says nothing of damage: what the file announces and does not hold is all that shows."""
    cv2 = _cv2()
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise UserError(f"{path}: not a readable video")
        count, own_rate = 0, capture.get(cv2.CAP_PROP_FPS)
        sample = Sampler(rate, own_rate, say)
        for stamp, convert in _opencv_frames(capture):
            seconds = sample(count, stamp)
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
    if not sample.jumped and count < announced - (0 if path.suffix.lower() in (".mp4", ".mov") else SLACK_S * own_rate):
        raise UserError(f"{path}: truncated after {count} frames, {announced} are announced")


def _opencv_frames(capture: Any) -> Iterator[Stamped]:
    """Every frame that comes."""
    cv2 = _cv2()

    def convert() -> np.ndarray | None:
        good, image = capture.retrieve()
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)) if good else None

    first = True
    while capture.grab():
        if first and capture.get(FRAME_TYPE) in BUILT_ON_OTHERS:
            continue  # before the first key frame, as in model.video
        stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        yield stamp if stamp != 0 or first else None, convert  # 0: it has none
        first = False
