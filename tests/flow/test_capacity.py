# SPDX-License-Identifier: BSD-3-Clause
"""Cameras per board: which limit binds, and that every stage of an image is measured, here and on emulated ARM."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shiftcore.driver.build import Build
from shiftcore.driver.feeding.link import BoardKeys
from shiftcore.errors import UserError
from shiftcore.flow import arm, capacity, image_cost
from shiftcore.hw.boards import load_board
from shiftcore.model import video
from shiftcore.model.preprocess import Preprocessor
from shiftcore.quant.checkpoint import PRETRAINED
from tests.driver.footage import pictures
from tests.environments import one_at_a_time

SHIPPED = PRETRAINED / "cctv.npz"
STAGES = ("decode", "colour", "shrink", "driver")


def figures(**more: Any) -> dict[str, Any]:
    """Costs that divide without a rest."""
    return {
        "chip_fps_slow_memory": 1000.0,
        "image_cpu_ms": {"640x360": dict(zip(STAGES, (2.0, 0.125, 0.75, 0.25), strict=True))},
        "feeder_cpu_ms": {"640x360": {"decode": 2.0, "colour": 0.125, "shrink": 1.75}},
        "feeding_cpu_ms": {"send": 0.25, "receive": 0.125, "shrink": 0.25, "driver": 0.25},
        "feeding_bytes": 10_000,
        "image_instructions": {"640x360": dict(zip(STAGES, (6e6, 1e6, 5e6, 1e6), strict=True))},
        "image_instructions_why": None,
        "feeding_instructions": {"send": 1e6, "receive": 1e6, "shrink": 5e5, "driver": 5e5},
        **more,
    }


def cameras(name: str = "pynq-z2", **more: Any) -> dict[str, Any]:
    found = capacity.cameras(figures(**more), name, load_board(name), streams=32, run_every=2)["cameras_per_board"]
    return {board: sizes["640x360"] for board, sizes in found.items()}


def test_the_least_limit_is_named() -> None:
    found = cameras()
    assert found["one core here"] == {
        "processor": 20,
        "inputs": 125,
        "streams": 32,
        "cameras": 20,
        "limit": "processor",
    }
    assert found["pynq-z2"] == {  # 1300 MHz of two cores over 16 times 13 million; one core's over 16 times 6 million
        "processor": 6, "thread": 6, "inputs": 125, "streams": 32, "cameras": 6, "limit": "processor",
    }  # fmt: skip
    assert found["pynq-z2, fed"] == {
        "processor": 40, "thread": 40, "inputs": 125, "streams": 32, "network": 781, "cameras": 32, "limit": "streams",
    }  # fmt: skip
    assert found["feeder, one core here"] == {"processor": 15, "network": 781, "cameras": 15, "limit": "processor"}
    slow = cameras(chip_fps_slow_memory=100.0)["pynq-z2, fed"]
    assert (slow["cameras"], slow["limit"]) == (12, "inputs")
    alone = dict(zip(STAGES, (1e6, 0.0, 6e6, 1e6), strict=True))
    alone = cameras(image_instructions={"640x360": alone})["pynq-z2"]
    assert (alone["processor"], alone["thread"], alone["limit"]) == (10, 5, "thread")


def test_what_was_not_counted_is_none_and_says_why() -> None:
    found = cameras(image_instructions=None, feeding_instructions=None, image_instructions_why="no qemu")
    for board in ("pynq-z2", "pynq-z2, fed"):
        assert (found[board]["processor"], found[board]["cameras"], found[board]["limit"]) == (None, None, None)
        assert found[board]["why"] == "no qemu" and found[board]["streams"] == 32
    kria = cameras("kv260")["kv260"]
    assert kria["cameras"] is None and kria["why"] == "zynquplus: instructions are counted of a Cortex-A9 alone"


def test_marks_become_stages() -> None:
    """Two images whose steps are 1, 2, 3, 4 and 5, and a last step of 6, the decoder's end."""
    marks = np.cumsum([0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 6]).tolist()
    assert image_cost.by_stage(marks) == {"decode": 1 + 6 / 2, "colour": 2, "shrink": 4, "driver": 3 + 5}
    with pytest.raises(AssertionError, match="a stage is missing"):
        image_cost.by_stage(marks[:-1])
    assert image_cost.by_side([0, 1, 3, 4, 6]) == {"send": 1, "receive": 2}


@pytest.fixture
def videos(tmp_path: Path) -> list[Path]:
    """Of as many images, the second one larger."""
    paths = [tmp_path / "small.mp4", tmp_path / "large.mp4"]
    for path, side in zip(paths, (48, 192), strict=True):
        video.write(path, pictures(8, side, side), rate=16)
    return paths


def test_each_stage_is_measured_here(tiny_export: Path, videos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_cost, "REPEATS", 1)
    marks: list[None] = []
    image_cost.watch(videos[0], Build.load(tiny_export / "model.npz"), lambda: marks.append(None))
    assert len(marks) == 5 * 8 + 2
    for cost in image_cost.milliseconds(videos, Build.load(tiny_export / "model.npz")):
        assert set(cost) == set(STAGES) and min(cost.values()) > 0


def test_a_chip_with_ingest_leaves_the_shrinking_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`cctv` as it ships: every stage is marked, every image is the chip's, and no input is made here."""
    size, shown = (320, 240), []
    (clip,) = capacity.clips(tmp_path, [size])
    build = image_cost.with_its_chip(SHIPPED)
    assert build.manifest.ingest
    monkeypatch.setattr(image_cost._Shrunk, "keep", lambda _, plane, *rest: shown.append((plane.width, plane.height)))
    monkeypatch.setattr(Preprocessor, "prepare", lambda *_: pytest.fail("an input was made here"))
    marks: list[None] = []
    image_cost.watch(clip, build, lambda: marks.append(None))
    assert len(marks) == 5 * image_cost.RATE + 2 and shown == [(320, 228)] * image_cost.RATE


def test_what_is_fed_arrives(tmp_path: Path) -> None:
    marks: list[None] = []
    image_cost.feed(tmp_path / "keys", (80, 112), lambda: marks.append(None))
    assert len(marks) == 1 + 2 * image_cost.FED and BoardKeys.of(tmp_path / "keys").own.is_file()


def test_instructions_of_emulated_arm_are_counted(tiny_export: Path, videos: list[Path]) -> None:
    """A larger picture takes more of them to decode, to convert and to shrink, and no more of the driver's."""
    try:
        with one_at_a_time("armhf"):
            small, large = arm.instructions(videos, tiny_export / "model.npz")
    except UserError as error:
        pytest.skip(str(error))
    for stage in ("decode", "colour", "shrink"):
        assert 1000 < small[stage] < large[stage]
    assert large["driver"] == pytest.approx(small["driver"], rel=0.1)


def test_videos_are_the_same_every_time(tmp_path: Path) -> None:
    sizes = [(64, 48), (100, 60)]
    first, second = (capacity.clips(tmp_path / name, sizes) for name in ("a", "b"))
    for size, one, other in zip(sizes, first, second, strict=True):
        frames = list(video.frames(one))
        assert frames[0].shape == (size[1], size[0], 3) and len(frames) == capacity.SECONDS * image_cost.RATE
        assert one.read_bytes() == other.read_bytes()
