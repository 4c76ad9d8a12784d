# SPDX-License-Identifier: BSD-3-Clause
"""Frame to input: exact integers, against rational arithmetic on every pixel."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiftcore.errors import UserError
from shiftcore.model.colour import gray
from shiftcore.model.description import InputSize, InputSpec, Preprocess
from shiftcore.model.preprocess import REPRESENTATIONS, Preprocessor, crop_size, picture, pixel_aspect, to_input


def mean_of_box(box: np.ndarray) -> int:
    """The mean, rounded half up."""
    return int(Fraction(int(box.sum(dtype=int)), box.size) + Fraction(1, 2))


@given(
    height=st.integers(1, 9), width=st.integers(1, 9), more=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    seed=st.integers(0, 2**32 - 1), colour=st.booleans(),
)  # fmt: skip
def test_every_pixel_is_the_mean_of_its_box(
    height: int, width: int, more: tuple[int, int], seed: int, colour: bool
) -> None:
    rows, columns = height + more[0], width + more[1]
    shape = (rows, columns, 3) if colour else (rows, columns)
    frame = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    crop_rows, crop_columns = min(rows, columns * height // width), min(columns, rows * width // height)
    top, left = (rows - crop_rows) // 2, (columns - crop_columns) // 2
    crop = frame[top : top + crop_rows, left : left + crop_columns]
    result = to_input(frame, height, width)
    assert result.shape == (height, width, *shape[2:]) and result.dtype == np.uint8
    for i in range(height):
        for j in range(width):
            box = crop[
                i * crop_rows // height : (i + 1) * crop_rows // height,
                j * crop_columns // width : (j + 1) * crop_columns // width,
            ]
            expected = [mean_of_box(part) for part in np.moveaxis(box.reshape(*box.shape[:2], -1), -1, 0)]
            assert result[i, j].ravel().tolist() == expected


@pytest.mark.parametrize("shape", [(257 * 8, 16), (258 * 8 + 3, 40), (2160, 3840)])
def test_large_pictures_are_summed_exactly(shape: tuple[int, int]) -> None:
    """White: the sums are the largest there can be, and 257 rows are the most whose sums fit into 16 bits."""
    assert (to_input(np.full(shape, 255, np.uint8), 8, 8) == 255).all()
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    rows, columns = crop_size(noise, 8, 8)
    crop = noise[(shape[0] - rows) // 2 :, (shape[1] - columns) // 2 :][:rows, :columns]
    assert to_input(noise, 8, 8)[7, 7] == mean_of_box(crop[7 * rows // 8 :, 7 * columns // 8 :])


def test_shrinking_a_4k_picture_takes_little_memory() -> None:
    frame = np.zeros((2160, 3840), np.uint8)
    tracemalloc.start()
    to_input(frame, 80, 112)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < frame.nbytes / 2


def test_a_frame_of_the_inputs_size_stays_as_it_is() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    made = to_input(frame, 32, 48)
    assert np.array_equal(made, frame) and not np.shares_memory(made, frame)


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


def description(representation: str, run_every: int = 1, size: int = 8) -> InputSpec:
    channels = REPRESENTATIONS[representation].channels if representation in REPRESENTATIONS else 3
    return InputSpec(InputSize(size, size, channels), Preprocess(representation, None, run_every))


def test_gray_of_every_channel_value() -> None:
    colours = np.array([[r, g, b] for r in range(0, 256, 15) for g in range(0, 256, 15) for b in range(0, 256, 15)])
    image = colours.astype(np.uint8)[None]
    expected = [int(Fraction(77 * r + 150 * g + 29 * b, 256) + Fraction(1, 2)) for r, g, b in colours.tolist()]
    assert gray(image)[0].tolist() == expected


@given(seed=st.integers(0, 2**32 - 1), run_every=st.integers(1, 5), count=st.integers(1, 14))
def test_motion_is_made_of_three_lumas_of_the_same_camera(seed: int, run_every: int, count: int) -> None:
    lumas = np.random.default_rng(seed).integers(0, 256, (2, count, 8, 8), dtype=np.uint8)
    preprocessor = Preprocessor(description("motion", run_every))
    for index in range(count):
        for stream in (0, 1):
            prepared = preprocessor.prepare(lumas[stream, index], stream)
            runs = index >= 2 and (index - 2) % run_every == 0
            assert (prepared is not None) == runs
            if prepared is not None:
                g0, g1, g2 = (lumas[stream, index - back].astype(int) for back in (0, 1, 2))
                assert prepared[0][..., 0].tolist() == g0.tolist()
                assert prepared[0][..., 1].tolist() == np.clip(127 + 2 * (g0 - g1), 0, 255).tolist()
                assert prepared[0][..., 2].tolist() == np.clip(127 + 2 * (g1 - g2), 0, 255).tolist()
                assert prepared[1] == (index == 2)


@pytest.mark.parametrize("representation", ["luma", "motion"])
def test_of_rgb_the_luma_is_taken_before_it_is_shrunk(representation: str) -> None:
    images = np.random.default_rng(2).integers(0, 256, (5, 21, 30, 3), dtype=np.uint8)
    drawn, decoded = Preprocessor(description(representation)), Preprocessor(description(representation))
    seen = list(drawn.clip(images))
    assert drawn.luma and np.array_equal(seen, list(decoded.clip(map(gray, images))))
    assert np.array_equal(seen[-1][..., 0], to_input(gray(images[-1]), 8, 8))
    assert seen[0].shape == (8, 8, REPRESENTATIONS[representation].channels)


def test_a_model_of_colours_refuses_luma() -> None:
    with pytest.raises(UserError, match="the image is luma alone, and the model sees colours"):
        Preprocessor(description("rgb")).prepare(np.zeros((8, 8), np.uint8))


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_after_an_image_that_is_too_small_a_clip_begins(representation: str) -> None:
    """Nothing of before is compared with what comes after, and the network is told."""
    images = np.random.default_rng(3).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    preprocessor, fresh = Preprocessor(description(representation)), Preprocessor(description(representation))
    list(preprocessor.clip(images[:6]))
    for _ in range(2):
        with pytest.raises(UserError, match="smaller than the network's input"):
            preprocessor.prepare(images[6][:7])
    after = [preprocessor.prepare(image) for image in images[7:]]
    expected = [fresh.prepare(image) for image in images[7:]]
    assert [item and (item[0].tolist(), item[1]) for item in after] == [
        item and (item[0].tolist(), item[1]) for item in expected
    ]


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_a_picture_may_change_its_size_in_mid_clip(representation: str) -> None:
    """Each image is cropped and shrunk by its own size, and the clip goes on."""
    rng = np.random.default_rng(4)
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in [(8, 8)] * 3 + [(31, 17)] * 3]
    small = [to_input(gray(image) if REPRESENTATIONS[representation].luma else image, 8, 8) for image in images]
    seen = list(Preprocessor(description(representation)).clip(images))
    assert np.array_equal(seen, list(Preprocessor(description(representation)).clip(small)))


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_a_clip_knows_nothing_of_the_one_before(representation: str) -> None:
    images = np.random.default_rng(1).integers(0, 256, (9, 8, 8, 3), dtype=np.uint8)
    fresh = Preprocessor(description(representation, 3))
    used = Preprocessor(description(representation, 3))
    list(used.clip(images[::-1]))
    assert np.array_equal(list(used.clip(images)), list(fresh.clip(images)))


@pytest.mark.parametrize("representation", REPRESENTATIONS)
@pytest.mark.parametrize("run_every", [1, 4])
def test_as_many_images_as_said_make_that_many_inputs(representation: str, run_every: int) -> None:
    preprocessor = Preprocessor(description(representation, run_every))
    images = np.zeros((30, 8, 8, 3), np.uint8)
    for inputs in (1, 2, 5):
        count = preprocessor.images(inputs)
        assert len(list(preprocessor.clip(images[:count]))) == inputs
        assert len(list(preprocessor.clip(images[: count - 1]))) == inputs - 1


def test_an_unknown_representation_is_refused() -> None:
    with pytest.raises(UserError, match="'flow'; this version knows rgb, luma, motion"):
        Preprocessor(description("flow"))


ASPECTS = st.fractions(Fraction(1, 4), 4, max_denominator=20)


@given(aspect=ASPECTS, shape=st.tuples(st.integers(40, 60), st.integers(40, 60)), seed=st.integers(0, 2**32 - 1))
def test_pixels_that_are_not_square_count_as_they_are_shown(
    aspect: Fraction, shape: tuple[int, int], seed: int
) -> None:
    """The part that is seen has the input's aspect, within the one row or column that rounding takes; then each box is
    averaged exactly."""
    height, width = 8, 6
    frame = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
    rows, columns = crop_size(picture(frame, aspect), height, width)
    assert rows == shape[0] or columns == shape[1]
    assert rows == min(shape[0], int(shape[1] * aspect * height / width))
    assert columns == min(shape[1], int(shape[0] * width / (height * aspect)))
    top, left = (shape[0] - rows) // 2, (shape[1] - columns) // 2
    crop, result = frame[top : top + rows, left : left + columns], to_input(picture(frame, aspect), height, width)
    assert type(result) is np.ndarray
    for i in range(height):
        for j in range(width):
            box = crop[i * rows // height : (i + 1) * rows // height, j * columns // width : (j + 1) * columns // width]
            assert result[i, j].tolist() == [mean_of_box(box[..., channel]) for channel in range(3)]


@pytest.mark.parametrize("aspect", [None, Fraction(0), Fraction(1), Fraction(-4, 3), Fraction(1000), Fraction(1, 1000)])
def test_an_aspect_that_says_nothing_is_square(aspect: Fraction | None) -> None:
    frame = np.zeros((4, 4, 3), np.uint8)
    assert picture(frame, aspect) is frame and pixel_aspect(frame) == 1


def test_what_is_seen_of_wide_pixels_may_be_too_small() -> None:
    with pytest.raises(UserError, match=r"100x40 pixels \(4:1 each, of which it sees 10x40\), smaller than .* 32x32"):
        to_input(picture(np.zeros((40, 100, 3), np.uint8), Fraction(4)), 32, 32)


def test_a_camera_of_wide_pixels_goes_the_same_way() -> None:
    frame = picture(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8), Fraction(16, 11))
    prepared = Preprocessor(description("rgb")).prepare(frame)
    assert prepared is not None and np.array_equal(prepared[0], to_input(frame, 8, 8))
    assert not np.array_equal(prepared[0], to_input(np.asarray(frame), 8, 8))
