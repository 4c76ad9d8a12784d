# SPDX-License-Identifier: BSD-3-Clause
"""The boards: one TOML file each, beside this module (docs/adding-a-board.md); their families in families/."""

import math
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from shiftcore import configuration
from shiftcore.configuration import Table
from shiftcore.errors import UserError
from shiftcore.model.limits import BURSTS

BOARDS = Path(__file__).parent
USABLE = 0.85
"""The part of each resource that a core may take: the rest is for the shell and for routing."""


class Resources(Table):
    """What the part holds: 6-input LUTs, flip-flops, DSP48 slices, 36-kbit block RAMs, and how many of the LUTs can be
    memory (those in SLICEMs)."""

    LUT: int = Field(gt=0)
    FF: int = Field(gt=0)
    DSP: int = Field(gt=0)
    BRAM: float = Field(gt=0)
    LUTRAM: int = Field(gt=0)


class Pll(Table):
    """The PLL that the chip's clock is divided from, as the boot loader of the board's PYNQ image sets it. pynq changes
    divisors, never a PLL. It multiplies the family's `reference_mhz` by `fbdiv`; `div2` halves that."""

    name: Literal["IOPLL", "RPLL"]
    fbdiv: int = Field(ge=1, le=127)
    div2: bool = False


class Family(Table):
    """What all parts of a family share, because the processing system and our top are the same in each.

    `base_address` is where the CPU sees the chip's registers; `address_bits` those of the memory port `memory_port`,
    whose bursts hw/chip.toml has; `reference_mhz` is what pynq takes the board's oscillator for (its
    ps.py, whatever the board); `pll` the one that every PYNQ image of the family sets, where there is such a one.
    """

    part_prefixes: tuple[str, ...]
    base_address: int = Field(ge=0)
    address_bits: int = Field(gt=0)
    memory_port: str
    reference_mhz: float = Field(gt=0)
    pll: Pll | None = None


FAMILIES = {path.stem: configuration.load(Family, path) for path in sorted((BOARDS / "families").glob("*.toml"))}
MAX_DIVISOR = 63
_CLOCK_TOLERANCE = 1e-6  # so that a clock may be written with six digits


class Board(Table):
    """A board: its FPGA's family, its part as vendor tools spell it, the chip's clock, the PLL that the clock comes
    from, and the part's resources. The clock is the PLL's over one whole number of 1 to 63: that is what pynq can set,
    and with one divisor in use the clock is at no moment faster than the one before and the one after."""

    name: str
    family: Literal["zynq7", "zynquplus"]
    part: str
    clock_mhz: float = Field(gt=0, le=500)
    pll: Pll
    resources: Resources

    @model_validator(mode="before")
    @classmethod
    def _pll_of_the_family(cls, values: dict[str, Any]) -> dict[str, Any]:
        family = FAMILIES.get(str(values.get("family")))
        return {"pll": family.pll, **values} if family and family.pll else values

    @model_validator(mode="after")
    def _part_is_of_family(self) -> "Board":
        prefixes = FAMILIES[self.family].part_prefixes
        if not self.part.startswith(prefixes):
            raise ValueError(f"part {self.part}: not of family {self.family}, whose parts begin with {prefixes[0]}")
        return self

    @model_validator(mode="after")
    def _clock_can_be_made(self) -> "Board":
        if math.isclose(self.pll_mhz / self.divisor, self.clock_mhz, rel_tol=_CLOCK_TOLERANCE):
            return self
        slower = [self.pll_mhz / divisor for divisor in range(1, MAX_DIVISOR + 1)]
        slower = [round(clock, 6) for clock in slower if clock < self.clock_mhz][:2]
        nearest = f"the nearest slower: {' and '.join(f'{clock} MHz' for clock in slower)}"
        if not slower:
            nearest = f"the slowest: {round(self.pll_mhz / MAX_DIVISOR, 6)} MHz"
        raise ValueError(
            f"clock_mhz = {self.clock_mhz} cannot be made: the image's {self.pll.name} runs at "
            f"{round(self.pll_mhz, 6)} MHz and is divided by 1 to {MAX_DIVISOR}; {nearest}"
        )

    @property
    def pll_mhz(self) -> float:
        """What the PLL makes, in pynq's arithmetic."""
        return FAMILIES[self.family].reference_mhz * self.pll.fbdiv / (2 if self.pll.div2 else 1)

    @property
    def divisor(self) -> int:
        """What the PLL's clock is divided by to make the chip's: 1 to 63."""
        return min(max(round(self.pll_mhz / self.clock_mhz), 1), MAX_DIVISOR)

    def slowed_to(self, mhz: float) -> "Board":
        """The board with the fastest clock of at most `mhz` that its PLL makes. Raises UserError where that is faster
        than its own, or slower than any."""
        divisor = math.ceil(self.pll_mhz / mhz * (1 - _CLOCK_TOLERANCE)) if mhz > 0 else MAX_DIVISOR + 1
        if not self.divisor <= divisor <= MAX_DIVISOR:
            raise UserError(
                f"a clock of {mhz:g} MHz: {self.name} has clocks from {self.pll_mhz / MAX_DIVISOR:.6g} to "
                f"{self.clock_mhz:g} MHz, {self.pll_mhz:g} MHz divided by {MAX_DIVISOR} down to {self.divisor}"
            )
        return self.with_(clock_mhz=round(self.pll_mhz / divisor, 6))

    @property
    def clock_ns(self) -> float:
        """The clock's period in nanoseconds."""
        return 1e3 / self.clock_mhz

    @property
    def base_address(self) -> int:
        """Where the CPU sees the chip's registers."""
        return FAMILIES[self.family].base_address

    @property
    def address_bits(self) -> int:
        """Bits of an address at the memory port."""
        return FAMILIES[self.family].address_bits

    @property
    def memory_port(self) -> str:
        """The processing system's port that the chip's DMA is at."""
        return FAMILIES[self.family].memory_port

    @property
    def max_burst(self) -> int:
        """Beats in the longest burst that the memory port takes."""
        return BURSTS[self.family].read

    @property
    def write_burst(self) -> int:
        """Beats in the longest burst that the chip writes."""
        return BURSTS[self.family].write


def load_board(name: str) -> Board:
    """Read the board called `name` (of hw/boards, or an installed package's), or the TOML file at that path. Raises
    UserError for an unknown board or a broken file."""
    path = configuration.find("boards", name, BOARDS)
    return configuration.load(Board, path, name=path.stem)
