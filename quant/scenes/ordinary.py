# SPDX-License-Identifier: BSD-3-Clause
"""Ordinary life: people who walk by, near and far, meet, talk, work, sit, carry, run, dance and play.

Each is a function of a stage on which it puts its people.
"""

import numpy as np

from shiftcore.quant.actors import wander
from shiftcore.quant.mocap import J
from shiftcore.quant.scenes.people import random_look
from shiftcore.quant.scenes.stage import Stage, lean, reach, shift, turn, way

STILL = ("stand", "talk", "work", "sit", "gesture", "pick_up", "crouch")


def passers_by(stage: Stage) -> None:
    """One to six who walk, at any angle, alone or side by side; some stand."""
    rng = stage.rng
    for number in range(int(rng.choice([1, 1, 2, 3, 4, 6]))):
        place = stage.near(0.8) if number == 0 else stage.anywhere()
        walk_by(stage, place)
    if rng.random() < 0.4:
        stage.add(str(rng.choice(STILL)), stage.anywhere())


def walk_by(stage: Stage, place: tuple[float, float], heading: float | None = None) -> None:
    """One who walks, sometimes with a companion beside."""
    rng = stage.rng
    heading = (
        float(rng.choice([rng.uniform(0, 2 * np.pi), rng.choice([0.0, np.pi]) + rng.normal(0, 0.3)]))
        if heading is None
        else heading
    )
    move = str(rng.choice(["walk", "slow_walk", "carry", "run", "turn"], p=[0.66, 0.14, 0.06, 0.06, 0.08]))
    stage.add(move, place, heading)
    if rng.random() < 0.25:
        side = way(heading + np.pi / 2) * rng.uniform(0.5, 0.8)
        stage.add(move, (place[0] + float(side[0]), place[1] + float(side[2])), heading)


def corridor(stage: Stage) -> None:
    """One to four who come along a passage or go away along it."""
    rng = stage.rng
    axis = rng.normal(0, 0.15)
    for _ in range(int(rng.choice([1, 1, 2, 3, 4]))):
        away = rng.choice([0.0, np.pi])
        scale = rng.uniform(0.35, 1.6)
        place = (stage.spot[0] * scale + rng.uniform(-0.9, 0.9), stage.spot[1] * scale)
        walk_by(stage, place, axis + away + rng.normal(0, 0.1))


def crowd(stage: Stage) -> None:
    """Seven to twenty-two who go about, mostly in two directions, or wait."""
    rng = stage.rng
    main, waiting = rng.uniform(0, 2 * np.pi), rng.choice([0.05, 0.3, 0.8])
    for _ in range(int(rng.integers(7, 23))):
        if rng.random() < waiting:
            stage.add(str(rng.choice(["stand", "talk", "stand", "gesture"])), stage.anywhere())
        else:
            heading = main + float(rng.choice([0, np.pi])) + rng.normal(0, 0.35)
            stage.add(str(rng.choice(["walk", "walk", "slow_walk"])), stage.anywhere(), heading)


def conversation(stage: Stage) -> None:
    """Two to five in a circle who talk, with their hands too."""
    rng = stage.rng
    x, z = stage.near(0.8)
    count, wide, turn = int(rng.choice([2, 2, 3, 4, 5])), rng.uniform(0.3, 0.8), rng.uniform(0, 6)
    for number in range(count):
        angle = turn + 2 * np.pi * number / count
        place = (x + np.sin(angle) * wide, z + np.cos(angle) * wide)
        stage.add(str(rng.choice(["talk", "stand", "gesture", "talk"])), place, angle + np.pi + rng.normal(0, 0.3))
    _others(stage)


def at_work(stage: Stage) -> None:
    """One to three who do something with their hands, bend, sit, fetch."""
    rng = stage.rng
    for number in range(int(rng.choice([1, 2, 3]))):
        stage.add(
            str(rng.choice((*STILL, "work", "sit_down", "get_up", "climb"))),
            stage.near(0.8) if number == 0 else stage.anywhere(),
        )
    _others(stage)


def _others(stage: Stage) -> None:
    for _ in range(int(stage.rng.choice([0, 0, 1, 2]))):
        walk_by(stage, stage.anywhere())


