# SPDX-License-Identifier: BSD-3-Clause
"""The cocotb tests of planes in the chip around tests/hw/fake_core.sv: they run inside the simulator, as those of
shell_cocotb, some of which they repeat."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiResp

from shiftcore.errors import UserError
from shiftcore.model import registers as reg
from shiftcore.model.preprocess import Preprocessor, to_input
from tests.hw.shell_bench import FRAME_BYTES, HISTORY_BYTES, READ, WRITE, WRITE_BYTES, Bench, N
from tests.hw.shell_cocotb import (  # noqa: F401 - tests
    a_counters_halves_belong_together,
    config_does_not_change_while_running_or_busy,
    registers_are_those_of_the_map,
)

HISTORIES = 0x60000
HISTORIES_END = HISTORIES + N.STREAMS * HISTORY_BYTES
Use = reg.DescriptorPlaneUse


@dataclass
class Plane:
    """What a descriptor says. The image is whatever memory holds there."""

    address: int
    stride: int
    width: int
    height: int
    stream: int
    restart: bool = False
    run: bool = False
    whole: bool = False


class PlaneBench(Bench):
    """A chip that is given planes; the images that it should keep are those of `Preprocessor`."""

    def forget(self) -> None:
        super().forget()
        shape = SimpleNamespace(height=N.INPUT_HEIGHT, width=N.INPUT_WIDTH)
        how = SimpleNamespace(representation="motion", run_every=1)
        self.preprocessor = Preprocessor(SimpleNamespace(input=shape, preprocess=how))  # type: ignore[arg-type]
        self.kept = [0] * N.STREAMS  # images of each stream's clip
        self.planes = 0

    async def start(self, slots: int = 8, watchdog: int = 0, histories: int = HISTORIES_END) -> None:
        for offset, value in ((reg.HISTORY_BASE_LO, HISTORIES), (reg.HISTORY_LIMIT_LO, histories)):
            assert await self.write(offset, value) == AxiResp.OKAY
        await super().start(slots, watchdog)

    def image(self, plane: Plane) -> np.ndarray:
        """What memory holds."""
        content = self.ram.read_if.read(plane.address, plane.stride * (plane.height - 1) + plane.width)
        rows = [content[row * plane.stride :][: plane.width] for row in range(plane.height)]
        return np.array([list(row) for row in rows], np.uint8)

    def draw(self, run: bool | None = None) -> Plane:
        """Any plane that the chip takes, of any stream. None makes the core stuck: its first byte is not 255."""
        rng = self.rng
        while True:
            kind = rng.randrange(4)
            width, height = rng.randint(N.INPUT_WIDTH, 60), rng.randint(N.INPUT_HEIGHT, 50)
            if kind == 0:
                width, height = N.INPUT_WIDTH + rng.randrange(2), N.INPUT_HEIGHT + rng.randrange(2)
            stride = width + rng.choice((0, rng.randrange(20), -width % 8))
            span = stride * (height - 1) + width
            address = READ + rng.randrange(FRAME_BYTES - span + 1)
            plane = Plane(address, stride, width, height, rng.randrange(N.STREAMS), rng.random() < 0.1)
            if to_input(self.image(plane), N.INPUT_HEIGHT, N.INPUT_WIDTH)[0, 0] == 255:
                continue
            before = 0 if plane.restart else self.kept[plane.stream]
            plane.run = before >= 2 and (rng.random() < 0.8 if run is None else run)
            return plane

    async def push_plane(self, plane: Plane, context: int | None = None, refused: bool = False) -> None:
        """Push its descriptor; unless it is to be `refused`, what comes of it is expected."""
        self.frame_id = self.frame_id * 5 + 0x12345677 & 0xFFFFFFFF
        if context is None:
            context = plane.stream | (self.rng.random() < 0.2) << 7 | self.rng.randrange(N.MODELS) << 8
        size, flags = (
            reg.DescriptorPlaneSize,
            (Use.RESTART * plane.restart | Use.RUN * plane.run | Use.WHOLE * plane.whole),
        )
        await self.write(reg.DESCRIPTOR_ADDRESS_LO, plane.address & 0xFFFFFFFF)
        await self.write(reg.DESCRIPTOR_ADDRESS_HI, plane.address >> 32)
        await self.write(reg.DESCRIPTOR_FRAME_ID, self.frame_id)
        await self.write(reg.DESCRIPTOR_PLANE_SIZE, size.WIDTH.word(plane.width) | size.HEIGHT.word(plane.height))
        await self.write(reg.DESCRIPTOR_PLANE_USE, Use.STRIDE.word(plane.stride) | flags)
        await self.write(reg.DESCRIPTOR_PLANE, context)
        if refused:
            return
        prepared = self.preprocessor.prepare(self.image(plane), plane.stream, plane.restart)
        self.kept[plane.stream] = 1 if plane.restart else self.kept[plane.stream] + 1
        self.planes += 1
        if plane.run:
            assert prepared is not None
            self.waiting.append((self.frame_id, context & 0xFF, self.model.logits(prepared[0].tobytes(), context)))

    def refuse(self, stream: int) -> None:
        """The chip forgets the stream's images."""
        self.kept[stream] = 0
        try:
            self.preprocessor.prepare(np.zeros((1, 1), np.uint8), stream)
        except UserError:
            return

    async def show(self, count: int = 1) -> None:
        """Push `count` good planes, waiting for room."""
        for _ in range(count):
            await self.room()
            await self.push_plane(self.draw())

    async def good_planes(self) -> None:
        """A clip of four images: two inputs."""
        stream = self.rng.randrange(N.STREAMS)
        for index in range(4):
            plane = self.draw()
            plane.stream, plane.restart, plane.run = stream, index == 0, index >= 2
            await self.room()
            await self.push_plane(plane)
        await self.drain()
        await self.wait_for(reg.STATUS, reg.Status.BUSY, 0)
        assert await self.read(reg.ERROR) & ~reg.Error.RESULT_FULL == 0


