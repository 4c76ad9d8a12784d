# SPDX-License-Identifier: BSD-3-Clause
"""sim.chip on a chip small enough to check by hand (tests/sim/fixture_chip)."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shiftcore.errors import UserError
from shiftcore.sim.chip import DECERR, SLVERR, ChipModel, ChipModelError

FIXTURE = Path(__file__).parent / "fixture_chip"
BASE = ChipModel.MEMORY_BASE
SCRATCH, ADDRESS, BEATS, KIND, FAULT, START, BUSY, RESPONSES, XOR = 4, 0x10, 0x14, 0x18, 0x1C, 0x20, 0x24, 0x28, 0x2C
INCR_OF_8_BYTES = 0x13


@pytest.fixture
def chip() -> ChipModel:
    model = ChipModel(FIXTURE, memory_bytes=1 << 16)
    model.memory[:] = np.random.default_rng(1).integers(0, 256, len(model.memory), dtype=np.uint8)
    return model


def burst(
    chip: ChipModel, write: bool, address: int, beats: int = 4, kind: int = INCR_OF_8_BYTES, fault: int = 0
) -> int:
    """Let the chip do one burst; the cycles it took."""
    for register, value in ((ADDRESS, address), (BEATS, beats - 1), (KIND, kind), (FAULT, fault), (START, int(write))):
        chip.write(register, value)
    start = chip.cycles
    for _ in range(10_000):
        if not chip.read(BUSY):
            return chip.cycles - start
    raise AssertionError("the burst does not end")


def test_registers(chip: ChipModel) -> None:
    assert chip.read(0) == 0x5A, "the data file of the core's folder"
    for value in (0, 1, 0xFFFF_FFFF, 0x1234_5678):
        chip.write(SCRATCH, value)
        assert chip.read(SCRATCH) == value
    chip.stall = 0.7
    chip.write(SCRATCH, 77)
    assert chip.read(SCRATCH) == 77


def test_a_register_that_answers_with_an_error(chip: ChipModel) -> None:
    with pytest.raises(ChipModelError, match="register 0x800: read answered 2"):
        chip.read(0x800)
    with pytest.raises(ChipModelError, match="register 0x800: write answered 2"):
        chip.write(0x800, 1)
    with pytest.raises(ChipModelError, match="the register port does not answer"):
        chip.write(0xF00, 1)


@pytest.mark.parametrize("stall", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("beats", [1, 4, 16])
def test_memory_is_read_and_written(chip: ChipModel, beats: int, stall: float) -> None:
    chip.stall = stall
    words = chip.memory[64 : 64 + 8 * beats].view("<u4")
    burst(chip, False, BASE + 64, beats)
    assert chip.read(XOR) == np.bitwise_xor.reduce(words)
    before = chip.memory.copy()
    burst(chip, True, BASE + 4096, beats)
    assert chip.read(RESPONSES) == 0
    expected = (np.arange(beats, dtype=np.uint8)[:, None] ^ np.arange(8, dtype=np.uint8)).reshape(-1)
    before[4096 + 1 : 4096 + 8 * beats] = expected[1:]
    assert np.array_equal(chip.memory, before), "and nothing else; strobes count"


def test_latency_takes_its_time(chip: ChipModel) -> None:
    quick = [burst(chip, write, BASE) for write in (False, True)]
    chip.read_latency, chip.write_latency = 500, 900
    slow = [burst(chip, write, BASE) for write in (False, True)]
    assert 480 < slow[0] - quick[0] < 520 and 880 < slow[1] - quick[1] < 920


def test_what_is_written_shows_with_the_answer(chip: ChipModel) -> None:
    chip.write_latency = 1000
    before = chip.memory[:32].copy()
    for register, value in ((ADDRESS, BASE), (BEATS, 3), (KIND, INCR_OF_8_BYTES), (START, 1)):
        chip.write(register, value)
    chip.step(900)
    assert np.array_equal(chip.memory[:32], before)
    chip.step(200)
    assert not np.array_equal(chip.memory[:32], before)


@pytest.mark.parametrize("write", [False, True])
def test_errors_on_demand(chip: ChipModel, write: bool) -> None:
    fail = chip.fail_write if write else chip.fail_read
    fail(BASE + 128 + 31, response=SLVERR)
    before = chip.memory.copy()
    burst(chip, write, BASE + 128)
    assert chip.read(RESPONSES) == SLVERR
    assert np.array_equal(chip.memory, before)
    burst(chip, write, BASE + 160)
    assert chip.read(RESPONSES) == 0
    burst(chip, not write, BASE + 128)
    assert chip.read(RESPONSES) == 0, "the other direction is as it was"
    chip.heal(BASE + 128 + 31)
    burst(chip, write, BASE + 128)
    assert chip.read(RESPONSES) == 0
    for outside in (BASE - 32, BASE + (1 << 16)):
        burst(chip, write, outside)
        assert chip.read(RESPONSES) == DECERR


@pytest.mark.parametrize(
    ("write", "how", "text"),
    [
        (False, {"fault": 1}, "m_axi_ar: valid fell before ready came"),
        (False, {"fault": 2}, "m_axi_ar: changed before ready came"),
        (True, {"fault": 3}, "wlast is not with the burst's last beat"),
        (True, {"fault": 4}, "m_axi_w: changed before ready came"),
        (False, {"beats": 17}, "m_axi_ar: a burst longer than the port takes"),
        (True, {"beats": 17}, "m_axi_aw: a burst longer than the port takes"),
        (False, {"address": BASE + 4}, "m_axi_ar: address not aligned"),
        (True, {"address": BASE + 4096 - 24}, "m_axi_aw: a burst crosses 4 KB"),
        (False, {"address": BASE + 4096 - 24}, "m_axi_ar: a burst crosses 4 KB"),
        (False, {"kind": 0x12}, "not an INCR burst of 8-byte beats"),
        (False, {"kind": 0x23}, "not an INCR burst of 8-byte beats"),
    ],
)
def test_a_broken_rule_of_axi_is_named(chip: ChipModel, write: bool, how: dict[str, Any], text: str) -> None:
    chip.stall = 0.97
    with pytest.raises(ChipModelError, match=text):
        burst(chip, write, **{"address": BASE, **how})


def test_the_manifest_says_how_long_a_burst_may_be(tmp_path: Path) -> None:
    """Each direction by itself, whatever the family is."""
    copy = Path(shutil.copytree(FIXTURE, tmp_path / "chip"))
    manifest = json.loads((copy / "manifest.json").read_text()) | {"max_burst": 8, "write_burst": 4}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    for write, longest in ((False, 8), (True, 4)):
        model = ChipModel(copy, memory_bytes=1 << 16)
        burst(model, write, BASE, beats=longest)
        with pytest.raises(ChipModelError, match="a burst longer than the port takes"):
            burst(model, write, BASE, beats=longest + 1)


def test_the_interrupt_ends_a_run(chip: ChipModel) -> None:
    start = chip.cycles
    chip.run(20_000)
    assert chip.cycles - start == 20_000
    assert not chip.irq
    chip.write(SCRATCH, 1 << 31)
    start = chip.cycles
    chip.run(20_000)
    assert chip.irq and chip.cycles == start
    chip.step(12_345)
    assert chip.cycles == start + 12_345, "step does not care"


def test_the_same_seed_the_same_cycles() -> None:
    def cycles(seed: int) -> int:
        model = ChipModel(FIXTURE, seed=seed, memory_bytes=1 << 16)
        model.stall = 0.5
        burst(model, False, BASE, 16)
        burst(model, True, BASE, 16)
        return model.cycles

    assert cycles(3) == cycles(3)
    assert len({cycles(seed) for seed in range(5)}) > 1


def test_ctrl_c_ends_a_long_run(chip: ChipModel) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    handler = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            chip.step(10**12)
    finally:
        signal.signal(signal.SIGALRM, handler)
    burst(chip, False, BASE)


@pytest.mark.parametrize("damage", ["no folder", "half a manifest", "no chip", "no data"])
def test_no_chip_is_the_users_line(tmp_path: Path, damage: str) -> None:
    copy = Path(shutil.copytree(FIXTURE, tmp_path / "chip"))
    manifest = copy / "manifest.json"
    if damage == "no folder":
        shutil.rmtree(copy)
    elif damage == "half a manifest":
        manifest.write_text(manifest.read_text()[:20])
    elif damage == "no chip":
        manifest.write_text("{}")
    else:
        (copy / "core" / "data" / "mode.dat").unlink()
    with pytest.raises(ChipModelError if damage == "no data" else UserError) as caught:
        ChipModel(copy)
    assert ("mode.dat" if damage == "no data" else "make compile") in str(caught.value)
    assert "\n" not in str(caught.value)
