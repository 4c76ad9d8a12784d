# SPDX-License-Identifier: BSD-3-Clause
"""A QONNX graph as others write it, brought into the form that the compiler takes: an image of whole numbers from 0 to
255 comes in, and what the classifier's sums give, in one scale, goes out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import NodeProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.fold_constants import FoldConstants
from qonnx.transformation.general import GiveUniqueParameterTensors, RemoveStaticGraphInputs, RemoveUnusedTensors
from qonnx.transformation.infer_shapes import InferShapes

from shiftcore.errors import UserError
from shiftcore.hw.imports.names import named
from shiftcore.hw.imports.qcdq import to_qonnx
from shiftcore.hw.imports.settings import Pixels
from shiftcore.hw.quantities import JOINED, PRODUCTS, Graph

_FLATTENING = {"Flatten", "Reshape"}
_EACH_BY_ITSELF = {*JOINED, "Quant", "BipolarQuant", "Relu", "Identity"}  # of one value, where constants are single
_SCORES = {"Softmax", "LogSoftmax", "Identity"}  # what the runtime makes of logits by itself


@dataclass(frozen=True)
class Formed:
    """The graph in that form, its nodes bearing the user's names, and what was taken off its logits: a number each."""

    model: ModelWrapper
    offset: np.ndarray | None


def formed(model: ModelWrapper, pixels: Pixels) -> Formed:
    """Bring a graph into form, as far as it can be: what cannot be is left for hw.obstacles to name. Raises UserError
    for a mean or a deviation of another number of channels."""
    names = named(Graph(model))
    model = ModelWrapper(model.model, make_deepcopy=True)
    for node in model.graph.node:
        node.name = names.get(node.output[0], node.name)
    model = to_qonnx(model)
    for transformation in (
        RemoveStaticGraphInputs(),
        GiveUniqueParameterTensors(),
        InferShapes(),
        FoldConstants(),
        RemoveUnusedTensors(),
    ):
        try:
            model = model.transform(transformation)
        except Exception:  # what stops it is an obstacle
            continue
    _spell_out_shapes(model)
    offset = _take_off(model)
    if len(model.graph.input) == 1:
        _make_an_image_of_a_row(model)
        _flatten_late(model)
        _scale_pixels(model, pixels)
    return Formed(model, offset)


def _spell_out_shapes(model: ModelWrapper) -> None:
    """Give constants that are one a channel all axes of what they are joined to, in place: FINN guesses which axis the
    only one of several is."""
    graph = Graph(model)
    for node in model.graph.node:
        streams = graph.streams(node) if node.op_type in JOINED else []
        shape = graph.shape(streams[0]) if len(streams) == 1 else None
        for tensor in node.input if shape else ():
            constant = model.get_initializer(tensor)
            if constant is not None and constant.size > 1 and constant.ndim < len(shape or ()):
                model.set_initializer(
                    tensor, constant.reshape((1,) * (len(shape or ()) - constant.ndim) + constant.shape)
                )


def _take_off(model: ModelWrapper) -> np.ndarray | None:
    """Make the graph end with a product times one positive number, in place, where it does so but for what is added to
    the logits: returns that. Scores behind them are left out; any other end is left as it is."""
    graph = Graph(model)
    tail = _tail(graph)
    if tail is None:
        return None
    product, behind = tail
    outputs = (graph.shape(product.output[0]) or [1])[-1]
    factor, offset = np.ones(outputs), np.zeros(outputs)
    if len(product.input) > 2:
        bias = graph.value(product.input[2])
        if bias is None:
            return None
        offset = offset + bias
    for node in behind:
        line = _line(graph, node)
        if line is None:
            return None
        factor, offset = line[0] * factor, line[0] * offset + line[1]
    if factor.size != outputs or np.ptp(factor) or factor[0] <= 0 or offset.size != outputs:
        return None
    _end_with(model, product, behind, float(factor[0]))
    return offset if offset.any() else None


def _tail(graph: Graph) -> tuple[NodeProto, list[NodeProto]] | None:
    """The last product, and the nodes behind it in order; None where something else than constants joins them."""
    behind: list[NodeProto] = []
    node = graph.producers.get(graph.outputs[0]) if len(graph.outputs) == 1 else None
    while node is not None and node.op_type not in PRODUCTS:
        streams = graph.streams(node)
        if len(streams) != 1 or len(graph.consumers[streams[0]]) != 1:
            return None
        behind.insert(0, node)
        node = graph.producers.get(streams[0])
    if node is None or node.op_type == "Conv":
        return None
    while behind and behind[-1].op_type in _SCORES:
        behind.pop()
    return node, behind


def _line(graph: Graph, node: NodeProto) -> tuple[np.ndarray, np.ndarray] | None:
    """What a node makes of x as factor and offset, in double precision; None for what is no such line."""
    if node.op_type == "Identity":
        return np.ones(1), np.zeros(1)
    constants = [graph.value(tensor) for tensor in node.input if tensor in graph.constants]
    values = [np.float64(value).reshape(-1) for value in constants if value is not None]
    if len(values) != len(constants):
        return None
    if node.op_type == "BatchNormalization" and len(values) == 4:
        gain, shift, mean, variance = values
        factor = gain / np.sqrt(variance + graph.attribute(node, "epsilon", 1e-5))
        return factor, shift - mean * factor
    if (
        node.op_type not in JOINED
        or len(values) != 1
        or (node.op_type in {"Sub", "Div"} and _constant_first(graph, node))
    ):
        return None
    one, zero, value = np.ones(1), np.zeros(1), values[0]
    return {
        "Add": (one, value),
        "Sub": (one, -value),
        "Mul": (value, zero),
        "Div": (1 / np.where(value, value, np.nan), zero),
    }[node.op_type]


