# SPDX-License-Identifier: BSD-3-Clause
"""Our FINN ops, one folder each, and those of other packages. Importing this registers ours with FINN."""

from functools import cache

from shiftcore import extensions
from shiftcore.errors import UserError
from shiftcore.hw.ops import global_acc_pool, max_pool, stream_add, stream_fork, temporal_shift
from shiftcore.hw.ops.registry import Op

OURS = (temporal_shift.OP, max_pool.OP, global_acc_pool.OP, stream_add.OP, stream_fork.OP)
"""The order is that in which their passes run."""


@cache
def known() -> tuple[Op, ...]:
    """Ours, and those of installed packages (docs/extending.md), which are registered with FINN by that. Raises
    UserError for one that cannot be imported, is no `Op`, or has a name that another one has."""
    found = list(OURS)
    for name, op in extensions.load_all("ops").items():
        if not isinstance(op, Op):
            raise UserError(f"shiftcore.ops {name!r}: {op!r} is no shiftcore.hw.ops.Op")
        for other in found:
            if shared := _names(op) & _names(other):
                raise UserError(f"shiftcore.ops {name!r}: {sorted(shared)[0]} is a name of {other.name}, too")
        found.append(op)
    return tuple(found)


def of(op_type: str) -> Op | None:
    """The op that computes nodes of `op_type`, whatever the graph: a network's, FINN's, or one on the way. None where
    it is none of ours or of another package."""
    return next((op for op in known() if op_type in (op.name, op.node, *op.taken, *op.between)), None)


def _names(op: Op) -> set[str]:
    """What only one op may be called: by FINN, in descriptions, in networks, in hardware."""
    return {op.name, op.source.name, *op.taken} | ({op.layer} if op.layer else set())


__all__ = ["OURS", "Op", "known", "of"]