async def bench(dut: Any, pause: float = 0.0) -> PlaneBench:
    """A chip after power-on."""
    one = PlaneBench(dut, pause)
    await one.reset()
    return one


@cocotb.test()
async def planes_and_frames_are_right_under_random_pauses(dut: Any) -> None:
    """Planes of all sizes and streams, ready-made frames and models in any order: every record in order and right, one
    latency, the counters right, and nothing written outside the two windows."""
    one = await bench(dut)
    await one.start(slots=5)
    for pause, latency in ((0.3, 0), (0.6, 40), (0.0, 100), (0.1, 7)):
        one.stall(pause)
        one.ram.read_latency = one.ram.write_latency = latency
        for _ in range(6):
            await one.show(one.rng.randrange(1, 7))
            await one.submit(one.rng.randrange(3))
        await one.room()
        await one.load(one.rng.randrange(N.MODELS))
    await one.good_planes()
    assert await one.read(reg.PLANES_DONE) == one.planes
    assert await one.read(reg.FRAMES_DONE) == one.sequence
    assert set(one.latencies) == {await one.read(reg.LATENCY_MIN)} == {await one.read(reg.LATENCY_MAX)}
    assert await one.read64(reg.INPUT_STALLS_LO) == 0
    windows = (range(WRITE, WRITE + WRITE_BYTES), range(HISTORIES, HISTORIES_END))
    assert all(any(address in window for window in windows) for address in one.ram.writes)


@cocotb.test()
async def a_plane_that_is_wrong_is_dropped(dut: Any) -> None:
    """Its flag comes, nothing is read, and its stream's next image begins a clip."""
    one = await bench(dut, 0.1)
    await one.start()
    width, height = N.INPUT_WIDTH, N.INPUT_HEIGHT
    good: dict[str, Any] = {"address": READ, "stride": 40, "width": 40, "height": 30}
    cases: list[tuple[reg.Field, dict[str, Any]]] = [
        (reg.Error.PLANE_SIZE, {"width": width - 1}),
        (reg.Error.PLANE_SIZE, {"height": height - 1}),
        (reg.Error.PLANE_SIZE, {"width": 4097, "stride": 4097, "height": height}),
        (reg.Error.PLANE_SIZE, {"height": 2305, "width": width, "stride": width}),
        (reg.Error.PLANE_STRIDE, {"stride": 39}),
        (reg.Error.READ_WINDOW, {"address": READ - 1}),
        (reg.Error.READ_WINDOW, {"address": READ + (1 << N.AXI_ADDR_WIDTH)}),
        (reg.Error.READ_WINDOW, {"stride": 0xFFFF}),
    ]
    for flag, fault in cases:
        plane = Plane(**{**good, **fault}, stream=one.rng.randrange(N.STREAMS))
        await one.wait_for(reg.STATUS, reg.Status.BUSY, 0)
        seen = len(one.ram.reads)
        await one.push_plane(plane, refused=True)
        await one.error(flag, halts=False)
        await one.wait_for(reg.STATUS, reg.Status.BUSY, 0)
        assert len(one.ram.reads) == seen, "memory was read for a plane that was dropped"
        one.refuse(plane.stream)
        await one.show(4)
        await one.drain()
        assert await one.read(reg.ERROR) == 0
    plane = one.draw()
    await one.push_plane(plane, context=N.STREAMS, refused=True)
    await one.error(reg.Error.STREAM, halts=False)
    await one.good_planes()
    await one.push_plane(one.draw(), context=N.MODELS << 8, refused=True)
    await one.error(reg.Error.MODEL_MISSING, halts=False)
    await one.good_planes()
    plane = one.draw()
    plane.restart, plane.run = True, True
    await one.push_plane(plane, refused=True)
    await one.error(reg.Error.PLANE_HISTORY, halts=False)
    await one.good_planes()


