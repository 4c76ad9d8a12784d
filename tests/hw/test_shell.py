# SPDX-License-Identifier: BSD-3-Clause
"""The chip around a fake core, in cocotb: registers, frames, every error flag and the way back; and mutants of it."""

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from shiftcore.artifacts import build_folder, write_json
from shiftcore.hw.chip import INGEST, PACKAGES, RTL, SHELL, config_package
from shiftcore.hw.formal import block
from shiftcore.model.records import Record
from shiftcore.sim import cocotb_runner
from shiftcore.sim.verilator import environment

HERE = Path(__file__).parent
SEED = 11
LATENCY = 300
HASHES = {"BUILD_HASH": "5eed0ace", "SHAPE_HASH": "cafe5eed", "MODEL_HASH": "0000beef"}
TESTS = 22
PLANE_TESTS = 9


def numbers(
    shape: tuple[int, int, int], in_elements: int, logits: tuple[int, int, int], bus: tuple[int, int], models: int
) -> dict[str, int]:
    """Those of a chip: frame shape, bytes a beat, (logits, logits a beat, bits), (address bits, longest burst), and
    banks."""
    height, width, channels = shape
    return {
        "INPUT_HEIGHT": height,
        "INPUT_WIDTH": width,
        "INPUT_CHANNELS": channels,
        "INPUT_BYTES": height * width * channels,
        "IN_ELEMENTS": in_elements,
        "OUTPUT_LOGITS": logits[0],
        "OUT_ELEMENTS": logits[1],
        "OUT_ELEMENT_BITS": logits[2],
        "RECORD_BYTES": Record.size(logits[0]),
        "STREAMS": 5,
        "FRAME_INTERVAL": 150,
        "AXI_ADDR_WIDTH": bus[0],
        "AXI_MAX_BURST": bus[1],
        "AXI_WRITE_BURST": 16,
        "LOAD_WORDS": 3 * bus[1] + 5,
        "MODELS": models,
        "INGEST": 0,
    }


CHIPS = {
    "axi3": numbers((8, 8, 3), 3, (5, 1, 19), (32, 16), 1),
    "axi4": numbers((9, 10, 4), 20, (12, 4, 24), (40, 256), 3),
    "ingest": numbers((6, 8, 3), 3, (5, 1, 19), (32, 16), 2) | {"INGEST": 1},
}
BENCHES = {"axi3": "shell_cocotb", "axi4": "shell_cocotb", "ingest": "planes_cocotb"}


def config(chip: dict[str, int]) -> str:
    """The text of chip_config_pkg.sv with a chip's numbers."""
    return config_package(HASHES["BUILD_HASH"], HASHES["SHAPE_HASH"], HASHES["MODEL_HASH"], chip)


class Mutant(NamedTuple):
    """A fault: in `file`, `old` becomes `new`, and the test `seen_by` has to notice it, on one of CHIPS."""

    file: str
    old: str
    new: str
    seen_by: str
    chip: str = "axi3"


MUTANTS = {
    "reset does not wait for memory": Mutant(
        "shell.sv",
        "else if(Resetting && read_quiet && write_quiet)",
        "else if(Resetting)",
        "a_soft_reset_at_any_time_recovers",
    ),
    "high address bits are dropped": Mutant(
        "shell.sv",
        "{|address[63:AXI_ADDR_WIDTH], address",
        "{1'b0, address",
        "a_descriptor_that_is_wrong_is_dropped",
    ),
    "a full ring is written over": Mutant(
        "result_writer.sv", "(Used < slots)", "(Used <= slots)", "a_full_ring_waits_and_loses_nothing"
    ),
    "latency of a cycle too many": Mutant(
        "shell.sv", "latency = Now - start", "latency = Now - start + 1", "results_are_right_under_random_pauses"
    ),
    "a full ring is taken for a stuck core": Mutant(
        "shell.sv", "!moves && !s_core_tvalid", "!moves", "the_watchdog_finds_a_stuck_core"
    ),
    "a load does not wait for frames": Mutant(
        "shell.sv",
        "empty = frames_idle && planes_idle && !in_core &&",
        "empty = frames_idle && planes_idle &&",
        "a_model_is_loaded_between_two_frames",
    ),
    "frames are computed without a model": Mutant(
        "shell.sv",
        "missing = go && queued_valid && !queued_model && !queued_good",
        "missing = 1'b0",
        "without_a_model_frames_are_refused",
    ),
    "the core is not reset behind a load": Mutant(
        "shell.sv",
        "block_rst_n && !loader_resets_core",
        "block_rst_n",
        "a_model_is_loaded_between_two_frames",
    ),
    "a frame needs a model in the first bank": Mutant(
        "shell.sv",
        "queued_good = model_good[queued_bank]",
        "queued_good = model_good[0]",
        "a_bank_without_a_model_refuses_its_frames_alone",
        "axi4",
    ),
    "a frame goes without its bank": Mutant(
        "shell.sv",
        "frame_tag[TAG_BITS-1 -: CONTEXT_BITS]",
        "CONTEXT_BITS'(frame_tag[$bits(tag_t)-1 -: $bits(context_t)])",
        "a_model_is_loaded_between_two_frames",
        "axi4",
    ),
    "frames do not wait for planes": Mutant(
        "shell.sv",
        "queued_good && planes_idle),",
        "queued_good),",
        "planes_and_frames_are_right_under_random_pauses",
        "ingest",
    ),
    "planes do not wait for frames": Mutant(
        "shell.sv",
        "queued_good && frames_idle;",
        "queued_good;",
        "planes_and_frames_are_right_under_random_pauses",
        "ingest",
    ),
    "reset does not wait for planes": Mutant(
        "shell.sv",
        "image_quiet && planes_quiet;",
        "image_quiet;",
        "a_soft_reset_at_any_time_forgets_all_images",
        "ingest",
    ),
    "interrupts cannot be masked": Mutant(
        "axil_registers.sv", "|(IrqStatus & IrqEnable)", "|IrqStatus", "interrupts_tell_results_and_idleness"
    ),
}


