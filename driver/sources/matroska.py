# SPDX-License-Identifier: BSD-3-Clause
"""Pictures that another program has decoded, as FFmpeg's and GStreamer's put them into a pipe: uncompressed video in
Matroska (RFC 8794, RFC 9559), which says their size, format, shape and times."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from shiftcore.errors import UserError
from shiftcore.model import colour
from shiftcore.model.preprocess import picture

_INSIDE = {  # elements that are entered: segment, tracks, a track, its video and colours, information; clusters, groups
    *(0x18538067, 0x1654AE6B, 0xAE, 0xE0, 0x55B0, 0x1549A966, 0x1F43B675, 0xA0),
}
_BLOCKS = {0xA3, 0xA1}
_NUMBERS = {
    0xB0: "width",
    0xBA: "height",
    0x54B0: "shown_width",
    0x54BA: "shown_height",
    0x54B2: "unit",
    0x55B9: "range",
    0x2AD7B1: "scale_ns",
    0xE7: "cluster",
}
_FORMAT = 0x2EB524  # four letters
_FULL, _PIXELS = 2, 0  # a range; a unit of what is shown
_BLOCK_HEAD = 4  # bytes before the pixels: the track, the time in the cluster, flags
_WIDEST = 200  # of the terms of a pixel's aspect that is looked for
_LARGEST = 1 << 28  # bytes of a picture

# By the four letters: columns and rows of a value of chroma; None of a gray picture. NV12 has U and V in turn.
_CHROMA = {"Y800": None, "GREY": None, "I420": (2, 2), "NV12": (2, 2), "Y42B": (2, 1)}


class Decoded(NamedTuple):
    """A picture: its time in seconds, its bytes, and their `format`."""

    seconds: float
    content: np.ndarray
    format: "Format"


@dataclass(frozen=True)
class Format:
    """What the bytes of a picture are: four letters as FFmpeg writes them, `width` and `height` in pixels, the pixels'
    `aspect`, whether values have the `full` range, and the bytes that rows are padded to a multiple of, `align`."""

    letters: str
    width: int
    height: int
    aspect: Fraction | None = None
    full: bool = False
    align: int = 1

    def luma(self, content: np.ndarray) -> np.ndarray:
        """The luma of a picture, uint8 `[height, width]`, as it was decoded. Raises UserError for another format than
        those of 8 bits that video usually has, and for a picture of another size."""
        if self.letters not in _CHROMA:
            raise UserError(f"its pictures are of the format {self.letters!r}, and only PyAV gives that")
        return picture(self._rows(content, 0, self.height, self.width), self.aspect)

    def rgb(self, content: np.ndarray) -> np.ndarray:
        """The picture as RGB, uint8 `[height, width, 3]`, by `colour.rgb`. Raises as `luma`."""
        luma, chroma = self.luma(content), self._chroma(content)
        return picture(colour.rgb(np.asarray(luma), chroma, self.full), self.aspect)

    def _chroma(self, content: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        ratio = _CHROMA.get(self.letters)
        if ratio is None:
            return None
        rows, columns = -(-self.height // ratio[1]), -(-self.width // ratio[0])
        start = self._stride(self.width) * self._lines(self.height)
        if self.letters == "NV12":
            pairs = self._rows(content, start, rows, 2 * columns)
            return pairs[:, ::2], pairs[:, 1::2]
        behind = start + self._stride(columns) * rows
        return self._rows(content, start, rows, columns), self._rows(content, behind, rows, columns)

    def _rows(self, values: np.ndarray, start: int, rows: int, columns: int) -> np.ndarray:
        stride = self._stride(columns)
        if len(values) < start + rows * stride:
            raise UserError("its picture changes its size, and only PyAV goes on with that")
        return values[start : start + rows * stride].reshape(rows, stride)[:, :columns]

    def _stride(self, columns: int) -> int:
        return -(-columns // self.align) * self.align

    def _lines(self, rows: int) -> int:
        """Rows of luma, which GStreamer pads as well."""
        return rows if self.align == 1 else -(-rows // 2) * 2


def pictures(read: Callable[[int], bytes | bytearray], align: int = 1) -> Iterator[Decoded]:
    """The pictures of the first track, as they come. `read` gives so many bytes, fewer where there are no more;
    `align`: what the program that writes pads its rows to. Raises UserError where what comes is no such video."""
    numbers = {"scale_ns": 1_000_000, "cluster": 0}
    letters, known = "", None
    while len(head := read(1)):
        name, size = _element(head[0], read)
        if name in _INSIDE:
            continue
        if size is None or size > _LARGEST:
            raise UserError("what decodes it gives no video")
        content = read(size)
        if len(content) < size:
            return
        if name in _NUMBERS:
            numbers[_NUMBERS[name]] = int.from_bytes(content, "big")
        elif name == _FORMAT:
            letters = bytes(content).decode("latin-1")
        elif name in _BLOCKS:
            known = known or _format(letters, numbers, align)
            at = numbers["cluster"] + int.from_bytes(content[1:3], "big", signed=True)
            yield Decoded(at * numbers["scale_ns"] / 1e9, np.frombuffer(content, np.uint8)[_BLOCK_HEAD:], known)


def _element(first: int, read: Callable[[int], bytes | bytearray]) -> tuple[int, int | None]:
    """An element's name and size, None for unknown, of its first byte and what follows."""
    name = int.from_bytes(bytes([first]) + read(8 - first.bit_length()), "big")
    head = read(1) or b"\0"
    width = 9 - head[0].bit_length()
    value = int.from_bytes(bytes(head) + read(width - 1), "big") & ((1 << 7 * width) - 1)
    return name, None if value == (1 << 7 * width) - 1 else value


def _format(letters: str, numbers: dict[str, int], align: int) -> Format:
    width, height = numbers["width"], numbers["height"]
    full = numbers.get("range") == _FULL
    shown = numbers.get("shown_width", width), numbers.get("shown_height", height)
    rounded = numbers.get("unit", _PIXELS) == _PIXELS
    return Format(letters, width, height, _aspect(width, height, *shown, rounded), full, align)


def _aspect(width: int, height: int, shown_width: int, shown_height: int, rounded: bool) -> Fraction | None:
    """The pixels' aspect of a picture that is shown so large: where that was `rounded` to pixels, the simplest."""
    if not (width and height and shown_width and shown_height):
        return None
    exact = Fraction(shown_width * height, width * shown_height)
    for most in range(1, _WIDEST if rounded else 1):
        simple = exact.limit_denominator(most)
        if abs(simple - exact) * width * shown_height < height:  # less than a pixel of what is shown
            return simple
    return exact
