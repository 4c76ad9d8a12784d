# SPDX-License-Identifier: BSD-3-Clause
"""What a camera makes of drawn pictures: its movements, lens, light, sensor, clock and transmission."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from shiftcore.quant.actors import wander
from shiftcore.quant.scenes.overlays import Overlay

GRAIN = 400  # side of the noise that grain is cut from


@dataclass(frozen=True)
class Motion:
    """How the camera moves: `[T, 2, 3]` matrices from the drawn picture, shrunk, to the one that is kept."""

    matrices: np.ndarray
    still: bool


def steady(frames: int, margin: tuple[int, int]) -> Motion:
    """A camera that stands still, with so many pixels of `margin` to the left and above that are not kept."""
    matrix = np.array([[1, 0, -margin[0]], [0, 1, -margin[1]]], np.float64)
    return Motion(np.tile(matrix, (frames, 1, 1)), True)


def moving(rng: np.random.Generator, time: np.ndarray, size: tuple[int, int], margin: tuple[int, int]) -> Motion:
    """A camera that shakes, vibrates, swings, is bumped, pans or zooms. `size`: columns and rows that are kept."""
    kind = rng.choice(["shake", "shake", "vibrate", "swing", "bump", "pan", "pan", "zoom", "hand"])
    frames, high = len(time), size[1]
    offset, angle, zoom = np.zeros((2, frames)), np.zeros(frames), np.ones(frames)
    if kind in ("shake", "hand"):
        offset = (
            rng.uniform(0.002, 0.02 if kind == "shake" else 0.06) * high * wander(rng, time, rng.uniform(0.5, 3), 2)
        )
        angle = rng.uniform(0, 0.012) * wander(rng, time, 1.5)
    elif kind == "vibrate":
        offset = rng.uniform(0.001, 0.006) * high * wander(rng, time, rng.uniform(4, 9), 2)
    elif kind == "swing":
        angle = rng.uniform(0.005, 0.05) * np.sin(2 * np.pi * rng.uniform(0.3, 1.2) * time + rng.uniform(0, 6))
        offset[0] = rng.uniform(-1, 1) * angle * high
    elif kind == "bump":
        since = np.maximum(time - rng.uniform(0, time[-1]), 0)
        decay = np.exp(-since * rng.uniform(2, 7)) * (since > 0) * np.sin(since * rng.uniform(15, 50))
        offset = rng.uniform(-0.06, 0.06, (2, 1)) * high * decay
    elif kind == "pan":
        offset = rng.uniform(-1, 1, (2, 1)) * np.array([[0.35], [0.1]]) * high * _glide(rng, time)
    else:
        zoom = 1 + rng.uniform(0.02, 0.35) * _glide(rng, time)
        zoom = zoom / zoom.min()
    limit = 0.95 * np.array(margin)[:, None]
    offset = np.clip(offset, -limit, limit)
    centre = np.array(size)[:, None] / 2
    cosine, sine = zoom * np.cos(angle), zoom * np.sin(angle)
    source = centre + np.array(margin)[:, None] + offset
    matrices = np.empty((frames, 2, 3))
    matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 0], matrices[:, 1, 1] = cosine, -sine, sine, cosine
    matrices[:, :, 2] = centre.T - np.einsum("tij,jt->ti", matrices[:, :, :2], source)
    return Motion(matrices, False)


def _glide(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """From -1 to 1 and on: at a steady pace, or with a start and a stop."""
    share = (time - time[0]) / max(time[-1] - time[0], 1e-6) * 2 - 1
    if rng.random() < 0.5:
        return share * rng.uniform(0.15, 1)
    return np.tanh((share - rng.uniform(-0.6, 0.6)) * rng.uniform(1.5, 6))


@lru_cache(maxsize=8)
def _grain(number: int) -> np.ndarray:
    """Noise, float32: of single pixels, or in grains of two or three."""
    rng = np.random.default_rng((11, number))
    noise = rng.standard_normal((GRAIN, GRAIN), np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 0.35 + 0.3 * number)
    return soft / soft.std()


@dataclass(frozen=True)
class Sensor:
    """Light and sensor of one clip. `target`: the mean gray that the exposure aims at; `gain` `[T]`: how the light
    changes after that; `lift`: haze; `gamma`: the curve; `fall` `[H, W]` multiplies, and so does what of `clouds`
    `[H, 3 W]` has drifted into the picture at `drift` pixels a frame; `noise` in gray values; `linger`: the share of
    the last picture that stays in the next one; `comb`: each other line is older by a picture, as of interlaced video;
    `low`, `high`: the range of luma that black and white have."""

    target: float
    gain: np.ndarray
    lift: float
    gamma: float
    fall: np.ndarray
    noise: float
    grains: int
    blur: float
    linger: float
    comb: bool
    clouds: np.ndarray | None
    drift: float
    low: float
    high: float
    seed: int

    def curves(self, first: np.ndarray) -> np.ndarray:
        """Tables of gray values `[T, 256]`, exposed for the `first` picture."""
        level = np.arange(256, dtype=np.float32) / 255
        exposure = 1.0
        for _ in range(4):
            now = 255 * float((np.clip(first / 255 * exposure, 0, 1) ** self.gamma).mean()) + 255 * self.lift
            exposure = float(np.clip(exposure * (self.target / max(now, 1)) ** (1 / self.gamma), 0.4, 4))
        lit = np.clip(level * exposure * self.gain[:, None].astype(np.float32), 0, 1) ** self.gamma + self.lift
        return np.clip(lit * 255, 0, 255).astype(np.uint8)

    def light(self, frame: int) -> np.ndarray:
        """What multiplies the picture, `[H, W]`."""
        if self.clouds is None:
            return self.fall
        left = int(abs(self.drift) * frame) % (2 * self.fall.shape[1])
        return self.fall * self.clouds[:, left : left + self.fall.shape[1]]


def sensor(rng: np.random.Generator, time: np.ndarray, size: tuple[int, int], plain: bool, night: bool) -> Sensor:
    """A sensor as they come; a `plain` one keeps its exposure."""
    columns, rows = size
    gain = np.ones(len(time))
    if not plain:
        gain = _exposure(rng, time)
    clouds = None
    if not plain and rng.random() < 0.06:
        soft = cv2.resize(
            rng.uniform(0.45, 1.2, (4, 10)).astype(np.float32), (3 * columns, rows), interpolation=cv2.INTER_CUBIC
        )
        clouds = np.clip(soft, 0.4, 1.25)
    noise = min(7.0, float(np.exp(rng.normal(0.95 if night else 0.25, 0.6))))
    full = rng.random() < 0.2
    return Sensor(
        float(np.clip(rng.normal(84 if night else 108, 24), 50, 175)),
        gain,
        float(rng.choice([0, rng.uniform(0, 0.18)], p=[0.7, 0.3])),
        float(np.exp(rng.normal(-0.1, 0.25))),
        _fall(rng, rows, columns, night),
        noise if rng.random() < 0.65 else 0.0,
        int(rng.integers(4)),
        float(rng.choice([0, rng.uniform(0.3, 0.7), rng.uniform(0.7, 1.4)], p=[0.55, 0.35, 0.1])),
        float(rng.choice([0, rng.uniform(0.1, 0.5)], p=[0.75, 0.25])),
        bool(not plain and rng.random() < 0.04),
        clouds,
        float(rng.uniform(0.2, 3)),
        0.0 if full else 16.0,
        255.0 if full else 235.0,
        int(rng.integers(2**31)),
    )


def _exposure(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """How light the picture is over time: even, mostly; drift, flicker of lamps, a step that settles, lightning."""
    gain, kind = np.ones(len(time)), rng.random()
    if kind < 0.15:
        gain += rng.uniform(0.02, 0.2) * wander(rng, time, 0.3)
    elif kind < 0.25:
        gain += rng.uniform(0.01, 0.08) * np.sin(2 * np.pi * rng.uniform(0.5, 9) * time + rng.uniform(0, 6))
    elif kind < 0.31:
        since = time - rng.uniform(0, time[-1])
        gain += (
            rng.choice([-0.45, 0.7])
            * rng.uniform(0.3, 1)
            * (since > 0)
            * np.exp(-np.maximum(since, 0) * rng.uniform(0.1, 4))
        )
    elif kind < 0.34:
        gain += rng.uniform(0.3, 1.5) * (rng.random(len(time)) < 0.05)
    return np.clip(gain, 0.25, 2.5)


def _fall(rng: np.random.Generator, rows: int, columns: int, night: bool) -> np.ndarray:
    """How much light each part of the picture gets: the lens' rim, lamps, an infra-red lamp's middle."""
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    fall = 1 - rng.uniform(0, 0.3) * (x * x + y * y) + rng.uniform(-0.2, 0.2) * x + rng.uniform(-0.2, 0.2) * y
    if night:
        pools = np.zeros_like(fall)
        for _ in range(rng.integers(1, 4)):
            at, wide = rng.uniform(-0.9, 0.9, 2), rng.uniform(0.25, 1.2)
            pools += rng.uniform(0.5, 1.6) * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / wide**2)
        fall *= rng.uniform(0.3, 0.8) + pools
    return np.clip(fall, 0.05, 2.5).astype(np.float32)


def expose(pictures: np.ndarray, motion: Motion, sensor: Sensor, size: tuple[int, int], overlay: Overlay) -> np.ndarray:
    """The film, uint8 luma `[T, rows, columns]`, of drawn pictures `[T, ...]` that were shrunk; `size` is columns and
    rows."""
    frames = []
    rng = np.random.default_rng(sensor.seed)
    grain, before, curves = _grain(sensor.grains), None, None
    for number, picture in enumerate(pictures):
        seen = _framed(picture, motion, number, size)
        if sensor.blur:
            seen = cv2.GaussianBlur(seen, (0, 0), sensor.blur)
        lit = np.minimum(cv2.multiply(seen, sensor.light(number), dtype=cv2.CV_32F), 255)
        curves = sensor.curves(lit) if curves is None else curves
        lit = cv2.LUT(lit.astype(np.uint8), curves[number]).astype(np.float32)
        if sensor.noise:
            top, left = rng.integers(0, [GRAIN - size[1], GRAIN - size[0]])
            lit += sensor.noise * grain[top : top + size[1], left : left + size[0]]
        if before is not None and sensor.linger:
            lit = cv2.addWeighted(lit, 1 - sensor.linger, before, sensor.linger, 0)
        woven = lit
        if before is not None and sensor.comb:
            woven = lit.copy()
            woven[1::2] = before[1::2]
        before = lit
        range_ = (sensor.high - sensor.low) / 255
        frame = np.clip(woven * range_ + (sensor.low + 0.5), sensor.low, sensor.high).astype(np.uint8)
        overlay.draw(frame, number)
        frames.append(frame)
    return np.stack(frames)


def _framed(picture: np.ndarray, motion: Motion, number: int, size: tuple[int, int]) -> np.ndarray:
    """The part of a drawn picture that the camera looks at."""
    if motion.still:
        left, top = (round(-value) for value in motion.matrices[number, :, 2])
        return picture[top : top + size[1], left : left + size[0]]
    return cv2.warpAffine(picture, motion.matrices[number], size, borderMode=cv2.BORDER_REPLICATE)
