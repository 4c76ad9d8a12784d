# SPDX-License-Identifier: BSD-3-Clause
"""The sum pool checked: its corners for the linter, its proof, and the random cases of its bench."""

import random
from pathlib import Path

from shiftcore.hw.formal.block import Block, Mutant, parameter_sets
from shiftcore.hw.ops.bench import any_folding, any_image, any_type, case, make_node
from shiftcore.sim.stream_bench import Case

CORNERS = parameter_sets(
    "CHANNELS PE PIXELS IN_BITS SIGNED OUT_BITS",
    (1, 1, 1, 1, 0, 1),
    (12, 4, 49, 4, 1, 10),
)

PROOF = Block(
    name="global_acc_pool",
    source=Path(__file__).with_name("global_acc_pool.sv"),
    claim="the exact sum of every channel over the frame's pixels, a frame's sums in order; counts in range",
    parameters=(
        dict(CHANNELS=4, PE=2, PIXELS=3, IN_BITS=2, SIGNED=1, OUT_BITS=4),
        dict(CHANNELS=1, PE=1, PIXELS=1, IN_BITS=1, SIGNED=0, OUT_BITS=1),
        dict(CHANNELS=3, PE=1, PIXELS=2, IN_BITS=2, SIGNED=0, OUT_BITS=3),
    ),
    mutants=(
        Mutant("sums run on into the next frame", "(first_pixel? '0 : sum", "(1'b0 && first_pixel? '0 : sum"),
        Mutant("a waiting sum is overwritten", "!last_pixel || !m_tvalid || m_tready", "1'b1"),
    ),
)


def draw(number: int, folder: Path, rng: random.Random) -> Case:
    """Frames from one pixel on."""
    inst = make_node(
        "GlobalAccPool",
        f"sum_{number}",
        NumChannels=rng.randint(1, 16),
        PE=1,
        numInputVectors=any_image(rng),
        inputDataType=any_type(rng).name,
    )
    return case(any_folding(inst, rng), folder, rng)
