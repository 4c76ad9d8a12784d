# SPDX-License-Identifier: BSD-3-Clause
"""What every synthetic scene is drawn with: a canvas, a room, people, and the camera that looks at them.

Coordinates: x and y run over the picture's central square from 0 to 1, y downward; a wider picture shows more at the
sides. A figure's place is where its feet are, its size follows from their y. Time runs from 0 to 1 over the clip.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

Point = tuple[ArrayLike, ArrayLike]

WALL_BASE = 0.48  # where the floor meets the back wall


class Canvas:
    """A clip in linear light, float32 `[T, H, W, 3]`, 0 to 1, onto which shapes with soft edges are painted."""

    def __init__(self, frames: int, height: int, width: int) -> None:
        self.picture = np.zeros((frames, height, width, 3), np.float32)
        self.pixel = 1 / height
        self.y = ((np.arange(height, dtype=np.float32) + 0.5) / height)[None, :, None]
        self.x = ((np.arange(width, dtype=np.float32) + 0.5 - width / 2) / height + 0.5)[None, None, :]

    def box(self, x: ArrayLike, y: ArrayLike, half: ArrayLike, tall: ArrayLike, colour: ArrayLike) -> None:
        """A rectangle around (x, y), `half` its width and `tall` its height to either side; each `[T]` or a number."""
        x, y, half, tall = _columns(x, y, half, tall)
        rows, columns = self._window(x - half, x + half, y - tall, y + tall)
        across = np.clip((half - np.abs(self.x[:, :, columns] - x)) / self.pixel + 0.5, 0, 1)
        along = np.clip((tall - np.abs(self.y[:, rows] - y)) / self.pixel + 0.5, 0, 1)
        self._paint(rows, columns, across * along, colour)

    def limb(self, start: Point, end: Point, radius: ArrayLike, colour: ArrayLike, cover: ArrayLike) -> None:
        """A line of round ends from `start` to `end`, (x, y) of `[T]` each, of `radius` `[T]`, `cover` `[T]` opaque."""
        x0, y0, x1, y1, radius, cover = _columns(*start, *end, radius, cover)
        left, right = np.minimum(x0, x1) - radius, np.maximum(x0, x1) + radius
        rows, columns = self._window(left, right, np.minimum(y0, y1) - radius, np.maximum(y0, y1) + radius)
        x, y = self.x[:, :, columns] - x0, self.y[:, rows] - y0
        dx, dy = x1 - x0, y1 - y0
        along = np.clip((x * dx + y * dy) / (dx * dx + dy * dy + 1e-9), 0, 1)
        distance = np.hypot(x - along * dx, y - along * dy)
        self._paint(rows, columns, np.clip((radius - distance) / self.pixel + 0.5, 0, 1) * cover, colour)

    def _window(self, left: np.ndarray, right: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> tuple[slice, slice]:
        """The rows and columns that a shape touches in any frame."""
        middle = self.x.size / 2 - 0.5 / self.pixel
        columns = slice(_index(left.min() / self.pixel + middle - 1), _index(right.max() / self.pixel + middle + 2))
        return slice(_index(top.min() / self.pixel - 1), _index(bottom.max() / self.pixel + 2)), columns

    def _paint(self, rows: slice, columns: slice, cover: np.ndarray, colour: ArrayLike) -> None:
        part = self.picture[:, rows, columns]
        part += cover[..., None] * (np.asarray(colour, np.float32) - part)


def _columns(*values: ArrayLike) -> list[np.ndarray]:
    """Each value, a number or `[T]`, as float32 `[T, 1, 1]`."""
    return [np.asarray(value, np.float32).reshape(-1, 1, 1) for value in values]


def _index(place: float) -> int:
    return max(0, int(place))


class Figure(NamedTuple):
    """A walking person: feet at (x, y), each `[T]`; `cover` `[T]` is 0 where out of sight, 1 where in sight."""

    x: np.ndarray
    y: np.ndarray
    cover: np.ndarray
    stride: np.ndarray  # phase of the legs, radians
    clothes: np.ndarray

    @property
    def size(self) -> np.ndarray:
        return 0.24 + 0.62 * (self.y - WALL_BASE)

    def draw(self, canvas: Canvas) -> None:
        x, y, size, cover = self.x, self.y, self.size, self.cover
        coat, trousers, skin = self.clothes
        hip = (x, y - 0.45 * size)
        for side in (-1, 1):
            foot = (x + side * 0.13 * size * np.sin(self.stride), y - 0.04 * size)
            canvas.limb(hip, foot, 0.07 * size, trousers, cover)
        canvas.limb((x, y - 0.72 * size), hip, 0.13 * size, coat, cover)
        head = (x, y - 0.91 * size)
        canvas.limb(head, head, 0.09 * size, skin, cover)


def random_clothes(rng: np.random.Generator) -> np.ndarray:
    """The colours of coat, trousers and skin, linear light `[3, 3]`."""
    coat = rng.uniform(0.02, 0.25, 3)
    return np.stack([coat, rng.uniform(0.02, 0.1) * np.ones(3), np.array([0.5, 0.35, 0.27]) * rng.uniform(0.4, 1.2)])


def walking(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """The phase `[T]` of the legs of someone who walks all the time, radians."""
    return rng.uniform(0, 2 * np.pi) + 2 * np.pi * rng.uniform(2, 4) * time


def standing(rng: np.random.Generator, time: np.ndarray, x: float, y: float) -> Figure:
    """Someone who stands at (x, y) all the time."""
    still = np.zeros_like(time)
    return Figure(x + still, y + still, 1 + still, 0.6 + still, random_clothes(rng))


def passer_by(rng: np.random.Generator, time: np.ndarray) -> Figure:
    """Crosses the room to the left or to the right, or stands about."""
    speed = rng.choice([-1, 0, 1]) * rng.uniform(0.2, 0.7)
    x = rng.uniform(0, 1) + speed * (time - 0.5)
    y = rng.uniform(0.55, 0.98) + np.zeros_like(time)
    stride = walking(rng, time) if speed else np.full_like(time, 0.6)
    return Figure(x, y, np.ones_like(time), stride, random_clothes(rng))


def draw_room(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Wall, floor, furniture and pictures. Returns the wall's colour."""
    wall = rng.uniform(0.35, 0.7) * rng.uniform(0.85, 1.15, 3)
    floor = rng.uniform(0.3, 0.6) * rng.uniform(0.85, 1.15, 3)
    canvas.box(0.5, WALL_BASE / 2, 4, WALL_BASE / 2 + 0.01, wall)
    canvas.box(0.5, (1 + WALL_BASE) / 2, 4, (1 - WALL_BASE) / 2, floor)
    canvas.box(0.5, WALL_BASE, 4, 0.008, wall * 0.4)
    for _ in range(rng.integers(3, 7)):  # things on the wall
        half, tall = rng.uniform(0.02, 0.1, 2)
        canvas.box(rng.uniform(-0.2, 1.2), rng.uniform(0.05, 0.3), half, tall, rng.uniform(0.1, 0.9, 3))
    for _ in range(rng.integers(2, 5)):  # furniture along the wall
        tall = rng.uniform(0.04, 0.14)
        x, half = rng.uniform(-0.2, 1.2), rng.uniform(0.04, 0.12)
        canvas.box(x, WALL_BASE + 0.04 - tall, half, tall, rng.uniform(0.05, 0.5) * rng.uniform(0.6, 1.0, 3))
    return wall


def expose(light: np.ndarray, rng: np.random.Generator, drift: float = 0.2) -> np.ndarray:
    """Camera and lamps: day or night, a slow change of light of either sign by up to the share `drift`, shadows at the
    rim, noise of each frame's own. `light`: float `[T, H, W, 3]`; returns uint8 of that shape."""
    frames, height, width, _ = light.shape
    night = rng.random() < 0.35
    level = rng.uniform(0.25, 0.5) if night else rng.uniform(0.7, 1.2)
    change = 1 + rng.uniform(-drift, drift) * np.linspace(-1, 1, frames)
    tint = np.array([0.85, 0.95, 1.15]) if night else rng.uniform(0.95, 1.05, 3)
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    rim = 1 - rng.uniform(0.05, 0.2) * (x * x + y * y)
    lit = light * (level * change)[:, None, None, None] * rim[None, :, :, None] * tint
    noise = rng.normal(0, 0.022 if night else 0.012, light.shape)
    return np.clip(np.round(255 * (np.sqrt(np.clip(lit, 0, 1)) + noise)), 0, 255).astype(np.uint8)
