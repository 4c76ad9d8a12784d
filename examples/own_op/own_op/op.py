# SPDX-License-Identifier: BSD-3-Clause
"""The op as FINN and shiftcore's compiler know it: its Python model, its hardware, and which networks have it."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from finn.custom_op.fpgadataflow import register_custom_op
from finn.custom_op.fpgadataflow.rtl import register_custom_op as register_rtl_op
from onnx import NodeProto
from qonnx.core.datatype import BaseDataType, DataType
from qonnx.core.modelwrapper import ModelWrapper

from own_op.checks import CORNERS, PROOF
from shiftcore.errors import UserError
from shiftcore.hw.ops import Op
from shiftcore.hw.ops.bench import any_folding, any_image, case, make_node
from shiftcore.hw.ops.passes import InferLayer, MoveScalePast, TransposeFirst
from shiftcore.hw.ops.rtl_op import RtlOp
from shiftcore.hw.ops.rule import QUANTIZER, Rule, unquantized_input
from shiftcore.hw.ops.stream_op import StreamOp
from shiftcore.hw.quantities import Graph, Quantity
from shiftcore.sim.stream_bench import Case


@register_custom_op
class AbsoluteValue(StreamOp):
    """The magnitude of each value: INT4 becomes UINT4, since -8 becomes 8."""

    def check(self) -> None:
        """Raise UserError for values that are never negative, and what no `StreamOp` can be."""
        super().check()
        if not self.get_input_datatype().signed():
            name, datatype = self.onnx_node.name, self.get_input_datatype().name
            raise UserError(f"{name}: {datatype} has no negative values; leave the absolute value out")

    def output_type(self, source: BaseDataType) -> BaseDataType:
        """Unsigned, of as many bits."""
        return DataType[f"UINT{source.bitwidth()}"]

    def execute_node(self, context: dict[str, np.ndarray], graph: Any) -> None:
        """The Python model, which the hardware must equal."""
        context[self.onnx_node.output[0]] = np.abs(context[self.onnx_node.input[0]])


@register_rtl_op
class AbsoluteValue_rtl(RtlOp, AbsoluteValue):  # noqa: N801 - FINN finds the back end by this suffix
    """Absolute value in hardware (absolute_value.sv)."""

    source = Path(__file__).with_name("absolute_value.sv")
    check = AbsoluteValue.check

    def parameters(self) -> dict[str, int | str]:
        """Parameters of absolute_value.sv."""
        return {"PE": self.get_nodeattr("PE"), "BITS": self.get_input_datatype().bitwidth()}

    def lut_estimation(self, fpgapart: str) -> int:
        """A LUT a bit, and the handshake."""
        return int(self.get_instream_width()) + 2


def _attributes(model: ModelWrapper, node: NodeProto) -> dict[str, Any]:
    *vectors, channels = model.get_tensor_shape(node.input[0])
    datatype = model.get_tensor_datatype(node.input[0]).name
    return {"NumChannels": channels, "PE": 1, "numInputVectors": vectors, "inputDataType": datatype}


def _unsigned(graph: Graph, node: NodeProto) -> str | None:
    source = graph.held(node.input[0])
    return "its input is never negative" if source.kind == "levels" and not source.signed else None


def _holds(graph: Graph, node: NodeProto, inputs: Sequence[Quantity]) -> Quantity:
    return replace(inputs[0], signed=False)


def draw(number: int, folder: Path, rng: random.Random) -> Case:
    """A random case of the bench: any width, shape and folding."""
    inst = make_node(
        "AbsoluteValue",
        f"abs_{number}",
        NumChannels=rng.randint(1, 16),
        numInputVectors=any_image(rng),
        inputDataType=f"INT{rng.randint(2, 8)}",
    )
    return case(any_folding(inst, rng), folder, rng)


OP = Op(
    rtl=AbsoluteValue_rtl,
    layer="abs",
    taken=("Abs",),
    rules=(
        Rule(("Abs",), "absolute values of what is not quantized", unquantized_input, QUANTIZER),
        Rule(("Abs",), "absolute values of unsigned activations", _unsigned, "leave it out"),
    ),
    holds=_holds,
    past_scale=lambda: MoveScalePast("Abs"),
    to_nhwc=lambda: TransposeFirst("Abs"),
    infer=lambda _streams: (InferLayer("Abs", "AbsoluteValue", _attributes),),
    corners=CORNERS,
    proofs=(PROOF,),
    draw=draw,
)
