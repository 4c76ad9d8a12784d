"""Frame to input: exact integers, against rational arithmetic on every pixel."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from sim.preprocess import to_input


def mean_of_box(box: np.ndarray) -> int:
    """The mean, rounded half up."""
    return int(Fraction(int(box.sum(dtype=int)), box.size) + Fraction(1, 2))


@given(
    height=st.integers(1, 9), width=st.integers(1, 9), more=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_every_pixel_is_the_mean_of_its_box(height: int, width: int, more: tuple[int, int], seed: int) -> None:
    rows, columns = height + more[0], width + more[1]
    frame = np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    crop_rows, crop_columns = min(rows, columns * height // width), min(columns, rows * width // height)
    top, left = (rows - crop_rows) // 2, (columns - crop_columns) // 2
    crop = frame[top : top + crop_rows, left : left + crop_columns]
    result = to_input(frame, height, width)
    assert result.shape == (height, width, 3) and result.dtype == np.uint8
    for i in range(height):
        for j in range(width):
            box = crop[
                i * crop_rows // height : (i + 1) * crop_rows // height,
                j * crop_columns // width : (j + 1) * crop_columns // width,
            ]
            assert result[i, j].tolist() == [mean_of_box(box[..., channel]) for channel in range(3)]


def test_a_frame_of_the_inputs_size_stays_as_it_is() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    assert np.array_equal(to_input(frame, 32, 48), frame)


def test_half_is_rounded_up() -> None:
    frame = np.array([[[3], [4]], [[3], [4]]], np.uint8)
    assert to_input(frame, 1, 1).item() == 4


def test_the_whole_shortest_side_is_seen() -> None:
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255
    assert (to_input(wide, 10, 10) == 255).all()
    assert (to_input(wide.transpose(1, 0, 2), 10, 10) == 255).all()


@pytest.mark.parametrize("shape", [(31, 100), (100, 31), (1, 1)])
def test_a_frame_smaller_than_the_input_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(UserError, match=f"{shape[1]}x{shape[0]} pixels, smaller than the network's input of 32x32"):
        to_input(np.zeros((*shape, 3), np.uint8), 32, 32)