@cocotb.test()
async def a_full_queue_drops_a_plane_and_says_so(dut: Any) -> None:
    one = await bench(dut)
    await one.start()
    await one.write(reg.CONTROL, 0)
    while reg.DescriptorLevel.FREE.of(await one.read(reg.DESCRIPTOR_LEVEL)):
        await one.push_plane(one.draw())
    await one.push_plane(one.draw(), refused=True)
    await one.error(reg.Error.DESCRIPTOR_OVERFLOW, halts=False)
    await one.write(reg.CONTROL, reg.Control.RUN)
    await one.drain()
    await one.good_planes()


@cocotb.test()
async def a_memory_error_halts_and_a_reset_forgets_all_images(dut: Any) -> None:
    """Of a plane, of an image that is written, of one that is read back; and histories outside their window."""
    one = await bench(dut, 0.2)
    one.ram.read_latency = one.ram.write_latency = 20
    for case in ("plane", "written", "read back", "window"):
        await one.start(histories=HISTORIES_END - 8 if case == "window" else HISTORIES_END)
        plane = one.draw()
        for index in range(3):
            plane.stream, plane.restart, plane.run = N.STREAMS - 1, index == 0, index == 2
            if index == 2 and case != "window":
                await one.wait_for(reg.STATUS, reg.Status.BUSY, 0)
                image = {HISTORIES_END - 8 * one.rng.randrange(1, 5)}
                words = set(range(plane.address // 8 * 8, plane.address + plane.stride * plane.height, 8))
                one.ram.read_faults = {"plane": words, "read back": image}.get(case, set())
                one.ram.write_faults = image if case == "written" else set()
            await one.push_plane(plane, refused=True)
        response = reg.Error.WRITE_RESPONSE if case == "written" else reg.Error.READ_RESPONSE
        await one.error(reg.Error.HISTORY_WINDOW if case == "window" else response, halts=True)
        one.ram.read_faults, one.ram.write_faults = set(), set()
        await one.soft_reset()
        await one.start()
        await one.good_planes()
        await one.soft_reset()


@cocotb.test()
async def a_soft_reset_at_any_time_forgets_all_images(dut: Any) -> None:
    one = await bench(dut, 0.2)
    for _ in range(25):
        one.ram.read_latency, one.ram.write_latency = one.rng.randrange(60), one.rng.randrange(60)
        await one.start()
        await one.show(one.rng.randrange(1, 9))
        await ClockCycles(dut.clk, one.rng.randrange(1500))
        await one.soft_reset()
        await one.start()
        await one.good_planes()
        await one.soft_reset()


@cocotb.test()
async def planes_are_counted_and_refused_without_a_model(dut: Any) -> None:
    one = await bench(dut)
    await one.start()
    one.ram.read_latency = 30
    cycles = []
    for size in (20, 40):
        plane = Plane(READ, size, size, size, 0)
        await one.push_plane(plane)
        await one.wait_for(reg.STATUS, reg.Status.BUSY, 0)
        cycles.append(await one.read(reg.PLANE_CYCLES_LAST))
        least = sum(-(-size // 8) for _ in range(size * N.INPUT_HEIGHT // N.INPUT_WIDTH))
        assert least < cycles[-1] < least + 600
    assert await one.read(reg.PLANE_CYCLES_MAX) == max(cycles)
    assert sum(cycles) <= await one.read64(reg.PLANE_BUSY_LO) <= sum(cycles) + 4
    assert await one.read(reg.PLANES_DONE) == 2
    await one.write(reg.CONTROL, reg.Control.RUN | reg.Control.CLEAR_COUNTERS)
    assert [await one.read(offset) for offset in (reg.PLANES_DONE, reg.PLANE_CYCLES_MAX, reg.PLANE_BUSY_LO)] == [
        0,
        0,
        0,
    ]
    one.planes = 0
    address = one.put_image(np.arange(N.LOAD_WORDS, dtype=np.uint32))
    byte = one.ram.read_if.read(address + 17, 1)[0]
    one.ram.read_if.write(address + 17, bytes([byte ^ 1]))
    await one.push_model(address)
    await one.error(reg.Error.MODEL_CRC, halts=False)
    await one.push_plane(plane, context=plane.stream, refused=True)
    await one.error(reg.Error.MODEL_MISSING, halts=False)
    assert await one.read(reg.PLANES_DONE) == 0
    await one.load()
    await one.good_planes()
