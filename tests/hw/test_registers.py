# SPDX-License-Identifier: BSD-3-Clause
"""The contract: what is made from it is fresh, and one that is wrong is refused with one line."""

import re
from pathlib import Path

import pytest

from shiftcore.errors import UserError
from shiftcore.hw.contract import CHIP, generated, load_contract
from shiftcore.model import registers as constants


def test_generated_files_are_those_of_the_map() -> None:
    for path, text in generated(load_contract()).items():
        assert path.read_text() == text, f"{path}: not that of hw/chip.toml; run `make registers`"


def test_the_drivers_constants_are_those_of_the_map() -> None:
    for register in load_contract().registers:
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
    "a gap in a struct": ('"HISTORY_WINDOW", bits = "18"', '"HISTORY_WINDOW", bits = "19"', "error_t must follow"),
    "a bank's place": ('"BANK", bits = "9:8", meaning', '"BANK", bits = "10:9", meaning', "BANK: DESCRIPTOR_CONTEXT"),
    "no bank": ('"BANK", bits = "9:8", beside', '"MODEL", bits = "9:8", beside', "BANK: DESCRIPTOR_CONTEXT, D"),
    "two layouts": ('"IDLE", bits = "2", reset = 0, meaning = "the c', '"OFF", bits = "2", meaning = "', "is another"),
    "no stream": ('"STREAM", bits = "6:0"', '"CAMERA", bits = "6:0"', "context_t: its fields must be STREAM and CLEAR"),
    "no such type": ('holds = "context_t"', 'holds = "contexts_t"', "record, CONTEXT: no register's type is"),
    "no such word": ('name = "SEQUENCE"', 'name = "NUMBER"', "record: its header must be FRAME_ID"),
    "queue": ("size = 16 # a power of two", "size = 12", "queue DESCRIPTORS: size = 12 must be a power of two"),
    "no room": ("size = 32", "size = 8", "queue RECORDS: a full queue of 16 descriptors finds no room in 8"),
    "no queue": ('name = "IN_CORE"', 'name = "INSIDE"', "queue: there is no IN_CORE"),
    "burst": ("read = 16, write = 16", "read = 16, write = 32", "bursts.zynq7: write = 32 is more than the port takes"),
    "odd burst": ("read = 16, write = 16", "read = 16, write = 12", "16 and 12 must be powers of two"),
    "family": ("zynquplus =", "versal =", "bursts.versal"),
    "half a pair": ('name = "CYCLES_HI"', 'name = "CYCLES_TOP"', "register CYCLES_LO: there is no CYCLES_HI beside it"),
}  # fmt: skip

EVERYWHERE = {"no stream"}
"""Where it is of one register only, something else is wrong."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_map_is_refused_with_one_line(name: str, tmp_path: Path) -> None:
    old, new, message = BROKEN[name]
    text = CHIP.read_text()
    assert old in text
    path = tmp_path / "chip.toml"
    path.write_text(text.replace(old, new, -1 if name in EVERYWHERE else 1))
    with pytest.raises(UserError, match=re.escape(message)) as refused:
        load_contract(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
