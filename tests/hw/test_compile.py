# SPDX-License-Identifier: BSD-3-Clause
"""The compile flow as a user meets it: kept steps, equal bytes, bad input, hangs, Ctrl-C, and what only HLS has."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

from shiftcore import sources
from shiftcore.artifacts import PACKAGE_FOLDER, digest, lock
from shiftcore.errors import UserError
from shiftcore.hw import compile as flow
from shiftcore.hw import dataflow, folding
from shiftcore.hw.boards import load_board
from shiftcore.hw.core import IDENTITY, build_core
from shiftcore.hw.graph import Frame
from shiftcore.hw.steps import SavedSteps
from shiftcore.hw.verify import first_difference, integer_logits
from shiftcore.quant.preset import PRESETS
from tests.checkout import ROOT
from tests.commands import shiftcore

BOARD = load_board("pynq-z2")
PART = BOARD.part


def run(*arguments: str, build: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`shiftcore compile`, with a build folder of its own."""
    return shiftcore("compile", *arguments, **({"SHIFTCORE_BUILD": build} if build else {}))


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a refusal."""
    assert done.returncode == 2, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_second_run_keeps_every_step(tiny_core: Path, tiny_export: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = (tiny_core / "manifest.json").read_text()
    caplog.set_level("INFO", "shiftcore.hw")
    assert flow.compile_model(tiny_export / "model.onnx", BOARD.name) == tiny_core
    assert "nothing has changed" in caplog.text
    assert (tiny_core / "manifest.json").read_text() == before


@pytest.fixture
def key(tiny_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """The key of a compilation by a copy of our sources, which lies in `tmp_path`."""
    copy = tmp_path / PACKAGE_FOLDER.name
    shutil.copytree(PACKAGE_FOLDER, copy, ignore=shutil.ignore_patterns("__pycache__", "pretrained"))
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    monkeypatch.setattr(flow, "__file__", str(copy / "hw" / "compile.py"))
    return lambda: flow._key(tiny_export / "model.onnx", BOARD, True, tmp_path / "none.lock")


def test_what_the_core_is_made_of_decides_whether_it_is_kept(
    tiny_core: Path, key: Callable[[], str], tmp_path: Path
) -> None:
    """Each of our RTL files in it, each mend of FINN's, and the boards, of which a part of each resource is usable."""
    before = key()
    assert key() == before
    used = {path.name for path in (tiny_core / "rtl").iterdir()}
    hw = tmp_path / PACKAGE_FOLDER.name / "hw"
    rtl = [path for folder in ("rtl", "ops") for path in (hw / folder).rglob("*.sv") if path.name in used]
    assert len(rtl) > 4
    others = [hw / "boards" / "__init__.py", hw / "patches" / "fifo.sv.patch"]
    for path in (*rtl, *others):
        text = path.read_text()
        path.write_text(text.replace("USABLE = 0.85", "USABLE = 0.80") + "\n")
        assert key() != before, path.name
        path.write_text(text)


def test_the_board_and_the_lock_file_decide_whether_it_is_kept(key: Callable[[], str], tmp_path: Path) -> None:
    before = key()
    (tmp_path / "none.lock").write_text("{}")
    assert key() != before
    (tmp_path / "none.lock").unlink()
    fuller = BOARD.with_(resources={"DSP": 200})
    model = tmp_path / "model.onnx"
    model.write_bytes(b"")
    keys = {flow._key(model, board, True, tmp_path / "none.lock") for board in (BOARD, fuller)}
    assert len(keys) == 2


def test_a_step_whose_files_are_gone_is_run_again(tiny_core: Path, tiny_export: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny_core.parent, folder)
    found = PRESETS / "tiny.pynq-z2.lock"
    steps = SavedSteps(folder, flow.STEPS, flow.STEPS, flow._key(tiny_export / "model.onnx", BOARD, True, found))
    assert steps.all_done()
    (folder / "folding.json").unlink()
    shutil.rmtree(folder / "core")
    assert [step.name for i, step in enumerate(flow.STEPS) if not steps.is_done(i)] == ["fold", "core"]


