# SPDX-License-Identifier: BSD-3-Clause
"""The register map: what is made from it is fresh, and a map that is wrong is refused with one line."""

import re
from pathlib import Path

import pytest

from shiftcore.errors import UserError
from shiftcore.hw.registers import MAP, generated, load_registers
from shiftcore.model import registers as constants


def test_generated_files_are_those_of_the_map() -> None:
    for path, text in generated(load_registers()).items():
        assert path.read_text() == text, f"{path}: not that of hw/registers.toml; run `make registers`"


def test_the_drivers_constants_are_those_of_the_map() -> None:
    for register in load_registers().registers:
        assert getattr(constants, register.name) == register.offset
        assert (register.offset in constants.WHEN_IDLE) == register.idle
        group = getattr(constants, "".join(part.capitalize() for part in register.name.split("_")), None)
        for field in register.fields:
            bits = getattr(group, field.name)
            top = (1 << field.width) - 1
            assert bits == top << field.low
            assert bits.of(0xFFFFFFFF) == top
            assert bits.of(~(top << field.low)) == 0
            assert bits.word(top) == bits
            with pytest.raises(ValueError, match="not in"):
                bits.word(top + 1)


BROKEN = {
    "not TOML": ("size = 0x1000", "size =", "not a TOML file"),
    "unknown access": ('access = "ro"', 'access = "r"', "access"),
    "name": ('name = "STATUS"', 'name = "Status"', "name"),
    "unknown key": ("size = 0x1000", "size = 0x1000\nwidth = 32", "width"),
    "name twice": ('name = "STATUS"', 'name = "CONTROL"', "register CONTROL: the name is taken"),
    "offset twice": ("offset = 0x044", "offset = 0x040", "register STATUS: offset 0x040 is taken"),
    "no multiple of 4": ("offset = 0x044", "offset = 0x045", "multiple of 4"),
    "outside": ("size = 0x1000", "size = 0xE0", "outside the map's 0xe0 bytes"),
    "overlap": ('"RESETTING", bits = "1"', '"RESETTING", bits = "0"', "field RESETTING: bits 0 overlap"),
    "field twice": ('"RESETTING", bits', '"BUSY", bits', "register STATUS, field BUSY: the name is taken"),
    "bit 32": ('bits = "15:8", unit = "frames"', 'bits = "32:8", unit = "frames"', "bits 32:8 are not"),
    "backwards": ('bits = "15:8", unit = "frames"', 'bits = "8:15", unit = "frames"', "bits 8:15 are not"),
    "reset too large": ('"RUN", bits = "0", reset = 0', '"RUN", bits = "0", reset = 2', "does not fit in 1 bits"),
    "two resets": ('meaning = "what the chip is doing"', 'reset = 0\nmeaning = "?"', "the reset belongs to these"),
    "half a pair": ('name = "CYCLES_HI"', 'name = "CYCLES_TOP"', "register CYCLES_LO: there is no CYCLES_HI beside it"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_map_is_refused_with_one_line(name: str, tmp_path: Path) -> None:
    old, new, message = BROKEN[name]
    text = MAP.read_text()
    assert old in text
    path = tmp_path / "registers.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=re.escape(message)) as refused:
        load_registers(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
