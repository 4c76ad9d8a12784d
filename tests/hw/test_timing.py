# SPDX-License-Identifier: BSD-3-Clause
"""`make timing`: paths counted by hand, mutants of the data, the names, and a block of ours through Yosys."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from shiftcore.artifacts import PACKAGE_FOLDER
from shiftcore.errors import UserError
from shiftcore.flow import timing as command
from shiftcore.hw.boards import load_board
from shiftcore.hw.estimate import synthesized
from shiftcore.hw.timing import chip_timing, record
from shiftcore.hw.timing.delays import FOLDER, DelayError, load, of_board
from shiftcore.hw.timing.flat import flat
from shiftcore.hw.timing.record import Record, made_of
from shiftcore.hw.timing.report import analyse, block_of
from shiftcore.hw.toolchains import yosys
from shiftcore.hw.toolchains.yosys.netlist import Cell, Module, Net, Port
from shiftcore.hw.toolchains.yosys.parts import split
from tests.checkout import ROOT

PRESETS = PACKAGE_FOLDER / "quant" / "presets"

DELAYS = load(FOLDER / "xc7-1.toml")
INPUTS = {"D", "CE", "R", "C", "I0", "I1", "S", "DI", "CI", "A0", "WE", "WCLK", "CLKARDCLK", "EN"}
SHORT, MEDIUM = 450, 700  # a wire to up to 4 pins, and to 5 to 16


def cell(kind: str, parameters: dict[str, str] | None = None, **connections: Any) -> Cell:
    """A cell of Yosys' JSON; each connection is a net, or the nets of a bus."""
    wired = {port: nets if isinstance(nets, list) else [nets] for port, nets in connections.items()}
    directions = {port: "input" if port in INPUTS else "output" for port in wired}
    return {"type": kind, "parameters": parameters or {}, "port_directions": directions, "connections": wired}


def module(
    cells: dict[str, Cell], ports: dict[str, Port] | None = None, names: dict[str, list[int]] | None = None
) -> Module:
    netnames: dict[str, Net] = {name: {"bits": list(bits)} for name, bits in (names or {}).items()}
    return {"cells": cells, "ports": ports or {}, "netnames": netnames}


def chain() -> Module:
    """Two registers of instance a, a LUT2 of both, a carry chain of two, and a register of instance b behind it:
    net 10 and 11 start, 20 is the LUT's, 30 to 33 and 40 to 43 the chain's, 9 the clock."""
    return module(
        {
            "a.one": cell("FDRE", C=9, D="0", CE="1", R="0", Q=10),
            "a.two": cell("FDRE", C=9, D=10, CE="1", R="0", Q=11),
            "a._1_": cell("LUT2", I0=10, I1=11, O=20),
            "a._2_": cell("CARRY4", CI="0", DI=[10, "0", "0", "0"], S=[20, "1", "1", "1"], CO=[30, 31, 32, 33]),
            "a._3_": cell("CARRY4", CI=33, DI=["0"] * 4, S=["1"] * 4, O=[40, 41, 42, 43]),
            "b._4_": cell("FDRE", C=9, D=43, CE=11, R="0", Q=50),
        },
        {"done": {"direction": "output", "bits": [50]}, "go": {"direction": "input", "bits": [9]}},
        {"b.sum": [50], "done": [50]},
    )


def test_paths_counted_by_hand() -> None:
    """Net 10 drives three pins and 11 two: short wires. In the chain, and from a LUT to it, none."""
    report = analyse(chain(), DELAYS)
    by_chain = 456 + SHORT + 124 + 508 + 313 + 31  # FDRE, wire, LUT2, S[0] to CO[3], CI to O[3], and a wire to D
    blocks = report.as_json()["by_block"]
    assert isinstance(blocks, dict) and list(blocks) == ["b", "ports", "a"]
    b = blocks["b"]
    assert b["worst_ns"] == (by_chain + SHORT) / 1000 and b["worst_logic_ns"] == (by_chain - SHORT) / 1000
    assert (b["levels"], b["logic_levels"], b["endpoints"]) == (3, 3, 2)
    assert b["worst"]["through"] == ["LUT2", "CARRY4", "CARRY4"]
    assert b["worst"]["start"] in ("a.one", "a.two") and b["worst"]["end"] == "b.sum D"
    assert blocks["ports"]["worst_ns"] == (456 + SHORT + 1038) / 1000 and blocks["ports"]["worst"]["start"] == "b.sum"
    assert blocks["a"]["worst_ns"] == (456 + SHORT + 31) / 1000  # from one to two
    assert (report.endpoints, report.worst_ns, report.worst_logic_ns) == (4, b["worst_ns"], (456 + 1038) / 1000)


