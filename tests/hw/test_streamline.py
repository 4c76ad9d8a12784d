# SPDX-License-Identifier: BSD-3-Clause
"""Streamlining of networks made elsewhere: which means are the spatial pool, and graphs that FINN goes round in."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation
from qonnx.transformation.composed import ComposedTransformation
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.basic import qonnx_make_model

from shiftcore.errors import UserError
from shiftcore.hw.streamline import Exhaustive, SpatialMeanToGlobalAveragePool, streamline
from shiftcore.hw.verify import integer_logits, verification_frames
from tests.hw.qonnx_networks import Network, stem


class Swapping(Transformation):
    """Turns around the inputs of the first Add, for ever."""

    def __init__(self, times: int | None = None) -> None:
        super().__init__()
        self.left = times

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        if self.left == 0:
            return model, False
        self.left = None if self.left is None else self.left - 1
        node = model.graph.node[0]
        node.input[0], node.input[1] = node.input[1], node.input[0]
        return model, True


class Growing(Transformation):
    """Adds a node, for ever."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        last = model.graph.node[-1]
        model.graph.node.append(helper.make_node("Relu", [last.output[0]], [last.output[0] + "x"]))
        return model, True


def difference() -> ModelWrapper:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("a", "b", "c")]
    graph = helper.make_graph([helper.make_node("Sub", ["a", "b"], ["c"])], "graph", values[:2], values[2:])
    return ModelWrapper(qonnx_make_model(graph))


@pytest.mark.parametrize("endless", [Swapping(), ComposedTransformation([ComposedTransformation([Swapping()])])])
def test_a_transformation_that_goes_round_in_circles_is_stopped(endless: Transformation) -> None:
    with pytest.raises(UserError, match="goes round in circles"):
        Exhaustive(endless).repeated(difference())


def test_a_transformation_that_grows_a_graph_for_ever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shiftcore.hw.streamline.MOST_ROUNDS", 20)
    with pytest.raises(UserError, match="goes round in circles"):
        Exhaustive(Growing()).repeated(difference())


def test_a_transformation_that_comes_to_an_end_is_not_stopped() -> None:
    model, changed = Exhaustive(Swapping(times=3)).repeated(difference())
    assert changed
    assert list(model.graph.node[0].input) == ["b", "a"]


def test_a_network_that_cannot_be_streamlined_is_told_by_its_layer() -> None:
    """An average pool keeps the scales in front of it (hw.rules refuses it before)."""
    net, x = stem()
    x = net.node("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2])
    model = ModelWrapper(net.head(net.block(x, 8, 8), 8).model()).transform(InferShapes())
    with pytest.raises(UserError, match=r"^behind threshold1: a scale cannot be moved out of the way"):
        streamline(model)


def mean(axes: list[int] | None, as_attribute: bool, **attributes: Any) -> ModelWrapper:
    net, x = stem()
    net.opset = 13 if as_attribute else 20
    given: dict[str, Any] = {} if axes is None or not as_attribute else {"axes": axes}
    inputs = [x] if axes is None or as_attribute else [x, net.constant(axes)]
    x = net.node("ReduceMean", inputs, **given, **attributes)
    return ModelWrapper(net.ends(x, [1, 8] if not attributes["keepdims"] else [1, 8, 1, 1]).model()).transform(
        InferShapes()
    )


@pytest.mark.parametrize("as_attribute", [False, True])
@pytest.mark.parametrize("axes", [[2, 3], [-1, -2], [3, 2]])
def test_a_mean_over_the_image_is_the_pool(axes: list[int], as_attribute: bool) -> None:
    pooled = mean(axes, as_attribute, keepdims=1).transform(SpatialMeanToGlobalAveragePool())
    assert "GlobalAveragePool" in {node.op_type for node in pooled.graph.node}


def test_a_mean_over_the_image_that_drops_its_axes_is_flattened_as_well() -> None:
    pooled = mean([2, 3], False, keepdims=0).transform(SpatialMeanToGlobalAveragePool())
    assert {"GlobalAveragePool", "Flatten"} <= {node.op_type for node in pooled.graph.node}
    assert pooled.get_tensor_shape(pooled.graph.output[0].name) == [1, 8]


@pytest.mark.parametrize("axes", [[1, 3], [2], [1], [1, 2, 3], None])
def test_any_other_mean_is_none(axes: list[int] | None) -> None:
    """It was taken for the pool, whatever its axes."""
    left = mean(axes, False, keepdims=1).transform(SpatialMeanToGlobalAveragePool())
    assert left.graph.node[-1].op_type == "ReduceMean"


def halves(narrow: int) -> ModelWrapper:
    """Quantizers whose inputs often lie in the middle between two of their levels: no batch norm, powers of two."""
    net = Network()
    x = net.activation(net.conv("frame", 3, 8, strides=[2, 2]), scale=16)
    x = net.signed(net.signed(x, scale=16), scale=32, narrow=narrow)
    return ModelWrapper(net.head(x, 8).model(logit_scale=0.125 * 32 / 64)).transform(InferShapes())


@pytest.mark.parametrize("narrow", [0, 1])
def test_a_value_in_the_middle_between_two_levels_is_rounded_as_the_quantizer_does(narrow: int) -> None:
    model = halves(narrow)
    frames = verification_frames(16, 16)
    before = integer_logits(model, frames, 0.125 * 32 / 64)
    assert np.array_equal(integer_logits(streamline(model), frames, 0.125 * 32 / 64), before)