def test_the_same_inputs_give_the_same_bytes(tiny_core: Path, tiny_export: Path, tmp_path: Path) -> None:
    """The graph is made anew from the export; FIFO depths are taken over, the simulation that finds them is not."""
    model, description = flow.read_model(tiny_export / "model.onnx")
    preset = flow.described_network(description.preset, "tiny")
    job = flow.Job(tmp_path, BOARD, preset, description, [])
    for step in flow.STEPS[:5]:
        model = step.run(model, job)
        model.set_metadata_prop(IDENTITY, description.identity)
        made_before = tiny_core.parent / f"{flow.STEPS.index(step) + 1:02}_{step.name}.onnx"
        model.save(str(tmp_path / "again.onnx"))
        assert (tmp_path / "again.onnx").read_bytes() == made_before.read_bytes(), step.name
    model = ModelWrapper(str(tiny_core.parent / "06_fifos.onnx"))
    names = dataflow.name_layers(model, description.layers)
    interval = json.loads((tiny_core / "manifest.json").read_text())["frame_interval"]
    build_core(model, names, BOARD, preset.hardware.streams, interval, tmp_path / "core")
    assert digest(tmp_path / "core") == digest(tiny_core)


def test_the_core_names_no_path_of_this_machine(tiny_core: Path) -> None:
    for path in tiny_core.rglob("*"):
        if path.is_file():
            assert str(ROOT).encode() not in path.read_bytes(), path


def test_nothing_depends_on_what_lies_beside_the_checkout() -> None:
    """`make compile` verified with other frames where data happened to be, and was kept by the same key."""
    for folder in ("driver", "flow", "hw", "model", "quant", "shiftcore", "sim"):
        paths = sorted((ROOT / folder).rglob("*.py"))
        assert paths, folder
        for path in paths:
            text = path.read_text()
            assert "ROOT.parent" not in text and "PACKAGE_FOLDER.parent.parent" not in text, path


def test_a_step_that_changes_the_network_is_caught(tiny_core: Path) -> None:
    model = ModelWrapper(str(tiny_core.parent / "04_rtl.onnx"))
    frames = flow.verification_frames(32, 32)
    before = integer_logits(model, frames, 1.0)
    name = next(node for node in model.graph.node if node.op_type == "MVAU_rtl").input[1]
    weights = model.get_initializer(name).copy()
    weights.flat[0] = -weights.flat[0] or 1
    model.set_initializer(name, weights)
    assert first_difference(before, before) is None
    assert (first_difference(before, integer_logits(model, frames, 1.0)) or "").startswith("frame 0, logit")


