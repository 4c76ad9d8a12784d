# SPDX-License-Identifier: BSD-3-Clause
"""Why: the map of each class adds up to its logit, integer for integer, and is where the evidence is."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiftcore.model.class_map import ClassMap
from tests.model.test_reference import MAGNITUDES, Builder, model_of, random_model


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), magnitude=st.sampled_from(MAGNITUDES))
def test_the_maps_add_up_to_logits_and_decisions(seed: int, magnitude: int) -> None:
    graph, arrays = random_model(seed, magnitude)
    maps, plain, rng = ClassMap(model_of(graph, arrays)), model_of(graph, arrays), np.random.default_rng(seed)
    consensus, since = plain.consensus(), deque[np.ndarray](maxlen=3)
    for number in range(7):
        frame, clear = rng.integers(0, 256, plain.input_shape).astype(np.uint8), number in (0, 5)
        logits = plain.infer(frame, clear=clear)
        decision, why = consensus.update(logits, clear=clear), maps.infer(frame, clear)
        if clear:
            since.clear()
        since.append(logits)
        assert why.maps.dtype == np.int64 and why.maps.shape == (len(maps.rows), len(maps.columns), 4)
        assert np.array_equal(why.logits, logits)
        assert np.array_equal(why.maps.sum((0, 1)), decision.total)
        assert np.array_equal(why.maps.sum((0, 1)), np.sum(since, axis=0))
        assert why.evidence(2).sum() == 4 * decision.total[2] - decision.total.sum()


def network(builder: Builder, size: int) -> ClassMap:
    builder.add("sum_pool")
    builder.add("linear", weight=np.array([[1], [-1]]))
    graph, _ = random_model(0, 7)
    graph |= {
        "classes": ["bright", "dark"],
        "input": {"height": size, "width": size, "channels": 1},
        "layers": builder.layers,
    }
    return ClassMap(model_of(graph, builder.arrays))


def test_the_evidence_is_where_something_is() -> None:
    builder, rng = Builder(np.random.default_rng(0), 1), np.random.default_rng(5)
    for _ in range(3):
        builder.add("conv", stride=2, pad=1, weight=np.ones((1, 1, 3, 3), np.int64))
    maps = network(builder, 64)
    assert maps.rows.tolist() == maps.columns.tolist() == [(0.5 + place) / 8 for place in range(8)]
    for _ in range(20):
        row, column = rng.integers(0, 60, 2)
        frame = np.zeros((64, 64, 1), np.uint8)
        frame[row : row + 5, column : column + 5] = 255
        peak = np.unravel_index(maps.infer(frame, clear=True).evidence(0).argmax(), (8, 8))
        assert abs(maps.rows[peak[0]] * 64 - row - 2.5) <= 8 and abs(maps.columns[peak[1]] * 64 - column - 2.5) <= 8


def test_other_heads_are_refused() -> None:
    builder = Builder(np.random.default_rng(0), 1)
    builder.add("conv", stride=1, pad=0, weight=np.ones((2, 1, 3, 3), np.int64))
    graph, _ = random_model(0, 7)
    graph |= {
        "classes": ["bright", "dark"],
        "input": {"height": 3, "width": 3, "channels": 1},
        "layers": builder.layers,
    }
    with pytest.raises(ValueError, match="layer 'conv0' is not linear in a sum over all places"):
        ClassMap(model_of(graph, builder.arrays))
