# SPDX-License-Identifier: BSD-3-Clause
"""Signs (QONNX' BipolarQuant) as what has RTL here: whole numbers of two bits of which only -1 and 1 occur.

A layer of thresholds gives -1 and 1 where both thresholds of a channel are one, at 0. Exact; a weight of one bit takes
two, and its product a multiplier.
"""

from typing import Any

import numpy as np
from onnx import NodeProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes

_DOMAIN = "qonnx.custom_op.general"


class SignsToTwoBits(Transformation):
    """Replace each BipolarQuant whose scale is constant."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        signs = list(model.get_nodes_by_op_type("BipolarQuant"))
        if not signs:
            return model, False
        for node in signs:
            scale = model.get_initializer(node.input[1])
            if scale is None:
                continue
            weights = model.get_initializer(node.input[0])
            new = _thresholds(model, node) if weights is None else _weights(model, node, weights, scale)
            position = list(model.graph.node).index(node)
            model.graph.node.remove(node)
            for made in reversed(new):
                model.graph.node.insert(position, made)
        return model.transform(InferShapes()).transform(InferDataTypes()), False


def _constant(model: ModelWrapper, name: str, value: np.ndarray) -> str:
    model.set_initializer(name, value.astype(np.float32))
    return name


def _weights(model: ModelWrapper, node: NodeProto, weights: np.ndarray, scale: np.ndarray) -> list[NodeProto]:
    """Two bits in narrow range, of the same scale."""
    output = node.output[0]
    inputs = [
        _constant(model, f"{output}_signs", np.where(weights >= 0, 1, -1) * scale),
        node.input[1],
        *(_constant(model, f"{output}_{name}", np.array(value)) for name, value in (("zero", 0), ("bits", 2))),
    ]
    form: dict[str, Any] = {"signed": 1, "narrow": 1, "rounding_mode": "ROUND"}
    return [helper.make_node("Quant", inputs, [output], name=node.name, domain=_DOMAIN, **form)]


def _thresholds(model: ModelWrapper, node: NodeProto) -> list[NodeProto]:
    """Two equal thresholds, and the scale behind them."""
    source, output = node.input[0], node.output[0]
    signs = f"{output}_signs"
    both = _constant(model, f"{output}_thresholds", np.zeros((1, 2)))
    form: dict[str, Any] = {"out_dtype": "INT2", "out_scale": 1.0, "out_bias": -1.0}
    model.set_tensor_shape(signs, model.get_tensor_shape(output))
    return [
        helper.make_node("MultiThreshold", [source, both], [signs], name=node.name, domain=_DOMAIN, **form),
        helper.make_node("Mul", [signs, node.input[1]], [output], name=f"{node.name}_scale"),
    ]