def embrace(stage: Stage) -> None:
    """Two who hold each other calmly, or dance so."""
    rng, time = stage.rng, stage.time
    gap, heading = rng.uniform(0.22, 0.42), float(rng.uniform(0, 2 * np.pi))
    x, z = stage.near(0.7)
    sway = rng.uniform(0.01, 0.05) * wander(rng, time, 0.5, 2)
    turning = (rng.random() < 0.35) * (rng.normal(0, 0.7) * time + 0.2 * wander(rng, time, 0.4))
    pair = []
    for side in (-1.0, 1.0):
        toward = heading + turning + (0 if side < 0 else np.pi)
        person = stage.add(str(rng.choice(["stand", "talk"])), (0.0, 0.0), float(toward[0]))
        turn(person, turning - turning[0])
        pelvis = person.joints[:, J["pelvis"]] * [1, 0, 1]
        shift(person, np.array([x, 0, z]) - way(toward) * gap / 2 - 0.9 * pelvis)
        lean(person, rng.uniform(0, 0.2) + 0.03 * wander(rng, time, 0.4), toward)
        shift(person, np.stack([sway[0], 0 * time, sway[1]], 1))
        pair.append(person)
    coming = np.clip(rng.uniform(-1, 0.8) + (time / time[-1]), 0, 1) if rng.random() < 0.5 else np.ones_like(time)
    for person, partner in (pair, pair[::-1]):
        for hand in "lr":
            target = (
                partner.joints[:, J[str(rng.choice(["chest", "spine", "neck"]))]] + 0.03 * wander(rng, time, 0.8, 3).T
            )
            reach(person, hand, target.astype(np.float32), coming)
    _others(stage)


def greeting(stage: Stage) -> None:
    """Two who shake hands, or of whom one lays a hand on the other's shoulder."""
    rng, time = stage.rng, stage.time
    gap, heading = rng.uniform(0.6, 0.95), float(rng.uniform(0, 2 * np.pi))
    x, z = stage.near(0.7)
    half = way(heading) * gap / 2
    one = stage.add(str(rng.choice(["stand", "talk"])), (x - float(half[0]), z - float(half[2])), heading)
    other = stage.add(str(rng.choice(["stand", "talk"])), (x + float(half[0]), z + float(half[2])), heading + np.pi)
    begin, long = rng.uniform(-0.5, 1.2), rng.uniform(0.8, 2.5)
    share = np.clip(np.minimum(time - begin, begin + long - time) * 2.5, 0, 1)
    middle = (one.joints[:, J["pelvis"]] + other.joints[:, J["pelvis"]]) / 2 + [0, 0.12, 0]
    middle[:, 1] += 0.05 * np.sin(2 * np.pi * rng.uniform(1.5, 2.5) * time)
    target = middle.astype(np.float32) if rng.random() < 0.7 else other.joints[:, J["r_shoulder"]]
    reach(one, "r", target, share)
    if rng.random() < 0.7:
        reach(other, "r", middle.astype(np.float32), share)
    _others(stage)


def lively(stage: Stage) -> None:
    """One to five who dance, do exercises or sport, play or fool about, alike or each in their own way."""
    rng = stage.rng
    kinds = ("dance", "sport", "exercise", "play", "dance", "odd")
    same = str(rng.choice(kinds)) if rng.random() < 0.7 else ""
    young = rng.random() < 0.3
    for number in range(int(rng.choice([1, 1, 2, 3, 5]))):
        place = stage.near(0.8) if number == 0 else stage.near(3.5)
        stage.add(same or str(rng.choice(kinds)), place, look=random_look(rng, 0.85 if young else 0.05))
    _others(stage)


def runners(stage: Stage) -> None:
    """One to five who run, one way or each their own."""
    rng = stage.rng
    main, spread = rng.uniform(0, 2 * np.pi), rng.choice([0.2, 2.5])
    for number in range(int(rng.choice([1, 1, 2, 3, 5]))):
        stage.add("run", stage.near(0.8) if number == 0 else stage.near(4), main + rng.normal(0, spread))
    _others(stage)


def throng(stage: Stage) -> None:
    """Many close together who dance, jump, cheer or wait."""
    rng = stage.rng
    move, heading = str(rng.choice(["dance", "exercise", "talk", "stand", "play", "gesture"])), rng.uniform(0, 6)
    for _ in range(int(rng.integers(6, 18))):
        stage.add(move, stage.near(rng.uniform(2, 5)), heading + rng.normal(0, 0.5))


def jostle(stage: Stage) -> None:
    """Three to six who pass each other so closely that they cover each other, without a quarrel."""
    rng = stage.rng
    heading = rng.uniform(0, 2 * np.pi)
    for _ in range(int(rng.integers(3, 7))):
        stage.add(
            str(rng.choice(["walk", "walk", "slow_walk", "stand"])),
            stage.near(0.9),
            heading + float(rng.choice([0, np.pi])) + rng.normal(0, 0.3),
        )


def nobody(_stage: Stage) -> None:
    """An empty place."""
