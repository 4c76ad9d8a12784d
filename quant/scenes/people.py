# SPDX-License-Identifier: BSD-3-Clause
"""Bodies: limbs with volume around the joints of a movement, in clothes of their own."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from shiftcore.quant.mocap import J
from shiftcore.quant.scenes.camera import Camera
from shiftcore.quant.scenes.painting import Shapes, capsules

RECORDED = 1.72  # metres that a recorded person is tall, about
TINY, SMALL = 0.17, 0.35  # picture heights: who is smaller has fewer limbs, and no lighter side of them


class Part(NamedTuple):
    """Between two joints, each with its radius in metres; what it is covered with."""

    start: str
    end: str
    first: float
    second: float
    cover: str


_LIMBS = [
    part
    for side in ("l_", "r_")
    for part in (
        Part(side + "shoulder", side + "elbow", 0.06, 0.048, "sleeve"),
        Part(side + "elbow", side + "wrist", 0.046, 0.036, "forearm"),
        Part(side + "wrist", side + "hand", 0.038, 0.04, "skin"),
        Part(side + "hip", side + "knee", 0.088, 0.062, "trousers"),
        Part(side + "knee", side + "ankle", 0.06, 0.046, "shins"),
        Part(side + "ankle", side + "toe", 0.048, 0.04, "shoes"),
    )
]
_TRUNK = [
    Part("neck", "pelvis", 0.1, 0.125, "coat"),
    Part("l_shoulder", "l_hip", 0.075, 0.1, "coat"),
    Part("r_shoulder", "r_hip", 0.075, 0.1, "coat"),
    Part("l_shoulder", "r_shoulder", 0.065, 0.065, "coat"),
    Part("l_hip", "r_hip", 0.105, 0.105, "trousers"),
    Part("neck", "head", 0.055, 0.06, "skin"),
]
_HEAD = Part("head", "head_top", 0.085, 0.075, "skin")
_FAR = [part for part in _TRUNK + _LIMBS if part.cover != "skin" and part.start + part.end != "l_shoulderr_shoulder"]


@dataclass(frozen=True)
class Look:
    """How somebody looks. `tall` and `stout`: times what was recorded; gray values of what covers them; `skirt`: how
    far down towards the knees or ankles; `bag`: "", "hand", "back" or "shoulder"."""

    tall: float = 1.0
    stout: float = 1.0
    head: float = 1.0
    grays: dict[str, float] = field(default_factory=dict)
    skirt: float = 0.0
    bag: str = ""
    hat: bool = False
    striped: bool = False


def random_look(rng: np.random.Generator, child: float = 0.07) -> Look:
    """Somebody; a share `child` are children."""
    small = rng.random() < child
    skin = float(np.clip(rng.normal(150, 35), 55, 225))
    coat = float(rng.choice([rng.uniform(15, 70), rng.uniform(30, 235)]))
    trousers = float(rng.choice([rng.uniform(15, 70), rng.uniform(25, 200)], p=[0.65, 0.35]))
    grays = {
        "skin": skin,
        "coat": coat,
        "sleeve": skin if rng.random() < 0.12 else coat * rng.uniform(0.85, 1.1),
        "forearm": skin if rng.random() < 0.4 else coat * rng.uniform(0.85, 1.1),
        "trousers": trousers,
        "shins": skin if rng.random() < 0.15 else trousers * rng.uniform(0.9, 1.05),
        "shoes": float(rng.choice([rng.uniform(10, 60), rng.uniform(120, 240)])),
        "hair": float(rng.choice([rng.uniform(10, 55), rng.uniform(60, 200)], p=[0.8, 0.2])),
        "bag": rng.uniform(15, 220),
        "stripes": float(np.clip(coat + rng.choice([-1, 1]) * rng.uniform(25, 80), 5, 245)),
    }
    tall = rng.uniform(0.58, 0.85) if small else np.clip(rng.normal(1, 0.055), 0.86, 1.15)
    bag = str(rng.choice(["", "hand", "back", "shoulder"], p=[0.72, 0.1, 0.1, 0.08]))
    skirt = float(rng.choice([0, rng.uniform(0.4, 1.1), rng.uniform(1.1, 1.9)], p=[0.76, 0.17, 0.07]))
    stout = float(np.exp(rng.normal(0.1, 0.14)))
    return Look(
        float(tall),
        stout,
        1.2 if small else 1.0,
        grays,
        skirt,
        bag,
        bool(rng.random() < 0.15),
        bool(rng.random() < 0.09),
    )


def joints_of(look: Look, pos: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Joints `[T, 22, 3]` of a body of its size, feet where the recorded ones are."""
    return ((pos + root[:, None]) * look.tall).astype(np.float32)


def body(camera: Camera, joints: np.ndarray, look: Look, light: np.ndarray) -> Shapes:
    """Somebody whose `joints` `[T, 22, 3]` are where they are in space, lit from the direction `light` `[3]`."""
    tall = float(camera.scale(_before(camera, joints)).max()) * RECORDED * look.tall
    parts = (_FAR if tall < TINY else _TRUNK + _LIMBS) + [_HEAD]
    starts, ends = [J[part.start] for part in parts], [J[part.end] for part in parts]
    span = np.stack([joints[:, starts], joints[:, ends]], 2)
    widths = np.array([[part.first, part.second] for part in parts], np.float32) * look.tall
    widths[:-1] *= look.stout
    widths[-1] *= look.head
    grays = np.array([look.grays[part.cover] for part in parts], np.float32)
    extra = _extras(joints, look)
    span = np.concatenate([span, np.stack([item[0] for item in extra], 1)], 1)
    widths = np.concatenate([widths, np.array([item[1] for item in extra], np.float32) * look.tall])
    grays = np.concatenate([grays, np.array([look.grays[item[2]] for item in extra], np.float32)])
    shade = grays * _lit(span, light)
    shapes = capsules(camera, span, widths, shade)
    return shapes if tall < SMALL else Shapes.of([shapes, _sheen(camera, span, widths, shade, light)], len(joints))


