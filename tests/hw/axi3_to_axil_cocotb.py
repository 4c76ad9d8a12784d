# SPDX-License-Identifier: BSD-3-Clause
"""The cocotb tests of axi3_to_axil: they run inside the simulator on the instances that AXI_PLAN names."""

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Combine
from cocotbext.axi import AxiBurstType, AxiBus, AxiLiteBus, AxiLiteRam, AxiMaster

from tests.hw.axi_bench import INSTANCES, PLAN, Bench, Instance, Ports, Stable, catch_mutants, play_all

OKAY, SLVERR, DECERR = 0, 2, 3
FIXED, INCR, WRAP = 0, 1, 2


def ports(parameters: dict[str, int]) -> Ports:
    """Those of axi3_to_axil; len and size as wide as cocotbext's AXI4 wants them, their upper bits are left out."""
    ids, address = parameters["ID_BITS"], parameters["ADDR_BITS"]
    asked = [("id", ids), ("addr", address), ("len", 8), ("size", 3), ("burst", 2), ("prot", 3), ("valid", 1)]
    data = [("data", 32), ("strb", 4), ("last", 1), ("valid", 1)]
    read = [("id", ids), ("data", 32), ("resp", 2), ("last", 1), ("valid", 1)]
    write = [("id", ids), ("resp", 2), ("valid", 1)]

    def channel(prefix: str, way: str, back: str, signals: list[tuple[str, int]]) -> Ports:
        return [(way, f"{prefix}{name}", bits) for name, bits in signals] + [(back, f"{prefix}ready", 1)]

    def lite(signals: list[tuple[str, int]]) -> list[tuple[str, int]]:
        return [(name, bits) for name, bits in signals if name not in {"id", "len", "size", "burst", "last"}]

    return [
        ("input", "clk", 1),
        ("input", "rst_n", 1),
        *channel("s_axi_aw", "input", "output", asked),
        *channel("s_axi_w", "input", "output", data),
        *channel("s_axi_b", "output", "input", write),
        *channel("s_axi_ar", "input", "output", asked),
        *channel("s_axi_r", "output", "input", read),
        *channel("m_axil_aw", "output", "input", lite(asked)),
        *channel("m_axil_w", "output", "input", lite(data)),
        *channel("m_axil_b", "input", "output", lite(write)),
        *channel("m_axil_ar", "output", "input", lite(asked)),
        *channel("m_axil_r", "input", "output", lite(read)),
    ]


