"""The back end for boards, with a stand-in for pynq and the Verilated chip behind it (fake_pynq.py).

What this shows: the driver's own code, its order of steps, cache handling, and what pynq's API is given. What it cannot
show: pynq itself, and a board.
"""

import asyncio
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shiftcore.driver import Accelerator, BackendError, IdentityError
from shiftcore.driver.backends import board
from shiftcore.sim.chip import ChipModel
from tests.driver.conftest import logits
from tests.driver.fake_pynq import World


@pytest.fixture
def folder(tiny_chip: Path, tmp_path: Path) -> Path:
    """A build folder with a bitstream, as far as anyone looks at it."""
    build = tmp_path / "build"
    shutil.copytree(tiny_chip, build / "chip")
    (build / "bitstream").mkdir()
    for name in ("shiftcore.bit", "shiftcore.hwh"):
        (build / "bitstream" / name).touch()
    manifest = json.loads((tiny_chip / "manifest.json").read_text())
    (build / "bitstream" / "manifest.json").write_text(json.dumps({"build_hash": manifest["build_hash"]}))
    return build


@pytest.fixture
def world(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    manifest = json.loads((folder / "chip" / "manifest.json").read_text())
    chip = ChipModel(folder / "chip")
    made = World(chip, manifest["base_address"], manifest["clock_mhz"] * 1e6)
    monkeypatch.setitem(sys.modules, "pynq", made.module())
    monkeypatch.setattr(board, "time", made)
    yield made
    chip.close()


def frames_of(opened: Accelerator, count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *opened.input_shape), dtype=np.uint8)


def test_frames_through_pynqs_api(folder: Path, world: World) -> None:
    """Every frame is flushed and every record invalidated, or the comparison would fail; memory is given back."""
    with Accelerator.open(folder, "board", compare=True) as opened:
        assert opened.backend == "board"
        results = list(opened.stream(frames_of(opened, 40, 60)))
    assert [r.frame_id for r in results] == list(range(40))
    assert len({r.latency_cycles for r in results}) == 1
    assert len(world.freed) == 2


def test_what_happens_in_which_order(folder: Path, world: World) -> None:
    Accelerator.open(folder, "board").close()
    assert world.log == ["download", "clock 100", "0xf8008000 = 0xc", "0xf8008014 = 0xc", "soft reset", "soft reset"]
    assert world.loaded == str((folder / "bitstream" / "shiftcore.bit").resolve())


def test_a_process_died_with_this_bitstream_loaded(folder: Path, world: World) -> None:
    """Its transfers are stopped before the logic is replaced; another bitstream is not touched."""
    world.loaded = str((folder / "bitstream" / "shiftcore.bit").resolve())
    Accelerator.open(folder, "board").close()
    assert world.log[:2] == ["soft reset", "download"]
    world.log.clear()
    world.loaded = "/another.bit"
    Accelerator.open(folder, "board").close()
    assert world.log[0] == "download"


@pytest.mark.parametrize("found", [True, False])
def test_asyncio_by_interrupt_and_by_polling(folder: Path, world: World, found: bool) -> None:
    if not found:
        world.interrupts = -(10**9)

    async def clip(opened: Accelerator, stream: int) -> list[list[int]]:
        frames = frames_of(opened, 5, 61)
        return logits([result async for result in opened.astream(frames, stream)])

    async def main(opened: Accelerator) -> None:
        first, second = await asyncio.gather(clip(opened, 0), clip(opened, 1))
        assert first == second

    with Accelerator.open(folder, "board", compare=True) as opened:
        asyncio.run(main(opened))
        asyncio.run(main(opened))  # in a loop of its own
    assert (world.interrupts > 0) == found


@pytest.mark.parametrize(("divisor", "reached"), [(1.25, 80), (0.995, 100.503)])
def test_a_clock_that_cannot_be_set(folder: Path, world: World, divisor: float, reached: float) -> None:
    world.divisor = divisor
    with pytest.raises(BackendError, match=f"the board's clock is {reached} MHz, but the build needs 100 MHz"):
        Accelerator.open(folder, "board")


def test_memory_beyond_the_port(folder: Path, world: World) -> None:
    world._next = 1 << 32
    with pytest.raises(BackendError, match="beyond the port's 32 address bits"):
        Accelerator.open(folder, "board")


def test_no_contiguous_memory(folder: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise RuntimeError("Allocate failed: 4294967295")

    monkeypatch.setattr(sys.modules["pynq"], "allocate", none)
    with pytest.raises(BackendError, match="bytes of contiguous memory"):
        Accelerator.open(folder, "board")


def test_root_is_needed(folder: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError("Root permissions required.")

    monkeypatch.setattr(sys.modules["pynq"], "MMIO", refused)
    with pytest.raises(BackendError, match="Root permissions required"):
        Accelerator.open(folder, "board")


def test_a_bitstream_of_another_build(folder: Path, world: World) -> None:
    (folder / "bitstream" / "manifest.json").write_text(json.dumps({"build_hash": "deadbeef"}))
    with pytest.raises(IdentityError, match="made of build deadbeef, but the chip folder is build"):
        Accelerator.open(folder, "board")
    assert world.log == [], "nothing was loaded"


@pytest.mark.parametrize("name", ["shiftcore.bit", "shiftcore.hwh", "manifest.json"])
def test_no_bitstream(folder: Path, world: World, name: str) -> None:
    (folder / "bitstream" / name).unlink()
    with pytest.raises(BackendError, match=f"{name}: missing; `make bitstream` writes it"):
        Accelerator.open(folder, "board")


def test_no_pynq(tiny_chip: Path) -> None:
    with pytest.raises(BackendError, match=r"pynq cannot be imported .* PYNQ image") as caught:
        Accelerator.open(tiny_chip.parent, "board")
    assert "\n" not in str(caught.value)


def test_an_unknown_back_end(tiny_chip: Path) -> None:
    with pytest.raises(BackendError, match="'fpga': not known; there are auto, board, rtl, reference"):
        Accelerator.open(tiny_chip.parent, "fpga")


def test_the_width_of_every_boards_port_is_known() -> None:
    from shiftcore.hw.boards import FAMILIES

    assert set(board.WIDTH_REGISTERS) == {(name, family.memory_port) for name, family in FAMILIES.items()}
