# SPDX-License-Identifier: BSD-3-Clause
"""Events other than fights: falls, theft, somebody who runs away, vandalism."""

import numpy as np

from shiftcore.quant.mocap import J
from shiftcore.quant.scenes.people import random_look
from shiftcore.quant.scenes.solids import Solid, box
from shiftcore.quant.scenes.stage import Stage, lean, reach, shift, topple, way


def fall(stage: Stage) -> None:
    """Somebody who walks or stands falls and stays lying."""
    rng, time = stage.rng, stage.time
    person = stage.add(str(rng.choice(["walk", "stand", "slow_walk"])), stage.near(0.6), fighter=True)
    since = np.maximum(time - rng.uniform(0.1, 0.6) * time[-1], 0)
    topple(person, np.minimum(rng.uniform(3, 8) * since**2, rng.uniform(1.35, 1.57)), rng.uniform(0, 2 * np.pi))


def theft(stage: Stage) -> None:
    """Somebody takes a thing from a shelf or a table, puts it into the clothes or a bag, and goes off."""
    rng, time = stage.rng, stage.time
    heading = float(rng.uniform(0, 2 * np.pi))
    x, z = stage.near(0.6)
    thief = stage.add(str(rng.choice(["stand", "slow_walk"])), (x, z), heading, look=random_look(rng, 0), fighter=True)
    taken, hidden = rng.uniform(0.2, 0.4) * time[-1], rng.uniform(0.5, 0.7) * time[-1]
    shelf = np.array([x, rng.uniform(0.8, 1.5), z]) + 0.65 * way(heading)
    pocket = thief.joints[:, J[str(rng.choice(["l_hip", "r_hip", "spine"]))]] + 0.12 * way(heading)
    share = np.clip((time - taken) / max(hidden - taken, 0.2), 0, 1)[:, None]
    hand = shelf * (1 - share) + pocket * share
    side = str(rng.choice(["l", "r"]))
    reach(thief, side, hand.astype(np.float32), np.clip(np.minimum(time * 3, (hidden + 0.6 - time) * 3), 0, 1))
    away = np.maximum(time - hidden, 0)[:, None] * rng.uniform(0.5, 1.6)
    shift(thief, away * way(heading + np.pi / 2 + rng.normal(0, 0.5)))
    ones = np.ones(len(time))
    rack = Solid(
        box(rng.uniform(0.8, 2), float(shelf[1]), 0.3, rng.uniform(30, 200)),
        shelf[0] * ones,
        shelf[2] * ones,
        heading * ones,
    )
    stage.things.append(rack.seen(stage.camera))


def run_away(stage: Stage) -> None:
    """Somebody runs off while others stay."""
    rng = stage.rng
    runner = stage.add("run", stage.near(0.6), pace=rng.uniform(1.0, 1.3), fighter=True)
    lean(runner, np.full(len(stage.time), 0.1), rng.uniform(0, 6))
    for _ in range(int(rng.integers(0, 4))):
        stage.add(str(rng.choice(["stand", "talk", "walk"])), stage.anywhere())


def vandalism(stage: Stage) -> None:
    """Somebody kicks or strikes a thing that shakes."""
    rng = stage.rng
    heading = float(rng.uniform(0, 2 * np.pi))
    x, z = stage.near(0.6)
    stage.add(("kick", "punch", "swing"), (x, z), heading, rng.uniform(0.9, 1.4), fighter=True)
    ahead = way(heading) * rng.uniform(0.7, 1.0)
    shaking = 0.03 * rng.standard_normal(len(stage.time))
    thing = box(rng.uniform(0.5, 1.2), rng.uniform(0.8, 1.9), rng.uniform(0.3, 0.8), rng.uniform(20, 230))
    solid = Solid(thing, x + ahead[0] + shaking, z + ahead[2] + shaking, heading + 0 * shaking)
    stage.things.append(solid.seen(stage.camera))