@dataclass
class Burst:
    """One read or write; `words` are data and strobes of a write."""

    id: int
    addr: int
    len: int
    size: int
    burst: int
    prot: int
    words: list[tuple[int, int]]

    def refused(self) -> bool:
        """Whether it is to be answered SLVERR and reach no register."""
        return self.size != 2 or self.burst not in {FIXED, INCR}

    def addresses(self) -> list[int]:
        """The words it goes to."""
        return [self.addr // 4 * 4 + (4 * k if self.burst == INCR else 0) for k in range(self.len + 1)]


class BridgeBench(Bench):
    """A master's bursts on one side, an AXI4-Lite slave on the other: what passes is what was asked for."""

    def __init__(self, dut: Any, instance: Instance, rng: random.Random) -> None:
        super().__init__(dut, instance, ports(instance.parameters), rng)
        self.size, self.ids = 1 << instance.parameters["ADDR_BITS"], 1 << instance.parameters["ID_BITS"]
        self.pause = 0.0
        self.errors: dict[int, int] = {}  # address -> response
        self.reads: deque[Burst] = deque()  # to be offered
        self.writes: deque[Burst] = deque()
        self.data: deque[tuple[int, int, int]] = deque()  # data, strobes, last to be offered
        self._asked: deque[tuple[int, int]] = deque()  # address, prot of AXI4-Lite reads that must come
        self._written: deque[tuple[int, ...]] = deque()  # address, prot, data, strobes of writes that must come
        self._read_answers: deque[tuple[int, int, int, int]] = deque()  # id, data, response, last; data -1: the slave's
        self._write_answers: deque[tuple[int, int]] = deque()  # id, response
        self._slave_read: int | None = None  # address
        self._slave_data: tuple[int, int] | None = None  # it answers: data, response
        self._slave_write: list[tuple[int, ...] | None] = [None, None]  # address and prot; data and strobes
        self._slave_response: int | None = None
        self._returned: deque[tuple[int, int]] = deque()  # data, response that the slave gave
        self._outputs = {
            "r": Stable(
                self, "R", "s_axi_rvalid", "s_axi_rready", [f"s_axi_r{x}" for x in ("id", "data", "resp", "last")]
            ),
            "b": Stable(self, "B", "s_axi_bvalid", "s_axi_bready", ["s_axi_bid", "s_axi_bresp"]),
            "ar": Stable(self, "lite AR", "m_axil_arvalid", "m_axil_arready", ["m_axil_araddr", "m_axil_arprot"]),
            "aw": Stable(self, "lite AW", "m_axil_awvalid", "m_axil_awready", ["m_axil_awaddr", "m_axil_awprot"]),
            "w": Stable(self, "lite W", "m_axil_wvalid", "m_axil_wready", ["m_axil_wdata", "m_axil_wstrb"]),
        }
        self._offered: dict[str, bool] = {"ar": False, "aw": False, "w": False}

    def any_burst(self, write: bool) -> Burst:
        """A burst of any kind that stays below the top of the address space."""
        rng = self.rng
        length = min(rng.choice((0, 0, 1, 3, rng.randrange(16), 15)), self.size // 4 - 1)
        kind = rng.choice((INCR, INCR, INCR, FIXED, WRAP))
        size = rng.choice((2, 2, 2, 2, 0, 1))
        words = [(rng.getrandbits(32), rng.choice((15, 15, rng.getrandbits(4)))) for _ in range(length + 1)]
        address = rng.randint(0, self.size - 4 * (length + 1)) if rng.random() < 0.8 else self.size - 4 * (length + 1)
        return Burst(rng.randrange(self.ids), address, length, size, kind, rng.randrange(8), words if write else [])

    def submit(self, burst: Burst) -> None:
        """Offer a burst, and expect all that it calls for."""
        last = len(burst.addresses()) - 1
        if not burst.words:
            self.reads.append(burst)
            for k, address in enumerate(burst.addresses()):
                if not burst.refused():
                    self._asked.append((address, burst.prot))
                self._read_answers.append((burst.id, 0 if burst.refused() else -1, SLVERR, int(k == last)))
            return
        self.writes.append(burst)
        worst = SLVERR if burst.refused() else OKAY
        for k, (address, word) in enumerate(zip(burst.addresses(), burst.words, strict=True)):
            self.data.append((*word, int(k == last)))
            if not burst.refused():
                self._written.append((address, burst.prot, *word))
                worst = max(worst, self.errors.get(address, OKAY))
        self._write_answers.append((burst.id, worst))

    def idle(self) -> bool:
        """Everything has been answered."""
        return not (self._read_answers or self._write_answers)

    def drive(self) -> None:
        """The master's three channels, the slave's two answers, every ready."""
        for name, queue in (("ar", self.reads), ("aw", self.writes)):
            self._offered[name] = self._offered[name] or (bool(queue) and not self.chance(self.pause))
            self.set(f"s_axi_{name}valid", int(self._offered[name]))
            if self._offered[name]:
                for field in ("id", "addr", "len", "size", "burst", "prot"):
                    self.set(f"s_axi_{name}{field}", getattr(queue[0], field))
        self._offered["w"] = self._offered["w"] or (bool(self.data) and not self.chance(self.pause))
        self.set("s_axi_wvalid", int(self._offered["w"]))
        if self._offered["w"]:
            for field, value in zip(("data", "strb", "last"), self.data[0], strict=True):
                self.set(f"s_axi_w{field}", value)
        for ready in ("s_axi_r", "s_axi_b", "m_axil_ar", "m_axil_aw", "m_axil_w"):
            self.set(f"{ready}ready", int(not self.chance(self.pause)))
        if self._slave_data is None and self._slave_read is not None and not self.chance(self.pause):
            self._slave_data = self.rng.getrandbits(32), self.errors.get(self._slave_read, OKAY)
            self.set("m_axil_rdata", self._slave_data[0])
            self.set("m_axil_rresp", self._slave_data[1])
        self.set("m_axil_rvalid", int(self._slave_data is not None))
        address = self._slave_write[0]
        if self._slave_response is None and address and self._slave_write[1] and not self.chance(self.pause):
            self._slave_response = self.errors.get(address[0], OKAY)
            self.set("m_axil_bresp", self._slave_response)
        self.set("m_axil_bvalid", int(self._slave_response is not None))

    def sample(self) -> None:
        """Compare all that passes with what should."""
        self._sample_master()
        self._sample_slave()
        for name, queue in (("ar", self.reads), ("aw", self.writes), ("w", self.data)):
            if self._offered[name] and self.get(f"s_axi_{name}ready"):
                queue.popleft()
                self._offered[name] = False

    def _sample_master(self) -> None:
        _, taken, values = self._outputs["r"].sample()
        if values:
            self.check(bool(self._read_answers), "R that nobody asked for")
            identity, data, response, last = self._read_answers[0]
            if data < 0:
                self.check(bool(self._returned), "R before the slave answered")
                data, response = self._returned[0]
            self.check(values == (identity, data, response, last), f"R {values}")
            if taken and self._read_answers.popleft()[1] < 0:
                self._returned.popleft()
        _, taken, values = self._outputs["b"].sample()
        if values:
            self.check(bool(self._write_answers) and values == self._write_answers[0], f"B {values}")
            if taken:
                self._write_answers.popleft()

    def _sample_slave(self) -> None:
        _, taken, values = self._outputs["ar"].sample()
        if values:
            self.check(bool(self._asked) and values == self._asked[0], f"lite AR {values}")
            self.check(self._slave_read is None, "lite AR before the last one was answered")
            if taken:
                self._slave_read = self._asked.popleft()[0]
        if self._slave_data is not None and self.get("m_axil_rready"):
            self._returned.append(self._slave_data)
            self._slave_read = self._slave_data = None
        for part, name in enumerate(("aw", "w")):
            _, taken, values = self._outputs[name].sample()
            if values:
                self.check(self._slave_write[part] is None, f"lite {name} before the last write was answered")
                self.check(bool(self._written), f"lite {name} {values} that nobody asked for")
                self.check(values == self._written[0][2 * part : 2 * part + 2], f"lite {name} {values}")
            if taken:
                self._slave_write[part] = values
        if self._slave_response is not None and self.get("m_axil_bready"):
            self._slave_write, self._slave_response = [None, None], None
            self._written.popleft()


async def any_bursts(bench: BridgeBench) -> None:
    """Reads and writes of every kind side by side, with errors at some addresses, under any pauses."""
    for _ in range(6):
        bench.pause = bench.rng.choice((0.0, 0.2, 0.5, 0.8))
        words = range(0, bench.size, 4)
        bench.errors = {bench.rng.choice(words): bench.rng.choice((SLVERR, DECERR)) for _ in range(len(words) // 8)}
        for _ in range(40):
            bench.submit(bench.any_burst(bench.rng.random() < 0.5))
        await bench.until(bench.idle, 60000, "answered")
        for _ in range(8):
            await bench.step()
        bench.check(not (bench._asked or bench._written or bench._returned), "something did not reach the slave")


@cocotb.test()
async def every_shape(dut: Any) -> None:
    """All instances."""
    await play_all(dut, BridgeBench, any_bursts)


@cocotb.test()
async def every_mutant(dut: Any) -> None:
    """Every fault is noticed."""
    await catch_mutants(dut, BridgeBench, [any_bursts])


def pauses(name: str) -> Iterator[bool]:
    """For a channel: whether it pauses in each cycle."""
    rng = random.Random(f"{name} {PLAN['seed']}")
    while True:
        yield rng.random() < 0.3


def pause_at_random(side: AxiMaster | AxiLiteRam) -> None:
    """Let each of its channels pause by itself."""
    for part in (side.write_if, side.read_if):
        for channel in ("aw_channel", "w_channel", "b_channel", "ar_channel", "r_channel"):
            if hasattr(part, channel):
                getattr(part, channel).set_pause_generator(pauses(f"{type(side).__name__} {channel}"))


@cocotb.test()
async def independent_master_and_memory(dut: Any) -> None:
    """cocotbext's master of AXI, its bursts cut to AXI3's 16 beats, reads back what it wrote to cocotbext's memory."""
    name, rng, size = INSTANCES[0].name, random.Random(PLAN["seed"]), 4096
    clock, reset = getattr(dut, f"{name}_clk"), getattr(dut, f"{name}_rst_n")
    Clock(clock, 2, unit="ns").start()
    reset.value = 0
    await ClockCycles(clock, 3)
    master = AxiMaster(AxiBus.from_prefix(dut, f"{name}_s_axi"), clock, max_burst_len=16)
    ram = AxiLiteRam(AxiLiteBus.from_prefix(dut, f"{name}_m_axil"), clock, size=size)
    for side in (master, ram):
        pause_at_random(side)
    await ClockCycles(clock, 3)
    reset.value = 1
    expected = bytearray(rng.randbytes(size))
    ram.write(0, bytes(expected))

    async def writes() -> None:
        for _ in range(20):
            address, count = rng.randrange(size // 2), rng.choice((1, 2, 4, 64, rng.randint(1, 300)))
            data = rng.randbytes(count)
            answer = await master.write(address, data, awid=rng.randrange(4), size=2)
            assert answer.resp == OKAY
            expected[address : address + count] = data
            assert ram.read(0, size // 2) == expected[: size // 2]

    async def reads() -> None:
        for _ in range(20):
            address, count = size // 2 + rng.randrange(size // 2 - 300), rng.choice((1, 4, 64, rng.randint(1, 300)))
            answer = await master.read(address, count, arid=rng.randrange(4), size=2)
            assert answer.resp == OKAY
            assert answer.data == expected[address : address + count]

    await Combine(cocotb.start_soon(writes()), cocotb.start_soon(reads()))
    before = ram.read(0, size)
    for kind, beat in ((AxiBurstType.INCR, 0), (AxiBurstType.INCR, 1), (AxiBurstType.WRAP, 2)):
        assert (await master.write(64, bytes(16), burst=kind, size=beat)).resp == SLVERR
        assert (await master.read(64, 16, burst=kind, size=beat)).resp == SLVERR
    assert ram.read(0, size) == before
