"""A thin stand-in for the package pynq, with a Verilated chip behind it: the same names, and the rules that bite.

Memory is cached: the CPU and the chip see each other's bytes only where a slice was flushed or invalidated. MMIO takes
an int, no subclass. Time is the chip's.
"""

import asyncio
import types
from pathlib import Path
from typing import Any

import numpy as np

from shiftcore.model import registers as reg
from shiftcore.sim.chip import ChipModel

PAGE = 4096
READ_CYCLES = 200  # what a CPU's read of a register takes, much longer than here so that polling gets on


class Buffer(np.ndarray):
    """As pynq's: a slice knows where it lies in the whole."""

    device_address: int
    world: "World"

    def __array_finalize__(self, whole: Any) -> None:
        if isinstance(whole, Buffer) and hasattr(whole, "world"):
            self.world = whole.world
            self.device_address = whole.device_address + self.ctypes.data - whole.ctypes.data

    def _memory(self) -> np.ndarray:
        start = self.device_address - ChipModel.MEMORY_BASE
        return self.world.chip.memory[start : start + self.nbytes]

    def flush(self) -> None:
        self._memory()[:] = np.asarray(self).view(np.uint8).reshape(-1)

    def invalidate(self) -> None:
        np.asarray(self).view(np.uint8).reshape(-1)[:] = self._memory()

    def freebuffer(self) -> None:
        self.world.freed.append(self.device_address)


class World:
    """The board: what pynq's names refer to. `log` tells what was done in which order."""

    def __init__(self, chip: ChipModel, base: int, hertz: float) -> None:
        self.chip, self.base, self.hertz = chip, base, hertz
        self.log: list[str] = []
        self.registers: dict[int, int] = {}
        self.loaded: str | None = None
        self.freed: list[int] = []
        self.pins: dict[str, Any] = {"chip/irq": {}}
        self.interrupts = 0
        self.divisor = 1.0  # of the clock that is asked for
        self._next = 0

    def allocate(self, shape: tuple[int], dtype: type) -> Buffer:
        cpu = np.full(shape, 0xCC, dtype).view(Buffer)
        cpu.world = self
        cpu.device_address = ChipModel.MEMORY_BASE + self._next
        self._next += -(-cpu.nbytes // PAGE) * PAGE
        return cpu

    def sleep(self, seconds: float) -> None:
        self.chip.run(max(int(seconds * self.hertz), 1))

    def monotonic(self) -> float:
        return self.chip.cycles / self.hertz

    def module(self) -> types.ModuleType:
        """The module `pynq`."""
        pynq = types.ModuleType("pynq")
        for name, make in (
            ("MMIO", _mmio),
            ("Overlay", _overlay),
            ("Interrupt", _interrupt),
            ("Clocks", _clocks),
            ("PL", _pl),
        ):
            setattr(pynq, name, make(self))
        pynq.allocate = self.allocate  # type: ignore[attr-defined]
        return pynq


def _mmio(world: World) -> type:
    class MMIO:
        def __init__(self, base_addr: int, length: int = 4) -> None:
            self._base, self._length = base_addr, length

        def read(self, offset: int = 0) -> int:
            assert 0 <= offset < self._length and offset % 4 == 0
            if self._base == world.base:
                assert world.loaded, "a read of nothing hangs the CPU"
                world.chip.step(READ_CYCLES)
                return world.chip.read(offset)
            return world.registers.get(self._base + offset, 0xF)

        def write(self, offset: int, data: int) -> None:
            assert 0 <= offset < self._length and offset % 4 == 0
            if type(data) is not int:
                raise ValueError("Data type must be int or bytes.")
            if self._base != world.base:
                world.log.append(f"{self._base + offset:#x} = {data:#x}")
                world.registers[self._base + offset] = data
                return
            assert world.loaded
            if offset == reg.CONTROL and data & reg.Control.SOFT_RESET:
                world.log.append("soft reset")
            world.chip.write(offset, data)

    return MMIO


def _overlay(world: World) -> type:
    class Overlay:
        def __init__(self, bitfile_name: str) -> None:
            assert Path(bitfile_name).is_absolute() and Path(bitfile_name).with_suffix(".hwh").is_file()
            world.log.append("download")
            world.loaded = bitfile_name
            self.interrupt_pins = world.pins

    return Overlay


def _interrupt(world: World) -> type:
    class Interrupt:
        def __init__(self, pinname: str) -> None:
            if world.interrupts < 0:
                raise ValueError("Could not find UIO device for interrupt pin")
            assert pinname in world.pins

        async def wait(self) -> None:
            world.interrupts += 1
            while not world.chip.irq:
                world.chip.run(1000)
                await asyncio.sleep(0)

    return Interrupt


def _clocks(world: World) -> type:
    class Meta(type):
        @property
        def fclk0_mhz(cls) -> float:
            return world.hertz / 1e6 / world.divisor

        @fclk0_mhz.setter
        def fclk0_mhz(cls, megahertz: float) -> None:
            world.log.append(f"clock {megahertz:g}")

    return Meta("Clocks", (), {})


def _pl(world: World) -> type:
    class Meta(type):
        @property
        def bitfile_name(cls) -> str | None:
            return world.loaded

    return Meta("PL", (), {})