def test_a_wire_takes_longer_to_more_pins_and_a_port_starts_late() -> None:
    leaves = {f"r{i}": cell("FDRE", C=9, D=10, CE="1", R="0", Q=20 + i) for i in range(5)}
    ports: dict[str, Port] = {"go": {"direction": "input", "bits": [10]}, "clk": {"direction": "input", "bits": [9]}}
    report = analyse(module(leaves, ports), DELAYS)
    assert report.worst_ns == (1433 + MEDIUM + 31) / 1000 and report.endpoints == 5
    assert report.blocks[0].worst.start == ""  # the net has no name
    assert analyse(module(dict(list(leaves.items())[:4]), ports), DELAYS).worst_ns == (1433 + SHORT + 31) / 1000


def test_endpoints_over_each_period() -> None:
    """Twelve LUTs in a row, each a short wire and 124 ps; the register behind them has its three pins at their end."""
    luts = {f"l{i}": cell("LUT1", I0=10 + i, O=11 + i) for i in range(12)}
    ends = {"start": cell("FDRE", C=9, D="0", CE="1", R="0", Q=10), "end": cell("FDRE", C=9, D=22, CE=22, R=22, Q=40)}
    report = analyse(module({**luts, **ends}), DELAYS)
    at = 456 + 12 * (SHORT + 124) + SHORT  # 7,794: D 7.825, CE 7.903, R 8.198 ns
    assert report.worst_ns == (at + 404) / 1000
    assert report.over == {"5": 3, "6.67": 3, "8": 1, "10": 0}


def test_a_register_in_a_block_ram_and_none() -> None:
    def behind(register: str) -> float:
        ram = cell("RAMB36E1", {"DOA_REG": register, "DOB_REG": "0"}, CLKARDCLK="0", DOADO=[10])
        return analyse(module({"ram": ram, "end": cell("FDRE", C=9, D=10, CE="1", R="0", Q=11)}), DELAYS).worst_ns

    assert behind("0" * 32) == (2454 + SHORT + 31) / 1000
    assert behind("0" * 31 + "1") == (882 + SHORT + 31) / 1000


def test_a_memory_in_luts_starts_a_path_and_is_on_one() -> None:
    """Its output follows the clock, and its address, whichever is later; at the address also a path ends."""

    def behind(luts: int) -> tuple[float, int]:
        chain = {f"l{i}": cell("LUT1", I0=10 + i, O=11 + i) for i in range(luts)}
        address = cell("RAM64X1S", WCLK=9, A0=10 + luts, WE="0", D="0", O=40)
        start, end = (cell("FDRE", C=9, D=d, CE="1", R="0", Q=q) for d, q in (("0", 10), (40, 41)))
        report = analyse(module({"end": end, **chain, "ram": address, "start": start}), DELAYS)
        return report.worst_ns, report.endpoints

    assert behind(0) == ((1316 + SHORT + 31) / 1000, 2)
    assert behind(2) == ((456 + 2 * (SHORT + 124) + SHORT + 124 + SHORT + 31) / 1000, 2)


def test_a_clock_starts_no_path() -> None:
    ports: dict[str, Port] = {"clk": {"direction": "input", "bits": [9]}}
    assert analyse(module({"r": cell("FDRE", C=9, D=9, CE="1", R="0", Q=10)}, ports), DELAYS).endpoints == 0


