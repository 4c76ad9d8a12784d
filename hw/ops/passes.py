# SPDX-License-Identifier: BSD-3-Clause
"""Passes that an op may take as they are: past a scale, into NHWC, and from a QONNX node to a dataflow layer."""

from collections.abc import Callable
from typing import Any

from onnx import NodeProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.basic import get_by_name

NCHW_TO_NHWC = [0, 2, 3, 1]
NHWC_TO_NCHW = [0, 3, 1, 2]


def permutation(node: NodeProto) -> list[int]:
    """That of a Transpose."""
    return list(get_by_name(node.attribute, "perm").ints)


def swap(model: ModelWrapper, first: NodeProto, second: NodeProto) -> None:
    """Turn a -> first -> second -> b into a -> second -> first -> b; shapes are inferred by the caller.

    The graph holds a copy of `second` afterwards, `first` is still the graph's own.
    """
    before, between, after = first.input[0], first.output[0], second.output[0]
    second.input[0], second.output[0] = before, between
    first.input[0], first.output[0] = between, after
    nodes = model.graph.node
    position = list(nodes).index(first)
    nodes.remove(second)
    nodes.insert(position, second)


def inferred(model: ModelWrapper) -> ModelWrapper:
    """With shapes and types inferred anew."""
    return model.transform(InferShapes()).transform(InferDataTypes())


class MoveScalePast(Transformation):
    """s*x -> op becomes x -> op -> s*, for one positive s: right for an op of one input with op(s*x) = s*op(x)."""

    def __init__(self, op: str) -> None:
        super().__init__()
        self.op = op

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.get_nodes_by_op_type(self.op):
            scale = model.find_producer(node.input[0])
            if scale is None or scale.op_type != "Mul" or len(model.find_consumers(scale.output[0])) != 1:
                continue
            factor = model.get_initializer(scale.input[1])
            if factor is None or factor.size != 1:
                continue
            swap(model, scale, node)
            return inferred(model), True
        return model, False


class TransposeFirst(Transformation):
    """op(NCHW) -> Transpose becomes Transpose -> op(NHWC), so that the transpose meets its inverse: right for an op
    that keeps the shape and looks at no neighbours, and whose node does not say in which layout it works."""

    def __init__(self, op: str) -> None:
        super().__init__()
        self.op = op

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.get_nodes_by_op_type(self.op):
            consumers = model.find_consumers(node.output[0])
            if len(consumers) != 1 or consumers[0].op_type != "Transpose":
                continue
            if permutation(consumers[0]) != NCHW_TO_NHWC:
                continue
            batch, channels, height, width = model.get_tensor_shape(node.input[0])
            swap(model, node, consumers[0])
            model.set_tensor_shape(node.input[0], [batch, height, width, channels])
            self.turned(node)
            return inferred(model), True
        return model, False

    def turned(self, node: NodeProto) -> None:
        """The node works in NHWC from here on."""


class InferLayer(Transformation):
    """Turn each integer NHWC node of the QONNX op `op` into the dataflow layer `layer`, with the attributes that
    `attributes` gives for it."""

    def __init__(self, op: str, layer: str, attributes: Callable[[ModelWrapper, NodeProto], dict[str, Any]]) -> None:
        super().__init__()
        self.op, self.layer, self.attributes = op, layer, attributes

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for position, node in enumerate(model.graph.node):
            if node.op_type != self.op or node.domain.startswith("finn"):
                continue
            layer = helper.make_node(
                self.layer,
                list(node.input),
                list(node.output),
                domain="finn.custom_op.fpgadataflow",
                backend="fpgadataflow",
                name=f"{self.layer}_{position}",
                **self.attributes(model, node),
            )
            model.graph.node.remove(node)
            model.graph.node.insert(position, layer)
        return model, False
