# SPDX-License-Identifier: BSD-3-Clause
"""The stream fork checked: its corners for the linter, its proof, and the random cases of its bench."""

import random
from pathlib import Path

from shiftcore.hw.formal.block import Block, Mutant, parameter_sets
from shiftcore.hw.ops.bench import any_folding, any_image, any_type, case, make_node
from shiftcore.sim.stream_bench import Case

CORNERS = parameter_sets("WIDTH OUTPUTS", (1, 2), (32, 5))

PROOF = Block(
    name="stream_fork",
    source=Path(__file__).with_name("stream_fork.sv"),
    claim="every output gets every beat once and in order; the input's beat goes when the last output has it",
    parameters=(dict(WIDTH=2, OUTPUTS=2), dict(WIDTH=1, OUTPUTS=3), dict(WIDTH=3, OUTPUTS=5)),
    mutants=(
        Mutant("an output is served twice", "s_tready? '0 : satisfied", "s_tready? '0 : Served"),
        Mutant("a beat goes when one output has it", "s_tready = &satisfied", "s_tready = |satisfied"),
        Mutant(
            "outputs wait for each other",
            "{OUTPUTS{s_tvalid}} & ~Served;",
            "{OUTPUTS{s_tvalid && m_tready[0]}} & ~Served;",
            check="ready_to_valid",
        ),
    ),
)


def draw(number: int, folder: Path, rng: random.Random) -> Case:
    """Two to five outputs."""
    outputs = rng.randint(2, 5)
    inst = make_node(
        "DuplicateStreams",
        f"fork_{number}",
        outputs=outputs,
        NumChannels=rng.randint(1, 16),
        NumOutputStreams=outputs,
        PE=1,
        numInputVectors=any_image(rng),
        inputDataType=any_type(rng).name,
    )
    return case(any_folding(inst, rng), folder, rng)
