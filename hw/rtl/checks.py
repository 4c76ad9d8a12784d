# SPDX-License-Identifier: BSD-3-Clause
"""The blocks of this folder checked: corners for the linter, and proofs with the defects that they must find."""

from shiftcore.hw.formal.block import Block, Mutant, Parameters, parameter_sets
from shiftcore.hw.rtl import RTL, files, ingest_checks, loading_checks

CORNERS: dict[str, tuple[Parameters, ...]] = {
    "reset_synchronizer": parameter_sets("STAGES", (2,), (4,)),
    "frame_pacer": parameter_sets("WIDTH BEATS INTERVAL", (8, 1, 1), (24, 1024, 18432), (24, 1024, 64)),
    "sizing_fifo": parameter_sets("WIDTH DEPTH INDEX COUNT", (8, 2, 0, 1), (24, 1000, 3, 9)),
    "lutram_fifo": parameter_sets("WIDTH DEPTH", (1, 2), (72, 16)),
    "result_writer": parameter_sets(
        "OUTPUT_LOGITS OUT_ELEMENTS OUT_ELEMENT_BITS RECORD_BYTES",
        (1, 1, 1, 24),
        (4, 1, 24, 32),
        (5, 5, 32, 40),
        (400, 8, 12, 1616),
    ),
    "context_fanout": parameter_sets("N WIDTH DEPTH", (1, 8, 2), (5, 8, 16)),
    "byte_gearbox": parameter_sets("BYTES", (1,), (8,), (63,), (64,)),
    "dma_read": parameter_sets(
        "ADDR_WIDTH INPUT_BYTES IN_ELEMENTS MAX_BURST_BEATS FIFO_WORDS TAG_BITS",
        (4, 1, 1, 1, 2, 1),
        (33, 3072, 3, 16, 512, 40),
        (41, 4096, 64, 256, 256, 40),
        (64, 786432, 48, 256, 4096, 40),
    ),
    "dma_write": parameter_sets("ADDR_WIDTH RECORD_BYTES MAX_BURST_BEATS", (4, 8, 1), (33, 32, 16), (64, 4096, 256)),
    "axi3_to_axil": parameter_sets("ID_BITS ADDR_BITS", (1, 3), (12, 12)),
    **loading_checks.CORNERS,
    **ingest_checks.CORNERS,
}
"""Parameter sets for the linter; a module that is not here is linted with its defaults."""

