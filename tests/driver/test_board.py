# SPDX-License-Identifier: BSD-3-Clause
"""The back end for boards, against the real pynq of PYNQ's images, with the Verilated chip behind it (pynq_board.py).

What this shows: the driver, and pynq's own Overlay, Clocks, MMIO and allocate on what we build. What it cannot show:
XRT, the kernel, and a board.
"""

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from shiftcore.artifacts import digest
from shiftcore.driver import Accelerator, BackendError, IdentityError
from shiftcore.driver.backends import board as board_backend
from shiftcore.hw.boards import FAMILIES, load_board
from shiftcore.hw.hwh import write_hwh
from tests.driver.pynq_board import CLOCKS, HANG, PynqBoard, bit_file

Z2 = load_board("pynq-z2")
CLOCK = CLOCKS["zynq7"][0]
OPEN = "import sys; from shiftcore.driver import Accelerator; Accelerator.open(sys.argv[1], 'board').close()"
FRAMES = """
import asyncio, json, os, signal, sys
import numpy as np
from shiftcore.driver import Accelerator

def frames(acc, count):
    return np.random.default_rng(60).integers(0, 256, (count, *acc.input_shape), dtype=np.uint8)
"""
STREAM = f"""{FRAMES}
with Accelerator.open(sys.argv[1], "board", compare=True) as acc:
    results = list(acc.stream(frames(acc, 40)))
print(json.dumps([acc.backend, [r.frame_id for r in results], sorted({{r.latency_cycles for r in results}})]))
"""
ASYNC = f"""{FRAMES}
async def clip(acc, stream):
    return [r.logits.tolist() async for r in acc.astream(frames(acc, 5), stream)]

async def main(acc):
    return await asyncio.gather(clip(acc, 0), clip(acc, 1))

with Accelerator.open(sys.argv[1], "board", compare=True) as acc:
    print(json.dumps([asyncio.run(main(acc)), asyncio.run(main(acc))]))
"""
KILLED = f"""{FRAMES}
acc = Accelerator.open(sys.argv[1], "board")
for frame in frames(acc, 8):
    acc.submit(frame)
os.kill(os.getpid(), signal.SIGKILL)
"""
HOLDS = f"{FRAMES}\nacc = Accelerator.open(sys.argv[1], 'board')\nprint('open', flush=True)\nsys.stdin.read()\n"


def give_bitstream(build: Path, divisors: tuple[int, int] = (Z2.divisor, 1)) -> None:
    """Put a bitstream beside the chip in `build`, as `make bitstream` would, with the handoff that it would write."""
    made_of = json.loads((build / "chip" / "manifest.json").read_text())
    folder = build / "bitstream"
    folder.mkdir()
    (folder / "shiftcore.bit").write_bytes(bit_file("shiftcore"))
    write_hwh(folder / "shiftcore.hwh", Z2, made_of["build_hash"])
    text = (folder / "shiftcore.hwh").read_text()
    for index, divisor in enumerate(divisors):
        text = re.sub(rf'(PCW_FCLK0_PERIPHERAL_DIVISOR{index}" VALUE=)"\d+"', rf'\1"{divisor}"', text)
    (folder / "shiftcore.hwh").write_text(text)
    files = {name: digest(folder / name) for name in ("shiftcore.bit", "shiftcore.hwh")}
    (folder / "manifest.json").write_text(json.dumps({"build_hash": made_of["build_hash"], "files": files}))


@pytest.fixture
def folder(tiny_chip: Path, tmp_path: Path) -> Path:
    """A build folder with a bitstream."""
    build = tmp_path / "build"
    shutil.copytree(tiny_chip, build / "chip")
    give_bitstream(build)
    return build


@pytest.fixture
def board(tiny_chip: Path, pynq_python: Path, tmp_path: Path) -> Iterator[PynqBoard]:
    """A PYNQ-Z2 that has just booted, with each version of pynq."""
    made = PynqBoard(tmp_path / "board", Z2, tiny_chip, pynq_python)
    yield made
    made.close()


