# SPDX-License-Identifier: BSD-3-Clause
"""Vehicles: faces of cars, vans, lorries and buses, and what drives where."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from shiftcore.quant.scenes.solids import Face, Profile, box, drawn_out, face, moved


def car(rng: np.random.Generator) -> list[Face]:
    """A car, 4 m and more long; its windows dark or with the sky in them."""
    gray = float(rng.choice([rng.uniform(12, 60), rng.uniform(60, 170), rng.uniform(190, 250)]))
    glass = float(rng.choice([rng.uniform(15, 60), rng.uniform(90, 170)]))
    long, half, tall = rng.uniform(3.7, 4.9), rng.uniform(0.8, 0.92), rng.uniform(1.35, 1.8)
    nose, waist = long / 2, tall * 0.56
    lower = [(-nose, 0.3), (nose, 0.3), (nose, waist * 0.75), (nose * 0.9, waist * 0.9), (-nose, waist)]
    front, roof, rear = nose * rng.uniform(0.3, 0.5), nose * rng.uniform(0.05, 0.2), -nose * rng.uniform(0.5, 0.9)
    cabin = [(rear - 0.15, waist), (front, waist), (roof, tall), (rear + 0.2, tall)]
    window = [
        (rear + 0.02, waist + 0.06),
        (front - 0.16, waist + 0.06),
        (roof - 0.04, tall - 0.08),
        (rear + 0.26, tall - 0.08),
    ]
    return [
        *drawn_out(lower, half, gray),
        *wheels(half, (-0.6 * nose, 0.6 * nose), 0.31),
        *drawn_out(cabin, half * 0.86, gray),
        *_side_windows(window, half * 0.865, glass),
        *_screens(cabin, half * 0.74, glass),
        *lamps(half, nose, waist * 0.68, 245.0, 90.0),
    ]


def van(rng: np.random.Generator) -> list[Face]:
    gray, glass = rng.uniform(30, 250), rng.uniform(15, 90)
    long, half, tall = rng.uniform(4.8, 6.0), rng.uniform(0.95, 1.05), rng.uniform(1.9, 2.6)
    nose = long / 2
    body: Profile = [(-nose, 0.35), (nose, 0.35), (nose, 1.0), (nose * 0.72, 1.15), (nose * 0.5, tall), (-nose, tall)]
    window = [(nose * 0.25, 1.25), (nose * 0.62, 1.25), (nose * 0.47, tall - 0.2), (nose * 0.25, tall - 0.2)]
    screen: Profile = [(nose * 0.72, 1.15), (nose * 0.5, tall)]
    return [
        *drawn_out(body, half, gray),
        *wheels(half, (-0.6 * nose, 0.65 * nose), 0.36),
        *_side_windows(window, half * 1.005, glass),
        *_screen(screen, half * 0.85, glass),
        *lamps(half, nose, 0.75, 245.0, 90.0),
    ]


def lorry(rng: np.random.Generator) -> list[Face]:
    load, cab, long = rng.uniform(40, 250), rng.uniform(20, 240), rng.uniform(6.5, 12)
    nose = long / 2
    screen: Profile = [(nose + 0.01, 1.7), (nose + 0.01, 2.5)]
    cabin: Profile = [(nose - 2, 0.5), (nose, 0.5), (nose, 2.7), (nose - 2, 2.7)]
    return [
        *moved(box(2.5, rng.uniform(1.9, 2.6), long - 2.2, load, base=0.8), z=-1.1),
        *drawn_out(cabin, 1.2, cab),
        *wheels(1.25, (-0.7 * nose, -0.5 * nose, 0.75 * nose), 0.48),
        *_side_windows([(nose - 1.4, 1.7), (nose - 0.3, 1.7), (nose - 0.3, 2.4), (nose - 1.4, 2.4)], 1.205, 40.0),
        *_screen(screen, 1.05, 40.0),
        *lamps(1.2, nose, 0.8, 245.0, 90.0),
    ]


def bus(rng: np.random.Generator) -> list[Face]:
    gray, long, glass = rng.uniform(50, 245), rng.uniform(9, 13), rng.uniform(20, 90)
    nose = long / 2
    panes = [
        part
        for z in np.arange(-nose + 0.5, nose - 1.2, 1.4)
        for part in _side_windows([(z, 1.5), (z + 1.2, 1.5), (z + 1.2, 2.5), (z, 2.5)], 1.255, glass)
    ]
    return [
        *box(2.5, 2.6, long, gray, base=0.4),
        *wheels(1.25, (-0.6 * nose, 0.6 * nose), 0.48),
        *panes,
        *_screen([(nose + 0.01, 1.2), (nose + 0.01, 2.6)], 1.1, glass),
        *lamps(1.2, nose, 0.8, 245.0, 90.0),
    ]


def wheels(half: float, places: tuple[float, ...], radius: float) -> list[Face]:
    """Discs on both sides, at `places` along."""
    angle = np.arange(12) * np.pi / 6
    parts = []
    for side in (-1.0, 1.0):
        for at in places:
            for share, gray in ((1.0, 18.0), (0.55, 110.0)):
                rim = radius * share
                x = side * (half + 0.02 + 0.01 * (share < 1))
                corners = [(x, radius + rim * float(np.sin(a)), at + rim * float(np.cos(a))) for a in angle]
                parts.append(face(corners, (side, 0, 0), gray))
    return parts


def _side_windows(profile: Profile, half: float, gray: float) -> list[Face]:
    return [face([(side * half, y, z) for z, y in profile], (side, 0, 0), gray) for side in (-1.0, 1.0)]


def _screens(cabin: Profile, half: float, gray: float) -> list[Face]:
    """The windscreen and the rear window of a cabin's profile: rear foot, front foot, front roof, rear roof."""
    rear, front, front_roof, rear_roof = cabin
    return _screen([front, front_roof], half, gray) + _screen([rear, rear_roof], half, gray, -1.0)


def _screen(edge: Profile, half: float, gray: float, way: float = 1.0) -> list[Face]:
    (z0, y0), (z1, y1) = edge
    normal = (0.0, float(abs(z0 - z1)), way * float(y1 - y0))
    lift = 0.01 * way
    corners = [(-half, y0, z0 + lift), (half, y0, z0 + lift), (half * 0.9, y1, z1 + lift), (-half * 0.9, y1, z1 + lift)]
    return [face(corners, normal, gray)]


def lamps(half: float, nose: float, height: float, front: float, rear: float) -> list[Face]:
    """Two lamps at each end."""
    parts = []
    for way, gray in ((1.0, front), (-1.0, rear)):
        for side in (-1.0, 1.0):
            z, x = way * (nose + 0.015), side * half * 0.75
            corners = [(x - 0.14, height - 0.08, z), (x + 0.14, height - 0.08, z)]
            corners += [(x + 0.14, height + 0.08, z), (x - 0.14, height + 0.08, z)]
            parts.append(face(corners, (0, 0, way), gray))
    return parts


class Kind(NamedTuple):
    """What builds it, how long it is, and its height at the lamps, in metres."""

    build: Callable[[np.random.Generator], list[Face]]
    long: float
    lamp: float


KINDS = {
    "car": Kind(car, 4.4, 0.65),
    "van": Kind(van, 5.4, 0.75),
    "lorry": Kind(lorry, 9.0, 0.8),
    "bus": Kind(bus, 11.0, 0.8),
}
