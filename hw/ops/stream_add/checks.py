# SPDX-License-Identifier: BSD-3-Clause
"""The stream add checked: its corners for the linter, its proof, and the random cases of its bench."""

import random
from pathlib import Path

from shiftcore.hw.formal.block import Block, Mutant, parameter_sets
from shiftcore.hw.ops.bench import any_folding, any_image, any_type, case, make_node
from shiftcore.hw.ops.stream_add.op import sum_type
from shiftcore.sim.stream_bench import Case

CORNERS = parameter_sets(
    "PE LHS_BITS LHS_SIGNED RHS_BITS RHS_SIGNED OUT_BITS",
    (1, 1, 0, 1, 0, 2),
    (4, 4, 0, 4, 1, 6),
    (2, 16, 1, 3, 1, 17),
)

PROOF = Block(
    name="stream_add",
    source=Path(__file__).with_name("stream_add.sv"),
    claim="beat n out is the exact sum of beats n of both sides",
    parameters=(
        dict(PE=1, LHS_BITS=2, LHS_SIGNED=0, RHS_BITS=2, RHS_SIGNED=1, OUT_BITS=4),
        dict(PE=1, LHS_BITS=1, LHS_SIGNED=0, RHS_BITS=1, RHS_SIGNED=0, OUT_BITS=2),
        dict(PE=2, LHS_BITS=4, LHS_SIGNED=1, RHS_BITS=3, RHS_SIGNED=1, OUT_BITS=5),
    ),
    mutants=(
        Mutant("the sign is lost", "RHS_SIGNED && rhs", "1'b0 && rhs"),
        Mutant("one side runs ahead", "s_rhs_tready = advance && s_lhs_tvalid;", "s_rhs_tready = advance;"),
    ),
)


def draw(number: int, folder: Path, rng: random.Random) -> Case:
    """Two types of any width and sign."""
    lhs, rhs, shape = any_type(rng, 16), any_type(rng, 16), [*any_image(rng), rng.randint(1, 16)]
    inst = make_node(
        "StreamAdd",
        f"add_{number}",
        inputs=2,
        lhs_dtype=lhs.name,
        rhs_dtype=rhs.name,
        out_dtype=sum_type(lhs, rhs).name,
        lhs_shape=shape,
        rhs_shape=shape,
        out_shape=shape,
    )
    return case(any_folding(inst, rng), folder, rng)
