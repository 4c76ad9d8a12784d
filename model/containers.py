# SPDX-License-Identifier: BSD-3-Clause
"""Whether a video file was cut: what its container says of its own length, which neither PyAV nor OpenCV tells.

Sources: ISO/IEC 14496-12 (MP4 and MOV), RFC 8794 and RFC 9559 (EBML, Matroska and WebM), Microsoft's AVI RIFF file
reference, Adobe's FLV specification 10.1, Microsoft's Advanced Systems Format 1.2. Any other container does not say.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MEDIA_BOXES = {b"mdat", b"moov", b"moof"}  # anything else behind the last of them may be rubbish that players ignore
BOXES = MEDIA_BOXES | {b"ftyp", b"free", b"skip", b"wide", b"styp", b"sidx", b"uuid", b"pnot", b"meta"}
EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
ASF, ASF_PROPERTIES = b"\x30\x26\xb2\x75", bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
UNFINISHED = {0, 0xFFFFFFFF}  # sizes of a RIFF chunk that a recorder had no time to fill in


def cut_short(path: Path) -> str:
    """What the file at `path` lacks of what its container says it holds, in words; "" where nothing, or where it does
    not say. Raises OSError."""
    with open(path, "rb") as file:
        size, head = os.fstat(file.fileno()).st_size, file.read(12)
        if head[4:8] in BOXES:
            ends = _boxes(file, size)
        elif head[:4] == EBML:
            ends = _segments(file)
        elif head[:4] == b"RIFF" and head[8:] == b"AVI ":
            ends = _chunks(file, size)
        elif head[:3] == b"FLV":
            ends = _tags(file, size)
        elif head[:4] == ASF:
            ends = _whole(file)
        else:
            return ""
        lacking = max((end - size for end in ends), default=0)
    return f"the last {lacking} bytes of the file are missing" if lacking > 0 else ""


def _read(file: BinaryIO, position: int, count: int) -> bytes:
    file.seek(position)
    return file.read(count)


def _boxes(file: BinaryIO, size: int) -> Iterator[int]:
    """Where each top-level box with media ends."""
    position = 0
    while len(head := _read(file, position, 16)) >= 8:
        length, name = struct.unpack(">I4s", head[:8])
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
        if length < 8:  # 0: up to the end of the file
            return
        position += length
        if name in MEDIA_BOXES:
            yield position


def _segments(file: BinaryIO) -> Iterator[int]:
    """Where Matroska's segment ends; nothing for one of unknown size, as live recordings have."""
    length, width = _vint(_read(file, 4, 8))
    position = 4 + width + (length or 0)
    if _read(file, position, 4) == SEGMENT:
        length, width = _vint(_read(file, position + 4, 8))
        if length is not None:
            yield position + 4 + width + length


def _vint(data: bytes) -> tuple[int | None, int]:
    """An EBML data size, None for unknown, and how many bytes it takes."""
    width = 9 - data[0].bit_length() if data and data[0] else 8
    value = int.from_bytes(data[:width], "big") & ((1 << 7 * width) - 1)
    return (None if value == (1 << 7 * width) - 1 else value), width


def _chunks(file: BinaryIO, size: int) -> Iterator[int]:
    """Where each list of frames (`movi`) of an AVI file ends. The index behind it may be missing: nobody needs it."""
    position = 0
    while position < size and _read(file, position, 4) == b"RIFF":
        end = position + 8 + struct.unpack("<I", _read(file, position + 4, 4).ljust(4, b"\0"))[0]
        inner = position + 12
        while inner < min(end, size):
            name, length, kind = struct.unpack("<4sI4s", _read(file, inner, 12).ljust(12, b"\0"))
            if length in UNFINISHED:
                return
            inner += 8 + length + length % 2
            if name == b"LIST" and kind == b"movi":
                yield inner - length % 2
        position = end + end % 2


def _whole(file: BinaryIO) -> Iterator[int]:
    """Where a Windows Media file ends, as its file properties say."""
    head = _read(file, 0, 4096)
    properties = head.find(ASF_PROPERTIES)
    if 0 <= properties <= len(head) - 48:
        yield struct.unpack_from("<Q", head, properties + 40)[0]


def _tags(file: BinaryIO, size: int) -> Iterator[int]:
    """Where FLV's last tag ends."""
    position = int.from_bytes(_read(file, 5, 4), "big") + 4
    while position < size:
        position += 11 + int.from_bytes(_read(file, position + 1, 3), "big")
        yield position
        position += 4
