# SPDX-License-Identifier: BSD-3-Clause
"""The op's RTL against its Python model, in Verilator: random shapes, foldings, types, pauses and resets."""

from own_op.op import OP

from shiftcore.artifacts import build_folder
from shiftcore.hw.ops.bench import run

print(f"bench: {run(OP, build_folder() / 'bench')} tests passed")
