# SPDX-License-Identifier: BSD-3-Clause
"""Stream fork: every beat of a stream goes to two or more consumers."""

from finn.transformation.fpgadataflow.convert_to_hw.duplicate_streams import InferDuplicateStreamsLayer

from shiftcore.hw.ops.registry import Op
from shiftcore.hw.ops.stream_fork.checks import CORNERS, PROOF, draw
from shiftcore.hw.ops.stream_fork.op import DuplicateStreams_rtl

OP = Op(
    rtl=DuplicateStreams_rtl,
    role="fork",
    infer=lambda _streams: (InferDuplicateStreamsLayer(),),
    joins=True,
    passes=True,
    corners=CORNERS,
    proofs=(PROOF,),
    draw=draw,
)
