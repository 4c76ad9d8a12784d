# SPDX-License-Identifier: BSD-3-Clause
"""Convex polygons onto gray pictures, far to near: what every body, vehicle and piece of furniture is drawn with.

OpenCV fills them at twice the size that is kept, which shrinking then smooths.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from shiftcore.quant.scenes.camera import NEAREST, Camera

FINE = 2  # pixels drawn a pixel kept, in each direction
SHIFT = 3  # binary places of a pixel in OpenCV's coordinates
ROUND = 6  # corners of a capsule's end
CORNERS = 2 * ROUND
_AROUND = np.linspace(0, 1, ROUND, dtype=np.float32)


@dataclass
class Shapes:
    """Polygons over time. `corners` float32 `[T, P, 12, 2]` in picture heights; `depth` `[T, P]` sorts them, far first,
    in metres; infinitely near ones are not seen. `shade` `[T, P]`, 0 to 255. `low`, `high` `[T, P, 2]`: between which
    coordinates they are."""

    corners: np.ndarray
    depth: np.ndarray
    shade: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @staticmethod
    def of(several: list["Shapes"], frames: int) -> "Shapes":
        """All of several in one."""
        if not several:
            none = np.zeros((frames, 0), np.float32)
            return Shapes(none.reshape(frames, 0, CORNERS, 2), none, none, *[none.reshape(frames, 0, 2)] * 2)
        names = ("corners", "depth", "shade", "low", "high")
        return Shapes(*(np.concatenate([getattr(one, name) for one in several], 1) for name in names))

    def bounds(self) -> np.ndarray:
        """Left, top, right, bottom of all that is seen, by time: `[T, 4]`, NaN where nothing is."""
        seen = np.isfinite(self.depth)[..., None]
        low = np.where(seen, self.low, np.inf).min(1)
        high = np.where(seen, self.high, -np.inf).max(1)
        bounds = np.concatenate([low, high], -1)
        return np.where(np.isfinite(bounds).all(-1, keepdims=True), bounds, np.nan)


def capsules(camera: Camera, ends: np.ndarray, radii: np.ndarray, shade: np.ndarray) -> Shapes:
    """Limbs that taper: `ends` `[T, P, 2, 3]` and `radii` `[P, 2]` in metres, as the camera sees them."""
    place, depth = camera.project(ends)
    radius = radii * camera.scale(depth)
    nearest = depth.min(-1)
    middle = np.where(nearest > NEAREST, depth.mean(-1), -np.inf)
    low, high = (place - radius[..., None]).min(-2), (place + radius[..., None]).max(-2)
    return Shapes(hulls(place, radius), middle.astype(np.float32), shade * np.ones_like(middle), low, high)


def hulls(place: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """The outline `[..., 12, 2]` of discs at `place` `[..., 2, 2]` of `radius` `[..., 2]` and of what is between."""
    place, radius = place.astype(np.float32), radius.astype(np.float32)
    way = place[..., 1, :] - place[..., 0, :]
    length = np.hypot(way[..., 0], way[..., 1]) + 1e-9
    heading = np.arctan2(way[..., 1], way[..., 0])[..., None]
    tangent = np.arccos(np.clip((radius[..., 0] - radius[..., 1]) / length, -1, 1))[..., None]
    first = heading + tangent + (2 * np.pi - 2 * tangent) * _AROUND
    second = heading - tangent + 2 * tangent * _AROUND
    angle = np.concatenate([first, second], -1)
    reach = np.repeat(radius, ROUND, -1)
    centre = np.repeat(place, ROUND, -2)
    return centre + np.stack([reach * np.cos(angle), reach * np.sin(angle)], -1)


def faces(camera: Camera, corners: np.ndarray, normals: np.ndarray, shade: np.ndarray) -> Shapes:
    """Flat faces of one thing, `corners` `[T, P, K <= 12, 3]`, seen only from where their `normals` `[T, P, 3]` point
    to. They are painted in their order, as far away as the middle of all."""
    place, depth = camera.project(corners)
    outward = ((np.array([0, camera.height, 0]) - corners[:, :, 0]) * normals).sum(-1) > 0
    if camera.flat:
        outward = normals[..., 2] > 0
    middle = depth.mean((1, 2))[:, None] - 1e-4 * np.arange(corners.shape[1])
    middle = np.where(outward & (depth.min(-1) > NEAREST), middle, np.inf * -1)
    missing = CORNERS - place.shape[-2]
    filled = np.concatenate([place, np.repeat(place[..., -1:, :], missing, -2)], -2) if missing else place
    low, high = place.min(-2), place.max(-2)
    return Shapes(filled.astype(np.float32), middle.astype(np.float32), shade * np.ones_like(middle), low, high)


@dataclass
class Patch:
    """A piece of furniture before the backdrop, pasted over who is behind it: `picture` and `mask`, uint8 `[h, w]`, at
    `top`, `left` of the drawn picture, `depth` metres away."""

    picture: np.ndarray
    mask: np.ndarray
    top: int
    left: int
    depth: float

    def paste(self, image: np.ndarray) -> None:
        rows, columns = self.mask.shape
        part = image[self.top : self.top + rows, self.left : self.left + columns]
        cv2.copyTo(self.picture, self.mask, part)


@dataclass
class Sheet:
    """The drawn picture's size in pixels, and how picture heights become pixels of it."""

    rows: int
    columns: int
    high: float  # pixels a picture height
    patches: list[Patch] = field(default_factory=list)

    def pixels(self, corners: np.ndarray) -> np.ndarray:
        """Corners in picture heights from the centre, as OpenCV's fixed-point pixels."""
        centre = np.array([self.columns, self.rows], np.float32) / 2
        return (np.clip(corners * self.high + centre, -2000, 3000) * 2**SHIFT).astype(np.int32)

    def order(self, shapes: Shapes) -> tuple[np.ndarray, list[np.ndarray]]:
        """The corners in pixels, and which shapes to paint in each frame, far to near; patches count after them."""
        pixels = self.pixels(shapes.corners)
        half = np.array([self.columns, self.rows]) / 2 / self.high
        inside = (shapes.high > -half) & (shapes.low < half)
        seen = np.isfinite(shapes.depth) & inside[..., 0] & inside[..., 1]
        frames, count = shapes.depth.shape
        patches = np.tile([patch.depth for patch in self.patches], (frames, 1)).reshape(frames, -1)
        depth = np.concatenate([np.where(seen, shapes.depth, -np.inf), patches], 1)
        order = np.argsort(-depth, 1, kind="stable")
        painted = []
        for ranks, known in zip(order, depth, strict=True):
            there = ranks[np.isfinite(known[ranks])]
            behind = np.flatnonzero(there < count)
            painted.append(there[behind[0] :] if len(behind) else there[:0])  # the backdrop holds the patches itself
        return pixels, painted

    def paint(self, image: np.ndarray, pixels: np.ndarray, shades: list[float], which: np.ndarray) -> None:
        """Fill the shapes `which` of one frame in `image`."""
        count = len(shades)
        for number in which.tolist():
            if number < count:
                cv2.fillConvexPoly(image, pixels[number], shades[number], cv2.LINE_8, SHIFT)
            else:
                self.patches[number - count].paste(image)
