# SPDX-License-Identifier: BSD-3-Clause
"""Max pool behind a depthwise window generator."""

import math
from pathlib import Path

import numpy as np
from finn.custom_op.fpgadataflow.pool import Pool
from finn.custom_op.fpgadataflow.rtl import register_custom_op as register_rtl_op

from shiftcore.errors import UserError
from shiftcore.hw.ops.rtl_op import RtlOp, check_folding, check_integer, counter_bits


@register_rtl_op
class Pool_rtl(RtlOp, Pool):  # noqa: N801 - FINN finds the back end by this suffix
    """FINN's Pool with Function MaxPool in hardware (max_pool.sv).

    It stands behind a ConvolutionInputGenerator with depthwise=1 whose SIMD equals the pool's PE. That generator
    sends, for each output pixel, groups of PE channels one after the other, and for each group all positions of the
    window; the Python model sees the same values in im2col order (positions outside, channels inside).
    """

    source = Path(__file__).with_name("max_pool.sv")

    def channels(self) -> int:
        """FINN calls them by another name than elsewhere."""
        return int(self.get_nodeattr("Channels"))

    def as_streamed(self, values: np.ndarray) -> np.ndarray:
        """From im2col order (positions, channels) to the window generator's (groups, positions, PE)."""
        *pixels, _ = values.shape
        kernel, pe = math.prod(map(int, self.get_nodeattr("KernelSize"))), self.get_nodeattr("PE")
        return np.moveaxis(values.reshape(*pixels, kernel, -1, pe), -3, -2)

    def check(self) -> None:
        """Raise UserError for a function other than MaxPool, or a PE it cannot have."""
        function = self.get_nodeattr("Function")
        if function != "MaxPool":
            raise UserError(f"{self.onnx_node.name}: {function} has no RTL; use max pooling")
        if len(self.get_nodeattr("KernelSize")) != 2 or min(self.get_nodeattr("KernelSize")) < 1:
            raise UserError(
                f"{self.onnx_node.name}: KernelSize={list(self.get_nodeattr('KernelSize'))} must be [height, width]"
            )
        check_integer(self, self.get_input_datatype())
        check_folding(self)

    def parameters(self) -> dict[str, int | str]:
        """Parameters of max_pool.sv."""
        return {
            "PE": self.get_nodeattr("PE"),
            "KERNEL": math.prod(map(int, self.get_nodeattr("KernelSize"))),
            "BITS": self.get_input_datatype().bitwidth(),
            "SIGNED": int(self.get_input_datatype().signed()),
        }

    def lut_estimation(self, fpgapart: str) -> int:
        """A comparator (two bits a LUT) and a multiplexer a lane, and the counter."""
        kernel = math.prod(map(int, self.get_nodeattr("KernelSize")))
        return math.ceil(1.5 * self.get_instream_width()) + 2 * counter_bits(kernel) + 3
