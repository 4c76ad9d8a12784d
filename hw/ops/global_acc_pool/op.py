# SPDX-License-Identifier: BSD-3-Clause
"""Global accumulating pool: the sum of every channel over all pixels of a frame."""

import math
from pathlib import Path

from finn.custom_op.fpgadataflow.globalaccpool import GlobalAccPool
from finn.custom_op.fpgadataflow.rtl import register_custom_op as register_rtl_op

from shiftcore.errors import UserError
from shiftcore.hw.ops.rtl_op import RtlOp, check_folding, check_integer, counter_bits


@register_rtl_op
class GlobalAccPool_rtl(RtlOp, GlobalAccPool):  # noqa: N801 - FINN finds the back end by this suffix
    """FINN's GlobalAccPool in hardware (global_acc_pool.sv), without its bubble between frames."""

    source = Path(__file__).with_name("global_acc_pool.sv")

    def check(self) -> None:
        """Raise UserError for anything but one frame `[1, height, width]`, or a PE it cannot have."""
        vectors = list(self.get_nodeattr("numInputVectors"))
        if len(vectors) != 3 or vectors[0] != 1 or min(vectors) < 1:
            raise UserError(f"{self.onnx_node.name}: numInputVectors={vectors} must be one frame, [1, height, width]")
        check_integer(self, self.get_input_datatype())
        check_folding(self)

    def get_exp_cycles(self) -> int:
        """Cycles a frame: one an input beat."""
        return math.prod(map(int, self.get_folded_input_shape()[:-1]))

    def parameters(self) -> dict[str, int | str]:
        """Parameters of global_acc_pool.sv."""
        return {
            "CHANNELS": self.get_nodeattr("NumChannels"),
            "PE": self.get_nodeattr("PE"),
            "PIXELS": math.prod(map(int, self.get_nodeattr("numInputVectors"))),
            "IN_BITS": self.get_input_datatype().bitwidth(),
            "SIGNED": int(self.get_input_datatype().signed()),
            "OUT_BITS": self.get_output_datatype().bitwidth(),
        }

    def lut_estimation(self, fpgapart: str) -> int:
        """A LUT a bit of sum, the accumulators in LUTs (64 words a LUT and bit), and the counters."""
        words = self.get_nodeattr("NumChannels") // self.get_nodeattr("PE")
        bits = self.get_outstream_width()
        memory = math.ceil(words / 64) * bits if words > 1 else 0
        return bits + memory + 2 * counter_bits(self.get_exp_cycles()) + 4
