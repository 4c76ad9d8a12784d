# SPDX-License-Identifier: BSD-3-Clause
"""Max pool behind a depthwise window generator."""

from finn.transformation.fpgadataflow.convert_to_hw.pool import InferPool
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation

from shiftcore.hw.ops.max_pool.checks import CORNERS, PROOF, draw
from shiftcore.hw.ops.max_pool.op import Pool_rtl
from shiftcore.hw.ops.passes import NHWC_TO_NCHW, inferred, permutation, swap
from shiftcore.hw.ops.registry import Op
from shiftcore.hw.ops.rule import QUANTIZER, Rule, unquantized_input
from shiftcore.hw.quantities import Graph


def _form(graph: Graph, node: NodeProto) -> str | None:
    kernel = graph.attribute(node, "kernel_shape", [])
    strides = graph.attribute(node, "strides", [1] * len(kernel))
    if len(kernel) != 2:
        return f"a max pool of {len(kernel)} dimensions"
    if any(step > size for step, size in zip(strides, kernel, strict=True)):
        return f"a max pool whose stride {strides} exceeds its kernel {kernel}"
    if graph.attribute(node, "ceil_mode", 0) or set(graph.attribute(node, "dilations", [1])) != {1}:
        return "a max pool with dilation or ceil_mode"
    return "a max pool that gives indices" if len([name for name in node.output if name]) > 1 else None


def _padded(graph: Graph, node: NodeProto) -> str | None:
    source = graph.held(node.input[0])
    padded = any(graph.attribute(node, "pads", [])) or graph.attribute(node, "auto_pad", "NOTSET") not in {
        "NOTSET",
        "VALID",
    }
    return "a max pool with padding over signed activations" if padded and source.signed else None


class MaxPoolToNHWC(Transformation):
    """Transpose -> MaxPool becomes MaxPoolNHWC -> Transpose. FINN's own pass breaks a max pool that feeds a fork."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            transpose = model.find_producer(node.input[0]) if node.op_type == "MaxPool" else None
            if transpose is None or transpose.op_type != "Transpose" or model.is_fork_node(transpose):
                continue
            if permutation(transpose) != NHWC_TO_NCHW:
                continue
            batch, channels, height, width = model.get_tensor_shape(node.output[0])
            node.op_type, node.domain = "MaxPoolNHWC", "qonnx.custom_op.general"
            swap(model, transpose, node)
            model.set_tensor_shape(transpose.input[0], [batch, height, width, channels])
            return inferred(model), True
        return model, False


OP = Op(
    rtl=Pool_rtl,
    layer="max_pool",
    taken=("MaxPool",),
    between=("MaxPoolNHWC",),
    rules=(
        Rule(
            ("MaxPool",),
            "max pools with ceil_mode, dilation, indices or gaps",
            _form,
            "use a max pool of kernel 2 and stride 2",
        ),
        Rule(
            ("MaxPool",),
            "max pools with padding of signed activations",
            _padded,
            "use unsigned activations (QuantReLU) or no padding",
        ),
        Rule(("MaxPool",), "max pools of what is not quantized", unquantized_input, QUANTIZER),
    ),
    to_nhwc=MaxPoolToNHWC,
    infer=lambda _streams: (InferPool(),),
    corners=CORNERS,
    proofs=(PROOF,),
    draw=draw,
)
