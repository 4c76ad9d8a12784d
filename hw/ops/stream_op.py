# SPDX-License-Identifier: BSD-3-Clause
"""FINN's abstraction of an op of one stream in and one of the same shape out, for those that FINN does not have."""

import math
from typing import Any

from finn.custom_op.fpgadataflow.hwcustomop import HWCustomOp
from qonnx.core.datatype import BaseDataType, DataType
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.errors import UserError
from shiftcore.hw.ops.rtl_op import check_folding, check_integer, divisors


class StreamOp(HWCustomOp):
    """One frame a call, NHWC: `numInputVectors + [NumChannels]`, e.g. `[1, H, W, C]`, in and out, PE channels a beat.

    A subclass has `execute_node`, the Python model that the hardware must equal, and, where they differ from the
    input's, `output_type`, `foldings` and `check`.
    """

    def get_nodeattr_types(self) -> dict[str, Any]:
        """NumChannels, PE, numInputVectors (one frame's), inputDataType."""
        return {
            **super().get_nodeattr_types(),
            "NumChannels": ("i", True, 0),
            "PE": ("i", False, 1),
            "numInputVectors": ("ints", True, [1, 1, 1]),
            "inputDataType": ("s", True, ""),
        }

    def check(self) -> None:
        """Raise UserError when an attribute is out of its range or PE is not one of the op's foldings."""
        vectors = list(self.get_nodeattr("numInputVectors"))
        if vectors[0] != 1 or min(vectors) < 1:
            raise UserError(
                f"{self.onnx_node.name}: numInputVectors={vectors} must be one frame, e.g. [1, height, width]"
            )
        check_integer(self, self.get_input_datatype())
        check_folding(self)

    def foldings(self) -> list[int]:
        """Every PE it can be built with, ascending: those that divide the channels."""
        return divisors(self.get_nodeattr("NumChannels"))

    def output_type(self, source: BaseDataType) -> BaseDataType:
        """The type of the output where the input has type `source`."""
        return source

    def get_input_datatype(self, ind: int = 0) -> BaseDataType:
        """Type of every value that comes in."""
        return DataType[self.get_nodeattr("inputDataType")]

    def get_output_datatype(self, ind: int = 0) -> BaseDataType:
        """Type of every value that goes out."""
        return self.output_type(self.get_input_datatype())

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
        return self.get_nodeattr("PE") * self.get_output_datatype().bitwidth()

    def get_exp_cycles(self) -> int:
        """Cycles a frame: one a beat."""
        return math.prod(self.get_folded_input_shape()[:-1])

    def infer_node_datatype(self, model: ModelWrapper) -> None:
        """Take the input tensor's type for the node, and give the output its own."""
        self.set_nodeattr("inputDataType", model.get_tensor_datatype(self.onnx_node.input[0]).name)
        model.set_tensor_datatype(self.onnx_node.output[0], self.get_output_datatype())
