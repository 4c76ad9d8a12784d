# SPDX-License-Identifier: BSD-3-Clause
"""The cocotb tests of the chip around tests/hw/fake_core.sv: they run inside the simulator. SHELL_PLAN names a file
with the chip's numbers, its build hash and the seed."""

import json
import logging
import os
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiRam, AxiResp

from shiftcore.hw.contract import Register, load_contract
from shiftcore.model import limits
from shiftcore.model import registers as reg

PLAN = json.loads(Path(os.environ["SHELL_PLAN"]).read_text())
N = SimpleNamespace(**PLAN["numbers"])
LATENCY = PLAN["latency"]
SLOTS = limits.DESCRIPTORS
READ, WRITE = 0x10000, 0x40000  # the two windows
READ_BYTES, WRITE_BYTES = 0x10000, 0x4000
PATIENCE = 40 * (N.FRAME_INTERVAL + LATENCY)


class LateRam(AxiRam):
    """An AxiRam that answers `latency` cycles after the address, several bursts at a time, and can fail: the words at
    the addresses `read_faults` and `write_faults` are answered with `response`."""

    def __init__(self, bus: AxiBus, clock: Any) -> None:
        super().__init__(bus, clock, size=2**20)
        self.read_latency = self.write_latency = 0
        self.read_faults: set[int] = set()
        self.write_faults: set[int] = set()
        self.response = AxiResp.SLVERR
        self.reads: list[int] = []  # addresses of all words read, and written
        self.writes: list[int] = []
        reader, writer = self.read_if, self.write_if
        reader.ar_channel.recv = self._late(reader.ar_channel.recv, lambda: self.read_latency)
        writer.aw_channel.recv = self._late(writer.aw_channel.recv, lambda: self.write_latency)
        reader._read, writer._write = self._read, self._write
        reader.r_channel.send = self._answer(reader.r_channel.send, "rresp")
        writer.b_channel.send = self._answer(writer.b_channel.send, "bresp")

    def _late(self, receive: Callable[[], Awaitable[Any]], latency: Callable[[], int]) -> Callable[[], Awaitable[Any]]:
        arrived: deque[tuple[float, Any]] = deque()

        async def collect() -> None:
            while True:
                command = await receive()
                arrived.append((get_sim_time("ns") + 2 * latency(), command))

        async def late() -> Any:
            while not arrived or get_sim_time("ns") < arrived[0][0]:
                await RisingEdge(self.read_if.clock)
            return arrived.popleft()[1]

        cocotb.start_soon(collect())
        return late

    def _answer(self, send: Callable[[Any], Awaitable[None]], response: str) -> Callable[[Any], Awaitable[None]]:
        async def answer(beat: Any) -> None:
            if getattr(beat, response) != AxiResp.OKAY:
                setattr(beat, response, self.response)
            await send(beat)

        return answer

    async def _read(self, address: int, length: int) -> bytes:
        self.reads.append(address)
        if address in self.read_faults:
            raise ValueError("a fault on purpose")
        return bytes(self.read_if.read(address, length))

    async def _write(self, address: int, data: bytes) -> None:
        self.writes.append(address)
        if address // 8 * 8 in self.write_faults:
            raise ValueError("a fault on purpose")
        self.write_if.write(address, data)


def pauses(rng: random.Random, probability: float) -> Iterator[bool]:
    """A pause in each cycle with this probability, for ever."""
    while True:
        yield rng.random() < probability


class Model:
    """What the fake core answers."""

    def __init__(self) -> None:
        self.before: dict[int, list[int]] = {}

    def logits(self, frame: bytes, context: int) -> list[int]:
        """The logits of the next frame."""
        sums = [
            (-1 if k % 2 else 1) * sum(value * ((5 * i + 3 * k) % 11 + 1) for i, value in enumerate(frame))
            for k in range(N.OUTPUT_LOGITS)
        ]
        stream, clear = context & 0x7F, context >> 7
        before = self.before.get(stream) if not clear else None
        self.before[stream] = sums
        half = 1 << N.OUT_ELEMENT_BITS - 1
        return [(s + (before[k] if before else 0) + half) % (2 * half) - half for k, s in enumerate(sums)]


