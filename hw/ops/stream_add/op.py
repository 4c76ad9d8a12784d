# SPDX-License-Identifier: BSD-3-Clause
"""Stream add: the sum of two integer streams, as at the end of a residual block."""

from pathlib import Path

from finn.custom_op.fpgadataflow import register_custom_op
from finn.custom_op.fpgadataflow.elementwise_binary import ElementwiseAdd
from finn.custom_op.fpgadataflow.rtl import register_custom_op as register_rtl_op
from qonnx.core.datatype import BaseDataType, DataType
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.errors import UserError
from shiftcore.hw.ops.rtl_op import RtlOp, check_folding, check_integer


def sum_type(lhs: BaseDataType, rhs: BaseDataType) -> BaseDataType:
    """The narrowest integer type that holds every sum of two values of these types."""
    low, high = int(lhs.min() + rhs.min()), int(lhs.max() + rhs.max())
    if low >= 0:
        return DataType[f"UINT{high.bit_length()}"]
    return DataType[f"INT{max((-low - 1).bit_length(), high.bit_length()) + 1}"]


@register_custom_op
class StreamAdd(ElementwiseAdd):
    """FINN's ElementwiseAdd of two streams of one shape, under a name of its own: FINN has the integer sum only in
    HLS, and its SpecializeLayers lets an RTL back end called ElementwiseAdd_rtl through on Versal alone.

    Attributes are those of ElementwiseAdd; out_dtype always follows from the inputs (`sum_type`).
    """

    def _derive_out_dtype(self, model: ModelWrapper) -> BaseDataType:
        # FINN's rule gives INT4 + UINT4 five bits, one too few.
        return sum_type(self.lhs_dtype, self.rhs_dtype)

    def infer_node_datatype(self, model: ModelWrapper) -> None:
        """Take the inputs' types, and give the output the type that holds every sum."""
        super().infer_node_datatype(model)
        self.set_nodeattr("out_dtype", sum_type(self.lhs_dtype, self.rhs_dtype).name)
        model.set_tensor_datatype(self.onnx_node.output[0], self.out_dtype)


@register_rtl_op
class StreamAdd_rtl(RtlOp, StreamAdd):  # noqa: N801 - FINN finds the back end by this suffix
    """Stream add in hardware (stream_add.sv)."""

    source = Path(__file__).with_name("stream_add.sv")
    input_prefixes = ("s_lhs", "s_rhs")

    def channels(self) -> int:
        """The last extent of the shape, which is one with the inputs'."""
        return int(self.out_shape[-1])

    def check(self) -> None:
        """Raise UserError for a constant or broadcast input, a type that does not hold every sum, or a bad PE."""
        name = self.onnx_node.name
        if "const" in (self.lhs_style, self.rhs_style):
            raise UserError(f"{name}: an input is a constant; StreamAdd takes two streams")
        if not list(self.lhs_shape) == list(self.rhs_shape) == list(self.out_shape):
            raise UserError(
                f"{name}: shapes {list(self.lhs_shape)} and {list(self.rhs_shape)} differ; StreamAdd does not broadcast"
            )
        check_integer(self, self.lhs_dtype, self.rhs_dtype, self.out_dtype)
        if self.out_dtype != sum_type(self.lhs_dtype, self.rhs_dtype):
            raise UserError(
                f"{name}: out_dtype={self.out_dtype.name} is not the type of {self.lhs_dtype.name} + "
                f"{self.rhs_dtype.name}, {sum_type(self.lhs_dtype, self.rhs_dtype).name}; run InferDataTypes"
            )
        check_folding(self)

    def parameters(self) -> dict[str, int | str]:
        """Parameters of stream_add.sv."""
        return {
            "PE": self.pe,
            "LHS_BITS": self.lhs_dtype.bitwidth(),
            "LHS_SIGNED": int(self.lhs_dtype.signed()),
            "RHS_BITS": self.rhs_dtype.bitwidth(),
            "RHS_SIGNED": int(self.rhs_dtype.signed()),
            "OUT_BITS": self.out_dtype.bitwidth(),
        }

    def lut_estimation(self, fpgapart: str) -> int:
        """A LUT a bit of sum, and the handshake."""
        return self.pe * self.out_dtype.bitwidth() + 4
