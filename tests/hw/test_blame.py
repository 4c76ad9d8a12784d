# SPDX-License-Identifier: BSD-3-Clause
"""A step of the compiler that fails, or refuses a node, names the user's layer."""

import pytest
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes

from shiftcore.errors import UserError
from shiftcore.hw import blame
from tests.hw.qonnx_networks import plain, residual


def test_a_later_graphs_nodes_are_called_as_the_layers_they_stand_for() -> None:
    model = ModelWrapper(residual().model()).transform(InferShapes())
    assert list(blame.layers(model).values()) == [
        "conv1", "threshold1", "conv2", "threshold2", "add1", "threshold3", "sum_pool1", "linear1",
    ]  # fmt: skip
    relu = model.get_nodes_by_op_type("Relu")[1]
    assert blame.layer_of(model, relu) == "behind add1"


def test_a_step_that_fails_tells_the_first_layer_with_which_it_does() -> None:
    def step(model: ModelWrapper) -> ModelWrapper:
        assert not model.get_nodes_by_op_type("Add"), "no additions here\nnor there"
        return model

    model = ModelWrapper(residual().model()).transform(InferShapes())
    with pytest.raises(UserError, match=r"^add1: this layer, or how it is joined .*: no additions here$"):
        blame.checked(step, model)
    assert blame.checked(step, ModelWrapper(plain().model())) is not None
