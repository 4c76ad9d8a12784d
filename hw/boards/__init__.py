"""The boards: one TOML file each, beside this module (docs/adding-a-board.md)."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from common.errors import UserError

BOARDS = Path(__file__).parent
USABLE = 0.85
"""The part of each resource that a core may take: the rest is for the shell and for routing."""


class Resources(BaseModel):
    """What the part holds: 6-input LUTs, flip-flops, DSP48 slices, 36-kbit block RAMs, and how many of the LUTs can be
    memory (those in SLICEMs)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    LUT: int = Field(gt=0)
    FF: int = Field(gt=0)
    DSP: int = Field(gt=0)
    BRAM: float = Field(gt=0)
    LUTRAM: int = Field(gt=0)


@dataclass(frozen=True)
class Family:
    """What all parts of a family share, because the processing system and our top are the same in each.

    `base_address` is where the CPU sees the chip's registers; `address_bits` and `max_burst` (beats) are those of the
    memory port `memory_port`. `write_burst`: beats in the longest burst that the chip writes; it keeps so many words in
    LUTs, and a record seldom has more than 16.
    """

    part_prefixes: tuple[str, ...]
    base_address: int
    address_bits: int
    memory_port: str
    max_burst: int
    write_burst: int


FAMILIES = {
    # Zynq-7000 TRM (UG585): M_AXI_GP0 begins at 0x4000_0000; S_AXI_HP0 is AXI3.
    "zynq7": Family(("xc7z",), 0x4000_0000, 32, "S_AXI_HP0", 16, 16),
    # Zynq UltraScale+ TRM (UG1085): M_AXI_HPM0_FPD begins at 0xA000_0000; S_AXI_HP0_FPD is AXI4.
    "zynquplus": Family(("xczu", "xck"), 0xA000_0000, 40, "S_AXI_HP0_FPD", 256, 16),
}


class Board(BaseModel):
    """A board: its FPGA's family, its part as vendor tools spell it, the chip's clock, and the part's resources."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    family: Literal["zynq7", "zynquplus"]
    part: str
    clock_mhz: float = Field(gt=0, le=500)
    resources: Resources

    @model_validator(mode="after")
    def _part_is_of_family(self) -> "Board":
        prefixes = FAMILIES[self.family].part_prefixes
        if not self.part.startswith(prefixes):
            raise ValueError(f"part {self.part}: not of family {self.family}, whose parts begin with {prefixes[0]}")
        return self

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
        """Beats in the longest burst at the memory port: 16 in AXI3, 256 in AXI4."""
        return FAMILIES[self.family].max_burst

    @property
    def write_burst(self) -> int:
        """Beats in the longest burst that the chip writes."""
        return FAMILIES[self.family].write_burst


def load_board(name: str) -> Board:
    """Read the board called `name`. Raises UserError for an unknown board or a broken file."""
    path = BOARDS / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in BOARDS.glob("*.toml")))
        raise UserError(f"board {name!r}: not known; the boards are {known}")
    try:
        return Board.model_validate({"name": name, **tomllib.loads(path.read_text())})
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{path}: {where + ': ' if where else ''}{first['msg']}") from None
