# SPDX-License-Identifier: BSD-3-Clause
"""The tasks of time: the same frames in every class, in other orders, and nothing else to tell them by."""

from collections.abc import Iterator

import numpy as np
import pytest

from shiftcore.quant import orders, synthetic
from shiftcore.quant.data import render
from tests.quant import topologies

SHAPE = (12, 32, 32)
LABELLED = [(task, label) for task, names in orders.CLASSES.items() for label in range(len(names))]


def _blocks(clip: np.ndarray) -> np.ndarray:
    """Means of 4x4 pixels, `[T, H / 4, W / 4, 3]`: noise is nearly gone, what moves is not."""
    frames, height, width, _ = clip.shape
    return clip.reshape(frames, height // 4, 4, width // 4, 4, 3).mean((2, 4))


def _seeds() -> Iterator[tuple[int, int]]:
    return ((5, index) for index in range(6))


def test_each_task_is_an_event_of_its_own() -> None:
    for task, names in orders.CLASSES.items():
        assert synthetic.class_names((task,)) == list(names)
        through_events = synthetic.clip((task,), 1, SHAPE, (1, 0))
        assert np.array_equal(through_events, orders.clip(task, 1, SHAPE, (1, 0)))


@pytest.mark.parametrize(("task", "label"), LABELLED)
@pytest.mark.parametrize("shape", [SHAPE, (3, 24, 40), (17, 96, 96)])
def test_clips_of_any_size_repeat(task: str, label: int, shape: tuple[int, int, int]) -> None:
    first, again, other = (orders.clip(task, label, shape, seed) for seed in ((1, 0), (1, 0), (1, 1)))
    assert first.shape == (*shape, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("task", orders.CLASSES)
@pytest.mark.parametrize("frames", [8, 12, 14])
def test_classes_are_different_orders_of_all_frames(task: str, frames: int) -> None:
    found = [orders.order(task, label, frames) for label in range(len(orders.CLASSES[task]))]
    assert all(sorted(order) == list(range(frames)) for order in found)
    assert len({tuple(order) for order in found}) == len(found)


@pytest.mark.parametrize("task", ["arrow", "put_take"])
def test_backward_is_forward_in_reverse(task: str) -> None:
    """But for the noise of each frame; in the order as it comes the two are different."""
    for seed in _seeds():
        forward, backward = (_blocks(orders.clip(task, label, SHAPE, seed)) for label in (0, 1))
        assert np.abs(forward - backward[::-1]).max() < 15
        assert np.abs(forward - backward).max() > 30


def test_counts_of_passes_share_their_frames() -> None:
    for seed in _seeds():
        clips = [_blocks(orders.clip("passes", label, SHAPE, seed)) for label in range(3)]
        for label, clip in enumerate(clips[1:], 1):
            as_once = clip[np.argsort(orders.order("passes", label, len(clip)))]
            assert np.abs(clips[0] - as_once).max() < 15
            assert np.abs(clips[0] - clip).max() > 30


def _jacket(picture: np.ndarray) -> np.ndarray:
    """The middle column of the signal jacket in each frame, `[T]`, of a picture in linear light."""
    orange = (picture[..., 0] > 0.7) & (picture[..., 1] < 0.4) & (picture[..., 2] < 0.1)
    columns = np.arange(picture.shape[2])
    return (orange.sum(1) * columns).sum(1) / orange.sum((1, 2))


@pytest.mark.parametrize("label", [0, 1, 2])
def test_the_gate_is_passed_as_often_as_the_class_says(label: int) -> None:
    sides = []
    for seed in range(20):
        picture = orders._draw("passes", (12, 64, 64), np.random.default_rng(seed))
        x = _jacket(picture)[orders.order("passes", label, 12)]
        left = x < (x.min() + x.max()) / 2
        assert (left[1:] != left[:-1]).sum() == label + 1
        assert left.sum() == 6
        sides.append(left)
    share = np.mean(sides, 0)
    assert share.min() > 0.2 and share.max() < 0.8  # no place in the clip has its side


def test_no_clock_runs_in_the_picture() -> None:
    """Where nothing moves, a frame of one time is as bright as a frame of another."""
    for seed in _seeds():
        wall = orders.clip("passes", 0, (12, 96, 96), seed)[:, :8].mean((1, 2, 3))
        assert np.ptp(wall) < 1


def _features(clips: np.ndarray) -> np.ndarray:
    """What is left of each clip when the order of its frames is forgotten: each block's mean, spread and extremes."""
    grey = np.stack([_blocks(clip).mean(-1).reshape(len(clip), -1) for clip in clips])
    return np.concatenate([grey.mean(1), grey.std(1), grey.min(1), grey.max(1)], axis=1)


def _steps(clips: np.ndarray) -> np.ndarray:
    """What the order adds: the mean size of the change from frame to frame, brighter and darker, and the change from
    the first quarter to the last."""
    grey = np.stack([_blocks(clip).mean(-1).reshape(len(clip), -1) for clip in clips])
    steps = np.diff(grey, axis=1)
    return np.concatenate([np.abs(steps).mean(1), grey[:, -3:].mean(1) - grey[:, :3].mean(1)], axis=1)


def _linear_accuracy(features: np.ndarray, labels: np.ndarray) -> float:
    """On the last third, of a ridge classifier taught on the rest."""
    features = (features - features.mean(0)) / (features.std(0) + 1e-9)
    cut = len(labels) * 2 // 3
    teach, targets = features[:cut], np.eye(labels.max() + 1)[labels[:cut]]
    weights = np.linalg.solve(teach.T @ teach + 100 * np.eye(teach.shape[1]), teach.T @ targets)
    return float(((features[cut:] @ weights).argmax(1) == labels[cut:]).mean())


@pytest.mark.parametrize("task", orders.CLASSES)
def test_frames_without_their_order_say_nothing(task: str) -> None:
    """A linear classifier stays at chance without the order, and the same classifier does not with it."""
    clips, labels = render(topologies.TINY.with_(data={"events": (task,), "num_segments": 12}), 900, seed=77)
    chance = 1 / len(orders.CLASSES[task])
    assert abs(_linear_accuracy(_features(clips), labels) - chance) < 0.09  # three standard deviations
    assert _linear_accuracy(_steps(clips), labels) > chance + 0.15
