# SPDX-License-Identifier: BSD-3-Clause
"""What is made of a decoder's planes, format by format, against the memory that they were filled from."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange
from hypothesis import given, settings
from hypothesis import strategies as st

from shiftcore.errors import UserError
from shiftcore.model import colour, planes

HEIGHT, WIDTH = 6, 36


def filled(name: str, height: int = HEIGHT, width: int = WIDTH) -> tuple[av.VideoFrame, list[np.ndarray]]:
    """A frame of the format `name` and the bytes of its planes, a line a row, padding included: noise."""
    frame, rng = av.VideoFrame(width, height, name), np.random.default_rng(0)
    bits = frame.format.components[0].bits
    lines = []
    for plane in frame.planes:
        content = rng.integers(0, 256, plane.buffer_size, dtype=np.uint8)
        if bits > 8 and not planes._is_rgb(frame):  # no value may be larger than its bits hold
            words = content.view(">u2" if frame.format.is_big_endian else "<u2")
            upper = name.startswith(planes.UPPER_BITS) or "msb" in name
            words[:] = (words >> (16 - bits)) << (16 - bits if upper else 0)
        plane.update(content.tobytes())
        lines.append(content.reshape(-1, plane.line_size))
    return frame, lines


EIGHT = ["yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "yuvj420p", "yuva420p", "gray"]


@pytest.mark.parametrize("name", [*EIGHT, "nv12", "nv21", "nv16", "nv24"])
def test_eight_bits_are_taken_as_they_are_whatever_their_range(name: str) -> None:
    for height, width in ((HEIGHT, WIDTH), (5, 33)):
        frame, lines = filled(name, height, width)
        assert np.array_equal(planes.luma(frame), lines[0][:height, :width])


@pytest.mark.parametrize("name", ["yuv420p9le", "yuv420p10le", "yuv422p10be", "yuv444p12le", "yuv420p16le", "gray10le",
                                  "gray12be", "gray16le", "p010le", "p016le", "p210le"])  # fmt: skip
def test_more_bits_are_shifted_down(name: str) -> None:
    frame, lines = filled(name)
    bits = 16 if name.startswith("p") else int(name.rstrip("lbe").split("p")[-1].removeprefix("gray"))
    words = lines[0].view(">u2" if name.endswith("be") else "<u2")[:HEIGHT, :WIDTH]
    assert planes.luma(frame).dtype == np.uint8
    assert np.array_equal(planes.luma(frame), words // 2 ** (bits - 8))


@pytest.mark.parametrize(("name", "first"), [("yuyv422", 0), ("yvyu422", 0), ("uyvy422", 1), ("ya8", 0)])
def test_luma_between_other_values(name: str, first: int) -> None:
    frame, lines = filled(name)
    assert np.array_equal(planes.luma(frame), lines[0][:HEIGHT, first : 2 * WIDTH : 2])


@pytest.mark.parametrize("name", ["rgb24", "bgr24", "bgr0", "rgba", "argb", "gbrp", "gbrp10le", "rgb48le", "rgb565le"])
def test_rgb_becomes_bt601s_luma(name: str) -> None:
    frame, _ = filled(name)
    image = planes.rgb(frame)
    assert image.shape == (HEIGHT, WIDTH, 3) and np.array_equal(planes.luma(frame), colour.gray(image))


def test_rgb_is_taken_as_it_is() -> None:
    frame, lines = filled("bgr24")
    assert np.array_equal(planes.rgb(frame), lines[0][:, : 3 * WIDTH].reshape(HEIGHT, WIDTH, 3)[..., ::-1])
    frame, lines = filled("gbrp")
    green, blue, red = (line[:, :WIDTH] for line in lines)
    assert np.array_equal(planes.rgb(frame), np.stack([red, green, blue], -1))


@pytest.mark.parametrize("name", ["vuya", "xyz12le", "y210le"])
def test_other_formats_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"its pictures are of the format {name}, which is not read"):
        planes.luma(filled(name)[0])


SHARE = {
    "yuv420p": (2, 2),
    "yuv422p": (1, 2),
    "yuv444p": (1, 1),
    "yuv440p": (2, 1),
    "yuv411p": (1, 4),
    "yuv410p": (4, 4),
}


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", SHARE)
def test_each_chroma_value_stands_for_all_pixels_it_covers(name: str, full: bool) -> None:
    for height, width in ((HEIGHT, WIDTH), (7, 35), (2 * colour.BAND + 7, 35)):
        frame, (luma, u, v) = filled(name, height, width)
        frame.color_range = ColorRange.JPEG if full else ColorRange.MPEG
        tall, wide = SHARE[name]
        rows, columns = np.arange(height)[:, None] // tall, np.arange(width) // wide
        expected = colour.rgb(luma[:height, :width].copy(), (u[rows, columns], v[rows, columns]), full)
        assert np.array_equal(planes.rgb(frame), expected)


@pytest.mark.parametrize(("name", "planar"), [("nv12", "yuv420p"), ("nv21", "yuv420p"), ("nv16", "yuv422p"),
                                              ("nv24", "yuv444p"), ("yuyv422", "yuv422p"), ("uyvy422", "yuv422p"),
                                              ("yvyu422", "yuv422p"), ("p010le", "yuv420p10le"),
                                              ("yuvj420p", "yuv420p"), ("yuva420p", "yuv420p")])  # fmt: skip
def test_the_same_picture_in_another_layout_has_the_same_colours(name: str, planar: str) -> None:
    """Which is only moved about by swscale."""
    frame, _ = filled(planar)
    if name.startswith("yuvj"):
        frame.color_range = ColorRange.JPEG
    other = frame.reformat(format=name)
    assert other.format.name == name
    assert np.array_equal(planes.rgb(other), planes.rgb(frame)) and np.array_equal(
        planes.luma(other), planes.luma(frame)
    )


def bt601(luma: int, u: int, v: int, full: bool) -> list[Fraction]:
    """Exact RGB of one pixel (BT.601-7, 2.5), before it is rounded and clipped."""
    red, blue = Fraction(299, 1000), Fraction(114, 1000)
    y = Fraction(luma) if full else Fraction(255 * (luma - 16), 219)
    pb, pr = (Fraction(value - 128) * (1 if full else Fraction(255, 224)) for value in (u, v))
    r, b = y + 2 * (1 - red) * pr, y + 2 * (1 - blue) * pb
    return [r, (y - red * r - blue * b) / (1 - red - blue), b]


VALUE = st.integers(0, 255)


@settings(max_examples=300)
@given(luma=VALUE, u=VALUE, v=VALUE, full=st.booleans())
def test_colours_are_bt601s_to_a_level(luma: int, u: int, v: int, full: bool) -> None:
    plane = [np.full((1, 1), value, np.uint8) for value in (luma, u, v)]
    seen = colour.rgb(plane[0], (plane[1], plane[2]), full)[0, 0].tolist()
    expected = [min(max(value, Fraction(0)), Fraction(255)) for value in bt601(luma, u, v, full)]
    assert all(abs(a - b) <= 1 for a, b in zip(seen, expected, strict=True))


def test_without_chroma_all_three_are_the_luma() -> None:
    frame, lines = filled("gray")
    assert np.array_equal(planes.rgb(frame), lines[0][:HEIGHT, :WIDTH, None].repeat(3, 2))
