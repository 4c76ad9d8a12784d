# SPDX-License-Identifier: BSD-3-Clause
"""Our FINN ops. Importing this package registers them with FINN, so that its passes find them."""

from shiftcore.hw.ops.duplicate_streams import DuplicateStreams_rtl
from shiftcore.hw.ops.global_acc_pool import GlobalAccPool_rtl
from shiftcore.hw.ops.pool import Pool_rtl
from shiftcore.hw.ops.rtl_op import foldings
from shiftcore.hw.ops.stream_add import StreamAdd, StreamAdd_rtl
from shiftcore.hw.ops.temporal_shift import TemporalShift, TemporalShift_rtl

__all__ = [
    "DuplicateStreams_rtl",
    "GlobalAccPool_rtl",
    "Pool_rtl",
    "StreamAdd",
    "StreamAdd_rtl",
    "TemporalShift",
    "TemporalShift_rtl",
    "foldings",
]
