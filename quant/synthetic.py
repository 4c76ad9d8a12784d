"""A procedural CCTV scene whose classes differ only in the order of time.

A fixed camera looks into a cluttered room with a door in the back wall. A clip holds up to two events, each of which
is played forward or backward: someone comes in through the door (backward: leaves by it), and someone puts an object
down (backward: picks it up). Everything else, the passers-by, the light and the noise, is as likely in either
direction of time. A frame, or any set of frames without their order, therefore says nothing about the class: a
network without time stays at chance.

Coordinates: x and y run over the picture's central square from 0 to 1, y downward; a wider picture shows more at the
sides. A figure's place is where its feet are, its size follows from their y. Time runs from 0 to 1 over the clip.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

EVENTS = {"door": ("enter", "leave"), "object": ("put", "pick")}  # forward, backward

_Point = tuple[ArrayLike, ArrayLike]

_BAG = np.array([0.9, 0.75, 0.1])
_WALL_BASE = 0.48  # where the floor meets the back wall


def class_names(events: Sequence[str]) -> list[str]:
    """All combinations of the events' orders: `("door", "object")` gives enter_put, enter_pick, leave_put, ..."""
    return ["_".join(orders) for orders in itertools.product(*(EVENTS[event] for event in events))]


def clip(events: Sequence[str], label: int, shape: tuple[int, int, int], seed: Sequence[int]) -> np.ndarray:
    """One clip of class `label` (its place in `class_names`) and `shape` (frames, height, width): uint8 `[T, H, W, 3]`,
    RGB. The same `seed` gives the same scene."""
    rng = np.random.default_rng(seed)
    frames, height, width = shape
    time = (np.arange(frames) + 0.5) / frames
    orders = list(itertools.product((False, True), repeat=len(events)))[label]
    canvas = _Canvas(frames, height, width)
    door = rng.uniform(0.25, 0.75)
    _draw_room(canvas, rng, door)

    figures: list[_Figure | _Bag] = [_passer_by(rng, time) for _ in range(rng.integers(1, 3))]
    for event, backward in zip(events, orders, strict=True):
        event_time = 1 - time if backward else time
        figures += [_door_user(rng, event_time, door)] if event == "door" else _object_bearer(rng, event_time)
    for figure in sorted(figures, key=lambda figure: figure.y.mean()):
        figure.draw(canvas)
    return _expose(canvas.picture, rng)


class _Canvas:
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

    def limb(self, start: _Point, end: _Point, radius: ArrayLike, colour: ArrayLike, cover: ArrayLike) -> None:
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


class _Figure(NamedTuple):
    """A walking person: feet at (x, y), each `[T]`; `cover` `[T]` is 0 where out of sight, 1 where in sight."""

    x: np.ndarray
    y: np.ndarray
    cover: np.ndarray
    stride: np.ndarray  # phase of the legs, radians
    clothes: np.ndarray

    @property
    def size(self) -> np.ndarray:
        return 0.24 + 0.62 * (self.y - _WALL_BASE)

    def draw(self, canvas: _Canvas) -> None:
        x, y, size, cover = self.x, self.y, self.size, self.cover
        coat, trousers, skin = self.clothes
        hip = (x, y - 0.45 * size)
        for side in (-1, 1):
            foot = (x + side * 0.13 * size * np.sin(self.stride), y - 0.04 * size)
            canvas.limb(hip, foot, 0.07 * size, trousers, cover)
        canvas.limb((x, y - 0.72 * size), hip, 0.13 * size, coat, cover)
        head = (x, y - 0.91 * size)
        canvas.limb(head, head, 0.09 * size, skin, cover)


class _Bag(NamedTuple):
    """The object, at (x, y) with its lower edge, `[T]` each, drawn like a figure."""

    x: np.ndarray
    y: np.ndarray
    size: np.ndarray
    colour: np.ndarray

    def draw(self, canvas: _Canvas) -> None:
        canvas.box(self.x, self.y - self.size / 2, self.size * 0.6, self.size / 2, self.colour)


def _clothes(rng: np.random.Generator) -> np.ndarray:
    coat = rng.uniform(0.02, 0.25, 3)
    return np.stack([coat, rng.uniform(0.02, 0.1) * np.ones(3), np.array([0.5, 0.35, 0.27]) * rng.uniform(0.4, 1.2)])


