# SPDX-License-Identifier: BSD-3-Clause
"""docs/registers.md, the page of the contract."""

import re

from shiftcore.hw.contract.tables import WORD_BYTES, Contract, Register, Reset, bits

_ACCESS = {
    "ro": "read only",
    "rw": "read and write",
    "wo": "write only, reads as 0",
    "w1c": "write 1 to clear",
    "pulse": "write 1 to trigger, reads as 0",
}


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

Made by `make registers` from hw/chip.toml.

The chip's AXI4-Lite port is {size} bytes of 32-bit registers. Offsets that are not named here read as 0 and ignore
writes. A write goes to all four bytes of a register; one with fewer byte strobes is answered SLVERR and changes
nothing. A pair `_LO`, `_HI` is one 64-bit number; of a counter, reading `_LO` freezes `_HI` until the next such read.
Registers marked *idle* change only while `CONTROL.RUN` and `STATUS.BUSY` are 0: any other write does nothing and sets
`ERROR.CONFIG`. Those marked *ingest* are only in a chip with [ingest](ingest.md). A reset in capitals is a parameter of
the build. While `STATUS.RESETTING` is 1, registers answer, and what is written to them is lost.
"""


def document(contract: Contract) -> str:
    """The text of docs/registers.md."""
    lines = [*_register_map(contract), *_record(contract), *_limits(contract)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _register_map(registers: Contract) -> list[str]:
    lines = [_INTRODUCTION.format(size=registers.size)]
    lines += [_row("access", ""), "|---|---|", *(_row(key, text) for key, text in _ACCESS.items()), ""]
    lines += [_row("offset", "register", "access", "reset", "unit", "meaning"), "|---|---|---|---|---|---|"]
    for register in registers.registers:
        name = f"[{register.name}](#{register.name.lower()})" if register.fields else register.name
        access = ", ".join([register.access, *["idle"] * register.idle, *filter(None, [register.needs])])
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
    return lines


def _record(contract: Contract) -> list[str]:
    layout = contract.record
    lines = [
        "",
        "## The result record",
        "",
        f"Little-endian words of {8 * WORD_BYTES} bits: the header, then the logits, signed, one a word, then zeros up",
        f"to a multiple of {layout.alignment} bytes.",
        "",
        _row("byte", "bits", "word", "unit", "meaning"),
        "|---|---|---|---|---|",
    ]
    for index, word in enumerate(layout.header):
        width = bits(contract.types[word.holds]) if word.holds else 8 * WORD_BYTES
        lines.append(_row(str(WORD_BYTES * index), f"{width - 1}:0", word.name, word.unit, word.meaning))
    return lines


def _limits(contract: Contract) -> list[str]:
    streams = 1 << contract.context["STREAM"].width
    lines = ["", "## Queues and bursts", "", _row("name", "size", "meaning"), "|---|---|---|"]
    lines.append(_row("STREAMS", str(streams), "cameras that a context can name; a build keeps apart as many or fewer"))
    models = 1 << contract.banks[0].width
    lines.append(
        _row("MODELS", str(models), "banks of weights that a descriptor can name; a build has as many or fewer")
    )
    lines += [_row(queue.name, str(queue.size), queue.meaning) for queue in contract.queues]
    largest = f"{contract.plane.width} x {contract.plane.height}"
    lines.append(
        _row("PLANE", largest, "columns and rows of the largest plane that a chip with [ingest](ingest.md) takes")
    )
    lines += ["", f"The longest bursts at the memory port, in beats of {contract.record.alignment} bytes:", ""]
    lines += [_row("family", "reads", "writes"), "|---|---|---|"]
    return lines + [_row(name, str(burst.read), str(burst.write)) for name, burst in contract.bursts.items()]
