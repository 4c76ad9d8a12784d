# SPDX-License-Identifier: BSD-3-Clause
"""The cocotb test of dma_copy: both engines at cocotbext's memory, all five channels pausing."""

import os
import random
from collections.abc import Iterator
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, ReadOnly, RisingEdge, with_timeout
from cocotbext.axi import AxiBus, AxiRam

BYTES, SIZE, COPIES = 1024, 1 << 16, 25
SEED = int(os.environ.get("COPY_SEED", "0"))


def pauses(rng: random.Random, probability: float) -> Iterator[bool]:
    """For a channel: whether it pauses in each cycle."""
    while True:
        yield rng.random() < probability


async def give(dut: Any, name: str, addresses: list[int]) -> None:
    """Hand the addresses over, one after the other."""
    for address in addresses:
        getattr(dut, f"{name}_address").value = address
        getattr(dut, f"{name}_valid").value = 1
        ready = False
        while not ready:
            await ReadOnly()
            ready = bool(getattr(dut, f"{name}_ready").value)
            await RisingEdge(dut.clk)
    getattr(dut, f"{name}_valid").value = 0


@cocotb.test()
async def copies(dut: Any) -> None:
    """Frames from any byte address to records at any word: memory is what it should be, and nothing else changed."""
    rng = random.Random(SEED)
    Clock(dut.clk, 2, unit="ns").start()
    dut.rst_n.value = dut.from_valid.value = dut.to_valid.value = 0
    await ClockCycles(dut.clk, 3)
    ram = AxiRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, size=SIZE)
    channels = ram.write_if, ram.read_if
    expected = bytearray(rng.randbytes(SIZE))
    ram.write(0, bytes(expected))
    sources = [
        rng.choice((rng.randint(0, SIZE // 2 - BYTES), 4096 * k - rng.randint(0, 9))) for k in range(1, COPIES + 1)
    ]
    sources = [source % (SIZE // 2 - BYTES) for source in sources]
    targets = [SIZE // 2 + 8 * rng.randrange((SIZE // 2 - BYTES) // 8) for _ in sources]
    for part, name in ((0, "aw_channel"), (0, "w_channel"), (0, "b_channel"), (1, "ar_channel"), (1, "r_channel")):
        channel = getattr(channels[part], name)
        channel.set_pause_generator(pauses(random.Random(f"{name} {SEED}"), rng.choice((0.2, 0.5))))
    dut.rst_n.value = 1
    cocotb.start_soon(give(dut, "from", sources))
    cocotb.start_soon(give(dut, "to", targets))
    for source, target in zip(sources, targets, strict=True):
        await with_timeout(RisingEdge(dut.done), 100, "us")
        expected[target : target + BYTES] = expected[source : source + BYTES]
        assert not dut.error.value
        assert ram.read(target, BYTES) == expected[target : target + BYTES], f"{source:#x} to {target:#x}"
    await ClockCycles(dut.clk, 20)
    assert ram.read(0, SIZE) == expected