def test_what_the_data_does_not_have_is_named() -> None:
    netlist = chain()
    netlist["cells"]["odd"] = cell("URAM288", D=10, Q=60)
    with pytest.raises(DelayError, match="no delays of cell type URAM288 for xc7, speed grade -1"):
        analyse(netlist, DELAYS)
    netlist["cells"]["odd"] = cell("FDRE", C=9, D=10, EN=10, CE="1", R="0", Q=60)
    with pytest.raises(DelayError, match=r"no delay at pin EN\[0\] of cell type FDRE"):
        analyse(netlist, DELAYS)
    netlist["cells"]["odd"] = cell("RAMB36E1", {"DOA_REG": "0"}, DOADO=60)
    with pytest.raises(DelayError, match="RAMB36E1 does not say its DOB_REG"):
        analyse(netlist, DELAYS)
    netlist["cells"]["odd"] = cell("LUT2", I0=10, I1=60, O=60)
    with pytest.raises(DelayError, match="a circle of cells without a register: odd"):
        analyse(netlist, DELAYS)


@pytest.mark.parametrize("kind", ["FDRE", "LUT2", "CARRY4"])
def test_without_a_type_there_is_no_figure(kind: str) -> None:
    cells = {name: values for name, values in DELAYS.cells.items() if name != kind}
    with pytest.raises(DelayError, match=f"no delays of cell type {kind} "):
        analyse(chain(), DELAYS.with_(cells=cells))


def test_each_figure_counts() -> None:
    """Another delay of a cell or wire on the worst path is another worst path, by as much."""
    before = analyse(chain(), DELAYS).worst_ns
    for kind, where, key, change in (
        ("FDRE", "launch", "Q", 1), ("FDRE", "setup", "D", 1), ("LUT2", "through", "I* > O", 1),
        ("CARRY4", "through", "S[0] > CO[3]", 1), ("CARRY4", "through", "CI > O[3]", 1),
    ):  # fmt: skip
        table = getattr(DELAYS.cells[kind], where)
        changed = DELAYS.cells[kind].model_copy(update={where: {**table, key: table[key] + change}})
        after = analyse(chain(), DELAYS.model_copy(update={"cells": {**DELAYS.cells, kind: changed}})).worst_ns
        assert round(1000 * (after - before)) == change, (kind, key)


def test_data_that_is_wrong_is_refused(tmp_path: Path) -> None:
    text = (FOLDER / "xc7-1.toml").read_text()
    file = tmp_path / "wrong.toml"
    file.write_text(text.replace(", { ps = 1500 }", ""))
    with pytest.raises(UserError, match="the last step must have no up_to"):
        load(file)
    file.write_text(text.replace("launch = { Q = 456 }", "lunch = { Q = 456 }"))
    with pytest.raises(UserError, match="lunch"):
        load(file)


def test_boards_without_delays_are_refused() -> None:
    assert of_board(load_board("pynq-z2")) == DELAYS
    with pytest.raises(UserError, match=r"kv260: no delays of .* \(nobody .* UltraScale\+\); hw/timing has .* xc7-1"):
        of_board(load_board("kv260"))


def test_nothing_compiled_is_one_line(tmp_path: Path) -> None:
    preset = tmp_path / "not_there_yet.toml"
    preset.write_text(Path("quant/presets/tiny.toml").read_text())
    with pytest.raises(UserError, match=r"nothing compiled there; run `make compile PRESET=.* BOARD=pynq-z2` first"):
        command.main(str(preset), "pynq-z2")


def test_blocks_by_name() -> None:
    names = ("shell_i.reader.left[3]", "core_i.stem_i.a.b", "shell_i.x", "m_axi_araddr[4]")
    assert [block_of(name) for name in names] == ["shell_i.reader", "core_i.stem_i", "shell_i", "ports"]


def test_yosys_own_library_says_the_same_of_carry_chains() -> None:
    """Up to the slower kind of slice, 2 ps; docs/timing.md says where the library differs, and why."""
    text = (yosys.share() / "xilinx" / "cells_sim.v").read_text()
    carry = text[text.index("module CARRY4(") :].split("endmodule")[0].replace(" ", "")
    stated = dict(re.findall(r"^\((\S+=>\S+)\)=(\d+);", carry, re.MULTILINE))
    ours = DELAYS.cells["CARRY4"].through
    assert stated.keys() == {arc.replace(" > ", "=>") for arc in ours}
    for arc, ps in ours.items():
        assert abs(int(stated[arc.replace(" > ", "=>")]) - ps) <= 2, arc


