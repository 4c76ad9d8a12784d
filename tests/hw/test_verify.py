# SPDX-License-Identifier: BSD-3-Clause
"""What an executed graph gives is a whole number of steps, and what is not says why."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from qonnx.core.datatype import DataType

from shiftcore.errors import UserError
from shiftcore.hw import verify


def logits(monkeypatch: pytest.MonkeyPatch, outputs: list[float]) -> np.ndarray:
    """The integer logits of a graph that gives `outputs`, with a scale of 1/2."""
    monkeypatch.setattr(verify, "execute", lambda _model, _frames: np.array([outputs]))
    output = SimpleNamespace(name="logits")
    model = SimpleNamespace(
        graph=SimpleNamespace(output=[output]), get_tensor_datatype=lambda _name: DataType["FLOAT32"]
    )
    return verify.integer_logits(cast(Any, model), [], 0.5)


def test_logits_are_steps_of_their_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    assert logits(monkeypatch, [-1.5, 2.04, 400_000.0]).tolist() == [[-3, 4, 800_000]]
    assert logits(monkeypatch, [400_000.15, 1.0]).tolist() == [[800_000, 2]]  # 0.3 of a step is rounding there
    with pytest.raises(UserError, match=r"an output is 0\.300 of a step away"):
        logits(monkeypatch, [40_000.15, 1.0])
    with pytest.raises(UserError, match=r"an output is 0\.500 of a step away from an integer: .*logit_scale = 0\.5"):
        logits(monkeypatch, [0.25, 3.0])


def test_logits_beyond_float32_are_not_blamed_on_the_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"a logit reaches 4,000,000 steps of its scale: .* fewer bits or inputs"):
        logits(monkeypatch, [0.25, 2_000_000.0])
