# SPDX-License-Identifier: BSD-3-Clause
"""The blocks of ingest checked, as those of `checks`."""

from shiftcore.hw.formal.block import Block, Mutant, Parameters, parameter_sets
from shiftcore.hw.rtl import RTL, files

CORNERS: dict[str, tuple[Parameters, ...]] = {
    "box_divide": parameter_sets("AREA_BITS", (1,), (17,)),
    "motion_pixels": parameter_sets("TAG_BITS", (1,), (42,)),
    "axi_read_arbiter": parameter_sets("PORTS ADDR_WIDTH BURSTS", (2, 33, 8), (3, 41, 5)),
    "axi_write_arbiter": parameter_sets("PORTS ADDR_WIDTH BURSTS", (2, 33, 8), (3, 41, 5)),
    "plane_read": parameter_sets(
        "ADDR_WIDTH SIZE_BITS STRIDE_BITS MAX_BURST_BEATS FIFO_WORDS",
        (4, 4, 1, 1, 2),
        (33, 13, 16, 16, 512),
        (41, 13, 16, 256, 512),
    ),
    "box_average": parameter_sets(
        "WIDTH HEIGHT COLUMN_BITS ROW_BITS AREA_BITS", (8, 2, 10, 11, 20), (512, 512, 4, 3, 6)
    ),
    "plane_geometry": parameter_sets(
        "ADDR_WIDTH WIDTH HEIGHT COLUMN_BITS ROW_BITS AREA_BITS", (33, 8, 8, 10, 9, 18), (41, 512, 512, 4, 3, 6)
    ),
    "ingest": parameter_sets(
        "WIDTH HEIGHT STREAMS ADDR_WIDTH TAG_BITS MAX_BURST_BEATS WRITE_BURST FIFO_WORDS",
        (112, 80, 32, 33, 40, 16, 16, 512),
        (8, 8, 2, 29, 1, 1, 1, 2),
        (512, 511, 128, 41, 40, 256, 16, 512),
    ),
}
"""As in `checks`."""