def refused(board: PynqBoard, folder: Path, **environment: str) -> str:
    """The one line that a command prints when the chip cannot be opened."""
    done = board.run("shiftcore", "selftest", "--build", str(folder), "--backend", "board", **environment)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def opened(board: PynqBoard, folder: Path) -> None:
    done = board.run("-c", OPEN, str(folder))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_frames_through_pynq(board: PynqBoard, folder: Path) -> None:
    """Every frame is flushed and every record invalidated, or the comparison would fail; memory is given back, and no
    buffer is so small that XRT would put it out of reach. Nothing is left in the current folder."""
    done = board.run("-c", STREAM, str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    name, ids, latencies = json.loads(done.stdout)
    assert (name, ids, len(latencies)) == ("board", list(range(40)), 1)
    sizes = [event[1] for event in board.log if event[0] == "allocate"]
    assert len(sizes) == 2 and min(sizes) >= 8192
    assert [event[1] for event in board.log if event[0] == "free"] == sizes
    assert list((board.root / "home").iterdir()) == []


@pytest.mark.parametrize("divisors", [(Z2.divisor, 1), (5, 2)], ids=["ours", "two"])
def test_the_clock_is_at_no_moment_faster_than_the_handoffs(
    board: PynqBoard, folder: Path, divisors: tuple[int, int]
) -> None:
    """pynq sets one divisor after the other, and the boot loader left others than the handoff's."""
    shutil.rmtree(folder / "bitstream")
    give_bitstream(folder, divisors)
    for before in (2 << 20 | 5 << 8, 10 << 20 | 1 << 8, 1 << 20 | 10 << 8):
        board.log.clear()
        board.set_word(CLOCK, before)
        opened(board, folder)
        clocks = [board.clock_mhz(event[2]) for event in board.log if event[:2] == ("write", CLOCK)]
        assert max(clocks) <= Z2.clock_mhz
        kept = board.word(CLOCK) >> 8 & 63, board.word(CLOCK) >> 20 & 63
        assert kept in (divisors, (Z2.divisor, 1))  # pynq 4 reckons them anew
        assert [board.word(address) & 1 for address in (0xF800_8000, 0xF800_8014)] == [0, 0], "not 64 bits wide"


def test_selftest_passes(board: PynqBoard, folder: Path) -> None:
    done = board.run("shiftcore", "selftest", "--build", str(folder), "--backend", "board")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout and "checks passed" in done.stdout and done.stderr == ""


def test_asyncio(board: PynqBoard, folder: Path) -> None:
    done = board.run("-c", ASYNC, str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert len({json.dumps(clip) for pair in json.loads(done.stdout) for clip in pair}) == 1


def test_a_process_died_with_transfers_under_way(board: PynqBoard, folder: Path, tmp_path: Path) -> None:
    """They are stopped before the logic is replaced, by another build's driver as well; the chip is free at once."""
    assert board.run("-c", KILLED, str(folder)).returncode == -signal.SIGKILL
    shutil.copytree(folder, tmp_path / "another")
    for build in (folder, tmp_path / "another"):
        board.log.clear()
        opened(board, build)
        order = [event for event in board.log if event[0] in ("reset", "program")]
        assert order == [("reset",), ("program", "shiftcore"), ("reset",), ("reset",)]


@pytest.mark.parametrize(
    "since", ["power cycle", "power cycle and a boot design", "another program", "its failure", "failed"]
)
def test_no_register_of_logic_that_is_not_there_is_read(board: PynqBoard, folder: Path, since: str) -> None:
    """Whatever pynq's state file on the SD card says: it names this bitstream each time."""
    opened(board, folder)
    if since == "failed":
        board.refuse = True
        assert "Connection timed out" in refused(board, folder)
        board.refuse = False
    elif since == "another program":
        assert board.run("-c", KILLED, str(folder)).returncode == -signal.SIGKILL
        (board.root / "lock" / "shiftcore-fpga0.lock").write_text("{")  # the power went while it was written
        board.load_something_else()
    elif since == "its failure":
        board.fail_something_else()
    else:
        board.power_on()
        if "design" in since:  # as a KV260 does
            board.load_something_else()
    assert list((board.root / "sd").glob("global_pl_state*.json")) or since.startswith("power")
    board.log.clear()
    done = board.run("-c", OPEN, str(folder))
    assert done.returncode != HANG, done.stderr
    assert done.returncode == 0, done.stderr
    assert next(event for event in board.log if event[0] in ("reset", "program")) == ("program", "shiftcore")


def test_one_driver_at_a_time(board: PynqBoard, folder: Path) -> None:
    first = board.start("-c", HOLDS, str(folder))
    assert first.stdout is not None and first.stdout.readline() == "open\n", first.communicate()
    board.log.clear()
    assert f"in use by another driver (process {first.pid})" in refused(board, folder)
    assert board.log == [], "the chip was touched"
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    opened(board, folder)


def test_the_folder_of_an_earlier_archive_is_gone(board: PynqBoard, folder: Path, tmp_path: Path) -> None:
    """pynq 3.0 hashes the file that its record names."""
    old = tmp_path / "old"
    shutil.copytree(folder, old)
    opened(board, old)
    shutil.rmtree(old)
    opened(board, folder)


def test_pynqs_state_file_is_damaged(board: PynqBoard, folder: Path) -> None:
    opened(board, folder)
    for path in (board.root / "sd").glob("global_pl_state*.json"):
        path.write_text('{"bitfile_name": "/ho')
    opened(board, folder)


@pytest.mark.parametrize(("name", "size"), [("shiftcore.bit", 0), ("shiftcore.bit", 90), ("shiftcore.hwh", 700)])
def test_a_file_is_cut(board: PynqBoard, folder: Path, name: str, size: int) -> None:
    """The manifest tells; where it names no digests, pynq's own exception is told in one line."""
    file, manifest = folder / "bitstream" / name, folder / "bitstream" / "manifest.json"
    file.write_bytes(file.read_bytes()[:size])
    assert f"{name}: damaged, not what its manifest names" in refused(board, folder)
    manifest.write_text(json.dumps({"build_hash": json.loads(manifest.read_text())["build_hash"]}))
    said = refused(board, folder)
    assert "pynq cannot load it" in said and "needs root" not in said and "copy the bitstream's folder again" in said
    assert board.log == [], "something was loaded"


def test_programming_fails(board: PynqBoard, folder: Path) -> None:
    board.refuse = True
    said = refused(board, folder)
    assert "shiftcore.bit: pynq cannot load it: TimeoutError: [Errno 110]" in said and "needs root" not in said


@pytest.mark.parametrize(("fbdiv", "megahertz"), [(22, "110 MHz"), (18, "90 MHz")])
def test_another_images_pll(board: PynqBoard, folder: Path, fbdiv: int, megahertz: str) -> None:
    """The clock is not set, not for a moment, and nothing is loaded."""
    board.set_word(0xF800_0108, fbdiv << 12)
    said = refused(board, folder)
    assert f"the board's clock would be {megahertz}, but the build needs 100 MHz" in said
    assert f"divides this image's {fbdiv * 50} MHz by 10" in said
    assert board.log == []


def test_root_is_needed(board: PynqBoard, folder: Path) -> None:
    board.user = 1000
    assert "Root permissions required" in (said := refused(board, folder)) and said.endswith("root on its own board\n")


def test_pynqs_environment_is_not_entered(board: PynqBoard, folder: Path) -> None:
    assert "No Devices Found; PYNQ's environment is not entered" in refused(board, folder, XILINX_XRT="")


def test_xrt_is_missing(board: PynqBoard, folder: Path) -> None:
    (board.root / "bin" / "xclbinutil").unlink()
    assert "'xclbinutil'; it is part of XRT" in refused(board, folder)


def test_memory(board: PynqBoard, folder: Path) -> None:
    board.no_memory = True
    done = board.run("-c", OPEN, str(folder))
    assert "bytes of contiguous memory" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", ["kv260", "pynq-z1", "pynq-z2", "ultra96-v2", "zcu104"])
def test_the_clock_of_every_board_can_be_set(name: str, pynq_python: Path, tmp_path: Path, tiny_chip: Path) -> None:
    """By pynq's own arithmetic: from the divisor, and (as pynq 4 does) from the clock."""
    place = load_board(name)
    code = "from pynq import Clocks"
    board = PynqBoard(tmp_path / "board", place, tiny_chip, pynq_python)
    for how in (f"{place.divisor}, 1", f"clk_mhz={place.clock_mhz}"):
        code += f"; Clocks.set_pl_clk(0, 20, 3); Clocks.set_pl_clk(0, {how}); print(Clocks.fclk0_mhz)"
    done = board.run("-c", code)
    assert done.stdout == f"{place.clock_mhz}\n" * 2, done.stderr
    word = board.word(CLOCKS[place.family][0])
    assert (word >> 8 & 63, word >> CLOCKS[place.family][2] & 63) == (place.divisor, 1)
    board.close()


def test_a_bitstream_of_another_build(folder: Path) -> None:
    (folder / "bitstream" / "manifest.json").write_text(json.dumps({"build_hash": "deadbeef"}))
    with pytest.raises(IdentityError, match="made of build deadbeef, but the chip folder is build"):
        Accelerator.open(folder, "board")


@pytest.mark.parametrize("name", ["shiftcore.bit", "shiftcore.hwh", "manifest.json"])
def test_no_bitstream(folder: Path, name: str) -> None:
    (folder / "bitstream" / name).unlink()
    with pytest.raises(BackendError, match=f"{name}: missing; `make bitstream` writes it"):
        Accelerator.open(folder, "board")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"build_hash": 1, "files": 3}'])
def test_a_damaged_manifest_of_a_bitstream(folder: Path, text: str) -> None:
    (folder / "bitstream" / "manifest.json").write_text(text)
    with pytest.raises(BackendError, match=r"manifest.json: damaged"):
        Accelerator.open(folder, "board")


def test_no_pynq(folder: Path) -> None:
    with pytest.raises(BackendError, match=r"pynq cannot be imported .* PYNQ image") as caught:
        Accelerator.open(folder, "board")
    assert "\n" not in str(caught.value)


def test_an_unknown_back_end(tiny_chip: Path) -> None:
    with pytest.raises(BackendError, match="'fpga': not known; there are auto, board, rtl, reference"):
        Accelerator.open(tiny_chip.parent, "fpga")


def test_the_registers_of_every_boards_port_are_known() -> None:
    assert set(board_backend.PORTS) == {(name, family.memory_port) for name, family in FAMILIES.items()}
