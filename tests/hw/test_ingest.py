# SPDX-License-Identifier: BSD-3-Clause
"""Ingest against a memory that stalls, fails and has to be left alone: many shapes and sizes, and mutants."""

from tests.hw import ingest_bench
from tests.hw.axi_bench import Instance, Mutant, simulate

FILES = [
    f"{name}.sv"
    for name in (
        *("lutram_fifo", "byte_gearbox", "dma_read", "dma_write", "plane_geometry", "plane_read", "box_divide"),
        *("box_average", "motion_pixels", "axi_read_arbiter", "ingest"),
    )
]
NAMES = "WIDTH HEIGHT STREAMS MAX_BURST_BEATS WRITE_BURST FIFO_WORDS"
Shape = tuple[int, ...]
SHAPES: list[Shape] = [(8, 6, 3, 16, 16, 64), (14, 10, 2, 256, 16, 256), (9, 16, 5, 4, 1, 16)]
SMALL = SHAPES[0]
GEOMETRY, AVERAGE, INGEST = "plane_geometry.sv", "box_average.sv", "ingest.sv"
MUTANTS: list[tuple[Shape, Mutant]] = [
    (SMALL, Mutant("rounding", AVERAGE, "SUM_BITS'(area3 >> 1)", "'0")),
    (
        SMALL,
        Mutant("phase", AVERAGE, "column_phase >= (INDEX_BITS+1)'(WIDTH)", "column_phase > (INDEX_BITS+1)'(WIDTH)"),
    ),
    (SMALL, Mutant("crop", GEOMETRY, "other = above >> 1", "other = above")),
    (SMALL, Mutant("window", GEOMETRY, "{behind[ADDR_WIDTH:3], 3'b000} <= ", "{behind[ADDR_WIDTH:3], 3'b000} <= 8 + ")),
    (SMALL, Mutant("clip", INGEST, "'{lane: kept.lane, images: '0}", "kept")),
    (SHAPES[2], Mutant("early", INGEST, "State == WAIT && !wait_for_input", "State == WAIT")),
]


def parameters(shape: Shape) -> dict[str, int]:
    values = dict(zip(NAMES.split(), shape, strict=True))
    return {**values, "ADDR_WIDTH": ingest_bench.ADDRESS_BITS, "TAG_BITS": ingest_bench.TAG_BITS}


def test_ingest() -> None:
    instances = [Instance(f"c{k}", "ingest", parameters(shape)) for k, shape in enumerate(SHAPES)]
    faulty = [(parameters(shape), one) for shape, one in MUTANTS]
    assert simulate("ingest", FILES, instances, faulty, ingest_bench.ports) == 8


def test_netlist_of_ingest() -> None:
    """What Yosys makes of the smallest shape passes the same bench."""
    assert simulate("ingest", FILES, [Instance("c0", "ingest", parameters(SMALL))], [], ingest_bench.ports, True) == 8
