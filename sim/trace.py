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


def first_difference(reference: Reference, model: CoreModel, frames: Iterable[FrameInContext]) -> Difference | None:
    """Run `frames` through both from reset and compare every layer that the core traces; None if all is equal.

    `model` was made with `trace=True`. A core that stops halfway is compared as far as it came; its `CoreError` is
    raised where that shows no difference.
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
    traced = model.trace()
    for layer in reference.layers:
        for frame, (want, got) in enumerate(zip(expected[layer], traced.get(layer, []), strict=False)):
            difference = _compare(layer, frame, want, got)
            if difference:
                return difference
    if stopped:
        raise stopped
    return None


def _compare(layer: str, frame: int, want: np.ndarray, got: np.ndarray) -> Difference | None:
    got = got.reshape(want.shape)
    if np.array_equal(want, got):
        return None
    row, column, channel = (int(i) for i in np.argwhere(want != got)[0])
    place: Any = (row, column, channel)
    return Difference(layer, frame, row, column, channel, int(want[place]), int(got[place]))
