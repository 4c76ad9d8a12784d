# SPDX-License-Identifier: BSD-3-Clause
"""Checks of the blocks that load a model, and of the memories that it goes to."""

from shiftcore.hw.formal.block import Block, Mutant, Parameters, parameter_sets
from shiftcore.hw.rtl import RTL, files

CORNERS: dict[str, tuple[Parameters, ...]] = {
    "model_loader": parameter_sets("LOAD_WORDS MODELS", (1, 1), (65000, 1), (5978, 4), (1, 3)),
    "bank_select": parameter_sets("MODELS WIDTH BEATS", (2, 1, 1), (4, 256, 36864), (3, 12, 7)),
    "load_port": parameter_sets("WIDTH DEPTH", (1, 1), (32, 36), (100, 2304)),
    "weight_memory": parameter_sets("WIDTH DEPTH RAM_STYLE", (1, 1, "distributed"), (256, 36, "block")),
    "threshold_load": parameter_sets("THRESHOLDS LANES FOLDS", (1, 1, 1), (15, 8, 3)),
    "threshold_pipeline": parameter_sets(
        "IN_BITS BITS SIGNED THRESHOLDS LANES FOLDS BIAS",
        (1, 2, 0, 2, 1, 1, 0),
        (13, 15, 1, 255, 3, 5, -128),
    ),
    "threshold_search": parameter_sets(
        "IN_BITS BITS SIGNED THRESHOLDS LANES FOLDS BIAS RAM_STYLE",
        (1, 1, 0, 1, 1, 1, 0, "distributed"),
        (13, 15, 1, 15, 8, 3, -8, "distributed"),
        (32, 32, 1, 200, 2, 16, 0, "block"),
    ),
}

