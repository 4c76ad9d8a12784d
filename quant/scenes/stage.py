# SPDX-License-Identifier: BSD-3-Clause
"""Where people are put: a stage before one camera, and how joints are bent to what people have to do with others."""

from dataclasses import dataclass, field

import numpy as np

from shiftcore.quant.mocap import J, turned
from shiftcore.quant.scenes.camera import Camera
from shiftcore.quant.scenes.movements import MOVEMENTS, Library
from shiftcore.quant.scenes.painting import Shapes
from shiftcore.quant.scenes.people import Look, joints_of, random_look

UPPER = list(range(J["spine"], J["r_hand"] + 1))
ROAM = 0.5  # metres that somebody who fights gets away from where they began
DOWN = np.array([0, -1, 0], np.float32)


@dataclass
class Person:
    """`joints` `[T, 22, 3]` in space. `fighter`: their place is told as the event's."""

    joints: np.ndarray
    look: Look
    fighter: bool = False


@dataclass
class Stage:
    """Everything that a scene is put together on. `time` `[T]` in seconds; `spot`: the place (x, z) on the floor that
    the camera looks at; `size`: how tall a person is there, in picture heights."""

    rng: np.random.Generator
    library: Library
    camera: Camera
    time: np.ndarray
    spot: tuple[float, float]
    size: float
    people: list[Person] = field(default_factory=list)
    things: list[Shapes] = field(default_factory=list)
    glows: list[tuple[np.ndarray, float]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return float(self.time[-1]) + 0.1

    def near(self, spread: float) -> tuple[float, float]:
        """A place around the spot, seldom farther than `spread` metres."""
        x, z = self.rng.normal(0, spread / 2, 2)
        return float(self.spot[0] + x), float(min(self.spot[1] + z, -0.3))

    def anywhere(self) -> tuple[float, float]:
        """A place on the floor that the picture shows, or nearly."""
        rng = self.rng
        x, z = self.camera.on_floor(rng.uniform(-0.85, 0.85), rng.uniform(-0.4, 0.75))
        return (x, z) if np.hypot(x, z) > 0.7 else self.near(2.0)

    def add(
        self,
        names: str | tuple[str, ...],
        place: tuple[float, float],
        heading: float | None = None,
        pace: float | None = None,
        look: Look | None = None,
        fighter: bool = False,
    ) -> Person:
        """Somebody who does that at `place`, where who travels is in the middle of the clip."""
        rng = self.rng
        heading = rng.uniform(0, 2 * np.pi) if heading is None else heading
        look = look or random_look(rng)
        track = self.library.perform(rng, names, self.seconds, pace or float(np.exp(rng.normal(0, 0.13))))
        track = track.at(self.time * 30)
        first = names if isinstance(names, str) else names[0]
        at = len(self.time) // 2 if MOVEMENTS[first].travels else 0
        root = track.root - track.root[at] * np.array([1, 0, 1], np.float32)
        if fighter and not MOVEMENTS[first].travels:  # recorded alone, they would lose each other
            root = np.stack([ROAM * np.tanh(root[:, 0] / ROAM), root[:, 1], ROAM * np.tanh(root[:, 2] / ROAM)], 1)
        joints = turned(joints_of(look, track.pos, root), np.float32(heading))
        person = Person(joints + np.array([place[0], 0, place[1]], np.float32), look, fighter)
        self.people.append(person)
        return person


def way(heading: np.ndarray | float) -> np.ndarray:
    """The direction on the floor that `heading` faces, `[..., 3]`."""
    return np.stack([np.sin(heading), 0 * np.asarray(heading), np.cos(heading)], -1).astype(np.float32)


def shift(person: Person, offset: np.ndarray) -> None:
    """Move the whole of somebody by `offset` `[T, 3]`, metres."""
    person.joints = person.joints + offset[:, None].astype(np.float32)


def lean(person: Person, angle: np.ndarray, heading: np.ndarray | float) -> None:
    """Bend the body above the pelvis towards `heading` by `angle` `[T]`."""
    pelvis = person.joints[:, :1]
    person.joints[:, UPPER] = pelvis + tipped(person.joints[:, UPPER] - pelvis, angle, heading)


def topple(person: Person, angle: np.ndarray, heading: np.ndarray | float) -> None:
    """Tip the whole body over its feet towards `heading` by `angle` `[T]`; a right angle lies."""
    feet = person.joints[:, [J["l_ankle"], J["r_ankle"]]].mean(1, keepdims=True) * np.array([1, 0, 1], np.float32)
    person.joints = feet + tipped(person.joints - feet, angle, heading)
    person.joints[..., 1] = np.maximum(person.joints[..., 1], 0.07)


def tipped(points: np.ndarray, angle: np.ndarray, heading: np.ndarray | float) -> np.ndarray:
    """`points` `[T, K, 3]` turned about the level axis across `heading`, what is up goes ahead: by `angle` `[T]`."""
    ahead = np.broadcast_to(way(heading), (len(points), 3))[:, None]
    sine, cosine = np.sin(angle)[:, None].astype(np.float32), np.cos(angle)[:, None].astype(np.float32)
    along, up = (points * ahead).sum(-1), points[..., 1]
    forward = along * cosine + up * sine
    rest = points - along[..., None] * ahead
    rest[..., 1] = up * cosine - along * sine
    return (rest + forward[..., None] * ahead).astype(np.float32)


def turn(person: Person, angle: np.ndarray) -> None:
    """Turn somebody about the vertical through the pelvis by `angle` `[T]`."""
    pelvis = person.joints[:, :1] * np.array([1, 0, 1], np.float32)
    person.joints = turned(person.joints - pelvis, angle[:, None].astype(np.float32)).astype(np.float32) + pelvis


def lower(person: Person, depth: np.ndarray) -> None:
    """Bend the knees so that the pelvis is `depth` `[T]` metres lower; the feet stay."""
    joints = person.joints
    drop = depth.astype(np.float32)[:, None]
    upper = [J["pelvis"], *UPPER, J["l_hip"], J["r_hip"]]
    joints[:, upper, 1] -= drop
    for side in "lr":
        joints[:, J[f"{side}_knee"], 1] -= 0.5 * drop[:, 0]
    ahead = np.cross(joints[:, J["l_hip"]] - joints[:, J["r_hip"]], -DOWN)
    ahead /= np.linalg.norm(ahead, axis=-1, keepdims=True) + 1e-6
    for side in "lr":
        joints[:, J[f"{side}_knee"]] += ahead * drop * 0.6


def reach(person: Person, side: str, target: np.ndarray, weight: np.ndarray | float = 1.0) -> None:
    """Bring a hand (`side` "l" or "r") to `target` `[T, 3]`, as far as the arm goes, by the share `weight` `[T]`."""
    joints = person.joints
    numbers = [J[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist", "hand")]
    shoulder, elbow, wrist, hand = (joints[:, number] for number in numbers)
    upper = np.linalg.norm(elbow - shoulder, axis=-1, keepdims=True)
    fore = np.linalg.norm(wrist - elbow, axis=-1, keepdims=True)
    palm = np.linalg.norm(hand - wrist, axis=-1, keepdims=True)
    to = target - shoulder
    distance = np.clip(np.linalg.norm(to, axis=-1, keepdims=True), 0.1, (upper + fore) * 0.995)
    to = to / (np.linalg.norm(to, axis=-1, keepdims=True) + 1e-6)
    along = np.clip((upper**2 - fore**2 + distance**2) / (2 * distance), -upper, upper)
    aside = shoulder - joints[:, J["neck"]] + 0.35 * DOWN
    aside = aside - (aside * to).sum(-1, keepdims=True) * to
    aside = aside / (np.linalg.norm(aside, axis=-1, keepdims=True) + 1e-6)
    bent = shoulder + along * to + np.sqrt(np.maximum(upper**2 - along**2, 0)) * aside
    end = shoulder + distance * to
    fingers = end + palm * (end - bent) / (fore + 1e-6)
    share = np.broadcast_to(np.asarray(weight, np.float32), len(joints))[:, None]
    for number, place in zip(numbers[1:], (bent, end, fingers), strict=True):
        joints[:, number] = joints[:, number] * (1 - share) + place * share
