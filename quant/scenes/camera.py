# SPDX-License-Identifier: BSD-3-Clause
"""What a surveillance camera sees of space: perspective from above a ground plane, and its lens.

Space: metres, y up, the floor y = 0, x to the right; the camera stands above the origin and looks along -z, which keeps
it right-handed. The picture: x and y in its heights from its centre, y downward.
"""

from dataclasses import dataclass

import numpy as np

NEAREST = 0.12  # metres before the lens, where things stop being seen


@dataclass(frozen=True)
class Camera:
    """`height` above the floor in metres; `focal` in picture heights; `tilt` downward and `roll` in radians; `bend`:
    the division model's lambda (Fitzgibbon 2001), 0 and less, of a barrel; `flat`: everything is seen as large as at
    this distance, as from infinitely far away; None for perspective."""

    height: float
    focal: float
    tilt: float
    roll: float = 0.0
    bend: float = 0.0
    flat: float | None = None

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where points `[..., 3]` are in the picture `[..., 2]`, and how far before the camera `[...]`, in metres."""
        x, y, z = points[..., 0], points[..., 1] - self.height, points[..., 2]
        sine, cosine = np.sin(self.tilt), np.cos(self.tilt)
        up, ahead = y * cosine - z * sine, -z * cosine - y * sine
        depth = np.maximum(ahead, NEAREST)
        factor = self.focal / (self.flat or depth)
        u, v = x * factor, -up * factor
        sine, cosine = np.sin(self.roll), np.cos(self.roll)
        u, v = u * cosine - v * sine, u * sine + v * cosine
        bent = self._bend(u, v)
        return np.stack([u * bent, v * bent], -1), ahead

    def scale(self, depth: np.ndarray) -> np.ndarray:
        """Picture heights a metre, so far before the camera."""
        return self.focal / (0 * depth + self.flat if self.flat else np.maximum(depth, NEAREST))

    def _bend(self, u: np.ndarray, v: np.ndarray) -> np.ndarray | float:
        """By how much the lens moves what a pinhole would show at (u, v) towards the centre."""
        if not self.bend:
            return 1.0
        square = 4 * -self.bend * (u * u + v * v)
        return 2 / (1 + np.sqrt(1 + square))

    def rays(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The directions x, y, z that are seen at (u, v)."""
        straight = 1 / np.maximum(1 + self.bend * (u * u + v * v), 0.05)
        u, v = u * straight, v * straight
        sine, cosine = np.sin(self.roll), np.cos(self.roll)
        u, v = (u * cosine + v * sine) / self.focal, (v * cosine - u * sine) / self.focal
        sine, cosine = np.sin(self.tilt), np.cos(self.tilt)
        return u, -sine - v * cosine, -cosine + v * sine

    def on_floor(self, u: float, v: float) -> tuple[float, float]:
        """The place (x, z) of the floor that is seen at (u, v); what is above the horizon counts as 60 m away."""
        if self.flat:
            return u * self.flat / self.focal, -self.flat
        x, y, z = (float(part) for part in self.rays(np.array(u), np.array(v)))
        distance = min(self.height / max(-y, 1e-3), 60 / max(-z, 0.1))
        return x * distance, z * distance


def looking_at(rng: np.random.Generator, size: float, person: float = 1.7, flat: bool = False) -> tuple[Camera, float]:
    """A camera as surveillance has them, in whose picture a person is about `size` heights tall near its middle; and
    how far away from it, on the floor, that person is."""
    if flat:
        return Camera(1.0, 2.0, 0.0, flat=2.0 * person / size), 2.0 * person / size
    fov = np.exp(rng.uniform(np.log(28), np.log(80))) if rng.random() < 0.85 else rng.uniform(9, 28)
    focal = 0.5 / np.tan(np.radians(fov) / 2)
    kind = rng.random()
    height = rng.uniform(2.1, 4.5) if kind < 0.6 else rng.uniform(4, 8) if kind < 0.8 else rng.uniform(1.3, 2)
    height = rng.uniform(8, 16) if kind > 0.95 else height
    distance = max(focal * person / size, 0.9)
    steepest = np.radians(rng.uniform(25, 62))
    height = min(height, 0.85 + distance * np.sin(steepest))
    floor = float(np.sqrt(max(distance**2 - (height - 0.85) ** 2, 0.2)))
    tilt = np.arctan2(height - 0.9, floor) + np.radians(fov) * rng.uniform(-0.22, 0.22)
    bend = -rng.uniform(0, 0.45) if fov > 45 and rng.random() < 0.6 else 0.0
    roll = rng.normal(0, 0.09) if rng.random() < 0.25 else rng.normal(0, 0.015)
    return Camera(float(height), float(focal), float(tilt), float(roll), float(bend)), floor
