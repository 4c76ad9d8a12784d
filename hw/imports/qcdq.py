# SPDX-License-Identifier: BSD-3-Clause
"""QCDQ (QuantizeLinear, Clip, DequantizeLinear), as Brevitas' export_onnx_qcdq writes it, to QONNX."""

import numpy as np
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.transformation.qcdq_to_qonnx import QCDQToQuant

from shiftcore.hw.quantities import Graph

_BITS = range(2, 9)


def to_qonnx(model: ModelWrapper) -> ModelWrapper:
    """The graph with Quant nodes; as it is, where it has none of these ops. What cannot be turned stays, and is an
    obstacle. QCDQ stores all weights in eight bits: they get as few as hold them in narrow range."""
    if not model.get_nodes_by_op_type("DequantizeLinear"):
        return model
    before = set(_quantizers(model))
    try:
        model = model.transform(InferShapes()).transform(QCDQToQuant())
    except Exception:  # what stops it is an obstacle
        return model
    graph = Graph(model)
    for name, node in _quantizers(model).items():
        weights, scale = model.get_initializer(node.input[0]), model.get_initializer(node.input[1])
        if name in before or weights is None or scale is None or graph.quantizer(node).zero != 0:
            continue
        largest = int(np.abs(np.rint(weights / scale)).max())
        bits = next((bits for bits in _BITS if largest < 1 << (bits - 1)), None)
        if bits is not None:
            model.set_initializer(node.input[3], np.float32(bits))
            getCustomOp(node).set_nodeattr("narrow", 1)
    return model


def _quantizers(model: ModelWrapper) -> dict[str, NodeProto]:
    return {node.output[0]: node for node in model.get_nodes_by_op_type("Quant")}
