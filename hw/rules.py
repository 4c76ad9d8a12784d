# SPDX-License-Identifier: BSD-3-Clause
"""The rules that a network's layers must keep to be compiled: what each looks for in a QONNX graph, and what serves.

Rules of our own ops are in the ops' folders. The page docs/obstacles.md lists all, and a test compares it with them.
"""

from collections.abc import Iterable

import numpy as np
from onnx import NodeProto

from shiftcore.hw.ops import OURS, Op
from shiftcore.hw.ops.rule import QUANTIZER, Rule, unquantized_input
from shiftcore.hw.quantities import JOINED, PRODUCTS, QUANTIZERS, Graph

BITS = range(2, 9)  # of weights and of activations

# QONNX ops that are layers of FINN's own ops, and what descriptions call these.
_FINNS = {**dict.fromkeys(PRODUCTS, "linear"), "Conv": "conv"}
# What a user can do about an op that has no RTL here.
INSTEAD = {
    "Clip": "use a QuantReLU or a QuantIdentity, which clips",
    "Concat": "add two branches of equal width",
    "ConvTranspose": "use a higher input resolution",
    "IntQuant": "export with Brevitas' export_qonnx, which writes Quant nodes",
    "Resize": "use a higher input resolution",
    "Slice": "use a convolution on all channels",
    "Softmax": "end with the classifier: the runtime makes scores of logits",
    "Split": "use a convolution on all channels",
    "Trunc": "use the global average pool without a quantizer of its own",
    "Upsample": "use a higher input resolution",
}


def _unquantized_weights(graph: Graph, node: NodeProto) -> str | None:
    if len(graph.streams(node)) > 1:
        return "its weights depend on the frame"
    return None if graph.weight_quantizer(node) else "its weights are not quantized"


def _bits(bits: float | None) -> str | None:
    """What is wrong with a quantizer's bits."""
    if bits is None:
        return "no constant number of bits"
    return None if bits in BITS else f"{bits:g} bit{'' if bits == 1 else 's'}"


def _weight_bits(graph: Graph, node: NodeProto) -> str | None:
    source = graph.weight_quantizer(node)
    wrong = _bits(graph.quantizer(source).bits) if source and source.op_type == "Quant" else None
    return f"its weights have {wrong}" if wrong else None


def _weight_scale(graph: Graph, node: NodeProto) -> str | None:
    source = graph.weight_quantizer(node)
    if source is None:
        return None
    quantizer, weights = graph.quantizer(source), graph.value(source.input[0])
    if quantizer.scale is None or weights is None or not (quantizer.scale > 0).all():
        return "the scale of its weights is no positive constant"
    if quantizer.zero != 0:
        return "its weights have a zero point"
    shape = [1] * (weights.ndim - quantizer.scale.ndim) + list(quantizer.scale.shape)
    del shape[graph.output_axis(node)]
    if max(shape, default=1) > 1:
        return f"the scale of its weights is an array {list(quantizer.scale.shape)}, more than one an output channel"
    return None


def _groups(graph: Graph, node: NodeProto) -> str | None:
    group, weights = graph.attribute(node, "group", 1), graph.shape(node.input[1])
    if group == 1 or weights is None:
        return None
    if weights[1] == 1 and weights[0] == group:
        return f"a depthwise convolution ({group} channels), which has RTL on Versal only"
    return f"a grouped convolution ({group} groups)"


def _kernel(graph: Graph, node: NodeProto) -> str | None:
    weights = graph.shape(node.input[1])
    return None if weights is None or len(weights) == 4 else f"a convolution of {len(weights) - 2} dimensions"


def _gemm_form(graph: Graph, node: NodeProto) -> str | None:
    for name, usual in (("alpha", 1.0), ("beta", 1.0), ("transA", 0)):
        if graph.attribute(node, name, usual) != usual:
            return f"{name} = {graph.attribute(node, name):g}"
    return None


def _act_bits(graph: Graph, node: NodeProto) -> str | None:
    wrong = _bits(graph.quantizer(node).bits)
    return f"activations of {wrong}" if wrong else None


def _act_scale(graph: Graph, node: NodeProto) -> str | None:
    quantizer = graph.quantizer(node)
    if quantizer.scale is None or not (quantizer.scale > 0).all():
        return "the scale of its activations is no positive constant"
    if quantizer.scale.size > 1:
        return f"its activations have {quantizer.scale.size} scales, one a channel"
    return None


def _act_zero(graph: Graph, node: NodeProto) -> str | None:
    zero = graph.quantizer(node).zero
    return None if zero == 0 else f"its activations have a zero point{'' if zero is None else f' of {zero:g}'}"


def _rounding(graph: Graph, node: NodeProto) -> str | None:
    rounding = graph.quantizer(node).rounding
    return None if rounding == "ROUND" else f"it rounds by {rounding}"


def _signed_relu(graph: Graph, node: NodeProto) -> str | None:
    source, quantizer = graph.producers.get(node.input[0]), graph.quantizer(node)
    if source is None or source.op_type != "Relu" or not (quantizer.signed or quantizer.narrow):
        return None
    return f"a {'signed' if quantizer.signed else 'narrow'} quantizer behind ReLU {source.name}"


def _bare_relu(graph: Graph, node: NodeProto) -> str | None:
    if graph.held(node.input[0]).kind == "levels":
        return None
    behind = graph.consumers[node.output[0]]
    if [other.op_type for other in behind] == ["Quant"]:
        return None
    return (
        "its output is not quantized" if len(behind) < 2 else "its output goes to several layers before it is quantized"
    )