def _before(camera: Camera, joints: np.ndarray) -> np.ndarray:
    return np.maximum(camera.project(joints[:, 0])[1], 0.4)


def _lit(span: np.ndarray, light: np.ndarray) -> np.ndarray:
    """How light a limb is, about 1: limbs across the light are lighter, and those that are higher up."""
    way = span[:, :, 1] - span[:, :, 0]
    way = way / (np.linalg.norm(way, axis=-1, keepdims=True) + 1e-6)
    along = (way @ light.astype(np.float32)) ** 2
    return 0.8 + 0.3 * (1 - along) + 0.08 * np.clip(span[:, :, :, 1].mean(2) - 0.8, -0.8, 0.8)


def _sheen(camera: Camera, span: np.ndarray, widths: np.ndarray, shade: np.ndarray, light: np.ndarray) -> Shapes:
    """The sides of limbs that face the light, lighter, a little before the limbs."""
    aside = light * np.array([1, 0.5, 1])
    offset = (aside / np.linalg.norm(aside)).astype(np.float32) * (widths.mean(1) * 0.38)[:, None]
    shapes = capsules(camera, span + offset[None, :, None], widths * 0.6, np.clip(shade * 1.28 + 6, 0, 255))
    shapes.depth -= np.float32(0.01)
    return shapes


def _extras(joints: np.ndarray, look: Look) -> list[tuple[np.ndarray, tuple[float, float], str]]:
    """Hair, a hat, a skirt, a bag: ends `[T, 2, 3]`, radii and cover of each."""
    at = {name: joints[:, number] for name, number in J.items()}
    up = at["head_top"] - at["head"]
    left = at["l_hip"] - at["r_hip"]
    ahead = np.cross(left, at["neck"] - at["pelvis"])
    ahead = ahead / (np.linalg.norm(ahead, axis=-1, keepdims=True) + 1e-6)
    back = -0.035 * look.tall * ahead
    size = 0.088 * look.head
    extras = [(np.stack([at["head"] + 0.62 * up + back, at["head_top"] + 0.5 * back], 1), (size, size * 0.86), "hair")]
    if look.hat:
        extras.append((np.stack([at["head_top"] - 2 * back, at["head_top"] + back], 1), (0.075, 0.09), "bag"))
    if look.skirt:
        knees, ankles = (at["l_knee"] + at["r_knee"]) / 2, (at["l_ankle"] + at["r_ankle"]) / 2
        share = np.float32(look.skirt)
        hem = at["pelvis"] * (1 - share) + knees * share if share < 1 else knees * (2 - share) + ankles * (share - 1)
        extras.append((np.stack([at["pelvis"], hem], 1), (0.15, 0.16 + 0.05 * look.skirt), "coat"))
    if look.bag == "hand":
        down = np.array([0, -0.22, 0], np.float32)
        extras.append((np.stack([at["l_hand"] + 0.5 * down, at["l_hand"] + down * 1.3], 1), (0.07, 0.14), "bag"))
    if look.bag == "back":
        extras.append((np.stack([at["chest"] - 0.17 * ahead, at["spine"] - 0.19 * ahead], 1), (0.13, 0.15), "bag"))
    if look.bag == "shoulder":
        extras.append((np.stack([at["l_hip"] + 0.08 * left, at["l_hip"] * 1.0 - [0, 0.16, 0]], 1), (0.09, 0.13), "bag"))
    return extras


def stripes(camera: Camera, joints: np.ndarray, look: Look) -> Shapes:
    """Bands across the trunk, a little before it."""
    rows = np.linspace(0.15, 0.85, 3, dtype=np.float32)[None, :, None]
    left = joints[:, None, J["l_shoulder"]] * (1 - rows) + joints[:, None, J["l_hip"]] * rows
    right = joints[:, None, J["r_shoulder"]] * (1 - rows) + joints[:, None, J["r_hip"]] * rows
    shapes = capsules(camera, np.stack([left, right], 2), np.full((3, 2), 0.03), np.array(look.grays["stripes"]))
    shapes.depth -= np.float32(0.13)
    return shapes


def shadow(camera: Camera, joints: np.ndarray, look: Look, light: np.ndarray) -> Shapes:
    """What a body keeps of the light from the floor: its main limbs, laid down along the `light`."""
    pairs = [
        ("neck", "pelvis", 0.16),
        ("head", "head_top", 0.1),
        ("l_hip", "l_ankle", 0.08),
        ("r_hip", "r_ankle", 0.08),
    ]
    pairs += [("l_shoulder", "l_wrist", 0.05), ("r_shoulder", "r_wrist", 0.05)]
    span = np.stack([np.stack([joints[:, J[a]], joints[:, J[b]]], 1) for a, b, _ in pairs], 1)
    lean = (light[[0, 2]] / max(light[1], 0.25)).astype(np.float32)
    span = np.stack(
        [span[..., 0] - lean[0] * span[..., 1], 0 * span[..., 1], span[..., 2] - lean[1] * span[..., 1]], -1
    )
    widths = np.array([[width, width] for *_, width in pairs], np.float32) * look.stout
    return capsules(camera, span, widths, np.array(255.0))
