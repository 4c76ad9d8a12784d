# SPDX-License-Identifier: BSD-3-Clause
"""QONNX -> streamlined graph: every scale is moved out of the way, what remains computes in integers."""

import copy
import math
import zlib
from collections import Counter

import numpy as np
from finn.transformation.qonnx.convert_qonnx_to_finn import ConvertQONNXtoFINN
from finn.transformation.streamline.absorb import AbsorbConsecutiveTransposes, AbsorbTransposeIntoMultiThreshold
from finn.transformation.streamline.reorder import MoveMulPastMaxPool
from finn.transformation.streamline.round_thresholds import RoundAndClipThresholds
from finn.transformation.streamline.streamline_plus import StreamlinePlus
from onnx import NodeProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.base import Transformation
from qonnx.transformation.composed import ComposedTransformation
from qonnx.transformation.gemm_to_matmul import GemmToMatMul
from qonnx.transformation.general import GiveReadableTensorNames, GiveUniqueNodeNames
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.transformation.lower_convs_to_matmul import LowerConvsToMatMul
from qonnx.transformation.remove import RemoveIdentityOps
from qonnx.util.basic import get_by_name

from shiftcore.errors import UserError
from shiftcore.hw.blame import checked, layer_of
from shiftcore.hw.graph import tidy
from shiftcore.hw.quantities import Graph
from shiftcore.quant import qonnx_ops

_NCHW_TO_NHWC = [0, 2, 3, 1]
_NHWC_TO_NCHW = [0, 3, 1, 2]
MOST_ROUNDS = 10_000  # of one transformation; a graph that grows for ever never comes back


def _is_shift(node: NodeProto) -> bool:
    return node.op_type == "TemporalShift" and node.domain == qonnx_ops.DOMAIN


def _swap(model: ModelWrapper, first: NodeProto, second: NodeProto) -> None:
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


class GiveGemmABias(Transformation):
    """qonnx 1.0's GemmToMatMul reads a bias that the exporter leaves out where it is zero."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            if node.op_type == "Gemm" and len(node.input) == 2:
                name = f"{node.output[0]}_zero_bias"
                outputs = model.get_tensor_shape(node.output[0])[-1]
                model.set_initializer(name, np.zeros(outputs, dtype=np.float32))
                node.input.append(name)
        return model, False


class GiveEachLayerItsOwnWeights(Transformation):
    """The exporter keeps equal tensors once, so layers with the same weights share a Quant node, which FINN refuses."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in list(model.get_nodes_by_op_type("Quant")):
            if model.get_initializer(node.input[0]) is None:
                continue
            for number, consumer in enumerate(model.find_consumers(node.output[0])[1:]):
                own = NodeProto()
                own.CopyFrom(node)
                own.output[0] = f"{node.output[0]}_{number}"
                model.set_tensor_shape(own.output[0], model.get_tensor_shape(node.output[0]))
                consumer.input[list(consumer.input).index(node.output[0])] = own.output[0]
                model.graph.node.insert(0, own)
        return model, False


class SpatialMeanToGlobalAveragePool(Transformation):
    """PyTorch's dynamo exporter writes the global average pool as a ReduceMean over both image axes, others as an
    AveragePool of the map's size. Any other mean is left as it is."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        graph = Graph(model)
        for position, node in enumerate(model.graph.node):
            if node.op_type not in {"ReduceMean", "AveragePool"} or not graph.pools_all(node):
                continue
            output = node.output[0]
            nodes = [helper.make_node("GlobalAveragePool", [node.input[0]], [output])]
            shape = graph.shape(output) or []
            if len(shape) == 2:  # without keepdims
                pooled = f"{output}_pooled"
                nodes[0].output[0] = pooled
                model.set_tensor_shape(pooled, [*shape, 1, 1])
                nodes.append(helper.make_node("Flatten", [pooled], [output], axis=1))
            model.graph.node.remove(node)
            for new in reversed(nodes):
                model.graph.node.insert(position, new)
            return model.transform(InferShapes()), True
        return model, False


def _steps_of_inputs(model: ModelWrapper) -> list[float | None]:
    """For each quantizer of activations, in the graph's order: of what its input is a multiple, None where unknown."""
    graph, steps = Graph(model), []
    for node in graph.nodes:
        if node.op_type == "Quant" and not graph.of_constants(node):
            scale = graph.held(node.input[0]).scale
            steps.append(None if scale is None or math.isnan(scale) else scale)
        graph.learn(node, refused=False)
    return steps