PROOFS = (
    *loading_checks.PROOFS,
    Block(
        name="frame_pacer",
        source=RTL / "frame_pacer.sv",
        claim="frames start INTERVAL cycles apart and after reset, no later than need be; every beat passes as it is",
        parameters=(
            dict(WIDTH=2, BEATS=3, INTERVAL=7),
            dict(WIDTH=1, BEATS=1, INTERVAL=1),
            dict(WIDTH=2, BEATS=4, INTERVAL=2),
            dict(WIDTH=1, BEATS=1, INTERVAL=5),
        ),
        mutants=(
            Mutant(
                "frames start one cycle early",
                "first)  Wait <= WAIT_BITS'(INTERVAL-1)",
                "first)  Wait <= WAIT_BITS'(INTERVAL-2)",
            ),
            Mutant(
                "the first frame after reset does not wait",
                "\t\t\tWait <= WAIT_BITS'(INTERVAL-1);\n\t\tend",
                "\t\t\tWait <= 0;\n\t\tend",
            ),
            Mutant("a frame is one beat too long", "BEAT_BITS'(BEATS-1)?", "BEAT_BITS'(BEATS)?"),
        ),
    ),
    Block(
        name="context_fanout",
        source=RTL / "context_fanout.sv",
        claim="every reader gets every word once and in order; the input waits only for a reader DEPTH words behind",
        parameters=(dict(N=2, WIDTH=3, DEPTH=4), dict(N=1, WIDTH=1, DEPTH=2), dict(N=3, WIDTH=2, DEPTH=2)),
        mutants=(
            Mutant("the input waits for no reader", "s_tready = ~|full", "s_tready = ~&full"),
            Mutant("a word more than there is room for", "fill == ptr_t'(DEPTH)", "fill == ptr_t'(DEPTH+1)"),
        ),
    ),
    Block(
        name="lutram_fifo",
        source=RTL / "lutram_fifo.sv",
        claim="words leave once and in order; level, room and offer are exact",
        parameters=(dict(WIDTH=3, DEPTH=4), dict(WIDTH=1, DEPTH=2), dict(WIDTH=2, DEPTH=8)),
        mutants=(
            Mutant(
                "a word is written although there is no room",
                "wire  push = s_tvalid && s_tready;",
                "wire  push = s_tvalid;",
            ),
            Mutant("full is not seen", "s_tready = !level[ABITS]", "s_tready = 1'b1"),
        ),
    ),
    Block(
        name="byte_gearbox",
        source=RTL / "byte_gearbox.sv",
        claim="every byte of a word behind its skip leaves once, in order, in its place; a frame's end drops the rest",
        parameters=(dict(BYTES=3), dict(BYTES=1), dict(BYTES=9), dict(BYTES=8)),
        mutants=(
            Mutant("the rest of a frame is kept", "m_last? '0 : Fill", "Fill"),
            Mutant("a word comes in one beat too early", "kept < FILL_BITS'(BYTES);", "kept <= FILL_BITS'(BYTES);"),
        ),
    ),
    Block(
        name="dma_write",
        source=RTL / "dma_write.sv",
        claim="AXI's rules on AW, W and B; bursts within length, 4 KB and window; every word of a record once at its "
        "address; done when memory has answered for all; nothing new after stop, quiet is quiet and stays",
        parameters=(
            dict(ADDR_WIDTH=8, RECORD_BYTES=32, MAX_BURST_BEATS=2),
            dict(ADDR_WIDTH=6, RECORD_BYTES=8, MAX_BURST_BEATS=1),
            dict(ADDR_WIDTH=7, RECORD_BYTES=32, MAX_BURST_BEATS=4),
        ),
        mutants=(
            Mutant("the window's limit is not heeded", " && behind <= {1'b0, write_limit[ADDR_WIDTH-1:3]};", ";"),
            Mutant("bursts cross their boundary", "- (9'(Word) & 9'(MAX_BURST_BEATS - 1))", "- 9'd0"),
            Mutant("a burst is started after stop", "assign  s_tready = run && ", "assign  s_tready = "),
            Mutant("done before the last answer", "Stage == ANSWER && Outstanding == '0", "Stage == ANSWER"),
            Mutant("wlast one beat early", "8'(Index) == m_axi_awlen", "8'(Index) + 8'd1 == m_axi_awlen"),
        ),
    ),
    Block(
        name="axi3_to_axil",
        source=RTL / "axi3_to_axil.sv",
        claim="AXI3's and AXI4-Lite's handshakes; one access a beat, at its address and with its data; one answer a "
        "burst with its ID, the worst of its beats'; narrow and wrapping bursts touch nothing and are answered SLVERR",
        parameters=(dict(ID_BITS=2, ADDR_BITS=6), dict(ID_BITS=1, ADDR_BITS=3)),
        mutants=(
            Mutant("rlast one beat early", "s_axi_rlast = ReadLeft == '0", "s_axi_rlast = ReadLeft <= 4'd1"),
            Mutant(
                "a refused read reaches the registers",
                "Read <= read_refuse? READ_ANSWER : READ_ASK",
                "Read <= READ_ASK",
            ),
            Mutant("FIXED bursts increment", "if(WriteIncr)  WriteWord", "WriteWord"),
            Mutant(
                "the last beat's answer stands for the burst",
                "m_axil_bvalid && m_axil_bresp > s_axi_bresp",
                "m_axil_bvalid",
            ),
        ),
        cover_depth=30,
    ),
    Block(
        name="axil_registers",
        source=RTL / "axil_registers.sv",
        claim="AXI4-Lite's handshakes, one answer an access; registers read as written; those for idle only never "
        "change while running; every event sets its flag, a written 1 clears it, an event wins; pulses once a write",
        parameters=(dict(INPUT_BYTES=10, STREAMS=3), dict(INPUT_BYTES=10, STREAMS=3, INGEST=1, HISTORY_BYTES=40)),
        mutants=(
            Mutant("a write clears flags that were not named", "? WriteData[$bits(error_t)-1:0] : '0", "? '1 : '0"),
            Mutant(
                "a clear swallows an event",
                "~clear_error & possible | new_error",
                "~clear_error & possible | new_error & ~clear_error",
            ),
            Mutant(
                "a window changes while running",
                "else if(write && !locked) begin\n\t\t\tunique",
                "else if(write) begin\n\t\t\tunique",
            ),
            Mutant(
                "a partial write changes a register", "wire  write = perform && WholeWord;", "wire  write = perform;"
            ),
            Mutant(
                "an answer is lost", "perform = HaveAddress && HaveData && !BValid", "perform = HaveAddress && HaveData"
            ),
            Mutant(
                "a chip without ingest has its registers",
                "value = INGEST? planes_done : '0;",
                "value = planes_done;",
            ),
            Mutant(
                "the histories' window changes while running",
                "\t\t\telse if(write && !locked) begin\n\t\t\t\tif(at == ADDR_HISTORY_BASE_LO)",
                "\t\t\telse if(write) begin\n\t\t\t\tif(at == ADDR_HISTORY_BASE_LO)",
                parameters=1,
            ),
            Mutant("the high half is not frozen", "if(from == ADDR_CYCLES_LO) ", "if(from == ADDR_CYCLES_HI) "),
        ),
        needs=files("context_pkg", "chip_pkg"),
    ),
    Block(
        name="dma_read",
        source=RTL / "dma_read.sv",
        claim="AXI's rules on AR and R; bursts within length, 4 KB and window, eight at most; frames whole, one tag a "
        "frame; a frame outside the window is told of and not read; nothing new after stop, quiet is quiet and stays",
        parameters=(
            dict(ADDR_WIDTH=7, INPUT_BYTES=10, IN_ELEMENTS=5, MAX_BURST_BEATS=2, FIFO_WORDS=4, TAG_BITS=2),
            dict(ADDR_WIDTH=6, INPUT_BYTES=3, IN_ELEMENTS=1, MAX_BURST_BEATS=1, FIFO_WORDS=2, TAG_BITS=1),
        ),
        mutants=(
            Mutant("the window's base is not heeded", "{Word, 3'b000} >= read_base && ", ""),
            Mutant("bursts cross their boundary", "- (9'(Word) & 9'(MAX_BURST_BEATS - 1))", "- 9'd0"),
            Mutant("bursts are issued after stop", "wire  issue = run && Stage", "wire  issue = Stage"),
            Mutant(
                "quiet with a burst under way",
                "assign  quiet = Outstanding == '0;",
                "assign  quiet = Outstanding <= 1;",
            ),
        ),
        cover_depth=24,
        needs=files("lutram_fifo", "byte_gearbox"),
    ),
    Block(
        name="dma_read_data",
        source=RTL / "dma_read.sv",
        claim="every byte of a frame is the one memory has at its address, at any alignment, in its place; frames in "
        "the order of their descriptors, none lost or doubled",
        parameters=(dict(ADDR_WIDTH=6, INPUT_BYTES=10, IN_ELEMENTS=5, MAX_BURST_BEATS=2, FIFO_WORDS=4, TAG_BITS=6),),
        mutants=(
            Mutant("the offset in the first word is lost", "Fresh? frame_offset : 3'd0", "3'd0"),
            Mutant(
                "a word is given twice", "if(load || advance)  LatchValid <= load;", "if(load)  LatchValid <= 1'b1;"
            ),
        ),
        depth=18,
        cover_depth=24,
        needs=files("lutram_fifo", "byte_gearbox"),
    ),
    Block(
        name="result_writer",
        source=RTL / "result_writer.sv",
        claim="a record never goes into a slot that was not taken; the level counts what memory has answered for and "
        "nobody took; too great a take is told of and ignored; what is offered stays",
        parameters=(
            dict(OUTPUT_LOGITS=3, OUT_ELEMENTS=1, OUT_ELEMENT_BITS=2, RECORD_BYTES=32),
            dict(OUTPUT_LOGITS=1, OUT_ELEMENTS=1, OUT_ELEMENT_BITS=1, RECORD_BYTES=24),
        ),
        mutants=(
            Mutant(
                "a record begins without a free slot",
                "header_valid && (Used < slots)",
                "header_valid && (Used <= slots)",
            ),
            Mutant("more is taken than there is", "enough = take_count <= level", "enough = take_count <= level + 1"),
        ),
        cover_depth=24,
        needs=files("context_pkg", "chip_pkg", "lutram_fifo"),
    ),
    Block(
        name="result_writer_data",
        source=RTL / "result_writer.sv",
        claim="a frame's record holds its id, context, latency, number and every logit, sign-extended, and goes to "
        "the slot of its number; no frame lost, doubled or reordered",
        parameters=(
            dict(OUTPUT_LOGITS=1, OUT_ELEMENTS=1, OUT_ELEMENT_BITS=2, RECORD_BYTES=24),
            dict(OUTPUT_LOGITS=4, OUT_ELEMENTS=2, OUT_ELEMENT_BITS=2, RECORD_BYTES=32),
        ),
        mutants=(
            Mutant(
                "logits are not sign-extended",
                "wire [31:0]  logit = 32'(element);",
                "wire [31:0]  logit = 32'(unsigned'(element));",
            ),
            Mutant("the ring has one slot more", "Slot + 1 >= slots?", "Slot >= slots?"),
        ),
        depth=18,
        cover_depth=24,
        needs=files("context_pkg", "chip_pkg", "lutram_fifo"),
    ),
    Block(
        name="shell",
        source=RTL / "shell.sv",
        claim="no path through the whole shell leads from a ready to a valid without a register",
        parameters=(dict(FIFO_WORDS=32), dict(FIFO_WORDS=32, OUTPUT_LOGITS=8, OUT_ELEMENTS=2, RECORD_BYTES=48)),
        mutants=(
            Mutant(
                "a frame is offered only when the core is ready",
                "assign  m_core_tvalid = frame_valid && ",
                "assign  m_core_tvalid = m_core_tready && frame_valid && ",
                check="ready_to_valid",
            ),
        ),
        needs=files(
            "context_pkg",
            "chip_pkg",
            "axil_registers",
            "lutram_fifo",
            "byte_gearbox",
            "dma_read",
            "dma_write",
            "result_writer",
            "model_loader",
        ),
        properties=False,
    ),
    *ingest_checks.PROOFS,
)
