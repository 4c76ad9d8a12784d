# SPDX-License-Identifier: BSD-3-Clause
"""OpenCV's reader: of files where PyAV does not work, and of the cameras of this machine. It says little of what goes
wrong, so much is asked of the container here.

It gives either luma, as it was decoded, or colours, which it converts itself: not the bytes of model.colour. Where luma
is wanted, what people are shown is gray.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from shiftcore.driver.sources.source import Say, Seen, Stamped
from shiftcore.errors import UserError
from shiftcore.model import colour
from shiftcore.model.containers import cut_short
from shiftcore.model.preprocess import picture
from shiftcore.model.sampling import RGB, Frame, Sampler, Wanted
from shiftcore.model.video_files import address, check_file, naming

FRAME_TYPE, BUILT_ON_OTHERS = 69, (ord("P"), ord("B"))  # cv2.CAP_PROP_FRAME_TYPE; OpenCV before 4.9 gives 0 for it
SAR_NUM, SAR_DEN, ORIENTATION, PTS = 40, 41, 48, 71  # cv2.CAP_PROP_...; 0 where this OpenCV does not know them
COUNTING = {".mp4", ".m4v", ".mov", ".qt", ".3gp"}  # their containers count each frame


# What cv2.CAP_PROP_CODEC_PIXEL_FORMAT calls the formats whose first plane is luma of 8 bits, and 8-bit RGB.
PLANAR = {"I420", "Y42B", "444P", "440P", "Y41B", "YUV9", "NV12", "NV21", "NV16", "NV24", "Y800", "GREY"}
COLOURS = {"BGR\x18", "RGB\x18", "BGR\0", "RGB\0", "RGBA", "BGRA", "ARGB", "ABGR"}
YUYV = {"YUY2": 0, "YUYV": 0, "UYVY": 1}  # where luma begins in each two bytes
JPEG = {"MJPG", "JPEG"}


def opencv_file(path: Path, rate: int | None, wanted: Wanted = RGB, say: Say | None = None) -> Iterator[Frame]:
    """OpenCV says nothing of damage: what the file announces and does not hold is all that shows. It takes a file's
    first video; which one is the default, and what is a cover, it does not tell."""
    import cv2

    check_file(path)
    if not str(path).isprintable() and any("\ud800" <= letter <= "\udfff" for letter in str(path)):
        raise UserError(f"{path}: OpenCV opens no file whose name is not UTF-8; rename it")
    capture = cv2.VideoCapture(address(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise UserError(f"{path}: not a readable video")
        count, own_rate = 0, capture.get(cv2.CAP_PROP_FPS)
        sample = Sampler(rate, own_rate, say)
        begin = span = 0.0  # of the first frame, and from it to the last, in frames
        with naming(path):
            for stamp, convert in opencv_frames(capture, wanted, partial(_begins_whole, path)):
                begin = capture.get(PTS) if count == 0 else begin
                span = capture.get(PTS) - begin
                seconds = sample(count, stamp)
                if seconds is not None:
                    seen = convert()
                    if seen is None:
                        break
                    yield Frame(count, seconds, *seen)
                count += 1
        announced = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        capture.release()
    if count == 0:
        raise UserError(f"{path}: holds no frames, or no key frame to decode them from")
    if not sample.jumped and (missing := cut_short(path) or _missing(path, count, announced, span)):
        raise UserError(f"{path}: truncated after {count} frames, {missing}")


def _missing(path: Path, count: int, announced: int, span: float) -> str:
    """What the container announces beyond the `count` frames that came, in words; "" if nothing."""
    if count >= announced or path.suffix.lower() not in COUNTING:
        return ""
    held = _packets(path, span)
    return f"{held} are announced" if count < held else ""


def opencv_frames(
    capture: Any, wanted: Wanted = RGB, begins_whole: Callable[[], bool] = lambda: False
) -> Iterator[Stamped]:
    """Every frame that comes, from the first key frame on, as in model.video. `begins_whole` tells whether nothing that
    the first frames build on is gone: an edit list may begin the picture behind its key frame. Raises UserError where
    luma is wanted and this OpenCV does not give that of the pixel format."""
    import cv2

    def convert() -> Seen | None:
        good, image = capture.retrieve()
        if not good:
            return None
        if raw:
            pixels = picture(raw_luma(image, kind), aspect)
            return pixels, picture(colour.rgb(pixels, None, full=True), aspect) if wanted.shown else None
        colours = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        pixels = picture(colour.gray(colours) if wanted.luma else colours, aspect)
        return pixels, picture(colours, aspect) if wanted.shown else None

    first, aspect = True, None
    kind = _pixel_format(capture) if wanted.luma else ""
    raw = wanted.luma and kind not in COLOURS
    if raw and not capture.set(cv2.CAP_PROP_CONVERT_RGB, 0):
        raise UserError(f"OpenCV {cv2.__version__} gives no luma of it; PyAV does, and a newer OpenCV")
    while capture.grab():
        if first:
            if capture.get(FRAME_TYPE) in BUILT_ON_OTHERS and not begins_whole():
                continue
            aspect = _opencv_aspect(capture)
        kind = _pixel_format(capture) if wanted.luma else ""
        if wanted.luma and raw == (kind in COLOURS):
            raise UserError(f"its pixel format changes to {kind!r}, and OpenCV cannot go on with that")
        stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        yield stamp if stamp != 0 or first else None, convert  # 0: it has none
        first = False


def raw_luma(image: np.ndarray, kind: str) -> np.ndarray:
    """The luma, uint8 `[H, W]`, of a frame as OpenCV gives it unconverted. FFmpeg's are one plane; those of a camera of
    this machine may be two bytes a pixel, a JPEG, or all planes below each other. Raises UserError for a `kind` that
    OpenCV does not give whole: one of more than 8 bits."""
    import cv2

    if kind in JPEG and image.shape[0] == 1:
        return np.asarray(cv2.imdecode(image, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION))
    if kind in YUYV and image.ndim == 3 and image.shape[2] == 2:
        return np.ascontiguousarray(image[:, :, YUYV[kind]])
    with_alpha = kind[:2] == "Y4" and kind[3:] == "\x08"
    if image.ndim == 2 and image.dtype == np.uint8 and (kind in PLANAR or with_alpha):
        return image
    raise UserError(f"OpenCV gives no luma of its pixel format, {kind!r}; PyAV does")


def _pixel_format(capture: Any) -> str:
    """The four letters of FFmpeg's pixel format, or of what a camera of this machine sends."""
    import cv2

    for number in (cv2.CAP_PROP_CODEC_PIXEL_FORMAT, cv2.CAP_PROP_FOURCC):
        code = int(capture.get(number))
        if code > 0:
            return (code & 0xFFFF_FFFF).to_bytes(4, "little").decode("latin-1")
    return ""


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
    import cv2

    if not hasattr(cv2, "CAP_PROP_PTS"):
        return
    capture = cv2.VideoCapture(address(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    try:
        while capture.grab():
            yield bool(capture.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME)), capture.get(PTS)
    finally:
        capture.release()