PROOFS = (
    Block(
        name="load_port",
        source=RTL / "load_port.sv",
        claim="every word of the memory is written once, in order, at its address, of its own parts of the stream; "
        "nothing is written before its turn or after it",
        stream=False,
        parameters=(dict(WIDTH=70, DEPTH=3), dict(WIDTH=5, DEPTH=2), dict(WIDTH=32, DEPTH=1), dict(WIDTH=33, DEPTH=2)),
        mutants=(
            Mutant("a word too many is taken", "address == ADDRESS_BITS'(DEPTH-1)", "address == ADDRESS_BITS'(DEPTH)"),
            Mutant("words are taken before their turn", "take = Active && s_tvalid", "take = s_tvalid"),
            Mutant("something is written at power-on", "initial  Active = 1'b0;", ""),
            Mutant("parts in the wrong order", "{s_tdata, Held}", "{Held, s_tdata}"),
        ),
        depth=14,
    ),
    Block(
        name="weight_memory",
        source=RTL / "weight_memory.sv",
        claim="words leave in order and again, the first one after reset; each is what was loaded at its address",
        parameters=(dict(WIDTH=3, DEPTH=3), dict(WIDTH=33, DEPTH=2), dict(WIDTH=2, DEPTH=1)),
        mutants=(
            Mutant("a word is skipped where nobody takes one", "read = !LatchValid || advance", "read = 1'b1"),
            Mutant("one word too few", "Next == ADDRESS_BITS'(DEPTH-1)", "Next == ADDRESS_BITS'(DEPTH-2)"),
            Mutant("loaded words go where is read", "at = write? write_address : Next", "at = Next"),
        ),
        needs=files("load_port"),
        depth=14,
    ),
    Block(
        name="threshold_load",
        source=RTL / "threshold_load.sv",
        claim="every place of a layer is written once, in order, one lane at a time, and at no other time",
        stream=False,
        parameters=(
            dict(THRESHOLDS=3, LANES=2, FOLDS=2),
            dict(THRESHOLDS=2, LANES=3, FOLDS=1),
            dict(THRESHOLDS=1, LANES=1, FOLDS=3),
        ),
        mutants=(
            Mutant("the first fold is the last", "&& (fold == FOLD_BITS'(FOLDS-1))", ""),
            Mutant("words are taken before their turn", "write = Active && s_tvalid", "write = s_tvalid"),
            Mutant("something is written at power-on", "initial  Active = 1'b0;", ""),
            Mutant("lanes change with every threshold", "if(last_index)  lane", "if(1'b1)  lane"),
        ),
        depth=18,
    ),
    Block(
        name="threshold_search",
        source=RTL / "threshold_search.sv",
        claim="what comes out is the number of the channel's loaded thresholds that are not above the value, in order; "
        "after 2*STAGES + 2 cycles, where nobody waits",
        parameters=(
            dict(IN_BITS=2, BITS=3, THRESHOLDS=3, LANES=1, FOLDS=1, BIAS=0),
            dict(IN_BITS=2, BITS=2, SIGNED=0, THRESHOLDS=2, LANES=2, FOLDS=1, BIAS=-1),
            dict(IN_BITS=2, BITS=2, THRESHOLDS=1, LANES=1, FOLDS=2, BIAS=0),
        ),
        mutants=(
            Mutant(
                "equal is not reached", "$signed(Threshold) <= $signed(value)", "$signed(Threshold) < $signed(value)"
            ),
            Mutant("a threshold that is not there counts", "reached && exists?", "reached?", parameters=1),
            Mutant("every fold has the first one's", "{Fold, Place}", "{FOLD_BITS'(0), Place}", parameters=2),
            Mutant("a result is lost", "&& (!ResultValid || shift);", ";"),
        ),
        needs=files("threshold_load"),
        depth=18,
        cover_depth=24,
    ),
    Block(
        name="bank_select",
        source=RTL / "bank_select.sv",
        claim="every word of a frame is that of the bank which its context names, none passes without a context, and a "
        "context goes with its frame's last word",
        parameters=(
            dict(MODELS=2, WIDTH=2, BEATS=3),
            dict(MODELS=3, WIDTH=1, BEATS=1),
            dict(MODELS=4, WIDTH=1, BEATS=2),
        ),
        mutants=(
            Mutant("the bank is not looked at", "s_tdata[s_bank_tdata]", "s_tdata[0]"),
            Mutant("a frame ends a word early", "BEAT_BITS'(BEATS-1)", "BEAT_BITS'(BEATS-2)"),
            Mutant("a word passes without a context", "m_tvalid = s_tvalid && s_bank_tvalid", "m_tvalid = s_tvalid"),
            Mutant("a context goes before its word", "s_bank_tready = m_tready && ", "s_bank_tready = "),
        ),
    ),
    Block(
        name="model_loader",
        source=RTL / "model_loader.sv",
        claim="words reach the core only of an image of this build, once, in order, announced; from the first one on "
        "there is no model until a whole image with the right sum has come and the core was reset behind it; every "
        "word goes into the sum once, in order, whatever sum that is; what is wrong is told of",
        stream=False,
        parameters=(
            dict(SHAPE_HASH=5, MODEL_HASH=0, LOAD_WORDS=2, SETTLE=2, HOLD=2),
            dict(SHAPE_HASH=5, MODEL_HASH=9, LOAD_WORDS=1, SETTLE=1, HOLD=1),
            dict(SHAPE_HASH=5, MODEL_HASH=9, LOAD_WORDS=1, SETTLE=1, HOLD=1, MODELS=2),
        ),
        mutants=(
            Mutant("the sum does not matter", "(Wait == '0) && Right)", "(Wait == '0))"),
            Mutant("the first words are not in the sum", "Crc <= next_crc;", "if(Index >= 4)  Crc <= next_crc;"),
            Mutant("an image of another shape is written", "s_tdata != SHAPE_HASH)", "1'b0)"),
            Mutant("the model in use stays during a load", "\t\t\tgood[Bank] <= 1'b0;\n", "", parameters=1),
            Mutant("every image goes into the first bank", "MODELS'(writes) << Bank", "MODELS'(writes)", parameters=2),
            Mutant("every bank loses its model", "good[Bank] <= 1'b0;", "good <= '0;", parameters=2),
            Mutant(
                "the bank changes during a load",
                "if(State == IDLE) begin",
                "Bank <= bank;\n\t\tif(State == IDLE) begin",
                parameters=2,
            ),
            Mutant("half a model is one after a reset", "if(rst_n && !clear && writes)", "if(rst_n && !clear && last)"),
            Mutant("the sum is written as well", "&& !last && !Refused", "&& !Refused"),
            Mutant(
                "the core is not reset behind it",
                "assign  reset_core = (State == RESET)",
                "assign  reset_core = (State == IDLE)",
            ),
        ),
        cuts=("next_crc",),
    ),
)
