# SPDX-License-Identifier: BSD-3-Clause
"""The cocotb tests of the chip around tests/hw/fake_core.sv: they run inside the simulator. SHELL_PLAN names a file
with the chip's numbers, its build hash and the seed."""

import random
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiResp

from shiftcore.hw.contract import Register, load_contract
from shiftcore.model import registers as reg
from tests.hw.shell_bench import (
    HISTORY_BYTES,
    IMAGE_BYTES,
    LATENCY,
    PLAN,
    READ,
    READ_BYTES,
    SLOTS,
    WRITE,
    Model,
    N,
    bench,
    pauses,
)

HASHES = {name: int(digits, 16) for name, digits in PLAN["hashes"].items()}
HASHES |= {f"MODEL_HASH_{bank}": HASHES["MODEL_HASH"] * (bank < N.MODELS) for bank in range(1, 4)}
PULSES = (reg.CONTROL, reg.DESCRIPTOR_CONTEXT, reg.DESCRIPTOR_MODEL, reg.DESCRIPTOR_PLANE, reg.RESULT_TAKE)
"""A write of these does something."""
ABSENT = set() if N.INGEST else reg.OF_INGEST

# Registers


def number_of(reset: int | str) -> int:
    if not isinstance(reset, str):
        return reset
    sizes = {"DESCRIPTOR_SLOTS": SLOTS, "IMAGE_BYTES": IMAGE_BYTES, "HISTORY_BYTES": HISTORY_BYTES}
    return {**PLAN["numbers"], **sizes, **HASHES}[reset]


def after_reset(register: Register) -> int:
    parts = [(field.reset, field.low) for field in register.fields] or [(register.reset, 0)]
    return (
        0
        if register.access == "wo" or register.offset in ABSENT
        else sum(number_of(reset) << low for reset, low in parts)
    )


def writable(register: Register) -> int:
    """Bits that keep what is written."""
    if register.offset in ABSENT:
        return 0
    if not register.fields:
        return 0xFFFFFFFF if register.access == "rw" else 0
    return sum(field.mask for field in register.fields if (field.access or register.access) == "rw")


@cocotb.test()
async def registers_are_those_of_the_map(dut: Any) -> None:
    one = await bench(dut, 0.3)
    rows = load_contract().registers
    by_offset = {row.offset: row for row in rows}
    running = (reg.CYCLES_LO,)
    for offset in range(0, reg.SIZE, 4):
        if offset not in running and (offset in by_offset or offset < 0x200 or offset % 0x100 == 0xFC):
            want = after_reset(by_offset[offset]) if offset in by_offset else 0
            assert await one.read(offset) == want, f"register {offset:#x} after reset"
    held = {row.offset: after_reset(row) for row in rows}
    for _ in range(4):
        one.rng.shuffle(order := [row for row in rows if row.offset not in PULSES])
        for row in order:
            value = one.rng.getrandbits(32)
            assert await one.write(row.offset, value) == AxiResp.OKAY
            held[row.offset] = held[row.offset] & ~writable(row) | value & writable(row)
            other = one.rng.choice(order)
            if other.offset not in running:
                assert await one.read(other.offset) == held[other.offset], f"{other.name} after a write to {row.name}"
        for row in order:
            if row.offset not in running:
                assert await one.read(row.offset) == held[row.offset], row.name
    await one.soft_reset()


@cocotb.test()
async def a_partial_write_is_refused(dut: Any) -> None:
    one = await bench(dut, 0.3)
    await one.write(reg.DESCRIPTOR_BYTES, 0x01020304)
    for start, count in ((0, 1), (0, 2), (1, 2), (3, 1), (1, 3)):
        answer = await one.axil.write(reg.DESCRIPTOR_BYTES + start, bytes(count))
        assert answer.resp == AxiResp.SLVERR
        assert await one.read(reg.DESCRIPTOR_BYTES) == 0x01020304


