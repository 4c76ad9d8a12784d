# SPDX-License-Identifier: BSD-3-Clause
"""Streamlined graph -> dataflow graph of RTL layers, each named as the network names it."""

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from finn.custom_op.fpgadataflow.hwcustomop import HWCustomOp
from finn.transformation.fpgadataflow.convert_to_hw.conv_inp_gen import InferConvInpGen
from finn.transformation.fpgadataflow.convert_to_hw.quantized_matrix_vector_activation import (
    InferQuantizedMatrixVectorActivation,
)
from finn.transformation.fpgadataflow.convert_to_hw.thresholding import InferThresholdingLayer
from finn.transformation.fpgadataflow.create_dataflow_partition import CreateDataflowPartition
from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
from finn.transformation.move_reshape import RemoveCNVtoFCFlatten
from finn.transformation.streamline.absorb import AbsorbConsecutiveTransposes
from finn.transformation.streamline.collapse_repeated import CollapseRepeatedMul
from finn.transformation.streamline.reorder import MoveScalarLinearPastInvariants, MoveScalarMulPastMatMul
from finn.transformation.streamline.round_thresholds import RoundAndClipThresholds
from onnx import NodeProto
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.base import Transformation
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.basic import roundup_to_integer_multiple

from shiftcore.errors import UserError
from shiftcore.hw import ops
from shiftcore.hw.blame import checked, layer_of
from shiftcore.hw.graph import tidy
from shiftcore.model.description import Layer, listed_layers

# What a user can do about a layer that FINN has in HLS only; what is known at once hw.obstacles has refused before.
_INSTEAD = {
    "VVAU": "a depthwise convolution has RTL on Versal only; use a plain 3x3 convolution",
    "MVAU": "use signed weights and activations of 2 to 8 bits, in narrow range",
    "Pool": "only max pooling has RTL here; use it or a convolution of stride 2",
    "Elementwise": "only the addition of two integer streams has RTL here",
}


def _infer(model: ModelWrapper) -> ModelWrapper:
    return model.transform(InferShapes()).transform(InferDataTypes())


def to_dataflow(model: ModelWrapper, streams: int) -> ModelWrapper:
    """Replace every node of a streamlined graph by a dataflow layer; the last scale stays outside, behind them.

    Thresholds come first, so that each stays a layer of its own and the matrix products remain RTL-able. Raises
    UserError naming the layer where FINN cannot.
    """
    return checked(lambda part: _to_dataflow(part, streams), model)


def _to_dataflow(model: ModelWrapper, streams: int) -> ModelWrapper:
    layers = (
        InferThresholdingLayer(),
        *(each for op in ops.known() if not op.joins for each in op.infer(streams)),
        MoveScalarLinearPastInvariants(),
        MoveScalarMulPastMatMul(),
        CollapseRepeatedMul(),
        AbsorbConsecutiveTransposes(),
        InferQuantizedMatrixVectorActivation(),
        RemoveCNVtoFCFlatten(),
        InferConvInpGen(),
        *(each for op in ops.known() if op.joins for each in op.infer(streams)),
    )
    for transformation in layers:
        model = _infer(model.transform(transformation))
    return tidy(model)


def _first_outside(model: ModelWrapper) -> NodeProto | None:
    """The first node that is no dataflow layer, but for a transpose in front of them all and a scale behind."""
    inner = {model.graph.input[0].name: {"Transpose"}, model.graph.output[0].name: {"Mul"}}
    for node in model.graph.node:
        at_the_ends = inner.get(node.input[0], set()) | inner.get(node.output[0], set())
        if not node.domain.startswith("finn.custom_op.fpgadataflow") and node.op_type not in at_the_ends:
            return node
    return None


