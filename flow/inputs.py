# SPDX-License-Identifier: BSD-3-Clause
"""A video as the runtime sees it: its images one after another, and the network's inputs that are made of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from shiftcore.errors import UserError
from shiftcore.model import video
from shiftcore.model.preprocess import Preprocessor
from shiftcore.model.sampling import Frame, Wanted


class Seen(NamedTuple):
    """An image, `frame`; the input that the network runs for with it, uint8 `[H, W, C]`, if any; and whether that is
    the video's first."""

    frame: Frame
    input: np.ndarray | None
    clear: bool


def inputs(path: Path, prepare: Preprocessor, rate: int | None, shown: bool = False) -> Iterator[Seen]:
    """The images of the video at `path`, `rate` a second (None: all), through `prepare`; `shown`: with the pictures for
    people. Raises UserError, which names the file, for one that cannot be read or is smaller than an input."""
    for frame in video.timed(path, rate, Wanted(prepare.luma, shown=shown)):
        try:
            made = prepare.prepare(frame.pixels, clear=frame.number == 0)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        yield Seen(frame, *(made or (None, False)))
