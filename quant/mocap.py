# SPDX-License-Identifier: BSD-3-Clause
"""Recorded human movement: sequences of joints in metres, y up, right-handed, 30 a second.

`load` reads a folder of `npz/<category>.npz`, or the originals (quant.mocap_formats) in one folder a category: BVH as
ACCAD's Open Motion Project gives them, AMC beside the ASF of its subject as mocap.cs.cmu.edu does.
"""

import csv
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from shiftcore.errors import UserError
from shiftcore.quant import mocap_formats
from shiftcore.quant.mocap_formats import Ends

RATE = 30  # frames a second
BONES = {  # of each joint, the bone of CMU's ASF that ends there, and ACCAD's joint in BVH
    "pelvis": ("root", "Hips"),
    "spine": ("lowerback", "Spine"),
    "chest": ("upperback", "Spine1"),
    "neck": ("thorax", "Neck"),
    "head": ("upperneck", "Head"),
    "head_top": ("head", "HeadEnd"),
    "l_shoulder": ("lclavicle", "LeftArm"),
    "l_elbow": ("lhumerus", "LeftForeArm"),
    "l_wrist": ("lwrist", "LeftHand"),
    "l_hand": ("lfingers", "LeftHandEnd"),
    "r_shoulder": ("rclavicle", "RightArm"),
    "r_elbow": ("rhumerus", "RightForeArm"),
    "r_wrist": ("rwrist", "RightHand"),
    "r_hand": ("rfingers", "RightHandEnd"),
    "l_hip": ("lhipjoint", "LeftUpLeg"),
    "l_knee": ("lfemur", "LeftLeg"),
    "l_ankle": ("ltibia", "LeftFoot"),
    "l_toe": ("lfoot", "LeftToeBase"),
    "r_hip": ("rhipjoint", "RightUpLeg"),
    "r_knee": ("rfemur", "RightLeg"),
    "r_ankle": ("rtibia", "RightFoot"),
    "r_toe": ("rfoot", "RightToeBase"),
}
JOINTS = list(BONES)
J = {name: number for number, name in enumerate(JOINTS)}
MIRRORED = [J[{"l_": "r_", "r_": "l_"}.get(name[:2], name[:2]) + name[2:]] for name in JOINTS]


@dataclass(frozen=True)
class Sequence:
    """One recording. `pos`: the joints relative to the pelvis, float32 `[N, 22, 3]`; `root`: the pelvis, `[N, 3]`, from
    x = z = 0, the floor at y = 0."""

    key: str
    category: str
    description: str
    pos: np.ndarray
    root: np.ndarray


@cache
def load(folder: Path) -> tuple[Sequence, ...]:
    """All sequences in `folder`, in the order of their files and places. Raises UserError for a folder without any,
    and for a file that is not what it seems."""
    tables = sorted((folder / "npz").glob("*.npz"))
    originals = sorted(path for kind in ("bvh", "amc") for path in folder.glob(f"*/*.{kind}"))
    if not tables and not originals:
        raise UserError(f"{folder}: holds no recorded movements: npz/*.npz, or *.bvh and *.amc in a folder a category")
    if tables:
        return tuple(sequence for path in tables for sequence in _read(path))
    told = _descriptions(folder / "index.csv")
    return tuple(_original(folder, path, told.get(path.stem)) for path in originals)


def _descriptions(path: Path) -> dict[str, str]:
    """What the originals show, by their name without the ending: columns `name` and `description`, where the file is
    there."""
    if not path.is_file():
        return {}
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    if rows and not {"name", "description"} <= set(rows[0]):
        raise UserError(f"{path}: has no columns name and description")
    return {row["name"]: row["description"] for row in rows}


def _original(folder: Path, path: Path, description: str | None) -> Sequence:
    if path.suffix == ".bvh":
        ends = mocap_formats.bvh(path)
    else:
        subject = path.stem.split("_")[0]
        skeletons = sorted(folder.rglob(f"{subject}.asf"))
        if not skeletons:
            raise UserError(f"{path}: its skeleton, {subject}.asf, is not in {folder}")
        ends = mocap_formats.amc(path, skeletons[0])
    words = re.sub(r"(?<=[a-z])(?=[A-Z0-9])|_", " ", path.stem)
    return sequence(ends, path, path.parent.name, description or words)


def sequence(ends: Ends, path: Path, category: str, description: str) -> Sequence:
    """The joints of what a file holds, as the tables hold them: 30 a second, the first pelvis at x = z = 0, the floor
    where the lower foot is in its lowest fiftieth. Raises UserError where joints are missing."""
    named = [pair[0 if "root" in ends.names else 1] for pair in BONES.values()]
    missing = [name for name in named if name not in ends.names]
    if missing:
        raise UserError(f"{path}: has no {', '.join(missing)}; only skeletons as of ACCAD's BVH or CMU's ASF are known")
    seconds = np.arange(len(ends.positions)) / ends.rate
    times = np.arange(int(seconds[-1] * RATE + 1e-3) + 1) / RATE
    after = np.clip(np.searchsorted(seconds, times), 1, len(seconds) - 1) if len(seconds) > 1 else np.zeros(1, int)
    before = np.maximum(after - 1, 0)
    share = ((times - seconds[before]) * ends.rate)[:, None, None]
    chosen = ends.positions[:, [ends.names.index(name) for name in named]]
    joints = chosen[before] * (1 - share) + chosen[after] * share
    floor = np.percentile(joints[:, [J["l_toe"], J["r_toe"]], 1].min(1), 2)
    root = joints[:, 0] - [joints[0, 0, 0], floor, joints[0, 0, 2]]
    return Sequence(
        path.stem, category, description, (joints - joints[:, :1]).astype(np.float32), root.astype(np.float32)
    )


def _read(path: Path) -> list[Sequence]:
    try:
        with np.load(path) as table:
            names, pos, root = table["joints"].tolist(), table["pos"], table["root"].astype(np.float32)
            starts, counts = table["start"].tolist(), table["count"].tolist()
            keys, descriptions = table["key"].tolist(), table["desc"].tolist()
            rate = float(table["fps"])
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not a table of recorded movements ({error})") from None
    if names != JOINTS or rate != RATE:
        raise UserError(f"{path}: its joints or its rate are others than {len(JOINTS)} joints at {RATE} Hz")
    return [
        Sequence(key, path.stem, text, pos[at : at + count].astype(np.float32), root[at : at + count])
        for at, count, key, text in zip(starts, counts, keys, descriptions, strict=True)
    ]


def facing(pos: np.ndarray) -> np.ndarray:
    """The angle about the vertical, radians, unwrapped, that each pose of `pos` `[N, 22, 3]` faces: 0 along z, a
    quarter turn along x. The hips tell: left - right, cross up."""
    hips = pos[:, J["l_hip"]] - pos[:, J["r_hip"]]
    return np.unwrap(np.arctan2(-hips[:, 2], hips[:, 0]))


def turned(points: np.ndarray, angle: np.ndarray | np.floating | float) -> np.ndarray:
    """`points` `[..., 3]` turned about the vertical by `angle`, broadcast: what faces z then faces `angle`."""
    sine, cosine = np.sin(angle), np.cos(angle)
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    return np.stack([cosine * x + sine * z, y + 0 * cosine, cosine * z - sine * x], -1)


def mirrored(pos: np.ndarray, root: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same movement by the other hand: left and right are exchanged."""
    flip = np.array([-1, 1, 1], np.float32)
    return pos[:, MIRRORED] * flip, root * flip