def test_frames_are_moved_apart_until_they_have_one_latency(
    tiny_core: Path, tiny_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A core that shows jitter at the interval the sizing found is written again with a longer one."""
    _, description = flow.read_model(tiny_export / "model.onnx")
    preset = flow.described_network(description.preset, "tiny")
    job = flow.Job(tmp_path, BOARD, preset, description, flow.verification_frames(32, 32))
    intervals = []

    def prove(core: Path, *_: object) -> int:
        intervals.append(json.loads((core / "manifest.json").read_text())["frame_interval"])
        if len(intervals) < 2:
            raise flow.fifo.JitterError("frames differ")
        return 100

    monkeypatch.setattr(flow.fifo, "prove", prove)
    model = ModelWrapper(str(tiny_core.parent / "06_fifos.onnx"))
    model.set_metadata_prop("proven", json.dumps(["another core", 1]))
    flow._build(model, job)
    assert len(intervals) == 2 and intervals[0] < intervals[1] <= 1.02 * intervals[0]
    assert json.loads((job.core / "manifest.json").read_text())["frame_interval"] == intervals[1]


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x07\x12\x04abcd"])
def test_a_file_that_is_no_qonnx(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert str(path) in refused(run(str(path), build=tmp_path / "build"))
    assert not list((tmp_path / "build").glob("**/*.sv"))


def test_a_missing_file_board_or_preset(tmp_path: Path) -> None:
    assert "no such file" in refused(run(str(tmp_path / "none.onnx")))
    assert "pynq-z1, pynq-z2" in refused(run("--board", "pynq-z9"))
    assert "the presets are actions27, cctv" in refused(run("--preset", "tinny"))


def test_a_missing_compiler_shows_before_the_first_step(
    tiny_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    line = refused(run(str(tiny_export / "model.onnx"), build=tmp_path / "build"))
    assert "no-such-compiler: not found; install a C++20 compiler" in line
    assert not list((tmp_path / "build").glob("**/*.onnx"))


def test_an_op_we_do_not_take(tiny_export: Path, tmp_path: Path) -> None:
    model = onnx.load(str(tiny_export / "model.onnx"))
    pool = next(node for node in model.graph.node if node.op_type in {"GlobalAveragePool", "ReduceMean"})
    model.graph.node.insert(0, helper.make_node("Sigmoid", [pool.input[0]], ["gate"], name="gate"))
    onnx.save(model, str(tmp_path / "model.onnx"))
    line = refused(run(str(tmp_path / "model.onnx"), build=tmp_path / "build"))
    assert "op Sigmoid is not taken" in line


def test_what_only_hls_has_stops_the_compile_with_advice() -> None:
    inputs = [helper.make_tensor_value_info("in", TensorProto.FLOAT, [1, 8, 8, 9 * 16])]
    outputs = [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 8, 8, 16])]
    node = helper.make_node(
        "VVAU", ["in", "weights"], ["out"], name="depthwise", domain="finn.custom_op.fpgadataflow",
        backend="fpgadataflow", PE=1, SIMD=1, Dim=[8, 8], Channels=16, Kernel=[3, 3], inputDataType="UINT4",
        weightDataType="INT4", outputDataType="INT12", accDataType="INT12", noActivation=1,
    )  # fmt: skip
    model = ModelWrapper(qonnx_make_model(helper.make_graph([node], "depthwise", inputs, outputs)))
    for tensor, kind in (("in", "UINT4"), ("weights", "INT4"), ("out", "INT12")):
        model.set_tensor_datatype(tensor, DataType[kind])
    with pytest.raises(UserError, match=r"VVAU has no RTL for xc7z020.*use a plain 3x3 convolution"):
        dataflow.specialize(model, PART)


def test_two_builds_at_once_in_one_folder(tiny_export: Path, tmp_path: Path) -> None:
    with lock(tmp_path / "tiny" / BOARD.name):
        line = refused(run(str(tiny_export / "model.onnx"), build=tmp_path))
    assert "another build is running in this folder" in line


def test_ctrl_c_leaves_nothing_half_written(tiny_export: Path, tmp_path: Path) -> None:
    """Interrupted in the longest graph step and resumed: what was finished is kept, nothing else is there."""
    shutil.copy(tiny_export / "model.onnx", tmp_path / "model.onnx")
    environment = os.environ | {"SHIFTCORE_BUILD": str(tmp_path / "build")}
    command = [sys.executable, "-m", "shiftcore", "compile", str(tmp_path / "model.onnx")]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    folder = tmp_path / "build" / "tiny" / BOARD.name
    while not (folder / "01_import.onnx").is_file():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert {path.name for path in folder.iterdir()} <= {".lock", "01_import.onnx", ".01_import.onnx.key", "steps.json"}
    assert set(json.loads((folder / "steps.json").read_text())) == {"import"}


def test_frames_reach_a_graph_with_their_context(tiny_core: Path) -> None:
    """The executor keeps streams apart and clears at a clip's start: else verification would compare too little."""
    model = ModelWrapper(str(tiny_core.parent / "04_rtl.onnx"))
    first, second = (frame.pixels for frame in flow.verification_frames(32, 32)[:2])
    contexts = [Frame(first, 0, True), Frame(second, 1, True), Frame(second, 0, False), Frame(second, 0, True)]
    logits = integer_logits(model, contexts, 1.0)
    assert (logits[1] == logits[3]).all()
    assert (logits[2] != logits[3]).any()


def test_cycles_of_a_width_converter_are_counted(tiny_core: Path) -> None:
    model = ModelWrapper(str(tiny_core.parent / "05_fold.onnx"))
    converters = [n for n in model.graph.node if n.op_type.startswith("StreamingDataWidthConverter")]
    assert converters
    assert all(folding.cycles(node) > 0 for node in converters)


def test_a_layer_that_is_no_dataflow_is_named_even_beside_a_shortcut() -> None:
    layers = [
        helper.make_node("Fork", ["in"], ["a", "b"], domain="finn.custom_op.fpgadataflow"),
        helper.make_node("Relu", ["a"], ["c"], name="relu_0"),
        helper.make_node("Join", ["b", "c"], ["out"], domain="finn.custom_op.fpgadataflow"),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("in", "out")]
    graph = helper.make_graph(layers, "graph", values[:1], values[1:])
    with pytest.raises(UserError, match="relu_0: Relu has no integer dataflow layer"):
        dataflow.partition(ModelWrapper(qonnx_make_model(graph)))