def _round_half_to_even(model: ModelWrapper, steps: list[float | None]) -> None:
    """Move thresholds, in place, by half a step of their input, where that can lie on one: a quantizer rounds halves to
    even, and a multi-threshold counts them up. With scales that are powers of two this decides many values.

    `steps`: of the multi-thresholds' inputs, in the graph's order.
    """
    nodes = model.get_nodes_by_op_type("MultiThreshold")
    for node, step in zip(nodes, steps, strict=True):
        if step is None:
            continue
        thresholds = model.get_initializer(node.input[1]).astype(np.float64)
        in_steps = thresholds / step
        on_a_value = np.abs(in_steps - np.rint(in_steps)) <= 1e-6 * np.maximum(1, np.abs(in_steps))
        largest = int(DataType[getCustomOp(node).get_nodeattr("out_dtype")].max())
        levels = np.arange(largest - thresholds.shape[1], largest) + 1  # the one that each threshold leads to
        moved = thresholds + np.where(levels % 2, 0.5, -0.5) * step
        model.set_initializer(node.input[1], np.where(on_a_value, moved, thresholds).astype(np.float32))


class MoveScalarMulPastTemporalShift(Transformation):
    """s*x -> shift becomes x -> shift -> s*: valid because the shift's reset value is 0 (and so not for an Add)."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            if not _is_shift(node):
                continue
            scale = model.find_producer(node.input[0])
            if scale is None or scale.op_type != "Mul" or len(model.find_consumers(scale.output[0])) != 1:
                continue
            factor = model.get_initializer(scale.input[1])
            if factor is None or factor.size != 1:
                continue
            _swap(model, scale, node)
            return model.transform(InferShapes()).transform(InferDataTypes()), True
        return model, False


class TemporalShiftToNHWC(Transformation):
    """shift(NCHW) -> Transpose becomes Transpose -> shift(NHWC), so that the transpose meets its inverse."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            if not _is_shift(node) or getCustomOp(node).get_nodeattr("data_layout") != "NCHW":
                continue
            consumers = model.find_consumers(node.output[0])
            if len(consumers) != 1 or consumers[0].op_type != "Transpose":
                continue
            if list(get_by_name(consumers[0].attribute, "perm").ints) != _NCHW_TO_NHWC:
                continue
            batch, channels, height, width = model.get_tensor_shape(node.input[0])
            _swap(model, node, consumers[0])
            model.set_tensor_shape(node.input[0], [batch, height, width, channels])
            getCustomOp(node).set_nodeattr("data_layout", "NHWC")
            return model.transform(InferShapes()).transform(InferDataTypes()), True
        return model, False


class MaxPoolToNHWC(Transformation):
    """Transpose -> MaxPool becomes MaxPoolNHWC -> Transpose. FINN's own pass breaks a max pool that feeds a fork."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            transpose = model.find_producer(node.input[0]) if node.op_type == "MaxPool" else None
            if transpose is None or transpose.op_type != "Transpose" or model.is_fork_node(transpose):
                continue
            if list(get_by_name(transpose.attribute, "perm").ints) != _NHWC_TO_NCHW:
                continue
            batch, channels, height, width = model.get_tensor_shape(node.output[0])
            node.op_type, node.domain = "MaxPoolNHWC", "qonnx.custom_op.general"
            _swap(model, transpose, node)
            model.set_tensor_shape(transpose.input[0], [batch, height, width, channels])
            return model.transform(InferShapes()).transform(InferDataTypes()), True
        return model, False


class OneChannelIsDense(Transformation):
    """qonnx takes a convolution of one channel to one for a depthwise one, for which FINN has no RTL; it is both."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.get_nodes_by_op_type("Im2Col"):
            product = model.find_direct_successors(node)[0]
            if getCustomOp(node).get_nodeattr("depthwise") and model.get_tensor_shape(node.input[0])[-1] == 1:
                getCustomOp(node).set_nodeattr("depthwise", 0)
                model.set_tensor_sparsity(product.input[1], None)
        return model, False


