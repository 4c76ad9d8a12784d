# SPDX-License-Identifier: BSD-3-Clause
"""The cocotb tests of dma_read: they run inside the simulator on the instances that AXI_PLAN names."""

import random
from collections import deque
from typing import Any

import cocotb

from tests.hw.axi_bench import (
    INSTANCES,
    Bench,
    Instance,
    Ports,
    Scenario,
    Stable,
    any_address,
    catch_mutants,
    content,
    play,
    play_all,
)

TAG_BITS = 12
FIRST_BEAT = ("m_tdata", "m_tag", "m_first", "m_last")


def ports(parameters: dict[str, int]) -> Ports:
    """Those of dma_read."""
    address, beat = parameters["ADDR_WIDTH"], 8 * parameters["IN_ELEMENTS"]
    inputs = "clk rst_n stop descriptor_valid m_tready m_axi_arready m_axi_rlast m_axi_rvalid"
    outputs = (
        "quiet busy error_window error_response descriptor_ready m_tvalid m_first m_last m_axi_arvalid m_axi_rready"
    )
    return [
        *(("input", name, 1) for name in inputs.split()),
        *(("input", name, address) for name in ("read_base", "read_limit", "descriptor_address")),
        ("input", "descriptor_tag", TAG_BITS),
        ("input", "m_axi_rdata", 64),
        ("input", "m_axi_rresp", 2),
        *(("output", name, 1) for name in outputs.split()),
        ("output", "m_tdata", beat),
        ("output", "m_tag", TAG_BITS),
        ("output", "m_axi_araddr", address),
        ("output", "m_axi_arlen", 8),
    ]


