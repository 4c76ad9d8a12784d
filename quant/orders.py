# SPDX-License-Identifier: BSD-3-Clause
"""A second set of synthetic scenes, whose classes are orders of the very same frames.

- `arrow`: smoke that rises and spreads, or a stack of boxes that falls over; shown `forward` or `backward`.
- `passes`: someone in a signal jacket stays at a gate four times, twice on its left and twice on its right, and paces
  there. The order of these four stays decides how often the gate is passed in between: `once`, `twice` or `thrice`.
- `put_take`: someone at a shelf reaches out and `put`s an article on it, or `take`s one from it.

What is free of information: for one seed, the clips of a task's classes are one set of frames in different orders,
and only then each frame gets noise of its own. No set of frames without order says anything of the class, so no single
frame does; nor is there a clock that would give the order away, for the light is steady and who passes by is as likely
to walk either way. In `passes` the four stays are alike in distribution whatever the class, all who wait stand still,
and each place in the clip shows the left as often as the right: even a frame with its number says nothing (where four
divides the number of frames; otherwise stays differ in length by one).

What is not: in `arrow` and `put_take` a frame that is known to be the first or the last tells the class, as anything
that begins and ends differently does. A network without the shift takes the mean over frames and cannot know which it
is; one with the shift can, since its state is empty at the first frame. Two neighbouring frames tell much in every task
to whoever sees both: a shift does. In `passes` only those between two stays do, and counting takes all three places.
"""

from collections.abc import Sequence

import numpy as np

from shiftcore.quant.scene import WALL_BASE, Canvas, Figure, draw_room, expose, passer_by, random_clothes, standing

CLASSES = {"arrow": ("forward", "backward"), "passes": ("once", "twice", "thrice"), "put_take": ("put", "take")}

# Which stay at the gate follows which: 0 and 1 are on one side, 2 and 3 on the other.
_STAYS = ((0, 1, 2, 3), (0, 2, 3, 1), (0, 2, 1, 3))
_SMOKE_PUFFS, _STACKED_BOXES = 6, 4
_JACKET = np.array([0.9, 0.3, 0.02])
_BOARDS = (0.3, 0.6, 0.9)  # of the rack: heights, in sizes of who stands there


def clip(task: str, label: int, shape: tuple[int, int, int], seed: Sequence[int]) -> np.ndarray:
    """One clip of class `label` (its place in `CLASSES[task]`) and `shape` (frames, height, width): uint8
    `[T, H, W, 3]`, RGB. The same `seed` gives the same scene, in every class the same frames but for their noise."""
    rng = np.random.default_rng(seed)
    picture = _draw(task, shape, rng)
    return expose(picture[order(task, label, len(picture))], rng, drift=0)


def order(task: str, label: int, frames: int) -> np.ndarray:
    """In which order class `label` shows the scene's frames: a permutation of 0 to `frames` - 1, int64."""
    forward = np.arange(frames)
    if task != "passes":
        return forward[::-1] if label else forward
    stays = np.array_split(forward, 4)
    return np.concatenate([stays[stay] for stay in _STAYS[label]])


