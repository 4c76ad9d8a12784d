# SPDX-License-Identifier: BSD-3-Clause
"""The Python of docs/ does what its page says: each example is run as it stands, with the names that its text takes as
given."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shiftcore.artifacts import build_folder
from shiftcore.driver import Accelerator
from shiftcore.model import image
from shiftcore.model.manifest import ChipManifest
from shiftcore.model.records import Result
from shiftcore.model.reference import Reference
from shiftcore.sim.chip import ChipModel
from tests.checkout import ROOT
from tests.other_weights import other_weights

EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = {page.stem: EXAMPLE.findall(page.read_text()) for page in sorted((ROOT / "docs").glob("*.md"))}
FRAMES = list(np.random.default_rng(7).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8))


@pytest.fixture(autouse=True)
def beside_the_build(tiny_chip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current folder where `tiny` lies in build/, as the pages have it."""
    build = build_folder()
    monkeypatch.setenv("SHIFTCORE_BUILD", str(build))
    (tmp_path / "build").symlink_to(build)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def expected(tiny_export: Path) -> list[list[int]]:
    """The logits of FRAMES as one clip."""
    reference = Reference.load(tiny_export / "model.npz")
    return [reference.infer(frame, 0, index == 0).tolist() for index, frame in enumerate(FRAMES)]


@pytest.fixture
def accelerator(tiny_chip: Path) -> Iterator[Accelerator]:
    with Accelerator.open(tiny_chip.parent, "reference") as opened:
        yield opened


def run(page: str, number: int, **given: Any) -> dict[str, Any]:
    """Run a page's example; returns all names that it leaves."""
    exec(compile(EXAMPLES[page][number], f"docs/{page}.md, example {number}", "exec"), given)
    return given


def test_each_example_has_its_test() -> None:
    assert {page: len(found) for page, found in EXAMPLES.items() if found} == {
        "alarms": 1,
        "driver": 4,
        "ingest": 1,
        "simulation": 3,
        "weights": 3,
    }


def test_a_class_map_adds_up_to_the_decision(tiny_export: Path, expected: list[list[int]]) -> None:
    reference = Reference.load(tiny_export / "model.npz")
    reference.classes = ["fight", *reference.classes[1:]]
    left = run("alarms", 0, reference=reference, pixels=FRAMES[0], clear=True)
    assert left["why"].maps.sum((0, 1)).tolist() == expected[0]


def test_an_accelerator_tells_each_frames_class(capsys: pytest.CaptureFixture[str], expected: list[list[int]]) -> None:
    run("driver", 0, images=FRAMES)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [int(row[0]) for row in rows] == list(range(len(FRAMES)))
    assert len({row[3] for row in rows}) == 1 and int(rows[0][3]) > 0  # `auto` is the Verilated chip here
    reference = Reference.load(Path("build/tiny/export/model.npz"))
    decide = reference.consensus()
    assert [row[1] for row in rows] == [decide.update(np.array(logits)).name for logits in expected]


def test_another_model_is_taken(accelerator: Accelerator, tiny_export: Path) -> None:
    with np.load(tiny_export / "model.npz") as content:
        np.savez("night.npz", **other_weights({key: content[key] for key in content.files}, seed=5))
    run("driver", 1, acc=accelerator)
    night = Reference.load(Path("night.npz"))
    assert [result.logits.tolist() for result in accelerator.stream(FRAMES)] == [
        night.infer(frame, 0, index == 0).tolist() for index, frame in enumerate(FRAMES)
    ]


def test_an_image_is_made_of_a_model(tiny_chip: Path) -> None:
    left = run("weights", 0)
    assert left["content"].dtype == np.uint8 and left["content"].shape == (image.size(len(left["stream"])),)
    assert image.fault(left["content"], ChipManifest.read(tiny_chip).shape, len(left["stream"])) is None


@pytest.fixture
def two_models(tiny_export: Path) -> list[Reference]:
    """Falls and fights, in files of these names."""
    with np.load(tiny_export / "model.npz") as content:
        ours = {key: content[key] for key in content.files}
    for seed, name in enumerate(("falls.npz", "fights.npz")):
        np.savez(name, **other_weights(ours, seed))
    return [Reference.load(Path("falls.npz")), Reference.load(Path("fights.npz"))]


