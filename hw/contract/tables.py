# SPDX-License-Identifier: BSD-3-Clause
"""The contract as it is read from hw/chip.toml, and what can be wrong with one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field as Constrained

from shiftcore import configuration
from shiftcore.artifacts import PACKAGE_FOLDER
from shiftcore.configuration import Table
from shiftcore.errors import UserError

CHIP = PACKAGE_FOLDER / "hw" / "chip.toml"
WORD_BYTES = 4
"""Of a register, and of each word of a record."""

CONTEXT = "context_t"
"""The struct of the word that goes with each frame: the only one that a core knows."""

BANK = "BANK"
"""The field that names a bank of weights, in each of PUSHES."""

PUSHES = ("DESCRIPTOR_CONTEXT", "DESCRIPTOR_MODEL", "DESCRIPTOR_PLANE")
"""What a write of pushes a descriptor, of its kind."""

_OTHER_HALF = {"_LO": "_HI", "_HI": "_LO"}

Access = Literal["ro", "rw", "wo", "w1c", "pulse"]
Name = Annotated[str, Constrained(pattern=r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$")]
Type = Annotated[str, Constrained(pattern=r"^[a-z]+_t$")]
Number = Annotated[int, Constrained(ge=0, lt=2**32)]
Reset = Number | Name


class Field(Table):
    """Some bits of a register. `access` is the register's own unless given; a `reset` in capitals names a parameter
    of the chip; one that is `beside` is in no struct."""

    name: Name
    bits: Annotated[str, Constrained(pattern=r"^\d+(:\d+)?$")]
    access: Access | None = None
    reset: Reset = 0
    beside: bool = False
    unit: str = ""
    meaning: str

    @property
    def low(self) -> int:
        """The lowest bit's number."""
        return int(self.bits.split(":")[-1])

    @property
    def width(self) -> int:
        """How many bits."""
        return int(self.bits.split(":")[0]) - self.low + 1

    @property
    def mask(self) -> int:
        """Its bits in the register's word."""
        return (1 << self.width) - 1 << self.low


class Register(Table):
    """32 bits at `offset`: one number, or fields, which `type` names a struct of. `needs`: what a chip must have for it
    to be there."""

    name: Name
    offset: Annotated[int, Constrained(ge=0, multiple_of=WORD_BYTES)]
    access: Access
    reset: Reset = 0
    type: Type | None = None
    idle: bool = False
    needs: Literal["ingest"] | None = None
    unit: str = ""
    meaning: str
    fields: tuple[Field, ...] = ()

    @property
    def reset_number(self) -> int | None:
        """The word after reset, or None where a parameter of the chip decides it."""
        parts = [(field.reset, field.low) for field in self.fields] or [(self.reset, 0)]
        return None if any(isinstance(r, str) for r, _ in parts) else sum(int(reset) << low for reset, low in parts)

    @property
    def members(self) -> tuple[Field, ...]:
        """The fields of its struct, the lowest first."""
        return tuple(sorted((field for field in self.fields if not field.beside), key=lambda f: f.low))


class HeaderWord(Table):
    """32 bits of a record's header: a number, or in its low bits the struct that it `holds`."""

    name: Name
    holds: Type | None = None
    unit: str = ""
    meaning: str


class RecordLayout(Table):
    """A result record: a header, then a signed logit a word, then zeros up to a multiple of `alignment` bytes."""

    alignment: Annotated[int, Constrained(gt=0, multiple_of=WORD_BYTES)]
    header: Annotated[tuple[HeaderWord, ...], Constrained(min_length=1)]


class Queue(Table):
    """How many of something there is room for."""

    name: Name
    size: Annotated[int, Constrained(gt=0)]
    meaning: str


class LargestPlane(Table):
    """Columns and rows of the largest plane that ingest takes."""

    width: Annotated[int, Constrained(gt=0, lt=2**13)]
    height: Annotated[int, Constrained(gt=0, lt=2**13)]


class Bursts(Table):
    """Beats of 8 bytes in the longest burst of a family: powers of two, which are AXI4's 256 at most."""

    read: Annotated[int, Constrained(gt=0, le=256)]
    write: Annotated[int, Constrained(gt=0, le=256)]


class Contract(Table):
    """What chip, driver and tools agree on. `registers`, in order of their offsets, are in `size` bytes of address
    space; `bursts` by family."""

    size: Annotated[int, Constrained(gt=0, multiple_of=WORD_BYTES)]
    record: RecordLayout
    queues: Annotated[tuple[Queue, ...], Constrained(alias="queue")]
    plane: LargestPlane
    bursts: dict[Literal["zynq7", "zynquplus"], Bursts]
    registers: Annotated[tuple[Register, ...], Constrained(min_length=1, alias="register")]

    @property
    def types(self) -> dict[str, tuple[Field, ...]]:
        """Fields by the name of their struct, from bit 0 on."""
        return {r.type: r.members for r in self.registers if r.type}

    @property
    def context(self) -> dict[str, Field]:
        """The fields of a frame's context by name."""
        return {field.name: field for field in self.types[CONTEXT]}

    @property
    def banks(self) -> list[Field]:
        """The fields that name a bank of weights."""
        return [field for register in self.registers for field in register.fields if field.name == BANK]

    @property
    def sizes(self) -> dict[str, int]:
        """The queues' sizes by name."""
        return {queue.name: queue.size for queue in self.queues}


