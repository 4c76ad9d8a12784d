# SPDX-License-Identifier: BSD-3-Clause
"""Violence between people: blows, kicks, grappling, somebody beaten on the ground, and who stands by.

Each is a function of a stage on which it puts its people, those who fight as `fighter`s.
"""

import numpy as np

from shiftcore.quant.actors import bursts, wander
from shiftcore.quant.mocap import J
from shiftcore.quant.scenes.stage import Person, Stage, lean, lower, reach, shift, topple, turn, way

STRIKES = ("punch", "punch", "punch", "kick", "advance")
GUARDED = ("punch", "punch", "block", "dodge", "kick", "advance")
HIT = ("block", "dodge", "dodge", "advance")


def _pace(stage: Stage) -> float:
    return float(stage.rng.uniform(0.95, 1.5))


def _facing_pair(stage: Stage, gap: float) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Two places `gap` metres from each other around the spot, and the heading from the first to the second."""
    heading = float(stage.rng.uniform(0, 2 * np.pi))
    x, z = stage.near(0.7)
    dx, dz = np.sin(heading) * gap / 2, np.cos(heading) * gap / 2
    return (x - dx, z - dz), (x + dx, z + dz), heading


def _stagger(stage: Stage, person: Person, heading: float, strength: float) -> None:
    """Blows throw somebody about: the body bends by jerks, and drifts."""
    rng, time = stage.rng, stage.time
    jerks = bursts(rng, time, rng.uniform(1, 3), rng.uniform(0.06, 0.16))
    lean(person, strength * jerks, heading + rng.uniform(-0.9, 0.9))
    drift = rng.uniform(0, 0.9) * strength * np.cumsum(jerks)[:, None] * (time[1] - time[0])
    shift(person, drift * way(heading)[None] + 0.05 * wander(rng, time, 1.5, 3).T * [1, 0, 1])


def blows(stage: Stage) -> None:
    """Two strike at each other, or one at another who guards."""
    rng = stage.rng
    first, second, heading = _facing_pair(stage, rng.uniform(0.55, 1.0))
    one = stage.add(STRIKES, first, heading, _pace(stage), fighter=True)
    even = rng.random() < 0.6
    other = stage.add(GUARDED if even else HIT, second, heading + np.pi, _pace(stage), fighter=True)
    _stagger(stage, one, heading + np.pi, rng.uniform(0, 0.3))
    _stagger(stage, other, heading, rng.uniform(0.1, 0.6))
    _together(stage, [one, other])


def _together(stage: Stage, people: list[Person]) -> None:
    """All of a fight move about as one."""
    rng, time = stage.rng, stage.time
    drift = rng.normal(0, 0.35, (2, 1)) * (time - time.mean()) + rng.uniform(0, 0.25) * wander(rng, time, 0.8, 2)
    for person in people:
        shift(person, np.stack([drift[0], 0 * time, drift[1]], 1))


def grapple(stage: Stage) -> None:
    """Two hold each other, pull, push and turn about."""
    rng, time = stage.rng, stage.time
    x, z = stage.near(0.7)
    turning = rng.uniform(0, 2 * np.pi) + rng.uniform(0.3, 1.6) * wander(rng, time, 0.7) + rng.normal(0, 0.8) * time
    gap = np.clip(rng.uniform(0.32, 0.6) + 0.12 * wander(rng, time, 1.2), 0.2, 0.8)
    pair = []
    for side in (-1.0, 1.0):
        heading = float(turning[0]) + (0 if side < 0 else np.pi)
        moves = ("dodge", "advance", "block") if rng.random() < 0.7 else ("punch", "kick")
        person = stage.add(moves, (0.0, 0.0), heading, _pace(stage), fighter=True)
        turn(person, turning - turning[0])
        pelvis = person.joints[:, J["pelvis"]] * [1, 0, 1]
        centre = np.array([x, 0, z]) + side * way(turning) * (gap / 2)[:, None]
        shift(person, centre - 0.75 * pelvis)
        lower(person, np.clip(rng.uniform(0, 0.25) + 0.08 * wander(rng, time, 0.9), 0, 0.4))
        toward = turning + (0 if side < 0 else np.pi)
        lean(person, rng.uniform(0.1, 0.6) + rng.uniform(0.05, 0.3) * wander(rng, time, 1.4), toward)
        pair.append(person)
    for person, partner in (pair, pair[::-1]):
        _hold(stage, person, partner)
    _together(stage, pair)


def _hold(stage: Stage, person: Person, partner: Person) -> None:
    """The hands are at the other's neck, shoulders, arms or waist, and struggle there."""
    rng, time = stage.rng, stage.time
    for side in "lr":
        grip = J[str(rng.choice(["neck", "l_shoulder", "r_shoulder", "chest", "l_elbow", "r_elbow", "spine", "head"]))]
        struggle = rng.uniform(0.03, 0.2) * wander(rng, time, rng.uniform(1, 2.5), 3).T
        held = np.clip(1.2 - bursts(rng, time, 0.8, 0.2) * (rng.random() < 0.5), 0, 1)
        reach(person, side, partner.joints[:, grip] + struggle.astype(np.float32), held)


