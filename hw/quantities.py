# SPDX-License-Identifier: BSD-3-Clause
"""What each tensor of a QONNX graph holds: levels of a quantizer, sums of such, or numbers that are not quantized yet.

This is all that the rules of hw.obstacles need to know of a tensor, found in one pass over the nodes.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from onnx import NodeProto, ValueInfoProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.fold_constants import FoldConstants
from qonnx.transformation.infer_shapes import InferShapes

QUANTIZERS = {"Quant", "BipolarQuant"}
PRODUCTS = {"Conv", "Gemm", "MatMul"}
POOLS = {"ReduceMean", "GlobalAveragePool", "AveragePool"}
JOINED = {"Add", "Sub", "Mul", "Div"}  # of two tensors, one of which may be a constant


@dataclass(frozen=True)
class Quantity:
    """What a tensor holds. `kind` is one of

    - "levels": whole numbers that a quantizer made, of `bits` bits and `signed` or not, times `scale`;
    - "sums": of products, times `scale` (None: one a channel);
    - "added": sums of the levels of two branches, times `scale`;
    - "pooled": sums of levels over all pixels, times `scale`;
    - "real": anything else that is known; whole numbers times `scale`, where there is one;
    - "unknown": what comes from a layer that was refused, of which nothing more is asked.

    A `scale` of NaN is one that is not known, because a layer before was refused.
    """

    kind: str
    scale: float | None = None
    bits: int = 0
    signed: bool = False


UNKNOWN, REAL = Quantity("unknown", math.nan), Quantity("real")


@dataclass(frozen=True)
class Quantizer:
    """A Quant node's parameters. `scale`: its array; `zero`, `bits`: None where they are not constant."""

    scale: np.ndarray | None
    zero: float | None
    bits: float | None
    signed: bool
    narrow: bool
    rounding: str