def bits(fields: tuple[Field, ...]) -> int:
    """How many bits fields take from bit 0 on."""
    return max(field.low + field.width for field in fields)


def _faults(contract: Contract) -> Iterator[str]:
    """What a contract can get wrong beyond its types."""
    yield from _register_faults(contract)
    yield from _type_faults(contract)
    for family, burst in contract.bursts.items():
        if burst.write > burst.read:
            yield f"bursts.{family}: write = {burst.write} is more than the port takes, read = {burst.read}"
        if any(beats & (beats - 1) for beats in (burst.read, burst.write)):
            yield f"bursts.{family}: {burst.read} and {burst.write} must be powers of two"
    sizes = contract.sizes
    if missing := {"DESCRIPTORS", "IN_CORE", "RECORDS"} - set(sizes):
        yield f"queue: there is no {min(missing)}"
    for name in ("DESCRIPTORS", "IN_CORE"):
        if (size := sizes.get(name, 2)) & (size - 1) or size < 2:
            yield f"queue {name}: size = {size} must be a power of two, 2 or above"
    if sizes.get("RECORDS", 0) < sizes.get("DESCRIPTORS", 0):
        yield f"queue RECORDS: a full queue of {sizes['DESCRIPTORS']} descriptors finds no room in {sizes['RECORDS']}"


def _type_faults(contract: Contract) -> Iterator[str]:
    """What structs can get wrong: gaps, two layouts of one name, one that nobody has."""
    layouts: dict[str, list[tuple[str, str]]] = {CONTEXT: []}
    for register in contract.registers:
        if not register.type:
            continue
        where, fields = f"register {register.name}", register.members
        ends = [0, *(field.low + field.width for field in fields)]
        if not fields or any(field.low != end for field, end in zip(fields, ends, strict=False)):
            yield f"{where}: the fields of {register.type} must follow each other from bit 0 on"
        layout = [(field.name, field.bits) for field in fields]
        if layouts.setdefault(register.type, layout) not in (layout, []):
            yield f"{where}: {register.type} is another register's, with other fields"
        layouts[register.type] = layout
    if {name for name, _ in layouts[CONTEXT]} != {"STREAM", "CLEAR"}:
        yield f"{CONTEXT}: its fields must be STREAM and CLEAR"
    if len(contract.banks) < len(PUSHES) or len({field.bits for field in contract.banks}) != 1:
        yield f"{BANK}: {', '.join(PUSHES)} must have it, at one place"
    for word in contract.record.header:
        if word.holds and word.holds not in layouts:
            yield f"record, {word.name}: no register's type is {word.holds}"
    if {word.name for word in contract.record.header} != {"FRAME_ID", "CONTEXT", "LATENCY", "SEQUENCE"}:
        yield "record: its header must be FRAME_ID, CONTEXT, LATENCY and SEQUENCE"


def _register_faults(registers: Contract) -> Iterator[str]:
    names = [register.name for register in registers.registers]
    end = 0
    for index, register in enumerate(registers.registers):
        where = f"register {register.name}"
        if register.name in names[:index]:
            yield f"{where}: the name is taken"
        if register.offset < end:
            yield f"{where}: offset {register.offset:#05x} is taken, or below that of the register before it"
        end = register.offset + WORD_BYTES
        if end > registers.size:
            yield f"{where}: offset {register.offset:#05x} is outside the map's {registers.size:#x} bytes"
        stem, half = register.name[:-3], register.name[-3:]
        if half in _OTHER_HALF and stem + _OTHER_HALF[half] not in names:
            yield f"{where}: there is no {stem}{_OTHER_HALF[half]} beside it"
        if register.fields and "reset" in register.model_fields_set:
            yield f"{where}: it has fields, so the reset belongs to these"
        yield from (f"{where}, {fault}" for fault in _field_faults(register))


def _field_faults(register: Register) -> Iterator[str]:
    used = 0
    names: set[str] = set()
    for field in register.fields:
        if field.name in names:
            yield f"field {field.name}: the name is taken"
        names.add(field.name)
        if field.width < 1 or field.low + field.width > 8 * WORD_BYTES:
            yield f"field {field.name}: bits {field.bits} are not HIGH:LOW or one bit, within 31:0"
        elif used & field.mask:
            yield f"field {field.name}: bits {field.bits} overlap another field's"
        elif isinstance(field.reset, int) and field.reset >> field.width:
            yield f"field {field.name}: reset {field.reset:#x} does not fit in {field.width} bits"
        else:
            used |= field.mask


def load_contract(path: Path = CHIP) -> Contract:
    """Read and check a contract. Raises UserError naming the first register, field or key that is wrong."""
    contract = configuration.load(Contract, path)
    fault = next(_faults(contract), None)
    if fault:
        raise UserError(f"{path}: {fault}")
    return contract
