# SPDX-License-Identifier: BSD-3-Clause
"""What moves in a picture and is nobody: rain, snow, insects, leaves in the wind, screens, escalators, webs.

Each is a function `(rng, sheet, time) -> paint`; `paint(image, frame)` changes one drawn picture, uint8 gray.
"""

from collections.abc import Callable

import cv2
import numpy as np

from shiftcore.quant.actors import wander
from shiftcore.quant.scenes.painting import SHIFT, Sheet

Paint = Callable[[np.ndarray, int], None]
_ONE = 2**SHIFT


def rain(rng: np.random.Generator, sheet: Sheet, _time: np.ndarray) -> Paint:
    """Streaks at other places in each frame."""
    count, slant = int(rng.integers(8, 90)), rng.normal(0, 0.2)
    long, light = rng.uniform(0.02, 0.12) * sheet.rows, rng.uniform(15, 70)
    seed = int(rng.integers(2**31))

    def paint(image: np.ndarray, frame: int) -> None:
        own = np.random.default_rng((seed, frame))
        start = own.uniform(0, 1, (count, 2)) * [sheet.columns, sheet.rows]
        length = long * own.uniform(0.4, 1.3, count)
        end = start + np.stack([slant * length, length], 1)
        for (x, y), (right, down) in zip(start.astype(int).tolist(), end.astype(int).tolist(), strict=True):
            tone = int(min(255, image[min(y, sheet.rows - 1), min(x, sheet.columns - 1)] + light))
            cv2.line(image, (x, y), (right, down), tone, 1)

    return paint


def _drifting(
    rng: np.random.Generator, sheet: Sheet, time: np.ndarray, count: int, speed: tuple[float, float], stray: float
) -> np.ndarray:
    """Places `[T, count, 2]`, in pixels, of what drifts through the picture."""
    start = rng.uniform(-0.2, 1.2, (1, count, 2))
    flow = np.array(speed) * rng.uniform(0.6, 1.4, (1, count, 1))
    turning = stray * np.moveaxis(wander(rng, time, 1.5, count, 2), -1, 0)
    place = (start + flow * (time[:, None, None] - time.mean()) + turning + 0.2) % 1.4 - 0.2
    return place * [sheet.columns, sheet.rows]


def snow(rng: np.random.Generator, sheet: Sheet, time: np.ndarray) -> Paint:
    """Flakes, some near the lens."""
    count = int(rng.integers(15, 120))
    place = _drifting(rng, sheet, time, count, (rng.normal(0, 0.3), rng.uniform(0.2, 1.2)), 0.02)
    size = np.exp(rng.normal(0.3, 0.6, count)) * sheet.high / 250
    return _dots(place, size, np.full(count, rng.uniform(170, 250)))


def insects(rng: np.random.Generator, sheet: Sheet, time: np.ndarray) -> Paint:
    """A few blurred spots close to the lens on crooked ways, bright in infra-red light or dark."""
    count = int(rng.choice([1, 1, 2, 4, 8]))
    place = _drifting(rng, sheet, time, count, tuple(rng.normal(0, 0.5, 2)), rng.uniform(0.05, 0.5))
    size = np.exp(rng.normal(1.0, 0.6, count)) * sheet.high / 200
    return _dots(place, size, np.full(count, float(rng.choice([rng.uniform(170, 250), rng.uniform(5, 50)]))), True)