def bench(name: str, folder: Path, rtl: Path = RTL, only: str = "") -> int:
    """Build the chip of CHIPS[name] from the sources in `rtl` and run its tests, or `only` one; how many passed."""
    folder.mkdir(parents=True, exist_ok=True)
    plan, package = folder / "plan.json", folder / "chip_config_pkg.sv"
    write_json(plan, {"numbers": CHIPS[name], "hashes": HASHES, "seed": SEED, "latency": LATENCY})
    package.write_text(config(CHIPS[name]))
    shell = (*INGEST, *SHELL) if CHIPS[name]["INGEST"] else SHELL
    sources = [*(rtl / file for file in PACKAGES), package, HERE / "fake_core.sv", *(rtl / file for file in shell)]
    cocotb_runner.build("chip", sources, folder, [f"+define+LATENCY={LATENCY}", "-Wno-lint", "-Wno-style"])
    variables = {"SHELL_PLAN": str(plan)} | ({"COCOTB_TEST_FILTER": rf"\.{only}$"} if only else {})
    return cocotb_runner.run("chip", f"tests.hw.{BENCHES[name]}", folder, variables, SEED)


def broken_rtl(mutant: Mutant, folder: Path) -> Path:
    """A copy of the shell's RTL with the fault; returns its folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in (*PACKAGES, *INGEST, *SHELL):
        shutil.copy(RTL / file, folder)
    text = block.Mutant(mutant.file, mutant.old, mutant.new).of((RTL / mutant.file).read_text())
    (folder / mutant.file).write_text(text)
    return folder


def test_registers_alone() -> None:
    folder = build_folder() / "tests" / "axil_registers"
    sources = [RTL / file for file in (*PACKAGES, "axil_registers.sv")]
    cocotb_runner.build("axil_registers", sources, folder)
    variables = {"REGISTERS_SEED": str(SEED)}
    assert cocotb_runner.run("axil_registers", "tests.hw.registers_cocotb", folder, variables, SEED) == 3


@pytest.mark.parametrize("name", CHIPS)
def test_shell(name: str) -> None:
    tests = PLANE_TESTS if CHIPS[name]["INGEST"] else TESTS
    assert bench(name, build_folder() / "tests" / f"shell_{name}") == tests


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_shell_is_noticed(name: str) -> None:
    mutant = MUTANTS[name]
    folder = build_folder() / "tests" / "shell_mutants" / name.replace(" ", "_")
    rtl = broken_rtl(mutant, folder / "rtl")
    with pytest.raises(cocotb_runner.BenchError, match=mutant.seen_by):
        bench(mutant.chip, folder, rtl, mutant.seen_by)


def test_numbers_that_do_not_fit_are_an_error(tmp_path: Path) -> None:
    """A write burst that the port does not take, a shape that no register holds, a frame that is none of the shape."""
    top, package = tmp_path / "top.sv", tmp_path / "chip_config_pkg.sv"
    top.write_text(
        "module top;\nshell #(.AXI_MAX_BURST(16), .AXI_WRITE_BURST(32)) burst ();\n"
        "axil_registers #(.INPUT_WIDTH(4096)) shape ();\nchip frame ();\ninitial $finish;\nendmodule\n"
    )
    package.write_text(config(CHIPS["axi3"] | {"INPUT_BYTES": 189}))
    sources = [*(RTL / file for file in PACKAGES), package, HERE / "fake_core.sv", *(RTL / file for file in SHELL), top]
    command = ["verilator", "--cc", "--exe", "--build", "--main", "-Wno-lint", "-MAKEFLAGS", "OPT_FAST=-O0"]
    command += ["--top-module", "top"]
    subprocess.run([*command, *sources], cwd=tmp_path, env=environment(), check=True, capture_output=True)
    run = [str(tmp_path / "obj_dir" / "Vtop"), "+verilator+error+limit+100"]
    output = subprocess.run(run, capture_output=True, text=True, check=False).stdout
    assert "top.burst: AXI_WRITE_BURST = 32 must be AXI_MAX_BURST = 16 at most" in output
    assert "top.shape: INPUT_WIDTH = 4096 must be 1 to 4095" in output
    assert "top.frame: INPUT_BYTES = 189 must be 8 x 8 x 3" in output
