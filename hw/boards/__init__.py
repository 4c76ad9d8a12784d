"""The boards: one TOML file each, beside this module (docs/adding-a-board.md)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from shiftcore import configuration
from shiftcore.configuration import Table

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


@dataclass(frozen=True)
class Family:
    """What all parts of a family share, because the processing system and our top are the same in each.

    `base_address` is where the CPU sees the chip's registers; `address_bits` and `max_burst` (beats) are those of the
    memory port `memory_port`.
    """

    part_prefixes: tuple[str, ...]
    base_address: int
    address_bits: int
    memory_port: str
    max_burst: int


FAMILIES = {
    # Zynq-7000 TRM (UG585): M_AXI_GP0 begins at 0x4000_0000; S_AXI_HP0 is AXI3.
    "zynq7": Family(("xc7z",), 0x4000_0000, 32, "S_AXI_HP0", 16),
    # Zynq UltraScale+ TRM (UG1085): M_AXI_HPM0_FPD begins at 0xA000_0000; S_AXI_HP0_FPD is AXI4.
    "zynquplus": Family(("xczu", "xck"), 0xA000_0000, 40, "S_AXI_HP0_FPD", 256),
}


class Board(Table):
    """A board: its FPGA's family, its part as vendor tools spell it, the chip's clock, and the part's resources."""

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


def load_board(name: str) -> Board:
    """Read the board called `name` (of hw/boards, or an installed package's), or the TOML file at that path. Raises
    UserError for an unknown board or a broken file."""
    path = configuration.find("boards", name, BOARDS)
    return configuration.load(Board, path, name=path.stem)
