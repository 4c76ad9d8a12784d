# SPDX-License-Identifier: BSD-3-Clause
"""The bridge from the processor's AXI3 port to AXI4-Lite, between a master and a slave that pause and fail."""

from tests.hw import axi3_to_axil_cocotb
from tests.hw.axi_bench import Instance, Mutant, simulate

FILE = "axi3_to_axil.sv"
SHAPES = [
    Instance("zynq", "axi3_to_axil", {"ID_BITS": 12, "ADDR_BITS": 12}),
    Instance("least", "axi3_to_axil", {"ID_BITS": 1, "ADDR_BITS": 3}),
    Instance("wide", "axi3_to_axil", {"ID_BITS": 6, "ADDR_BITS": 16}),
]
MUTANTS = [
    Mutant("identity", FILE, "s_axi_rid <= s_axi_arid", "s_axi_rid <= '0"),
    Mutant("fixed", FILE, "ReadIncr <= s_axi_arburst == INCR", "ReadIncr <= 1'b1"),
    Mutant("narrow", FILE, "s_axi_arsize != WORD || ", ""),
    Mutant("wrapping", FILE, "(s_axi_awburst != INCR && s_axi_awburst != FIXED)", "1'b0"),
    Mutant(
        "swallowed",
        FILE,
        "!WriteRefused? WRITE_WAIT : write_last? WRITE_ANSWER : WRITE_TAKE",
        "!WriteRefused? WRITE_WAIT : WRITE_ANSWER",
    ),
    Mutant("best", FILE, "m_axil_bresp > s_axi_bresp", "m_axil_bresp < s_axi_bresp"),
    Mutant("dropped", FILE, "if(m_axil_wready)   m_axil_wvalid", "if(m_axil_awready)  m_axil_wvalid"),
    Mutant("last", FILE, "s_axi_rlast = ReadLeft == '0", "s_axi_rlast = ReadLeft == '1"),
]


def test_axi3_to_axil() -> None:
    mutants = [(SHAPES[0].parameters, one) for one in MUTANTS]
    assert simulate("axi3_to_axil", [FILE], SHAPES, mutants, axi3_to_axil_cocotb.ports) == 3