@cocotb.test()
async def config_does_not_change_while_running_or_busy(dut: Any) -> None:
    one = await bench(dut, 0.1)
    await one.start()
    for offset in sorted(reg.WHEN_IDLE - ABSENT):
        before = await one.read(offset)
        await one.write(offset, before ^ 0x5A5A5A50)
        assert await one.read(offset) == before
        await one.error(reg.Error.CONFIG, halts=False)
    await one.good_frames()
    await one.write(reg.CONTROL, 0)
    await one.submit(1)
    for offset in sorted(reg.WHEN_IDLE - ABSENT):
        before = await one.read(offset)
        await one.write(offset, before ^ 0x5A5A5A50)
        assert await one.read(offset) == before
        await one.error(reg.Error.CONFIG, halts=False)
    await one.write(reg.CONTROL, reg.Control.RUN)
    await one.drain()
    for offset in ABSENT:  # no register is there, and no mistake can be made
        await one.write(offset, 0x5A5A5A50)
    await one.write(reg.CONTROL, 0)
    await one.write(reg.WATCHDOG, 12345)
    assert await one.read(reg.WATCHDOG) == 12345
    assert await one.read(reg.ERROR) == 0


@cocotb.test()
async def a_counters_halves_belong_together(dut: Any) -> None:
    one = await bench(dut)
    low = await one.read(reg.CYCLES_LO)
    assert await one.read(reg.CYCLES_HI) == 0
    again = await one.read(reg.CYCLES_LO)
    assert low < again
    await one.write(reg.CONTROL, reg.Control.CLEAR_COUNTERS)
    assert await one.read(reg.CYCLES_LO) < again


# Frames


@cocotb.test()
async def results_are_right_under_random_pauses(dut: Any) -> None:
    one = await bench(dut, 0.3)
    await one.start(slots=5)
    for pause, latency in ((0.3, 0), (0.6, 40), (0.0, 100), (0.1, 7)):
        one.stall(pause)
        one.ram.read_latency = one.ram.write_latency = latency
        await one.submit(12)
    await one.drain()
    assert await one.read(reg.ERROR) & ~reg.Error.RESULT_FULL == 0
    assert await one.read(reg.FRAMES_DONE) == one.sequence == 48
    assert all(READ <= address < READ + READ_BYTES for address in one.ram.reads)
    assert all(WRITE <= address < WRITE + 5 * N.RECORD_BYTES for address in one.ram.writes)
    assert await one.read(reg.LATENCY_MIN) == min(one.latencies)
    assert await one.read(reg.LATENCY_MAX) == max(one.latencies)
    assert await one.read(reg.LATENCY_LAST) == one.latencies[-1]
    assert reg.Status.BUSY.of(await one.read(reg.STATUS)) == 0


@cocotb.test()
async def memory_jitter_does_not_reach_the_core(dut: Any) -> None:
    """With a latency of 100 cycles and every channel of the memory paused in 20 % of the cycles, frames follow each
    other at the core's own interval within 2 %; a core of small beats has one latency."""
    one = await bench(dut)
    one.ram.read_latency = one.ram.write_latency = 100
    for port in (one.ram.write_if, one.ram.read_if):
        for name in ("aw", "w", "b", "ar", "r"):
            if hasattr(port, f"{name}_channel"):
                getattr(port, f"{name}_channel").set_pause_generator(pauses(random.Random(name), 0.2))
    await one.start(slots=60)
    await one.submit(50)
    await one.drain()
    cycles = one.left[-1] - one.left[8]
    loss = cycles / (len(one.left) - 9) / N.FRAME_INTERVAL - 1
    print(f"interval {cycles / (len(one.left) - 9):.2f} cycles, the core's own {N.FRAME_INTERVAL}: loss {loss:.2%}")
    assert loss < 0.02
    assert await one.read64(reg.OUTPUT_STALLS_LO) == 0
    assert await one.read(reg.LATENCY_MIN) == min(one.latencies)
    assert await one.read(reg.LATENCY_MAX) == max(one.latencies)
    if N.IN_ELEMENTS <= 8:  # wider beats take several words each, how many depends on the frame's alignment
        assert await one.read64(reg.INPUT_STALLS_LO) == 0
        assert set(one.latencies) == {one.latencies[0]}


