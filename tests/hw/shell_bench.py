# SPDX-License-Identifier: BSD-3-Clause
"""What the cocotb tests of the chip share: a chip after power-on, memory with its faults, and what must come out."""

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
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiRam, AxiResp

from shiftcore.model import image, limits
from shiftcore.model import registers as reg

PLAN = json.loads(Path(os.environ["SHELL_PLAN"]).read_text())
N = SimpleNamespace(**PLAN["numbers"])
LATENCY = PLAN["latency"]
SLOTS = limits.DESCRIPTORS
READ, WRITE = 0x10000, 0x40000  # the two windows
READ_BYTES, WRITE_BYTES = 0x10000, 0x4000
IMAGE_BYTES = 4 * (N.LOAD_WORDS + 5)
HISTORY_BYTES = 4 * N.INPUT_HEIGHT * N.INPUT_WIDTH * N.INGEST
IMAGES, IMAGE_STRIDE = 8, IMAGE_BYTES + 64 + -IMAGE_BYTES % 8
FRAME_BYTES = READ_BYTES - IMAGES * IMAGE_STRIDE  # of the window, in front of the images
HASHES = (reg.MODEL_HASH, reg.MODEL_HASH_1, reg.MODEL_HASH_2, reg.MODEL_HASH_3)
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

    def __init__(self, added: tuple[int, ...] = (0,) * N.MODELS) -> None:
        self.before: dict[int, list[int]] = {}
        self.added = added  # the sum of what was loaded, of each bank

    def logits(self, frame: bytes, context: int) -> list[int]:
        """The logits of the next frame."""
        sums = [
            (-1 if k % 2 else 1) * sum(value * ((5 * i + 3 * k) % 11 + 1) for i, value in enumerate(frame))
            for k in range(N.OUTPUT_LOGITS)
        ]
        stream, clear, added = context & 0x7F, context >> 7 & 1, self.added[context >> 8]
        before = self.before.get(stream) if not clear else None
        self.before[stream] = sums
        half = 1 << N.OUT_ELEMENT_BITS - 1
        return [(s + (before[k] if before else 0) + added + half) % (2 * half) - half for k, s in enumerate(sums)]


class Bench:
    """The chip, its registers through AxiLiteMaster, its memory, and the frames under way."""

    model: Model
    hashes: list[int]  # of the models, by bank
    before: "Bench | None" = None  # of the test before in this simulation: what it loaded is there still

    def __init__(self, dut: Any, pause: float) -> None:
        logging.getLogger("cocotb").setLevel(logging.WARNING)
        self.dut, self.rng = dut, random.Random(PLAN["seed"])
        self.axil = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk)
        self.ram = LateRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk)
        self.stall(pause)
        self.images = 0
        self.model = Model(Bench.before.model.added) if Bench.before else Model()
        self.hashes = Bench.before.hashes if Bench.before else [int(PLAN["hashes"]["MODEL_HASH"], 16)] * N.MODELS
        Bench.before = self
        self.ram.read_if.write(READ, self.rng.randbytes(READ_BYTES))
        self.forget()
        self.frame_id = 0
        Clock(dut.clk, 2, "ns").start()
        cocotb.start_soon(self._watch())

    def forget(self) -> None:
        """The state after a reset: no frame, no record."""
        self.model = Model(self.model.added)
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
            self.waiting.append((self.frame_id, context & 0xFF, self.model.logits(frame, context)))

    def put_image(self, stream: np.ndarray, shape: str = PLAN["hashes"]["SHAPE_HASH"]) -> int:
        """Write the image of a load stream into memory behind the frames, at any alignment; returns its address. The
        images of the last IMAGES calls stay."""
        content = image.image(shape, stream).tobytes()
        self.images += 1
        address = READ + FRAME_BYTES + self.images % IMAGES * IMAGE_STRIDE + self.rng.randrange(64)
        self.ram.read_if.write(address, content)
        return address

    async def push_model(self, address: int, size: int = IMAGE_BYTES, bank: int = 0) -> None:
        """Push the descriptor of a model image."""
        await self.write(reg.DESCRIPTOR_ADDRESS_LO, address)
        await self.write(reg.DESCRIPTOR_ADDRESS_HI, 0)
        await self.write(reg.DESCRIPTOR_BYTES, size)
        await self.write(reg.DESCRIPTOR_MODEL, reg.DescriptorModel.BANK.word(bank) | self.rng.randrange(256))

    async def load(self, bank: int = 0) -> None:
        """Push a new model: what is pushed from here on to its bank is computed by it, and all as after a reset."""
        stream = np.array([self.rng.getrandbits(32) for _ in range(N.LOAD_WORDS)], np.uint32)
        await self.push_model(self.put_image(stream), bank=bank)
        added = list(self.model.added)
        added[bank] = int(stream.astype(np.int64).sum())
        self.model = Model(tuple(added))
        self.hashes = [*self.hashes[:bank], int(image.model_hash(stream), 16), *self.hashes[bank + 1 :]]

    async def read_hashes(self) -> list[int]:
        """Those of all banks that a chip can have, and of this one's has."""
        words = [await self.read(offset) for offset in HASHES]
        assert words[N.MODELS :] == [0] * (len(HASHES) - N.MODELS)
        return words[: N.MODELS]

    def address(self, stuck: bool = False) -> int:
        """Where a frame may begin, at any alignment; its first byte is 255 only if it is to make the core stuck."""
        address = READ + self.rng.randrange(FRAME_BYTES - N.INPUT_BYTES + 1)
        self.ram.read_if.write(address, b"\xff" if stuck else bytes([self.rng.randrange(255)]))
        return address

    def context(self, bank: int | None = None) -> int:
        """Any stream, now and then clear, of any bank or of this one."""
        bank = self.rng.randrange(N.MODELS) if bank is None else bank
        return self.rng.randrange(N.STREAMS) | (self.rng.random() < 0.2) << 7 | bank << 8

    async def submit(self, count: int = 1) -> None:
        """Push `count` good frames, waiting for room. All bytes of frames already pushed stay as they are."""
        for _ in range(count):
            await self.room()
            address = READ + self.rng.randrange(FRAME_BYTES - N.INPUT_BYTES + 1)
            while self.ram.read_if.read(address, 1) == b"\xff":
                address = READ + self.rng.randrange(FRAME_BYTES - N.INPUT_BYTES + 1)
            await self.push(address, self.context())

    async def room(self) -> None:
        """Take records until the queue has a place. Raises AssertionError when it gets none."""
        for _ in range(PATIENCE):
            if reg.DescriptorLevel.FREE.of(await self.read(reg.DESCRIPTOR_LEVEL)):
                return
            await self.take()
        raise AssertionError(f"the queue stays full; ERROR {await self.read(reg.ERROR):#x}")

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
