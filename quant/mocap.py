# SPDX-License-Identifier: BSD-3-Clause
"""Recorded human movement: sequences of joints in metres, y up, right-handed, 30 a second.

`load` reads a folder of `npz/<category>.npz`, as they are made of the originals (quant.mocap_formats).
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from shiftcore.errors import UserError

RATE = 30  # frames a second
JOINTS = (
    "pelvis spine chest neck head head_top l_shoulder l_elbow l_wrist l_hand r_shoulder r_elbow r_wrist r_hand"
    " l_hip l_knee l_ankle l_toe r_hip r_knee r_ankle r_toe"
).split()
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
    """All sequences in `folder`/npz, in the order of their files and places. Raises UserError for a folder without
    them, and for a file that is no such table."""
    paths = sorted((folder / "npz").glob("*.npz"))
    if not paths:
        raise UserError(f"{folder}: holds no npz/*.npz of recorded movements")
    return tuple(sequence for path in paths for sequence in _read(path))


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


def turned(points: np.ndarray, angle: np.ndarray | float) -> np.ndarray:
    """`points` `[..., 3]` turned about the vertical by `angle`, broadcast: what faces z then faces `angle`."""
    sine, cosine = np.sin(angle), np.cos(angle)
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    return np.stack([cosine * x + sine * z, y + 0 * cosine, cosine * z - sine * x], -1)


def mirrored(pos: np.ndarray, root: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same movement by the other hand: left and right are exchanged."""
    flip = np.array([-1, 1, 1], np.float32)
    return pos[:, MIRRORED] * flip, root * flip
