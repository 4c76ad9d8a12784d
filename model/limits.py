# SPDX-License-Identifier: BSD-3-Clause
"""How many of each there can be. A test compares them with the RTL."""

from shiftcore.model import registers as reg

STREAMS = reg.DescriptorContext.STREAM.of(reg.DescriptorContext.STREAM) + 1
"""Cameras that a context word can name."""

DESCRIPTORS = 16
"""Frames that the chip's descriptor queue holds."""

RECORDS = 32
"""Frames under way, each with a slot in the driver's ring: a full descriptor queue, and what DMA and core hold."""
