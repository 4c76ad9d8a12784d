# SPDX-License-Identifier: BSD-3-Clause
"""How many of each there can be, and what a record is made of (made by `make registers` from hw/chip.toml;
docs/registers.md tells what they mean)."""

import struct
from typing import NamedTuple

STREAMS = 128
"""Cameras that a context word can name."""

MODELS = 4
"""Banks of weights that a descriptor can name."""

CONTEXT_BITS = 8
"""Of a context word."""

DESCRIPTORS = 16
"""Frames that the chip's descriptor queue holds."""

IN_CORE = 16
"""Frames that can be inside the core, and contexts that wait for its temporal shifts."""

RECORDS = 32
"""Frames under way, each with a slot in the driver's ring: a full descriptor queue, and what DMA and core hold."""

PLANE_WIDTH, PLANE_HEIGHT = 4096, 2304
"""Columns and rows of the largest plane that a chip with ingest takes."""


class RecordHeader(NamedTuple):
    """The words that a record begins with."""

    frame_id: int  # the descriptor's `DESCRIPTOR_FRAME_ID`
    context: int  # STREAM and CLEAR of the descriptor's `DESCRIPTOR_CONTEXT`; the bits above are 0
    latency: int  # from the frame's first input beat to its last output beat (cycles)
    sequence: int  # 0 for the first record since reset, then one more each, modulo 2^32


RECORD_HEADER = struct.Struct("<4I")
"""A `RecordHeader` in memory; the logits follow."""

LOGIT = "<i4"
"""A logit in memory, as NumPy names it."""

ALIGNMENT = 8
"""Bytes of the memory port's word: records begin and end at multiples of it."""


class Bursts(NamedTuple):
    """Beats of `ALIGNMENT` bytes in the longest burst: what the memory port takes, what the chip writes."""

    read: int
    write: int


BURSTS = {
    "zynq7": Bursts(16, 16),
    "zynquplus": Bursts(256, 16),
}
"""By the family of the processing system."""
