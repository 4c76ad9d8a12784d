# SPDX-License-Identifier: BSD-3-Clause
"""The DMA's engines against a memory that stalls, fails and has to be left alone: many shapes, and mutants."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from shiftcore.artifacts import build_folder
from shiftcore.sim import cocotb_runner
from tests.hw import dma_read_bench, dma_write_cocotb
from tests.hw.axi_bench import RTL, SEED, Instance, Mutant, simulate

Shape = tuple[int, ...]

READ_NAMES = "ADDR_WIDTH INPUT_BYTES IN_ELEMENTS MAX_BURST_BEATS FIFO_WORDS"
PLAIN: Shape = (32, 1000, 8, 16, 256)
LITTLE_FIFO: Shape = (24, 585, 13, 16, 16)
READ_SHAPES: list[Shape] = [
    (32, 3072, 3, 16, 512),
    PLAIN,
    LITTLE_FIFO,
    (41, 3072, 3, 256, 512),
    (32, 12288, 3, 16, 512),
    (13, 1, 1, 1, 2),
    (16, 64, 64, 16, 64),
    (20, 252, 12, 4, 16),
    (33, 640, 5, 2, 32),
    (12, 7, 7, 16, 512),
    (64, 2048, 16, 256, 256),
]
READ, GEARBOX, FIFO = "dma_read.sv", "byte_gearbox.sv", "lutram_fifo.sv"
READ_MUTANTS = [
    (PLAIN, Mutant("boundary", READ, "9'(Word) & 9'(MAX_BURST_BEATS - 1)", "9'd0")),
    (LITTLE_FIFO, Mutant("room", READ, "32'(Room) >= 32'(length)", "Room != '0")),
    (PLAIN, Mutant("base", READ, "{Word, 3'b000} >= read_base", "{Word, 3'b111} >= read_base")),
    (PLAIN, Mutant("limit", READ, "behind <= {1'b0, read_limit", "behind <= 1'b1 + {1'b0, read_limit")),
    (PLAIN, Mutant("wrap", READ, "{1'b0, Word} + (WORD_BITS+1)'(words)", "{1'b0, Word + WORD_BITS'(words)}")),
    (PLAIN, Mutant("eager", READ, "32'(Stored) >= 32'(frame_words)", "Stored != '0")),
    (PLAIN, Mutant("impatient", READ, "State == DRAIN && quiet", "State == DRAIN")),
    (PLAIN, Mutant("unstoppable", READ, "wire  issue = run && ", "wire  issue = ")),
    (PLAIN, Mutant("many", READ, "Outstanding != BURST_BITS'(BURSTS) && ", "")),
    (PLAIN, Mutant("unstable", READ, "(!m_axi_arvalid || m_axi_arready) &&", "")),
    (PLAIN, Mutant("deaf", READ, "RError <= m_axi_rresp[1]", "RError <= &m_axi_rresp")),
    (PLAIN, Mutant("short", READ, "32'(offset) > SPARE_BYTES", "32'(offset) > SPARE_BYTES + 1")),
    (PLAIN, Mutant("unaligned", GEARBOX, "3'(kept) - s_skip", "3'(kept)")),
    (PLAIN, Mutant("mixed", GEARBOX, "m_last? '0 : ", "")),
]

WRITE_NAMES = "ADDR_WIDTH RECORD_BYTES MAX_BURST_BEATS"
RECORD: Shape = (32, 424, 16)
WRITE_SHAPES: list[Shape] = [
    (32, 32, 16),
    RECORD,
    (41, 4096, 256),
    (13, 8, 1),
    (20, 24, 2),
    (64, 136, 16),
    (12, 104, 4),
    (33, 80, 1),
]
WRITE = "dma_write.sv"
WRITE_MUTANTS = [
    (RECORD, Mutant("boundary", WRITE, "9'(Word) & 9'(MAX_BURST_BEATS - 1)", "9'd0")),
    (RECORD, Mutant("base", WRITE, "{Word, 3'b000} >= write_base", "{Word, 3'b111} >= write_base")),
    (RECORD, Mutant("limit", WRITE, "behind <= {1'b0, write_limit", "behind <= 1'b1 + {1'b0, write_limit")),
    (
        RECORD,
        Mutant("wrap", WRITE, "{1'b0, Word} + (WORD_BITS+1)'(RECORD_WORDS)", "{1'b0, Word + WORD_BITS'(RECORD_WORDS)}"),
    ),
    (RECORD, Mutant("strobes", WRITE, "Strobe <= run", "Strobe <= 1'b1")),
    (RECORD, Mutant("hasty", WRITE, "Stage == ANSWER && Outstanding == '0", "Stage == ANSWER")),
    (RECORD, Mutant("deaf", WRITE, "BError <= m_axi_bresp[1]", "BError <= &m_axi_bresp")),
    (RECORD, Mutant("unfinished", WRITE, "if(sent)  Stage <=", "if(sent || !run)  Stage <=")),
    ((33, 80, 1), Mutant("address", WRITE, " && (!m_axi_awvalid || m_axi_awready);", ";")),
    (RECORD, Mutant("last", WRITE, "m_axi_wlast <= offer_last", "m_axi_wlast <= 1'b0")),
    (RECORD, Mutant("unstable", WRITE, "!Offered && (!m_axi_wvalid || m_axi_wready)", "!Offered")),
    ((33, 80, 1), Mutant("many", WRITE, " && Outstanding != BURST_BITS'(BURSTS)", "")),
]


def parameters(names: str, shape: Shape) -> dict[str, int]:
    return dict(zip(names.split(), shape, strict=True))


def check(
    module: str, files: Sequence[str], names: str, shapes: Sequence[Shape], mutants: list[tuple[Shape, Mutant]]
) -> int:
    ports = {"dma_read": dma_read_bench, "dma_write": dma_write_cocotb}[module].ports
    instances = [Instance(f"c{k}", module, parameters(names, shape)) for k, shape in enumerate(shapes)]
    faulty = [(parameters(names, shape), one) for shape, one in mutants]
    return simulate(module, files, instances, faulty, ports)


def test_dma_read() -> None:
    assert check("dma_read", [READ, GEARBOX, FIFO], READ_NAMES, READ_SHAPES, READ_MUTANTS) == 8


def test_dma_write() -> None:
    assert check("dma_write", [WRITE], WRITE_NAMES, WRITE_SHAPES, WRITE_MUTANTS) == 6


@pytest.mark.parametrize("beats", [16, 256])
def test_dma_copies_in_an_independent_memory(beats: int) -> None:
    folder, name = build_folder() / "tests" / f"dma_copy_{beats}", "dma_copy"
    files = [READ, GEARBOX, FIFO, WRITE]
    sources = [*(RTL / file for file in files), Path(__file__).parent / f"{name}.sv"]
    cocotb_runner.build(name, sources, folder, [f"-GMAX_BURST_BEATS={beats}", "-Wno-lint"])
    assert cocotb_runner.run(name, f"tests.hw.{name}_cocotb", folder, {"COPY_SEED": str(SEED)}, SEED) == 1
