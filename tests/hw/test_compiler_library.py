# SPDX-License-Identifier: BSD-3-Clause
"""The compiler as others use it: own steps, progress, threads; and the lock file that saves a search."""

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.artifacts import digest
from shiftcore.errors import UserError
from shiftcore.hw import compile as compiler
from shiftcore.hw import fifo, lockfile
from shiftcore.hw.boards import load_board
from shiftcore.hw.compile import STEPS, compile_model, read_model
from shiftcore.hw.steps import Job, Progress, Step
from shiftcore.hw.verify import verification_frames
from shiftcore.quant.export import export
from shiftcore.quant.network import random_network
from shiftcore.quant.preset import PRESETS, Preset, described_preset, parse_preset

BOARD = load_board("pynq-z2")
FIRST = ("import", "streamline", "dataflow", "rtl", "fold")
NAMES = [step.name for step in STEPS]


def small(name: str, width: int, streams: int) -> dict[str, Any]:
    """A network of one block on 8x8 images."""
    network = {"stem": {"width": width, "stride": 1}, "stages": [{"width": width, "stride": 2}], "fold_div": 4}
    hardware = {"target_fps": 20_000, "streams": streams}
    return {"name": name, "input": {"height": 8, "width": 8}, "network": network, "hardware": hardware}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Exports a small network of random weights; all that is built lies in `tmp_path`."""
    monkeypatch.setattr(Preset, "build", property(lambda preset: tmp_path / "build" / preset.name))

    def exported(name: str = "small", width: int = 4, streams: int = 2, seed: int = 1) -> Path:
        preset = parse_preset(small(name, width, streams), name)
        network = random_network(preset, seed, ["a", "b", "c"])
        return export(network, preset, tmp_path / f"{name}-{seed}") / "model.onnx"

    return exported


def test_steps_are_a_list_that_a_caller_cuts_extends_and_replaces(model: Callable[..., Path]) -> None:
    seen: list[str] = []

    def look(graph: ModelWrapper, job: Job) -> ModelWrapper:
        seen.append(f"{job.board.name}: {len(graph.graph.node)} nodes")
        return graph

    def streamline(graph: ModelWrapper, job: Job) -> ModelWrapper:
        seen.append("another streamline")
        return STEPS[1].run(graph, job)

    path = model()
    todo: list[str | Step] = ["import", replace(STEPS[1], run=streamline), Step("look", look), *FIRST[2:]]
    for times in (1, 2):
        result = compile_model(path, BOARD.name, steps=todo)
        assert result.name == "06_fold.onnx" and result.is_file()
        assert len(seen) == 2 * times, "a caller's own steps are run each time: nobody knows what they depend on"
    assert seen[:1] == ["another streamline"] and seen[1].startswith("pynq-z2: ")


def test_what_cannot_be_a_list_of_steps_is_one_line(model: Callable[..., Path]) -> None:
    path = model()
    for todo, text in ((["import", "strimline"], "step 'strimline': not known; the steps are import, streamline"),
                       (["import", "import"], "step 'import' is there twice"),
                       (["import", "core"], "step core: the graph has no frame interval; step fifos"),
                       ([], "no steps")):  # fmt: skip
        with pytest.raises(UserError, match=text):
            compile_model(path, BOARD.name, steps=todo)


def test_a_step_that_changes_the_network_is_an_exception(model: Callable[..., Path]) -> None:
    def spoil(graph: ModelWrapper, _job: Job) -> ModelWrapper:
        name = next(node for node in graph.graph.node if node.op_type == "MatMul").input[1]
        graph.set_initializer(name, -graph.get_initializer(name))
        return graph

    with pytest.raises(RuntimeError, match="step spoil changed the network: frame 0, logit"):
        compile_model(model(), BOARD.name, steps=["import", "streamline", Step("spoil", spoil)])


def test_progress_is_told_and_may_end_it(model: Callable[..., Path], capfd: pytest.CaptureFixture[str]) -> None:
    told: list[Progress] = []
    path = model()
    capfd.readouterr()  # of the export
    compile_model(path, BOARD.name, steps=FIRST, progress=told.append)
    assert [(now.step, now.number, now.of) for now in told] == [(name, i, 5) for i, name in enumerate(FIRST, 1)]
    assert capfd.readouterr() == ("", "")

    class CancelledError(Exception):
        pass

    def cancel(now: Progress) -> None:
        if now.step == "dataflow":
            raise CancelledError

    with pytest.raises(CancelledError):
        compile_model(model(seed=2), BOARD.name, steps=FIRST, progress=cancel)


def in_threads(jobs: Sequence[Callable[[], object]]) -> list[object]:
    """What each returns, or raises, all of them side by side."""
    results: list[object] = [None] * len(jobs)

    def run(index: int) -> None:
        try:
            results[index] = jobs[index]()
        except BaseException as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_two_compilations_side_by_side(
    model: Callable[..., Path], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two networks of equally named nodes, in two threads: each core is the one that it is alone, and the process is
    as it was: no signal handler, working directory, environment, output."""

    def forbidden(*_: object) -> None:
        raise AssertionError("not from a library")

    paths = [model("one", 4, 2, 1), model("two", 8, 3, 2)]
    monkeypatch.setattr(os, "chdir", forbidden)
    monkeypatch.setattr(signal, "signal", forbidden)
    monkeypatch.setattr(signal, "setitimer", forbidden)
    before = dict(os.environ)
    capfd.readouterr()  # of the export
    cores = in_threads([partial(compile_model, path, BOARD.name) for path in paths])
    assert [core for core in cores if not isinstance(core, Path)] == []
    assert dict(os.environ) == before and capfd.readouterr() == ("", "")
    together = {path: digest(path) for core in cores for path in sorted(Path(str(core)).parent.glob("0*.onnx"))}
    assert len(together) == 2 * len(STEPS)
    shutil.rmtree(tmp_path / "build")
    for path in paths:
        compile_model(path, BOARD.name, steps=FIRST)
    alone = {path: digest(path) for path in together if path.is_file()}
    assert len(alone) == 2 * len(FIRST) and alone.items() <= together.items()


