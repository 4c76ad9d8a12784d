# SPDX-License-Identifier: BSD-3-Clause
"""Global accumulating pool: the sum of every channel over all pixels of a frame."""

from collections.abc import Sequence

from finn.transformation.fpgadataflow.convert_to_hw.global_acc_pool import InferGlobalAccPoolLayer
from onnx import NodeProto

from shiftcore.hw.ops.global_acc_pool.checks import CORNERS, PROOF, draw
from shiftcore.hw.ops.global_acc_pool.op import GlobalAccPool_rtl
from shiftcore.hw.ops.registry import Op
from shiftcore.hw.ops.rule import QUANTIZER, Rule, unquantized_input
from shiftcore.hw.quantities import POOLS, Graph, Quantity

_MEANS = tuple(sorted(POOLS))


def _form(graph: Graph, node: NodeProto) -> str | None:
    """What is wrong with a pool other than the mean over both image axes of an image."""
    shape = graph.shape(node.input[0])
    if shape is None:
        return None
    if len(shape) != 4:
        return f"a mean over a tensor of shape {shape}"
    if node.op_type == "ReduceMean" and graph.axes(node) != [2, 3]:
        return f"a mean over axes {graph.axes(node) or 'all'}, not over the image's, [2, 3]"
    if node.op_type == "AveragePool" and not graph.pools_all(node):
        return f"an average pool of {graph.attribute(node, 'kernel_shape')} over a map of {shape[2:]}"
    return None


def _holds(graph: Graph, node: NodeProto, inputs: Sequence[Quantity]) -> Quantity:
    shape = graph.shape(node.input[0])
    pixels = shape[2] * shape[3] if shape and len(shape) == 4 else 1
    return Quantity("pooled", None if inputs[0].scale is None else inputs[0].scale / pixels)


OP = Op(
    rtl=GlobalAccPool_rtl,
    layer="sum_pool",
    taken=_MEANS,
    rules=(
        Rule(_MEANS, "means of what is not quantized", unquantized_input, QUANTIZER),
        Rule(
            _MEANS,
            "means other than over the whole image",
            _form,
            "use a convolution of stride 2 or a max pool; the global average pool is taken",
        ),
    ),
    holds=_holds,
    infer=lambda _streams: (InferGlobalAccPoolLayer(),),
    corners=CORNERS,
    proofs=(PROOF,),
    draw=draw,
)
