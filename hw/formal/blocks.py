# SPDX-License-Identifier: BSD-3-Clause
"""What is proven: the blocks, with which parameters, and the defects that the proofs are known to find."""

from dataclasses import dataclass
from typing import Literal

Parameters = dict[str, int | str]
Check = Literal["properties", "ready_to_valid"]


@dataclass(frozen=True)
class Mutant:
    """One defect put into a copy of a block: `old` becomes `new` in its source, and `check` must then fail."""

    defect: str
    old: str
    new: str
    check: Check = "properties"
    parameters: int = 0  # which of the block's sets shows it


@dataclass(frozen=True)
class Block:
    """One module of hw/rtl with its file of properties.

    `depth` None: proven for runs of any length (property-directed reachability); else for that many cycles from reset.
    Every cover statement must be reached within `cover_depth` cycles. `needs` are further files of hw/rtl. `module` is
    the block's module where a name in BLOCKS stands for one of several files of properties. Without `properties` only
    paths from ready to valid are looked for.
    """

    claim: str
    parameters: tuple[Parameters, ...]
    mutants: tuple[Mutant, ...]
    depth: int | None = None
    cover_depth: int = 20
    needs: tuple[str, ...] = ()
    module: str | None = None
    properties: bool = True


BLOCKS: dict[str, Block] = {
    "temporal_shift": Block(
        claim="shifted channels are those of the stream's frame before (read before write), zero after clear, reset "
        "and for unknown streams; the others pass; context with the last beat; addresses and counts in range",
        parameters=(
            dict(CHANNELS=4, SHIFT=2, PE=1, PIXELS=2, BITS=1, STREAMS=2, RAM_STYLE="block"),
            dict(CHANNELS=1, SHIFT=1, PE=1, PIXELS=1, BITS=1, STREAMS=1, RAM_STYLE="distributed"),
            dict(CHANNELS=4, SHIFT=1, PE=2, PIXELS=3, BITS=2, STREAMS=3, RAM_STYLE="block"),
            dict(CHANNELS=2, SHIFT=2, PE=2, PIXELS=1, BITS=1, STREAMS=5, RAM_STYLE="distributed"),
        ),
        mutants=(
            Mutant(
                "the state is read after it is written",
                "previous <= memory[address];",
                "previous <= shifted && in_range ? in_data[Width-1:0] : memory[address];",
            ),
            Mutant("streams share their state", "base + AddressBits'(stream)", "base"),
            Mutant("clear is not heeded", "use_zero <= clear || ", "use_zero <= "),
            Mutant(
                "a stream counts as seen before its frame is whole", "if (last && in_range) seen", "if (in_range) seen"
            ),
            Mutant("the context goes with every beat", "in_valid && last;", "in_valid;"),
            Mutant("a waiting beat is overwritten", "wire advance = !out_valid || out_ready;", "wire advance = 1'b1;"),
            Mutant(
                "reset leaves a beat at the output",
                "        if (!rst_n) begin\n            out_valid <= 1'b0;",
                "        if (!rst_n) begin",
            ),
        ),
        needs=("context_pkg",),
    ),
    "stream_fork": Block(
        claim="every output gets every beat once and in order; the input's beat goes when the last output has it",
        parameters=(dict(WIDTH=2, OUTPUTS=2), dict(WIDTH=1, OUTPUTS=3), dict(WIDTH=3, OUTPUTS=5)),
        mutants=(
            Mutant("an output is served twice", "in_ready ? '0 : satisfied", "in_ready ? '0 : served"),
            Mutant("a beat goes when one output has it", "in_ready = &satisfied", "in_ready = |satisfied"),
            Mutant(
                "outputs wait for each other",
                "{OUTPUTS{in_valid}} & ~served;",
                "{OUTPUTS{in_valid && out_ready[0]}} & ~served;",
                check="ready_to_valid",
            ),
        ),
    ),
    "stream_add": Block(
        claim="beat n out is the exact sum of beats n of both sides",
        parameters=(
            dict(PE=1, LHS_BITS=2, LHS_SIGNED=0, RHS_BITS=2, RHS_SIGNED=1, OUT_BITS=4),
            dict(PE=1, LHS_BITS=1, LHS_SIGNED=0, RHS_BITS=1, RHS_SIGNED=0, OUT_BITS=2),
            dict(PE=2, LHS_BITS=4, LHS_SIGNED=1, RHS_BITS=3, RHS_SIGNED=1, OUT_BITS=5),
        ),
        mutants=(
            Mutant("the sign is lost", "RHS_SIGNED && rhs", "1'b0 && rhs"),
            Mutant("one side runs ahead", "assign rhs_ready = advance && lhs_valid;", "assign rhs_ready = advance;"),
        ),
    ),
    "global_acc_pool": Block(
        claim="the exact sum of every channel over the frame's pixels, a frame's sums in order; counts in range",
        parameters=(
            dict(CHANNELS=4, PE=2, PIXELS=3, IN_BITS=2, SIGNED=1, OUT_BITS=4),
            dict(CHANNELS=1, PE=1, PIXELS=1, IN_BITS=1, SIGNED=0, OUT_BITS=1),
            dict(CHANNELS=3, PE=1, PIXELS=2, IN_BITS=2, SIGNED=0, OUT_BITS=3),
        ),
        mutants=(
            Mutant("sums run on into the next frame", "(first_pixel ? '0 : sum", "(first_pixel && 1'b0 ? '0 : sum"),
            Mutant("a waiting sum is overwritten", "!last_pixel || !out_valid || out_ready", "1'b1"),
        ),
    ),
    "max_pool": Block(
        claim="each beat out is the lane-wise maximum of its window's beats; windows kept apart; position in range",
        parameters=(
            dict(PE=2, KERNEL=4, BITS=3, SIGNED=1),
            dict(PE=1, KERNEL=1, BITS=1, SIGNED=0),
            dict(PE=1, KERNEL=3, BITS=4, SIGNED=0),
        ),
        mutants=(
            Mutant("signed numbers are compared as unsigned", "BITS'(SIGNED) << (BITS - 1)", "'0"),
            Mutant("a window begins with the last one's maximum", "first || greater", "greater"),
        ),
    ),
    "frame_pacer": Block(
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
    "context_fanout": Block(
        claim="every reader gets every word once and in order; the input waits only for a reader DEPTH words behind",
        parameters=(dict(N=2, WIDTH=3, DEPTH=4), dict(N=1, WIDTH=1, DEPTH=2), dict(N=3, WIDTH=2, DEPTH=2)),
        mutants=(
            Mutant("the input waits for no reader", "irdy = ~|full", "irdy = ~&full"),
            Mutant("a word more than there is room for", "fill == ptr_t'(DEPTH)", "fill == ptr_t'(DEPTH+1)"),
        ),
    ),
    "lutram_fifo": Block(
        claim="words leave once and in order; level, room and offer are exact",
        parameters=(dict(WIDTH=3, DEPTH=4), dict(WIDTH=1, DEPTH=2), dict(WIDTH=2, DEPTH=8)),
        mutants=(
            Mutant(
                "a word is written although there is no room",
                "wire  push = in_valid && in_ready;",
                "wire  push = in_valid;",
            ),
            Mutant("full is not seen", "in_ready = !level[ABITS]", "in_ready = 1'b1"),
        ),
    ),
    "byte_gearbox": Block(
        claim="every byte of a word behind its skip leaves once, in order, in its place; a frame's end drops the rest",
        parameters=(dict(BYTES=3), dict(BYTES=1), dict(BYTES=9), dict(BYTES=8)),
        mutants=(
            Mutant("the rest of a frame is kept", "m_last? '0 : Fill", "Fill"),
            Mutant("a word comes in one beat too early", "kept < FILL_BITS'(BYTES);", "kept <= FILL_BITS'(BYTES);"),
        ),
    ),
    "dma_write": Block(
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
    "axi3_to_axil": Block(
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
    "axil_registers": Block(
        claim="AXI4-Lite's handshakes, one answer an access; registers read as written; those for idle only never "
        "change while running; every event sets its flag, a written 1 clears it, an event wins; pulses once a write",
        parameters=(dict(INPUT_BYTES=10, STREAMS=3),),
        mutants=(
            Mutant("a write clears flags that were not named", "? WriteData[$bits(error_t)-1:0] : '0", "? '1 : '0"),
            Mutant(
                "a clear swallows an event", "Error & ~clear_error | new_error", "(Error | new_error) & ~clear_error"
            ),
            Mutant("a window changes while running", "else if(write && !locked)", "else if(write)"),
            Mutant(
                "a partial write changes a register", "wire  write = perform && WholeWord;", "wire  write = perform;"
            ),
            Mutant(
                "an answer is lost", "perform = HaveAddress && HaveData && !BValid", "perform = HaveAddress && HaveData"
            ),
            Mutant("the high half is not frozen", "if(from == ADDR_CYCLES_LO) ", "if(from == ADDR_CYCLES_HI) "),
        ),
        needs=("context_pkg", "chip_pkg"),
    ),
    "dma_read": Block(
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
        needs=("lutram_fifo", "byte_gearbox"),
    ),
    "dma_read_data": Block(
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
        needs=("lutram_fifo", "byte_gearbox"),
        module="dma_read",
    ),
    "result_writer": Block(
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
        needs=("context_pkg", "chip_pkg", "lutram_fifo"),
    ),
    "result_writer_data": Block(
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
        needs=("context_pkg", "chip_pkg", "lutram_fifo"),
        module="result_writer",
    ),
    "shell": Block(
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
        needs=(
            "context_pkg",
            "chip_pkg",
            "axil_registers",
            "lutram_fifo",
            "byte_gearbox",
            "dma_read",
            "dma_write",
            "result_writer",
        ),
        properties=False,
    ),
}
