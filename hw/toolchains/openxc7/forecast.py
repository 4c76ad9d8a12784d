# SPDX-License-Identifier: BSD-3-Clause
"""Whether a netlist is likely to get through nextpnr-xilinx, by its size beside what is known to have got through."""

from typing import NamedTuple

from shiftcore.errors import UserError
from shiftcore.hw.boards import Board
from shiftcore.hw.estimate import Counts, shares


class Run(NamedTuple):
    """A chip that was placed and routed for an xc7z020 with one thread: LUTs, minutes of CPU, GB, and MHz."""

    what: str
    luts: int
    minutes: float
    gigabytes: float
    mhz: float


# docs/bitstream.md. The second needed a nextpnr whose check of a slice heeds write enables.
ROUTED = (Run("a network of one stage, 8 channels", 8_242, 2.4, 1.7, 81.4), Run("tiny", 24_704, 12, 1.9, 70.0))
NEVER = "one of 30,000 LUTs was not placed after 24 minutes"


def forecast(counts: Counts, board: Board) -> str:
    """What is to be expected of a netlist of so many cells (hw.estimate.count) on a board. Raises UserError where it
    does not fit the part at all."""
    used = shares(counts, board)
    size = f"{counts['LUT']:,} LUTs ({used['LUT']:.0%}), {counts['FF']:,} FF, {counts['DSP']} DSP"
    over = [name for name, share in used.items() if share > 1]
    if over:
        raise UserError(
            f"TOOLCHAIN=openxc7: {board.part} has too few {' and '.join(over)} for it: {size}; take another preset"
        )
    for run in ROUTED:
        if counts["LUT"] <= run.luts:
            return (
                f"{size}: {run.what} ({run.luts:,} LUTs) got through in {run.minutes:g} minutes "
                f"and {run.gigabytes:g} GB, at {run.mhz:g} MHz"
            )
    return f"{size}: nothing of this size is known to get through ({NEVER}); it may take hours for nothing"
