# SPDX-License-Identifier: BSD-3-Clause
"""The boards' files: facts that agree with the parts' names, and one new file as all that a new board needs."""

from pathlib import Path
from typing import get_args

import pytest

from shiftcore.errors import UserError
from shiftcore.hw import boards
from shiftcore.hw.boards import FAMILIES, Board, load_board
from shiftcore.model.limits import BURSTS

NAMES = sorted(path.stem for path in boards.BOARDS.glob("*.toml"))
# LUT, FF, DSP, RAMB36 and LUTs that can be memory of each die (AMD DS190, DS891, DS987).
DIES = {
    "xc7z020": (53200, 106400, 220, 140, 17400),
    "xczu3eg": (70560, 141120, 360, 216, 28800),
    "xczu7ev": (230400, 460800, 1728, 312, 101760),
    "xck26": (117120, 234240, 1248, 144, 57600),
}
A_BOARD = 'family = "zynq7"\npart = "xc7z010clg400-1"\nclock_mhz = 50.0\n'
A_PLL = '[pll]\nname = "RPLL"\nfbdiv = 30\n'
ITS_RESOURCES = "[resources]\nLUT = 17600\nFF = 35200\nDSP = 80\nBRAM = 60\nLUTRAM = 6000\n"


def test_the_promised_boards_are_there() -> None:
    parts = {name: load_board(name).part for name in NAMES}
    assert parts == {
        "kv260": "xck26-sfvc784-2LV-c",
        "pynq-z1": "xc7z020clg400-1",
        "pynq-z2": "xc7z020clg400-1",
        "ultra96-v2": "xczu3eg-sbva484-1-i",
        "zcu104": "xczu7ev-ffvc1156-2-e",
    }


@pytest.mark.parametrize("name", NAMES)
def test_resources_are_those_of_the_part(name: str) -> None:
    board = load_board(name)
    die = next(die for die in DIES if board.part.startswith(die))
    assert tuple(board.resources.model_dump().values()) == DIES[die]


@pytest.mark.parametrize("name", NAMES)
def test_the_chip_is_where_the_processing_system_can_reach_it(name: str) -> None:
    board = load_board(name)
    window = {"zynq7": (0x4000_0000, 0x8000_0000), "zynquplus": (0xA000_0000, 0xB000_0000)}[board.family]
    assert window[0] <= board.base_address < window[1]
    assert board.base_address % 0x1_0000 == 0
    port = board.address_bits, board.max_burst, board.write_burst
    assert port == {"zynq7": (32, 16, 16), "zynquplus": (40, 256, 16)}[board.family]


@pytest.mark.parametrize("name", NAMES)
def test_the_clock_is_the_images_pll_over_a_whole_number(name: str) -> None:
    """PLLs as pynq reckons them (its ps.py: 33.333 or 50 MHz, whatever the board's oscillator)."""
    board = load_board(name)
    pll = {"kv260": 999.99, "ultra96-v2": 1499.985, "zcu104": 1499.985}.get(name, 1000.0)
    assert board.pll_mhz == pytest.approx(pll, abs=1e-9)
    assert board.pll_mhz / board.divisor == pytest.approx(board.clock_mhz, abs=1e-9)
    assert board.clock_mhz <= 200


def test_a_board_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "BOARDS", tmp_path)
    (tmp_path / "arty-z7-10.toml").write_text(A_BOARD + ITS_RESOURCES)
    board = load_board("arty-z7-10")
    assert (board.name, board.clock_ns, board.memory_port) == ("arty-z7-10", 20.0, "S_AXI_HP0")
    assert board.base_address == FAMILIES["zynq7"].base_address


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (A_BOARD, "resources: Field required"),
        (A_BOARD.replace("xc7z010", "xczu3eg") + ITS_RESOURCES, "not of family zynq7, whose parts begin with xc7z"),
        (A_BOARD.replace("zynq7", "versal") + ITS_RESOURCES, "family: Input should be 'zynq7' or 'zynquplus'"),
        (A_BOARD + "pins = 1\n" + ITS_RESOURCES, "pins: unknown key"),
        (A_BOARD.replace("50.0", "-1") + ITS_RESOURCES, "clock_mhz: Input should be greater than 0"),
        (
            A_BOARD.replace("50.0", "150.0") + ITS_RESOURCES,
            "clock_mhz = 150.0 cannot be made: the image's IOPLL runs at 1000.0 MHz and is divided by 1 to 63; the "
            "nearest slower: 142.857143 MHz and 125.0 MHz",
        ),
        (A_BOARD.replace("50.0", "15.0") + ITS_RESOURCES, "the slowest: 15.873016 MHz"),
        (
            A_BOARD.replace("50.0", "200.0") + A_PLL + ITS_RESOURCES,
            "the image's RPLL runs at 1500.0 MHz and is divided by 1 to 63; the nearest slower: 187.5 MHz and "
            "166.666667 MHz",
        ),
        (A_BOARD.replace("zynq7", "zynquplus").replace("xc7z010", "xczu3eg") + ITS_RESOURCES, "pll: Field required"),
        (A_BOARD + A_PLL.replace("RPLL", "VPLL") + ITS_RESOURCES, "pll.name: Input should be 'IOPLL' or 'RPLL'"),
        ("part = xc7z", "Invalid value (at line 1, column 8)"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str) -> None:
    monkeypatch.setattr(boards, "BOARDS", tmp_path)
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UserError) as error:
        load_board("mine")
    assert str(error.value).startswith(f"{tmp_path / 'mine.toml'}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_board_names_the_known_ones() -> None:
    with pytest.raises(UserError, match="board 'de10': not known; the boards are kv260, pynq-z1"):
        load_board("de10")


def test_every_family_has_its_file_and_its_bursts() -> None:
    assert set(FAMILIES) == set(get_args(Board.model_fields["family"].annotation)) == set(BURSTS)
