# SPDX-License-Identifier: BSD-3-Clause
"""One clip: a place, a camera, a scene of its class, what else moves, and the film of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np

from shiftcore.quant import brawl
from shiftcore.quant.scenes import film, people, places, traffic, weather
from shiftcore.quant.scenes.camera import Camera, looking_at
from shiftcore.quant.scenes.cast import Scene, pick
from shiftcore.quant.scenes.fights import bystanders
from shiftcore.quant.scenes.movements import Library
from shiftcore.quant.scenes.overlays import Overlay, random_overlay
from shiftcore.quant.scenes.painting import FINE, Shapes, Sheet
from shiftcore.quant.scenes.stage import Person, Stage

SECONDS = 2.25
HEIGHT, WIDTH = 128, 176  # whole macroblocks: at other sizes x264 does not write the same bytes twice
RATES = (10, 12, 15, 15, 20, 25, 25, 30)  # of files, frames a second
DISTURBANCES = (*["leaves"] * 5, *["insects", "screen", "door", "rain"] * 2, "snow", "web", "stairs")
MARGIN = 0.14  # of the picture's size, drawn around it where the camera moves


class Scenes(str, Enum):
    """How much is drawn of the world: recorded people in the `plane`, as today's drawings; in `space`, alone; in the
    `world` with its traffic, weather and disturbances."""

    plane = "plane"
    space = "space"
    world = "world"


@dataclass(frozen=True)
class Clip:
    """`luma`: uint8 `[T, 128, 176]` at `rate` a second. `boxes`: left, top, right, bottom of each who takes part in the
    event, in shares of the picture, float `[people, T, 4]`, NaN where nothing of them is seen."""

    luma: np.ndarray
    rate: int
    boxes: np.ndarray


def draw(name: str, library: Library, seed: Sequence[int], how: Scenes = Scenes.world) -> Clip:
    """One clip of class `name` (quant.scenes.cast). The same `seed` gives the same clip."""
    rng = np.random.default_rng(seed)
    rate = int(rng.choice(RATES))
    shown, time = _clock(rng, rate, how)
    scene = pick(rng, name)
    if how is not Scenes.world and scene.vehicles[1]:
        scene = Scene(scene.acts, 1, place=scene.place)
    size = float(np.exp(rng.uniform(*np.log(scene.sizes))))
    camera, away = looking_at(rng, size, flat=how is Scenes.plane)
    moves = rng.random() < 0.28
    margin = (int(MARGIN * WIDTH), int(MARGIN * HEIGHT)) if moves else (0, 0)
    sheet = Sheet(FINE * (HEIGHT + 2 * margin[1]), FINE * (WIDTH + 2 * margin[0]), FINE * HEIGHT)
    spot = (float(rng.uniform(-0.3, 0.3) * away / camera.focal), -away)
    stage = Stage(rng, library, camera, time, spot, size)
    drawn = _Drawing.begin(stage, sheet, scene, how)
    pictures = drawn.pictures()
    size_kept = (WIDTH, HEIGHT)
    motion = film.moving(rng, time, size_kept, margin) if moves else film.steady(len(time), margin)
    sensor = film.sensor(rng, time, size_kept, how is not Scenes.world, drawn.night)
    overlay = random_overlay(rng, time, HEIGHT, WIDTH) if how is Scenes.world else Overlay(time)
    luma = film.expose(pictures, motion, sensor, size_kept, overlay)
    return Clip(luma[shown], rate, _boxes(stage, drawn, motion, margin)[:, shown])


def _clock(rng: np.random.Generator, rate: int, how: Scenes) -> tuple[np.ndarray, np.ndarray]:
    """Which picture each of the file's frames shows, and when the pictures are taken: a slower camera's are shown
    twice or more, some are lost."""
    own = np.arange(round(SECONDS * rate)) / rate
    slower = rng.choice([6, 8, 10, 12.5, 15]) if how is Scenes.world and rng.random() < 0.2 else rate
    taken = np.floor(own * min(slower, rate) + 1e-6).astype(int)
    if how is Scenes.world and rng.random() < 0.06:
        start, long = rng.integers(len(own)), rng.integers(2, max(3, rate // 2))
        taken[start : start + long] = taken[start]
    numbers, shown = np.unique(taken, return_inverse=True)
    return shown, numbers / min(slower, rate)


@dataclass
class _Drawing:
    """A stage whose people are there, and what is painted before and behind them."""

    stage: Stage
    sheet: Sheet
    backdrop: np.ndarray
    behind: list[weather.Paint]
    before: list[weather.Paint]
    night: bool
    shadows: float
    light: np.ndarray

    @staticmethod
    def begin(stage: Stage, sheet: Sheet, scene: Scene, how: Scenes) -> "_Drawing":
        rng, night, road = stage.rng, stage.rng.random() < 0.25, None
        if how is Scenes.plane:
            rows, columns = sheet.rows // FINE, sheet.columns // FINE
            gray = (255 * np.clip(brawl._backdrop(rng, rows, columns)[..., 0], 0, 1)).astype(np.uint8)
            backdrop = cv2.resize(gray, (sheet.columns, sheet.rows))
        else:
            place = places.build(rng, stage.camera, sheet, stage.spot, scene.place)
            backdrop, road = place.picture, place.road
            sheet.patches += place.patches
        scene.acts(stage)
        if scene.event:
            bystanders(stage)
        if how is Scenes.world:
            _drive(stage, scene, road, night)
        elevation, azimuth = rng.uniform(0.4, 1.3), rng.uniform(0, 2 * np.pi)
        flat = np.array([np.sin(azimuth), 0, np.cos(azimuth)]) * np.cos(elevation)
        shadows = 0.0 if how is Scenes.plane or rng.random() < 0.45 else rng.uniform(0.45, 0.9)
        drawing = _Drawing(stage, sheet, backdrop, [], [], night, shadows, flat + np.array([0, np.sin(elevation), 0]))
        if how is Scenes.world:
            drawing._disturb(scene)
        return drawing

    def _disturb(self, scene: Scene) -> None:
        """Weather, leaves, screens: one to three of them, where there are any."""
        rng, time = self.stage.rng, self.stage.time
        while rng.random() < scene.disturbed:
            name = str(rng.choice(DISTURBANCES))
            if name in weather.BEHIND and (name != "leaves" or rng.random() < 0.6):
                self.behind.append(weather.BEHIND[name](rng, self.sheet, time))
            else:
                self.before.append(weather.BEFORE[name](rng, self.sheet, time))
            if len(self.behind) + len(self.before) >= 3:
                return

    def pictures(self) -> np.ndarray:
        """All frames, shrunk to the size that is kept, with the margin: uint8 `[T, rows, columns]`."""
        stage, sheet = self.stage, self.sheet
        frames = len(stage.time)
        shapes = Shapes.of(self._bodies() + stage.things, frames)
        pixels, order = sheet.order(shapes)
        shades = np.clip(shapes.shade, 0, 255)
        dark = self._shadows()
        size = (sheet.columns // FINE, sheet.rows // FINE)
        glow = _Glow(stage, sheet)
        pictures = []
        for number in range(frames):
            image = self.backdrop.copy()
            for paint in self.behind:
                paint(image, number)
            dark(image, number)
            sheet.paint(image, pixels[number], shades[number].tolist(), order[number])
            for paint in self.before:
                paint(image, number)
            small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            pictures.append(glow.add(small, number))
        return np.stack(pictures)

    def _bodies(self) -> list[Shapes]:
        camera, shapes = self.stage.camera, []
        for person in self.stage.people:
            if not _in_view(camera, person):
                continue
            shapes.append(people.body(camera, person.joints, person.look, self.light))
            if person.look.striped:
                shapes.append(people.stripes(camera, person.joints, person.look))
        return shapes

    def _shadows(self) -> weather.Paint:
        """Everybody's shadow on the floor."""
        stage, sheet = self.stage, self.sheet
        if not self.shadows or not stage.people:
            return lambda _image, _number: None
        several = [people.shadow(stage.camera, person.joints, person.look, self.light) for person in stage.people]
        shapes = Shapes.of(several, len(stage.time))
        bare = Sheet(sheet.rows, sheet.columns, sheet.high)
        pixels, order = bare.order(shapes)
        full, mask = [255.0] * shapes.shade.shape[1], np.empty((sheet.rows, sheet.columns), np.uint8)

        def paint(image: np.ndarray, number: int) -> None:
            mask[:] = 0
            bare.paint(mask, pixels[number], full, order[number])
            left, top, wide, tall = cv2.boundingRect(mask)
            if wide:
                area = (slice(top, top + tall), slice(left, left + wide))
                cv2.copyTo(cv2.convertScaleAbs(image[area], alpha=self.shadows), mask[area], image[area])

        return paint


