# SPDX-License-Identifier: BSD-3-Clause
"""Jointed people and how they move, for scenes whose classes are kinds of movement (quant.brawl).

An action is a function `(rng, time, facing) -> Movement`: `time` in seconds, float64 `[T]`; `facing` 1 for whoever the
actor has to do with being on the right, -1 on the left. Lengths are in sizes of the person, angles in radians from
straight down, to the right positive; how fast and how far people move is guessed, and drawn anew for each of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from shiftcore.quant.scene import Canvas

UPPER, LOWER = 0, 1  # of a limb: above and below the elbow or the knee
_THIGH, _ARM, _TORSO, _NECK, _HIP_HEIGHT = 0.24, 0.17, 0.30, 0.13, 0.47


@dataclass(frozen=True)
class Movement:
    """`x`, `y`: where the feet are, from where they began, `[T]`; `lean` of the torso `[T]`; `arms`, `legs`: angles
    `[2 sides, 2 parts, T]`; `crouch`: by how much the hip is lower than in standing `[T]`."""

    x: np.ndarray
    y: np.ndarray
    lean: np.ndarray
    arms: np.ndarray
    legs: np.ndarray
    crouch: np.ndarray


Action = Callable[[np.random.Generator, np.ndarray, float], Movement]


@dataclass(frozen=True)
class Actor:
    """Who does `action` at (x, y), the feet in the picture's coordinates (quant.scene), and is `size` tall there."""

    action: Action
    x: float
    y: float
    size: float
    facing: float = 1.0
    clothes: np.ndarray = field(default_factory=lambda: np.full((3, 3), 0.5))  # coat, trousers, skin

    def draw(self, canvas: Canvas, rng: np.random.Generator, time: np.ndarray) -> None:
        move, size, (coat, trousers, skin) = self.action(rng, time, self.facing), self.size, self.clothes
        x, y = self.x + size * move.x, self.y + size * move.y
        hip = (x, y - (_HIP_HEIGHT - move.crouch) * size)
        neck = _end(hip, _TORSO * size, np.pi - move.lean)
        head = _end(neck, _NECK * size, np.pi - move.lean)

        def limb(
            joint: tuple[np.ndarray, np.ndarray], angles: np.ndarray, part: float, thick: float, *colours: np.ndarray
        ) -> None:
            middle = _end(joint, part * size, angles[UPPER])
            canvas.limb(joint, middle, thick * size, colours[0], 1)
            canvas.limb(middle, _end(middle, part * size, angles[LOWER]), 0.8 * thick * size, colours[-1], 1)

        limb(hip, move.legs[0], _THIGH, 0.05, trousers)
        limb(neck, move.arms[0], _ARM, 0.035, 0.9 * coat, skin)
        canvas.limb(hip, neck, 0.075 * size, coat, 1)
        canvas.limb(head, head, 0.065 * size, skin, 1)
        limb(hip, move.legs[1], _THIGH, 0.05, 0.95 * trousers)
        limb(neck, move.arms[1], _ARM, 0.035, coat, skin)