def _quantized_mean(graph: Graph, node: NodeProto) -> str | None:
    return "it quantizes what the global average pool gives" if graph.held(node.input[0]).kind == "pooled" else None


def _join_of_streams(graph: Graph, node: NodeProto) -> str | None:
    if len(graph.streams(node)) > 1:
        return f"{node.op_type} of two tensors that depend on the frame"
    if node.op_type in {"Sub", "Div"} and node.input[0] in graph.constants:
        return f"{node.op_type} of a constant by a tensor"
    return None


def _reshape(graph: Graph, node: NodeProto) -> str | None:
    before, after = graph.shape(node.input[0]), graph.shape(node.output[0])
    if before is None or after is None or after == before or after == [1, int(np.prod(before))]:
        return None
    return f"it makes {after} of {before}"


def _transpose(graph: Graph, node: NodeProto) -> str | None:
    return f"a transpose of the data ({list(graph.attribute(node, 'perm', []))})"


def _not_finite(graph: Graph, node: NodeProto) -> str | None:
    source = graph.weight_quantizer(node) if node.op_type in PRODUCTS else None
    for tensor in (*node.input, *(source.input if source else ())):
        value = graph.value(tensor)
        if value is not None and value.dtype.kind == "f" and not np.isfinite(value).all():
            return "a parameter is NaN or infinite"
    return None


def _leads_nowhere(graph: Graph, node: NodeProto) -> str | None:
    used = any(graph.consumers[name] or name in graph.outputs for name in node.output)
    return None if used else "nothing uses its output"


_PRODUCTS = ("Conv", "Gemm", "MatMul")
_QUANTIZERS = ("Quant", "BipolarQuant")
_GENERAL = (
    Rule(("Conv",), "1-D and 3-D convolutions", _kernel, "use a 2-D convolution"),
    Rule(("Conv",), "grouped and depthwise convolutions", _groups, "use a plain convolution (groups=1)"),
    Rule(
        _PRODUCTS,
        "weights in floating point, or computed",
        _unquantized_weights,
        "use Brevitas' QuantConv2d or QuantLinear",
    ),
    Rule(_PRODUCTS, "weights of 1 bit that are no signs, or of more than 8", _weight_bits, "use 2 to 8 bits"),
    Rule(
        _PRODUCTS,
        "weights with a zero point or a scale an input channel",
        _weight_scale,
        "use weights with one scale, or one an output channel",
    ),
    Rule(_PRODUCTS, "an input that is not quantized", unquantized_input, QUANTIZER),
    Rule(("Gemm",), "Gemms with alpha, beta or transA", _gemm_form, "use a plain QuantLinear"),
    Rule(("Quant",), "activations of 1 bit that are no signs, or of more than 8", _act_bits, "use 2 to 8 bits"),
    Rule(
        _QUANTIZERS,
        "a scale per channel of activations",
        _act_scale,
        "use one scale for the tensor (per-tensor scaling)",
    ),
    Rule(("Quant",), "a zero point", _act_zero, "use a quantizer with zero point 0"),
    Rule(("Quant",), "rounding other than to the nearest", _rounding, "use rounding mode ROUND"),
    Rule(
        _QUANTIZERS,
        "a signed or narrow quantizer behind a ReLU",
        _signed_relu,
        "use an unsigned quantizer (Uint8ActPerTensorFloat)",
    ),
    Rule(_QUANTIZERS, "a quantizer behind the global average pool", _quantized_mean, "leave it out"),
    Rule(("Relu",), "a ReLU without a quantizer", _bare_relu, "use a QuantReLU"),
    Rule(
        ("Sub", "Mul", "Div"),
        "two tensors subtracted, multiplied or divided",
        _join_of_streams,
        "add two branches of one scale",
    ),
    Rule(("Flatten", "Reshape"), "reshapes other than flattening", _reshape, "flatten to [1, features]"),
    Rule(("Transpose",), "transposes of the data", _transpose, "leave the data in NCHW"),
)
_ANY = (
    Rule(("all",), "parameters that are not finite", _not_finite, "train the network anew"),
    Rule(("all",), "layers whose output nothing uses", _leads_nowhere, "leave the layer out"),
)


def layers(ops: Iterable[Op]) -> dict[str, str]:
    """What descriptions call the layers that QONNX ops are, of FINN's own ops and of `ops`."""
    return {**_FINNS, **{taken: op.layer for op in ops for taken in op.taken if op.layer}}


def taken(ops: Iterable[Op]) -> set[str]:
    """The QONNX ops of which a network may be made that compiles with `ops`."""
    return {*layers(ops), *JOINED, *QUANTIZERS, "BatchNormalization", "Flatten", "Relu", "Reshape", "Transpose"}


def rules(ops: Iterable[Op]) -> tuple[Rule, ...]:
    """Those of FINN's own ops, of `ops`, and of all."""
    return (*_GENERAL, *(rule for op in ops for rule in op.rules), *_ANY)


def table() -> str:
    """The rules as a table in Markdown, for docs/obstacles.md."""
    rows = [f"| {', '.join(f'`{op}`' for op in rule.ops)} | {rule.refuses} | {rule.instead} |" for rule in rules(OURS)]
    return "\n".join(["| layers | what is refused | what serves |", "|---|---|---|", *rows]) + "\n"
