# SPDX-License-Identifier: BSD-3-Clause
"""The scene: repeatable, of any size, and silent about its class without the order of its frames."""

import numpy as np
import pytest

from shiftcore.quant import scene, synthetic
from shiftcore.quant.data import render
from tests.quant import topologies

EVENTS = ("door", "object")


def test_class_names_are_all_orders() -> None:
    assert synthetic.class_names(("door",)) == ["enter", "leave"]
    assert synthetic.class_names(EVENTS) == ["enter_put", "enter_pick", "leave_put", "leave_pick"]


@pytest.mark.parametrize("shape", [(8, 32, 32), (3, 24, 40), (1, 96, 96)])
def test_clips_of_any_size_repeat(shape: tuple[int, int, int]) -> None:
    first, again, other = (synthetic.clip(EVENTS, 2, shape, seed) for seed in ((1, 0), (1, 0), (1, 1)))
    assert first.shape == (*shape, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_a_wider_picture_shows_the_same_square() -> None:
    """What a preset of square input sees of a wide video is what it was trained on."""

    def painted(width: int) -> np.ndarray:
        canvas = scene.Canvas(1, 24, width)
        canvas.box(0.4, 0.6, 0.2, 0.1, (1.0, 0.5, 0.2))
        return canvas.picture

    assert np.allclose(painted(40)[:, :, 8:32], painted(24), atol=1e-5)


def test_backward_is_forward_in_reverse() -> None:
    """Of the same seed, the two classes of an event differ in the event's direction alone."""
    time = (np.arange(8) + 0.5) / 8
    for make in (lambda rng, t: [synthetic._door_user(rng, t, 0.4)], synthetic._object_bearer):
        forward = make(np.random.default_rng(3), time)
        backward = make(np.random.default_rng(3), 1 - time)
        for one, other in zip(forward, backward, strict=True):
            for a, b in zip(one, other, strict=True):
                timed = len(np.atleast_1d(a)) == 8
                assert np.allclose(a, b[::-1] if timed else b)


def test_frames_without_their_order_say_nothing() -> None:
    """A linear classifier of each pixel's mean, spread, smallest and largest value over the clip stays at chance."""
    clips, labels = render(topologies.TINY, 1600, seed=77)
    grey = clips.mean(-1).reshape(1600, 8, 8, 4, 8, 4).mean((3, 5)).reshape(1600, 8, 64)
    features = np.concatenate([grey.mean(1), grey.std(1), grey.min(1), grey.max(1)], axis=1)
    features = (features - features.mean(0)) / features.std(0)
    train, test = slice(0, 1000), slice(1000, 1600)
    targets = np.eye(4)[labels]
    weights = np.linalg.solve(
        features[train].T @ features[train] + 100 * np.eye(256), features[train].T @ targets[train]
    )
    accuracy = ((features[test] @ weights).argmax(1) == labels[test]).mean()
    assert 0.18 < accuracy < 0.32  # chance 0.25, standard deviation 0.018
