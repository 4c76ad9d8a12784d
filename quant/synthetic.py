# SPDX-License-Identifier: BSD-3-Clause
"""A procedural CCTV scene whose classes differ only in the order of time.

A fixed camera looks into a cluttered room with a door in the back wall. A clip holds up to two events, each of which
is played forward or backward: someone comes in through the door (backward: leaves by it), and someone puts an object
down (backward: picks it up). Everything else, the passers-by, the light and the noise, is as likely in either
direction of time. A frame, or any set of frames without their order, therefore says nothing about the class: a
network without time stays at chance.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from shiftcore.quant import orders
from shiftcore.quant.scene import (
    WALL_BASE,
    Canvas,
    Figure,
    draw_room,
    expose,
    passer_by,
    random_clothes,
    standing,
    walking,
)

# Forward, backward; the tasks of quant.orders are scenes of their own, each alone in its clip.
EVENTS = {"door": ("enter", "leave"), "object": ("put", "pick"), **orders.CLASSES}

_BAG = np.array([0.9, 0.75, 0.1])


def class_names(events: Sequence[str]) -> list[str]:
    """All combinations of the events' orders: `("door", "object")` gives enter_put, enter_pick, leave_put, ..."""
    return ["_".join(names) for names in itertools.product(*(EVENTS[event] for event in events))]


def clip(events: Sequence[str], label: int, shape: tuple[int, int, int], seed: Sequence[int]) -> np.ndarray:
    """One clip of class `label` (its place in `class_names`) and `shape` (frames, height, width): uint8 `[T, H, W, 3]`,
    RGB. The same `seed` gives the same scene."""
    if events[0] in orders.CLASSES:
        return orders.clip(events[0], label, shape, seed)
    rng = np.random.default_rng(seed)
    frames, height, width = shape
    time = (np.arange(frames) + 0.5) / frames
    directions = list(itertools.product((False, True), repeat=len(events)))[label]
    canvas = Canvas(frames, height, width)
    door = rng.uniform(0.25, 0.75)
    wall = draw_room(canvas, rng)
    canvas.box(door, WALL_BASE - 0.15, 0.085, 0.16, wall * 0.5)
    canvas.box(door, WALL_BASE - 0.14, 0.065, 0.145, wall * 0.12)

    figures: list[Figure | _Bag] = [passer_by(rng, time) for _ in range(rng.integers(1, 3))]
    for event, backward in zip(events, directions, strict=True):
        event_time = 1 - time if backward else time
        figures += [_door_user(rng, event_time, door)] if event == "door" else _object_bearer(rng, event_time)
    for figure in sorted(figures, key=lambda figure: figure.y.mean()):
        figure.draw(canvas)
    return expose(canvas.picture, rng)


class _Bag(NamedTuple):
    """The object, at (x, y) with its lower edge, `[T]` each, drawn like a figure."""

    x: np.ndarray
    y: np.ndarray
    size: np.ndarray
    colour: np.ndarray

    def draw(self, canvas: Canvas) -> None:
        canvas.box(self.x, self.y - self.size / 2, self.size * 0.6, self.size / 2, self.colour)


def _door_user(rng: np.random.Generator, time: np.ndarray, door: float) -> Figure:
    """Forward in time: appears in the door and walks into the room."""
    start, end = rng.uniform(-0.1, 0.15), rng.uniform(0.85, 1.1)
    way = np.clip((time - start) / (end - start), 0, 1)
    x = door + way * rng.uniform(-0.25, 0.25)
    y = WALL_BASE + 0.01 + way * rng.uniform(0.35, 0.5)
    cover = np.clip((time - start) / 0.06, 0, 1)
    return Figure(x, y, cover, walking(rng, time), random_clothes(rng))


def _object_bearer(rng: np.random.Generator, time: np.ndarray) -> list[Figure | _Bag]:
    """Forward in time: stands with a bag before the chest and puts it down on the floor beside the feet."""
    side, x, y = rng.choice([-1, 1]), rng.uniform(0.2, 0.8), rng.uniform(0.65, 0.95)
    bearer = standing(rng, time, x, y)
    start, end = rng.uniform(0, 0.2), rng.uniform(0.8, 1)
    way = np.clip((time - start) / (end - start), 0, 1)
    size = bearer.size
    bag = _Bag(
        x + side * (0.16 + 0.12 * way) * size, y - 0.6 * (1 - way) * size, 0.26 * size, _BAG * rng.uniform(0.8, 1.1)
    )
    return [bearer, bag]