@cocotb.test()
async def interrupts_tell_results_and_idleness(dut: Any) -> None:
    one = await bench(dut, 0.1)
    await one.start()
    await one.write(reg.IRQ_ENABLE, reg.IrqEnable.RESULT)
    assert int(dut.irq.value) == 0
    await one.submit(3)
    await RisingEdge(dut.irq)
    assert await one.read(reg.RESULT_LEVEL) >= 1
    await one.wait_for(reg.IRQ_STATUS, reg.IrqStatus.IDLE)
    assert await one.read(reg.RESULT_LEVEL) == 3
    await one.write(reg.IRQ_STATUS, reg.IrqStatus.RESULT)
    await ClockCycles(dut.clk, 3)
    assert int(dut.irq.value) == 0
    assert await one.read(reg.IRQ_STATUS) == reg.IrqStatus.IDLE
    await one.write(reg.IRQ_ENABLE, reg.IrqEnable.IDLE)
    await ClockCycles(dut.clk, 3)
    assert int(dut.irq.value) == 1
    await one.write(reg.IRQ_STATUS, reg.IrqStatus.IDLE)
    await ClockCycles(dut.clk, 3)
    assert int(dut.irq.value) == 0
    await one.drain()


@cocotb.test()
async def stopping_finishes_what_was_begun(dut: Any) -> None:
    one = await bench(dut)
    await one.start()
    await one.write(reg.CONTROL, 0)
    await one.submit(SLOTS)
    assert await one.read(reg.DESCRIPTOR_LEVEL) == SLOTS
    await ClockCycles(dut.clk, 3 * N.FRAME_INTERVAL)
    assert not one.ram.reads
    await one.write(reg.CONTROL, reg.Control.RUN)
    await ClockCycles(dut.clk, 2 * N.FRAME_INTERVAL)
    await one.write(reg.CONTROL, 0)
    left = reg.DescriptorLevel.USED.of(await one.read(reg.DESCRIPTOR_LEVEL))
    assert 0 < left < SLOTS
    while len(one.waiting) > left:
        await one.take()
    await ClockCycles(dut.clk, 3 * N.FRAME_INTERVAL)
    assert await one.take() == 0
    assert reg.Status.IN_FLIGHT.of(await one.read(reg.STATUS)) == 0
    await one.write(reg.CONTROL, reg.Control.RUN)
    await one.drain()


# Errors: each flag, and the way back


@cocotb.test()
async def a_descriptor_that_is_wrong_is_dropped(dut: Any) -> None:
    one = await bench(dut, 0.1)
    await one.start()
    outside = [
        READ - 1,
        READ + READ_BYTES - N.INPUT_BYTES + 1,
        0,
        READ + (1 << N.AXI_ADDR_WIDTH),
        (1 << 64) - 8,
        1 << 63,
    ]
    cases: list[tuple[reg.Field, dict[str, int]]] = [
        (reg.Error.FRAME_SIZE, {"size": N.INPUT_BYTES - 1}),
        (reg.Error.FRAME_SIZE, {"size": N.INPUT_BYTES + (1 << 31)}),
        (reg.Error.STREAM, {"context": N.STREAMS}),
        (reg.Error.STREAM, {"context": 0xFF}),
        *((reg.Error.READ_WINDOW, {"address": address}) for address in outside),
    ]
    for flag, fault in cases:
        await one.submit(2)
        await one.drain()
        seen = len(one.ram.reads)
        await one.push(**{"address": READ, "context": 0, **fault}, answered=False)
        await one.error(flag, halts=False)
        await ClockCycles(dut.clk, 50)
        assert len(one.ram.reads) == seen, "memory was read for a descriptor that was dropped"
        await one.good_frames(2)
    for address in (READ, READ + READ_BYTES - N.INPUT_BYTES):
        if one.ram.read_if.read(address, 1) != b"\xff":
            await one.push(address, 0)
    await one.drain()


@cocotb.test()
async def a_full_queue_drops_and_says_so(dut: Any) -> None:
    one = await bench(dut)
    await one.start()
    await one.write(reg.CONTROL, 0)
    await one.submit(SLOTS)
    await one.push(READ, 0, answered=False)
    await one.error(reg.Error.DESCRIPTOR_OVERFLOW, halts=False)
    await one.write(reg.CONTROL, reg.Control.RUN)
    await one.drain()
    await one.good_frames()


