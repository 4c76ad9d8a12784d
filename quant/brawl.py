# SPDX-License-Identifier: BSD-3-Clause
"""Synthetic scenes of people seen by a surveillance camera: calm ones, and fights.

For a network that is to learn from few real clips: what learned from these knows jointed bodies, walks, gestures and
blows at all sizes (docs/training.md says what that is worth). Calm scenes are lively: people walk, run, wave, work,
dance and embrace, vehicles pass, the camera shakes. In a fight two to five people are near each other and strike, kick,
lurch or fall, and others may stand by. All of it is drawn by rule, none of it from any footage.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from shiftcore.quant.actors import (
    Action,
    Actor,
    be_beaten,
    dance,
    embrace,
    fight,
    gesture,
    idle,
    run,
    walk,
    wander,
    work,
)
from shiftcore.quant.scene import Canvas

SECONDS = 2.25
RATES = (10, 12, 15, 20, 25, 30)  # of cameras, frames a second

# What people do around a fight, and where there is none; what stands twice is twice as likely.
BYSTANDERS = (idle, idle, walk, gesture, work)
LIVELY = (walk, walk, run, gesture, dance, work, idle, embrace)


def clip(
    with_fight: bool, rate: int, height: int, width: int, seed: Sequence[int], seconds: float = SECONDS
) -> np.ndarray:
    """One clip, `seconds` long at `rate` frames a second: uint8 `[T, height, width, 3]`, RGB. The same `seed` gives the
    same scene."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    canvas = Canvas(len(time), height, width)
    canvas.picture[:] = _backdrop(rng, height, width)
    half = width / height / 2  # how far the picture reaches to either side of its middle
    size = float(np.exp(rng.uniform(np.log(0.22), np.log(0.85))))
    cast = _fight(rng, size, half) if with_fight else _calm(rng, size, half)
    if not with_fight and rng.random() < 0.15:
        _draw_vehicle(canvas, rng, time, size, half)
    for actor in sorted(cast, key=lambda actor: actor.y):
        actor.draw(canvas, rng, time)
    return _film(canvas.picture, rng, time)


def _actor(rng: np.random.Generator, action: Action, x: float, y: float, size: float, facing: float) -> Actor:
    grays = rng.uniform([0.02, 0.02, 0.3], [0.9, 0.6, 0.8])[:, None]
    return Actor(action, x, y, size, facing, np.clip(grays * rng.uniform(0.8, 1.2, (3, 3)), 0, 1))


def _crowd(rng: np.random.Generator, size: float, half: float, count: int, does: Sequence[Action]) -> list[Actor]:
    """`count` people anywhere, each doing something of `does`."""
    return [
        _actor(
            rng,
            does[int(rng.integers(len(does)))],
            0.5 + rng.uniform(-half, half),
            rng.uniform(0.45 + 0.3 * size, 1.1),
            size * rng.uniform(0.75, 1.2),
            rng.choice([-1.0, 1.0]),
        )
        for _ in range(count)
    ]


def _fight(rng: np.random.Generator, size: float, half: float) -> list[Actor]:
    count = rng.choice([2, 2, 2, 3, 4, 5])
    x, y = 0.5 + rng.uniform(-0.75, 0.75) * half, rng.uniform(0.5 + 0.4 * size, 1.05)
    apart, beaten = size * rng.uniform(0.25, 0.55), rng.random() < 0.3
    cast = []
    for place in range(count):
        facing = 1.0 if place == 0 or (place < count - 1 and rng.random() < 0.5) else -1.0
        action = be_beaten if beaten and place == count // 2 else fight
        feet = y + rng.uniform(-0.08, 0.08) * size
        cast.append(
            _actor(rng, action, x + apart * place - 0.2 * size * count, feet, size * rng.uniform(0.9, 1.1), facing)
        )
    return cast + _crowd(rng, size, half, rng.choice([0, 0, 1, 2, 4]), BYSTANDERS)