def _stride(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    return rng.uniform(0, 2 * np.pi) + 2 * np.pi * rng.uniform(2, 4) * time


def _passer_by(rng: np.random.Generator, time: np.ndarray) -> _Figure:
    """Crosses the room to the left or to the right, or stands about."""
    speed = rng.choice([-1, 0, 1]) * rng.uniform(0.2, 0.7)
    x = rng.uniform(0, 1) + speed * (time - 0.5)
    y = rng.uniform(0.55, 0.98) + np.zeros_like(time)
    stride = _stride(rng, time) if speed else np.full_like(time, 0.6)
    return _Figure(x, y, np.ones_like(time), stride, _clothes(rng))


def _door_user(rng: np.random.Generator, time: np.ndarray, door: float) -> _Figure:
    """Forward in time: appears in the door and walks into the room."""
    start, end = rng.uniform(-0.1, 0.15), rng.uniform(0.85, 1.1)
    way = np.clip((time - start) / (end - start), 0, 1)
    x = door + way * rng.uniform(-0.25, 0.25)
    y = _WALL_BASE + 0.01 + way * rng.uniform(0.35, 0.5)
    cover = np.clip((time - start) / 0.06, 0, 1)
    return _Figure(x, y, cover, _stride(rng, time), _clothes(rng))


def _object_bearer(rng: np.random.Generator, time: np.ndarray) -> list[_Figure | _Bag]:
    """Forward in time: stands with a bag before the chest and puts it down on the floor beside the feet."""
    side, x, y = rng.choice([-1, 1]), rng.uniform(0.2, 0.8), rng.uniform(0.65, 0.95)
    still = np.zeros_like(time)
    bearer = _Figure(x + still, y + still, 1 + still, 0.6 + still, _clothes(rng))
    start, end = rng.uniform(0, 0.2), rng.uniform(0.8, 1)
    way = np.clip((time - start) / (end - start), 0, 1)
    size = bearer.size
    bag = _Bag(
        x + side * (0.16 + 0.12 * way) * size, y - 0.6 * (1 - way) * size, 0.26 * size, _BAG * rng.uniform(0.8, 1.1)
    )
    return [bearer, bag]


def _draw_room(canvas: _Canvas, rng: np.random.Generator, door: float) -> None:
    """Wall, floor, furniture, pictures and the door."""
    wall = rng.uniform(0.35, 0.7) * rng.uniform(0.85, 1.15, 3)
    floor = rng.uniform(0.3, 0.6) * rng.uniform(0.85, 1.15, 3)
    canvas.box(0.5, _WALL_BASE / 2, 4, _WALL_BASE / 2 + 0.01, wall)
    canvas.box(0.5, (1 + _WALL_BASE) / 2, 4, (1 - _WALL_BASE) / 2, floor)
    canvas.box(0.5, _WALL_BASE, 4, 0.008, wall * 0.4)
    for _ in range(rng.integers(3, 7)):  # things on the wall
        half, tall = rng.uniform(0.02, 0.1, 2)
        canvas.box(rng.uniform(-0.2, 1.2), rng.uniform(0.05, 0.3), half, tall, rng.uniform(0.1, 0.9, 3))
    for _ in range(rng.integers(2, 5)):  # furniture along the wall
        tall = rng.uniform(0.04, 0.14)
        x, half = rng.uniform(-0.2, 1.2), rng.uniform(0.04, 0.12)
        canvas.box(x, _WALL_BASE + 0.04 - tall, half, tall, rng.uniform(0.05, 0.5) * rng.uniform(0.6, 1.0, 3))
    canvas.box(door, _WALL_BASE - 0.15, 0.085, 0.16, wall * 0.5)
    canvas.box(door, _WALL_BASE - 0.14, 0.065, 0.145, wall * 0.12)


def _expose(light: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Camera and lamps: day or night, a slow change of light of either sign, shadows at the rim, noise, 8 bits."""
    frames, height, width, _ = light.shape
    night = rng.random() < 0.35
    level = rng.uniform(0.25, 0.5) if night else rng.uniform(0.7, 1.2)
    drift = 1 + rng.uniform(-0.2, 0.2) * np.linspace(-1, 1, frames)
    tint = np.array([0.85, 0.95, 1.15]) if night else rng.uniform(0.95, 1.05, 3)
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    rim = 1 - rng.uniform(0.05, 0.2) * (x * x + y * y)
    lit = light * (level * drift)[:, None, None, None] * rim[None, :, :, None] * tint
    noise = rng.normal(0, 0.022 if night else 0.012, light.shape)
    return np.clip(np.round(255 * (np.sqrt(np.clip(lit, 0, 1)) + noise)), 0, 255).astype(np.uint8)
