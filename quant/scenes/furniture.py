# SPDX-License-Identifier: BSD-3-Clause
"""What stands about: furniture, posts, trees, parked cars. Each is a function `(rng) -> faces`, or capsules."""

import numpy as np

from shiftcore.quant.scenes.camera import Camera
from shiftcore.quant.scenes.painting import Shapes, capsules
from shiftcore.quant.scenes.solids import Face, Solid, box, face, moved
from shiftcore.quant.scenes.vehicles import car


def table(rng: np.random.Generator) -> list[Face]:
    wide, deep, tall, gray = rng.uniform(0.7, 1.8), rng.uniform(0.6, 1.0), rng.uniform(0.65, 1.0), rng.uniform(25, 230)
    legs = [
        part
        for x in (-0.45, 0.45)
        for z in (-0.45, 0.45)
        for part in moved(box(0.06, tall, 0.06, gray * 0.6), x=x * wide, z=z * deep)
    ]
    return legs + box(wide, 0.06, deep, gray, base=tall)


def chair(rng: np.random.Generator) -> list[Face]:
    gray = rng.uniform(20, 220)
    back = moved(box(0.45, 0.5, 0.05, gray, base=0.45), z=-0.22)
    return box(0.4, 0.42, 0.4, gray * 0.55) + back + box(0.45, 0.06, 0.45, gray, base=0.42)


def cabinet(rng: np.random.Generator) -> list[Face]:
    wide, tall, deep, gray = rng.uniform(0.5, 1.5), rng.uniform(0.7, 2.1), rng.uniform(0.4, 0.7), rng.uniform(25, 230)
    return box(wide, tall, deep, gray) + _panels(rng, wide, tall, deep, gray, 2, 3)


def shelf(rng: np.random.Generator) -> list[Face]:
    wide, tall, deep, gray = rng.uniform(1.0, 3.5), rng.uniform(1.2, 2.2), rng.uniform(0.4, 0.8), rng.uniform(25, 200)
    return box(wide, tall, deep, gray) + _panels(rng, wide, tall, deep, rng.uniform(60, 200), 7, 5, 70)


def _panels(
    rng: np.random.Generator,
    wide: float,
    tall: float,
    deep: float,
    gray: float,
    columns: int,
    rows: int,
    spread: float = 18,
) -> list[Face]:
    """Doors, drawers or goods on the front and the back."""
    panels = []
    for side in (-1.0, 1.0):
        z = side * (deep / 2 + 0.005)
        for row in range(rows):
            for column in range(columns):
                left, right = (wide * ((column + edge) / columns - 0.5) for edge in (0.07, 0.93))
                low, high = (tall * (row + edge) / rows for edge in (0.1, rng.uniform(0.6, 0.95)))
                tone = float(np.clip(gray + rng.normal(0, spread), 5, 250))
                corners = [(left, low, z), (right, low, z), (right, high, z), (left, high, z)]
                panels.append(face(corners, (0, 0, side), tone))
    return panels


def counter(rng: np.random.Generator) -> list[Face]:
    wide, tall, gray = rng.uniform(1.5, 4.0), rng.uniform(0.9, 1.25), rng.uniform(30, 220)
    top = box(wide + 0.1, 0.05, 0.8, float(np.clip(gray * rng.uniform(0.5, 1.6), 10, 245)), base=tall)
    goods = [
        part
        for _ in range(rng.integers(0, 4))
        for part in moved(
            box(0.3, 0.3, 0.25, rng.uniform(20, 230), base=tall + 0.05), x=rng.uniform(-0.45, 0.45) * wide
        )
    ]
    return box(wide, tall, 0.7, gray) + top + goods


def bench(rng: np.random.Generator) -> list[Face]:
    gray = rng.uniform(25, 190)
    return box(1.7, 0.35, 0.3, gray * 0.5) + box(1.8, 0.07, 0.5, gray, base=0.38)


def rubbish_bin(rng: np.random.Generator) -> list[Face]:
    return box(rng.uniform(0.35, 0.9), rng.uniform(0.6, 1.3), rng.uniform(0.35, 0.8), rng.uniform(20, 200))


def pillar(rng: np.random.Generator) -> list[Face]:
    wide = rng.uniform(0.3, 0.8)
    return box(wide, 6.0, wide, rng.uniform(40, 220))


def rail(rng: np.random.Generator) -> list[Face]:
    gray, wide = rng.uniform(30, 230), rng.uniform(2, 6)
    posts = [
        part for x in np.linspace(-0.5, 0.5, 5) for part in moved(box(0.05, 1.0, 0.05, gray * 0.8), x=float(x) * wide)
    ]
    return posts + box(wide, 0.05, 0.05, gray, base=0.5) + box(wide, 0.05, 0.05, gray, base=1.0)


_SOLID = {
    "table": table,
    "chair": chair,
    "cabinet": cabinet,
    "shelf": shelf,
    "counter": counter,
    "bench": bench,
    "bin": rubbish_bin,
    "pillar": pillar,
    "rail": rail,
    "car": car,
}


def thing(rng: np.random.Generator, kind: str, camera: Camera, x: float, z: float, yaw: float) -> Shapes:
    """A still thing at (x, z) on the floor, of one frame."""
    if kind in _SOLID:
        one = np.ones(1, np.float32)
        return Solid(_SOLID[kind](rng), x * one, z * one, yaw * one).seen(camera)
    return _grown(rng, kind, camera, x, z)


def _grown(rng: np.random.Generator, kind: str, camera: Camera, x: float, z: float) -> Shapes:
    """A post, a plant or a tree."""
    foot = np.array([x, 0, z], np.float32)
    if kind == "post":
        span = np.array([[foot, foot + np.array([0, rng.uniform(1, 7), 0])]])
        return capsules(camera, span[None].astype(np.float32), np.array([[0.08, 0.06]]), np.array(rng.uniform(20, 200)))
    tall = rng.uniform(0.7, 1.8) if kind == "plant" else rng.uniform(3, 7)
    count = 70
    middle = foot + np.array([0, tall * 0.7, 0])
    leaves = rng.normal(0, 1, (count, 3))
    leaves = leaves / np.linalg.norm(leaves, axis=1, keepdims=True) * rng.uniform(0.3, 1, (count, 1))
    height = leaves[:, 1]
    leaves = middle + leaves * np.array([0.26, 0.28, 0.26]) * tall
    tips = leaves + rng.normal(0, 0.05, (count, 3)) * tall
    span = np.concatenate([[[foot, middle]], np.stack([leaves, tips], 1)])
    radii = np.concatenate([[[0.03, 0.02]], rng.uniform(0.015, 0.06, (count, 2))]) * tall
    tone, spread = rng.uniform(25, 90), rng.uniform(10, 45)
    shade = np.concatenate([[rng.uniform(20, 90)], tone + spread * height + rng.normal(0, 0.4 * spread, count)])
    return capsules(camera, span[None].astype(np.float32), radii.astype(np.float32), np.clip(shade, 5, 250))
