# SPDX-License-Identifier: BSD-3-Clause
"""sim.core on a core small enough to check by hand (tests/sim/fixture_core)."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiftcore import artifacts
from shiftcore.errors import UserError
from shiftcore.sim import library
from shiftcore.sim.core import CoreError, CoreModel, Deadlock, Result, build_library, pack, unpack
from tests.checkout import ROOT
from tests.environments import with_tools

FIXTURE = Path(__file__).parent / "fixture_core"
Job = tuple[np.ndarray, int, bool]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A fixture core of the test's own."""
    return Path(shutil.copytree(FIXTURE, tmp_path / "core"))


def test_a_model_is_opened_from_anywhere_and_moves_nobody(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data files are found beside the core, and the process stays where it is: other threads may be at work there."""

    def forbidden(*_: object) -> None:
        raise AssertionError("the working directory is the whole process's")

    monkeypatch.setattr(os, "chdir", forbidden)
    frames = jobs(5)
    assert [result.logits.tolist() for result in run(CoreModel(copy), frames)] == expected(frames)


def jobs(seed: int, count: int = 20) -> list[Job]:
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return [(frame, int(rng.choice([0, 1, 127])), bool(rng.random() < 0.2)) for frame in frames]


def expected(frames: list[Job]) -> list[list[int]]:
    previous: dict[int, int] = {}
    answers = []
    for frame, stream, clear in frames:
        total = int(frame.sum())
        answers.append([total + (0 if clear else previous.get(stream, 0)), -total])
        previous[stream] = total
    return answers


def run(model: CoreModel, frames: list[Job]) -> list[Result]:
    for job in frames:
        model.push(*job)
    return model.run()


def logits(results: list[Result]) -> list[list[int]]:
    return [result.logits.tolist() for result in results]


@settings(deadline=None)
@given(st.data(), st.integers(1, 40), st.integers(1, 9), st.integers(0, 40), st.booleans())
def test_pack_and_unpack(data: st.DataObject, bits: int, elements: int, padding: int, signed: bool) -> None:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    values = data.draw(st.lists(st.integers(low, high), min_size=2 * elements, max_size=2 * elements))
    words = pack(np.array(values), bits, elements, bits * elements + padding)
    beat = int.from_bytes(words[0].tobytes(), "little")
    assert [beat >> (bits * i) & (2**bits - 1) for i in range(elements)] == [v % 2**bits for v in values[:elements]]
    assert unpack(words, bits, elements, signed).tolist() == values


def test_frames_streams_and_clips() -> None:
    frames = jobs(1)
    results = run(CoreModel(FIXTURE), frames)
    assert logits(results) == expected(frames)
    assert [(r.stream, r.clear) for r in results] == [(stream, clear) for _, stream, clear in frames]


def test_cycles_are_counted() -> None:
    """The fixture's latency is 5 cycles and its interval 6, by construction."""
    model = CoreModel(FIXTURE)
    start = model.cycles
    results = run(model, jobs(2, 10))
    assert {result.latency_cycles for result in results} == {5}
    assert np.diff([result.first_in for result in results]).tolist() == [6] * 9
    assert results[0].first_in >= start and model.cycles == results[-1].last_out + 1
    before = model.cycles
    model.step(12_345)
    assert model.cycles == before + 12_345


@pytest.mark.parametrize("seed", range(4))
def test_pauses_change_nothing_but_time(seed: int) -> None:
    frames = jobs(seed, 60)
    model = CoreModel(FIXTURE, seed=seed)
    model.input_pause, model.output_pause = ((0.5, 0.5), (0.9, 0.0), (0.0, 0.9), (0.2, 0.8))[seed]
    results = run(model, frames)
    assert logits(results) == expected(frames)
    assert results[-1].last_out - results[0].first_in > 6 * 60
    again = CoreModel(FIXTURE, seed=seed)
    again.input_pause, again.output_pause = model.input_pause, model.output_pause
    assert [r.last_out for r in run(again, frames)] == [r.last_out for r in results], "the same seed, other pauses"


def test_interval_between_frames() -> None:
    model = CoreModel(FIXTURE)
    model.interval = 100
    model.patience = 20  # waiting for the interval is no deadlock
    assert np.diff([result.first_in for result in run(model, jobs(3, 5))]).tolist() == [100] * 4


def test_pull_one_by_one() -> None:
    frames = jobs(4, 3)
    model = CoreModel(FIXTURE)
    for job in frames:
        model.push(*job)
    assert [model.pull().logits.tolist() for _ in frames] == expected(frames)
    with pytest.raises(ValueError, match="push one first"):
        model.pull()


@pytest.mark.parametrize("cycles", [0, 1, 3, 5, 6, 8, 20])
def test_reset_in_the_middle(cycles: int) -> None:
    frames = jobs(5, 4)
    model = CoreModel(FIXTURE)
    for job in frames:
        model.push(*job)
    model.step(cycles)
    model.reset()
    assert logits(run(model, frames)) == expected(frames)


def test_a_deadlock_is_named(copy: Path) -> None:
    (copy / "data" / "mode.dat").write_text("01\n")
    model = CoreModel(copy)
    model.patience = 1000
    model.push(*jobs(6, 1)[0])
    with pytest.raises(Deadlock, match=r"no beat has moved for 1000 cycles: .* output beat 0 of 2 of frame 0"):
        model.run()
    assert model.cycles < 2000


def test_a_withdrawn_beat_is_an_error(copy: Path) -> None:
    (copy / "data" / "mode.dat").write_text("02\n")
    model = CoreModel(copy)
    model.output_pause = 0.5
    with pytest.raises(CoreError, match="m_axis_tvalid fell"):
        run(model, jobs(7))


def test_an_error_of_the_rtl_ends_the_run_and_not_the_process(copy: Path) -> None:
    (copy / "data" / "mode.dat").write_text("03\n")
    with pytest.raises(CoreError, match=r"core\.sv:\d+"):
        run(CoreModel(copy), jobs(8))


def test_a_missing_data_file(copy: Path) -> None:
    (copy / "data" / "mode.dat").unlink()
    with pytest.raises(CoreError, match=r"mode\.dat"):
        CoreModel(copy)


def test_wrong_frames_are_refused() -> None:
    model = CoreModel(FIXTURE)
    with pytest.raises(ValueError, match="48 values of uint8"):
        model.push(np.zeros((4, 4, 3)))
    with pytest.raises(ValueError, match="48 values of uint8"):
        model.push(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="stream 128"):
        model.push(np.zeros((4, 4, 3), np.uint8), 128)


def test_trace_and_fifos() -> None:
    frames = jobs(9, 5)
    model = CoreModel(FIXTURE, trace=True)
    model.input_pause = model.output_pause = 0.5
    run(model, frames)
    assert model.fifo_maxcount() == {"seven": 7, "frames": 5}
    model.push(*frames[0])
    model.step(1)
    traced = model.trace()
    assert np.array_equal(np.array(traced["taken"]), np.array([frame for frame, _, _ in frames]))
    assert np.array(traced["given"]).reshape(5, 2).tolist() == expected(frames)
    model.run()
    assert [len(layer) for layer in model.trace().values()] == [1, 1], "the frame under way comes with the next call"


def _fst_blocks(content: bytes) -> dict[int, bytes]:
    """The blocks of an FST file by type: a byte of type, a big-endian length that counts itself, the content."""
    blocks, at = {}, 0
    while at < len(content):
        length = int.from_bytes(content[at + 1 : at + 9], "big")
        blocks[content[at]] = content[at + 9 : at + 1 + length]
        at += 1 + length
    return blocks


def test_waveform(tmp_path: Path) -> None:
    """The file is FST and holds the ports' names and values; there is no reader here, so the format is spelt out."""
    path = tmp_path / "wave.fst"
    model = CoreModel(FIXTURE, wave=path)
    run(model, jobs(10))
    cycles = model.cycles
    model.close()
    blocks = _fst_blocks(path.read_bytes())
    header, hierarchy = blocks[0], blocks[6]
    assert int.from_bytes(header[8:16], "big") == 10 * cycles - 5, "the last clock edge, at 10 ns a cycle"
    assert all(name in hierarchy for name in (b"ap_clk", b"s_axis_tdata", b"m_axis_tvalid", b"HasContext"))
    size = int.from_bytes(hierarchy[:8], "big")
    assert len(hierarchy) - 8 - size == 2 + (size - 15) // 255, "LZ4: a block of literals, and the token before them"
    CoreModel(FIXTURE, wave=tmp_path / "new" / "wave.fst").close()
    assert (tmp_path / "new" / "wave.fst").stat().st_size > 0
    with pytest.raises(OSError, match=r"core\.sv"):
        CoreModel(FIXTURE, wave=FIXTURE / "core.sv" / "wave.fst")


def test_data_alone_needs_no_new_library(copy: Path) -> None:
    (copy / "data" / "mode.dat").write_text("01\n")
    assert build_library(copy) == build_library(FIXTURE)
    assert build_library(copy, trace=True) != build_library(FIXTURE)


def test_models_in_threads() -> None:
    """Each model is a chip of its own."""
    frames = [jobs(seed, 200) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda own: run(CoreModel(FIXTURE), own), frames))
    assert [logits(r) for r in results] == [expected(own) for own in frames]


