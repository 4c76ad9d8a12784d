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

from shiftcore.errors import UserError
from shiftcore.hw import ops
from shiftcore.hw.bipolar import SignsToTwoBits
from shiftcore.hw.blame import checked, layer_of
from shiftcore.hw.graph import tidy
from shiftcore.hw.quantities import PRODUCTS, Graph

MOST_ROUNDS = 10_000  # of one transformation; a graph that grows for ever never comes back


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
    """For each quantizer of activations, in the graph's order: of what its input is a multiple, None where unknown, and
    where it tells signs, which it does not round."""
    graph = Graph(model)
    steps: list[float | None] = []
    for node in graph.nodes:
        if node.op_type == "MultiThreshold":
            steps.append(None)
        if node.op_type == "Quant" and not graph.of_constants(node):
            scale = graph.held(node.input[0]).scale
            steps.append(None if scale is None or math.isnan(scale) else scale)
        op = ops.of(node.op_type)
        graph.learn(node, refused=False, holds=op.holds if op else None)
    return steps


def _bits_of_weights(model: ModelWrapper) -> list[int]:
    """For each matrix product, in the graph's order: the bits of a symmetric type that holds all weights its quantizer
    can give, of either sign, since streamlining turns some around."""
    graph, bits = Graph(model), []
    for node in graph.nodes:
        source = graph.weight_quantizer(node) if node.op_type in PRODUCTS else None
        if source is not None:
            quantizer = graph.quantizer(source)
            wide = int(quantizer.bits or 0)
            bits.append(wide if quantizer.signed and quantizer.narrow else wide + 1)
    return bits


def _declare_weights(model: ModelWrapper, bits: list[int]) -> None:
    """Set the types of all products' weights, in place; `bits` in the graph's order."""
    for node, wide in zip([node for node in model.graph.node if node.op_type in PRODUCTS], bits, strict=True):
        model.set_tensor_datatype(node.input[1], DataType[f"INT{wide}"])


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
    for fix in (
        SignsToTwoBits(),
        GiveEachLayerItsOwnWeights(),
        GiveGemmABias(),
        GemmToMatMul(),
        SpatialMeanToGlobalAveragePool(),
    ):
        model = model.transform(fix)
    model = tidy(model)
    steps, bits = _steps_of_inputs(model), _bits_of_weights(model)
    model = model.transform(ConvertQONNXtoFINN())
    _declare_weights(model, bits)
    _round_half_to_even(model, steps)
    model = tidy(model)
    model.set_tensor_datatype(model.graph.input[0].name, DataType["UINT8"])
    # A scale left between a max pool and a fork would lead StreamlinePlus into a cyclic graph.
    model = tidy(model.transform(MoveMulPastMaxPool()))
    model = _streamline_plus(model)
    for op in ops.known():
        model = model if op.past_scale is None else model.transform(op.past_scale())
    model = tidy(_streamline_plus(model))

    model = model.transform(LowerConvsToMatMul()).transform(OneChannelIsDense())
    before, left = 0, _transposes(model)
    for _ in range(len(model.graph.node)):
        if left == before:
            break
        for op in ops.known():  # each round moves the transposes past one more of each, until they meet and vanish
            model = model if op.to_nhwc is None else model.transform(op.to_nhwc())
        model = _streamline_plus(model)
        before, left = left, _transposes(model)
    else:
        raise _goes_round(model)
    for transposes in (AbsorbTransposeIntoMultiThreshold(), AbsorbConsecutiveTransposes()):
        model = model.transform(transposes)
    return tidy(tidy(model).transform(RoundAndClipThresholds()))
