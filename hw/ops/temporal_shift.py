# SPDX-License-Identifier: BSD-3-Clause
"""Temporal shift: the first channels of each pixel come from the previous frame of the same stream."""

import math
from typing import Any

import numpy as np
from finn.custom_op.fpgadataflow import register_custom_op
from finn.custom_op.fpgadataflow.hwcustomop import HWCustomOp
from finn.custom_op.fpgadataflow.rtl import register_custom_op as register_rtl_op
from onnx import GraphProto
from qonnx.core.datatype import BaseDataType, DataType
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.artifacts import PACKAGE_FOLDER
from shiftcore.errors import UserError
from shiftcore.hw import memory
from shiftcore.hw.ops.rtl_op import Port, RtlOp, check_folding, check_integer, counter_bits
from shiftcore.model.limits import STREAMS
from shiftcore.model.records import Context
from shiftcore.quant import temporal


@register_custom_op
class TemporalShift(HWCustomOp):
    """Temporal shift of TSM (Lin et al. 2019, uni-directional), one frame a call, NHWC.

    Input and output are `numInputVectors + [NumChannels]`, e.g. `[1, H, W, C]`, of the same integer type. Channels
    `[0, ShiftChannels)` of each pixel are those of the previous frame of the same stream; they are zero in a frame
    whose context says clear, in a stream's first frame, and always in a stream that is not below Streams. The
    context comes from `shiftcore.quant.temporal` here, and from the stream `ctx_V` in hardware.
    """

    def get_nodeattr_types(self) -> dict[str, Any]:
        """NumChannels, ShiftChannels (1 to NumChannels), PE, Streams (1 to STREAMS), numInputVectors, inputDataType."""
        return {
            **super().get_nodeattr_types(),
            "NumChannels": ("i", True, 0),
            "ShiftChannels": ("i", True, 0),
            "PE": ("i", False, 1),
            "Streams": ("i", False, 1),
            "numInputVectors": ("ints", True, [1, 1, 1]),
            "inputDataType": ("s", True, ""),
        }

    def check(self) -> None:
        """Raise UserError when an attribute is out of its range or PE is not one of the op's foldings."""
        name, vectors = self.onnx_node.name, list(self.get_nodeattr("numInputVectors"))
        channels, shifted, streams = (self.get_nodeattr(key) for key in ("NumChannels", "ShiftChannels", "Streams"))
        if not 1 <= shifted <= channels:
            raise UserError(f"{name}: ShiftChannels={shifted} must be 1 to NumChannels={channels}")
        if not 1 <= streams <= STREAMS:
            raise UserError(f"{name}: Streams={streams} must be 1 to {STREAMS}")
        if vectors[0] != 1 or min(vectors) < 1:
            raise UserError(f"{name}: numInputVectors={vectors} must be one frame, e.g. [1, height, width]")
        check_integer(self, self.get_input_datatype())
        check_folding(self)

    def get_input_datatype(self, ind: int = 0) -> BaseDataType:
        """Type of every value, in and out."""
        return DataType[self.get_nodeattr("inputDataType")]

    def get_output_datatype(self, ind: int = 0) -> BaseDataType:
        """The input's type."""
        return self.get_input_datatype()

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        """`numInputVectors + [NumChannels]`."""
        return (*map(int, self.get_nodeattr("numInputVectors")), self.get_nodeattr("NumChannels"))

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        """The input's shape."""
        return self.get_normal_input_shape()

    def get_folded_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Beats and lanes: `numInputVectors + [NumChannels / PE, PE]`. Raises UserError (see `check`)."""
        self.check()
        *vectors, channels = self.get_normal_input_shape()
        return (*vectors, channels // self.get_nodeattr("PE"), self.get_nodeattr("PE"))

    def get_folded_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        """The input's folded shape."""
        return self.get_folded_input_shape()

    def get_instream_width(self, ind: int = 0) -> int:
        """Bits a beat."""
        return self.get_nodeattr("PE") * self.get_input_datatype().bitwidth()

    def get_outstream_width(self, ind: int = 0) -> int:
        """Bits a beat."""
        return self.get_instream_width()

    def get_exp_cycles(self) -> int:
        """Cycles a frame: one a beat."""
        return math.prod(self.get_folded_input_shape()[:-1])

    def infer_node_datatype(self, model: ModelWrapper) -> None:
        """Take the input tensor's type for the node and its output."""
        datatype = model.get_tensor_datatype(self.onnx_node.input[0])
        self.set_nodeattr("inputDataType", datatype.name)
        model.set_tensor_datatype(self.onnx_node.output[0], datatype)

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
    """Temporal shift in hardware (hw/rtl/temporal_shift.sv).

    Beside in0_V and out0_V the wrapper has the context stream `ctx_V`, one `context_t` a
    frame. `get_verilog_top_module_intf_names` does not list it: FINN's passes take every listed stream for a tensor.
    """

    module = "temporal_shift"

    check = TemporalShift.check  # the abstraction checks itself; RtlOp stands before it among the bases

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

    def input_ports(self) -> list[Port]:
        """The frames, and the context."""
        return [*super().input_ports(), Port("ctx_V", "ctx", Context.BITS)]

    def get_rtl_file_list(self, abspath: bool = False) -> list[str]:
        """Before the module and its wrapper, the package with the context's struct."""
        package = PACKAGE_FOLDER / "hw" / "rtl" / "context_pkg.sv"
        return [str(package) if abspath else package.name, *super().get_rtl_file_list(abspath)]

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