PROOFS = (
    Block(
        name="box_divide",
        source=RTL / "box_divide.sv",
        claim="every quotient is exact, for every sum below 256 times its area, in order",
        parameters=(dict(AREA_BITS=3), dict(AREA_BITS=1)),
        mutants=(
            Mutant(
                "a sum that is a multiple is one too little", "longer >= {1'b0, area[i]}", "longer > {1'b0, area[i]}"
            ),
            Mutant("an area of the next box", "Area <= area[i];", "Area <= s_area;"),
            Mutant("a waiting quotient is overwritten", "s_tready = !m_tvalid || m_tready", "s_tready = 1'b1"),
        ),
        depth=14,
    ),
    Block(
        name="motion_pixels",
        source=RTL / "motion_pixels.sv",
        claim="each beat has the newest image's pixel and both differences, doubled around 127 and clipped",
        parameters=(dict(TAG_BITS=2),),
        mutants=(
            Mutant("the lanes are taken the other way", "s_lane - 2'd1", "s_lane + 2'd1"),
            Mutant("bright differences wrap", "(difference > 11'sd255)? 8'd255 : ", ""),
            Mutant("a waiting beat is overwritten", "s_tready = !m_tvalid || m_tready", "s_tready = 1'b1"),
        ),
    ),
    Block(
        name="axi_read_arbiter",
        source=RTL / "axi_read_arbiter.sv",
        claim="every burst goes out once, as it is, the lowest port's first; every answer goes to its burst's port",
        parameters=(dict(PORTS=2, ADDR_WIDTH=2, BURSTS=2), dict(PORTS=3, ADDR_WIDTH=1, BURSTS=1)),
        mutants=(
            Mutant(
                "a waiting address is overwritten",
                "free = (!m_axi_arvalid || m_axi_arready) && owners_ready",
                "free = owners_ready",
            ),
            Mutant("every answer goes to the first port", "owned && owner == PORT_BITS'(i)", "owned && i == 0"),
            Mutant("an answer's first beat ends it", "m_axi_rvalid && m_axi_rlast)", "m_axi_rvalid)"),
        ),
        cover_depth=24,
        needs=files("lutram_fifo"),
    ),
    Block(
        name="axi_write_arbiter",
        source=RTL / "axi_write_arbiter.sv",
        claim="every burst goes out once, as it is, no other's words between its own; every answer goes to its port",
        parameters=(dict(PORTS=2, ADDR_WIDTH=1, BURSTS=2), dict(PORTS=3, ADDR_WIDTH=1, BURSTS=1)),
        mutants=(
            Mutant("a burst's address ends it", "over = (AddressTaken || address_taken) &&", "over = 1'b1 ||"),
            Mutant("every answer goes to the first port", "owned && answered == PORT_BITS'(i)", "owned && i == 0"),
            Mutant("an address goes out twice", "Held && !AddressTaken && s_axi_awvalid", "Held && s_axi_awvalid"),
            Mutant(
                "the owner changes under its burst",
                "\t\tif(!Held) begin\n\t\t\tOwner",
                "\t\tif(1'b1) begin\n\t\t\tOwner",
            ),
        ),
        cover_depth=24,
        needs=files("lutram_fifo"),
    ),
    Block(
        name="plane_read",
        source=RTL / "plane_read.sv",
        claim="AXI's rules on AR and R; bursts within length, 4 KB and the window; every word of every row once, in "
        "order, as memory has it; nothing new after stop, quiet is quiet and stays",
        parameters=(dict(ADDR_WIDTH=6, SIZE_BITS=4, STRIDE_BITS=4, MAX_BURST_BEATS=2, FIFO_WORDS=2),),
        mutants=(
            Mutant("a row's last word is left out", "4'd7 + 4'(Address[2:0])", "4'd7"),
            Mutant("bursts cross their boundary", "- (9'(Word) & 9'(MAX_BURST_BEATS - 1))", "- 9'd0"),
            Mutant("bursts are issued after stop", "wire  issue = run && Stage", "wire  issue = Stage"),
            Mutant("there need be no room", " && 32'(Room) >= 32'(length);", ";"),
            Mutant(
                "quiet with a burst under way",
                "assign  quiet = Outstanding == '0;",
                "assign  quiet = Outstanding <= 1;",
            ),
        ),
        depth=12,
        cover_depth=24,
    ),
    Block(
        name="plane_geometry",
        source=RTL / "plane_geometry.sv",
        claim="the part seen, its boxes and its first byte are those of the reference, for every plane; each "
        "fault is told, the first alone; a plane waits for its geometry no longer than is said",
        parameters=parameter_sets(
            "ADDR_WIDTH WIDTH HEIGHT MAX_WIDTH MAX_HEIGHT SIZE_BITS COLUMN_BITS ROW_BITS AREA_BITS",
            (19, 3, 2, 7, 6, 3, 2, 3, 4),
        ),
        mutants=(
            Mutant("all above the part is left out", "other = above >> 1", "other = above"),
            Mutant("what is beside it is rounded up", "ADDR_WIDTH'(beside >> 1)", "ADDR_WIDTH'((beside + 1) >> 1)"),
            Mutant("a quotient is one too little", "goes = longer >= {", "goes = longer > {"),
            Mutant(
                "the window's last word is too much",
                "{behind[ADDR_WIDTH:3], 3'b000} <= {",
                "{behind[ADDR_WIDTH:3], 3'b000} < {",
            ),
            Mutant(
                "a stride that is the width is refused",
                "s_plane_stride < s_plane_width",
                "s_plane_stride <= s_plane_width",
            ),
            Mutant(
                "boxes are taken of the whole plane",
                "Step == WIDE? DIVIDEND_BITS'(columns)",
                "Step == WIDE? DIVIDEND_BITS'(width)",
            ),
        ),
        depth=44,
        cover_depth=44,
        stream=False,
    ),
    Block(
        name="ingest",
        source=RTL / "ingest.sv",
        claim="no path through the whole of it leads from a ready to a valid without a register",
        parameters=(dict(WIDTH=8, HEIGHT=8, STREAMS=2, FIFO_WORDS=32),),
        mutants=(
            Mutant(
                "a beat is offered only when the core is ready",
                "m_tvalid = pixels_valid && !stop",
                "m_tvalid = pixels_valid && !stop && m_tready",
                check="ready_to_valid",
            ),
        ),
        needs=files(
            *("lutram_fifo", "byte_gearbox", "dma_read", "dma_write", "plane_geometry", "plane_read", "box_divide"),
            *("box_average", "motion_pixels", "axi_read_arbiter"),
        ),
        properties=False,
    ),
)
