# SPDX-License-Identifier: BSD-3-Clause
"""The bias floor: how much of a data set's labels can be told without looking.

A linear classifier that sees only a video's size, rate, length, brightness, or how much moves, tested on sources it has
not seen. A network has learned the action only where it does better than that.

The classifier and the signatures are some lines each, written out: scikit-learn and imagehash, which have them as well,
would be two dependencies for nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from scipy.optimize import minimize  # type: ignore[import-untyped]
from scipy.special import log_softmax, softmax  # type: ignore[import-untyped]

from shiftcore.flow.thumbnail import thumbnail
from shiftcore.model import video
from shiftcore.model.preprocess import gray
from shiftcore.quant import metrics, splits
from shiftcore.quant.frames import content
from shiftcore.quant.layouts import Dataset, Sample

FOLDS = 5
SIGNATURE_PX = 8  # a video's signature: this many pixels a side of three frames, above or below their mean


@dataclass
class Facts:
    """What is known of one video without understanding it. `motion`: mean absolute change of a gray level from one
    frame to the next, on 32x32 pixels; `signature`: bits of what it looks like; `picture`: a frame one second in."""

    sample: Sample
    width: int
    height: int
    rate: float
    frames: int
    brightness: float
    contrast: float
    motion: float
    digest: str
    signature: np.ndarray
    picture: str

    @property
    def seconds(self) -> float:
        return self.frames / self.rate


def examine(sample: Sample) -> Facts:
    """Decode a video and measure it. Raises UserError for one that cannot be read."""
    rate = video.rate(sample.path)
    small, size, seen = [], (0, 0), None
    for index, image in enumerate(video.frames(sample.path)):
        size = image.shape[1], image.shape[0]
        small.append(np.asarray(Image.fromarray(gray(image)).resize((32, 32), Image.Resampling.BOX), np.float32))
        seen = image if index <= rate else seen  # by then what fades in or starts up has done so
    grays = np.stack(small)
    assert seen is not None
    return Facts(
        sample,
        *size,
        rate,
        len(grays),
        float(grays.mean()),
        float(grays.std(axis=(1, 2)).mean()),
        float(np.abs(np.diff(grays, axis=0)).mean()) if len(grays) > 1 else 0.0,
        content(sample.path),
        _signature(grays),
        thumbnail(seen),
    )


def _signature(grays: np.ndarray) -> np.ndarray:
    """Mean hashes (as perceptual hashing calls them) of the first, middle and last frame: bool `[3 * 64]`."""
    chosen = grays[[0, len(grays) // 2, -1]].reshape(3, SIGNATURE_PX, 4, SIGNATURE_PX, 4).mean((2, 4))
    return (chosen > chosen.mean((1, 2), keepdims=True)).reshape(-1)


def features(facts: Sequence[Facts]) -> dict[str, np.ndarray]:
    """What each bias classifier sees, `[videos, values]`."""
    size = np.array([[f.width, f.height, f.width / f.height] for f in facts])
    shapes = sorted({(f.width, f.height) for f in facts})
    which = np.array([[(f.width, f.height) == shape for shape in shapes] for f in facts], float)
    length = np.array([[f.rate, f.frames, f.seconds] for f in facts])
    light = np.array([[f.brightness, f.contrast] for f in facts])
    motion = np.array([[f.motion, np.log(f.motion + 0.1)] for f in facts])
    sets = {"size": np.hstack([size, which]), "rate and length": length, "brightness": light, "motion": motion}
    return sets | {"all of these": np.hstack(list(sets.values()))}


def bias_floor(dataset: Dataset, facts: Sequence[Facts]) -> dict[str, dict[str, Any]]:
    """How well each set of `features` tells the labels of unseen sources: accuracy and (mean one-against-the-rest) AUC,
    pooled over five folds by source, with 95 % intervals over sources. Raises UserError as `splits.folds`."""
    labelled = [fact for fact in facts if fact.sample.label is not None]
    known = {fact.sample: index for index, fact in enumerate(labelled)}
    parts = splits.folds(Dataset(dataset.layout, list(known), dataset.sources_known), FOLDS)
    labels = np.array([dataset.classes.index(str(fact.sample.label)) for fact in labelled])
    sources = [fact.sample.source for fact in labelled]
    result: dict[str, dict[str, Any]] = {
        "the largest class": {"accuracy": float(np.bincount(labels).max() / len(labels)), "auc": 0.5}
    }
    for name, values in features(labelled).items():
        guesses = np.zeros((len(labelled), len(dataset.classes)))
        for part in parts:
            held = np.array([known[sample] for sample in part])
            teach = np.setdiff1d(np.arange(len(labelled)), held)
            guesses[held] = _softmax_regression(values[teach], labels[teach], values[held], len(dataset.classes))
        right = guesses.argmax(1) == labels
        result[name] = {
            "accuracy": float(right.mean()),
            "accuracy_ci95": metrics.interval(lambda hits: float(hits.mean()), sources, right),
            "auc": _mean_auc(labels, guesses),
            "auc_ci95": metrics.interval(_mean_auc, sources, labels, guesses),
        }
    return result


def _mean_auc(labels: np.ndarray, guesses: np.ndarray) -> float:
    each = [metrics.auc(labels == index, guesses[:, index]) for index in range(guesses.shape[1])]
    return float(np.nanmean(each)) if not np.isnan(each).all() else float("nan")


def _softmax_regression(teach: np.ndarray, labels: np.ndarray, held: np.ndarray, classes: int) -> np.ndarray:
    """Probabilities `[held, classes]` of a linear softmax classifier with a ridge of 1 on standardized values."""
    mean, deviation = teach.mean(0), teach.std(0) + 1e-9
    teach, held = ((values - mean) / deviation for values in (teach, held))
    teach, held = (np.hstack([values, np.ones((len(values), 1))]) for values in (teach, held))

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(-1, classes)
        logs = log_softmax(teach @ weights, axis=1)
        slope = np.exp(logs)
        slope[np.arange(len(labels)), labels] -= 1
        gradient = teach.T @ slope + weights
        return float(-logs[np.arange(len(labels)), labels].sum() + (weights**2).sum() / 2), gradient.reshape(-1)

    found = minimize(loss, np.zeros(teach.shape[1] * classes), jac=True, method="L-BFGS-B")
    return np.asarray(softmax(held @ found.x.reshape(-1, classes), axis=1))