def _in_view(camera: Camera, person: Person) -> bool:
    """Whether any joint comes near the picture at any time."""
    place, depth = camera.project(person.joints)
    near = (np.abs(place) < [1.1, 0.95]).all(-1) & (depth > 0.2)
    return bool(near.any() or depth.min() < 1.5)


def _drive(stage: Stage, scene: Scene, road: traffic.Road, night: bool) -> None:
    rng = stage.rng
    if scene.vehicles[1]:
        traffic.drive(stage, road, int(rng.integers(scene.vehicles[0], scene.vehicles[1] + 1)), night)
    elif rng.random() < (0.35 if road else 0.04) and stage.size < 0.7:
        traffic.drive(stage, road, int(rng.integers(1, 3)), night)


class _Glow:
    """Lights that dazzle, added to what is drawn."""

    def __init__(self, stage: Stage, sheet: Sheet) -> None:
        self._lights = []
        for place, strength in stage.glows:
            seen, depth = stage.camera.project(place[:, None])
            centre = seen[:, 0] * sheet.high / FINE + np.array([sheet.columns, sheet.rows]) / 2 / FINE
            radius = np.clip(stage.camera.scale(depth[:, 0]) * sheet.high / FINE * 0.9, 2, 40)
            self._lights.append((centre, np.where(depth[:, 0] > 1, radius, 0), strength))

    def add(self, picture: np.ndarray, number: int) -> np.ndarray:
        for centre, radius, strength in self._lights:
            wide = int(2.5 * radius[number])
            left, top = (int(value) - wide for value in centre[number])
            right, bottom = left + 2 * wide, top + 2 * wide
            area = (slice(max(0, top), max(0, bottom)), slice(max(0, left), max(0, right)))
            part = picture[area]
            if wide and part.size:
                y = np.arange(area[0].start, area[0].start + part.shape[0])[:, None] - centre[number, 1]
                x = np.arange(area[1].start, area[1].start + part.shape[1])[None] - centre[number, 0]
                light = 255 * strength * np.exp(-(x * x + y * y) / (0.7 * radius[number]) ** 2)
                picture[area] = np.minimum(part + light, 255).astype(np.uint8)
        return picture


