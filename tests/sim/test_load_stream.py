# SPDX-License-Identifier: BSD-3-Clause
"""The core's load stream: weights and thresholds of any model of its shape, and the one latency before and after."""

from pathlib import Path

import numpy as np
import pytest

from shiftcore.model import image
from shiftcore.model.reference import Reference
from shiftcore.sim.core import CoreError, CoreModel
from tests.other_weights import Arrays, other_weights


@pytest.fixture(scope="module")
def arrays(tiny_export: Path) -> Arrays:
    with np.load(tiny_export / "model.npz") as content:
        return {key: content[key] for key in content.files}


def test_every_logit_is_of_the_model_loaded_last(tiny_core: Path, arrays: Arrays, tmp_path: Path) -> None:
    model = CoreModel(tiny_core)
    frames = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    latencies = set()
    for content in (arrays, other_weights(arrays, 1), other_weights(arrays, 2), arrays):
        path = tmp_path / "model.npz"
        np.savez(path, **content)
        reference = Reference.load(path)
        model.load(image.payload(model.manifest.memories, content))
        for frame in frames:
            model.push(frame)
        results = model.run()
        assert [result.logits.tolist() for result in results] == [reference.infer(frame).tolist() for frame in frames]
        latencies |= {result.latency_cycles for result in results}
    assert len(latencies) == 1


@pytest.mark.parametrize("more", [-1, 1])
def test_a_stream_of_another_length_is_an_error(tiny_core: Path, arrays: Arrays, more: int) -> None:
    model = CoreModel(tiny_core)
    words = image.payload(model.manifest.memories, arrays)
    with pytest.raises(CoreError, match="load_ends is not with the load stream's last word"):
        model.load(np.resize(words, len(words) + more))


def test_what_was_packed_can_be_unpacked(tiny_core: Path, arrays: Arrays) -> None:
    """Thresholds that no sum reaches may come back as the ends of the memory's range."""
    memories = CoreModel(tiny_core).manifest.memories
    again = image.arrays(memories, image.payload(memories, arrays), arrays)
    assert set(again) == set(arrays)
    for held in memories:
        if held.kind == "weights":
            assert np.array_equal(again[f"{held.layer}.weight"], arrays[f"{held.layer}.weight"])
    assert np.array_equal(image.payload(memories, again), image.payload(memories, arrays))