def partition(model: ModelWrapper) -> ModelWrapper:
    """Cut out the dataflow part. Raises UserError naming a layer in the middle that is no dataflow layer."""
    needs = "has no integer dataflow layer; quantize its input and weights, or remove it"
    if outside := _first_outside(model):
        raise UserError(f"{layer_of(model, outside)}: {outside.op_type} {needs}")
    with tempfile.TemporaryDirectory() as folder:
        parent = model.transform(CreateDataflowPartition(partition_model_dir=folder))
        parts = parent.get_nodes_by_op_type("StreamingDataflowPartition")
        if len(parts) != 1:
            raise UserError(
                f"{layer_of(model, model.graph.node[-1])}: the network falls into {len(parts)} dataflow parts; {needs}"
            )
        part = ModelWrapper(str(Path(getCustomOp(parts[0]).get_nodeattr("model"))))
    if description := model.get_metadata_prop("shiftcore"):
        part.set_metadata_prop("shiftcore", description)
    return tidy(checked(_bounded, part))


class BoundedProducts(Transformation):
    """Give each matrix product a type of weights and one of sums that hold whatever a network of this shape may learn:
    symmetric weights of their quantizer's bits (`hw.streamline`), and sums of any such weights with any inputs, and one
    more, which no sum reaches; the last one's in whole bytes.

    So RTL follows from the shape alone. FINN's own choice follows from the values: it is unsigned where none is
    negative, and has fewer bits than a product where no sum needs them, which its RTL does not take.
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for position in range(len(model.graph.node)):
            node = model.graph.node[position]  # InferDataTypes renews them
            if node.op_type != "MVAU":
                continue
            instance, weights = getCustomOp(node), model.get_tensor_datatype(node.input[1]).bitwidth()
            model.set_tensor_datatype(node.input[1], DataType[f"INT{weights}"])
            instance.set_nodeattr("weightDataType", f"INT{weights}")
            inputs = instance.get_input_datatype(0)
            product = weights + inputs.bitwidth() - inputs.signed()
            bits = max(product, (_largest_sum(instance) + 1).bit_length() + 1)
            if model.find_direct_successors(node) is None:
                bits = roundup_to_integer_multiple(bits, 8)
            instance.set_nodeattr("accDataType", f"INT{bits}")
            instance.set_nodeattr("outputDataType", f"INT{bits}")
            model = model.transform(InferDataTypes())
        return model, False


class BoundedThresholds(Transformation):
    """Give thresholds the narrowest type, no narrower than their input's, that holds every value that a network of this
    shape can reach there, and one more, which is never reached. Behind `BoundedProducts` and `RoundAndClipThresholds`.
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.get_nodes_by_op_type("Thresholding"):
            source = model.get_tensor_datatype(node.input[0])
            low, high = _reached(model, node.input[0])
            most = max(-low - 1, high + 1).bit_length() + 1 if source.signed() else (high + 1).bit_length()
            chosen = DataType[f"{'' if source.signed() else 'U'}INT{max(source.bitwidth(), most)}"]
            model.set_initializer(
                node.input[1], np.clip(model.get_initializer(node.input[1]), chosen.min(), chosen.max())
            )
            model.set_tensor_datatype(node.input[1], chosen)
            getCustomOp(node).set_nodeattr("weightDataType", chosen.name)
        return model, False


def _reached(model: ModelWrapper, tensor: str) -> tuple[int, int]:
    """The least and the largest integer that a tensor can hold, whatever a network of this shape has learned."""
    producer = model.find_producer(tensor)
    if producer is not None and producer.op_type == "MVAU":
        most = _largest_sum(getCustomOp(producer))
        return -most, most
    op = ops.of(producer.op_type) if producer is not None else None
    if op is not None and op.reaches is not None:
        return op.reaches([model.get_tensor_datatype(name) for name in producer.input])
    held = model.get_tensor_datatype(tensor)
    return int(held.min()), int(held.max())


def _largest_sum(product: HWCustomOp) -> int:
    """The largest magnitude of a sum of a matrix product with symmetric weights of its type."""
    weights, inputs = product.get_input_datatype(1), product.get_input_datatype(0)
    return max(-int(inputs.min()), int(inputs.max())) * int(weights.max()) * product.get_nodeattr("MW")