def job(core: Path, export_folder: Path, folder: Path, found: lockfile.Lock | None) -> Job:
    """A job on the shipped `tiny`, in a folder of its own."""
    _, description = read_model(export_folder / "model.onnx")
    preset = described_preset(description.preset, "tiny")
    return Job(folder, BOARD, preset, description, verification_frames(32, 32), found)


def no_search(*_: object) -> None:
    raise AssertionError("searched")


@pytest.mark.parametrize(("name", "latency", "interval"), [("tiny", 28_205, 18_432), ("cctv", 168_901, 80_640)])
def test_the_shipped_locks_promise_what_the_readme_says(name: str, latency: int, interval: int) -> None:
    found = lockfile.read(PRESETS / f"{name}.pynq-z2.lock")
    assert found is not None and (found.latency, found.frame_interval) == (latency, interval)


def test_the_shipped_lock_saves_the_search(
    tiny_core: Path, tiny_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = lockfile.read(PRESETS / "tiny.pynq-z2.lock")
    monkeypatch.setattr(compiler.folding, "fold_for", no_search)
    monkeypatch.setattr(fifo, "size", no_search)
    compiling = job(tiny_core, tiny_export, tmp_path, found)
    graph = ModelWrapper(str(tiny_core.parent / "04_rtl.onnx"))
    for step in STEPS[4:]:
        graph = step.run(graph, compiling)
    assert digest(compiling.core) == digest(tiny_core)
    assert lockfile.read(tmp_path / compiler.LOCK) == found, "what a compilation leaves is what it took"


def folded(core: Path) -> ModelWrapper:
    return ModelWrapper(str(core.parent / "05_fold.onnx"))


@pytest.mark.parametrize("lie", ["latency", "deadlock", "fifos", "no end"])
def test_a_lock_that_lies_is_found_out(
    tiny_core: Path, tiny_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, lie: str,
) -> None:  # fmt: skip
    """What it promises is measured; then the search is done after all."""
    found = lockfile.read(PRESETS / "tiny.pynq-z2.lock")
    assert found is not None
    if lie == "latency":
        found = replace(found, latency=found.latency - 1)
    elif lie == "deadlock":
        skips = {name for name in found.fifos if name.startswith("stage") and "add" in name}
        assert skips
        found = replace(
            found, fifos={n: a | {"depth": 2, "ram_style": "srl"} if n in skips else a for n, a in found.fifos.items()}
        )
    elif lie == "no end":
        found = replace(found, fifos=dict(list(found.fifos.items())[1:]))
    else:
        found = replace(found, fifos=found.fifos | {"elsewhere_fifo": {"depth": 2, "ram_style": "srl"}})
    searched: list[int] = []

    def search(model: ModelWrapper, *_: object) -> ModelWrapper:
        searched.append(1)
        model.set_metadata_prop("frame_interval", "18432")
        return model

    monkeypatch.setattr(compiler, "_sized_anew", search)
    compiler._size_fifos(folded(tiny_core), job(tiny_core, tiny_export, tmp_path, found))
    assert searched == [1]
    assert "searching" in caplog.text


@pytest.mark.parametrize("other", ["board", "target", "network", "layers", "too much"])
def test_a_lock_of_something_else_is_not_used(tiny_core: Path, tiny_export: Path, tmp_path: Path, other: str) -> None:
    found = lockfile.read(PRESETS / "tiny.pynq-z2.lock")
    assert found is not None
    compiling = job(tiny_core, tiny_export, tmp_path, found)
    graph = ModelWrapper(str(tiny_core.parent / "04_rtl.onnx"))
    if other == "board":
        compiling.board = load_board("zcu104")
    elif other == "target":
        compiling.preset = compiling.preset.with_(hardware={"target_fps": 3000})
    elif other == "network":
        first, *rest = compiling.description.layers
        compiling.description = replace(compiling.description, layers=(replace(first, bits=7), *rest))
    elif other == "layers":
        compiling.found = replace(found, folding={**found.folding, "elsewhere": {"PE": 1}})
    else:
        compiling.board = BOARD.with_(resources={"DSP": 3})
        digest_of_few = lockfile.shape_digest(
            named(graph, compiling),
            compiling.description.layers,
            compiling.preset.hardware,
            compiling.board,
        )
        compiling.found = replace(found, found_for=digest_of_few)
    named(graph, compiling)
    found_for = lockfile.shape_digest(graph, compiling.description.layers, compiling.preset.hardware, compiling.board)
    assert compiler._folded_as_found(graph, compiling, found_for) is None


def test_a_lock_is_of_a_part_and_clock_not_of_what_a_boot_loader_sets(
    tiny_core: Path, tiny_export: Path, tmp_path: Path
) -> None:
    found = lockfile.read(PRESETS / "tiny.pynq-z2.lock")
    assert found is not None
    compiling = job(tiny_core, tiny_export, tmp_path, found)
    graph = named(ModelWrapper(str(tiny_core.parent / "04_rtl.onnx")), compiling)
    for board, fits in (
        (BOARD, True),
        (BOARD.with_(name="a twin", pll={"fbdiv": 40, "div2": True}), True),
        (BOARD.with_(part="xc7z010clg400-1"), False),
        (BOARD.with_(clock_mhz=50.0), False),
        (BOARD.with_(resources={"BRAM": 60}), False),
    ):
        hardware = compiling.preset.hardware
        found_for = lockfile.shape_digest(graph, compiling.description.layers, hardware, board)
        assert found.fits_folding(graph, found_for) == fits, board


def named(graph: ModelWrapper, compiling: Job) -> ModelWrapper:
    compiler.dataflow.name_layers(graph, compiling.description.layers)
    return graph


def test_a_damaged_lock_is_one_line(tmp_path: Path) -> None:
    for text in ("", "[]", "{}", json.dumps({"format": "shiftcore-lock", "version": 2})):
        (tmp_path / "x.lock").write_text(text)
        with pytest.raises(UserError, match=r"x\.lock: not a lock file of this version"):
            lockfile.read(tmp_path / "x.lock")
    assert lockfile.read(tmp_path / "none.lock") is None
