# SPDX-License-Identifier: BSD-3-Clause
"""The cocotb tests of dma_write: they run inside the simulator on the instances that AXI_PLAN names."""

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import cocotb

from tests.hw.axi_bench import (
    Bench,
    Instance,
    Ports,
    Scenario,
    Stable,
    any_address,
    catch_mutants,
    play_all,
)


def ports(parameters: dict[str, int]) -> Ports:
    """Those of dma_write."""
    address = parameters["ADDR_WIDTH"]
    inputs = "clk rst_n stop s_record_tvalid s_tvalid m_axi_awready m_axi_wready m_axi_bvalid"
    outputs = (
        "quiet busy error_window error_response done s_record_tready s_tready m_axi_awvalid m_axi_wlast m_axi_wvalid"
    )
    return [
        *(("input", name, 1) for name in inputs.split()),
        *(("input", name, address) for name in ("write_base", "write_limit", "s_record_address")),
        ("input", "s_tdata", 64),
        ("input", "m_axi_bresp", 2),
        *(("output", name, 1) for name in outputs.split()),
        ("output", "m_axi_bready", 1),
        ("output", "m_axi_awaddr", address),
        ("output", "m_axi_awlen", 8),
        ("output", "m_axi_wdata", 64),
        ("output", "m_axi_wstrb", 8),
    ]


@dataclass
class Record:
    """One record under way: where it begins, what of it has gone where."""

    word: int
    words: list[int]
    given: int = 0  # words that the module took
    started: int = 0  # words for which it offered an address
    answered: int = 0  # words whose burst was answered OKAY


@dataclass
class Burst:
    """One burst under way, from the offer of its address to its answer."""

    word: int
    words: list[int]
    record: Record
    taken: bool = False  # its address
    offered: int = 0  # beats
    sent: int = 0  # beats
    aborted: bool = False  # a stop or an error came while it was under way
    due: int | None = field(default=None)  # cycle from which it may be answered


