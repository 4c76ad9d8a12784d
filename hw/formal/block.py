# SPDX-License-Identifier: BSD-3-Clause
"""What a block says of its proofs: claims, parameter sets, and the defects that the proofs are known to find."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Parameters = dict[str, int | str]
Check = Literal["properties", "ready_to_valid"]


def parameter_sets(names: str, *rows: tuple[int | str, ...]) -> tuple[Parameters, ...]:
    """One set of parameters a row, whose values stand in the order of `names`, which blanks divide."""
    return tuple(dict(zip(names.split(), row, strict=True)) for row in rows)


def is_properties(path: Path) -> bool:
    """Whether a file is none of the hardware, but states properties of the module beside it."""
    return path.name.endswith("_properties.sv")


@dataclass(frozen=True)
class Mutant:
    """One defect put into a copy of a block: `old` becomes `new` in its source, and `check` must then fail."""

    defect: str
    old: str
    new: str
    check: Check = "properties"
    parameters: int = 0  # which of the block's sets shows it

    def of(self, text: str) -> str:
        """The source with the defect in it. Raises ValueError unless the place to change is there exactly once."""
        if text.count(self.old) != 1:
            raise ValueError(f"mutant '{self.defect}': {self.old!r} occurs {text.count(self.old)} times, not once")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, eq=False)
class Block:
    """The module in the file `source`, and beside it `name`_properties.sv; a module may have several such files.

    `depth` None: proven for runs of any length (property-directed reachability); else for that many cycles from reset.
    Every cover statement must be reached within `cover_depth` cycles. `needs` are the files of modules inside it.
    The wires `cuts` may be anything, whatever drives them in the block.
    Without `properties` only paths from ready to valid are looked for, and not even these without an offered `stream`.
    """

    name: str
    source: Path
    claim: str
    parameters: tuple[Parameters, ...]
    mutants: tuple[Mutant, ...]
    depth: int | None = None
    cover_depth: int = 20
    needs: tuple[Path, ...] = ()
    properties: bool = True
    stream: bool = True
    cuts: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """The module's name, which is its file's."""
        return self.source.stem

    @property
    def properties_file(self) -> Path:
        """Where its properties are."""
        return self.source.with_name(f"{self.name}_properties.sv")
