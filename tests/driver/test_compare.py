# SPDX-License-Identifier: BSD-3-Clause
"""compare=True: the first difference stops the run, is named with both values, saved, and can be replayed."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shiftcore.driver import Accelerator, BuildError, DifferenceError
from shiftcore.driver import accelerator as accelerator_module
from shiftcore.driver.backends.reference import ReferenceBackend
from shiftcore.driver.build import Build
from shiftcore.driver.compare import read_case
from shiftcore.driver.replay import replay
from shiftcore.model.reference import Reference
from tests.checkout import ROOT
from tests.driver.rig import Rig, logits


class Faulty:
    """The reference with a fault: a frame that begins with pixel 255 gives 3 more in logit 2, unless it begins a clip
    (a fault of temporal state, then, as far as anyone can see)."""

    def __init__(self, build: Build) -> None:
        self._reference = Reference.load(build.chip / "model.npz")

    def __call__(self, frame: np.ndarray, stream: int, clear: bool) -> np.ndarray:
        values = self._reference.infer(frame, stream, clear)
        values[2] += 3 * (frame[0, 0, 0] == 255 and not clear)
        return values


@pytest.fixture
def build(build_folder: Path, tmp_path: Path) -> Build:
    """A build folder of the test's own."""
    shutil.copytree(build_folder / "chip", tmp_path / "build" / "chip")
    return Build.load(tmp_path / "build")


def frames_with_fault(build: Build, count: int, at: int) -> np.ndarray:
    frames = np.random.default_rng(50).integers(0, 255, (count, *build.input_shape), dtype=np.uint8)
    frames[at, 0, 0, 0] = 255
    return frames


def provoke(build: Build, count: int = 20, at: int = 15) -> tuple[str, Path, Accelerator]:
    """Run frames of two streams until the fault shows; the message and the folder it names."""
    opened = Accelerator(build, ReferenceBackend(build, Faulty(build)), compare=True)
    frames = frames_with_fault(build, count, at)
    other = opened.stream(frames[:at], stream=2)
    results = []
    with pytest.raises(DifferenceError) as caught:
        for result in opened.stream(frames, stream=1):
            results.append(result)
            next(other, None)
    assert len(results) <= at, "nothing behind the difference is handed out"
    found = re.search(r"saved in (\S+);", str(caught.value))
    assert found and "\n" not in str(caught.value)
    return str(caught.value), Path(found[1]), opened


def test_the_first_difference_stops_the_run(build: Build) -> None:
    text, folder, opened = provoke(build)
    assert re.match(r"frame \d+ of stream 1: logit 2 is -?\d+ on the chip, -?\d+ in the reference; saved in ", text)
    case, frames = read_case(folder)
    difference = case["difference"]
    assert difference["chip"] == difference["reference"] + 3
    assert case["chip_logits"][2] - case["reference_logits"][2] == 3
    assert case["build_hash"] == build.manifest.build_hash
    assert case["backend"] == "reference" and case["versions"]["numpy"] == np.__version__
    assert case["contexts"][-1] == {"frame_id": difference["frame_id"], "stream": 1, "clear": False}
    assert np.array_equal(frames[-1], frames_with_fault(build, 20, 15)[15])
    good = frames_with_fault(build, 3, 0)
    good[0] = 0
    reference = Reference.load(build.chip / "model.npz")
    assert logits(opened.stream(good, 1)) == [reference.infer(f, 1, i == 0).tolist() for i, f in enumerate(good)]
    opened.close()


def test_what_is_saved_is_enough(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """The frames that are kept give the very logits that were compared; a sound chip shows no difference, the faulty
    one the same."""
    _, folder, opened = provoke(build)
    opened.close()
    case, frames = read_case(folder)
    assert len(frames) < 15, "not the whole clip"
    reference = Reference.load(build.chip / "model.npz")
    for frame, context in zip(frames, case["contexts"], strict=True):
        values = reference.infer(frame, context["stream"], context["clear"])
    assert values.tolist() == case["reference_logits"]
    assert replay(folder, "reference") == []

    def faulty(_name: str, again: Build) -> ReferenceBackend:
        return ReferenceBackend(again, Faulty(again))

    monkeypatch.setattr(accelerator_module, "open_backend", faulty)
    differences = replay(folder, "reference")
    assert [d._asdict() for d in differences] == [case["difference"]]


def test_the_command_that_replays(build: Build) -> None:
    _, folder, opened = provoke(build)
    opened.close()
    command = [sys.executable, "-m", "shiftcore", "replay", str(folder), "--backend", "reference"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "no difference\n")
    command[4] = str(folder.parent)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_a_build_that_has_changed_is_not_replayed_on(build: Build) -> None:
    _, folder, opened = provoke(build)
    opened.close()
    case = json.loads((folder / "case.json").read_text())
    (folder / "case.json").write_text(json.dumps({**case, "build_hash": "00000000"}))
    with pytest.raises(BuildError, match=r"saved on build 00000000, but .* now"):
        replay(folder, "reference")


def test_a_disk_that_is_full_hides_no_difference(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    opened = Accelerator(build, ReferenceBackend(build, Faulty(build)), compare=True)
    with pytest.raises(DifferenceError, match="could not be saved: No space left on device"):
        list(opened.stream(frames_with_fault(build, 3, 1)))
    assert list((build.folder / "differences").iterdir()) == []
    opened.close()


def test_no_difference_on_a_sound_chip(rig: Rig) -> None:
    with rig.open(compare=True) as opened:
        for _ in opened.stream(rig.frames(6, seed=51)):
            pass
