# SPDX-License-Identifier: BSD-3-Clause
"""`make registers`: everything that is made from the register map, hw/registers.toml.

The SystemVerilog package hw/rtl/registers_pkg.sv, the driver's constants model/registers.py and docs/registers.md are
committed; a test compares them with the map.
"""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field as Constrained

from shiftcore import configuration
from shiftcore.artifacts import PACKAGE_FOLDER, atomic_file
from shiftcore.configuration import Table
from shiftcore.errors import UserError

MAP = PACKAGE_FOLDER / "hw" / "registers.toml"
CHECKOUT = PACKAGE_FOLDER.parent  # what is generated is committed
WORD_BYTES = 4
_OTHER_HALF = {"_LO": "_HI", "_HI": "_LO"}

Access = Literal["ro", "rw", "wo", "w1c", "pulse"]
Name = Annotated[str, Constrained(pattern=r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$")]
Number = Annotated[int, Constrained(ge=0, lt=2**32)]
Reset = Number | Name

_ACCESS = {
    "ro": "read only",
    "rw": "read and write",
    "wo": "write only, reads as 0",
    "w1c": "write 1 to clear",
    "pulse": "write 1 to trigger, reads as 0",
}


class Field(Table):
    """Some bits of a register. `access` is the register's own unless given; a `reset` in capitals names a parameter
    of the chip."""

    name: Name
    bits: Annotated[str, Constrained(pattern=r"^\d+(:\d+)?$")]
    access: Access | None = None
    reset: Reset = 0
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
    """32 bits at `offset`: one number, or fields."""

    name: Name
    offset: Annotated[int, Constrained(ge=0, multiple_of=WORD_BYTES)]
    access: Access
    reset: Reset = 0
    idle: bool = False
    unit: str = ""
    meaning: str
    fields: tuple[Field, ...] = ()

    @property
    def reset_number(self) -> int | None:
        """The word after reset, or None where a parameter of the chip decides it."""
        parts = [(field.reset, field.low) for field in self.fields] or [(self.reset, 0)]
        return None if any(isinstance(r, str) for r, _ in parts) else sum(int(reset) << low for reset, low in parts)


class RegisterMap(Table):
    """All registers, in order of their offsets, in `size` bytes of address space."""

    size: Annotated[int, Constrained(gt=0, multiple_of=WORD_BYTES)]
    registers: Annotated[tuple[Register, ...], Constrained(min_length=1, alias="register")]


def _faults(registers: RegisterMap) -> Iterator[str]:
    """What a map can get wrong beyond its types."""
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


def load_registers(path: Path = MAP) -> RegisterMap:
    """Read and check a register map. Raises UserError naming the first register, field or key that is wrong."""
    registers = configuration.load(RegisterMap, path)
    fault = next(_faults(registers), None)
    if fault:
        raise UserError(f"{path}: {fault}")
    return registers


def package(registers: RegisterMap) -> str:
    """The text of hw/rtl/registers_pkg.sv."""
    lines = [
        "// SPDX-License-Identifier: BSD-3-Clause",
        "// The register map: word offsets, and the bits of fields (made by hw.registers from hw/registers.toml).",
        "`default_nettype none",
        "",
        "package registers_pkg;",
        "\t/* verilator lint_off UNUSEDPARAM */\t// a module uses those that it needs",
    ]
    for register in registers.registers:
        lines.append(f"\tlocalparam logic [11:0]  ADDR_{register.name} = 12'h{register.offset:03X};")
        if not register.fields and register.access != "wo" and register.reset_number is not None:
            lines.append(f"\tlocalparam logic [31:0]  RESET_{register.name} = 32'h{register.reset_number:08X};")
        for field in register.fields:
            name = f"{register.name}_{field.name}"
            lines.append(f"\tlocalparam int unsigned  {name}_LSB = {field.low};")
            if field.width > 1:
                lines.append(f"\tlocalparam int unsigned  {name}_BITS = {field.width};")
    lines += [
        "",
        "\t// Whether the register at an offset changes only while CONTROL.RUN and STATUS.BUSY are 0",
        *_idle_function(registers),
    ]
    lines += ["\t/* verilator lint_on UNUSEDPARAM */", "endpackage : registers_pkg", "", "`default_nettype wire", ""]
    return "\n".join(lines)


def _idle_function(registers: RegisterMap) -> list[str]:
    names = ", ".join(f"ADDR_{register.name}" for register in registers.registers if register.idle)
    return [
        "\tfunction automatic logic is_idle_only(input logic [11:0] at);",
        *(f"\t\t{line}" for line in ["unique case(at)", *textwrap.wrap(f"{names}:", 100), "\tis_idle_only = 1'b1;"]),
        "\t\tdefault:\tis_idle_only = 1'b0;",
        "\t\tendcase",
        "\tendfunction : is_idle_only",
    ]


_FIELD_CLASS = '''
class Field(int):
    """A field's bits in its register's word: a mask, and a number in both directions."""

    __slots__ = ()

    def of(self, word: int) -> int:
        """The field's number in a register's word."""
        return (word & self) // (self & -self)

    def word(self, number: int) -> int:
        """`number` at the field's place. Raises ValueError when it does not fit."""
        if not 0 <= number <= self.of(self):
            raise ValueError(f"{number} is not in 0..{self.of(self)}")
        return number * (self & -self)
'''


def constants(registers: RegisterMap) -> str:
    """The text of model/registers.py."""
    lines = [
        "# SPDX-License-Identifier: BSD-3-Clause",
        '"""The register map: byte offsets, and the fields of each register (made by `make registers` from',
        "hw/registers.toml; docs/registers.md tells what they mean).",
        "",
        "`if word & Status.HALTED`, `Status.IN_FLIGHT.of(word)`, `DescriptorContext.STREAM.word(3)`.",
        '"""',
        "",
        _FIELD_CLASS,
        "",
        f"SIZE = 0x{registers.size:X}",
    ]
    for register in registers.registers:
        lines.append(f"{register.name} = 0x{register.offset:03X}")
    for register in registers.registers:
        if register.fields:
            lines += ["", "", f"class {_camel(register.name)}:", f'    """{_sentence(register.meaning)}"""', ""]
            lines += [f"    {f.name} = Field(0x{f.mask:X})  # {f.meaning}" for f in register.fields]
    numbers = [(r.name, r.reset_number) for r in registers.registers if r.reset_number is not None]
    known = {name: number for name, number in numbers if number is not None}
    lines += ["", "", f"ID_VALUE = 0x{known['ID']:X}", f"VERSION_VALUE = 0x{known['VERSION']:X}", ""]
    lines += ["RESETS = {", *(f"    {name}: 0x{number:X}," for name, number in known.items()), "}"]
    lines += ['"""Words after reset, of all registers whose reset is no parameter of the chip."""', ""]
    lines += ["WHEN_IDLE = {", *(f"    {r.name}," for r in registers.registers if r.idle), "}"]
    lines += ['"""Registers that only change while CONTROL.RUN and STATUS.BUSY are 0."""', ""]
    return "\n".join(lines)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _reset_text(reset: Reset) -> str:
    return f"`{reset}`" if isinstance(reset, str) else (f"0x{reset:X}" if reset > 9 else str(reset))


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _drawing(register: Register) -> list[str]:
    """The register's bits from 31 to 0 as a table of one row, unused ones marked with a dash."""
    bits, names, above = [], [], 31
    for field in sorted(register.fields, key=lambda f: -f.low):
        high = field.low + field.width - 1
        if high < above:
            bits.append(f"{above}:{high + 1}" if above > high + 1 else str(above))
            names.append("-")
        bits.append(field.bits)
        names.append(f"`{field.name}`")
        above = field.low - 1
    if above >= 0:
        bits.append(f"{above}:0" if above else "0")
        names.append("-")
    return [_row(*bits), "|" + ":-:|" * len(bits), _row(*names)]


_INTRODUCTION = """# The register map

Made by `make registers` from hw/registers.toml.

The chip's AXI4-Lite port is {size} bytes of 32-bit registers. Offsets that are not named here read as 0 and ignore
writes. A write goes to all four bytes of a register; one with fewer byte strobes is answered SLVERR and changes
nothing. A pair `_LO`, `_HI` is one 64-bit number; of a counter, reading `_LO` freezes `_HI` until the next such read.
Registers marked *idle* change only while `CONTROL.RUN` and `STATUS.BUSY` are 0: any other write does nothing and sets
`ERROR.CONFIG`. A reset in capitals is a parameter of the build. While `STATUS.RESETTING` is 1, registers answer, and
what is written to them is lost.
"""


def document(registers: RegisterMap) -> str:
    """The text of docs/registers.md."""
    lines = [_INTRODUCTION.format(size=registers.size)]
    lines += [_row("access", ""), "|---|---|", *(_row(key, text) for key, text in _ACCESS.items()), ""]
    lines += [_row("offset", "register", "access", "reset", "unit", "meaning"), "|---|---|---|---|---|---|"]
    for register in registers.registers:
        name = f"[{register.name}](#{register.name.lower()})" if register.fields else register.name
        access = register.access + (", idle" if register.idle else "")
        number = register.reset_number
        reset = "fields" if number is None and register.fields else _reset_text(register.reset)
        if register.fields and number is not None:
            reset = _reset_text(number)
        if register.access == "wo":
            reset = ""
        lines.append(_row(f"0x{register.offset:03X}", name, access, reset, register.unit, register.meaning))
    for register in registers.registers:
        if not register.fields:
            continue
        lines += [
            "",
            f"## {register.name}",
            "",
            f"0x{register.offset:03X}: {register.meaning}.",
            "",
            *_drawing(register),
        ]
        lines += ["", _row("bits", "field", "access", "reset", "unit", "meaning"), "|---|---|---|---|---|---|"]
        for field in register.fields:
            access = field.access or register.access
            reset = "" if access in {"wo", "pulse"} else _reset_text(field.reset)
            lines.append(_row(field.bits, field.name, access, reset, field.unit, field.meaning))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def generated(registers: RegisterMap) -> dict[Path, str]:
    """Every file that is made from the map, with its text."""
    return {
        PACKAGE_FOLDER / "hw" / "rtl" / "registers_pkg.sv": package(registers),
        PACKAGE_FOLDER / "model" / "registers.py": constants(registers),
        CHECKOUT / "docs" / "registers.md": document(registers),
    }


def main() -> None:
    """Write what is made from the register map."""
    for path, text in generated(load_registers()).items():
        with atomic_file(path) as temporary:
            temporary.write_text(text)
        print(f"{path.relative_to(CHECKOUT)}: written")