class WriteBench(Bench):
    """Records, and memory, around one dma_write, and the rules that it must keep.

    `addresses` are those of the records still to be written, with random words. Every burst, word, strobe and pulse is
    compared with what the records taken so far call for.
    """

    def __init__(self, dut: Any, instance: Instance, rng: random.Random) -> None:
        super().__init__(dut, instance, ports(instance.parameters), rng)
        p = instance.parameters
        self.bytes, self.burst, self.top = p["RECORD_BYTES"], p["MAX_BURST_BEATS"], 1 << p["ADDR_WIDTH"]
        self.patience = 1000 + 60 * self.bytes // 8 + 300 * (self.bytes // 8 // self.burst + 2)  # cycles a record
        self.latency, self.word_pause = 0, 0.0
        self.stalls = dict.fromkeys(("aw", "w", "b"), 0.0)
        self.addresses: deque[int] = deque()
        self.faults: dict[int, int] = {}  # word address -> response
        self.window(0, self.top - 1)
        self.stopping = self.failed = False
        self.records = self.window_errors = self.response_errors = 0
        self.done_cycles: list[int] = []
        self._aw = Stable(self, "AW", "m_axi_awvalid", "m_axi_awready", ("m_axi_awaddr", "m_axi_awlen"))
        self._w = Stable(self, "W", "m_axi_wvalid", "m_axi_wready", ("m_axi_wdata", "m_axi_wstrb", "m_axi_wlast"))
        self._bursts: deque[Burst] = deque()
        self._address: int | None = None  # offered
        self._record: Record | None = None
        self._outside = False  # a record was taken whose window error has not come
        self._word_offered = False
        self._was_quiet = False

    def window(self, base: int, limit: int) -> None:
        """Grant [base, limit)."""
        self.base, self.limit = base, limit
        self.set("write_base", base)
        self.set("write_limit", limit)

    def inside(self, address: int) -> bool:
        """Whether a record at `address` lies in the window."""
        return self.base <= address and address + self.bytes <= self.limit

    def stop(self, level: bool) -> None:
        """Set `stop` from the next cycle on."""
        self.stopping = level
        self.set("stop", int(level))

    def idle(self) -> bool:
        """Nothing to be given, written or answered."""
        return not (self.addresses or self._address is not None or self._record or self._bursts or self._outside)

    def halted(self) -> bool:
        """Nothing may be begun or taken."""
        return self.stopping or self.failed

    def drive(self) -> None:
        """A record's address and words, the memory's three channels."""
        if self._address is None and self.addresses:
            self._address = self.addresses.popleft()
            self.set("s_record_address", self._address + self.rng.randrange(8))
        self.set("s_record_tvalid", int(self._address is not None))
        record = self._record
        more = record is not None and record.given < len(record.words)
        self._word_offered = more and (self._word_offered or not self.chance(self.word_pause))
        self.set("s_tvalid", int(self._word_offered))
        if self._word_offered and record is not None:
            self.set("s_tdata", record.words[record.given])
        self.set("m_axi_awready", int(not self.chance(self.stalls["aw"])))
        self.set("m_axi_wready", int(not self.chance(self.stalls["w"])))
        due = self._bursts[0].due if self._bursts else None
        answer = due is not None and due <= self.cycle and not self.chance(self.stalls["b"])
        self.set("m_axi_bvalid", int(answer))
        if answer:
            self.set("m_axi_bresp", self._response(self._bursts[0]))

    def _response(self, burst: Burst) -> int:
        faults = [self.faults[word] for word in range(burst.word, burst.word + len(burst.words)) if word in self.faults]
        return max(faults, default=self.rng.randrange(2))

    def sample(self) -> None:
        """Compare all that the module does in this cycle with what it should."""
        self._sample_pulses()
        self._sample_answer()
        self._sample_address()
        self._sample_data()
        self._sample_record()
        quiet = bool(self.get("quiet"))
        self.check(not quiet or not self._bursts, "quiet with bursts under way")
        self.check(not (self.stopping and self._was_quiet) or quiet, "quiet fell during a stop")
        self._was_quiet = quiet and self.stopping
        if self.halted():
            self._record, self._word_offered = None, False
            self._outside = False
            for burst in self._bursts:
                burst.aborted = True

    def _sample_pulses(self) -> None:
        if self.get("error_window"):
            self.check(self._outside, "window error for a record inside the window")
            self._outside, self.failed = False, True
            self.window_errors += 1
        if self.get("error_response"):
            self.check(bool(self.faults) and not self.failed, "response error that memory did not give")
            self.failed = True
            self.response_errors += 1
        if self.get("done"):
            record = self._record
            self.check(record is not None, "done without a record")
            assert record is not None
            self.check(record.answered == len(record.words), f"done with {record.answered} words answered")
            self._record = None
            self.records += 1
            self.done_cycles.append(self.cycle)

    def _sample_answer(self) -> None:
        self.check(self.get("m_axi_bready") == 1, "bready is low")
        if self._driven["m_axi_bvalid"]:
            burst = self._bursts.popleft()
            if not self._driven["m_axi_bresp"] & 2:
                burst.record.answered += len(burst.words)

    def _sample_address(self) -> None:
        new, taken, values = self._aw.sample()
        if new:
            address, beats = values[0], values[1] + 1
            record = self._record
            self.check(record is not None, f"burst at {address:#x} without a record")
            assert record is not None
            start = record.started
            self.check(
                address == 8 * (record.word + start), f"burst at {address:#x}, expected word {start} of the record"
            )
            self.check(beats <= self.burst, f"burst of {beats} at {address:#x}")
            self.check(start + beats <= record.given, f"burst of {beats} with {record.given - start} words collected")
            self.check(address // 4096 == (address + 8 * beats - 1) // 4096, f"{beats} at {address:#x} cross 4 KB")
            self.check(
                self.base <= address and address + 8 * beats <= self.limit, f"{address:#x} is outside the window"
            )
            record.started += beats
            self._bursts.append(Burst(address // 8, record.words[start : start + beats], record))
            self.check(len(self._bursts) <= 8, "more than 8 bursts under way")
        if taken:
            burst = next(one for one in self._bursts if not one.taken)
            burst.taken = True
            self._complete(burst)

    def _sample_data(self) -> None:
        new, taken, values = self._w.sample()
        if new:
            burst = next((one for one in self._bursts if one.offered < len(one.words)), None)
            self.check(burst is not None, "data without an address")
            assert burst is not None
            data, strobes, last = values
            expected = burst.words[burst.offered]
            self.check(strobes == (0 if burst.aborted else 0xFF), f"strobes {strobes:#x}, aborted: {burst.aborted}")
            self.check(not strobes or data == expected, f"wrote {data:#x}, expected {expected:#x}")
            burst.offered += 1
            self.check(last == int(burst.offered == len(burst.words)), f"wlast is {last} with beat {burst.offered - 1}")
        if taken:
            burst = next(one for one in self._bursts if one.sent < len(one.words))
            burst.sent += 1
            self._complete(burst)

    def _complete(self, burst: Burst) -> None:
        if burst.taken and burst.sent == len(burst.words):
            burst.due = self.cycle + 1 + self.latency

    def _sample_record(self) -> None:
        if self.halted():
            self.check(not self.get("s_record_tready"), "takes a record while stopped")
            self.check(not self.get("s_tready"), "takes a word while stopped")
            return
        self.check(not (self._outside and self.get("s_tready")), "wants words of a record outside the window")
        if self._word_offered and self.get("s_tready"):
            assert self._record is not None
            self._record.given += 1
            self._word_offered = False
        if self._address is None or not self.get("s_record_tready"):
            return
        self.check(self._record is None, "takes a record before the last one is done")
        if self.inside(self._address):
            words = [self.rng.getrandbits(64) for _ in range(self.bytes // 8)]
            self._record = Record(self._address // 8, words)
        else:
            self._outside = True
        self._address = None

    async def drain(self, pulse: bool) -> None:
        """Stop, for a cycle or until it is quiet, and let go."""
        self.stop(True)
        self.addresses.clear()
        await self.step()
        if not pulse:
            await self.until(lambda: self._was_quiet, self.patience, "quiet")
            for _ in range(self.rng.randint(1, 5)):
                await self.step()
        self.stop(False)
        self.failed = False

    async def good_records(self, count: int) -> None:
        """`count` more records, which are written as they should."""
        expected = self.records + count + (self._address is not None)
        self.addresses.extend(8 * any_address(self.rng, self.bytes // 8, *self.words_window()) for _ in range(count))
        await self.until(self.idle, (count + 1) * self.patience, "done")
        for _ in range(8):
            await self.step()
        self.check(self.records == expected, f"{self.records} records, expected {expected}")
        self.check(self.get("busy") == 0 and self.get("quiet") == 1, "busy with nothing to do")

    def words_window(self) -> tuple[int, int]:
        """The window in words."""
        return -(-self.base // 8), self.limit // 8

    def draw_pauses(self) -> None:
        """Pauses and latency of any kind."""
        choose = self.rng.choice
        self.latency, self.word_pause = choose((0, 3, 20, 100)), choose((0.0, 0.2, 0.5, 0.9))
        self.stalls = {
            channel: choose((0.0, 0.2, 0.5, 0.8, 0.97 if channel == "aw" else 0.9)) for channel in self.stalls
        }


async def any_records(bench: WriteBench) -> None:
    """Records at any address under any pauses."""
    for _ in range(4):
        bench.draw_pauses()
        await bench.good_records(min(20, max(3, 2000 // bench.bytes)))


async def windows(bench: WriteBench) -> None:
    """Records at and just over the limits of the window, and over the top of the address space."""
    rng, size = bench.rng, bench.bytes
    for top in (False, True):
        base = 8 * rng.randrange(0, (bench.top - 2 * size - 64) // 8) + (0 if top else 4)
        limit = bench.top - rng.choice((1, 8)) if top else base + 2 * size + rng.choice((0, 8, 12))
        bench.window(base, limit)
        low, high = (8 * word for word in bench.words_window())
        edges = [low, low - 8, high - size, high - size + 8, high, base // 8 * 8, 0, bench.top - size, bench.top - 8]
        for edge in edges:
            bench.draw_pauses()
            address = edge % bench.top
            refused, records = bench.window_errors, bench.records
            bench.addresses.append(address)
            await bench.until(bench.idle, 2 * bench.patience, "done")
            if bench.inside(address):
                bench.check(bench.records == records + 1, f"{address:#x} was refused")
                continue
            bench.check(bench.window_errors == refused + 1, f"{address:#x} was not refused")
            bench.addresses.append(low)
            for _ in range(20):
                await bench.step()
            await bench.drain(pulse=rng.random() < 0.5)
            await bench.until(bench.idle, 2 * bench.patience, "done")
    await bench.good_records(2)


async def stops(bench: WriteBench) -> None:
    """Stops at random moments, short and long: bursts are finished without effect, the records after them are right."""
    for k in range(20):
        bench.draw_pauses()
        bench.addresses.extend(8 * any_address(bench.rng, bench.bytes // 8, *bench.words_window()) for _ in range(4))
        for _ in range(bench.rng.choice((bench.rng.randint(0, 12), bench.rng.randint(0, 200)))):
            await bench.step()
        await bench.drain(pulse=k % 2 == 0)
        if k % 3 == 0:
            await bench.good_records(1)
    await bench.good_records(2)


async def errors(bench: WriteBench) -> None:
    """Memory answers one burst with an error: one pulse, no `done`, right again after a stop."""
    for k in range(6):
        bench.draw_pauses()
        before = bench.response_errors
        victim = any_address(bench.rng, bench.bytes // 8, *bench.words_window())
        bench.faults = {victim + bench.rng.randrange(bench.bytes // 8): bench.rng.choice((2, 3))}
        bench.addresses.extend([8 * victim, 8 * victim])
        await bench.until(lambda: bench.failed, 3 * bench.patience, "an error")
        for _ in range(bench.rng.choice((0, 5, 500))):
            await bench.step()
        await bench.drain(pulse=k % 2 == 0)
        bench.check(bench.response_errors == before + 1, "more than one pulse for an error")
        await bench.until(lambda: not bench._bursts, bench.patience, "drained")
        bench.faults = {}
        await bench.good_records(1)


async def full_speed(bench: WriteBench) -> None:
    """Memory never waits: a record takes 2n + 1 cycles for each burst of n words, and five more."""
    bench.addresses.extend([0] * 5)
    await bench.until(bench.idle, 5 * bench.patience, "done")
    words = bench.bytes // 8
    allowed = 2 * words + -(-words // bench.burst) + 5
    cycles = [b - a for a, b in zip(bench.done_cycles[:-1], bench.done_cycles[1:], strict=True)]
    bench.check(set(cycles) == {allowed}, f"records take {cycles} cycles, expected {allowed}")


SCENARIOS = [any_records, windows, stops, errors, full_speed]


@cocotb.test()
@cocotb.parametrize(scenario=SCENARIOS)
async def every_shape(dut: Any, scenario: Scenario) -> None:
    """All scenarios on all instances."""
    await play_all(dut, WriteBench, scenario)


@cocotb.test()
async def every_mutant(dut: Any) -> None:
    """Every fault is noticed by some scenario."""
    await catch_mutants(dut, WriteBench, SCENARIOS)
