"""Our FINN ops. Importing this package registers them with FINN, so that its passes find them."""

from hw.ops.duplicate_streams import DuplicateStreams_rtl
from hw.ops.global_acc_pool import GlobalAccPool_rtl
from hw.ops.pool import Pool_rtl
from hw.ops.rtl_op import foldings
from hw.ops.stream_add import StreamAdd, StreamAdd_rtl
from hw.ops.temporal_shift import TemporalShift, TemporalShift_rtl

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