def _constant_first(graph: Graph, node: NodeProto) -> bool:
    return node.input[0] in graph.constants


def _end_with(model: ModelWrapper, product: NodeProto, behind: list[NodeProto], factor: float) -> None:
    """Let the graph's output be `product`, without its bias, times `factor`."""
    nodes = {node.output[0]: node for node in model.graph.node}
    kept = nodes[product.output[0]]
    del kept.input[2:]
    output = model.graph.output[0].name
    after = list(model.graph.node)[list(model.graph.node).index(kept) + 1 :]
    for node in after:
        model.graph.node.remove(node)
    if factor == 1:
        kept.output[0] = output
        return
    model.set_initializer(f"{output}_factor", np.float32(factor))
    name = behind[-1].name
    model.graph.node.append(helper.make_node("Mul", [kept.output[0], f"{output}_factor"], [output], name=name))


def _make_an_image_of_a_row(model: ModelWrapper) -> None:
    """A network of values in a row takes an image of one row and one channel, in place."""
    entry = model.graph.input[0]
    shape = [extent.dim_value for extent in entry.type.tensor_type.shape.dim]
    if len(shape) != 2 or shape[0] != 1 or shape[1] < 1:
        return
    model.set_tensor_shape(entry.name, [1, 1, 1, shape[1]])
    _insert(model, entry.name, "Flatten", [], [1, shape[1]], "flattened", axis=1)


def _insert(
    model: ModelWrapper, tensor: str, op: str, constants: list[np.ndarray], shape: list[int], name: str, **values: Any
) -> None:
    """Put a node between a tensor and all that take it, in place."""
    consumers = model.find_consumers(tensor) or []
    made, names = f"{tensor}_{name}", []
    for index, constant in enumerate(constants):
        names.append(f"{made}_{index}")
        model.set_initializer(names[-1], constant.astype(np.float32))
    position = min((list(model.graph.node).index(node) for node in consumers), default=0)
    for node in consumers:
        for index, source in enumerate(node.input):
            if source == tensor:
                node.input[index] = made
    model.set_tensor_shape(made, shape)
    model.graph.node.insert(position, helper.make_node(op, [tensor, *names], [made], name=made, **values))


def _path(model: ModelWrapper) -> Iterator[NodeProto]:
    """The nodes behind the input, one after the other, as far as they stand in a row."""
    tensor = model.graph.input[0].name
    while len(consumers := model.find_consumers(tensor) or []) == 1:
        yield consumers[0]
        tensor = consumers[0].output[0]


def _flatten_late(model: ModelWrapper) -> None:
    """Where an image is flattened first, and then what works on each value by itself comes, flatten it behind that, in
    place: in front of the first product, which can take it as it is streamed."""
    flattening, between = None, []
    for node in _path(model):
        if flattening is None:
            if node.op_type not in _FLATTENING:
                return
            flattening = node
        elif node.op_type in _EACH_BY_ITSELF and _has_single_constants(model, node):
            between.append(node)
        else:
            break
    if flattening is None or not between:
        return
    image, flat = model.get_tensor_shape(flattening.input[0]), model.get_tensor_shape(flattening.output[0])
    if image is None or flat is None or len(image) != 4 or list(flat) != [1, int(np.prod(image))]:
        return
    last = between[-1]
    first = list(between[0].input).index(flattening.output[0])
    between[0].input[first] = flattening.input[0]
    for node in between:
        model.set_tensor_shape(node.output[0], image)
    for node in model.find_consumers(last.output[0]) or []:
        node.input[list(node.input).index(last.output[0])] = flattening.output[0]
    flattening.input[0] = last.output[0]
    moved = NodeProto()
    moved.CopyFrom(flattening)
    model.graph.node.remove(flattening)
    model.graph.node.insert(list(model.graph.node).index(last) + 1, moved)


def _has_single_constants(model: ModelWrapper, node: NodeProto) -> bool:
    constants = [model.get_initializer(tensor) for tensor in node.input]
    return all(constant.size == 1 for constant in constants if constant is not None)


def _scale_pixels(model: ModelWrapper, pixels: Pixels) -> None:
    """Give the graph whole numbers in place of what the network was trained on."""
    tensor = model.graph.input[0].name
    shape = model.get_tensor_shape(tensor)
    if shape is None or len(shape) != 4:
        return
    for key, values in (("mean", pixels.mean), ("std", pixels.std)):
        if len(values) not in (0, 1, shape[1]):
            raise UserError(
                f"input.{key} = {list(values)}: the network has {shape[1]} channels; give one number, or one each"
            )
    mean, std = (np.array(values).reshape(1, -1, 1, 1) for values in (pixels.mean or (0.0,), pixels.std or (1.0,)))
    factor, offset = 1 / (pixels.scale * std), -mean / std  # (x / scale - mean) / std
    if offset.any():
        _insert(model, tensor, "Add", [offset if offset.size > 1 else offset.reshape(())], shape, "shifted")
    if (factor != 1).any():
        _insert(model, tensor, "Mul", [factor if factor.size > 1 else factor.reshape(())], shape, "scaled")
