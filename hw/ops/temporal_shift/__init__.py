# SPDX-License-Identifier: BSD-3-Clause
"""Temporal shift: the first channels of each pixel come from the previous frame of the same stream."""

from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from shiftcore.hw.ops.passes import InferLayer, MoveScalePast, TransposeFirst
from shiftcore.hw.ops.registry import Op
from shiftcore.hw.ops.rule import QUANTIZER, Rule, unquantized_input
from shiftcore.hw.ops.temporal_shift.checks import CORNERS, PROOF, draw
from shiftcore.hw.ops.temporal_shift.op import TemporalShift_rtl
from shiftcore.hw.quantities import Graph


def _range(graph: Graph, node: NodeProto) -> str | None:
    shape, shifted = graph.shape(node.input[0]), graph.attribute(node, "shift_channels")
    if shape is None or shifted is None or 0 < shifted <= shape[1]:
        return None
    return f"shifts {shifted} channels of {shape[1]}"


class _ToNHWC(TransposeFirst):
    def turned(self, node: NodeProto) -> None:
        getCustomOp(node).set_nodeattr("data_layout", "NHWC")


def _keys(node: NodeProto) -> dict[str, int]:
    return {"channels": int(getCustomOp(node).get_nodeattr("ShiftChannels"))}


def _infer(streams: int) -> tuple[InferLayer]:
    def attributes(model: ModelWrapper, node: NodeProto) -> dict[str, object]:
        *vectors, channels = model.get_tensor_shape(node.input[0])
        return {
            "NumChannels": channels,
            "ShiftChannels": getCustomOp(node).get_nodeattr("shift_channels"),
            "PE": 1,
            "numInputVectors": vectors,
            "inputDataType": model.get_tensor_datatype(node.input[0]).name,
            "Streams": streams,
        }

    return (InferLayer("TemporalShift", "TemporalShift", attributes),)


OP = Op(
    rtl=TemporalShift_rtl,
    layer="shift",
    taken=("TemporalShift",),
    rules=(
        Rule(("TemporalShift",), "shifts of what is not quantized", unquantized_input, QUANTIZER),
        Rule(("TemporalShift",), "shifts of more channels than there are", _range, "shift 1 channel to all"),
    ),
    past_scale=lambda: MoveScalePast("TemporalShift"),
    to_nhwc=lambda: _ToNHWC("TemporalShift"),
    keys=_keys,
    infer=_infer,
    passes=True,
    corners=CORNERS,
    proofs=(PROOF,),
    draw=draw,
)