class Graph:
    """A QONNX graph as the rules see it, its constants folded and its shapes inferred as far as they can be."""

    def __init__(self, model: ModelWrapper) -> None:
        try:
            model = model.transform(FoldConstants()).transform(InferShapes())
        except Exception:  # what stops it is an obstacle, which the rules name; shapes are then unknown
            model = ModelWrapper(model.model, make_deepcopy=True)
        self.model = model
        self.nodes = list(model.graph.node)
        self.outputs = [output.name for output in model.graph.output]
        self.constants = {entry.name for entry in model.graph.initializer}
        self.inputs = [entry for entry in model.graph.input if entry.name not in self.constants]
        self.consumers: dict[str, list[NodeProto]] = defaultdict(list)
        self.producers: dict[str, NodeProto] = {}
        for node in self.nodes:
            self.producers |= dict.fromkeys(node.output, node)
            for tensor in node.input:
                self.consumers[tensor].append(node)
            if not self.streams(node):
                self.constants |= set(node.output)
        self._transposed = {node.output[0] for node in self.nodes if node.op_type == "Transpose"}
        pixels = Quantity("levels", 1.0, 8)
        self._held = {entry.name: pixels if len(self.inputs) == 1 else UNKNOWN for entry in self.inputs}

    def of_constants(self, node: NodeProto) -> bool:
        """Whether a node computes with constants alone, as those do that quantize weights."""
        return set(node.output) <= self.constants

    def declared(self, entry: ValueInfoProto) -> list[int | str]:
        """The shape that an input is declared with; an extent that is not fixed is a text."""
        extents = entry.type.tensor_type.shape.dim
        return [extent.dim_value or extent.dim_param or "?" for extent in extents]

    def streams(self, node: NodeProto) -> list[str]:
        """The inputs of a node that depend on the frame."""
        return [tensor for tensor in node.input if tensor and tensor not in self.constants]

    def shape(self, tensor: str) -> list[int] | None:
        """A tensor's shape, None where it is not known or not fixed."""
        shape = self.model.get_tensor_shape(tensor)
        return [int(extent) for extent in shape] if shape and all(extent > 0 for extent in shape) else None

    def value(self, tensor: str) -> np.ndarray | None:
        """A constant's value, None for what is none or is computed."""
        value: np.ndarray | None = self.model.get_initializer(tensor)
        return value

    def attribute(self, node: NodeProto, name: str, default: Any = None) -> Any:
        """An attribute's value; texts as str."""
        for entry in node.attribute:
            if entry.name == name:
                value = helper.get_attribute_value(entry)
                return value.decode() if isinstance(value, bytes) else value
        return default

    def axes(self, node: NodeProto) -> list[int] | None:
        """The axes that a reduction is over, from its attribute or (since opset 18) its input; None for all."""
        given = self.attribute(node, "axes")
        if given is None and len(node.input) > 1:
            constant = self.value(node.input[1])
            given = None if constant is None else constant.reshape(-1)
        rank = len(self.shape(node.input[0]) or [0] * 4)
        return None if given is None else sorted(int(axis) % rank for axis in given)

    def quantizer(self, node: NodeProto) -> Quantizer:
        """The parameters of a Quant or BipolarQuant node."""
        values = [self.value(tensor) for tensor in node.input[1:]]
        single = [None if value is None or value.size != 1 else float(value.reshape(-1)[0]) for value in values[1:3]]
        if node.op_type == "BipolarQuant":
            return Quantizer(values[0], 0.0, 1.0, signed=True, narrow=False, rounding="ROUND")
        zero, bits = (*single, None, None)[:2]
        return Quantizer(
            values[0],
            zero,
            bits,
            signed=bool(self.attribute(node, "signed", 1)),
            narrow=bool(self.attribute(node, "narrow", 0)),
            rounding=str(self.attribute(node, "rounding_mode", "ROUND")).upper(),
        )

    def weight_quantizer(self, node: NodeProto) -> NodeProto | None:
        """The quantizer that a Conv's, Gemm's or MatMul's weights come from, transposed or not."""
        source = self.producers.get(node.input[1])
        if source is not None and source.op_type == "Transpose":
            source = self.producers.get(source.input[0])
        return source if source is not None and source.op_type in QUANTIZERS else None

    def output_axis(self, node: NodeProto) -> int:
        """The axis of the quantized weights that counts a Conv's, Gemm's or MatMul's outputs."""
        if node.op_type == "Conv":
            return 0
        turned = bool(self.attribute(node, "transB", 0))
        return int(turned == (node.input[1] in self._transposed))

    def pools_all(self, node: NodeProto) -> bool:
        """Whether a pool (of `POOLS`) is the mean of each channel over the whole image."""
        shape, kernel = self.shape(node.input[0]), self.attribute(node, "kernel_shape")
        if shape is None or len(shape) != 4:
            return False
        if node.op_type == "ReduceMean":
            return self.axes(node) == [2, 3]
        return node.op_type != "AveragePool" or (shape[2:] == kernel and not any(self.attribute(node, "pads", [])))

    def held(self, tensor: str) -> Quantity:
        """What a tensor holds, as far as `learn` has come."""
        return self._held.get(tensor, UNKNOWN)

    def learn(self, node: NodeProto, refused: bool, holds: "Holds | None" = None) -> None:
        """Note what a node's outputs hold, once its inputs are known: by `holds`, where the node's op has its own."""
        inputs = [self.held(tensor) for tensor in self.streams(node)]
        result = UNKNOWN if refused else (holds or Graph._result)(self, node, inputs)
        self._held |= dict.fromkeys(node.output, result)

    def _result(self, node: NodeProto, inputs: Sequence[Quantity]) -> Quantity:
        first = inputs[0] if inputs else UNKNOWN
        op = node.op_type
        if op in QUANTIZERS:
            quantizer = self.quantizer(node)
            scale = None if quantizer.scale is None else float(quantizer.scale.reshape(-1)[0])
            first = Quantity("levels", scale, max(2, int(quantizer.bits or 0)), quantizer.signed)
        elif op == "MultiThreshold":  # signs (hw.bipolar)
            first = Quantity("levels", 1.0, 2, signed=True)
        elif op in PRODUCTS:
            first = self._product(node, first)
        elif op in JOINED:
            first = self._joined(node, inputs)
        elif op == "BatchNormalization":
            first = REAL
        elif op == "Relu":
            first = replace(first, kind="real")
        return first

    def _product(self, node: NodeProto, source: Quantity) -> Quantity:
        """Of a Conv, Gemm or MatMul."""
        quantizer = self.weight_quantizer(node)
        weights = None if quantizer is None else self.quantizer(quantizer).scale
        biased = len(self.streams(node)) < len(node.input) - 1
        if weights is None or weights.size != 1 or source.scale is None or biased:
            return Quantity("sums")
        return Quantity("sums", float(weights.reshape(-1)[0]) * source.scale)

    def _joined(self, node: NodeProto, inputs: Sequence[Quantity]) -> Quantity:
        """Of an Add, Sub, Mul or Div: two branches of one scale, or a tensor and a constant."""
        if len(inputs) == 2:
            known = [entry.scale for entry in inputs if entry != UNKNOWN]
            return Quantity("added", known[0] if known else math.nan)
        constant = next((self.value(tensor) for tensor in node.input if tensor in self.constants), None)
        if inputs[0].kind == "unknown" or constant is None:
            return UNKNOWN
        if node.op_type in {"Mul", "Div"} and constant.size == 1 and inputs[0].scale is not None:
            factor = float(constant.reshape(-1)[0])
            return replace(
                inputs[0], scale=inputs[0].scale * factor if node.op_type == "Mul" else inputs[0].scale / factor
            )
        return REAL


Holds = Callable[[Graph, NodeProto, Sequence[Quantity]], Quantity]
"""What a node's output holds, given what its inputs that depend on the frame do."""
