# SPDX-License-Identifier: BSD-3-Clause
"""The cocotb tests of dma_read: they run inside the simulator on the instances that AXI_PLAN names."""

from typing import Any

import cocotb

from tests.hw.axi_bench import (
    INSTANCES,
    Scenario,
    any_address,
    catch_mutants,
    play,
    play_all,
)
from tests.hw.dma_read_bench import ReadBench


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