def _dots(place: np.ndarray, size: np.ndarray, tone: np.ndarray, tails: bool = False) -> Paint:
    fixed = (place * _ONE).astype(int)
    radii = np.maximum(size * _ONE, 0.6 * _ONE).astype(int).tolist()
    tones = tone.tolist()

    def paint(image: np.ndarray, frame: int) -> None:
        before = fixed[max(0, frame - 1)].tolist()
        for number, centre in enumerate(fixed[frame].tolist()):
            cv2.circle(image, centre, radii[number], tones[number], -1, cv2.LINE_8, SHIFT)
            close = abs(centre[0] - before[number][0]) + abs(centre[1] - before[number][1]) < 60 * _ONE
            if tails and close:
                thick = max(1, radii[number] // _ONE)
                cv2.line(image, centre, before[number], tones[number], thick, cv2.LINE_8, SHIFT)

    return paint


def leaves(rng: np.random.Generator, sheet: Sheet, time: np.ndarray) -> Paint:
    """A part of the picture sways: a tree, a bush, a flag or a curtain, with leaves of its own or what is there."""
    rows, columns = (int(rng.uniform(0.12, 0.5) * side) for side in (sheet.rows, sheet.columns))
    top = int(rng.choice([0, rng.uniform(0, sheet.rows - rows)]))
    left = int(rng.choice([0, sheet.columns - columns, rng.uniform(0, sheet.columns - columns)]))
    own = rng.random() < 0.75
    grain = cv2.resize(rng.uniform(-1, 1, (rows // 5 + 1, columns // 5 + 1)).astype(np.float32), (columns, rows))
    tone, spread = rng.uniform(30, 150), rng.uniform(15, 60)
    cover = _blob(rng, rows, columns) if own else np.ones((rows, columns), np.float32)
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    wave = rng.uniform(0.5, 3.5) * sheet.high / 256
    phase = rng.uniform(4, 14) * x / columns + rng.uniform(2, 9) * y / rows
    gust = wander(rng, time, rng.uniform(0.4, 1.6), 2).astype(np.float32)
    steps = rng.uniform(3, 9) * time

    def paint(image: np.ndarray, frame: int) -> None:
        ripple = np.sin(phase + np.float32(steps[frame]))
        where = (x + wave * (gust[0, frame] + ripple * 0.7), y + wave * 0.6 * (gust[1, frame] - ripple))
        part = image[top : top + rows, left : left + columns]
        if own:
            moved = cv2.remap(cover, *where, cv2.INTER_LINEAR)
            texture = cv2.remap(grain, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            np.copyto(part, np.clip(tone + spread * texture, 0, 255).astype(np.uint8), where=moved > 0.5)
        else:
            part[:] = cv2.remap(part, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)

    return paint


def _blob(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    coarse = rng.uniform(0, 1, (6, 6)).astype(np.float32)
    coarse[1:-1, 1:-1] += 0.5
    return cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)


def screen(rng: np.random.Generator, sheet: Sheet, time: np.ndarray) -> Paint:
    """A monitor, a sign or a window of an other room whose light changes by steps."""
    x, y = rng.uniform(0, 0.85) * sheet.columns, rng.uniform(0, 0.6) * sheet.rows
    wide, tall = rng.uniform(0.05, 0.25, 2) * sheet.rows
    corners = np.array([[x, y], [x + wide, y], [x + wide, y + tall], [x, y + tall]])
    corners = (corners + rng.normal(0, 0.08, (4, 2)) * [wide, tall]).astype(np.int32)
    changes = np.cumsum(rng.random(len(time)) < rng.uniform(0.02, 0.4))
    tones = rng.uniform(40, 255, changes[-1] + 1)

    def paint(image: np.ndarray, frame: int) -> None:
        cv2.fillConvexPoly(image, corners, float(tones[changes[frame]]))

    return paint


def stairs(rng: np.random.Generator, sheet: Sheet, time: np.ndarray) -> Paint:
    """An escalator, a belt or a revolving door: stripes that move on all the time within an area."""
    x, wide = rng.uniform(-0.1, 0.9), rng.uniform(0.12, 0.35)
    top, bottom = rng.uniform(0, 0.4), rng.uniform(0.6, 1.1)
    narrow = rng.uniform(0.4, 1)
    steps, way = int(rng.integers(8, 22)), rng.choice([-1, 1]) * rng.uniform(0.6, 3)
    dark, light = rng.uniform(10, 90), rng.uniform(60, 200)
    size = np.array([sheet.columns, sheet.rows])

    def corners(high: float, low: float) -> np.ndarray:
        rows = top + (bottom - top) * np.clip([high, high, low, low], 0, 1)
        half = wide * (narrow + (1 - narrow) * np.clip([high, high, low, low], 0, 1)) / 2
        return (np.stack([x + half * [-1, 1, 1, -1], rows], 1) * size).astype(np.int32)

    def paint(image: np.ndarray, frame: int) -> None:
        cv2.fillConvexPoly(image, corners(0, 1), dark)
        offset = (way * time[frame]) % 1
        for step in range(-1, steps + 1):
            at = (step + offset) / steps
            cv2.fillConvexPoly(image, corners(at, at + 0.45 / steps), light)

    return paint


def door(rng: np.random.Generator, sheet: Sheet, time: np.ndarray) -> Paint:
    """A door or a gate that slides or swings open or shut: what is behind it is darker or lighter."""
    left, wide = rng.uniform(0, 0.8), rng.uniform(0.08, 0.3)
    top, bottom = rng.uniform(0, 0.4), rng.uniform(0.55, 0.95)
    slope = rng.normal(0, 0.08, 2)
    behind, leaf = float(rng.choice([rng.uniform(5, 60), rng.uniform(170, 250)])), rng.uniform(30, 220)
    share = np.clip((time - rng.uniform(-0.5, 1.8)) * rng.uniform(0.6, 3), 0, 1)
    share = 1 - share if rng.random() < 0.5 else share
    size = np.array([sheet.columns, sheet.rows])

    def corners(first: float, second: float) -> np.ndarray:
        x = np.array([first, second, second, first])
        y = np.array([top, top, bottom, bottom]) + np.repeat(slope, 2) * (x - left)
        return (np.stack([x, y], 1) * size).astype(np.int32)

    def paint(image: np.ndarray, frame: int) -> None:
        cv2.fillConvexPoly(image, corners(left, left + wide), behind)
        cv2.fillConvexPoly(image, corners(left + wide * 0.95 * share[frame], left + wide), leaf)

    return paint


def web(rng: np.random.Generator, sheet: Sheet, time: np.ndarray) -> Paint:
    """A thread or a cable near the lens that sways."""
    ends = np.array([[rng.uniform(0, 1), 0], [rng.uniform(0, 1), rng.uniform(0.2, 1)]]) * [sheet.columns, sheet.rows]
    sway = rng.uniform(0.01, 0.08) * sheet.rows * wander(rng, time, 0.8, 2)
    tone, thick = float(rng.choice([rng.uniform(180, 250), rng.uniform(5, 60)])), int(rng.integers(1, 6))
    share = np.linspace(0, 1, 12)[:, None]

    def paint(image: np.ndarray, frame: int) -> None:
        line = ends[0] + (ends[1] - ends[0]) * share + share * (1.2 - share) * sway[:, frame]
        cv2.polylines(image, [(line * _ONE).astype(np.int32)], False, tone, thick, cv2.LINE_8, SHIFT)

    return paint


BEHIND: dict[str, Callable[[np.random.Generator, Sheet, np.ndarray], Paint]] = {
    "leaves": leaves,
    "screen": screen,
    "stairs": stairs,
    "door": door,
}
BEFORE: dict[str, Callable[[np.random.Generator, Sheet, np.ndarray], Paint]] = {
    "rain": rain,
    "snow": snow,
    "insects": insects,
    "web": web,
    "leaves": leaves,
}
