# SPDX-License-Identifier: BSD-3-Clause
"""Delays of an FPGA's cells and wires as data: one TOML file for a family and speed grade, beside this module."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import Field

from shiftcore import configuration
from shiftcore.configuration import Table
from shiftcore.errors import UserError
from shiftcore.hw.boards import Board
from shiftcore.hw.toolchains.yosys import FAMILIES

FOLDER = Path(__file__).parent

Pin = tuple[str, int]
"""A port of a cell, and the bit of it."""


class DelayError(UserError):
    """A netlist has something that the data does not; the message names it."""


class Variant(Table):
    """What a cell has in addition where each parameter of `when` is as given."""

    when: dict[str, int | str]
    setup: dict[str, int] = Field(default_factory=dict)
    launch: dict[str, int] = Field(default_factory=dict)
    through: dict[str, int] = Field(default_factory=dict)


class Cell(Table):
    """A type of cell: `setup` by input and `launch` by output, in picoseconds before and after the clock's edge;
    `through` by "INPUT > OUTPUT"; `untimed` inputs, which end no path."""

    setup: dict[str, int] = Field(default_factory=dict)
    launch: dict[str, int] = Field(default_factory=dict)
    through: dict[str, int] = Field(default_factory=dict)
    untimed: list[str] = Field(default_factory=list)
    variants: list[Variant] = Field(default_factory=list)


class Step(Table):
    """Nets of at most `up_to` sinks (None: of any number) take `ps`."""

    up_to: int | None = None
    ps: int = Field(ge=0)


class Nets(Table):
    """A net's delay by the pins that it drives; `dedicated` wires ("TYPE.PORT > TYPE.PORT") take none."""

    steps: list[Step] = Field(min_length=1)
    dedicated: list[str] = Field(default_factory=list)

    def delay(self, fanout: int) -> int:
        """Picoseconds of a net that drives `fanout` pins."""
        return next(step.ps for step in self.steps if step.up_to is None or fanout <= step.up_to)


class Ports(Table):
    """What is at the ports of the top: `input`, when a signal comes in after the edge; `output`, how long before the
    edge it must be out; `untimed`, its inputs that start no path."""

    input: int
    output: int
    untimed: list[str] = Field(default_factory=list)


class Delays(Table):
    """All that is known of a family's speed grade. `sources` says where each figure is from."""

    part: str
    speed_grade: int
    sources: dict[str, str]
    nets: Nets
    ports: Ports
    cells: dict[str, Cell]


@dataclass(frozen=True)
class Timing:
    """The pins in use of a cell: `setup` by input, `launch` by output, and `through` by input: the outputs that it
    leads to. Picoseconds."""

    setup: dict[Pin, int]
    launch: dict[Pin, int]
    through: dict[Pin, list[tuple[Pin, int]]]


def _matches(pattern: str, pin: Pin) -> bool:
    name, bracket, bit = pattern.partition("[")
    return fnmatchcase(pin[0], name) and (not bracket or int(bit.removesuffix("]")) == pin[1])


def _last(table: Mapping[str, int], pin: Pin) -> int | None:
    """The last entry that matches: a later one is an exception to those before it."""
    found = [ps for pattern, ps in table.items() if _matches(pattern, pin)]
    return found[-1] if found else None


def parameter(value: str) -> int | str:
    """A parameter as Yosys' JSON has it: numbers are strings of bits."""
    return int(value, 2) if value and set(value) <= {"0", "1"} else value.rstrip()


def timing(
    delays: Delays, name: str, parameters: Mapping[str, str], inputs: Sequence[Pin], outputs: Sequence[Pin]
) -> Timing:
    """The delays of a cell of type `name` of which these pins are in use. Raises DelayError for a type and for a pin
    that the data does not have, and for a cell that does not say a parameter on which its delays depend."""
    if name not in delays.cells:
        raise DelayError(f"timing: no delays of cell type {name} for {delays.part}, speed grade {delays.speed_grade}")
    cell = _with_variants(delays.cells[name], name, parameters)
    arcs = [(left, right, ps) for arc, ps in cell.through.items() for left, _, right in [arc.partition(" > ")]]
    through = {pin: _leads_to(pin, arcs, outputs) for pin in inputs}
    setup = {pin: ps for pin in inputs if (ps := _last(cell.setup, pin)) is not None}
    launch = {pin: ps for pin in outputs if (ps := _last(cell.launch, pin)) is not None}
    known_inputs = [*cell.setup, *cell.untimed, *(left for left, _, _ in arcs)]
    known_outputs = [*cell.launch, *(right for _, right, _ in arcs)]
    for pins, known in ((inputs, known_inputs), (outputs, known_outputs)):
        for pin in pins:
            if not any(_matches(pattern, pin) for pattern in known):
                raise DelayError(f"timing: no delay at pin {pin[0]}[{pin[1]}] of cell type {name}")
    return Timing(setup, launch, through)


def _with_variants(cell: Cell, name: str, parameters: Mapping[str, str]) -> Cell:
    """The cell with what its parameters add."""
    chosen: list[Cell | Variant] = [cell]
    for variant in cell.variants:
        absent = [key for key in variant.when if key not in parameters]
        if absent:
            raise DelayError(f"timing: a cell of type {name} does not say its {absent[0]}, on which its delays depend")
        if all(parameter(parameters[key]) == value for key, value in variant.when.items()):
            chosen.append(variant)
    return Cell(
        setup={key: ps for part in chosen for key, ps in part.setup.items()},
        launch={key: ps for part in chosen for key, ps in part.launch.items()},
        through={key: ps for part in chosen for key, ps in part.through.items()},
        untimed=cell.untimed,
    )


def _leads_to(pin: Pin, arcs: Iterable[tuple[str, str, int]], outputs: Sequence[Pin]) -> list[tuple[Pin, int]]:
    found = {}
    for left, right, ps in arcs:
        if _matches(left, pin):
            found.update({target: ps for target in outputs if _matches(right, target)})
    return list(found.items())


def load(path: Path) -> Delays:
    """The data in a file. Raises UserError naming the first wrong key."""
    delays = configuration.load(Delays, path)
    if delays.nets.steps[-1].up_to is not None:
        raise UserError(f"{path}: nets.steps: the last step must have no up_to, for nets that drive more")
    return delays


def path_of(board: Board) -> Path:
    """Where the data for a board's part is. Raises UserError where there is none, naming what there is."""
    family = FAMILIES[board.family]
    path = FOLDER / f"{family}-{board.part.partition('-')[2][:1]}.toml"
    if path.is_file():
        return path
    known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.toml")))
    why = " (nobody has published those of UltraScale+)" if board.family == "zynquplus" else ""
    raise UserError(f"{board.name}: no delays of {board.part} here{why}; hw/timing has those of {known}")


def of_board(board: Board) -> Delays:
    """The data for a board's part. Raises UserError as `path_of`."""
    return load(path_of(board))