def _boxes(stage: Stage, drawn: _Drawing, motion: film.Motion, margin: tuple[int, int]) -> np.ndarray:
    """Where each fighter is in the film."""
    boxes = []
    for person in stage.people:
        if person.fighter:
            bounds = people.body(stage.camera, person.joints, person.look, drawn.light).bounds()
            boxes.append(_in_film(bounds, motion, margin))
    return np.array(boxes) if boxes else np.zeros((0, len(stage.time), 4))


def _in_film(bounds: np.ndarray, motion: film.Motion, margin: tuple[int, int]) -> np.ndarray:
    """Bounds `[T, 4]` in picture heights around the drawn picture's centre, as shares of the picture that is kept."""
    centre = np.array([WIDTH, HEIGHT]) / 2 + margin
    left, top, right, bottom = bounds.T
    corners = np.stack([np.stack([x, y], -1) for x in (left, right) for y in (top, bottom)], 1) * HEIGHT + centre
    moved = np.einsum("tij,tkj->tki", motion.matrices[:, :, :2], corners) + motion.matrices[:, None, :, 2]
    low, high = moved.min(1) / [WIDTH, HEIGHT], moved.max(1) / [WIDTH, HEIGHT]
    low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
    return np.where((high > low).all(-1, keepdims=True), np.concatenate([low, high], -1), np.nan)
