# SPDX-License-Identifier: BSD-3-Clause
"""The cocotb tests of ingest: they run inside the simulator on the instances that AXI_PLAN names."""

from fractions import Fraction
from typing import Any

import cocotb
import numpy as np

from shiftcore.errors import UserError
from shiftcore.model.preprocess import Picture, crop_size
from tests.hw.axi_bench import INSTANCES, Scenario, catch_mutants, play, play_all
from tests.hw.ingest_bench import MAX_HEIGHT, MAX_WIDTH, ORIGIN, IngestBench, Plane

ASPECTS = [Fraction(*sides) for sides in ((12, 11), (40, 33), (3, 4), (8, 1), (1, 2))]


def draw_image(bench: IngestBench, width: int, height: int) -> np.ndarray:
    """Noise, black, white, or black and white."""
    noise = np.frombuffer(bench.rng.randbytes(width * height), np.uint8).reshape(height, width)
    return bench.rng.choice((noise, noise, noise | 255, noise & 0, noise // 128 * np.uint8(255)))


def lay(bench: IngestBench, image: np.ndarray) -> Plane:
    """A plane with `image` somewhere in the window, at any alignment."""
    height, width = image.shape
    stride = width + bench.rng.choice((0, 0, bench.rng.randrange(1, 20), -width % 64))
    span = stride * (height - 1) + width
    start = bench.free + bench.rng.randrange(70)
    if start + span + 16 > bench.high:
        start = bench.low
    address = ORIGIN + -(-start // 8) * 8 + bench.rng.randrange(8)
    bench.free = start + span + 16
    bench.place(image, stride, address)
    return Plane(address, stride, width, height, image)


def draw_plane(bench: IngestBench) -> Plane:
    """Any that the model takes."""
    rng = bench.rng
    kind = rng.randrange(6)
    width, height = rng.randint(bench.width, 4 * bench.width + 9), rng.randint(bench.height, 4 * bench.height + 9)
    if kind == 0:
        width, height = rng.choice((1, 2, 3)) * bench.width, rng.choice((1, 2)) * bench.height
    elif kind == 1:
        width, height = bench.width + rng.randrange(2), bench.height + rng.randrange(2)
    plane = lay(bench, draw_image(bench, width, height))
    if kind == 2:
        see_as(bench, plane, rng.choice(ASPECTS))
    plane.stream, plane.restart, plane.run = rng.randrange(bench.streams), rng.random() < 0.1, rng.random() < 0.8
    return plane


def see_as(bench: IngestBench, plane: Plane, aspect: Fraction) -> None:
    """Pixels that are not square: the part seen is the whole of the plane that the descriptor tells of."""
    assert plane.image is not None
    seen = plane.image.view(Picture)
    seen.pixel_aspect = aspect
    try:
        rows, columns = crop_size(seen, bench.height, bench.width)
    except UserError:
        return
    plane.address += (plane.height - rows) // 2 * plane.stride + (plane.width - columns) // 2
    plane.image, plane.width, plane.height, plane.whole = seen, columns, rows, True


async def any_images(bench: IngestBench) -> None:
    """Images of any size of all streams under any pauses."""
    for _ in range(2):
        bench.draw_pauses()
        bench.planes.extend(draw_plane(bench) for _ in range(7))
        await bench.finish()
    bench.check(bench.counts["inputs"] > 0 and bench.counts["history"] > 0, "no input, or none without images before")


def broken_planes(bench: IngestBench) -> list[Plane]:
    """One of each fault: what it is, and little beside a good one."""
    width, height = bench.width, bench.height
    least = lay(bench, draw_image(bench, width, height))

    def one(error: str, **changes: Any) -> Plane:
        values = {**vars(least), "image": None, "error": error, "stream": bench.rng.randrange(bench.streams), **changes}
        return Plane(**values)

    start, end = ORIGIN + bench.low, ORIGIN + bench.high
    span = least.stride * (height - 1) + width
    wide = {"address": start, "stride": 8 * width}
    return [
        one("size", width=width - 1),
        one("size", height=height - 1),
        one("size", width=width - 1, whole=True),
        one("size", width=8 * width, height=height - 1, whole=True, **wide),
        one("size", width=0),
        one("size", address=start, width=MAX_WIDTH + 1, stride=MAX_WIDTH + 1),
        one("size", address=start, width=width + (1 << 13), stride=width + (1 << 13)),
        one("size", address=start, height=MAX_HEIGHT + 1, stride=width),
        one("stride", stride=width - 1),
        one("stride", stride=0),
        one("window", address=start - 1),
        one("window", address=end - span + 1),
        one("window", address=end - 8 * width, height=2 * height, stride=least.stride),
        one("window", address=0),
        one("window", address=(1 << 33) - span + 7),
    ]


async def faults(bench: IngestBench) -> None:
    """Each fault is told of, reads nothing, and ends the stream's clip; planes at the window's ends are taken."""
    bench.draw_pauses()
    broken = broken_planes(bench)
    bench.rng.shuffle(broken)
    for k, plane in enumerate(broken):
        bench.planes.extend([draw_plane(bench), plane] if k % 4 == 0 else [plane])
    for end in (False, True):
        plane = draw_plane(bench)
        image = plane.image
        assert image is not None
        span = plane.stride * (plane.height - 1) + plane.width
        if not plane.whole:
            plane.address = ORIGIN + (bench.high - span if end else bench.low)
            bench.planes.append(plane)
            await bench.finish(400_000)
            bench.place(image, plane.stride, plane.address)
    await bench.finish(400_000)


async def good_images(bench: IngestBench) -> None:
    """A clip of four images: two inputs."""
    for _ in range(4):
        plane = draw_plane(bench)
        plane.stream, plane.run = bench.streams - 1, True
        bench.planes.append(plane)
    await bench.finish()


async def stops(bench: IngestBench) -> None:
    """Stops at random moments: bursts are finished, all images forgotten, what comes after is right."""
    for k in range(3):
        bench.draw_pauses()
        bench.planes.extend(draw_plane(bench) for _ in range(4))
        for _ in range(bench.rng.randint(0, 900)):
            await bench.step()
        await bench.restart()
        if k % 2:
            await good_images(bench)


async def errors(bench: IngestBench) -> None:
    """Memory's errors, and histories that do not fit: told of, and after a stop all is right."""
    for kind in ("read", "write", "limit"):
        bench.draw_pauses()
        before = bench.counts[kind]
        if kind == "limit":
            bench.windows(bench.low, bench.high, short=8)
        for _ in range(4):
            plane = draw_plane(bench)
            plane.stream = bench.streams - 1
            bench.planes.append(plane)
        for _ in range(bench.rng.randint(0, 900)):
            await bench.step()
        bench.read_fault, bench.write_fault = kind == "read", kind == "write"
        for _ in range(2):
            bench.planes.append(draw_plane(bench))
        await bench.until(lambda: bench.failed, 20_000, f"an error ({kind})")
        bench.check(bench.counts[kind] == before + 1, f"another error than {kind}")
        await bench.restart()
        bench.windows(bench.low, bench.high)
        await good_images(bench)


async def largest(bench: IngestBench) -> None:
    """The widest and the highest plane, all of them seen, white: sums, borders and areas at their largest."""
    for width, height in ((MAX_WIDTH, bench.height), (bench.width, MAX_HEIGHT)):
        for shape in ((bench.width, bench.height), (bench.width, bench.height), (width, height)):
            plane = lay(bench, draw_image(bench, *shape))
            if shape == (width, height):
                assert plane.image is not None
                plane = lay(bench, plane.image | 255)
                see_as(bench, plane, Fraction(bench.width * height, width * bench.height))
            bench.planes.append(plane)
        await bench.finish()


async def slow_core(bench: IngestBench) -> None:
    """A core that is slower than the images: none of them is changed before it has been read."""
    if bench.history_bytes // 8 <= bench.parameters["FIFO_WORDS"]:
        return  # read long before
    bench.core_pause = 0.9
    for k in range(9):
        plane = lay(bench, draw_image(bench, bench.width, bench.height))
        plane.run = k % 2 == 0 or k > 6  # with and without an image that no input is made of
        bench.planes.append(plane)
    await bench.finish()


def least_cycles(bench: IngestBench, plane: Plane) -> int:
    """A cycle a word, or a cycle a box that ends in it."""
    assert plane.image is not None
    rows, columns = crop_size(plane.image, bench.height, bench.width)
    start = plane.address + (plane.height - rows) // 2 * plane.stride + (plane.width - columns) // 2
    ends = np.arange(1, bench.width + 1) * columns // bench.width
    cycles = 0
    for row in range(rows):
        offset = (start + row * plane.stride) % 8
        words = -(-(offset + columns) // 8)
        cycles += int(np.maximum(np.bincount((offset + ends - 1) // 8, minlength=words), 1).sum())
    return cycles


async def full_speed(bench: IngestBench) -> None:
    """Memory never waits: an image takes its words or boxes, and 250 cycles; its input has no gap."""
    bench.latency = 4
    sizes = [(9 * bench.width + 5, 7 * bench.height + 3), (4 * bench.width + 7, 5 * bench.height)]
    for width, height in sizes * 2:
        bench.planes.append(lay(bench, draw_image(bench, width, height)))
    planes, before = list(bench.planes), len(bench.done_cycles)
    await bench.finish()
    done = bench.done_cycles[before:]
    if bench.parameters["MAX_BURST_BEATS"] < 16:
        return  # this memory port does not give a word a cycle
    for plane, first, second in zip(planes[1:], done[:-1], done[1:], strict=True):
        least = least_cycles(bench, plane)
        cocotb.log.info(f"{bench.about}: {plane.width}x{plane.height} took {second - first} cycles, {least} at least")
        bench.check(second - first <= least + 250, f"{second - first} cycles for {plane.width}x{plane.height}")
    bench.check(bench.gaps == 0, f"{bench.gaps} gaps within inputs")


SCENARIOS = [any_images, slow_core, faults, stops, errors, full_speed]


@cocotb.test()
@cocotb.parametrize(scenario=SCENARIOS)
async def every_shape(dut: Any, scenario: Scenario) -> None:
    """All scenarios on all instances."""
    await play_all(dut, IngestBench, scenario)


@cocotb.test()
async def largest_planes(dut: Any) -> None:
    """The first instance."""
    await play(dut, IngestBench, INSTANCES[0], largest)


@cocotb.test()
async def every_mutant(dut: Any) -> None:
    """Every fault is noticed by some scenario."""
    await catch_mutants(dut, IngestBench, SCENARIOS)
