# SPDX-License-Identifier: BSD-3-Clause
"""Places as cameras watch them: rooms, corridors, shops, streets, yards, car parks, each drawn by rays onto planes, and
the furniture that stands about."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from shiftcore.quant.scenes import textures
from shiftcore.quant.scenes.camera import Camera
from shiftcore.quant.scenes.furniture import thing
from shiftcore.quant.scenes.painting import FINE, Patch, Shapes, Sheet

INDOORS = ("room", "room", "corridor", "shop", "hall")
OUTDOORS = ("street", "street", "yard", "park", "car park", "junction")
FURNITURE = {
    "room": ("table", "chair", "cabinet", "counter", "plant", "chair"),
    "corridor": ("bin", "plant", "cabinet", "pillar"),
    "shop": ("shelf", "shelf", "counter", "bin", "cabinet", "table"),
    "hall": ("pillar", "bench", "bin", "plant", "counter", "rail"),
    "street": ("car", "post", "bin", "tree", "rail", "post"),
    "yard": ("bench", "bin", "post", "car", "cabinet", "tree"),
    "park": ("tree", "bench", "bin", "post", "tree"),
    "car park": ("car", "car", "car", "post"),
    "junction": ("post", "car", "rail", "tree"),
}


@dataclass
class Place:
    """A backdrop, uint8 gray as it is drawn, with patches of what may stand before people. `road`: its direction, and
    how far to the left its middle line is from the origin (metres across it), and its lanes; None without one."""

    kind: str
    outdoor: bool
    picture: np.ndarray
    patches: list[Patch]
    yaw: float
    road: tuple[float, float, int] | None = None


@dataclass
class _Rays:
    """What each pixel looks at, flat `[N]`: the direction, its gray and how far away it is so far."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    gray: np.ndarray
    far: np.ndarray
    width: float  # of a pixel, at a distance of 1
    _: None = field(default=None, repr=False)

    def hit(self, distance: np.ndarray, allowed: np.ndarray) -> np.ndarray:
        """The pixels that see a surface so far away before all others."""
        seen = np.flatnonzero((distance > 0) & (distance < self.far) & allowed)
        self.far[seen] = distance[seen]
        return seen