def _draw(task: str, shape: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """The scene in linear light, `[T, H, W, 3]`, in the order of the task's first class."""
    canvas = Canvas(*shape)
    time = (np.arange(shape[0]) + 0.5) / shape[0]
    draw_room(canvas, rng)
    if task == "passes":
        _draw_gate(canvas, rng, time)
        return canvas.picture
    if rng.random() < 0.5:
        passer_by(rng, time).draw(canvas)
    if task == "put_take":
        _draw_shopper(canvas, rng, time)
    elif rng.random() < 0.5:
        _draw_smoke(canvas, rng, time)
    else:
        _draw_stack(canvas, rng, time)
    return canvas.picture


def _draw_smoke(canvas: Canvas, rng: np.random.Generator, time: np.ndarray) -> None:
    """Black puffs that leave one place, rise, grow and thin out, fast at first, as what diffuses does."""
    x, y, soot = rng.uniform(0.25, 0.75), rng.uniform(0.75, 0.95), rng.uniform(0.01, 0.05, 3)
    start, end = rng.uniform(-0.1, 0.1), rng.uniform(0.9, 1.2)
    spread = np.sqrt(np.clip((time - start) / (end - start), 0, 1))
    for _ in range(_SMOKE_PUFFS):
        centre = (x + rng.uniform(-0.3, 0.3) * spread, y - rng.uniform(0.1, 0.6) * spread)
        radius = 0.04 + rng.uniform(0.06, 0.14) * spread
        canvas.limb(centre, centre, radius, soot, 0.8 * np.sqrt(0.04 / radius))


def _draw_stack(canvas: Canvas, rng: np.random.Generator, time: np.ndarray) -> None:
    """A stack whose boxes fall to one side, the highest first and farthest, each faster and faster."""
    x, y, half = rng.uniform(0.3, 0.7), rng.uniform(0.75, 0.95), rng.uniform(0.045, 0.06)
    side, start, lasts = rng.choice([-1, 1]), rng.uniform(0, 0.1), rng.uniform(0.4, 0.5)
    for level in range(_STACKED_BOXES):
        begin = start + 0.15 * (_STACKED_BOXES - 1 - level)
        way = np.clip((time - begin) / lasts, 0, 1)
        aside = side * level * 2 * half * rng.uniform(0.9, 1.4)
        height = 2 * half * level * (1 - way**2)
        canvas.box(x + aside * way, y - half - height, half, half, rng.uniform(0.1, 0.9, 3))


def _draw_gate(canvas: Canvas, rng: np.random.Generator, time: np.ndarray) -> None:
    """A gate seen edge-on, up to two people who wait, and one in a signal jacket who stays at it four times, twice on
    each side, each time pacing a little way of its own. Where a stay begins and ends is equally far from the gate."""
    gate, side, y = rng.uniform(0.35, 0.65), rng.choice([-1, 1]), rng.uniform(0.75, 0.95)
    canvas.box(gate, (WALL_BASE - 0.3 + y) / 2, 0.02, (y - WALL_BASE + 0.3) / 2, rng.uniform(0.6, 0.9) * np.ones(3))
    for _ in range(rng.integers(0, 3)):
        standing(rng, time, rng.uniform(0, 1), rng.uniform(0.55, 0.7)).draw(canvas)
    places, strides = [], []
    for stay, part in enumerate(np.array_split(time, 4)):
        paced = np.sin(np.pi * (np.arange(len(part)) + 0.5) / max(1, len(part)))
        away = 0.12 + rng.uniform(0.01, 0.06) * paced
        places.append(gate + (side if stay < 2 else -side) * away)
        strides.append(rng.uniform(0, 2 * np.pi) + 40 * away)
    clothes, still = random_clothes(rng), np.zeros_like(time)
    clothes[0] = _JACKET * rng.uniform(0.9, 1.1)
    Figure(np.concatenate(places), y + still, 1 + still, np.concatenate(strides), clothes).draw(canvas)


def _draw_shopper(canvas: Canvas, rng: np.random.Generator, time: np.ndarray) -> None:
    """Someone with an article before the belly reaches up to a rack full of things and comes back without it. So near
    to the camera that the feet are below the picture."""
    side, x, y = rng.choice([-1, 1]), rng.uniform(0.3, 0.7), rng.uniform(1.05, 1.2)
    shopper = standing(rng, time, x, y)
    size = float(shopper.size[0])
    place_x, place_y = _draw_rack(canvas, rng, x + side * 0.45 * size, y, size)
    shopper.draw(canvas)

    middle = rng.uniform(0.35, 0.65)
    start, end = middle - rng.uniform(0.25, 0.35), middle + rng.uniform(0.25, 0.35)
    out = np.minimum((time - start) / (middle - start), (end - time) / (end - middle)).clip(0, 1)
    rest_x, rest_y = x + side * 0.15 * size, y - 0.4 * size
    hand_x, hand_y = rest_x + out * (place_x - rest_x), rest_y + out * (place_y - rest_y)
    canvas.limb((x, y - 0.68 * size), (hand_x, hand_y), 0.045 * size, shopper.clothes[2], 1)
    held, half = time < middle, 0.12 * size
    colour = rng.uniform(0.6, 1, 3) * np.roll([1, 0.2, 0.05], rng.integers(3))
    canvas.box(np.where(held, hand_x, place_x), np.where(held, hand_y, place_y), half, half, colour)


def _draw_rack(canvas: Canvas, rng: np.random.Generator, x: float, y: float, size: float) -> tuple[float, float]:
    """A rack at x, beside it someone of `size` whose feet are at y. Returns the middle of a free place on it."""
    wood = rng.uniform(0.15, 0.5) * np.array([1.0, 0.8, 0.6])
    canvas.box(x, y - 0.6 * size, 0.22 * size, 0.6 * size, wood * 0.4)
    free = int(rng.integers(1, len(_BOARDS)))
    for level, high in enumerate(_BOARDS):
        board = y - high * size
        canvas.box(x, board, 0.22 * size, 0.02 * size, wood)
        for _ in range(rng.integers(1, 4) if level != free else 0):
            half, tall = rng.uniform(0.04, 0.08, 2) * size
            canvas.box(x + rng.uniform(-0.15, 0.15) * size, board - tall, half, tall, rng.uniform(0.05, 0.9, 3))
    return x, y - (_BOARDS[free] + 0.14) * size