def test_ctrl_c_ends_a_long_run() -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    model = CoreModel(FIXTURE)
    handler = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            model.step(10**12)
    finally:
        signal.signal(signal.SIGALRM, handler)
    frames = jobs(11)
    assert logits(run(model, frames)) == expected(frames)


BUILD_IT = """
import sys
import time
from pathlib import Path
from shiftcore.sim.core import build_library
print(build_library(Path(sys.argv[1])))
"""


def test_two_builds_at_once(tmp_path: Path) -> None:
    """Both get the same whole library, and nothing else is left beside it."""
    variables = {**library.environment(), "SHIFTCORE_BUILD": str(with_tools(tmp_path / "build"))}
    command = [sys.executable, "-c", BUILD_IT, str(FIXTURE)]
    builds = [subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    libraries = {build.communicate()[0].strip() for build in builds}
    assert [build.returncode for build in builds] == [0, 0] and len(libraries) == 1
    built = Path(libraries.pop())
    assert [path.name for path in built.parent.iterdir()] == ["core.so"]
    assert {path.name for path in built.parent.parent.iterdir()} == {
        built.parent.name,
        f"{built.parent.name}.lock",
    }


def test_an_interrupted_build_leaves_nothing(copy: Path, tmp_path: Path) -> None:
    with (copy / "core.sv").open("a") as source:
        source.write("// a source of its own, so that it must be built\n")
    compiler, started = tmp_path / "compiler-without-end", tmp_path / "started"
    compiler.write_text(f"#!/bin/sh\ntouch '{started}'\nexec sleep 300\n")
    compiler.chmod(0o755)
    variables = {**library.environment(), "SHIFTCORE_BUILD": str(tmp_path / "build"), "CXX": str(compiler)}
    code = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {BUILD_IT}"
    build = subprocess.Popen([sys.executable, "-c", code, str(copy)], cwd=ROOT, env=variables, stderr=subprocess.PIPE)
    while not started.exists():
        assert build.poll() is None, build.communicate()
        time.sleep(0.05)
    build.send_signal(signal.SIGINT)
    _, errors = build.communicate()
    assert build.returncode != 0 and b"KeyboardInterrupt" in errors
    assert [path.suffix for path in (tmp_path / "build" / "models").iterdir()] == [".lock"]


def test_a_refused_source_is_named(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIFTCORE_BUILD", str(with_tools(tmp_path / "build")))
    (copy / "core.sv").write_text("module core; nonsense endmodule")
    with pytest.raises(CoreError, match=r"core\.sv:1"):
        CoreModel(copy)
    assert [path.suffix for path in (tmp_path / "build" / "models").iterdir()] == [".lock"]


def test_a_harness_that_lays_a_structure_out_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Swapped(ctypes.Structure):
        _fields_ = list(reversed(CoreModel.STRUCTURES["Options"]._fields_))

    monkeypatch.setattr(CoreModel, "STRUCTURES", {"Options": Swapped})
    with pytest.raises(CoreError, match=r"its Options is {double input_pause;.*} and ours {uint64_t patience;"):
        CoreModel(FIXTURE)


def test_a_missing_compiler_is_the_users_line(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    CoreModel(FIXTURE)  # it is built already: nothing is missing
    with (copy / "core.sv").open("a") as source:
        source.write("// other\n")
    with pytest.raises(UserError, match="no-such-compiler: not found"):
        CoreModel(copy)


@pytest.mark.parametrize("damage", ["no folder", "no manifest", "half a manifest", "no core"])
def test_no_core_is_the_users_line(copy: Path, damage: str) -> None:
    manifest = copy / "manifest.json"
    text = manifest.read_text()
    if damage == "no folder":
        shutil.rmtree(copy)
    elif damage == "no manifest":
        manifest.unlink()
    else:
        manifest.write_text(text[:100] if damage == "half a manifest" else json.dumps({"top": "other"}))
    with pytest.raises(UserError) as error:
        CoreModel(copy)
    assert str(copy) in str(error.value) and "make compile" in str(error.value) and "\n" not in str(error.value)


def test_a_read_only_build_folder(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command line turns into one line (shiftcore.cli) is an OSError that names the folder."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("SHIFTCORE_BUILD", str(blocked))
    with pytest.raises(OSError, match="file"):
        CoreModel(FIXTURE)
    assert artifacts.PACKAGE_FOLDER.is_dir()
