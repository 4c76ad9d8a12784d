# SPDX-License-Identifier: BSD-3-Clause
"""One FINN node at a time."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from onnx import helper
from qonnx.custom_op.registry import getCustomOp

import shiftcore.hw.ops  # noqa: F401 - registers the ops

MakeNode = Callable[..., Any]


@pytest.fixture(scope="session", autouse=True)
def scratch() -> None:
    """The folder that some of FINN's passes want, as a compilation makes it."""
    Path(os.environ["FINN_BUILD_DIR"]).mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="session")
def make_node() -> MakeNode:
    """`make_node(op, name, inputs, outputs, **attributes)`: the RTL op of a node with that many tensors."""

    def make(op: str, name: str = "dut", inputs: int = 1, outputs: int = 1, **attributes: Any) -> Any:
        node = helper.make_node(
            f"{op}_rtl",
            [f"{name}_in{i}" for i in range(inputs)],
            [f"{name}_out{i}" for i in range(outputs)],
            name=name,
            domain="finn.custom_op.fpgadataflow.rtl",
            backend="fpgadataflow",
            **attributes,
        )
        return getCustomOp(node)

    return make
