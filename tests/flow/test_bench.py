# SPDX-License-Identifier: BSD-3-Clause
"""The bench: every promised figure is in its report, and a second run measures nothing again."""

import json
from pathlib import Path

import numpy as np
import pytest

from shiftcore.errors import UserError
from shiftcore.flow import arm, bench, capacity, image_cost, measure
from shiftcore.flow.cocotb_speed import cycles_per_second
from shiftcore.quant.preset import load_preset

PROMISED = {
    *("cycles_per_frame", "slowest_op_cycles", "fps_at_clock", "latency_cycles_min", "latency_cycles_max"),
    *("reference_fps", "qonnx_fps", "rtl_cycles_per_second", "cocotb_cycles_per_second", "differing_bits"),
    *("tsm_accuracy", "tsn_accuracy"),
    *("chip_fps_at_clock", "chip_fps_slow_memory", "driver_ms_per_frame", "soak_frames", "soak_differing_bits"),
    *("load_ms", "soak_swaps", "soak_models", "soak_load_cycles_max", "soak_frames_lost"),
    *("image_cpu_ms", "image_kilobytes", "image_instructions", "feeding_cpu_ms", "cameras_per_board"),
}


@pytest.fixture
def quick(tiny_core: Path, tiny_chip: Path, tiny_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bench on few frames of the shared core, without cocotb's build and without the accuracies; its folder."""
    few = bench.sequence(load_preset("tiny"), 6)
    for name, value in {
        "work_folder": lambda: tmp_path,
        "QONNX_FRAMES": 1,
        "exported_model": lambda _preset: tiny_export / "model.onnx",
        "compiled_core": lambda *_: tiny_core,
        "sequence": lambda _preset: few,
        "cycles_per_second": lambda *_: 10.0,
        "build_chip": lambda *_: tiny_chip,
    }.items():
        monkeypatch.setattr(bench, name, value)
    monkeypatch.setattr(capacity, "SIZES", ((64, 48),))
    monkeypatch.setattr(image_cost, "REPEATS", 1)

    def no_arm(*_: object) -> None:
        raise UserError("no 32-bit ARM here")

    monkeypatch.setattr(arm, "instructions", no_arm)
    accuracies = {"tsm_accuracy": 0.99, "tsn_accuracy": 0.3}
    monkeypatch.setattr(bench.accuracy, "with_and_without_shift", lambda _preset: accuracies)
    return tmp_path


def test_report_has_every_promised_figure_and_is_kept(quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.main("tiny")
    report = json.loads((quick / "report.json").read_text())
    figures = report["presets"]["tiny"]
    assert set(figures) >= PROMISED
    assert figures["differing_bits"] == 0
    assert figures["latency_cycles_min"] == figures["latency_cycles_max"]
    assert figures["cycles_per_frame"] == pytest.approx(figures["slowest_op_cycles"], rel=0.02)
    assert figures["chip_cycles_per_frame"] == pytest.approx(figures["cycles_per_frame"], rel=0.02)
    assert {"date", "machine", "versions"} <= set(report)
    assert figures["image_instructions"] is None and figures["image_instructions_why"] == "no 32-bit ARM here"
    assert min(figures["image_cpu_ms"]["64x48"].values()) > 0
    here, board = figures["cameras_per_board"][capacity.HERE]["64x48"], figures["cameras_per_board"]["pynq-z2"]["64x48"]
    assert here["cameras"] == min(here["processor"], here["streams"], here["inputs"]) and here["streams"] == 4
    assert (board["cameras"], board["processor"], board["why"]) == (None, None, "no 32-bit ARM here")

    def measured_again(*_: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(measure, "run", measured_again)
    bench.main("tiny")
    assert json.loads((quick / "report.json").read_text())["presets"] == report["presets"]


def test_frames_differ_in_content_and_streams() -> None:
    frames = bench.sequence(load_preset("tiny"))
    assert len(frames) >= 50
    assert len({frame.pixels.tobytes() for frame in frames}) == len(frames)
    assert {frame.stream for frame in frames} == {0, 1, 2}
    assert sum(frame.clear for frame in frames) == 3


def test_cocotb_clocks_the_same_core(tiny_core: Path) -> None:
    pixels = np.zeros((32, 32, 3), np.uint8)
    assert cycles_per_second(tiny_core, bench.Frame(pixels), cycles=3000) > 100
