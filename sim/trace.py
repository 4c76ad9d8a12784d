# SPDX-License-Identifier: BSD-3-Clause
"""Every layer of the RTL against the reference; where they differ, the first place is named."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from shiftcore.model.reference import Reference
from shiftcore.sim.core import CoreError, CoreModel

FrameInContext = tuple[np.ndarray, int, bool]
"""uint8 pixels [H, W, C], stream, clear."""


@dataclass(frozen=True)
class Difference:
    """The first value in which the RTL differs: in the first differing layer in order of execution, its first frame
    (counted from 0), row, column and channel."""

    layer: str
    frame: int
    row: int
    column: int
    channel: int
    reference: int
    rtl: int

    def __str__(self) -> str:
        where = f"layer {self.layer}, frame {self.frame}, pixel ({self.row}, {self.column}), channel {self.channel}"
        return f"{where}: the reference has {self.reference}, the RTL has {self.rtl}"


class IncompleteError(RuntimeError):
    """A layer of which the core showed nothing, or less than was sent: it cannot be said to be equal."""


def first_difference(reference: Reference, model: CoreModel, frames: Iterable[FrameInContext]) -> Difference | None:
    """Run `frames` through both from reset and compare every layer of the reference; None if all is equal.

    `model` was made with `trace=True`. A core that stops halfway is compared as far as it came; its `CoreError` is
    raised where that shows no difference. Raises IncompleteError for a layer of only one of the two, and where a core
    that did not stop showed another number of frames than were sent, or values of another shape.
    """
    reference.reset()
    model.reset()
    expected: dict[str, list[np.ndarray]] = {layer: [] for layer in reference.layers}
    for pixels, stream, clear in frames:
        values: dict[str, np.ndarray] = {}
        reference.infer(pixels, stream, clear, values)
        for layer in reference.layers:
            expected[layer].append(values[layer])
        model.push(pixels, stream, clear)
    stopped = None
    try:
        model.run()
    except CoreError as error:
        stopped = error
    difference = _first(expected, model.trace(), stopped is not None)
    if stopped and not difference:
        raise stopped
    return difference


def _first(
    expected: dict[str, list[np.ndarray]], traced: dict[str, list[np.ndarray]], stopped: bool
) -> Difference | None:
    if other := sorted(set(expected) ^ set(traced)):
        where = "the core does not show it" if other[0] in expected else "the reference has no such layer"
        raise IncompleteError(f"layer {other[0]}: {where}; is the core of another network?")
    for layer, wanted in expected.items():
        shown = len(traced[layer])
        if shown > len(wanted) or (shown < len(wanted) and not stopped):
            raise IncompleteError(f"layer {layer}: {len(wanted)} frames were sent, the core showed {shown}")
        for frame, got in enumerate(traced[layer]):
            if difference := _compare(layer, frame, wanted[frame], got):
                return difference
    return None


def _compare(layer: str, frame: int, want: np.ndarray, got: np.ndarray) -> Difference | None:
    if got.size != want.size:
        raise IncompleteError(f"layer {layer}, frame {frame}: {got.size} values instead of {want.size}")
    got = got.reshape(want.shape)
    if np.array_equal(want, got):
        return None
    row, column, channel = (int(i) for i in np.argwhere(want != got)[0])
    place: Any = (row, column, channel)
    return Difference(layer, frame, row, column, channel, int(want[place]), int(got[place]))