class ReadBench(Bench):
    """Descriptors, memory and the core around one dma_read, and the rules that it must keep.

    `addresses` are the descriptors still to be given. Every address read, every beat, tag and error pulse is compared
    with what the descriptors taken so far call for; so a test only has to say what happens to it.
    """

    def __init__(self, dut: Any, instance: Instance, rng: random.Random) -> None:
        super().__init__(dut, instance, ports(instance.parameters), rng)
        p = instance.parameters
        self.bytes, self.beat, self.burst = p["INPUT_BYTES"], p["IN_ELEMENTS"], p["MAX_BURST_BEATS"]
        self.fifo = p["FIFO_WORDS"]
        self.top = 1 << p["ADDR_WIDTH"]
        self.latency, self.core_pause, self.descriptor_pause = 0, 0.0, 0.0
        self.stalls = {"ar": 0.0, "r": 0.0}
        self.due = 0  # cycle before which the core takes no beat
        self.addresses: deque[int] = deque()
        self.faults: dict[int, int] = {}  # word address -> response
        self.window(0, self.top - 1)
        self.stopping = self.failed = False
        self.delivered = self.window_errors = self.response_errors = self.words_read = self.gaps = 0
        self.beat_cycles: list[int] = []
        self.descriptor_cycle = self.burst_cycle = self.read_cycle = 0  # of the last of each
        self._ar = Stable(self, "AR", "m_axi_arvalid", "m_axi_arready", ("m_axi_araddr", "m_axi_arlen"))
        self._core = Stable(self, "core", "m_tvalid", "m_tready", FIRST_BEAT)
        self._asked: deque[list[int]] = deque()  # in memory: cycle it is due, word, words left
        self._offered = False  # a burst waits for arready
        self._wanted: deque[list[int]] = deque()  # of descriptors taken: next word, words left
        self._frames: deque[tuple[int, int]] = deque()  # of descriptors taken: address, tag
        self._outside = 0  # descriptors taken whose window error has not come
        self._sent: tuple[int, int] | None = None
        self._beats = 0  # delivered of the frame
        self._arrived = 0  # words from memory, without those of frames that were delivered
        self._was_quiet = False
        self._tag = 0

    def window(self, base: int, limit: int) -> None:
        """Grant [base, limit)."""
        self.base, self.limit = base, limit
        self.set("read_base", base)
        self.set("read_limit", limit)

    def words(self, address: int) -> int:
        """How many words a frame at `address` spans."""
        return -(-(address + self.bytes) // 8) - address // 8

    def inside(self, address: int) -> bool:
        """Whether all words of a frame at `address` lie in the window."""
        return self.base <= address // 8 * 8 and address // 8 * 8 + 8 * self.words(address) <= self.limit

    def stop(self, level: bool) -> None:
        """Set `stop` from the next cycle on."""
        self.stopping = level
        self.set("stop", int(level))

    def idle(self) -> bool:
        """Nothing to be given, read or delivered."""
        return not (self.addresses or self._sent or self._frames or self._outside or self._asked or self._offered)

    def halted(self) -> bool:
        """Nothing may be begun or delivered."""
        return self.stopping or self.failed

    def drive(self) -> None:
        """A descriptor, the memory's two channels, the core's ready."""
        if self._sent is None and self.addresses and not self.chance(self.descriptor_pause):
            self._tag = self.rng.getrandbits(TAG_BITS)
            self._sent = self.addresses.popleft(), self._tag
            self.set("descriptor_address", self._sent[0])
            self.set("descriptor_tag", self._tag)
        self.set("descriptor_valid", int(self._sent is not None))
        self.set("m_axi_arready", int(not self.chance(self.stalls["ar"])))
        due = bool(self._asked) and self._asked[0][0] <= self.cycle
        valid = due and not self.chance(self.stalls["r"])
        self.set("m_axi_rvalid", int(valid))
        if valid:
            _, word, left = self._asked[0]
            response = self.faults.get(word, self.rng.randrange(2))
            self.set("m_axi_rdata", int.from_bytes(content(8 * word, 8), "little"))
            self.set("m_axi_rresp", response)
            self.set("m_axi_rlast", int(left == 1))
        self.set("m_tready", int(self.cycle >= self.due and not self.chance(self.core_pause)))

    def sample(self) -> None:
        """Compare all that the module does in this cycle with what it should."""
        self._sample_errors()
        self._sample_read()
        self._sample_address()
        self._sample_descriptor()
        self._sample_core()
        quiet = bool(self.get("quiet"))
        self.check(not quiet or not (self._asked or self._offered), "quiet with bursts under way")
        self.check(not (self.stopping and self._was_quiet) or quiet, "quiet fell during a stop")
        self._was_quiet = quiet and self.stopping
        if self.halted():
            self._frames.clear()
            self._wanted.clear()
            self._outside = self._beats = self._arrived = 0

    def _sample_read(self) -> None:
        self.check(self.get("m_axi_rready") == 1, "rready is low: a burst was issued without room")
        if self._driven["m_axi_rvalid"]:
            self._asked[0][1] += 1
            self._asked[0][2] -= 1
            self._arrived += 1
            self.read_cycle = self.cycle
            if not self._asked[0][2]:
                self._asked.popleft()

    def _sample_address(self) -> None:
        new, taken, values = self._ar.sample()
        if new:
            address, beats, self.burst_cycle = values[0], values[1] + 1, self.cycle
            self.check(bool(self._wanted), f"burst at {address:#x} that no descriptor calls for")
            word, left = self._wanted[0]
            self.check(address == 8 * word, f"burst at {address:#x}, expected {8 * word:#x}")
            self.check(beats <= min(left, self.burst), f"burst of {beats} at {address:#x}; {left} words are left")
            self.check(address // 4096 == (address + 8 * beats - 1) // 4096, f"{beats} at {address:#x} cross 4 KB")
            self.check(
                self.base <= address and address + 8 * beats <= self.limit, f"{address:#x} is outside the window"
            )
            self._wanted[0] = [word + beats, left - beats]
            if left == beats:
                self._wanted.popleft()
            self.words_read += beats
        self._offered = bool(values) and not taken
        if taken:
            self._asked.append([self.cycle + 1 + self.latency, values[0] // 8, values[1] + 1])
        self.check(len(self._asked) + self._offered <= 8, "more than 8 bursts under way")

    def _sample_descriptor(self) -> None:
        if self._sent is None or not self.get("descriptor_ready"):
            return
        self.check(not self.halted(), "took a descriptor while stopped")
        self.descriptor_cycle = self.cycle
        address, _ = self._sent
        if self.inside(address):
            self._frames.append(self._sent)
            self._wanted.append([address // 8, self.words(address)])
        else:
            self._outside += 1
        self._sent = None

    def _sample_core(self) -> None:
        if self.halted():
            self.check(not self.get("m_tvalid"), "offered a beat while stopped")
            self._core.forget()
            return
        _, taken, values = self._core.sample()
        self.gaps += self._beats > 0 and not values and self._driven["m_tready"]
        if not values:
            return
        data, tag, first, last = values
        self.check(bool(self._frames), "offered a beat of no frame")
        address, expected_tag = self._frames[0]
        address += self._beats * self.beat
        expected = int.from_bytes(content(address, self.beat), "little")
        where = f"frame {self.delivered}, beat {self._beats}"
        self.check(data == expected, f"{where}: expected {expected:#x}, got {data:#x}")
        self.check(tag == expected_tag, f"{where}: expected tag {expected_tag:#x}, got {tag:#x}")
        ends = (int(self._beats == 0), int((self._beats + 1) * self.beat == self.bytes))
        self.check((first, last) == ends, f"{where}: first and last are {first}, {last}, expected {ends}")
        words = range(address // 8, (address + self.beat - 1) // 8 + 1)
        self.check(not any(self.faults.get(word, 0) & 2 for word in words), f"{where}: memory had answered an error")
        self.check(self.get("busy") == 1, "not busy with a frame inside")
        span = self.words(self._frames[0][0])
        full = self._arrived > self.fifo - self.burst
        self.check(not first or full or self._arrived >= span, f"{where}: offered with {self._arrived} of {span} words")
        if taken:
            self.beat_cycles.append(self.cycle)
            self._beats += 1
            if last:
                self._frames.popleft()
                self._beats = 0
                self._arrived -= span
                self.delivered += 1

    def _sample_errors(self) -> None:
        if self.get("error_window"):
            self.check(self._outside > 0, "window error for a frame inside the window")
            self._outside -= 1
            self.window_errors += 1
        if self.get("error_response"):
            self.check(bool(self.faults) and not self.failed, "response error that memory did not give")
            self.failed = True
            self.response_errors += 1

    async def drain(self, pulse: bool) -> None:
        """Stop, for a cycle or until it is quiet, and let go."""
        self.stop(True)
        self.addresses.clear()
        await self.step()
        if not pulse:
            await self.until(lambda: self._was_quiet, 4000, "quiet")
            for _ in range(self.rng.randint(1, 5)):
                await self.step()
        self.stop(False)
        self.failed = False

    async def good_frames(self, count: int) -> None:
        """`count` more frames, which come as they should."""
        self.addresses.extend(any_address(self.rng, self.bytes, *self.words_window()) for _ in range(count))
        await self.until(self.idle, 4000 + 60 * (count + 1) * self.bytes, "done")
        for _ in range(8):
            await self.step()
        self.check(self.get("busy") == 0 and self.get("quiet") == 1, "busy with nothing to do")

    def words_window(self) -> tuple[int, int]:
        """The window in whole words: in it, bytes and words lie alike."""
        return -(-self.base // 8) * 8, self.limit // 8 * 8

    def draw_pauses(self) -> None:
        """Pauses and latency of any kind, on each side its own."""
        choose = self.rng.choice
        self.latency = choose((0, 3, 20, 100))
        self.stalls = {channel: choose((0.0, 0.2, 0.5, 0.8)) for channel in self.stalls}
        self.descriptor_pause = choose((0.0, 0.5, 0.95))
        self.core_pause = choose((0.0, 0.2, 0.5, 0.9) if self.bytes < 1024 * self.beat else (0.0, 0.2))


def frames_of(bench: ReadBench) -> int:
    """So many frames that a test takes about as long for each shape, from 3 to 24."""
    return min(24, max(3, 6000 // bench.bytes))


async def any_frames(bench: ReadBench) -> None:
    """Frames at any address under any pauses."""
    for _ in range(3):
        bench.draw_pauses()
        await bench.good_frames(frames_of(bench))


async def windows(bench: ReadBench) -> None:
    """Frames at and just over the limits of the window, and over the top of the address space."""
    rng, size = bench.rng, bench.bytes
    for top in (False, True):
        base = rng.randrange(0, bench.top - 2 * size - 64)
        limit = bench.top - rng.choice((1, 8)) if top else base + size + rng.randint(14, 40)
        base = rng.choice((base, base // 8 * 8))
        bench.window(base, rng.choice((limit, limit // 8 * 8)))
        low, high = bench.words_window()
        edges = [
            low,
            low - 1,
            high - size,
            high - size + 1,
            bench.base - 8,
            bench.limit,
            bench.limit - 1,
            bench.top - 1,
        ]
        edges += [bench.base, bench.limit - size, 0, bench.top - size, bench.top - 8]
        edges += [rng.randint(low - 9, low + 9) for _ in range(3)] + [
            rng.randint(high - size - 9, high) for _ in range(3)
        ]
        rng.shuffle(edges)
        bench.draw_pauses()
        bench.addresses.extend(edge % bench.top for edge in edges)
        refused = bench.window_errors + sum(not bench.inside(edge % bench.top) for edge in edges)
        await bench.until(bench.idle, 8000 + 60 * len(edges) * size, "done")
        bench.check(bench.window_errors == refused, f"{bench.window_errors} window errors, expected {refused}")
    bench.window(64, 64)
    before = bench.words_read
    bench.addresses.extend([64, 56, 0, bench.top - 1])
    await bench.until(bench.idle, 1000, "done")
    bench.check(bench.words_read == before, "read from an empty window")


async def stops(bench: ReadBench) -> None:
    """Stops at random moments, short and long: the frames after them are right."""
    bench.window(0, bench.top - 1)
    for k in range(10):
        bench.draw_pauses()
        bench.addresses.extend(any_address(bench.rng, bench.bytes, 0, bench.top - 8) for _ in range(6))
        for _ in range(bench.rng.choice((bench.rng.randint(0, 12), bench.rng.randint(0, 300)))):
            await bench.step()
        await bench.drain(pulse=k % 2 == 0)
        if k % 3 == 0:
            await bench.good_frames(1)
    await bench.good_frames(2)


async def errors(bench: ReadBench) -> None:
    """Memory answers one word with an error: one pulse, nothing of that word delivered, right again after a stop."""
    for k in range(4):
        bench.draw_pauses()
        before = bench.response_errors
        addresses = [any_address(bench.rng, bench.bytes, 0, bench.top - 8) for _ in range(3)]
        victim = bench.rng.choice(addresses)
        bench.faults = {bench.rng.randint(victim // 8, (victim + bench.bytes - 1) // 8): bench.rng.choice((2, 3))}
        bench.addresses.extend(addresses)
        await bench.until(lambda: bench.failed, 4000 + 200 * bench.bytes, "an error")
        for _ in range(bench.rng.choice((0, 5, 500))):
            await bench.step()
        await bench.drain(pulse=k % 2 == 0)
        bench.check(bench.response_errors == before + 1, "more than one pulse for an error")
        await bench.until(lambda: not (bench._asked or bench._offered), 4000, "drained")
        bench.faults = {}
        await bench.good_frames(1)


async def full_speed(bench: ReadBench) -> None:
    """Memory and core never wait: a frame takes its beats or its words, two idle cycles, and nothing more.

    Where the FIFO does not hold a frame and two bursts, it has to fill again before each frame.
    """
    count = max(4, min(20, 20000 // bench.bytes))
    beats = bench.bytes // bench.beat
    bench.beat_cycles.clear()
    bench.addresses.extend([0] * count)
    await bench.until(bench.idle, 1000 + 40 * count * bench.bytes, "done")
    starts = bench.beat_cycles[::beats]
    words = -(-bench.bytes // 8)
    allowed = max(beats, words) + 2 + min(words, -(-bench.beat // 8))
    if words + 2 * bench.burst > bench.fifo:
        allowed += bench.burst + 8
    measured = (starts[-1] - starts[1]) / (count - 2)
    bench.check(measured <= allowed, f"a frame takes {measured} cycles, more than {allowed}")


async def latency(bench: ReadBench) -> None:
    """Cycles from a descriptor to its burst, and from the last word to the first beat, when nobody waits."""
    bench.addresses.append(0)
    await bench.until(lambda: bench.burst_cycle > 0, 10, "a burst")
    cycles = bench.burst_cycle - bench.descriptor_cycle
    bench.check(cycles == 3, f"{cycles} cycles from descriptor to burst")
    await bench.until(bench.idle, 1000 + 40 * bench.bytes, "done")
    words = bench.words(0)
    if words > bench.fifo - bench.burst:
        return  # begins before it is whole
    cycles = bench.beat_cycles[0] - bench.read_cycle
    expected = 5 if words == 1 else 3 + -(-bench.beat // 8)
    bench.check(cycles == expected, f"{cycles} cycles from the last word to the first beat, expected {expected}")


async def steady_state(bench: ReadBench) -> None:
    """A core that takes a frame every so many cycles hardly notices a slow memory: latency 100, stalls of 20 %."""
    bench.latency, bench.stalls = 100, {"ar": 0.2, "r": 0.2}
    beats = bench.bytes // bench.beat
    for interval, count, even in ((1100, 20, False), (4000, 10, True), (4000, 8, False), (18432, 3, True)):
        start = bench.due = 0
        bench.beat_cycles.clear()
        bench.gaps = 0
        bench.addresses.extend(any_address(bench.rng, bench.bytes, 0, bench.top - 8) for _ in range(count))
        taken = 0
        while not bench.idle():
            await bench.step()
            if len(bench.beat_cycles) > taken:
                if taken % beats == 0:
                    start = bench.beat_cycles[taken]
                taken += 1
                position = taken % beats
                bench.due = start + (interval if position == 0 else position * interval // beats if even else 0)
            assert bench.cycle < 10_000_000, "no end"
        starts = bench.beat_cycles[::beats]
        bench.check(len(starts) == count, f"{len(starts)} frames of {count}")
        measured = (starts[-1] - starts[1]) / (count - 2)
        cocotb.log.info(f"{bench.about}: {measured} cycles a frame, {interval} wanted; {bench.gaps} gaps")
        bench.check(measured < 1.02 * interval, f"a frame every {measured} cycles instead of {interval}")
        bench.check(bench.gaps == 0, f"{bench.gaps} gaps within frames that fit in the FIFO")


SCENARIOS = [any_frames, windows, stops, errors, full_speed, latency]


@cocotb.test()
@cocotb.parametrize(scenario=SCENARIOS)
async def every_shape(dut: Any, scenario: Scenario) -> None:
    """All scenarios on all instances."""
    await play_all(dut, ReadBench, scenario)


@cocotb.test()
async def core_stays_fed(dut: Any) -> None:
    """The first instance at several rates."""
    await play(dut, ReadBench, INSTANCES[0], steady_state)


@cocotb.test()
async def every_mutant(dut: Any) -> None:
    """Every fault is noticed by some scenario."""
    await catch_mutants(dut, ReadBench, SCENARIOS)
