# SPDX-License-Identifier: BSD-3-Clause
"""Stream duplication: every beat of a stream goes to two or more consumers."""

from pathlib import Path

from finn.custom_op.fpgadataflow.duplicatestreams import DuplicateStreams
from finn.custom_op.fpgadataflow.rtl import register_custom_op as register_rtl_op

from shiftcore.errors import UserError
from shiftcore.hw.ops.rtl_op import RtlOp, check_folding, check_integer


@register_rtl_op
class DuplicateStreams_rtl(RtlOp, DuplicateStreams):  # noqa: N801 - FINN finds the back end by this suffix
    """FINN's DuplicateStreams as an eager fork (stream_fork.sv), with any number of outputs from 2 on."""

    source = Path(__file__).with_name("stream_fork.sv")

    def check(self) -> None:
        """Raise UserError for fewer than two outputs, a count that is not the node's, or a PE it cannot have."""
        outputs = self.get_num_output_streams()
        if outputs < 2 or outputs != len(self.onnx_node.output):
            raise UserError(
                f"{self.onnx_node.name}: NumOutputStreams={outputs} must be 2 or more and "
                f"equal the node's {len(self.onnx_node.output)} outputs"
            )
        check_integer(self, self.get_input_datatype())
        check_folding(self)

    def parameters(self) -> dict[str, int | str]:
        """Parameters of stream_fork.sv."""
        return {"WIDTH": self.get_instream_width(), "OUTPUTS": self.get_num_output_streams()}

    def lut_estimation(self, fpgapart: str) -> int:
        """Two LUTs an output (valid and served), and the input's ready."""
        return 2 * self.get_num_output_streams() + 1