@cocotb.test()
async def a_full_ring_waits_and_loses_nothing(dut: Any) -> None:
    one = await bench(dut)
    await one.start(slots=3)
    await one.submit(12)
    await one.error(reg.Error.RESULT_FULL, halts=False)
    await ClockCycles(dut.clk, 12 * N.FRAME_INTERVAL)
    assert await one.read(reg.RESULT_LEVEL) == 3
    assert await one.read(reg.ERROR) == 0
    assert await one.read64(reg.OUTPUT_STALLS_LO) > 0
    await one.write(reg.RESULT_TAKE, 4)
    await one.error(reg.Error.RESULT_UNDERFLOW, halts=False)
    assert await one.read(reg.RESULT_LEVEL) == 3
    one.check_record()
    await one.write(reg.RESULT_TAKE, 1)
    await one.drain()
    await one.write(reg.ERROR, reg.Error.RESULT_FULL)
    await one.good_frames(2)


@cocotb.test()
async def a_memory_error_halts_until_reset(dut: Any) -> None:
    one = await bench(dut, 0.2)
    one.ram.read_latency = one.ram.write_latency = 20
    for response in (AxiResp.SLVERR, AxiResp.DECERR):
        one.ram.response = response
        for flag, faults in (
            (reg.Error.READ_RESPONSE, one.ram.read_faults),
            (reg.Error.WRITE_RESPONSE, one.ram.write_faults),
        ):
            await one.start()
            await one.good_frames(2)
            if flag == reg.Error.READ_RESPONSE:
                faults.add(READ + N.INPUT_BYTES // 2 // 8 * 8)
            else:
                faults.add(WRITE + one.slot * N.RECORD_BYTES + one.rng.randrange(0, N.RECORD_BYTES, 8))
            for _ in range(3):
                await one.push(READ, 0, answered=False)
            await one.error(flag, halts=True)
            faults.clear()
            await one.soft_reset()
            await one.start()
            await one.good_frames()
            await one.soft_reset()


@cocotb.test()
async def a_ring_outside_its_window_halts(dut: Any) -> None:
    one = await bench(dut, 0.2)
    await one.start()
    for base, limit in ((WRITE, WRITE + 3 * N.RECORD_BYTES - 8), (WRITE + (1 << N.AXI_ADDR_WIDTH), 1 << 62)):
        await one.write(reg.CONTROL, 0)
        await one.write(reg.WRITE_BASE_LO, base & 0xFFFFFFFF)
        await one.write(reg.WRITE_BASE_HI, base >> 32)
        await one.write(reg.WRITE_LIMIT_LO, limit & 0xFFFFFFFF)
        await one.write(reg.WRITE_LIMIT_HI, limit >> 32)
        await one.write(reg.CONTROL, reg.Control.RUN)
        one.ram.writes.clear()
        for _ in range(4):
            await one.push(one.address(), 0x80, answered=False)
        await one.error(reg.Error.WRITE_WINDOW, halts=True)
        assert all(WRITE <= address < WRITE + 2 * N.RECORD_BYTES for address in one.ram.writes)
        await one.soft_reset()
        await one.start()
        await one.good_frames()
    await one.write(reg.CONTROL, 0)
    for low, high in ((reg.READ_LIMIT_LO, reg.READ_LIMIT_HI), (reg.WRITE_LIMIT_LO, reg.WRITE_LIMIT_HI)):
        await one.write(low, 0)  # a limit above all addresses is a limit as well
        await one.write(high, 1 << 30)
    await one.write(reg.CONTROL, reg.Control.RUN)
    await one.good_frames()


@cocotb.test()
async def the_watchdog_finds_a_stuck_core(dut: Any) -> None:
    one = await bench(dut, 0.1)
    for _ in range(2):
        await one.start(slots=2, watchdog=N.FRAME_INTERVAL + LATENCY + 200)
        await one.submit(6)
        await ClockCycles(dut.clk, 20 * N.FRAME_INTERVAL)  # the ring is full: nobody's fault but the driver's
        await one.error(reg.Error.RESULT_FULL, halts=False)
        await one.drain()
        await one.write(reg.ERROR, 0x7FF)
        await one.push(one.address(stuck=True), 0, answered=False)
        await one.push(one.address(), 0, answered=False)
        await one.write(reg.IRQ_STATUS, 7)
        await one.error(reg.Error.WATCHDOG, halts=True)
        await one.soft_reset()
        await one.start()
        await one.good_frames()
        await one.soft_reset()


@cocotb.test()
async def a_soft_reset_at_any_time_recovers(dut: Any) -> None:
    one = await bench(dut, 0.2)
    for _ in range(25):
        one.ram.read_latency, one.ram.write_latency = one.rng.randrange(60), one.rng.randrange(60)
        await one.start()
        await one.submit(one.rng.randrange(1, 6))
        await ClockCycles(dut.clk, one.rng.randrange(3 * N.FRAME_INTERVAL + LATENCY))
        await one.soft_reset()
        await one.start()
        await one.good_frames(2)
        await one.soft_reset()


# Models


@cocotb.test()
async def a_model_is_loaded_between_two_frames(dut: Any) -> None:
    """Frames pushed before it are of the model before, those behind it of its own and as after a reset; all have one
    latency, however memory hesitates, and none is lost."""
    one = await bench(dut)
    await one.start()
    for pause, latency in ((0.0, 0), (0.0, 40), (0.4, 9)):
        one.stall(pause)
        one.ram.read_latency = latency
        for _ in range(4):
            await one.submit(one.rng.randrange(5))
            await one.load(one.rng.randrange(N.MODELS))
        await one.submit(3)
        await one.drain()
        assert await one.read_hashes() == one.hashes
        assert reg.Status.LOADING.of(await one.read(reg.STATUS)) == 0
        assert await one.read(reg.LOAD_CYCLES) > N.LOAD_WORDS
    assert len(set(one.latencies)) == 1 or N.IN_ELEMENTS > 8
    assert await one.read(reg.ERROR) & ~reg.Error.RESULT_FULL == 0


@cocotb.test()
async def an_image_that_is_wrong_changes_nothing(dut: Any) -> None:
    """One of another length or shape, that is none, or that lies outside the window: the model in use stays."""
    one = await bench(dut, 0.1)
    await one.start()
    await one.load()
    await one.good_frames()
    stream = np.arange(N.LOAD_WORDS, dtype=np.uint32)
    address = one.put_image(stream)
    for size in (IMAGE_BYTES - 4, IMAGE_BYTES + 4, 0):
        await one.push_model(address, size)
        await one.error(reg.Error.MODEL_SIZE, halts=False)
        await one.good_frames()
    for wrong in (one.put_image(stream, "12345678"), one.put_image(stream[:-1])):
        await one.push_model(wrong)
        await one.error(reg.Error.MODEL_SHAPE, halts=False)
        await one.good_frames()
    for byte in (0, 8, 12):  # no image, no model's hash, another number of words
        address = one.put_image(stream)
        one.ram.read_if.write(address + byte, bytes(4))
        await one.push_model(address)
        await one.error(reg.Error.MODEL_SHAPE, halts=False)
    await one.push_model(READ - 8)
    await one.error(reg.Error.READ_WINDOW, halts=False)
    await one.good_frames()
    assert await one.read_hashes() == one.hashes
    await one.load()
    await one.good_frames()


@cocotb.test()
async def without_a_model_frames_are_refused(dut: Any) -> None:
    """A wrong check sum leaves no model: each frame behind it is dropped and told of, until a good image has come."""
    one = await bench(dut, 0.1)
    await one.start()
    stream = np.arange(N.LOAD_WORDS, dtype=np.uint32)
    for bit in (8 * 16, 8 * IMAGE_BYTES - 1, 8 * 10):  # of the first word, of the sum, of the model's hash
        await one.submit(2)
        address = one.put_image(stream)
        byte = one.ram.read_if.read(address + bit // 8, 1)[0]
        one.ram.read_if.write(address + bit // 8, bytes([byte ^ 1 << bit % 8]))
        await one.push_model(address)
        await one.drain()
        await one.error(reg.Error.MODEL_CRC, halts=False)
        assert await one.read(reg.MODEL_HASH) == 0
        await one.push(one.address(), one.context(bank=0), answered=False)
        await one.error(reg.Error.MODEL_MISSING, halts=False)
        await one.wait_for(reg.STATUS, reg.Status.BUSY, 0)
        await one.load()
        await one.good_frames()
        assert await one.read_hashes() == one.hashes


@cocotb.test()
async def a_load_that_memory_fails_leaves_no_model(dut: Any) -> None:
    one = await bench(dut, 0.1)
    await one.start()
    await one.good_frames()
    stream = np.arange(N.LOAD_WORDS, dtype=np.uint32)
    for word in (8, N.LOAD_WORDS // 2, N.LOAD_WORDS + 4):
        address = one.put_image(stream)
        one.ram.read_faults = {(address + 4 * word) // 8 * 8}
        await one.push_model(address)
        await one.error(reg.Error.READ_RESPONSE, halts=True)
        one.ram.read_faults = set()
        await one.soft_reset()
        await one.start()
        assert await one.read(reg.MODEL_HASH) in (0, one.hashes[0])
        if not await one.read(reg.MODEL_HASH):
            await one.push(one.address(), one.context(bank=0), answered=False)
            await one.error(reg.Error.MODEL_MISSING, halts=False)
        await one.load()
        await one.good_frames()


@cocotb.test()
async def a_soft_reset_in_the_middle_of_a_load_leaves_no_half_model(dut: Any) -> None:
    """At any moment: either the model before it is there, or the new one, or none and frames are refused."""
    one = await bench(dut)
    one.ram.read_latency = 5
    seen = set()
    for cycles in (0, 5, 20, 40, 60, 90, 150, N.LOAD_WORDS, 2 * N.LOAD_WORDS + 800):
        await one.start()
        before = one.model, one.hashes
        await one.load()
        await ClockCycles(dut.clk, cycles)
        await one.write(reg.CONTROL, reg.Control.SOFT_RESET)
        await one.wait_for(reg.STATUS, reg.Status.RESETTING, 0)
        found = await one.read(reg.MODEL_HASH)
        if found == before[1][0]:
            one.model, one.hashes = before
        one.forget()
        seen.add("none" if not found else "old" if found == before[1][0] else "new")
        assert found in (0, one.hashes[0])
        await one.start()
        if not found:
            await one.push(one.address(), one.context(bank=0), answered=False)
            await one.error(reg.Error.MODEL_MISSING, halts=False)
            await one.load()
        await one.good_frames()
        await one.soft_reset()
    assert seen == {"none", "old", "new"}


@cocotb.test()
async def a_bank_that_there_is_not_is_refused(dut: Any) -> None:
    """Of a frame and of a model: its descriptor is dropped, and nothing else happens."""
    one = await bench(dut, 0.1)
    await one.start()
    bank = N.MODELS
    assert await one.read(reg.MODELS) == bank
    await one.push(one.address(), one.context(bank), answered=False)
    await one.error(reg.Error.MODEL_MISSING, halts=False)
    await one.push_model(one.put_image(np.arange(N.LOAD_WORDS, dtype=np.uint32)), bank=bank)
    await one.error(reg.Error.MODEL_SHAPE, halts=False)
    await one.good_frames()
    assert await one.read_hashes() == one.hashes


@cocotb.test()
async def a_bank_without_a_model_refuses_its_frames_alone(dut: Any) -> None:
    one = await bench(dut, 0.1)
    await one.start()
    for bank in range(N.MODELS):
        address = one.put_image(np.arange(N.LOAD_WORDS, dtype=np.uint32))
        one.ram.read_if.write(
            address + IMAGE_BYTES - 1, bytes([one.ram.read_if.read(address + IMAGE_BYTES - 1, 1)[0] ^ 1])
        )
        await one.push_model(address, bank=bank)
        await one.error(reg.Error.MODEL_CRC, halts=False)
        one.model = Model(one.model.added)  # no stream has a past behind a load
        assert await one.read_hashes() == [0 if other == bank else model for other, model in enumerate(one.hashes)]
        await one.push(one.address(), one.context(bank), answered=False)
        await one.error(reg.Error.MODEL_MISSING, halts=False)
        for other in set(range(N.MODELS)) - {bank}:
            await one.push(one.address(), one.context(other))
        await one.drain()
        await one.load(bank)
        await one.good_frames()