def _end(joint: tuple[np.ndarray, np.ndarray], length: float, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return joint[0] + length * np.sin(angle), joint[1] + length * np.cos(angle)


def wander(rng: np.random.Generator, time: np.ndarray, hertz: float, *shape: int) -> np.ndarray:
    """Smooth random functions of time, `[*shape, T]`: four sines of up to 1.2 times `hertz`, about 1 in size."""
    frequency, phase = rng.uniform(0.3, 1.2, (4, *shape, 1)) * hertz, rng.uniform(0, 2 * np.pi, (4, *shape, 1))
    return (rng.normal(0, 0.7, (4, *shape, 1)) * np.sin(2 * np.pi * frequency * time + phase)).sum(0)


def bursts(rng: np.random.Generator, time: np.ndarray, rate: float, width: float) -> np.ndarray:
    """Short pulses of `width` seconds, `rate` of them a second, at random moments: `[T]`, 0 to 1.2."""
    moments = rng.uniform(time[0] - 0.2, time[-1] + 0.2, rng.poisson(rate * (time[-1] - time[0] + 0.4)) + 1)
    return np.minimum(np.exp(-(((time - moments[:, None]) / width) ** 2)).sum(0), 1.2)


def stand(rng: np.random.Generator, time: np.ndarray, _facing: float = 1.0) -> Movement:
    """Without moving, each in a posture of their own."""
    still = np.zeros_like(time)
    legs = np.array([-0.1, 0.1])[:, None, None] + rng.normal(0, 0.06, (2, 2, 1)) + still
    return Movement(still, still, rng.normal(0, 0.08) + still, rng.normal(0, 0.15, (2, 2, 1)) + still, legs, still)


def idle(rng: np.random.Generator, time: np.ndarray, _facing: float) -> Movement:
    """Waits, sways, perhaps looks at a telephone."""
    move = stand(rng, time)
    arms = move.arms + 0.1 * wander(rng, time, 0.6, 2, 2)
    if rng.random() < 0.4:
        arms[:, LOWER] += rng.choice([-1, 1]) * rng.uniform(0.5, 1.5)
    return replace(move, x=0.01 * wander(rng, time, 0.4), lean=move.lean + 0.04 * wander(rng, time, 0.5), arms=arms)


def _pace(
    rng: np.random.Generator, time: np.ndarray, speed: float, steps: float, swing: float, lean: float
) -> Movement:
    """Goes straight on at `speed` sizes a second with `steps` double steps a second; a third comes nearer or goes."""
    ahead, away = rng.choice([-1, 1]), rng.random() < 0.35
    way = ahead * speed * (time - time.mean())
    phase = 2 * np.pi * steps * time + rng.uniform(0, 2 * np.pi)
    swing = swing * (0.3 if away else 1)
    thigh, bent = swing * np.sin(phase), ahead * 0.7 * swing * np.clip(np.cos(phase), 0, 1)
    other = ahead * 0.7 * swing * np.clip(-np.cos(phase), 0, 1)
    return Movement(
        x=way * (0.15 if away else 1),
        y=way * (0.25 if away else 0) + 0.01 * np.abs(np.sin(phase)),
        lean=np.full_like(time, ahead * lean),
        arms=np.stack([np.stack([-thigh, -thigh + 0.3 * ahead]), np.stack([thigh, thigh + 0.3 * ahead])]),
        legs=np.stack([np.stack([thigh, thigh - bent]), np.stack([-thigh, -thigh - other])]),
        crouch=np.zeros_like(time),
    )


def walk(rng: np.random.Generator, time: np.ndarray, _facing: float) -> Movement:
    return _pace(rng, time, rng.uniform(0.35, 0.8), rng.uniform(0.7, 1.1), 0.45, 0.05)


def run(rng: np.random.Generator, time: np.ndarray, _facing: float) -> Movement:
    return _pace(rng, time, rng.uniform(0.9, 1.9), rng.uniform(1.2, 1.6), 0.8, 0.2)


def gesture(rng: np.random.Generator, time: np.ndarray, _facing: float) -> Movement:
    """Talks with both arms, or waves."""
    move = stand(rng, time)
    arms = move.arms + rng.uniform(0.4, 1.2) * wander(rng, time, rng.uniform(0.5, 1.3), 2, 2)
    arms[:, LOWER] += rng.normal(0, 0.8)
    return replace(move, arms=arms, lean=move.lean + 0.08 * wander(rng, time, 0.6))


def work(rng: np.random.Generator, time: np.ndarray, _facing: float) -> Movement:
    """Bends to something and up again."""
    move = stand(rng, time)
    bow = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.15, 0.5) * time + rng.uniform(0, 2 * np.pi))
    lean = move.lean + rng.uniform(0.2, 0.9) * rng.choice([-1, 1]) * bow
    return replace(move, lean=lean, arms=move.arms + 0.6 * lean + 0.4 * wander(rng, time, 0.8, 2, 2))


def dance(rng: np.random.Generator, time: np.ndarray, _facing: float) -> Movement:
    """Dances, cheers, plays."""
    move = stand(rng, time)
    return replace(
        move,
        x=0.06 * wander(rng, time, 0.7),
        lean=move.lean + 0.2 * wander(rng, time, 1.0),
        arms=move.arms + 0.8 * wander(rng, time, 1.2, 2, 2),
        legs=move.legs + 0.2 * wander(rng, time, 1.0, 2, 2),
    )


def embrace(rng: np.random.Generator, time: np.ndarray, facing: float) -> Movement:
    """Holds on to somebody: a greeting, an embrace, a hand on the shoulder."""
    move = stand(rng, time)
    return replace(
        move,
        x=0.02 * wander(rng, time, 0.5),
        lean=move.lean + 0.1 * facing + 0.06 * wander(rng, time, 0.5),
        arms=move.arms + facing * rng.uniform(0.8, 1.7) + 0.15 * wander(rng, time, 0.6, 2, 2),
    )


def fight(rng: np.random.Generator, time: np.ndarray, facing: float) -> Movement:
    """Lurches about, strikes with both arms, a third kicks."""
    move, tempo = stand(rng, time), rng.uniform(0.6, 1.7)
    lunge = 0.12 * facing * bursts(rng, time, 0.5, 0.2)
    arms = move.arms + 0.9 * facing + 0.5 * wander(rng, time, 2.0 * tempo, 2, 2)
    legs = move.legs + 0.3 * wander(rng, time, 1.4 * tempo, 2, 2)
    for arm in range(2):
        blows = bursts(rng, time, tempo * rng.uniform(0.6, 2), rng.uniform(0.06, 0.14))
        arms[arm] += facing * blows * rng.uniform([[0.5], [0.3]], [[1.3], [1.0]])
    if rng.random() < 0.35:
        legs[1] += facing * bursts(rng, time, 0.7, 0.12) * rng.uniform(0.7, 1.4)
    return replace(
        move,
        x=lunge + 0.12 * tempo * wander(rng, time, 1.1),
        y=0.03 * wander(rng, time, 1.0),
        lean=move.lean + 0.15 * facing + 0.25 * wander(rng, time, 1.4 * tempo),
        arms=arms,
        legs=legs,
    )


def be_beaten(rng: np.random.Generator, time: np.ndarray, facing: float) -> Movement:
    """Fights, and goes down at some moment, or lay there before."""
    move = fight(rng, time, facing)
    moment = rng.uniform(time[0] - 0.5, time[-1] - 0.3)
    down = 1 / (1 + np.exp(-(time - moment) / rng.uniform(0.06, 0.15)))
    way = rng.choice([-1, 1])
    legs = move.legs + 1.35 * rng.choice([-1, 1]) * down
    return replace(move, lean=move.lean * (1 - down) + 1.5 * way * down, crouch=0.38 * down, legs=legs)
