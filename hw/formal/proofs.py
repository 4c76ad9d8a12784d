# SPDX-License-Identifier: BSD-3-Clause
"""All that is proven: of the ops, each in its folder, and of the blocks of hw/rtl."""

from collections.abc import Iterable

from shiftcore.hw import ops
from shiftcore.hw.formal.block import Block
from shiftcore.hw.ops import Op
from shiftcore.hw.rtl.checks import PROOFS


def _of(all_ops: Iterable[Op]) -> dict[str, Block]:
    return {block.name: block for block in (*(proof for op in all_ops for proof in op.proofs), *PROOFS)}


def blocks() -> dict[str, Block]:
    """Each by its name; those of other packages' ops as well."""
    return _of(ops.known())


def ours() -> dict[str, Block]:
    """Those of this package."""
    return _of(ops.OURS)