class Exhaustive(Transformation):
    """A transformation of FINN's, or a tree of them, each repeated until it changes nothing, as qonnx' own
    ComposedTransformation repeats them: some never come to that end on a graph that they cannot streamline. Raises
    UserError where a graph comes back for the second time, naming the layer behind which a scale is left.

    The graph is cleaned up behind a part only where that has changed it, which is most of the time saved.
    """

    def __init__(self, part: Transformation) -> None:
        super().__init__()
        composed = isinstance(part, ComposedTransformation)
        self.parts = [Exhaustive(inner) for inner in part.transformations] if composed else []
        self.part = part

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        if not self.parts:
            return self.part.apply(model)
        changed = False
        for part in self.parts:
            before = model.model.SerializeToString()
            model, changed_now = part.repeated(copy.deepcopy(model))
            changed |= changed_now
            if model.model.SerializeToString() != before:  # some change it without saying so
                model = _cleaned(model)
        return model, changed

    def repeated(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        """The graph when nothing changes any more, and whether anything did."""
        seen: Counter[int] = Counter()
        while True:
            model, changed = self.apply(model)
            if not changed:
                return model, bool(seen)
            state = _state(model)
            seen[state] += 1
            if seen[state] > 2 or seen.total() > MOST_ROUNDS:
                raise _goes_round(model)


def _goes_round(model: ModelWrapper) -> UserError:
    left = next((node for node in model.graph.node if node.op_type in {"Mul", "Add"}), model.graph.node[0])
    return UserError(
        f"{layer_of(model, left)}: a scale cannot be moved out of the way, streamlining goes round in circles; "
        "put a convolution, a max pool, an addition of branches of one scale, or the global average pool behind it"
    )


def _cleaned(model: ModelWrapper) -> ModelWrapper:
    model.cleanup()
    for transformation in (
        RemoveIdentityOps(),
        GiveUniqueNodeNames(),
        GiveReadableTensorNames(),
        InferShapes(),
        InferDataTypes(),
    ):
        model = model.transform(transformation)
    return model


def _state(model: ModelWrapper) -> int:
    """A digest of what a graph computes and how, whatever its tensors are called."""
    numbers = {entry.name: place for place, entry in enumerate(model.graph.input)}
    state = 0
    for node in model.graph.node:
        known = [numbers.get(tensor) for tensor in node.input]
        values = [model.get_initializer(tensor) for tensor in node.input]
        texts = [f"{v.shape}{zlib.crc32(np.ascontiguousarray(v).tobytes())}" for v in values if v is not None]
        attributes = sorted(entry.SerializeToString() for entry in node.attribute)
        numbers |= {tensor: len(numbers) + place for place, tensor in enumerate(node.output)}
        state = hash((state, node.op_type, tuple(known), tuple(texts), tuple(attributes)))
    return state


def _streamline_plus(model: ModelWrapper) -> ModelWrapper:
    return Exhaustive(StreamlinePlus()).repeated(_cleaned(model))[0]


def _transposes(model: ModelWrapper) -> int:
    return len(model.get_nodes_by_op_type("Transpose"))


def streamline(model: ModelWrapper) -> ModelWrapper:
    """Turn a QONNX model of uint8 frames into integer operations with multi-thresholds between them.

    What is left of the scales is one factor behind the classifier. Raises UserError naming the layer where FINN cannot.
    """
    return checked(_streamline, model)


def _streamline(model: ModelWrapper) -> ModelWrapper:
    for fix in (GiveEachLayerItsOwnWeights(), GiveGemmABias(), GemmToMatMul(), SpatialMeanToGlobalAveragePool()):
        model = model.transform(fix)
    model = tidy(model)
    steps = _steps_of_inputs(model)
    model = model.transform(ConvertQONNXtoFINN())
    _round_half_to_even(model, steps)
    model = tidy(model)
    model.set_tensor_datatype(model.graph.input[0].name, DataType["UINT8"])
    # A scale left between a max pool and a fork would lead StreamlinePlus into a cyclic graph.
    model = tidy(model.transform(MoveMulPastMaxPool()))
    model = _streamline_plus(model).transform(MoveScalarMulPastTemporalShift())
    model = tidy(_streamline_plus(model))

    model = model.transform(LowerConvsToMatMul()).transform(OneChannelIsDense())
    before, left = 0, _transposes(model)
    for _ in range(len(model.graph.node)):
        if left == before:
            break
        # each round moves the transposes past one more shift or pool, until they meet and vanish
        model = _streamline_plus(model.transform(TemporalShiftToNHWC()).transform(MaxPoolToNHWC()))
        before, left = left, _transposes(model)
    else:
        raise _goes_round(model)
    for transposes in (AbsorbTransposeIntoMultiThreshold(), AbsorbConsecutiveTransposes()):
        model = model.transform(transposes)
    return tidy(tidy(model).transform(RoundAndClipThresholds()))
