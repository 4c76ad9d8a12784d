# SPDX-License-Identifier: BSD-3-Clause
"""Temporal shift: the first channels of each pixel come from the previous frame of the same stream."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from finn.custom_op.fpgadataflow import register_custom_op
from finn.custom_op.fpgadataflow.rtl import register_custom_op as register_rtl_op
from onnx import GraphProto

from shiftcore.artifacts import PACKAGE_FOLDER
from shiftcore.errors import UserError
from shiftcore.hw import memory
from shiftcore.hw.ops.rtl_op import RtlOp, counter_bits
from shiftcore.hw.ops.stream_op import StreamOp
from shiftcore.model.limits import STREAMS
from shiftcore.quant import temporal


@register_custom_op
class TemporalShift(StreamOp):
    """Temporal shift of TSM (Lin et al. 2019, uni-directional), one frame a call, NHWC.

    Input and output are of the same integer type. Channels `[0, ShiftChannels)` of each pixel are those of the
    previous frame of the same stream; they are zero in a frame whose context says clear, in a stream's first frame,
    and always in a stream that is not below Streams. The context comes from `shiftcore.quant.temporal` here, and from
    the stream `ctx_V` in hardware.
    """

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Beside those of a `StreamOp` ShiftChannels (1 to NumChannels) and Streams (1 to STREAMS)."""
        return {**super().get_nodeattr_types(), "ShiftChannels": ("i", True, 0), "Streams": ("i", False, 1)}

    def check(self) -> None:
        """Raise UserError when an attribute is out of its range or PE is not one of the op's foldings."""
        name = self.onnx_node.name
        channels, shifted, streams = (self.get_nodeattr(key) for key in ("NumChannels", "ShiftChannels", "Streams"))
        if not 1 <= shifted <= channels:
            raise UserError(f"{name}: ShiftChannels={shifted} must be 1 to NumChannels={channels}")
        if not 1 <= streams <= STREAMS:
            raise UserError(f"{name}: Streams={streams} must be 1 to {STREAMS}")
        super().check()

    def foldings(self) -> list[int]:
        """Every PE it can be built with, ascending: it divides the channels, and the shifted channels come in whole
        beats (PE divides them) or all in one (PE is not below them)."""
        shifted = self.get_nodeattr("ShiftChannels")
        return [pe for pe in super().foldings() if pe >= shifted or shifted % pe == 0]

    def execute_node(self, context: dict[str, np.ndarray], graph: GraphProto) -> None:
        """Shift one frame; the state is kept under the name of the node's output."""
        shifted = context[self.onnx_node.input[0]].copy()
        lanes = slice(self.get_nodeattr("ShiftChannels"))
        shifted[..., lanes] = temporal.exchange(
            self.onnx_node.output[0], shifted[..., lanes], self.get_nodeattr("Streams")
        )
        context[self.onnx_node.output[0]] = shifted

    def memory_shape(self) -> tuple[int, int]:
        """Depth in words and width in bits of the state memory."""
        shifted, lanes = self.get_nodeattr("ShiftChannels"), self.get_nodeattr("PE")
        pixels = math.prod(map(int, self.get_nodeattr("numInputVectors")))
        depth = self.get_nodeattr("Streams") * pixels * max(1, shifted // lanes)
        return depth, min(shifted, lanes) * self.get_input_datatype().bitwidth()

    def ram_style(self) -> str:
        """`distributed` or `block`, by the state's size (hw.memory)."""
        return memory.style(*self.memory_shape(), "single")


@register_rtl_op
class TemporalShift_rtl(RtlOp, TemporalShift):  # noqa: N801 - FINN finds the back end by this suffix
    """Temporal shift in hardware (temporal_shift.sv).

    Beside in0_V and out0_V the wrapper has the context stream `ctx_V`, one `context_t` a frame.
    `get_verilog_top_module_intf_names` does not list it: FINN's passes take every listed stream for a tensor.
    """

    source = Path(__file__).with_name("temporal_shift.sv")
    needs = (PACKAGE_FOLDER / "hw" / "rtl" / "context_pkg.sv",)
    takes_context = True

    # the abstraction knows what it can be; RtlOp stands before it among the bases
    check = TemporalShift.check
    foldings = TemporalShift.foldings

    def parameters(self) -> dict[str, int | str]:
        """Parameters of temporal_shift.sv."""
        return {
            "CHANNELS": self.get_nodeattr("NumChannels"),
            "SHIFT": self.get_nodeattr("ShiftChannels"),
            "PE": self.get_nodeattr("PE"),
            "PIXELS": math.prod(map(int, self.get_nodeattr("numInputVectors"))),
            "BITS": self.get_input_datatype().bitwidth(),
            "STREAMS": self.get_nodeattr("Streams"),
            "RAM_STYLE": self.ram_style(),
        }

    def bram_estimation(self, fpgapart: str) -> int:
        """18 Kb block RAMs of the state."""
        return memory.ramb18(*self.memory_shape(), "single") if self.ram_style() == "block" else 0

    def bram_efficiency_estimation(self, fpgapart: str) -> float:
        """Share of the block RAM's bits that hold state."""
        blocks = self.bram_estimation(fpgapart)
        return math.prod(self.memory_shape()) / (blocks * 18 * 1024) if blocks else 1.0

    def lut_estimation(self, fpgapart: str) -> int:
        """State in LUTs where it is small (64 bits each), or the multiplexer behind block RAMs stacked in depth;
        the output's multiplexer, counters, address adder, and the streams' `seen` bits with their selection."""
        depth, width = self.memory_shape()
        if self.ram_style() == "distributed":
            state = memory.luts(depth, width, "single")
        else:
            banks = math.ceil(depth / memory.shape(depth, width, "single")[0])
            state = math.ceil((banks - 1) / 3) * width + banks
        control = counter_bits(self.get_exp_cycles()) + 2 * counter_bits(depth)
        return state + width + control + math.ceil(1.5 * self.get_nodeattr("Streams"))
