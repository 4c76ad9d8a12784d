"""The hardware handoff, read by the real pynq package in an environment of its own, since it needs NumPy below 2."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from shiftcore.hw.boards import load_board
from shiftcore.hw.hwh import IO_PLL_MHZ, divisors, write_hwh
from shiftcore.hw.registers import load_registers

READER = Path(__file__).with_name("pynq_reads.py")


@pytest.fixture(scope="module")
def read(pynq_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What pynq reads in the PYNQ-Z2's handoff: by its reader of today (new) and by that of PYNQ 2 (old)."""
    path = tmp_path_factory.mktemp("hwh") / "shiftcore.hwh"
    write_hwh(path, load_board("pynq-z2"), "c0ffee42")
    done = subprocess.run([pynq_python, READER, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("reader", ["new", "old"])
def test_pynq_finds_the_chip_at_its_address(read: dict[str, Any], reader: str) -> None:
    assert set(read[reader]["ip_dict"]) == {"chip", "ps"}
    chip = read[reader]["ip_dict"]["chip"]
    assert (chip["phys_addr"], chip["addr_range"]) == (load_board("pynq-z2").base_address, load_registers().size)
    assert chip["type"] == "shiftcore:shiftcore:chip:1.0"
    assert chip["memtype"] == "REGISTER"
    assert chip["parameters"]["BUILD_HASH"] == "0xc0ffee42"


@pytest.mark.parametrize("reader", ["new", "old"])
def test_pynq_finds_every_register_and_field(read: dict[str, Any], reader: str) -> None:
    found = read[reader]["ip_dict"]["chip"]["registers"]
    expected = load_registers().registers
    assert list(found) == [register.name for register in expected]
    for register in expected:
        entry = found[register.name]
        assert (entry["address_offset"], entry["size"]) == (register.offset, 32)
        assert (entry["access"] == "read-only") == (register.access == "ro")
        bits = {name: (field["bit_offset"], field["bit_width"]) for name, field in entry["fields"].items()}
        assert bits == {field.name: (field.low, field.width) for field in register.fields}


@pytest.mark.parametrize("reader", ["new", "old"])
def test_pynq_sets_the_clock(read: dict[str, Any], reader: str) -> None:
    clocks = read[reader]["clock_dict"]
    assert [clocks[str(index)]["enable"] for index in range(4)] == [1, 0, 0, 0]
    assert IO_PLL_MHZ / (clocks["0"]["divisor0"] * clocks["0"]["divisor1"]) == load_board("pynq-z2").clock_mhz


def test_the_interrupt_is_the_fabrics_first(read: dict[str, Any]) -> None:
    assert read["old"]["ip_dict"]["chip"]["interrupts"]["irq"]["raw_irq"] == 61
    assert read["new"]["interrupt_pins"] == {}  # today's reader wants an AXI interrupt controller, which is not there


@pytest.mark.parametrize(
    ("clock", "expected"), [(100.0, 100.0), (1000.0, 1000.0), (150.0, 1000 / 7), (99.0, 1000 / 11), (1.0, 1.0)]
)
def test_the_clock_is_never_faster_than_asked_for(clock: float, expected: float) -> None:
    first, second = divisors(clock)
    assert 1 <= first <= 63
    assert 1 <= second <= 63
    assert IO_PLL_MHZ / (first * second) == pytest.approx(expected)


def test_a_block_design_has_vivados_own(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Vivado writes the handoff"):
        write_hwh(tmp_path / "x.hwh", load_board("kv260"), "00000000")
