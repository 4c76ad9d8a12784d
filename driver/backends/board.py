"""The back end `board`: a Zynq board that runs PYNQ. Bitstream, clock, memory and interrupt come by pynq's API."""

import asyncio
import contextlib
import importlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from shiftcore.driver.backends import Backend
from shiftcore.driver.build import Build
from shiftcore.driver.errors import BackendError, IdentityError
from shiftcore.model import registers as reg

_SLOWER, _FASTER = 0.01, 0.0005  # shares of the clock: slower costs speed, but faster than it was built for is unsafe
_QUIESCE_S = 0.1
_INTERRUPT_S = 0.02  # the interrupt is a shortcut, and nothing depends on it: results are looked for this often anyway
_WIDTH_BITS = 0b11

# Read and write control register of the memory port's FIFO interface, and the value of their low bits for 64 bits.
# Zynq-7000 TRM (UG585): AFI_RDCHAN_CTRL and AFI_WRCHAN_CTRL of AFI0, bit 0: 32BitEn. Zynq UltraScale+ register
# reference (UG1087): AFIFM_RDCTRL and AFIFM_WRCTRL of AFIFM2, bits 1:0: FABRIC_WIDTH.
WIDTH_REGISTERS = {
    ("zynq7", "S_AXI_HP0"): ((0xF800_8000, 0xF800_8014), 0b00),
    ("zynquplus", "S_AXI_HP0_FPD"): ((0xFD38_0000, 0xFD38_0014), 0b01),
}


class _Buffer:
    """Physically contiguous memory of pynq's. It is cached: what either side wrote must be flushed or invalidated."""

    def __init__(self, buffer: Any) -> None:
        self._buffer = buffer
        self.array: np.ndarray = np.asarray(buffer)
        self.address = int(buffer.device_address)

    def flush(self, start: int, size: int) -> None:
        """Write the cache's lines back."""
        self._buffer[start : start + size].flush()

    def invalidate(self, start: int, size: int) -> None:
        """Forget the cache's lines."""
        self._buffer[start : start + size].invalidate()

    def free(self) -> None:
        """Give it back to the kernel."""
        self.array = np.empty(0, np.uint8)
        self._buffer.freebuffer()


