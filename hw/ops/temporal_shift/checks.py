# SPDX-License-Identifier: BSD-3-Clause
"""The temporal shift checked: its corners for the linter, its proof, and the random cases of its bench."""

import random
from pathlib import Path

from shiftcore.hw.formal.block import Block, Mutant, parameter_sets
from shiftcore.hw.ops.bench import any_folding, any_image, any_type, case, make_node
from shiftcore.hw.ops.rtl_op import CONTEXT
from shiftcore.hw.ops.temporal_shift.op import TemporalShift_rtl
from shiftcore.model.limits import STREAMS
from shiftcore.model.records import Context
from shiftcore.quant import temporal
from shiftcore.sim.stream_bench import Case, Stream

CORNERS = parameter_sets(
    "CHANNELS SHIFT PE PIXELS BITS STREAMS RAM_STYLE",
    (1, 1, 1, 1, 1, 1, "distributed"),
    (16, 2, 8, 9, 4, 5, "distributed"),
    (16, 16, 16, 1, 4, 128, "distributed"),
    (64, 8, 2, 784, 4, 32, "block"),
)

PROOF = Block(
    name="temporal_shift",
    source=Path(__file__).with_name("temporal_shift.sv"),
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
            "Previous <= Memory[address];",
            "Previous <= shifted && in_range? s_tdata[WIDTH-1:0] : Memory[address];",
        ),
        Mutant("streams share their state", "Base + ADDRESS_BITS'(stream)", "Base"),
        Mutant("clear is not heeded", "UseZero <= clear || ", "UseZero <= "),
        Mutant("a stream counts as seen before its frame is whole", "if(last && in_range)  Seen", "if(in_range)  Seen"),
        Mutant("the context goes with every beat", "s_tvalid && last;", "s_tvalid;"),
        Mutant("a waiting beat is overwritten", "advance = !m_tvalid || m_tready;", "advance = 1'b1;"),
        Mutant(
            "reset leaves a beat at the output",
            "\t\tif(!rst_n) begin\n\t\t\tm_tvalid <= 1'b0;",
            "\t\tif(!rst_n) begin",
        ),
    ),
    needs=TemporalShift_rtl.needs,
)


def draw(number: int, folder: Path, rng: random.Random) -> Case:
    """Frames of streams in any order, with clears and streams that the op was not built for."""
    channels = rng.choice((1, 2, 4, 6, 8, 12, 16, 24))
    streams = rng.choice((1, 2, 3, 4, 7, 32, 128))
    one_beat = number % 8 == 1
    inst = make_node(
        "TemporalShift",
        f"shift_{number}",
        NumChannels=channels,
        ShiftChannels=channels if number % 8 == 0 else rng.randint(1, channels),
        Streams=streams,
        numInputVectors=[1, 1, 1] if one_beat else any_image(rng),
        inputDataType=any_type(rng).name,
        PE=channels,
    )
    if not one_beat:
        any_folding(inst, rng)
    words: list[int] = []
    used = [rng.randrange(STREAMS) for _ in range(2)] + [rng.randrange(streams) for _ in range(3)]

    def begin() -> None:
        context = Context(rng.choice(used), rng.random() < 0.15)
        temporal.begin_frame(context.stream, context.clear)
        words.append(context.word)

    temporal.reset()
    made = case(inst, folder, rng, begin)
    made.inputs[CONTEXT] = Stream(Context.BITS, 1, words)
    return made