def test_a_block_of_ours_through_yosys(tmp_path: Path) -> None:
    """byte_gearbox, synthesized: its worst path starts and ends at registers of its own, or at its ports."""
    sources = yosys.Sources((ROOT / "hw/rtl/byte_gearbox.sv",), "byte_gearbox", tmp_path)
    design = split(sources, tmp_path / "split", lambda hierarchy: [])
    netlist = flat(design, {}, "xc7", tmp_path / "flat")
    report = analyse(netlist, DELAYS)
    assert report.endpoints > 100 and 1 < report.worst_logic_ns < report.worst_ns < 10
    flip_flops = [name for name, content in netlist["cells"].items() if content["type"] == "FDRE"]
    assert len(flip_flops) > 20
    worst = max(report.blocks, key=lambda block: block.worst.ns).worst
    assert set(worst.through) <= set(DELAYS.cells) and worst.levels == len(worst.through) > 0


def test_tinys_figures_are_those_kept(tiny_chip: Path, tmp_path: Path) -> None:
    """Worked out anew of the whole chip: another figure, or another block, is told here, and is kept when it is meant:
    `make timing` leaves it as found.timing."""
    board, folder = load_board("pynq-z2"), tiny_chip.parent
    netlists = synthesized(folder, board, Console(quiet=True))
    report = chip_timing(folder, board, netlists, Console(quiet=True))
    found = Record.of(report, made_of(PRESETS / "tiny.pynq-z2.lock", board))
    found.write(tmp_path / "found.timing")
    assert Record.read(tmp_path / "found.timing") == found
    assert found.agrees(Record.read(PRESETS / "tiny.pynq-z2.timing")), found


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"worst_ns": 10.5, "endpoints": 1009, "made_of": "b", "over": {"5": 1}}, True),
        ({"worst_ns": 10.51}, False),
        ({"worst_ns": 9.4}, False),
        ({"worst_logic_ns": 4.3}, False),
        ({"endpoints": 1011}, False),
        ({"by_block": {"b": (1.0, 0.5)}}, False),
    ],
)
def test_other_figures_are_noticed(change: dict[str, Any], same: bool) -> None:
    kept = Record("a", 10.0, 4.0, 1000, {"5": 2}, {"a": (1.0, 0.5)})
    assert replace(kept, **change).agrees(kept) == same


def stale(file: Path) -> bool:
    """Whether a record is not of this lock file, RTL, delays and tools."""
    board = load_board(file.stem.partition(".")[2])
    return Record.read(file).made_of != made_of(file.with_suffix(".lock"), board)


def test_kept_figures_are_of_what_is_here() -> None:
    """Those that are not worked out here: where one is stale, `make timing` is due for its preset, some ten minutes for
    cctv, and its found.timing is to be kept."""
    assert [file.name for file in sorted(PRESETS.glob("*.timing")) if not file.match("tiny.*") and stale(file)] == []


def test_a_stale_record_is_noticed(tmp_path: Path) -> None:
    lock_file, board = tmp_path / "mine.pynq-z2.lock", load_board("pynq-z2")
    lock_file.write_text("{}")
    Record(made_of(lock_file, board), 1.0, 0.5, 1, {}, {"a": (1.0, 0.5)}).write(lock_file.with_suffix(".timing"))
    assert not stale(lock_file.with_suffix(".timing"))
    lock_file.write_text("{ }")
    assert stale(lock_file.with_suffix(".timing"))


def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tiny.pynq-z2.timing"
    for text in ("", "[]", '{"format": "shiftcore-lock", "version": 1}'):
        file.write_text(text)
        with pytest.raises(UserError, match="no record of timing of this version"):
            Record.read(file)


def test_a_comment_makes_no_other_figures(tmp_path: Path) -> None:
    one, two = tmp_path / "one.sv", tmp_path / "two.sv"
    one.write_text("module a; // the first\n  wire b; /* of\n two */ endmodule\n")
    two.write_text("module a;\n\twire b;\nendmodule\n")
    assert record._code(one) == record._code(two)
    two.write_text("module a; wire c; endmodule")
    assert record._code(one) != record._code(two)