class BoardBackend(Backend):
    """The chip in the programmable logic of this board; loads its bitstream.

    Raises BackendError when pynq or the bitstream is missing or the clock cannot be set, IdentityError when the
    bitstream's manifest is that of another build.
    """

    name = "board"
    slack_s = 1.0  # Linux may have better things to do

    def __init__(self, build: Build) -> None:
        self._pynq = _pynq()
        manifest = build.manifest
        bitstream = _bitstream(build)
        self._base = int(manifest["base_address"])
        self._address_bits = int(manifest["address_bits"])
        self._poll_s = min(max(manifest["frame_interval"] / (manifest["clock_mhz"] * 4e6), 50e-6), 1e-3)
        self._interrupt: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        try:
            self._quiesce(bitstream)
            self._overlay = self._pynq.Overlay(str(bitstream))
            self._set_clock(float(manifest["clock_mhz"]))
            self._set_port_width(str(manifest["family"]), str(manifest["memory_port"]))
            self._mmio = self._pynq.MMIO(self._base, reg.SIZE)
        except (OSError, RuntimeError) as error:
            raise BackendError(f"{bitstream}: cannot be loaded: {error}; PYNQ needs root on its own board") from None

    def read(self, offset: int) -> int:
        """A register's word."""
        return int(self._mmio.read(offset))

    def write(self, offset: int, word: int) -> None:
        """Write a register."""
        self._mmio.write(offset, int(word))  # pynq takes an int, and none of its subclasses

    def allocate(self, size: int) -> _Buffer:
        """Contiguous memory. Raises BackendError when there is none, or none that the chip's port can address."""
        try:
            buffer = _Buffer(self._pynq.allocate((size,), np.uint8))
        except (MemoryError, RuntimeError) as error:
            raise BackendError(f"no {size} bytes of contiguous memory: {error}; close what else uses pynq") from None
        if buffer.address + size > 1 << self._address_bits:
            buffer.free()
            raise BackendError(f"memory at {buffer.address:#x} is beyond the port's {self._address_bits} address bits")
        return buffer

    def clock(self) -> float:
        """Seconds."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """A fraction of a frame's time."""
        time.sleep(min(seconds, self._poll_s))

    async def wait_async(self, seconds: float) -> None:
        """Until the interrupt, where the overlay has one; a fraction of a frame's time, where not."""
        interrupt = self._find_interrupt()
        if interrupt is None:
            await asyncio.sleep(min(seconds, self._poll_s))
            return
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(interrupt.wait(), min(seconds, _INTERRUPT_S))

    def close(self) -> None:
        """Let go; the bitstream stays loaded."""
        self._interrupt = None

    def _quiesce(self, bitstream: Path) -> None:
        """Where this bitstream is still loaded, an earlier process may have died with transfers under way: stop them
        before the logic is replaced. In any other case the address may belong to nothing, and a read would hang."""
        if self._pynq.PL.bitfile_name != str(bitstream):
            return
        registers = self._pynq.MMIO(self._base, reg.SIZE)
        if int(registers.read(reg.ID)) != reg.ID_VALUE:
            return
        registers.write(reg.CONTROL, int(reg.Control.SOFT_RESET))
        end = time.monotonic() + _QUIESCE_S
        while int(registers.read(reg.STATUS)) & reg.Status.RESETTING and time.monotonic() < end:
            time.sleep(1e-4)

    def _set_clock(self, megahertz: float) -> None:
        clocks = self._pynq.Clocks
        clocks.fclk0_mhz = megahertz
        reached = float(clocks.fclk0_mhz)
        if not (1 - _SLOWER) * megahertz <= reached <= (1 + _FASTER) * megahertz:
            raise BackendError(f"the board's clock is {reached:g} MHz, but the build needs {megahertz:g} MHz")

    def _set_port_width(self, family: str, port: str) -> None:
        if (family, port) not in WIDTH_REGISTERS:
            raise BackendError(f"memory port {port} of family {family}: its width registers are not known")
        addresses, value = WIDTH_REGISTERS[family, port]
        for address in addresses:
            control = self._pynq.MMIO(address, 4)
            control.write(0, int(control.read(0)) & ~_WIDTH_BITS | value)

    def _find_interrupt(self) -> Any:
        """pynq's interrupt of the running event loop, to which it ties itself; None where there is none."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._interrupt = loop, None
            pins = [pin for pin in self._overlay.interrupt_pins if pin.endswith("/irq")]
            with contextlib.suppress(ValueError, OSError, RuntimeError):  # no UIO device for it in the device tree
                self._interrupt = self._pynq.Interrupt(pins[0]) if pins else None
        return self._interrupt


def _pynq() -> Any:
    try:
        return importlib.import_module("pynq")
    except ImportError as error:
        raise BackendError(
            f"backend 'board': pynq cannot be imported ({error}); it is part of the PYNQ image of the board. "
            "Elsewhere use backend 'rtl' or 'reference'"
        ) from None


def _bitstream(build: Build) -> Path:
    """The build's bitstream, of the same build hash. Raises BackendError or IdentityError."""
    bitstream = (build.folder / "bitstream" / "shiftcore.bit").resolve()
    for file in (bitstream, bitstream.with_suffix(".hwh"), bitstream.with_name("manifest.json")):
        if not file.is_file():
            raise BackendError(f"{file}: missing; `make bitstream` writes it, with Vivado")
    try:
        made_of = json.loads(bitstream.with_name("manifest.json").read_text())["build_hash"]
    except (json.JSONDecodeError, KeyError, TypeError):
        raise BackendError(f"{bitstream.with_name('manifest.json')}: damaged; `make bitstream` writes it") from None
    if made_of != build.manifest["build_hash"]:
        raise IdentityError(
            f"{bitstream}: made of build {made_of}, but the chip folder is build {build.manifest['build_hash']}; "
            "run `make bitstream` again"
        )
    return bitstream
