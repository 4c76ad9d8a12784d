"""The boards: one TOML file each, beside this module."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from common.errors import UserError

BOARDS = Path(__file__).parent


class Resources(BaseModel):
    """What the part holds: 6-input LUTs, flip-flops, DSP48 slices and 36-kbit block RAMs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    LUT: int
    FF: int
    DSP: int
    BRAM: float


class Board(BaseModel):
    """A board: its FPGA part as vendor tools spell it, the core's clock, and the part's resources."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    part: str
    clock_mhz: float
    resources: Resources

    @property
    def clock_ns(self) -> float:
        """The clock's period in nanoseconds."""
        return 1e3 / self.clock_mhz


def load_board(name: str) -> Board:
    """Read the board called `name`. Raises UserError for an unknown board or a broken file."""
    path = BOARDS / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in BOARDS.glob("*.toml")))
        raise UserError(f"board {name!r}: not known; the boards are {known}")
    try:
        return Board.model_validate({"name": name, **tomllib.loads(path.read_text())})
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise UserError(f"{path}: {str(error).splitlines()[0]}") from None
