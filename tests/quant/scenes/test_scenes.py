# SPDX-License-Identifier: BSD-3-Clause
"""Drawn scenes: the same seed is the same clip; cameras, bodies and places are where geometry has them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiftcore.quant.mocap import J
from shiftcore.quant.scenes import cast, clip, events, fights, ordinary, people, stage
from shiftcore.quant.scenes.camera import Camera, looking_at
from shiftcore.quant.scenes.clip import HEIGHT, WIDTH, Scenes, draw
from shiftcore.quant.scenes.movements import Library
from shiftcore.quant.scenes.painting import Patch, Shapes, Sheet, hulls
from shiftcore.quant.scenes.solids import Solid, box
from tests.quant import recorded


@pytest.mark.parametrize("how", Scenes)
@pytest.mark.parametrize("name", cast.CLASSES)
def test_a_clip_is_its_seed(library: Library, name: str, how: Scenes) -> None:
    made, again = (draw(name, library, (4,), how) for _ in range(2))
    assert made.luma.dtype == np.uint8 and made.luma.shape == (round(clip.SECONDS * made.rate), HEIGHT, WIDTH)
    assert np.array_equal(made.luma, again.luma) and np.array_equal(made.boxes, again.boxes, equal_nan=True)
    assert not np.array_equal(made.luma[0], draw(name, library, (5,), how).luma[0])
    assert made.boxes.shape[1:] == (len(made.luma), 4) and (len(made.boxes) == 0) == (name == "no_fight")


@pytest.mark.parametrize("acts", [scene.acts for scenes in cast.CLASSES.values() for scene in scenes])
def test_each_scene_puts_people_before_the_camera(library: Library, acts: object) -> None:
    time = np.arange(20) / 10
    for seed in range(3):
        rng = np.random.default_rng(seed)
        camera, away = looking_at(rng, 0.4)
        put = stage.Stage(rng, library, camera, time, (0.0, -away), 0.4)
        acts(put)  # type: ignore[operator]
        assert len(put.people) >= (0 if acts is ordinary.nobody else 1)
        for person in put.people:
            assert person.joints.shape == (20, 22, 3) and np.isfinite(person.joints).all()
            assert person.joints[..., 1].max() < 3 and person.joints[..., 1].min() > -1.1


def test_fighters_are_close_and_faster_than_who_talks(library: Library) -> None:
    def people_of(acts: object, seed: int) -> list[stage.Person]:
        rng = np.random.default_rng(seed)
        put = stage.Stage(rng, library, Camera(3, 1, 0.4), np.arange(30) / 15, (0.0, -6.0), 0.4)
        acts(put)  # type: ignore[operator]
        return put.people

    def speed(several: list[stage.Person]) -> float:
        return float(np.mean([np.abs(np.diff(one.joints[:, J["l_wrist"]], axis=0)).sum(-1).mean() for one in several]))

    for acts in (fights.blows, fights.grapple, fights.clash, fights.wrestle):
        for seed in range(4):
            first, second = people_of(acts, seed)[:2]
            assert first.fighter and second.fighter
            gap = np.linalg.norm((first.joints - second.joints)[:, J["pelvis"]][:, [0, 2]], axis=-1)
            assert gap.min() < 1.3, (acts, seed)
    calm = np.mean([speed(people_of(ordinary.conversation, seed)) for seed in range(6)])
    assert np.mean([speed(people_of(fights.grapple, seed)[:2]) for seed in range(6)]) > 1.5 * calm


def test_who_falls_lies_at_the_end(library: Library) -> None:
    for seed in range(5):
        put = stage.Stage(np.random.default_rng(seed), library, Camera(3, 1, 0.4), np.arange(35) / 15, (0.0, -6.0), 0.4)
        events.fall(put)
        head = put.people[0].joints[:, J["head"], 1]
        assert head[0] > 0.8 and head[-1] < 0.5


def test_a_hand_reaches_what_is_within_the_arm(library: Library) -> None:
    person = stage.Person(np.tile(recorded.body().astype(np.float32), (3, 1, 1)), people.Look())
    target = np.tile(np.array([0.1, 0.3, 0.35], np.float32), (3, 1))
    before = person.joints.copy()
    stage.reach(person, "l", target)
    assert np.abs(person.joints[:, J["l_wrist"]] - target).max() < 1e-4
    for start, end in (("l_shoulder", "l_elbow"), ("l_elbow", "l_wrist"), ("l_wrist", "l_hand")):
        long = [np.linalg.norm(joints[:, J[end]] - joints[:, J[start]], axis=-1) for joints in (before, person.joints)]
        assert np.abs(long[0] - long[1]).max() < 1e-4
    assert np.array_equal(before[:, J["r_wrist"]], person.joints[:, J["r_wrist"]])


@given(
    height=st.floats(1, 15),
    focal=st.floats(0.5, 4),
    tilt=st.floats(0, 1.2),
    roll=st.floats(-0.3, 0.3),
    bend=st.sampled_from([0.0, -0.1, -0.45]),
    u=st.floats(-0.6, 0.6),
    v=st.floats(-0.45, 0.45),
)
@settings(max_examples=60, deadline=None)
def test_a_camera_sees_along_its_rays(
    height: float, focal: float, tilt: float, roll: float, bend: float, u: float, v: float
) -> None:
    camera = Camera(height, focal, tilt, roll, bend)
    ray = np.array([float(part) for part in camera.rays(np.array(u), np.array(v))])
    seen, depth = camera.project(np.array([0, height, 0]) + 7 * ray)
    assert seen == pytest.approx([u, v], abs=1e-6) and depth == pytest.approx(7)


@pytest.mark.parametrize("size", [0.08, 0.3, 0.9, 2.0])
def test_people_are_as_tall_in_the_picture_as_asked(size: float) -> None:
    for seed in range(30):
        camera, away = looking_at(np.random.default_rng(seed), size)
        _, depth = camera.project(np.array([0, 0.85, -away]))
        assert 1.7 * camera.scale(depth) == pytest.approx(size, rel=0.25) or size > 1  # nobody is nearer than 0.9 m
        assert camera.height > 0.8 and depth > 0


def test_who_faces_the_camera_has_the_left_hand_on_the_right_of_the_picture() -> None:
    body = recorded.body() + np.array([0, 0.93, -5])
    place, _ = Camera(2.5, 1.0, 0.3).project(body)
    assert place[J["l_hand"], 0] > 0 > place[J["r_hand"], 0] and place[J["head_top"], 1] < place[J["l_toe"], 1]


@given(
    first=st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.01, 0.5)),
    second=st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.01, 0.5)),
)
@settings(max_examples=50, deadline=None)
def test_a_limb_covers_both_ends_and_is_convex(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> None:
    place, radius = np.array([[first[:2], second[:2]]]), np.array([[first[2], second[2]]])
    outline = hulls(place, radius)[0].astype(np.float64)
    sides = np.roll(outline, -1, 0) - outline
    turns = sides[:, 0] * np.roll(sides, -1, 0)[:, 1] - sides[:, 1] * np.roll(sides, -1, 0)[:, 0]
    assert turns.min() > -1e-4 or turns.max() < 1e-4
    for x, y, r in (first, second):
        toward = sides[:, 0] * (y - outline[:, 1]) - sides[:, 1] * (x - outline[:, 0])
        assert (toward * np.sign(turns.sum()) > -1e-3).all(), r


def test_nearer_things_cover_farther_ones_and_furniture_who_is_behind_it() -> None:
    sheet = Sheet(64, 64, 64.0)
    square = np.array([[-0.2, -0.2], [0.2, -0.2], [0.2, 0.2], *[[-0.2, 0.2]] * 9], np.float32)
    corners = np.tile(square, (1, 2, 1, 1))
    low, high = np.full((1, 2, 2), -0.2, np.float32), np.full((1, 2, 2), 0.2, np.float32)

    def middle(depths: list[float], patch: float | None = None) -> int:
        shapes = Shapes(corners, np.array([depths], np.float32), np.array([[100.0, 200.0]]), low, high)
        full = np.full((64, 64), 255, np.uint8)
        sheet.patches = [] if patch is None else [Patch(full // 5, full, 0, 0, patch)]
        pixels, order = sheet.order(shapes)
        image = np.zeros((64, 64), np.uint8)
        sheet.paint(image, pixels[0], [100.0, 200.0], order[0])
        return int(image[32, 32])

    assert middle([3, 5]) == 100 and middle([5, 3]) == 200 and middle([-np.inf, 9]) == 200
    assert middle([3, 5], 4.0) == 100 and middle([5, 3], 2.0) == 51 and middle([5, 3], 9.0) == 200


def test_a_box_shows_at_most_three_faces() -> None:
    one = np.ones(1, np.float32)
    shapes = Solid(box(1, 1, 1, 100.0), 0.5 * one, -6 * one, 0.4 * one).seen(Camera(3, 1, 0.4))
    assert np.isfinite(shapes.depth).sum() == 3


def test_what_moves_in_a_fight_is_inside_the_boxes(library: Library) -> None:
    """Little else moves where the world is not drawn: who looks on, and the picture of a camera that shakes."""
    inside = outside = 0
    y, x = (np.mgrid[:HEIGHT, :WIDTH] + 0.5) / np.array([HEIGHT, WIDTH])[:, None, None]
    for seed in range(16):
        made = draw("fight", library, (seed, 9), Scenes.plane)
        moving = np.abs(np.diff(made.luma.astype(int), axis=0)) > 40
        for frame, moved in enumerate(moving):
            left, top, right, bottom = made.boxes[:, frame].T[..., None, None]
            near = ((x > left - 0.04) & (x < right + 0.04) & (y > top - 0.05) & (y < bottom + 0.05)).any(0)
            inside, outside = inside + int((moved & near).sum()), outside + int((moved & ~near).sum())
    assert inside > 3000 and inside > 2 * outside