def beating(stage: Stage) -> None:
    """One to three kick and hit somebody who lies or kneels."""
    rng = stage.rng
    x, z = stage.near(0.6)
    victim = stage.add(str(rng.choice(["lie", "crawl", "get_up", "crouch"])), (x, z), fighter=True)
    _stagger(stage, victim, rng.uniform(0, 6), rng.uniform(0.1, 0.4))
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        heading, gap = rng.uniform(0, 2 * np.pi), rng.uniform(0.45, 0.95)
        place = (x - np.sin(heading) * gap, z - np.cos(heading) * gap)
        moves = ("kick", "kick", "advance") if rng.random() < 0.5 else ("punch", "punch", "kick")
        attacker = stage.add(moves, place, heading, _pace(stage), fighter=True)
        lean(attacker, np.clip(rng.uniform(0, 0.9) + 0.2 * wander(rng, stage.time, 1.0), 0, 1.2), heading)
        lower(attacker, np.full(len(stage.time), rng.uniform(0, 0.25)))


def wrestle(stage: Stage) -> None:
    """Two on the ground, one over the other."""
    rng, time = stage.rng, stage.time
    x, z = stage.near(0.5)
    below = stage.add(("lie", "crawl"), (x, z), fighter=True)
    over = stage.add(str(rng.choice(["crawl", "crouch"])), (x, z), fighter=True)
    for person, lift in ((below, 0.0), (over, rng.uniform(0.1, 0.25))):
        pelvis = person.joints[:, J["pelvis"]] * [1, 0, 1]
        jerk = rng.uniform(0.03, 0.12) * wander(rng, time, 2.0, 3).T
        shift(person, np.array([x, lift, z]) - pelvis + jerk)
        _stagger(stage, person, rng.uniform(0, 6), rng.uniform(0.1, 0.5))
    _hold(stage, over, below)
    if rng.random() < 0.6:
        _hold(stage, below, over)
    for person in (below, over):
        person.joints[..., 1] = np.maximum(person.joints[..., 1], 0.05)


def knocked_down(stage: Stage) -> None:
    """Somebody is struck or pushed and falls over; the other goes on."""
    rng, time = stage.rng, stage.time
    first, second, heading = _facing_pair(stage, rng.uniform(0.5, 0.8))
    stage.add(STRIKES, first, heading, _pace(stage), fighter=True)
    victim = stage.add(HIT, second, heading + np.pi, fighter=True)
    since = np.maximum(time - rng.uniform(0.1, 0.9) * time[-1], 0)
    shift(victim, np.minimum(since, 0.7)[:, None] * rng.uniform(0.4, 1.6) * way(heading))
    topple(victim, np.minimum(rng.uniform(4, 9) * since**2, rng.uniform(1.3, 1.57)), heading + rng.uniform(-0.6, 0.6))


def brawl(stage: Stage) -> None:
    """Three to seven at once, each against somebody."""
    rng = stage.rng
    x, z = stage.near(0.5)
    count, wide = int(rng.choice([3, 3, 4, 5, 7])), rng.uniform(0.5, 1.1)
    people = []
    for number in range(count):
        angle = 2 * np.pi * number / count + rng.uniform(-0.4, 0.4)
        out = wide * rng.uniform(0.6, 1.4)
        place = (x + np.sin(angle) * out, z + np.cos(angle) * out)
        moves = STRIKES if rng.random() < 0.6 else GUARDED
        person = stage.add(moves, place, angle + np.pi + rng.normal(0, 0.4), _pace(stage), fighter=True)
        _stagger(stage, person, angle, rng.uniform(0, 0.5))
        people.append(person)
    if rng.random() < 0.6:
        _hold(stage, people[0], people[1])
    _together(stage, people)


def clash(stage: Stage) -> None:
    """Somebody rushes at another and strikes."""
    rng, time = stage.rng, stage.time
    first, second, heading = _facing_pair(stage, rng.uniform(0.5, 0.8))
    attacker = stage.add(STRIKES, first, heading, _pace(stage), fighter=True)
    coming = np.maximum(rng.uniform(0.2, 0.45) * time[-1] - time, 0)[:, None]
    shift(attacker, -coming * rng.uniform(1.5, 3.5) * way(heading))
    victim = stage.add(HIT, second, heading + np.pi, _pace(stage), fighter=True)
    _stagger(stage, victim, heading, rng.uniform(0.3, 0.8))
    if rng.random() < 0.5:
        _hold(stage, attacker, victim)


def swinging(stage: Stage) -> None:
    """Somebody strikes at another with a stick."""
    rng = stage.rng
    first, second, heading = _facing_pair(stage, rng.uniform(0.8, 1.3))
    stage.add("swing", first, heading, rng.uniform(1.1, 1.7), fighter=True)
    victim = stage.add(HIT, second, heading + np.pi, _pace(stage), fighter=True)
    _stagger(stage, victim, heading, rng.uniform(0.2, 0.7))


def bystanders(stage: Stage) -> None:
    """Who is around: watching, going on, running to the place or away from it."""
    rng = stage.rng
    for _ in range(int(rng.choice([0, 1, 2, 3, 5, 8], p=[0.35, 0.2, 0.15, 0.14, 0.1, 0.06]))):
        place = stage.anywhere() if rng.random() < 0.6 else stage.near(4.5)
        dx, dz = stage.spot[0] - place[0], stage.spot[1] - place[1]
        if np.hypot(dx, dz) < 1.1:
            continue
        toward = float(np.arctan2(dx, dz))
        move = str(
            rng.choice(
                ["stand", "talk", "walk", "run", "gesture", "sit", "slow_walk"],
                p=[0.32, 0.16, 0.22, 0.1, 0.1, 0.04, 0.06],
            )
        )
        heading = toward + rng.normal(0, 0.4)
        if move in ("walk", "run", "slow_walk"):
            heading = toward + float(rng.choice([0.3, np.pi, rng.uniform(0, 6)])) + rng.normal(0, 0.3)
        stage.add(move, place, heading)
