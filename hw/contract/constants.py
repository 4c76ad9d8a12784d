# SPDX-License-Identifier: BSD-3-Clause
"""The Python constants of the contract: the register map, and its sizes and limits."""

from shiftcore.hw.contract.tables import CONTEXT, WORD_BYTES, Contract, bits

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


def registers(contract: Contract) -> str:
    """The text of model/registers.py."""
    lines = [
        "# SPDX-License-Identifier: BSD-3-Clause",
        '"""The register map: byte offsets, and the fields of each register (made by `make registers` from',
        "hw/chip.toml; docs/registers.md tells what they mean).",
        "",
        "`if word & Status.HALTED`, `Status.IN_FLIGHT.of(word)`, `DescriptorContext.STREAM.word(3)`.",
        '"""',
        "",
        _FIELD_CLASS,
        "",
        f"SIZE = 0x{contract.size:X}",
    ]
    for register in contract.registers:
        lines.append(f"{register.name} = 0x{register.offset:03X}")
    for register in contract.registers:
        if register.fields:
            lines += ["", "", f"class {_camel(register.name)}:", f'    """{_sentence(register.meaning)}"""', ""]
            lines += [f"    {f.name} = Field(0x{f.mask:X})  # {f.meaning}" for f in register.fields]
    numbers = [(r.name, r.reset_number) for r in contract.registers if r.reset_number is not None]
    known = {name: number for name, number in numbers if number is not None}
    lines += ["", "", f"ID_VALUE = 0x{known['ID']:X}", f"VERSION_VALUE = 0x{known['VERSION']:X}", ""]
    lines += ["RESETS = {", *(f"    {name}: 0x{number:X}," for name, number in known.items()), "}"]
    lines += ['"""Words after reset, of all registers whose reset is no parameter of the chip."""', ""]
    lines += ["WHEN_IDLE = {", *(f"    {r.name}," for r in contract.registers if r.idle), "}"]
    lines += ['"""Registers that only change while CONTROL.RUN and STATUS.BUSY are 0."""', ""]
    lines += ["OF_INGEST = {", *(f"    {r.name}," for r in contract.registers if r.needs == "ingest"), "}"]
    lines += ['"""Registers that only a chip with ingest has; in another they read as 0."""', ""]
    return "\n".join(lines)


def limits(contract: Contract) -> str:
    """The text of model/limits.py."""
    lines = [
        "# SPDX-License-Identifier: BSD-3-Clause",
        '"""How many of each there can be, and what a record is made of (made by `make registers` from hw/chip.toml;',
        'docs/registers.md tells what they mean)."""',
        "",
        "import struct",
        "from typing import NamedTuple",
        "",
        f"STREAMS = {1 << contract.context['STREAM'].width}",
        '"""Cameras that a context word can name."""',
        "",
        f"MODELS = {1 << contract.banks[0].width}",
        '"""Banks of weights that a descriptor can name."""',
        "",
        f"CONTEXT_BITS = {bits(contract.types[CONTEXT])}",
        '"""Of a context word."""',
    ]
    for queue in contract.queues:
        lines += ["", f"{queue.name} = {queue.size}", f'"""{_sentence(queue.meaning)}"""']
    plane = contract.plane
    lines += ["", f"PLANE_WIDTH, PLANE_HEIGHT = {plane.width}, {plane.height}"]
    lines += ['"""Columns and rows of the largest plane that a chip with ingest takes."""']
    return "\n".join([*lines, *_record(contract), *_bursts(contract)])


def _record(contract: Contract) -> list[str]:
    header = contract.record.header
    return [
        *("", "", "class RecordHeader(NamedTuple):", '    """The words that a record begins with."""', ""),
        *(f"    {word.name.lower()}: int  # {_about(word.meaning, word.unit)}" for word in header),
        *("", "", f'RECORD_HEADER = struct.Struct("<{len(header)}I")'),
        '"""A `RecordHeader` in memory; the logits follow."""',
        *("", f'LOGIT = "<i{WORD_BYTES}"', '"""A logit in memory, as NumPy names it."""'),
        *("", f"ALIGNMENT = {contract.record.alignment}"),
        '"""Bytes of the memory port\'s word: records begin and end at multiples of it."""',
    ]


def _bursts(contract: Contract) -> list[str]:
    return [
        *("", "", "class Bursts(NamedTuple):"),
        '    """Beats of `ALIGNMENT` bytes in the longest burst: what the memory port takes, what the chip writes."""',
        *("", "    read: int", "    write: int", "", "", "BURSTS = {"),
        *(f'    "{family}": Bursts({burst.read}, {burst.write}),' for family, burst in contract.bursts.items()),
        *("}", '"""By the family of the processing system."""', ""),
    ]


def _about(meaning: str, unit: str) -> str:
    return f"{meaning} ({unit})" if unit else meaning


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
