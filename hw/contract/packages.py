# SPDX-License-Identifier: BSD-3-Clause
"""The SystemVerilog packages of the contract: `context_pkg`, which a core is built with, and `chip_pkg`."""

import textwrap
from collections.abc import Sequence

from shiftcore.hw.contract.tables import CONTEXT, WORD_BYTES, Contract, Field, bits


def _package(name: str, about: str, lines: Sequence[str]) -> str:
    return "\n".join(
        [
            "// SPDX-License-Identifier: BSD-3-Clause",
            f"// {about} (made by hw.contract from hw/chip.toml).",
            "`default_nettype none",
            "",
            f"package {name};",
            "\t/* verilator lint_off UNUSEDPARAM */\t// a module uses those that it needs",
            *lines,
            "\t/* verilator lint_on UNUSEDPARAM */",
            f"endpackage : {name}",
            "",
            "`default_nettype wire",
            "",
        ]
    )


def _struct(name: str, members: Sequence[tuple[int, str, str]]) -> list[str]:
    """A packed struct of (bits or 0 for a type, name, meaning), the lowest first."""
    lines = ["\ttypedef struct packed {"]
    for width, member, meaning in reversed(members):
        of = "" if width == 0 else "logic  " if width == 1 else f"logic [{width - 1}:0]  "
        lines.append(f"\t\t{of}{member};\t// {meaning}")
    return [*lines, f"\t}} {name};"]


def _fields(name: str, fields: Sequence[Field]) -> list[str]:
    return _struct(name, [(field.width, field.name, field.meaning) for field in fields])


def context_package(contract: Contract) -> str:
    """The text of hw/rtl/context_pkg.sv: no register and no queue is in it, so that a change of one changes no core."""
    streams = 1 << contract.context["STREAM"].width
    lines = [
        *_fields(CONTEXT, contract.types[CONTEXT]),
        f"\tlocalparam int unsigned  MAX_STREAMS = {streams};\t// that a context can name",
    ]
    return _package("context_pkg", "The word that goes with each frame", lines)


def _record(contract: Contract) -> list[str]:
    """The header's struct, and what a record's size is made of."""
    members: list[tuple[int, str, str]] = []
    for word in contract.record.header:
        if word.holds:
            members.append((0, f"{_type(word.holds)}  {word.name}", word.meaning))
            rest = 8 * WORD_BYTES - bits(contract.types[word.holds])
            members.append((rest, f"ABOVE_{word.name}", "0"))
        else:
            members.append((8 * WORD_BYTES, word.name, word.meaning))
    return [
        *_struct("record_header_t", members),
        f"\tlocalparam int unsigned  RECORD_ALIGNMENT = {contract.record.alignment};\t// bytes",
        f"\tlocalparam int unsigned  RECORD_LOGIT_BITS = {8 * WORD_BYTES};\t// of a logit in a record, signed",
        "",
        "\t// Bytes of the record of a frame with so many logits",
        "\tfunction automatic int unsigned record_bytes(input int unsigned logits);",
        "\t\trecord_bytes = ($bits(record_header_t)/8 + RECORD_LOGIT_BITS/8*logits + RECORD_ALIGNMENT - 1)",
        "\t\t\t/ RECORD_ALIGNMENT * RECORD_ALIGNMENT;",
        "\tendfunction : record_bytes",
    ]


def _type(name: str) -> str:
    return f"context_pkg::{name}" if name == CONTEXT else name


def _limits(contract: Contract) -> list[str]:
    """Sizes of queues, planes and bursts."""
    numbers = [(queue.name, queue.size, queue.meaning) for queue in contract.queues]
    for name, size in (("WIDTH", contract.plane.width), ("HEIGHT", contract.plane.height)):
        numbers.append((f"MAX_PLANE_{name}", size, "of a plane that ingest takes"))
    for family, burst in contract.bursts.items():
        for direction, beats in (("READ", burst.read), ("WRITE", burst.write)):
            numbers.append((f"{family.upper()}_{direction}_BURST", beats, "beats at most"))
    return [f"\tlocalparam int unsigned  {name} = {size};\t// {meaning}" for name, size, meaning in numbers]


def chip_package(contract: Contract) -> str:
    """The text of hw/rtl/chip_pkg.sv."""
    lines = [*_limits(contract), ""]
    for name, fields in contract.types.items():
        if name != CONTEXT:
            lines += [*_fields(name, fields), ""]
    lines += [*_record(contract), ""]
    for register in contract.registers:
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
        *_among("is_idle_only", [register.name for register in contract.registers if register.idle]),
        "",
        "\t// Whether only a chip with ingest has the register at an offset",
        *_among("is_of_ingest", [register.name for register in contract.registers if register.needs == "ingest"]),
    ]
    return _package("chip_pkg", "Registers, records, queues and bursts of the chip", lines)


def _among(function: str, names: Sequence[str]) -> list[str]:
    """A function that says whether an offset is one of these registers'."""
    addresses = ", ".join(f"ADDR_{name}" for name in names)
    return [
        f"\tfunction automatic logic {function}(input logic [11:0] at);",
        *(f"\t\t{line}" for line in ["unique case(at)", *textwrap.wrap(f"{addresses}:", 100), f"\t{function} = 1'b1;"]),
        f"\t\tdefault:\t{function} = 1'b0;",
        "\t\tendcase",
        f"\tendfunction : {function}",
    ]
