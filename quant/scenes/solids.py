# SPDX-License-Identifier: BSD-3-Clause
"""Things with flat faces: boxes, and profiles drawn out to a width, put together to furniture and vehicles."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from shiftcore.quant.mocap import turned
from shiftcore.quant.scenes.camera import Camera
from shiftcore.quant.scenes.painting import CORNERS, Shapes, faces

Profile = list[tuple[float, float]]


class Face(NamedTuple):
    """A flat face in a thing's own axes (z ahead, y up, x left): its corners, padded to 12, outward normal, gray."""

    corners: np.ndarray
    normal: np.ndarray
    gray: float


def face(corners: list[tuple[float, float, float]], normal: tuple[float, float, float], gray: float) -> Face:
    points = np.array(corners + corners[-1:] * (CORNERS - len(corners)), np.float32)
    return Face(points, np.array(normal, np.float32), gray)


def drawn_out(profile: Profile, half: float, gray: float, light: float = 0.25) -> list[Face]:
    """A convex `profile` of (z, y), seen from the left in the order of a clock's hand or against it, drawn out to
    `half` a width to either side. Faces that look up are lighter by the share `light`, those that look down darker."""
    middle = np.mean(profile, axis=0)
    solid = [face([(side * half, y, z) for z, y in profile], (side, 0, 0), gray * 0.92) for side in (-1, 1)]
    for (z0, y0), (z1, y1) in zip(profile, profile[1:] + profile[:1], strict=True):
        outward = np.array([y1 - y0, z0 - z1], np.float64)  # of (z, y)
        outward *= np.sign(outward @ (np.array([z0, y0]) - middle) + 1e-9) / (np.linalg.norm(outward) + 1e-9)
        corners = [(-half, y0, z0), (half, y0, z0), (half, y1, z1), (-half, y1, z1)]
        shade = gray * (1 + light * outward[1] - 0.1 * abs(outward[0]))
        solid.append(face(corners, (0, float(outward[1]), float(outward[0])), float(np.clip(shade, 0, 255))))
    return solid


def box(wide: float, tall: float, deep: float, gray: float, base: float = 0.0) -> list[Face]:
    """A box that stands `base` above the floor."""
    half = deep / 2
    return drawn_out([(-half, base), (half, base), (half, base + tall), (-half, base + tall)], wide / 2, gray)


def moved(solid: list[Face], x: float = 0.0, y: float = 0.0, z: float = 0.0) -> list[Face]:
    """The same elsewhere in the thing's axes."""
    offset = np.array([x, y, z], np.float32)
    return [part._replace(corners=part.corners + offset) for part in solid]


@dataclass(frozen=True)
class Solid:
    """Faces at (x, z) `[T]` each, turned to `heading` `[T]`, seen in their order."""

    parts: list[Face]
    x: np.ndarray
    z: np.ndarray
    heading: np.ndarray

    def seen(self, camera: Camera) -> Shapes:
        corners = np.stack([part.corners for part in self.parts])
        normals = np.stack([part.normal for part in self.parts])
        angle = self.heading[:, None]
        place = turned(corners[None], angle[:, :, None])
        place = place + np.stack([self.x, 0 * self.x, self.z], -1)[:, None, None]
        grays = np.array([part.gray for part in self.parts], np.float32)
        return faces(camera, place, turned(normals[None], angle), grays)

    def at(self, point: tuple[float, float, float]) -> np.ndarray:
        """A point of the thing in space, `[T, 3]`."""
        place = turned(np.array(point, np.float32)[None], self.heading)
        return place + np.stack([self.x, 0 * self.x, self.z], -1)
