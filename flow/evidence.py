# SPDX-License-Identifier: BSD-3-Clause
"""Where in a video the evidence for an alarm lies (model.class_map), and how it is shown."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shiftcore.errors import UserError
from shiftcore.flow.inputs import inputs
from shiftcore.model.class_map import ClassMap
from shiftcore.model.decision import Decision
from shiftcore.model.preprocess import Preprocessor, crop_size
from shiftcore.model.reference import Reference

RED = np.array([230, 20, 20], np.float32)
STRONGEST = 0.6  # how much of the picture the colour covers where the evidence is strongest


@dataclass(frozen=True)
class Evidence:
    """After an input, `seconds` into the video: the alarm's `score`, 0 to 1, and what in the inputs of the decision,
    from `since` on, speaks for its likeliest class at each place, `map` (`Why.evidence`, int64 `[rows, columns]`),
    whose places are at the shares `rows` and `columns` of the picture's height and width. `seen`: the part of the
    picture that the input shows: top, left, bottom, right, in shares too."""

    since: float
    seconds: float
    score: float
    map: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    seen: tuple[float, float, float, float]

    @property
    def peak(self) -> tuple[float, float]:
        """Where in the picture the evidence is strongest, row and column in shares: the centre of gravity of what
        speaks for the class around the largest place, since places lie far apart."""
        row, column = np.unravel_index(self.map.argmax(), self.map.shape)
        around = np.ix_(_beside(int(row), len(self.rows)), _beside(int(column), len(self.columns)))
        weights = np.maximum(self.map[around], 0).astype(np.float64)
        if not weights.any():
            return float(self.rows[row]), float(self.columns[column])
        rows, columns = self.rows[around[0][:, 0]], self.columns[around[1][0]]
        return float(rows @ weights.sum(1) / weights.sum()), float(columns @ weights.sum(0) / weights.sum())

    def drawn(self, picture: np.ndarray, strongest: float) -> np.ndarray:
        """`picture`, uint8 `[H, W, 3]`, the whole one at any size, reddened where something speaks for the class; most
        where it reaches `strongest`, above 0."""
        rows, columns = ((np.arange(size) + 0.5) / size for size in picture.shape[:2])
        across = np.array([np.interp(columns, self.columns, line) for line in self.map])
        heat = np.array([np.interp(rows, self.rows, line) for line in across.T]).T
        top, left, bottom, right = self.seen
        heat[(rows < top) | (rows > bottom)] = 0
        heat[:, (columns < left) | (columns > right)] = 0
        cover = (STRONGEST * np.clip(heat / strongest, 0, 1))[..., None].astype(np.float32)
        return np.asarray((picture * (1 - cover) + RED * cover).round(), np.uint8)


def _beside(index: int, count: int) -> range:
    return range(max(0, index - 1), min(count, index + 2))


def gather(reference: Reference, path: Path, upto: float = np.inf) -> Iterator[Evidence]:
    """The evidence after each input of the video at `path`, as the runtime sees it, until `upto` seconds. Raises
    UserError for a video that cannot be read, and for a model that raises no alarm or says nothing of places."""
    description, indices = reference.description, reference.description.alarm_indices
    if not indices:
        raise UserError(f"{description.preset.name}: none of its classes raises an alarm")
    try:
        maps = ClassMap(reference)
    except ValueError as error:
        raise UserError(f"{description.preset.name}: where its evidence lies cannot be told: {error}") from None
    prepare, decisions = Preprocessor(description), reference.decisions()
    times: deque[float] = deque(maxlen=description.num_segments)
    for frame, pixels, clear in inputs(path, prepare, description.preprocess.images_per_second):
        if frame.seconds > upto:
            return
        if pixels is None:
            continue
        why = maps.infer(pixels, clear)
        times.append(frame.seconds)
        decision, score = decisions.update(why.logits, clear=clear)
        top, left, bottom, right = seen = _seen(frame.pixels, prepare)
        yield Evidence(
            times[0],
            frame.seconds,
            score,
            why.evidence(_likeliest(decision, indices)),
            top + maps.rows * (bottom - top),
            left + maps.columns * (right - left),
            seen,
        )


def _likeliest(decision: Decision, indices: list[int]) -> int:
    return max(indices, key=lambda index: int(decision.total[index]))


def _seen(pixels: np.ndarray, prepare: Preprocessor) -> tuple[float, float, float, float]:
    """The part of a picture that `model.preprocess.to_input` takes, in shares of its height and width."""
    shares = np.array(crop_size(pixels, prepare.height, prepare.width)) / pixels.shape[:2]
    (top, left), (bottom, right) = (1 - shares) / 2, (1 + shares) / 2
    return float(top), float(left), float(bottom), float(right)
