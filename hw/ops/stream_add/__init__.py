# SPDX-License-Identifier: BSD-3-Clause
"""Stream add: the sum of two integer streams, as at the end of a residual block."""

import math
from collections.abc import Sequence

import numpy as np
from finn.transformation.fpgadataflow.convert_to_hw.elementwise_binary_operation import InferElementwiseBinaryOperation
from onnx import NodeProto
from qonnx.core.datatype import BaseDataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation

from shiftcore.hw.ops.registry import Op
from shiftcore.hw.ops.rule import Rule
from shiftcore.hw.ops.stream_add.checks import CORNERS, PROOF, draw
from shiftcore.hw.ops.stream_add.op import StreamAdd_rtl
from shiftcore.hw.quantities import Graph


def _branches(graph: Graph, node: NodeProto) -> str | None:
    """What is wrong with the addition of two tensors that depend on the frame."""
    names = graph.streams(node)
    if len(names) < 2:
        return None
    left, right = (graph.held(name) for name in names)
    what = None
    if names[0] == names[1]:
        what = "adds a tensor to itself"
    elif {left.kind, right.kind} - {"levels", "added", "unknown"}:
        what = "adds a branch that is not quantized"
    elif graph.shape(names[0]) != graph.shape(names[1]):
        what = f"adds shapes {graph.shape(names[0])} and {graph.shape(names[1])}"
    elif not _same(left.scale, right.scale):
        what = f"adds branches of two scales, {left.scale:.6g} and {right.scale:.6g}"
    return what


def _same(left: float | None, right: float | None) -> bool:
    """Whether two scales are one; one that is not known is any."""
    if left is None or right is None or math.isnan(left + right):
        return True
    return bool(np.float32(left) == np.float32(right))


class ElementwiseAddToStreamAdd(Transformation):
    """Give the addition of two streams our own op, whose RTL is not bound to Versal's DSPs as FINN's is."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            if node.op_type == "ElementwiseAdd" and all(model.get_initializer(i) is None for i in node.input):
                node.op_type = "StreamAdd"
        return model, False


def _sums(types: Sequence[BaseDataType]) -> tuple[int, int]:
    return sum(int(each.min()) for each in types), sum(int(each.max()) for each in types)


def _infer(_streams: int) -> Sequence[Transformation]:
    additions = InferElementwiseBinaryOperation(_filter=lambda _model, node: node.op_type == "Add")
    return additions, ElementwiseAddToStreamAdd()


OP = Op(
    rtl=StreamAdd_rtl,
    layer="add",
    taken=("Add",),
    between=("ElementwiseAdd",),
    inputs=2,
    rules=(
        Rule(
            ("Add",),
            "branches of two scales or shapes, not quantized, or one twice",
            _branches,
            "give both branches a quantizer of one scale (a shared one), and one shape",
        ),
    ),
    infer=_infer,
    joins=True,
    passes=True,
    reaches=_sums,
    corners=CORNERS,
    proofs=(PROOF,),
    draw=draw,
)
