# SPDX-License-Identifier: BSD-3-Clause
"""Surfaces: what floors and walls are made of, gray squares of 256 pixels around 128 that can be laid side by side."""

from functools import lru_cache

import cv2
import numpy as np

SIZE = 256
FLOORS = ("asphalt", "tiles", "planks", "grass", "checker", "plain", "cobbles", "asphalt", "tiles", "plain")
WALLS = ("plain", "bricks", "planks", "plain", "tiles", "bars")
KINDS = 6  # of each


@lru_cache(maxsize=128)
def texture(kind: str, number: int) -> np.ndarray:
    """Surface `number` (0 to `KINDS` - 1) of a `kind`, float32 `[256, 256]`."""
    rng = np.random.default_rng((7, number, *kind.encode()))
    rough = clouds(rng, SIZE, SIZE, rng.uniform(0.5, 1.2))
    return (128 + rng.uniform(8, 24) * rough + _PATTERNS.get(kind, _plain)(rng)).astype(np.float32)


def clouds(rng: np.random.Generator, rows: int, columns: int, fall: float = 1.0) -> np.ndarray:
    """Noise of all sizes, coarse parts stronger by `fall`: float32 `[rows, columns]`, about 1 in size."""
    total, weights = np.zeros((rows, columns), np.float32), 0.0
    for level in range(1, 7):
        cells = 2**level
        coarse = rng.standard_normal((cells, max(2, cells * columns // rows)), np.float32)
        weight = 2.0 ** (-fall * level)
        total += weight * cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
        weights += weight**2
    return total / np.float32(np.sqrt(weights))


def _plain(_rng: np.random.Generator) -> np.ndarray:
    return np.zeros((SIZE, SIZE), np.float32)


def _asphalt(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0, rng.uniform(3, 12), (SIZE, SIZE)) + _cracks(rng)


def _cracks(rng: np.random.Generator) -> np.ndarray:
    picture = np.zeros((SIZE, SIZE), np.float32)
    for _ in range(rng.integers(0, 5)):
        points = np.cumsum(rng.normal(0, 18, (12, 2)), 0) + rng.uniform(0, SIZE, 2)
        cv2.polylines(picture, [points.astype(np.int32)], False, -25.0, 2)
    return picture


def _tiles(rng: np.random.Generator) -> np.ndarray:
    across, down = (int(rng.choice([16, 32, 64])) for _ in range(2))
    if rng.random() < 0.6:
        down = across
    tone = rng.normal(0, rng.uniform(0, 10), (SIZE // down, SIZE // across)).astype(np.float32)
    picture = np.kron(tone, np.ones((down, across), np.float32))
    line = rng.uniform(-45, 30)
    picture[::down] += line
    picture[:, ::across] += line
    return picture


def _checker(rng: np.random.Generator) -> np.ndarray:
    side = int(rng.choice([16, 32, 64]))
    y, x = np.mgrid[:SIZE, :SIZE] // side
    return ((y + x) % 2 - 0.5) * rng.uniform(25, 110)


def _bricks(rng: np.random.Generator) -> np.ndarray:
    picture, tall, wide, line = np.zeros((SIZE, SIZE), np.float32), 16, 32, rng.uniform(-40, 40)
    for row in range(0, SIZE, tall):
        shift = wide // 2 * (row // tall % 2)
        tones = np.repeat(rng.normal(0, 12, SIZE // wide), wide)
        picture[row : row + tall] = np.roll(tones, shift)
        picture[row : row + 2] = line
        picture[row : row + tall, shift::wide] = line
    return picture


def _planks(rng: np.random.Generator) -> np.ndarray:
    wide = int(rng.choice([16, 32]))
    tones = np.repeat(rng.normal(0, 14, SIZE // wide), wide)
    picture = np.tile(tones, (SIZE, 1))
    picture[:, ::wide] -= 30
    return picture.T if rng.random() < 0.5 else picture


def _grass(rng: np.random.Generator) -> np.ndarray:
    return 16 * clouds(rng, SIZE, SIZE, 0.1) + rng.normal(0, 10, (SIZE, SIZE))


def _cobbles(rng: np.random.Generator) -> np.ndarray:
    return 30 * cv2.GaussianBlur(rng.standard_normal((SIZE, SIZE)), (0, 0), 4) * 5


def _bars(rng: np.random.Generator) -> np.ndarray:
    period = int(rng.choice([8, 16, 32]))
    x = np.arange(SIZE) % period < period * rng.uniform(0.2, 0.6)
    return np.tile((x - 0.5) * rng.uniform(20, 90), (SIZE, 1))


_PATTERNS = {
    "asphalt": _asphalt,
    "tiles": _tiles,
    "checker": _checker,
    "bricks": _bricks,
    "planks": _planks,
    "grass": _grass,
    "cobbles": _cobbles,
    "bars": _bars,
}


def wall(rng: np.random.Generator, kind: str, gray: float, length: float, height: float) -> np.ndarray:
    """A wall's picture, 20 pixels a metre, top row first: a surface with doors, windows, shelves, posters."""
    rows, columns = max(8, int(20 * height)), int(np.clip(20 * length, 16, 1200))
    surface = texture(kind, int(rng.integers(KINDS)))
    across = np.arange(columns) * 2 % SIZE
    picture = (surface[np.ix_(np.arange(rows) * 2 % SIZE, across)] - 128) * 0.6 + gray
    style = rng.choice(["bare", "windows", "shelves", "posters", "doors", "mixed"])
    if style in ("windows", "mixed"):
        _grid(rng, picture, gray)
    if style == "shelves":
        _goods(rng, picture)
    if style in ("posters", "mixed"):
        for _ in range(columns // 30 + 1):
            _rectangle(rng, picture, rng.uniform(0.3, 0.8), rng.uniform(0.4, 1.4), rng.uniform(0.4, 1.2))
    if style in ("doors", "mixed"):
        for _ in range(columns // 60 + 1):
            _rectangle(rng, picture, 0.0, rng.uniform(0.8, 1.8), 2.05)
    picture[-max(1, rows // 25) :] *= rng.uniform(0.4, 1.1)
    return np.clip(picture, 0, 255).astype(np.float32)


def _rectangle(rng: np.random.Generator, picture: np.ndarray, base: float, wide: float, tall: float) -> None:
    """A thing on the wall, `base` of its height above the floor, its sizes in metres."""
    rows, columns = picture.shape
    left, bottom = int(rng.integers(columns)), rows - int(base * rows)
    top, right = max(0, bottom - int(20 * tall)), left + int(20 * wide)
    gray = rng.uniform(10, 245)
    picture[top:bottom, left:right] = gray
    picture[top:bottom, left : left + 2] = gray * 0.5
    picture[top : top + 2, left:right] = gray * 0.5


def _grid(rng: np.random.Generator, picture: np.ndarray, gray: float) -> None:
    """Windows in rows, of which some are lit."""
    wide, tall, gap = rng.integers(14, 40), rng.integers(20, 36), rng.integers(8, 30)
    dark = rng.uniform(0.15, 0.7) * gray
    for top in range(int(gap), picture.shape[0] - int(tall) // 2, int(tall + gap)):
        for left in range(int(gap) // 2, picture.shape[1], int(wide + gap)):
            picture[top : top + tall, left : left + wide] = dark if rng.random() < 0.8 else rng.uniform(60, 250)
            picture[top : top + tall, left + wide // 2 :][:, :1] = gray


def _goods(rng: np.random.Generator, picture: np.ndarray) -> None:
    """Shelves full of things of all shades."""
    tall = int(rng.integers(6, 12))
    for top in range(4, picture.shape[0] - 4, tall):
        tones = np.repeat(rng.uniform(35, 205, picture.shape[1]), rng.integers(2, 9))[: picture.shape[1]]
        picture[top : top + tall - 2] = tones
        picture[top + tall - 2 : top + tall] = 40
