# SPDX-License-Identifier: BSD-3-Clause
"""Models of the cells that a netlist consists of, for simulation: Yosys' own, and ours of the block RAMs."""

import re
from functools import cache
from pathlib import Path

from shiftcore.hw.toolchains.yosys import primitives, share

_SPECIFY = re.compile(r"^\s*specify\s*$.*?^\s*endspecify\s*$", re.DOTALL | re.MULTILINE)
_BLOCK_RAMS = {"RAMB18E1": (2048, 14, 16, 4), "RAMB36E1": (4096, 15, 32, 8)}  # bytes, address, data, byte enables


@cache
def _yosys() -> dict[str, str]:
    text = (share() / "xilinx" / "cells_sim.v").read_text()
    found = re.finditer(r"^module\s+(\w+).*?\bendmodule\b", text, re.DOTALL | re.MULTILINE)
    # Timing checks are no behaviour, and Verilator takes none.
    return {m[1]: _SPECIFY.sub("", m[0]) for m in found}


def models(cells: set[str]) -> str:
    """Verilog of every cell type in `cells`; KeyError for one that Yosys has no model of."""
    text = [_block_ram(cell) if cell in _BLOCK_RAMS else _yosys()[cell] for cell in sorted(cells)]
    if cells & set(_BLOCK_RAMS):
        text.insert(0, Path(__file__).with_name("block_ram.sv").read_text())
    return "\n\n".join(text) + "\n"


def _block_ram(cell: str) -> str:
    """The cell with Yosys' ports and parameters, around block_ram.sv."""
    size, address, data, enables = _BLOCK_RAMS[cell]
    init = ", ".join(f"INIT_{i:02X}" for i in reversed(range(size // 32)))
    initp = ", ".join(f"INITP_{i:02X}" for i in reversed(range(size // 256)))
    inverted = re.findall(r"parameter (?:\[0:0\] )?(IS_\w+_INVERTED)", primitives()[cell])
    plain = [*(f"{name} == 0" for name in inverted), "DOA_REG == 0", "DOB_REG == 0"]
    if cell == "RAMB36E1":
        plain += ['RAM_EXTENSION_A == "NONE"', 'RAM_EXTENSION_B == "NONE"']
    widths = ", ".join(
        f".{name}({name})"
        for name in (
            *("RAM_MODE", "READ_WIDTH_A", "READ_WIDTH_B", "WRITE_WIDTH_A", "WRITE_WIDTH_B"),
            *("WRITE_MODE_A", "WRITE_MODE_B"),
        )
    )
    parity = data // 8
    wide = 'RAM_MODE == "SDP"'
    body = f"""
	wire [71:0] do_a, do_b;
	block_ram #(
		.BYTES({size}), .INIT({{{init}}}), .INITP({{{initp}}}), .SRVAL_A(SRVAL_A), .SRVAL_B(SRVAL_B),
		{widths}, .PLAIN({" && ".join(plain)})
	) ram (
		.clk_a(CLKARDCLK), .clk_b(CLKBWRCLK), .en_a(ENARDEN), .en_b(ENBWREN),
		.sr_a(RSTRAMARSTRAM), .sr_b(RSTRAMB), .we_a({{{8 - enables // 2}'d0, WEA}}), .we_b(8'(WEBWE)),
		.addr_a(ADDRARDADDR[{address - 1}:0]), .addr_b(ADDRBWRADDR[{address - 1}:0]),
		.di_a(64'(DIADI)), .dip_a(8'(DIPADIP)),
		.di_b({wide} && WRITE_WIDTH_B == {2 * data + 2 * parity} ? 64'({{DIBDI, DIADI}}) : 64'(DIBDI)),
		.dip_b({wide} && WRITE_WIDTH_B == {2 * data + 2 * parity} ? 8'({{DIPBDIP, DIPADIP}}) : 8'(DIPBDIP)),
		.do_a(do_a), .do_b(do_b)
	);
	assign DOADO = do_a[{data - 1}:0];
	assign DOPADOP = do_a[64 +: {parity}];
	assign DOBDO = {wide} ? do_a[{data} +: {data}] : do_b[{data - 1}:0];
	assign DOPBDOP = {wide} ? do_a[{64 + parity} +: {parity}] : do_b[64 +: {parity}];
"""
    return primitives()[cell].removesuffix("endmodule") + body + "endmodule"
