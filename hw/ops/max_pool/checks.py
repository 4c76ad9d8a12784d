# SPDX-License-Identifier: BSD-3-Clause
"""The max pool checked: its corners for the linter, its proof, and the random cases of its bench."""

import random
from pathlib import Path

from shiftcore.hw.formal.block import Block, Mutant, parameter_sets
from shiftcore.hw.ops.bench import any_folding, any_image, any_type, case, make_node
from shiftcore.sim.stream_bench import Case

CORNERS = parameter_sets("PE KERNEL BITS SIGNED", (1, 1, 1, 0), (4, 9, 4, 1))

PROOF = Block(
    name="max_pool",
    source=Path(__file__).with_name("max_pool.sv"),
    claim="each beat out is the lane-wise maximum of its window's beats; windows kept apart; position in range",
    parameters=(
        dict(PE=2, KERNEL=4, BITS=3, SIGNED=1),
        dict(PE=1, KERNEL=1, BITS=1, SIGNED=0),
        dict(PE=1, KERNEL=3, BITS=4, SIGNED=0),
    ),
    mutants=(
        Mutant("signed numbers are compared as unsigned", "BITS'(SIGNED) << (BITS-1)", "'0"),
        Mutant("a window begins with the last one's maximum", "first || greater", "greater"),
    ),
)


def draw(number: int, folder: Path, rng: random.Random) -> Case:
    """Windows from 1x1 to 3x3."""
    datatype = any_type(rng).name
    inst = make_node(
        "Pool",
        f"pool_{number}",
        Channels=rng.randint(1, 12),
        PE=1,
        KernelSize=[rng.randint(1, 3), rng.randint(1, 3)],
        Function="MaxPool",
        OutImgDims=any_image(rng)[1:],
        InputDataType=datatype,
        OutputDataType=datatype,
    )
    return case(any_folding(inst, rng), folder, rng)
