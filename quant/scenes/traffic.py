# SPDX-License-Identifier: BSD-3-Clause
"""What drives: cars, vans, lorries, buses, motorbikes and bicycles on a road or across the view, with their lights."""

import numpy as np

from shiftcore.quant.mocap import facing, turned
from shiftcore.quant.scenes import vehicles
from shiftcore.quant.scenes.solids import Face, Solid, box, face, moved
from shiftcore.quant.scenes.stage import Person, Stage, lean, way

Road = tuple[float, float, int] | None  # direction, metres across from the origin, lanes


def drive(stage: Stage, road: Road, count: int, night: bool) -> None:
    """`count` vehicles on `road`, or for None on a line of their own through the spot."""
    rng = stage.rng
    if road is None:
        yaw = float(rng.uniform(0, np.pi))
        road = (yaw, stage.spot[0] * np.cos(yaw) - stage.spot[1] * np.sin(yaw), int(rng.integers(1, 4)))
    yaw, across, lanes = road
    begin = stage.spot[0] * np.sin(yaw) + stage.spot[1] * np.cos(yaw)
    speed = rng.uniform(1.5, 6) if rng.random() < 0.4 else rng.uniform(5, 20)
    reach = max(6.0, 1.5 * abs(stage.spot[1]))
    for number in range(count):
        lane = int(rng.integers(lanes))
        aside = across + (lane - (lanes - 1) / 2) * 3.5 + rng.normal(0, 0.2)
        along = begin + (rng.normal(0, 2) if number == 0 else rng.uniform(-reach, reach))
        backward = lane < lanes / 2 if rng.random() < 0.9 else rng.random() < 0.5
        heading = yaw + (np.pi if backward else 0.0)
        gone = _gone(rng, stage.time, speed * rng.uniform(0.6, 1.3))
        foot = np.array([aside * np.cos(yaw) + along * np.sin(yaw), 0, along * np.cos(yaw) - aside * np.sin(yaw)])
        path = foot + gone[:, None] * way(heading)
        _vehicle(stage, path, heading + 0 * gone, night)


def _gone(rng: np.random.Generator, time: np.ndarray, speed: float) -> np.ndarray:
    """Metres driven since the middle of the clip: at a steady pace, braking, starting, or standing."""
    kind = rng.random()
    pace = np.full_like(time, speed)
    if kind < 0.15:
        pace *= np.clip((rng.uniform(0.3, 1.2) * time[-1] - time) / rng.uniform(0.6, 2), 0, 1)
    elif kind < 0.3:
        pace *= np.clip((time - rng.uniform(-0.2, 0.7) * time[-1]) / rng.uniform(1, 3), 0, 1)
    elif kind < 0.42:
        pace *= 0
    gone = np.cumsum(pace) * (time[1] - time[0])
    return gone - gone[len(gone) // 2]


def _vehicle(stage: Stage, path: np.ndarray, heading: np.ndarray, night: bool) -> None:
    rng = stage.rng
    kind = str(rng.choice(["car", "van", "lorry", "bus", "two wheels"], p=[0.62, 0.12, 0.07, 0.05, 0.14]))
    if kind == "two wheels":
        two_wheels(stage, path, float(heading[0]), night)
        return
    made = vehicles.KINDS[kind]
    solid = Solid(made.build(rng), path[:, 0], path[:, 2], heading)
    stage.things.append(solid.seen(stage.camera))
    if night or rng.random() < 0.08:
        strength = rng.uniform(0.5, 1.5) if night else rng.uniform(0.15, 0.4)
        for side in (-0.65, 0.65):
            stage.glows.append((solid.at((side, made.lamp, made.long / 2)), strength))


def two_wheels(stage: Stage, path: np.ndarray, heading: float, night: bool) -> None:
    """A bicycle or a motorbike with its rider."""
    rng = stage.rng
    heavy = rng.random() < 0.5
    gray = rng.uniform(15, 200)
    parts = (
        _wheel(-0.55)
        + _wheel(0.55)
        + moved(box(0.22 if heavy else 0.05, 0.3 if heavy else 0.1, 1.0, gray, base=0.45), z=0)
    )
    ones = np.full(len(path), heading, np.float32)
    solid = Solid(parts, path[:, 0], path[:, 2], ones)
    stage.things.append(solid.seen(stage.camera))
    rider = stage.add("sit", (0.0, 0.0), 0.0)
    ride(rider, path, heading, rng.uniform(0.8, 1.0))
    lean(rider, np.full(len(path), rng.uniform(0.1, 0.5)), heading)
    if night:
        stage.glows.append((solid.at((0, 0.8, 0.6)), rng.uniform(0.3, 1.0)))


def ride(rider: Person, path: np.ndarray, heading: float, saddle: float) -> None:
    """Put a seated body on a saddle so high that goes along `path`, facing `heading`."""
    joints = rider.joints
    joints = joints - joints[:, :1]
    joints = turned(joints, np.float32(heading - facing(joints)[0]))
    rider.joints = (joints + path[:, None] + [0, saddle, 0]).astype(np.float32)
    rider.joints[..., 1] = np.maximum(rider.joints[..., 1], 0.12)


def _wheel(at: float) -> list[Face]:
    angle = np.arange(12) * np.pi / 6
    parts = []
    for side in (-1.0, 1.0):
        for radius, gray in ((0.33, 20.0), (0.26, 120.0)):
            corners = [(side * 0.03, 0.33 + radius * float(np.sin(a)), at + radius * float(np.cos(a))) for a in angle]
            parts.append(face(corners, (side, 0, 0), gray))
    return parts