def test_each_camera_has_its_model(tiny_two_chip: Path, two_models: list[Reference]) -> None:
    with Accelerator.open(tiny_two_chip.parent, "reference") as opened:
        left = run("weights", 1, acc=opened)
        assert [left["falls"].file.name, left["fights"].file.name] == ["falls.npz", "fights.npz"]
        for stream, model in enumerate(two_models):
            assert [result.logits.tolist() for result in opened.stream(FRAMES, stream)] == [
                model.infer(frame, stream, index == 0).tolist() for index, frame in enumerate(FRAMES)
            ]


def test_models_take_turns(
    accelerator: Accelerator, two_models: list[Reference], capsys: pytest.CaptureFixture[str]
) -> None:
    left = run("weights", 2, acc=accelerator, jobs=[(frame, index % 2, False) for index, frame in enumerate(FRAMES)])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [*"000111", "2"]
    assert left["turns"].loads == 2


@pytest.fixture
def taken(accelerator: Accelerator, monkeypatch: pytest.MonkeyPatch) -> list[Result]:
    """All results that anybody takes."""
    taken: list[Result] = []
    results = accelerator.results

    def noted(wait_s: float = 0.0) -> list[Result]:
        done = results(wait_s)
        taken.extend(done)
        return done

    monkeypatch.setattr(accelerator, "results", noted)
    return taken


def test_cameras_images_are_sent_as_they_come(
    accelerator: Accelerator, taken: list[Result], expected: list[list[int]]
) -> None:
    left = run("ingest", 0, acc=accelerator, arriving=[(0, image) for image in FRAMES])
    assert left["rest"]
    while accelerator.results(wait_s=1.0):
        pass
    assert [result.logits.tolist() for result in taken] == expected
    assert [result.frame_id for result in taken] == list(range(len(FRAMES)))


def test_cameras_frames_are_sent_as_they_come(accelerator: Accelerator, taken: list[Result]) -> None:
    arriving = [(index % 2, image) for index, image in enumerate(FRAMES)]
    left = run("driver", 2, acc=accelerator, prepare=accelerator.preprocessor(), arriving=arriving)
    assert left["rest"]
    while accelerator.results(wait_s=1.0):
        pass
    assert [(result.frame_id, result.stream, result.clear) for result in taken] == [
        (index, index % 2, index < 2) for index in range(len(FRAMES))
    ]


def test_cameras_are_watched_by_asyncio(accelerator: Accelerator) -> None:
    given = {"asyncio": asyncio, "acc": accelerator, "first": FRAMES[:4], "second": FRAMES[4:]}
    left = run("driver", 3, **given)
    asyncio.run(left["main"]())
    assert accelerator.counters().frames_done == len(FRAMES)


def test_the_reference_infers_traces_and_decides(expected: list[list[int]]) -> None:
    left = run("simulation", 0, frame=FRAMES[0])
    assert left["logits"].dtype == np.int64 and left["logits"].tolist() == expected[0]
    assert all(layer.dtype == np.int64 for layer in left["layers"].values()) and len(left["layers"]) > 10
    assert left["decision"].name in Reference.load(Path("build/tiny/export/model.npz")).classes


def test_the_core_takes_frames_and_gives_logits(capsys: pytest.CaptureFixture[str], expected: list[list[int]]) -> None:
    run("simulation", 1, frame=FRAMES[0])
    *logits, latency = re.findall(r"-?\d+", capsys.readouterr().out)
    assert [int(value) for value in logits] == expected[0] and int(latency) == 28_205


def test_the_chip_is_registers_memory_and_a_clock() -> None:
    chip = run("simulation", 2, frame=FRAMES[0], Path=Path)["chip"]
    assert chip.memory[:3072].tolist() == FRAMES[0].reshape(-1).tolist()
    assert chip.read(0x060) == ChipModel.MEMORY_BASE
    chip.close()
