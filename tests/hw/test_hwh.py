# SPDX-License-Identifier: BSD-3-Clause
"""The hardware handoff, read by the real pynq of each image and with each pynqmetadata that images have had."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from shiftcore.errors import UserError
from shiftcore.hw.boards import load_board
from shiftcore.hw.contract import load_contract
from shiftcore.hw.hwh import check_clock, write_hwh
from tests.environments import PYNQ, overlay, pynq_environment
from tests.hw.fake_vivado import HANDOFF

READER = Path(__file__).with_name("pynq_reads.py")
Z2 = load_board("pynq-z2")
READERS = [(version, None, "new") for version in PYNQ] + [("3.0.1", "0.1.0", "new"), ("3.1.2", "0.1.5", "new")]
OLD = ("3.0.1", None, "old")  # the reader of PYNQ 2


@pytest.fixture(scope="module", params=[*READERS, OLD], ids=lambda param: "-".join(filter(None, param)))
def reader(request: pytest.FixtureRequest) -> tuple[str, str | None, str]:
    """A version of pynq, another pynqmetadata than that image's or None, and which of pynq's readers."""
    chosen: tuple[str, str | None, str] = request.param
    return chosen


@pytest.fixture(scope="module")
def read(reader: tuple[str, str | None, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What it reads in the PYNQ-Z2's handoff."""
    version, metadata, how = reader
    path = tmp_path_factory.mktemp("hwh") / "shiftcore.hwh"
    write_hwh(path, Z2, "c0ffee42")
    python = pynq_environment(version)
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    if metadata:
        variables["PYTHONPATH"] = overlay(f"pynqmetadata=={metadata}")
    command = [str(part) for part in (python, "-W", "ignore", READER, path, how)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_pynq_finds_the_chip_at_its_address(read: dict[str, Any]) -> None:
    assert set(read["ip_dict"]) == {"chip", "ps"}
    chip = read["ip_dict"]["chip"]
    assert (chip["phys_addr"], chip["addr_range"]) == (load_board("pynq-z2").base_address, load_contract().size)
    assert chip["type"] == "shiftcore:shiftcore:chip:1.0"
    assert chip["memtype"] == "REGISTER"
    assert chip["parameters"]["BUILD_HASH"] == "0xc0ffee42"


def test_pynq_finds_every_register_and_field(read: dict[str, Any]) -> None:
    found = read["ip_dict"]["chip"]["registers"]
    expected = load_contract().registers
    assert list(found) == [register.name for register in expected]
    for register in expected:
        entry = found[register.name]
        assert (entry["address_offset"], entry["size"]) == (register.offset, 32)
        assert (entry["access"] == "read-only") == (register.access == "ro")
        bits = {name: (field["bit_offset"], field["bit_width"]) for name, field in entry["fields"].items()}
        assert bits == {field.name: (field.low, field.width) for field in register.fields}


def test_pynq_sets_the_clock(read: dict[str, Any], reader: tuple[str, str | None, str]) -> None:
    """By the divisors, and pynq 4 by what its pynqmetadata takes for the clock that was reached."""
    clocks = read["clock_dict"]
    assert [int(clocks[str(index)]["enable"]) for index in range(4)] == [1, 0, 0, 0]
    assert (clocks["0"]["divisor0"], clocks["0"]["divisor1"]) == (Z2.divisor, 1)
    if reader[0] == "4.0.0":
        assert clocks["0"]["frequency"] == Z2.clock_mhz


def test_the_interrupt_is_the_fabrics_first(read: dict[str, Any], reader: tuple[str, str | None, str]) -> None:
    if reader == OLD:
        assert read["ip_dict"]["chip"]["interrupts"]["irq"]["raw_irq"] == 61
    else:  # it wants an AXI interrupt controller, which is not there
        assert read["interrupt_pins"] == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("187.498123", "200.000000"), "timed for 200 MHz, divisors 8 and 1, but zcu104 needs 187.498 MHz"),
        (('DIVISOR1" VALUE="1"', 'DIVISOR1" VALUE="2"'), "divisors 8 and 2"),
        (("zynq_ultra_ps_e", "versal_cips"), "does not say how PL clock 0 is made"),
        (("</EDKSYSTEM>", ""), "damaged"),
    ],
)
def test_vivados_handoff_must_divide_the_images_pll(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path, text = tmp_path / "shiftcore.hwh", HANDOFF.format(divisor=8)
    path.write_text(text)
    check_clock(path, load_board("zcu104"))
    assert change[0] in text
    path.write_text(text.replace(*change))
    with pytest.raises(UserError, match=message) as error:
        check_clock(path, load_board("zcu104"))
    assert "\n" not in str(error.value)


def test_a_block_design_has_vivados_own(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Vivado writes the handoff"):
        write_hwh(tmp_path / "x.hwh", load_board("kv260"), "00000000")
