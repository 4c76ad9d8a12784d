# SPDX-License-Identifier: BSD-3-Clause
"""Where memories go: the rule, its prices against what Yosys makes of FINN's FIFOs, and that they are found as such."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiftcore.artifacts import build_folder
from shiftcore.hw import memory, patches
from shiftcore.hw.estimate import count
from shiftcore.hw.stitch import RTLLIB
from shiftcore.hw.toolchains import yosys
from shiftcore.hw.toolchains.yosys.parts import children, split, synthesize

KINDS = st.sampled_from(("rom", "ram", "single"))


@given(depth=st.integers(1, 100_000), width=st.integers(1, 600), kind=KINDS)
def test_no_memory_is_smaller_than_its_bits(depth: int, width: int, kind: memory.Kind) -> None:
    assert memory.ramb18(depth, width, kind) * 18 * 1024 >= depth * width
    assert memory.luts(depth, width, kind) * 64 >= depth * width
    blocks = memory.LUTS_PER_RAMB18 * memory.ramb18(depth, width, kind)
    assert memory.style(depth, width, kind) == ("distributed" if memory.luts(depth, width, kind) < blocks else "block")


@pytest.mark.parametrize(
    ("depth", "width", "kind", "style"),
    [
        (36, 256, "rom", "distributed"),  # weights of a wide, shallow product: 256 LUTs, or 8 RAMB18
        (2304, 256, "rom", "block"),
        (1152, 16, "rom", "block"),  # thresholds of a thousand words
        (128, 18, "rom", "distributed"),
        (73728, 8, "single", "block"),  # the state of 32 streams
        (256, 16, "single", "distributed"),
        (512, 32, "ram", "block"),
        (128, 32, "ram", "distributed"),
    ],
)
def test_style_by_size(depth: int, width: int, kind: memory.Kind, style: str) -> None:
    assert memory.style(depth, width, kind) == style


def test_fifos_cost_what_the_rule_says() -> None:
    """FINN's FIFO in its three forms: no flip-flop a bit of memory, and as many LUTs or block RAMs as expected."""
    folder = build_folder() / "tests" / "fifo_area"
    folder.mkdir(parents=True, exist_ok=True)
    file = patches.install(RTLLIB / "fifo" / "hdl" / "fifo.sv", folder)
    shapes = [(32, 24), (16, 16), (128, 32), (500, 36)]
    forms = {"srl": "shift", "distributed": "distributed", "block": "block"}
    instances, ports = "", ["input wire clk", "input wire rst"]
    for index, (depth, width) in enumerate(shapes):
        style = forms[memory.fifo_style(depth, width)]
        ports += [f"input wire [{width - 1}:0] i{index}", f"output wire [{width - 1}:0] o{index}"]
        ports += [f"input wire v{index}, q{index}", f"output wire r{index}, w{index}"]
        instances += (
            f'fifo #(.DEPTH({depth}), .DATA_WIDTH({width}), .RAM_STYLE("{style}")) f{index} (.clk, .rst, '
            f".idat(i{index}), .ivld(v{index}), .irdy(r{index}), .odat(o{index}), .ovld(w{index}), .ordy(q{index}), "
            ".count(), .maxcount());\n"
        )
    bench = folder / "fifos.sv"
    bench.write_text(f"module fifos ({', '.join(ports)});\n{instances}endmodule\n")
    sources = yosys.Sources((file.resolve(), bench.resolve()), "fifos", folder)
    design = split(sources, folder / "read", lambda hierarchy: children(hierarchy, "\\fifos"))
    folders = synthesize(design.parts, "xc7", lambda _text: None)
    found = {path[-2:]: count(json.loads((result / "cells.json").read_text())) for path, result in folders.items()}

    for index, (depth, width) in enumerate(shapes):
        cost, style = found[f"f{index}"], memory.fifo_style(depth, width)
        assert cost["FF"] <= 2 * width + 60, (depth, width, cost)
        if style == "distributed":
            assert 0 < cost["LUTRAM"] < memory.luts(depth, width) < cost["LUT"] < memory.luts(depth, width) + 60, cost
        else:
            assert cost["LUTRAM"] == (width if style == "srl" else 0), (depth, width, style, cost)
        blocks = memory.ramb18(depth, width) if style == "block" else 0
        assert cost["RAMB18"] + 2 * cost["RAMB36"] == blocks, (depth, width, style, cost)


def test_parts_are_known_by_content(tmp_path: Path) -> None:
    """Two instances that differ in names alone are one part; another width, or a tied input, makes another."""
    module = tmp_path / "counter.sv"
    module.write_text(
        "module counter #(int unsigned W) (input wire clk, input wire en, output logic [W-1:0] q);\n"
        "always_ff @(posedge clk) if (en) q <= q + 1'b1;\nendmodule\n"
    )
    top = tmp_path / "top.sv"
    top.write_text(
        "module top (input wire clk, input wire x, input wire y, output wire [7:0] a, b, c, output wire [8:0] d);\n"
        "counter #(8) one (.clk, .en(x), .q(a)); counter #(8) two (.clk, .en(y), .q(b));\n"
        "counter #(8) tied (.clk, .en(1'b1), .q(c)); counter #(9) wider (.clk, .en(x), .q(d));\nendmodule\n"
    )
    design = split(yosys.Sources((module, top), "top", tmp_path), tmp_path / "read", lambda h: children(h, "\\top"))
    content = {part.path: part.content for part in design.parts}
    assert content["top.one"] == content["top.two"]
    assert len(set(content.values())) == 3


SINGLE_PORT = """\
`default_nettype none
module single_port #(parameter int DEPTH = 64, WIDTH = 2) (
    input wire clk, we, input wire [$clog2(DEPTH)-1:0] address, input wire [WIDTH-1:0] d, output wire [WIDTH-1:0] q
);
    (* ram_style = "distributed" *) logic [WIDTH-1:0] memory[DEPTH];
    assign q = memory[address];
    always_ff @(posedge clk) if (we) memory[address] <= d;
endmodule
`default_nettype wire
"""


@pytest.mark.parametrize("family", ["xc7", "xcup"])
def test_memories_of_any_depth_find_a_cell(family: str, tmp_path: Path) -> None:
    """Yosys' own list of UltraScale+'s ends in one of 65,536 words that it has no cell for."""
    file, depths = tmp_path / "single_port.sv", (32, 64, 128, 256, 512, 1024)
    file.write_text(SINGLE_PORT)
    ports, instances = ["input wire clk, we, input wire [9:0] address, input wire [1:0] d"], ""
    for depth in depths:
        ports.append(f"output wire [1:0] q{depth}")
        instances += (
            f"single_port #(.DEPTH({depth})) m{depth} (.clk, .we, .address(address[{depth.bit_length() - 2}:0]), .d, "
            f".q(q{depth}));\n"
        )
    top = tmp_path / "top.sv"
    top.write_text(f"module top ({', '.join(ports)});\n{instances}endmodule\n")
    design = split(yosys.Sources((file, top), "top", tmp_path), tmp_path / "read", lambda h: children(h, "\\top"))
    found = synthesize(design.parts, family, lambda _line: None)
    for depth in depths:
        cells = json.loads((found[f"top.m{depth}"] / "cells.json").read_text())
        assert count(cells)["LUTRAM"] >= 2 * depth // 64, (depth, cells)
        assert set(cells) <= {name for name in cells if name.startswith(("RAM", "LUT", "MUXF", "INV"))}, cells
