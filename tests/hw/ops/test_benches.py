# SPDX-License-Identifier: BSD-3-Clause
"""Our ops in Verilator against their Python models: random shapes, foldings, types, frames and pauses."""

import dataclasses
import random
from pathlib import Path

import pytest

from shiftcore.artifacts import build_folder
from shiftcore.hw.netlist import implementation
from shiftcore.hw.ops import OURS, Op, stream_add
from shiftcore.hw.ops.bench import case, draws, make_node, run
from shiftcore.sim.cocotb_runner import BenchError
from shiftcore.sim.stream_bench import Case, check

CASES = 40
NETLISTS = 6  # of each op: synthesis and the cells' models cost more than the RTL
SEED = 2019


@pytest.mark.parametrize("op", OURS, ids=lambda op: op.name)
def test_rtl_equals_python_model(op: Op) -> None:
    print(f"seed {SEED}")
    assert run(op, build_folder() / "benches" / op.name, CASES, SEED) == 3


def test_netlist_equals_python_model() -> None:
    """The cells that synthesis makes of each op, over several parameter sets."""
    folder = build_folder() / "benches" / "netlists"
    made: list[Case] = []
    for op in OURS:
        every = draws(op, CASES, folder, f"netlist {SEED}")
        in_block_ram = [case for case in every[NETLISTS:] if "RAM_STYLE=block" in case.about]
        made += every[:NETLISTS] + in_block_ram[:1]
    assert check("netlists", made, folder, SEED, implementation(folder / "synthesis")) == 3
    text = (folder / "synthesis" / "netlist.v").read_text()
    assert "  RAMB" in text and "  RAM32M " in text and "  LUT6 " in text and "  FDRE " in text


def test_a_wrong_cell_is_found() -> None:
    """One LUT of an adder's netlist with a bit of its table turned."""
    folder = build_folder() / "benches" / "wrong_cell"

    def broken(files: list[Path], top: str) -> Path:
        file = implementation(folder / "synthesis")(files, top)
        text = file.read_text()
        file.write_text(text.replace(".INIT(4'h6)", ".INIT(4'h7)", 1))
        assert file.read_text() != text
        return file

    adder = stream_add.OP.draw(0, folder, random.Random(SEED))
    with pytest.raises(BenchError, match=r"StreamAdd_rtl .* expected"):
        check("wrong_cell", [adder], folder, SEED, broken)


def test_a_difference_is_named() -> None:
    folder = build_folder() / "benches" / "difference"
    inst = make_node("GlobalAccPool", "dut", NumChannels=4, PE=2, numInputVectors=[1, 2, 2], inputDataType="UINT4")
    right = case(inst, folder, random.Random(SEED))

    words = [word ^ (k == 3) for k, word in enumerate(right.outputs["out0_V"].words)]
    wrong = dataclasses.replace(right, outputs={"out0_V": dataclasses.replace(right.outputs["out0_V"], words=words)})
    told = (
        f"GlobalAccPool_rtl CHANNELS=4, .*, dut_out0_V, frame 1, beat 1: expected {words[3]:#x}, got {words[3] ^ 1:#x}"
    )
    with pytest.raises(BenchError, match=told):
        check("difference", [wrong], folder, SEED)

    frames = len(right.inputs["in0_V"].words) // 8
    told = f"GlobalAccPool_rtl .*: {frames} frames took {8 * frames} cycles, expected {frames} x 9"
    with pytest.raises(BenchError, match=told):
        check("difference", [dataclasses.replace(right, cycles=9)], folder, SEED)

    shorter = dataclasses.replace(right.outputs["out0_V"], words=right.outputs["out0_V"].words[:-1])
    with pytest.raises(BenchError, match="expected no more words"):
        check("difference", [dataclasses.replace(right, outputs={"out0_V": shorter})], folder, SEED)
