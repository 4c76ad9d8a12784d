# SPDX-License-Identifier: BSD-3-Clause
"""The module's corners for the linter, and its proof with the defects that the proof must find."""

from pathlib import Path

from shiftcore.hw.formal.block import Block, Mutant, parameter_sets

CORNERS = parameter_sets("PE BITS", (1, 2), (4, 8))

PROOF = Block(
    name="absolute_value",
    source=Path(__file__).with_name("absolute_value.sv"),
    claim="beat n out is lane by lane the magnitude of beat n in",
    parameters=parameter_sets("PE BITS", (1, 2), (2, 4)),
    mutants=(
        Mutant("the sign is not looked at", "value[BITS-1]? -value : value", "-value"),
        Mutant("a waiting beat is overwritten", "s_tready = !m_tvalid || m_tready", "s_tready = 1'b1"),
    ),
)
