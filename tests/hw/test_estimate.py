# SPDX-License-Identifier: BSD-3-Clause
"""`make estimate`: counting cells, shares of the board, what it says, and a whole run over a compiled core."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from shiftcore.artifacts import build_folder
from shiftcore.errors import UserError
from shiftcore.flow import estimate as command
from shiftcore.hw import estimate
from shiftcore.hw.boards import load_board
from shiftcore.hw.toolchains.yosys.parts import alone

BOARD = load_board("pynq-z2")


def test_every_cell_is_counted_where_it_belongs() -> None:
    cells = {
        "LUT1": 1, "LUT6": 10, "LUT6_2": 5, "CARRY4": 7, "MUXF7": 3, "INV": 9, "FDRE": 20, "FDSE": 2, "SRL16E": 4,
        "SRLC32E": 6, "RAM32M": 2, "RAM64M": 1, "RAM128X1S": 3, "DSP48E1": 8, "RAMB18E1": 1, "RAMB36E1": 2,
    }  # fmt: skip
    assert estimate.count(cells) == {"LUT": 44, "FF": 22, "LUTRAM": 28, "DSP": 8, "RAMB18": 1, "RAMB36": 2}
    assert estimate.count({"RAMB36E2": 1, "DSP48E2": 2, "RAM64M8": 1})["LUTRAM"] == 8


def test_shares_of_the_board() -> None:
    counts = {"LUT": 5320, "FF": 10640, "LUTRAM": 1740, "DSP": 22, "RAMB18": 14, "RAMB36": 7}
    assert estimate.shares(counts, BOARD) == {"LUT": 0.1, "FF": 0.1, "LUTRAM": 0.1, "DSP": 0.1, "BRAM": 0.1}


def test_nothing_compiled_is_one_line(tmp_path: Path) -> None:
    preset = tmp_path / "not_there_yet.toml"
    preset.write_text(Path("quant/presets/tiny.toml").read_text())
    with pytest.raises(UserError, match=r"nothing compiled there; run `make compile PRESET=.* BOARD=pynq-z2` first"):
        command.main(str(preset), "pynq-z2")


def test_whole_tiny(tiny_core: Path) -> None:
    """Every layer of the compiled core has its row, everything is counted once, and a second run is the same."""
    folder = tiny_core.parent
    report = estimate.estimate(folder, BOARD, estimate.synthesized(folder, BOARD, Console(quiet=True)))
    rows = json.loads((folder / "folding.json").read_text())
    assert {row["layer"] for row in rows} == {layer.layer for layer in report.layers}
    manifest = json.loads((tiny_core / "manifest.json").read_text())
    names = {part.part for part in report.parts if part.kind == "fifo"}
    assert names == {fifo["name"] for fifo in manifest["fifos"]}
    for column in estimate.COLUMNS:
        assert report.total[column] == sum(part.counts[column] for part in report.parts)
    for layer in report.layers:  # each DSP is instantiated, so the estimate must be exact
        assert layer.counts["DSP"] == layer.estimate["DSP"], layer.layer
    assert report.fits and report.total["DSP"] == 40
    assert max(part.counts["FF"] for part in report.parts if part.kind == "fifo") < 300
    worst = estimate.largest(report, BOARD)
    assert len(worst) == 10 and worst[0][2] >= worst[-1][2] > 0
    assert estimate.estimate(folder, BOARD, estimate.synthesized(folder, BOARD, Console(quiet=True))) == report
    with alone("xc7"):  # the test beside this one may be synthesizing
        assert not list((build_folder() / "synthesis" / "xc7").glob(".batch.*"))
