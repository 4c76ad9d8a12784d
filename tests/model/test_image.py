# SPDX-License-Identifier: BSD-3-Clause
"""The model image: what is packed can be had back, each bit is where its page says, and each fault is found."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiftcore.model import image
from shiftcore.model.manifest import LoadedMemory

STREAM = np.arange(7, dtype="<u4") * 0x01020304
SHAPE = "c0ffee00"


@st.composite
def memories(draw: st.DrawFn) -> tuple[LoadedMemory, np.ndarray]:
    """A memory of any folding, and what it holds."""
    pe, simd, folds, steps = (draw(st.integers(1, 5)) for _ in range(4))
    bits, seed = draw(st.integers(2, 32)), draw(st.integers(0, 2**32 - 1))
    kind, signed = draw(st.sampled_from((("weights", True), ("thresholds", True), ("thresholds", False))))
    rows, columns = pe * folds, simd * steps
    held = LoadedMemory("layer", kind, rows, columns, pe, simd if kind == "weights" else 1, bits, signed)
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    return held, np.random.default_rng(seed).integers(low, high, (rows, columns))


@given(case=memories())
def test_what_is_packed_can_be_had_back(case: tuple[LoadedMemory, np.ndarray]) -> None:
    held, values = case
    stream = image.packed(held, values)
    assert len(stream) == image.words(held)
    assert np.array_equal(image.unpacked(held, stream), values)


@given(case=memories(), place=st.data())
def test_each_weight_is_at_its_bit(case: tuple[LoadedMemory, np.ndarray], place: st.DataObject) -> None:
    held, values = case
    row, column = place.draw(st.integers(0, held.rows - 1)), place.draw(st.integers(0, held.columns - 1))
    stream = image.packed(held, values).tolist()
    if held.kind == "thresholds":
        found = stream[row * held.columns + column]
    else:
        parts = -(-held.pe * held.simd * held.bits // 32)
        word = row // held.pe * (held.columns // held.simd) + column // held.simd
        whole = sum(part << (32 * index) for index, part in enumerate(stream[word * parts : (word + 1) * parts]))
        found = whole >> ((row % held.pe * held.simd + column % held.simd) * held.bits)
    assert (found - int(values[row, column])) % (1 << held.bits) == 0


def test_thresholds_out_of_reach_become_the_ends_of_the_range() -> None:
    held = LoadedMemory("layer", "thresholds", 1, 3, 1, 1, 4, signed=True)
    assert image.packed(held, np.array([[-100, 3, 100]])).tolist() == [8, 3, 7]


def test_an_image_is_as_its_page_says() -> None:
    words = np.frombuffer(image.image(SHAPE, STREAM).tobytes(), "<u4")
    assert len(words) * 4 == image.size(len(STREAM))
    assert words[0].tobytes() == b"SFM1"
    assert [f"{word:08x}" for word in words[1:3]] == [SHAPE, image.model_hash(STREAM)]
    assert words[3] == len(STREAM) and np.array_equal(words[4:-1], STREAM)
    assert words[-1] == zlib.crc32(words[:-1].tobytes())
    assert image.fault(image.image(SHAPE, STREAM), SHAPE, len(STREAM)) is None


@pytest.mark.parametrize(
    ("byte", "fault"), [(0, "shape"), (4, "shape"), (8, "crc"), (12, "shape"), (16, "crc"), (40, "crc"), (-1, "crc")]
)
def test_a_byte_that_is_wrong_is_found(byte: int, fault: str) -> None:
    content = image.image(SHAPE, STREAM).copy()
    content[byte] ^= 0x10
    assert image.fault(content, SHAPE, len(STREAM)) == fault


def test_an_image_without_a_models_hash_is_none() -> None:
    content = image.image(SHAPE, STREAM).copy()
    content[8:12] = 0
    assert image.fault(content, SHAPE, len(STREAM)) == "shape"


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({}, "it has no layer.weight"),
        ({"layer.weight": np.zeros((4, 5), np.int8)}, r"layer.weight is \[4, 5\], the chip takes 4 rows of 6"),
        ({"layer.weight": np.full((4, 6), 8, np.int8)}, "layer.weight reaches 8, the chip takes 7"),
    ],
)
def test_a_model_of_another_shape_is_told(arrays: dict[str, np.ndarray], text: str) -> None:
    held = LoadedMemory("layer", "weights", 4, 6, 2, 3, 4, signed=True)
    with pytest.raises(ValueError, match=text):
        image.payload([held], arrays)


def test_a_convolutions_columns_are_row_column_channel() -> None:
    weight = np.arange(-12, 12).reshape(2, 3, 2, 2)
    held = LoadedMemory("layer", "weights", 2, 12, 1, 1, 8, signed=True)
    values = image.matrix(held, {"layer.weight": weight})
    assert values[1, (1 * 2 + 0) * 3 + 2] == weight[1, 2, 1, 0]
    again = image.arrays([held], image.payload([held], {"layer.weight": weight}), {"layer.weight": weight})
    assert np.array_equal(again["layer.weight"], weight)
