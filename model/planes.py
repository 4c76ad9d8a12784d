# SPDX-License-Identifier: BSD-3-Clause
"""The planes of a frame as PyAV's decoder gives them. No swscale stands between them and us: it rounds otherwise on
another processor."""

from typing import Any

import av
import numpy as np

from shiftcore.errors import UserError
from shiftcore.model import colour

PACKED = {"yuyv422": (0, 1, 3), "yvyu422": (0, 3, 1), "uyvy422": (1, 0, 2)}  # where Y, U and V begin in four bytes
INTERLEAVED = ("nv", "p0", "p2", "p4")  # U and V in turn in one plane
UPPER_BITS = ("p0", "p2", "p4")  # more than 8 bits lie in the upper ones of 16
GRAY, PLANAR = ("gray", "ya"), ("yuv",)


def luma(frame: av.VideoFrame) -> np.ndarray:
    """The frame's luma, uint8 `[H, W]`, as it was decoded: of more than 8 bits the upper 8, of limited or full range,
    both fields of an interlaced one. RGB becomes `colour.gray`. It may lie in the frame's own memory; do not write.

    Raises UserError for a pixel format without such a plane.
    """
    name = frame.format.name
    if name in PACKED:
        return _bytes(frame, 0)[: frame.height, PACKED[name][0] :: 2][:, : frame.width]
    if name.startswith("mono"):
        return frame.to_ndarray(format="gray")
    if _is_rgb(frame):
        return colour.gray(rgb(frame))
    if not name.startswith((*GRAY, *PLANAR, *INTERLEAVED)) or frame.format.components[0].bits > 16:
        raise UserError(f"its pictures are of the format {name}, which is not read")
    return _values(frame, 0)[: frame.height, :: 2 if name.startswith("ya") else 1][:, : frame.width]


def rgb(frame: av.VideoFrame) -> np.ndarray:
    """The frame as RGB, uint8 `[H, W, 3]`, by `colour.rgb` of its planes in 8 bits. Raises as `luma`."""
    if _is_rgb(frame):
        if frame.format.components[0].bits > 8:
            return (frame.to_ndarray(format="rgb48le").astype(np.uint16) >> 8).astype(np.uint8)
        return frame.to_ndarray(format="rgb24")
    name = frame.format.name
    full = frame.color_range == 2 or name.startswith("yuvj")  # AVCOL_RANGE_JPEG
    return colour.rgb(luma(frame), _chroma(frame), full)


def _chroma(frame: av.VideoFrame) -> tuple[np.ndarray, np.ndarray] | None:
    name = frame.format.name
    if name.startswith((*GRAY, "mono")):
        return None
    if name in PACKED:
        pairs = _bytes(frame, 0)[: frame.height, : -(-frame.width // 2) * 4]
        return pairs[:, PACKED[name][1] :: 4], pairs[:, PACKED[name][2] :: 4]
    rows, columns = frame.format.components[1].height, frame.format.components[1].width
    if name.startswith(INTERLEAVED):
        pairs = _values(frame, 1)[:rows, : 2 * columns]
        first, second = pairs[:, ::2], pairs[:, 1::2]
        return (second, first) if name in {"nv21", "nv42"} else (first, second)
    return _values(frame, 1)[:rows, :columns], _values(frame, 2)[:rows, :columns]


def _is_rgb(frame: av.VideoFrame) -> bool:
    return frame.format.is_rgb or frame.format.has_palette


def _values(frame: av.VideoFrame, plane: int) -> np.ndarray:
    """All values of a plane, in 8 bits, with what pads its lines."""
    lines, bits = _bytes(frame, plane), frame.format.components[0].bits
    if bits == 8:
        return lines
    upper = frame.format.name.startswith(UPPER_BITS) or "msb" in frame.format.name
    words = lines.view(">u2" if frame.format.is_big_endian else "<u2")
    return (words >> (8 if upper else bits - 8)).astype(np.uint8)


def _bytes(frame: av.VideoFrame, plane: int) -> np.ndarray:
    """The bytes of a plane, a line a row."""
    memory: Any = frame.planes[plane]  # a buffer, which PyAV's types do not say
    return np.frombuffer(memory, np.uint8).reshape(-1, memory.line_size)
