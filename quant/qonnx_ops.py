# SPDX-License-Identifier: BSD-3-Clause
"""The temporal shift as a QONNX operator. This module's name is the operator's ONNX domain."""

from typing import Any

import numpy as np
from onnx import GraphProto, NodeProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.base import CustomOp

from shiftcore.quant import temporal

DOMAIN = __name__


class TemporalShift(CustomOp):
    """Replace channels [0, shift_channels) by those of the previous frame of the same stream (TSM, Lin et al.
    2019, uni-directional); zeros at the first frame of a clip. One frame a call: `[1, C, H, W]`, or
    `[1, H, W, C]` with data_layout NHWC. The frame's context comes from `shiftcore.quant.temporal`."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        return {"shift_channels": ("i", True, 0), "data_layout": ("s", False, "NCHW", {"NCHW", "NHWC"})}

    def make_shape_compatible_op(self, model: ModelWrapper) -> NodeProto:
        return helper.make_node("Identity", [self.onnx_node.input[0]], [self.onnx_node.output[0]])

    def infer_node_datatype(self, model: ModelWrapper) -> None:
        model.set_tensor_datatype(self.onnx_node.output[0], model.get_tensor_datatype(self.onnx_node.input[0]))

    def verify_node(self) -> list[str]:
        return []

    def execute_node(self, context: dict[str, np.ndarray], graph: GraphProto) -> None:
        shifted = context[self.onnx_node.input[0]].copy()
        axis = 1 if self.get_nodeattr("data_layout") == "NCHW" else 3
        channels = [slice(None)] * 4
        channels[axis] = slice(self.get_nodeattr("shift_channels"))
        index = tuple(channels)
        shifted[index] = temporal.exchange(self.onnx_node.output[0], shifted[index])
        context[self.onnx_node.output[0]] = shifted
