# SPDX-License-Identifier: BSD-3-Clause
"""The cocotb tests of axil_registers alone: what the chip reports on its ports, and flags that come while cleared."""

import logging
import os
import random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, ReadOnly, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

from shiftcore.model import registers as reg

SEED = int(os.environ["REGISTERS_SEED"])
REPORTS = {  # port: register, bits
    "result_level": (reg.RESULT_LEVEL, 32),
    "frames_done": (reg.FRAMES_DONE, 32),
    "latency_last": (reg.LATENCY_LAST, 32),
    "latency_min": (reg.LATENCY_MIN, 32),
    "latency_max": (reg.LATENCY_MAX, 32),
    "load_cycles": (reg.LOAD_CYCLES, 32),
    "descriptors_used": (reg.DESCRIPTOR_LEVEL, 5),
}
COUNTERS = {"cycles": reg.CYCLES_LO, "input_stalls": reg.INPUT_STALLS_LO, "output_stalls": reg.OUTPUT_STALLS_LO}
EVENTS = ("result_event", "idle_event", "error")
HASHES = (reg.MODEL_HASH, reg.MODEL_HASH_1, reg.MODEL_HASH_2, reg.MODEL_HASH_3)  # one port of all
LEVELS = ("clear", "busy", "resetting", "halted", "loading", "in_flight")


async def start(dut: Any) -> tuple[AxiLiteMaster, random.Random]:
    """Power on, all ports at 0."""
    logging.getLogger("cocotb").setLevel(logging.WARNING)
    rng = random.Random(SEED)
    for name in (*REPORTS, *COUNTERS, *EVENTS, *LEVELS, "model_hash"):
        getattr(dut, name).value = 0
    master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk)
    Clock(dut.clk, 2, "ns").start()
    dut.rst_n.value = 0
    await ClockCycles(dut.clk, 4)
    dut.rst_n.value = 1
    return master, rng


async def read(master: AxiLiteMaster, offset: int) -> int:
    """Read a register."""
    return int.from_bytes((await master.read(offset, 4)).data, "little")


@cocotb.test()
async def what_is_reported_is_read(dut: Any) -> None:
    master, rng = await start(dut)
    for _ in range(20):
        values = {name: rng.getrandbits(bits) for name, (_, bits) in REPORTS.items()}
        values["descriptors_used"] %= 17
        levels = {name: rng.getrandbits(1) for name in ("busy", "resetting", "halted", "loading")}
        flight = rng.getrandbits(8)
        hashes = rng.getrandbits(128)
        for name, value in (values | levels | {"in_flight": flight, "model_hash": hashes}).items():
            getattr(dut, name).value = value
        for name, (offset, _) in REPORTS.items():
            if name != "descriptors_used":
                assert await read(master, offset) == values[name], name
        assert [await read(master, offset) for offset in HASHES] == [hashes >> 32 * i & 0xFFFFFFFF for i in range(4)]
        used = values["descriptors_used"]
        assert await read(master, reg.DESCRIPTOR_LEVEL) == (16 - used) << 16 | used
        status = await read(master, reg.STATUS)
        for name, value in levels.items():
            assert getattr(reg.Status, name.upper()).of(status) == value, name
        assert reg.Status.IN_FLIGHT.of(status) == flight


@cocotb.test()
async def a_low_half_freezes_its_own_high_half(dut: Any) -> None:
    master, rng = await start(dut)
    frozen = dict.fromkeys(COUNTERS, 0)
    for _ in range(100):
        values = {name: rng.getrandbits(64) for name in COUNTERS}
        for name, value in values.items():
            getattr(dut, name).value = value
        name = rng.choice(list(COUNTERS))
        assert await read(master, COUNTERS[name]) == values[name] & 0xFFFFFFFF
        frozen[name] = values[name] >> 32
        other = rng.choice(list(COUNTERS))
        getattr(dut, other).value = rng.getrandbits(64)
        assert await read(master, COUNTERS[other] + 4) == frozen[other], f"{other} after a read of {name}"


@cocotb.test()
async def a_flag_that_comes_while_it_is_cleared_stays(dut: Any) -> None:
    master, rng = await start(dut)
    cycle = answered = 0

    async def watch() -> None:
        nonlocal cycle, answered
        before = 0
        while True:
            await RisingEdge(dut.clk)
            cycle += 1
            await ReadOnly()
            valid = int(dut.s_axil_bvalid.value)
            if valid and not before:
                answered = cycle  # the edge at which the write took effect
            before = valid

    cocotb.start_soon(watch())
    outcomes = set()
    for _ in range(60):
        flags = (
            ("error", reg.ERROR, rng.randrange(9)),
            ("result_event", reg.IRQ_STATUS, 0),
            ("idle_event", reg.IRQ_STATUS, 2),
        )
        port, offset, bit = rng.choice(flags)
        await RisingEdge(dut.clk)
        write = cocotb.start_soon(master.write(offset, (1 << bit).to_bytes(4, "little")))
        await ClockCycles(dut.clk, rng.randrange(1, 9))
        getattr(dut, port).value = 1 << bit if port == "error" else 1
        await RisingEdge(dut.clk)
        getattr(dut, port).value = 0
        await ReadOnly()
        pulsed = cycle
        await write
        stays = pulsed >= answered
        outcomes.add(pulsed - answered)
        assert await read(master, offset) >> bit & 1 == stays, f"{port} {pulsed - answered} cycles after the write"
        await master.write(offset, b"\xff\xff\xff\xff")
        await master.write(reg.IRQ_STATUS, b"\xff\xff\xff\xff")
    assert {-1, 0, 1} <= outcomes
