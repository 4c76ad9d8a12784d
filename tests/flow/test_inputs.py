# SPDX-License-Identifier: BSD-3-Clause
"""A video's inputs as judging, evidence and the demo take them."""

from pathlib import Path

import numpy as np
import pytest

from shiftcore.errors import UserError
from shiftcore.flow.inputs import inputs
from shiftcore.model import video
from shiftcore.model.preprocess import Preprocessor
from shiftcore.model.sampling import Wanted
from shiftcore.quant.preset import load_preset


def prepared() -> Preprocessor:
    return Preprocessor(load_preset("cctv").preprocessing)  # of three images each, for every second one


def write(path: Path, height: int, width: int) -> Path:
    rng = np.random.default_rng(5)
    video.write(path, list(rng.integers(0, 256, (9, height, width, 3), dtype=np.uint8)), rate=10)
    return path


def test_they_are_the_preprocessors_each_with_its_image(tmp_path: Path) -> None:
    path, prepare = write(tmp_path / "noise.mp4", 160, 224), prepared()
    seen = list(inputs(path, prepare, 10, shown=True))
    images = [frame.pixels for frame in video.timed(path, 10, Wanted(prepare.luma))]
    made = [one.input for one in seen if one.input is not None]
    assert [one.frame.number for one in seen] == list(range(9)) and seen[0].input is None
    assert np.array_equal(made, list(prepared().clip(images))) and len(made) > 1
    assert [one.clear for one in seen if one.input is not None] == [True, *[False] * (len(made) - 1)]
    assert all(one.frame.shown is not None for one in seen)


def test_a_video_of_too_small_pictures_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "small.mp4", 32, 32)
    with pytest.raises(UserError, match=r"small\.mp4: the frame is 32x32 pixels, smaller than"):
        list(inputs(path, prepared(), 10))