def _bounded(model: ModelWrapper) -> ModelWrapper:
    """Give weights, accumulators and thresholds the bits that any network of this shape needs."""
    for transformation in (BoundedProducts(), RoundAndClipThresholds(), BoundedThresholds()):
        model = model.transform(transformation)
    return model


def specialize(model: ModelWrapper, part: str) -> ModelWrapper:
    """Choose each layer's RTL, and name the nodes as `name_layers` where the graph has a description. Raises UserError
    for a layer that only HLS could build, saying what to use instead."""
    for node in model.graph.node:
        getCustomOp(node).set_nodeattr("preferred_impl_style", "rtl")
    model = _infer(checked(lambda graph: graph.transform(SpecializeLayers(part)), model))
    for node in model.graph.node:
        if not node.op_type.endswith("_rtl"):
            kind = node.op_type.removesuffix("_hls")
            instead = next((text for key, text in _INSTEAD.items() if kind.startswith(key)), "use another layer")
            raise UserError(
                f"{layer_of(model, node)}: {kind} has no RTL for {part}, only HLS, which needs a vendor tool; {instead}"
            )
    if description := model.get_metadata_prop("shiftcore"):
        name_layers(model, listed_layers(json.loads(description)))
    return model


def layer(node: NodeProto) -> HWCustomOp:
    """FINN's object for a node, through which its attributes, shapes and costs are read and set."""
    return getCustomOp(node)


# Which layers of the integer model become which dataflow layers of FINN's own ops; ours say it themselves.
_KINDS = {"conv": "MVAU_rtl", "linear": "MVAU_rtl", "threshold": "Thresholding_rtl"}
_ROLES = {
    "FMPadding_rtl": "pad",
    "ConvolutionInputGenerator_rtl": "window",
    "StreamingDataWidthConverter_rtl": "width",
    "StreamingFIFO_rtl": "fifo",
}


def name_layers(model: ModelWrapper, layers: Iterable[Layer]) -> dict[str, str]:
    """Name each node after the integer model's layer it computes, helpers after the layer they feed or follow.

    `layers` is the integer model's list. Both graphs are in topological order, so the k-th layer of a kind is
    the k-th node of that kind. Returns node name -> layer name for the nodes that compute a layer.
    """
    kinds = _KINDS | {op.layer: op.node for op in ops.known() if op.layer}
    roles = _ROLES | {op.node: op.role for op in ops.known() if op.role}
    waiting: dict[str, list[str]] = defaultdict(list)
    for entry in layers:
        waiting[kinds[entry.op]].append(entry.name)
    names: dict[str, str] = {}
    taken: dict[str, int] = defaultdict(int)

    for node in model.graph.node:
        if waiting[node.op_type]:
            entry_name = waiting[node.op_type].pop(0)
            node.name = entry_name.replace(".", "_")
            names[node.name] = entry_name
    for node in model.graph.node:
        if node.op_type in roles:
            base = f"{_named_neighbour(model, node, names)}_{roles[node.op_type]}"
            taken[base] += 1
            node.name = base if taken[base] == 1 else f"{base}{taken[base]}"
    left = [name for names_left in waiting.values() for name in names_left]
    if left:
        raise UserError(
            f"{left[0]}: the compiled graph has no layer for it, as where a quantizer changes nothing; leave it out"
        )
    return names


def _named_neighbour(model: ModelWrapper, node: NodeProto, names: dict[str, str]) -> str:
    """The layer that `node` prepares the input of; where a fork or the output comes first, the layer it follows."""
    following: NodeProto | None = node
    while following is not None and len(following.output) == 1:
        if following.name in names:
            return str(following.name)
        following = model.find_consumer(following.output[0])
    preceding: NodeProto | None = node
    while preceding is not None and preceding.name not in names:
        preceding = model.find_producer(preceding.input[0])
    return str(preceding.name) if preceding is not None else "input"