def _calm(rng: np.random.Generator, size: float, half: float) -> list[Actor]:
    """An empty place, or two who meet and others, or up to six people."""
    kind = rng.random()
    if kind < 0.12:
        return []
    if kind > 0.35:
        return _crowd(rng, size, half, int(rng.integers(1, 7)), LIVELY)
    x, y = 0.5 + rng.uniform(-half, half), rng.uniform(0.45 + 0.3 * size, 1.1)
    apart = size * rng.uniform(0.25, 0.5)
    pair = [
        _actor(rng, embrace, x, y, size, 1.0),
        _actor(rng, embrace, x + apart, y + 0.01, size, -1.0),
    ]
    return pair + _crowd(rng, size, half, int(rng.integers(0, 4)), LIVELY)


def _draw_vehicle(canvas: Canvas, rng: np.random.Generator, time: np.ndarray, size: float, half: float) -> None:
    """Something long that passes, behind the people."""
    x, y = 0.5 + rng.uniform(-half, half), rng.uniform(0.3, 0.9)
    way = rng.uniform(0.1, 1) * rng.choice([-1, 1]) * (time - time.mean())
    length = size * rng.uniform(0.1, 0.6)
    canvas.limb((x + way, y + 0 * time), (x + length + way, y + 0 * time), 0.25 * size, rng.uniform(0.05, 0.95, 3), 1)


def _backdrop(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A place: slow changes of light over the picture, a floor, things; float32 `[height, width, 3]`, 0 to 1."""
    coarse = rng.normal(0, 1, (*rng.integers(2, 6, 2), 3)).astype(np.float32).mean(2, keepdims=True).repeat(3, 2)
    light = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    place = light * rng.uniform(0.03, 0.2) + rng.uniform(0.25, 0.75) * rng.uniform(0.9, 1.1, 3)
    place[int(rng.uniform(0.1, 0.6) * height) :] += rng.uniform(-0.2, 0.2)
    for _ in range(rng.integers(3, 14)):
        top, left = rng.integers(-height // 10, height), rng.integers(-width // 14, width)
        tall, wide = rng.integers(2, height // 3), rng.integers(2, width // 3)
        colour = rng.uniform(0.05, 0.95) * rng.uniform(0.8, 1.2, 3)
        place[max(0, top) : max(0, top + tall), max(0, left) : max(0, left + wide)] = 0.8 * colour + 0.2 * place.mean()
    return cv2.GaussianBlur(place.astype(np.float32), (0, 0), 0.6 * height / 96)


def _film(picture: np.ndarray, rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """What a camera makes of `picture`, float `[T, H, W, 3]`: one in four shakes or turns, half are out of focus; haze,
    flicker and noise. Returns uint8."""
    height = picture.shape[1]
    if rng.random() < 0.25:
        offset = rng.uniform(0.2, 1.5) * wander(rng, time, rng.uniform(0.3, 2), 2)
        if rng.random() < 0.5:
            offset += rng.uniform(-12, 12, (2, 1)) * (time - time.mean())
        picture = np.stack(list(map(_shifted, picture, offset.T * height / 96)))
    if rng.random() < 0.5:
        blur = rng.uniform(0.4, 1.2) * height / 96
        picture = np.stack([cv2.GaussianBlur(frame, (0, 0), blur) for frame in picture])
    contrast = rng.uniform(0.35, 1)
    picture = (picture - 0.5) * contrast + 0.5 + rng.uniform(-0.25, 0.25) * (1.1 - contrast)
    picture *= 1 + (rng.uniform(0, 0.03) * wander(rng, time, rng.uniform(0.3, 4)))[:, None, None, None]
    noise = rng.standard_normal((*picture.shape[:3], 1), np.float32) * rng.uniform(0.002, 0.025)
    return (255 * np.clip(picture + noise, 0, 1)).round().astype(np.uint8)


def _shifted(frame: np.ndarray, offset: np.ndarray) -> np.ndarray:
    matrix = np.array([[1, 0, offset[0]], [0, 1, offset[1]]], np.float32)
    return cv2.warpAffine(frame, matrix, frame.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
