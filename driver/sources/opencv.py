# SPDX-License-Identifier: BSD-3-Clause
"""OpenCV's reader: of files where PyAV does not work, and of the cameras of this machine. It says little of what goes
wrong, so much is asked of the container here."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from shiftcore.driver.sources.source import Say, Stamped
from shiftcore.errors import UserError
from shiftcore.model.containers import cut_short
from shiftcore.model.preprocess import picture
from shiftcore.model.sampling import Frame, Sampler
from shiftcore.model.video_files import address, check_file

FRAME_TYPE, BUILT_ON_OTHERS = 69, (ord("P"), ord("B"))  # cv2.CAP_PROP_FRAME_TYPE; OpenCV before 4.9 gives 0 for it
SAR_NUM, SAR_DEN, ORIENTATION, PTS = 40, 41, 48, 71  # cv2.CAP_PROP_...; 0 where this OpenCV does not know them
COUNTING = {".mp4", ".m4v", ".mov", ".qt", ".3gp"}  # their containers count each frame


def opencv_file(path: Path, rate: int | None, say: Say | None = None) -> Iterator[Frame]:
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
        for stamp, convert in opencv_frames(capture, partial(_begins_whole, path)):
            begin = capture.get(PTS) if count == 0 else begin
            span = capture.get(PTS) - begin
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
    if not sample.jumped and (missing := cut_short(path) or _missing(path, count, announced, span)):
        raise UserError(f"{path}: truncated after {count} frames, {missing}")


def _missing(path: Path, count: int, announced: int, span: float) -> str:
    """What the container announces beyond the `count` frames that came, in words; "" if nothing."""
    if count >= announced or path.suffix.lower() not in COUNTING:
        return ""
    held = _packets(path, span)
    return f"{held} are announced" if count < held else ""


def opencv_frames(capture: Any, begins_whole: Callable[[], bool] = lambda: False) -> Iterator[Stamped]:
    """Every frame that comes, from the first key frame on, as in model.video. `begins_whole` tells whether nothing that
    the first frames build on is gone: an edit list may begin the picture behind its key frame."""
    import cv2

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
        yield stamp if stamp != 0 or first else None, convert  # 0: it has none
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
    import cv2

    if not hasattr(cv2, "CAP_PROP_PTS"):
        return
    capture = cv2.VideoCapture(address(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    try:
        while capture.grab():
            yield bool(capture.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME)), capture.get(PTS)
    finally:
        capture.release()