def build(rng: np.random.Generator, camera: Camera, sheet: Sheet, spot: tuple[float, float], kind: str = "") -> Place:
    """A place around `spot` on the floor. Patches come in order, far to near."""
    outdoor = rng.random() < 0.5
    kind = kind or str(rng.choice(OUTDOORS if outdoor else INDOORS))
    outdoor = kind in OUTDOORS
    rays = _looks(camera, sheet)
    yaw = float(rng.choice([rng.normal(0, 0.12), rng.uniform(-0.8, 0.8)]))
    road = None
    if kind in ("street", "junction") or (kind == "car park" and rng.random() < 0.3):
        yaw = float(rng.uniform(0, np.pi)) if kind == "junction" or rng.random() < 0.6 else yaw
        across = rng.normal(0, 2.5) + spot[0] * np.cos(yaw) - spot[1] * np.sin(yaw)
        road = (yaw, float(across), int(rng.integers(1, 5)))
    _floor(rng, rays, camera, kind, yaw, road)
    if outdoor:
        _sky(rng, rays)
        _facades(rng, rays, camera, spot, yaw)
    else:
        _walls(rng, rays, camera, spot, kind, yaw)
    small = rays.gray.reshape(sheet.rows // FINE, sheet.columns // FINE)
    picture = cv2.resize(np.clip(small, 0, 255).astype(np.uint8), (sheet.columns, sheet.rows))
    place = Place(kind, outdoor, picture, [], yaw, road)
    _furnish(rng, place, camera, sheet, spot)
    _contrast(rng, place)
    return place


def _contrast(rng: np.random.Generator, place: Place) -> None:
    """Bring the backdrop to the contrast of surveillance pictures, as measured: a standard deviation around 60 here,
    which the lens and the sensor's range make some 40."""
    mean, spread = float(place.picture.mean()), float(place.picture.std())
    factor = np.clip(np.exp(rng.normal(np.log(60), 0.25)) / max(spread, 1), 0.8, 2.6)
    middle = np.clip(rng.normal(118, 25), 60, 180)
    curve = np.clip((np.arange(256) - mean) * factor + middle, 3, 252).astype(np.uint8)
    drawn: list[Place | Patch] = [place, *place.patches]
    for one in drawn:
        one.picture = cv2.LUT(one.picture, curve)


def _looks(camera: Camera, sheet: Sheet) -> _Rays:
    rows, columns, high = sheet.rows // FINE, sheet.columns // FINE, sheet.high / FINE
    v, u = np.mgrid[:rows, :columns].astype(np.float32)
    u, v = (u + 0.5 - columns / 2) / high, (v + 0.5 - rows / 2) / high
    x, y, z = (part.ravel().astype(np.float32) for part in np.broadcast_arrays(*camera.rays(u, v)))
    return _Rays(x, y, z, np.zeros_like(x), np.full_like(x, 1e4), 1 / (camera.focal * high))


def _sample(picture: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    rows, columns = picture.shape
    return picture[row.astype(np.int64) % rows, column.astype(np.int64) % columns]


def _floor(
    rng: np.random.Generator,
    rays: _Rays,
    camera: Camera,
    kind: str,
    yaw: float,
    road: tuple[float, float, int] | None,
) -> None:
    surface = str(rng.choice(textures.FLOORS))
    if kind == "park":
        surface = str(rng.choice(["grass", "grass", "cobbles", "asphalt"]))
    distance = np.where(rays.y < -1e-4, -camera.height / np.minimum(rays.y, -1e-4), -1)
    seen = rays.hit(distance, distance < 400)
    x, z, far = rays.x[seen] * distance[seen], rays.z[seen] * distance[seen], distance[seen]
    across = x * np.cos(yaw) - z * np.sin(yaw)
    along = x * np.sin(yaw) + z * np.cos(yaw)
    gray, contrast = rng.uniform(50, 195), rng.uniform(0.3, 1.6)
    scale = rng.uniform(30, 90)  # texels a metre
    fine = np.clip(1.5 / (far * rays.width * scale), 0.06, 1)
    picture = textures.texture(surface, int(rng.integers(textures.KINDS)))
    value = gray + contrast * fine * (_sample(picture, along * scale, across * scale) - 128)
    if road:
        value = _marked(rng, value, across - road[1], along, road[2], far)
    dirt = textures.texture("plain", int(rng.integers(textures.KINDS)))
    value += rng.uniform(0.1, 0.9) * (_sample(dirt, along * 11 + 77, across * 11 + 33) - 128)
    rays.gray[seen] = value * (1 - rng.uniform(0, 0.4) * np.clip(far / 30, 0, 1))


def _marked(
    rng: np.random.Generator, value: np.ndarray, across: np.ndarray, along: np.ndarray, lanes: int, far: np.ndarray
) -> np.ndarray:
    """A road `lanes` wide with its lines, kerbs, pavements, perhaps a zebra crossing."""
    half = 1.75 * lanes
    inside = np.abs(across) < half
    value = np.where(inside, value, value + rng.uniform(-50, 50))
    value = np.where(np.abs(np.abs(across) - half) < 0.15, value + rng.uniform(20, 70), value)
    line, thick = rng.uniform(40, 110), np.maximum(0.08, far * 0.004)
    for lane in range(1, lanes):
        close = np.abs(across - (lane - lanes / 2) * 3.5) < thick
        value = np.where(close & ((along % 6 < 3) | (lanes == 2)), value + line, value)
    if rng.random() < 0.35:
        where = rng.uniform(-18, -4)
        stripes = (np.abs(along - where) < 2) & inside & (across % 1.0 < 0.5)
        value = np.where(stripes, value + line, value)
    return value


def _sky(rng: np.random.Generator, rays: _Rays) -> None:
    gray = rng.uniform(90, 250)
    unseen = rays.far > 9e3
    height = np.clip(rays.y / (np.hypot(rays.x, rays.z) + 1e-3), 0, 1)
    rays.gray[unseen] = (gray - rng.uniform(-30, 70) * height)[unseen]
    if rng.random() < 0.5:
        cover = textures.texture("plain", int(rng.integers(textures.KINDS)))
        value = _sample(cover, 60 * rays.y[unseen] * 4, 60 * rays.x[unseen])
        rays.gray[unseen] += rng.uniform(0.2, 1.5) * (value - 128)


def _facades(rng: np.random.Generator, rays: _Rays, camera: Camera, spot: tuple[float, float], yaw: float) -> None:
    """Up to three rows of houses, hedges or walls at some distance, at right angles."""
    beyond = float(np.hypot(*spot))
    for number in range(rng.integers(0, 5)):
        turn = yaw + number * np.pi / 2 * rng.choice([-1, 1])
        away = beyond + rng.uniform(2.5, 30)
        tall = rng.choice([rng.uniform(1, 3), rng.uniform(4, 14)])
        _plane(rng, rays, camera, turn, away, float(tall))


def _plane(
    rng: np.random.Generator, rays: _Rays, camera: Camera, turn: float, away: float, tall: float, gray: float = 0
) -> None:
    """An upright wall `away` from the camera in the direction `turn` from straight ahead."""
    sine, cosine = np.sin(turn), np.cos(turn)
    ahead = -(rays.z * cosine + rays.x * sine)
    distance = np.where(ahead > 1e-3, away / np.maximum(ahead, 1e-3), -1)
    height = camera.height + rays.y * distance
    seen = rays.hit(distance, (height >= -0.01) & (height < tall))
    if not len(seen):
        return
    gray = gray or rng.uniform(35, 220)
    along = (rays.x * cosine - rays.z * sine)[seen] * distance[seen]
    picture = textures.wall(rng, str(rng.choice(textures.WALLS)), gray, 30.0, tall)
    fade = np.clip(1.2 / (distance[seen] * rays.width * 20), 0.15, 1)
    value = _sample(picture, (tall - height[seen]) * 20, along * 20 + 300)
    rays.gray[seen] = gray + fade * (value - gray)


def _walls(
    rng: np.random.Generator, rays: _Rays, camera: Camera, spot: tuple[float, float], kind: str, yaw: float
) -> None:
    """The four walls and the ceiling of a room around the spot, the camera inside it."""
    ceiling = camera.height + rng.uniform(0.15, 1.2)
    beyond = float(np.hypot(*spot))
    back = beyond + {"corridor": rng.uniform(6, 30), "hall": rng.uniform(6, 25)}.get(kind, rng.uniform(0.8, 6))
    yaw = yaw * 0.3 if kind == "corridor" else yaw
    wide = {"corridor": (0.8, 2.0), "hall": (5.0, 18.0)}.get(kind, (1.6, 6.0))
    gray = rng.uniform(60, 220)
    rows = np.where(rays.y > 1e-3, (ceiling - camera.height) / np.maximum(rays.y, 1e-3), -1)
    seen = rays.hit(rows, rows < 200)
    rays.gray[seen] = gray * rng.uniform(0.5, 1.25) - 20 * np.clip(rows[seen] / 20, 0, 1)
    lamps = _sample(textures.texture("bars", 0), rays.x[seen] * rows[seen] * 40, rays.z[seen] * rows[seen] * 30)
    rays.gray[seen] += rng.choice([0, 0.6]) * (lamps - 128)
    offset = np.array([spot[0] * np.cos(yaw), 0])[0]
    for turn, away in (
        (yaw, back),
        (yaw - np.pi / 2, rng.uniform(*wide) - min(offset, 0)),
        (yaw + np.pi / 2, rng.uniform(*wide) + max(offset, 0)),
        (yaw + np.pi, rng.uniform(0.2, 3)),
    ):
        _plane(rng, rays, camera, turn, float(away), ceiling, float(np.clip(gray * rng.uniform(0.7, 1.2), 20, 235)))


def _furnish(rng: np.random.Generator, place: Place, camera: Camera, sheet: Sheet, spot: tuple[float, float]) -> None:
    """Things on the floor, drawn into the backdrop and kept as patches; few of them hide the spot."""
    kinds = FURNITURE[place.kind]
    shapes = []
    (middle, _), _ = camera.project(np.array([spot[0], 0.9, spot[1]]))
    for _ in range(int(rng.choice([0, 3, 6, 10, 16], p=[0.07, 0.2, 0.3, 0.28, 0.15]))):
        u, v = rng.uniform(-0.85, 0.85), rng.uniform(-0.45, 0.6)
        x, z = camera.on_floor(u, v)
        away = float(np.hypot(x - spot[0], z - spot[1]))
        before = np.hypot(x, z) < np.hypot(*spot) and abs(u - middle) < 0.4
        if away < 1.4 or np.hypot(x, z) < 1.2 or (before and rng.random() < 0.85):
            continue
        yaw = place.yaw + rng.choice([0, np.pi / 2, rng.uniform(0, 2 * np.pi)])
        shapes.append(thing(rng, str(rng.choice(kinds)), camera, x, z, float(yaw)))
    for one in sorted(shapes, key=lambda shape: -_depth(shape)):
        patch = _drawn(one, place.picture, sheet)
        if patch is not None:
            place.patches.append(patch)


def _depth(shapes: Shapes) -> float:
    seen = shapes.depth[np.isfinite(shapes.depth)]
    return float(seen.mean()) if seen.size else 0.0


def _drawn(shapes: Shapes, picture: np.ndarray, sheet: Sheet) -> Patch | None:
    """Draw one still thing into `picture`; the patch of it, None where nothing of it is seen."""
    pixels, order = sheet.order(shapes)
    if not len(order[0]):
        return None
    mask = np.zeros_like(picture)
    sheet.paint(picture, pixels[0], shapes.shade[0].tolist(), order[0])
    sheet.paint(mask, pixels[0], [255.0] * shapes.shade.shape[1], order[0])
    left, top, wide, tall = cv2.boundingRect(mask)
    if not wide:
        return None
    area = (slice(top, top + tall), slice(left, left + wide))
    return Patch(picture[area].copy(), mask[area], top, left, _depth(shapes))
