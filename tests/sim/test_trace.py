# SPDX-License-Identifier: BSD-3-Clause
"""`make trace` finds a deliberate fault: one weight of one layer, in a copy of the compiled tiny core."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from shiftcore.model.reference import Reference
from shiftcore.sim.core import CoreModel, Deadlock, build_library
from shiftcore.sim.trace import Difference, IncompleteError, first_difference

LAYER = "stage0.block0.branch2.conv"


@pytest.fixture
def reference(tiny_export: Path) -> Reference:
    return Reference.load(tiny_export / "model.npz")


@pytest.fixture
def frames() -> list[tuple[np.ndarray, int, bool]]:
    noise = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    return [(pixels, stream, stream == 1) for pixels, stream in zip(noise, (0, 1, 0), strict=True)]


def faulty(core: Path, folder: Path) -> Path:
    """A copy of `core` in which the lowest bit of one weight of LAYER is turned over."""
    copy = Path(shutil.copytree(core, folder / "core"))
    memory = copy / "data" / f"{LAYER.replace('.', '_')}_memblock.dat"
    words = memory.read_text().split()
    words[0] = f"{int(words[0], 16) ^ 1:0{len(words[0])}x}"
    memory.write_text("\n".join(words) + "\n")
    return copy


def test_every_layer_is_traced_and_equal(
    tiny_core: Path, reference: Reference, frames: list[tuple[np.ndarray, int, bool]]
) -> None:
    model = CoreModel(tiny_core, trace=True)
    assert [entry.layer for entry in model.manifest.trace] == reference.layers
    assert first_difference(reference, model, frames) is None


def test_a_fault_is_named(
    tiny_core: Path, reference: Reference, frames: list[tuple[np.ndarray, int, bool]], tmp_path: Path
) -> None:
    """A weight's lowest bit: the difference is that of one product, so its size is that of an activation."""
    copy = faulty(tiny_core, tmp_path)
    assert build_library(copy, trace=True) == build_library(tiny_core, trace=True), "data alone: no new library"
    model = CoreModel(copy, trace=True)
    found = first_difference(reference, model, frames)
    assert found is not None and found.layer == LAYER
    assert 1 <= abs(found.reference - found.rtl) <= 15
    trace: dict[str, np.ndarray] = {}
    reference.reset()
    for pixels, stream, clear in frames[: found.frame + 1]:
        reference.infer(pixels, stream, clear, trace)
    assert trace[LAYER][found.row, found.column, found.channel] == found.reference
    place = f"frame {found.frame}, pixel ({found.row}, {found.column}), channel {found.channel}"
    assert str(found) == (f"layer {LAYER}, {place}: the reference has {found.reference}, the RTL has {found.rtl}")


class _Core:
    """Gives what a test says that the RTL gave."""

    def __init__(self, traced: dict[str, list[np.ndarray]], stuck: bool = False) -> None:
        self.traced, self.stuck = traced, stuck

    def reset(self) -> None: ...

    def push(self, *_: object) -> None: ...

    def run(self) -> None:
        if self.stuck:
            raise Deadlock("stuck")

    def trace(self) -> dict[str, list[np.ndarray]]:
        return self.traced


def _traced(reference: Reference, frames: list[tuple[np.ndarray, int, bool]]) -> dict[str, list[np.ndarray]]:
    reference.reset()
    traced: dict[str, list[np.ndarray]] = {layer: [] for layer in reference.layers}
    for pixels, stream, clear in frames:
        values: dict[str, np.ndarray] = {}
        reference.infer(pixels, stream, clear, values)
        for layer in reference.layers:
            traced[layer].append(values[layer])
    return traced


def test_the_first_of_several_differences(reference: Reference, frames: list[tuple[np.ndarray, int, bool]]) -> None:
    """The earliest layer counts, then the earliest frame, row, column and channel."""
    traced = _traced(reference, frames)
    early, late = reference.layers[3], reference.layers[9]
    traced[late][0][0, 0, 0] += 1
    traced[early][2][0, 0, 0] += 1
    traced[early][1][4, 2, 3] -= 2
    traced[early][1][4, 5, 0] += 1
    traced[early][1][5, 0, 0] += 1
    value = int(traced[early][1][4, 2, 3])
    found = first_difference(reference, _Core(traced), frames)  # type: ignore[arg-type]
    assert found == Difference(early, 1, 4, 2, 3, value + 2, value)


def test_a_core_that_stops_is_compared_as_far_as_it_came(
    reference: Reference, frames: list[tuple[np.ndarray, int, bool]]
) -> None:
    traced = {layer: values[:1] for layer, values in _traced(reference, frames).items()}
    with pytest.raises(Deadlock):
        first_difference(reference, _Core(traced, stuck=True), frames)  # type: ignore[arg-type]
    traced[LAYER][0][0, 0, 0] += 1
    found = first_difference(reference, _Core(traced, stuck=True), frames)  # type: ignore[arg-type]
    assert found is not None and found.layer == LAYER


@pytest.mark.parametrize("fault", ["missing", "short", "long", "small", "unknown"])
def test_a_layer_of_which_less_was_shown_is_not_equal(
    reference: Reference, frames: list[tuple[np.ndarray, int, bool]], fault: str
) -> None:
    """What is equal as far as it goes, and does not go far enough: a failure that names the layer."""
    traced = _traced(reference, frames)
    if fault == "missing":
        del traced[LAYER]
    elif fault == "short":
        traced[LAYER].pop()
    elif fault == "long":
        traced[LAYER].append(traced[LAYER][0])
    elif fault == "small":
        traced[LAYER][1] = traced[LAYER][1][:-1]
    else:
        traced["extra"] = []
    with pytest.raises(IncompleteError, match="layer extra" if fault == "unknown" else f"layer {LAYER}"):
        first_difference(reference, _Core(traced), frames)  # type: ignore[arg-type]


def test_a_core_without_one_tap_is_not_equal(
    tiny_core: Path, reference: Reference, frames: list[tuple[np.ndarray, int, bool]], tmp_path: Path
) -> None:
    """The real core, of whose manifest one layer is gone."""
    copy = Path(shutil.copytree(tiny_core, tmp_path / "core"))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["trace"] = [entry for entry in manifest["trace"] if entry["layer"] != LAYER]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(IncompleteError, match=f"layer {LAYER}: the core does not show it"):
        first_difference(reference, CoreModel(copy, trace=True), frames)