class Bench:
    """The chip, its registers through AxiLiteMaster, its memory, and the frames under way."""

    def __init__(self, dut: Any, pause: float) -> None:
        logging.getLogger("cocotb").setLevel(logging.WARNING)
        self.dut, self.rng = dut, random.Random(PLAN["seed"])
        self.axil = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk)
        self.ram = LateRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk)
        self.stall(pause)
        self.ram.read_if.write(READ, self.rng.randbytes(READ_BYTES))
        self.forget()
        self.frame_id = 0
        Clock(dut.clk, 2, "ns").start()
        cocotb.start_soon(self._watch())

    def forget(self) -> None:
        """The state after a reset: no frame, no record."""
        self.model = Model()
        self.waiting: deque[tuple[int, int, list[int]]] = deque()  # frame id, context, logits of frames to come
        self.sequence = self.slot = 0
        self.entered: deque[int] = deque()  # cycles in which frames entered the core
        self.left: list[int] = []  # cycles in which they left it
        self.latencies: list[int] = []

    def stall(self, pause: float) -> None:
        """Pause every channel of both ports at random."""
        masters = (self.axil.write_if, self.axil.read_if)
        for port in (*masters, self.ram.write_if, self.ram.read_if):
            for name in ("aw", "w", "b", "ar", "r"):
                channel = getattr(port, f"{name}_channel", None)
                if channel is not None:
                    channel.set_pause_generator(pauses(random.Random(self.rng.random()), pause))

    async def _watch(self) -> None:
        """Measure the latency of every frame at the core's ports."""
        cycle = 0
        core = self.dut.core_i
        while True:
            await RisingEdge(self.dut.clk)
            cycle += 1
            if not int(self.dut.rst_n.value):
                continue
            if int(core.in_first.value):
                self.entered.append(cycle)
            if int(core.out_last.value):
                self.latencies.append(cycle - self.entered.popleft())
                self.left.append(cycle)

    async def reset(self) -> None:
        """Power on."""
        self.dut.rst_n.value = 0
        await ClockCycles(self.dut.clk, 5)
        self.dut.rst_n.value = 1
        await ClockCycles(self.dut.clk, 2)

    async def write(self, offset: int, value: int) -> AxiResp:
        """Write a register."""
        return (await self.axil.write(offset, value.to_bytes(4, "little"))).resp

    async def read(self, offset: int) -> int:
        """Read a register."""
        return int.from_bytes((await self.axil.read(offset, 4)).data, "little")

    async def read64(self, offset: int) -> int:
        """Read a counter of 64 bits."""
        low = await self.read(offset)
        return low | await self.read(offset + 4) << 32

    async def start(self, slots: int = 8, watchdog: int = 0) -> None:
        """Windows, ring, and go."""
        for offset, value in (
            (reg.READ_BASE_LO, READ),
            (reg.READ_LIMIT_LO, READ + READ_BYTES),
            (reg.WRITE_BASE_LO, WRITE),
            (reg.WRITE_LIMIT_LO, WRITE + WRITE_BYTES),
            (reg.RESULT_SLOTS, slots),
            (reg.WATCHDOG, watchdog),
            (reg.IRQ_ENABLE, reg.IrqEnable.ERROR),
            (reg.CONTROL, reg.Control.RUN),
        ):
            assert await self.write(offset, value) == AxiResp.OKAY
        self.slots = slots

    async def push(self, address: int, context: int, size: int = N.INPUT_BYTES, answered: bool = True) -> None:
        """Push a descriptor; unless `answered` is false, its record is expected."""
        self.frame_id = self.frame_id * 5 + 0x12345677 & 0xFFFFFFFF
        await self.write(reg.DESCRIPTOR_ADDRESS_LO, address & 0xFFFFFFFF)
        await self.write(reg.DESCRIPTOR_ADDRESS_HI, address >> 32)
        await self.write(reg.DESCRIPTOR_BYTES, size)
        await self.write(reg.DESCRIPTOR_FRAME_ID, self.frame_id)
        await self.write(reg.DESCRIPTOR_CONTEXT, context)
        if answered:
            frame = self.ram.read_if.read(address, N.INPUT_BYTES)
            self.waiting.append((self.frame_id, context, self.model.logits(frame, context)))

    def address(self, stuck: bool = False) -> int:
        """Where a frame may begin, at any alignment; its first byte is 255 only if it is to make the core stuck."""
        address = READ + self.rng.randrange(READ_BYTES - N.INPUT_BYTES + 1)
        self.ram.read_if.write(address, b"\xff" if stuck else bytes([self.rng.randrange(255)]))
        return address

    def context(self) -> int:
        """Any stream, now and then clear."""
        return self.rng.randrange(N.STREAMS) | (self.rng.random() < 0.2) << 7

    async def submit(self, count: int = 1) -> None:
        """Push `count` good frames, waiting for room. All bytes of frames already pushed stay as they are."""
        for _ in range(count):
            while not reg.DescriptorLevel.FREE.of(await self.read(reg.DESCRIPTOR_LEVEL)):
                await self.take()
            address = READ + self.rng.randrange(READ_BYTES - N.INPUT_BYTES + 1)
            while self.ram.read_if.read(address, 1) == b"\xff":
                address = READ + self.rng.randrange(READ_BYTES - N.INPUT_BYTES + 1)
            await self.push(address, self.context())

    async def take(self) -> int:
        """Compare the records that are there with what must come, and free their slots."""
        level = await self.read(reg.RESULT_LEVEL)
        for _ in range(level):
            self.check_record()
        if level:
            await self.write(reg.RESULT_TAKE, level)
        return level

    def check_record(self) -> None:
        """The oldest record in memory is that of the oldest frame."""
        frame_id, context, logits = self.waiting.popleft()
        record = self.ram.read_if.read(WRITE + self.slot * N.RECORD_BYTES, N.RECORD_BYTES)
        words = [int.from_bytes(record[4 * i : 4 * i + 4], "little") for i in range(N.RECORD_BYTES // 4)]
        want = [frame_id, context, self.latencies[self.sequence], self.sequence, *(x & 0xFFFFFFFF for x in logits)]
        assert words == want + [0] * (len(words) - len(want)), f"record {self.sequence}: {words}, not {want}"
        self.slot = (self.slot + 1) % self.slots
        self.sequence += 1

    async def drain(self) -> None:
        """Take records until the last frame's has come. Raises AssertionError when it does not."""
        for _ in range(PATIENCE):
            await self.take()
            if not self.waiting:
                return
            await ClockCycles(self.dut.clk, 20)
        raise AssertionError(f"{len(self.waiting)} records did not come; ERROR {await self.read(reg.ERROR):#x}")

    async def wait_for(self, offset: int, field: reg.Field, value: int = 1) -> None:
        """Poll a register's field. Raises AssertionError when it does not become `value`."""
        for _ in range(PATIENCE):
            if field.of(await self.read(offset)) == value:
                return
        raise AssertionError(f"register {offset:#x}, bits {int(field):#x}: not {value} in time")

    async def error(self, flag: reg.Field, halts: bool) -> None:
        """This flag comes, alone, with an interrupt; it halts or does not; and it is cleared."""
        await self.wait_for(reg.ERROR, flag)
        assert await self.read(reg.ERROR) == flag
        assert reg.Status.HALTED.of(await self.read(reg.STATUS)) == halts
        assert reg.IrqStatus.ERROR.of(await self.read(reg.IRQ_STATUS)) == 1
        assert int(self.dut.irq.value) == 1
        await self.write(reg.ERROR, flag)
        await self.write(reg.IRQ_STATUS, reg.IrqStatus.ERROR)
        assert await self.read(reg.ERROR) == 0
        assert int(self.dut.irq.value) == 0

    async def soft_reset(self) -> None:
        """A soft reset, after which all is as after power-on; then frames are right again."""
        await self.write(reg.CONTROL, reg.Control.SOFT_RESET)
        await self.wait_for(reg.STATUS, reg.Status.RESETTING, 0)
        for offset, word in reg.RESETS.items():
            if offset not in (reg.CYCLES_LO,):
                assert await self.read(offset) == word, f"register {offset:#x} after a soft reset"
        self.forget()

    async def good_frames(self, count: int = 3) -> None:
        """Some frames and their records."""
        await self.submit(count)
        await self.drain()
        assert await self.read(reg.ERROR) == 0


async def bench(dut: Any, pause: float = 0.0) -> Bench:
    """A chip after power-on."""
    one = Bench(dut, pause)
    await one.reset()
    return one


# Registers


def number_of(reset: int | str) -> int:
    return (
        {**PLAN["numbers"], "DESCRIPTOR_SLOTS": SLOTS, "BUILD_HASH": int(PLAN["build_hash"], 16)}[reset]
        if isinstance(reset, str)
        else reset
    )


def after_reset(register: Register) -> int:
    parts = [(field.reset, field.low) for field in register.fields] or [(register.reset, 0)]
    return 0 if register.access == "wo" else sum(number_of(reset) << low for reset, low in parts)


def writable(register: Register) -> int:
    """Bits that keep what is written."""
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
        one.rng.shuffle(
            order := [row for row in rows if row.offset not in (reg.CONTROL, reg.DESCRIPTOR_CONTEXT, reg.RESULT_TAKE)]
        )
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
    for offset in sorted(reg.WHEN_IDLE):
        before = await one.read(offset)
        await one.write(offset, before ^ 0x5A5A5A50)
        assert await one.read(offset) == before
        await one.error(reg.Error.CONFIG, halts=False)
    await one.good_frames()
    await one.write(reg.CONTROL, 0)
    await one.submit(1)
    for offset in sorted(reg.WHEN_IDLE):
        before = await one.read(offset)
        await one.write(offset, before ^ 0x5A5A5A50)
        assert await one.read(offset) == before
        await one.error(reg.Error.CONFIG, halts=False)
    await one.write(reg.CONTROL, reg.Control.RUN)
    await one.drain()
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
