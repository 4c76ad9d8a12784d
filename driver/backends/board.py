# SPDX-License-Identifier: BSD-3-Clause
"""The back end `board`: a Zynq board that runs PYNQ 3.0 or newer. Bitstream, clock and memory come by pynq's API."""

import asyncio
import contextlib
import importlib
import io
import json
import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shiftcore.artifacts import digest
from shiftcore.driver.backends.base import Backend
from shiftcore.driver.backends.fabric import Fabric
from shiftcore.driver.build import Build
from shiftcore.driver.errors import AcceleratorError, BackendError, IdentityError
from shiftcore.model import registers as reg

_SLOWER, _FASTER = 5e-3, 5e-4  # shares of the clock: slower costs speed, but faster than it was built for is unsafe
_QUIESCE_S = 0.1
_WIDTH_BITS = 0b11
_DIVISOR = 0x3F  # of 6 bits, in either family
_SMALLEST = 8192  # bytes; XRT 2.17 puts buffers under 4 KB at 64-bit addresses


@dataclass(frozen=True)
class _Port:
    """What a family's processing system is told about the chip: the addresses of the read and the write control
    register of the memory port's FIFO interface, and their low bits for 64 bits; PL clock 0's control register, and
    where in it the second divisor begins (the first does at bit 8)."""

    controls: tuple[int, int]
    width: int
    clock: int
    second: int


# Zynq-7000 TRM (UG585): AFI_RDCHAN_CTRL and AFI_WRCHAN_CTRL of AFI0, bit 0: 32BitEn; FPGA0_CLK_CTRL. Zynq UltraScale+
# register reference (UG1087): AFIFM_RDCTRL and AFIFM_WRCTRL of AFIFM2, bits 1:0: FABRIC_WIDTH; PL0_REF_CTRL.
PORTS = {
    ("zynq7", "S_AXI_HP0"): _Port((0xF800_8000, 0xF800_8014), 0b00, 0xF800_0170, 20),
    ("zynquplus", "S_AXI_HP0_FPD"): _Port((0xFD38_0000, 0xFD38_0014), 0b01, 0xFF5E_00C0, 16),
}


class _Buffer:
    """Physically contiguous memory of pynq's, `size` bytes and no more to be seen of it. What either side wrote must be
    flushed or invalidated. pynq 3.0 does so with the bytes named, newer ones with the whole buffer."""

    def __init__(self, buffer: Any, size: int) -> None:
        self._buffer = buffer
        self.array: np.ndarray = np.asarray(buffer)[:size]
        self.address = int(buffer.device_address)

    def flush(self, start: int, size: int) -> None:
        """Write the cache's lines back."""
        self._buffer[start : start + size].flush()

    def invalidate(self, start: int, size: int) -> None:
        """Forget the cache's lines."""
        self._buffer[start : start + size].invalidate()

    def free(self) -> None:
        """Give it back to the kernel, which unmaps it: no view may be left."""
        self.array = np.empty(0, np.uint8)
        self._buffer.freebuffer()


class BoardBackend(Backend):
    """The chip in the programmable logic of this board; loads its bitstream. One driver at a time.

    Raises BackendError when pynq or the bitstream is missing or does not fit, when the clock would not be the build's,
    or while another driver has the chip; IdentityError when the bitstream's manifest is that of another build.
    """

    name = "board"
    slack_s = 1.0  # Linux may have better things to do

    def __init__(self, build: Build) -> None:
        manifest = build.manifest
        bitstream = _bitstream(build)
        self._base = manifest.base_address
        self._address_bits = manifest.address_bits
        self._poll_s = min(max(manifest.frame_interval / (manifest.clock_mhz * 4e6), 50e-6), 1e-3)
        port = PORTS.get((manifest.family, manifest.memory_port))
        if port is None:
            raise BackendError(
                f"memory port {manifest.memory_port} of family {manifest.family}: its registers are not known"
            )
        self._pynq = _pynq()
        self._fabric = Fabric()
        try:
            with _one_line(bitstream), _kept_quiet():
                self._quiesce()
                self._load(bitstream, manifest.clock_mhz, port)
                self._mmio = self._pynq.MMIO(self._base, reg.SIZE)
            self._fabric.loaded(bitstream)
        except BaseException:
            self._fabric.release()
            raise

    def read(self, offset: int) -> int:
        """A register's word."""
        return int(self._mmio.read(offset))

    def write(self, offset: int, word: int) -> None:
        """Write a register."""
        self._mmio.write(offset, int(word))  # pynq takes an int, and none of its subclasses

    def allocate(self, size: int) -> _Buffer:
        """Contiguous memory. Raises BackendError when there is none, or none that the chip's port can address."""
        try:
            buffer = _Buffer(self._pynq.allocate((max(size, _SMALLEST),), np.uint8), size)
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
        """A fraction of a frame's time. PYNQ 3 hands out interrupts of an AXI interrupt controller only, and the chip
        has none: results are looked for."""
        time.sleep(min(seconds, self._poll_s))

    async def wait_async(self, seconds: float) -> None:
        """As `wait`, and let other tasks run meanwhile."""
        await asyncio.sleep(min(seconds, self._poll_s))

    def close(self) -> None:
        """Let go; the bitstream stays loaded."""
        self._fabric.release()

    def _quiesce(self) -> None:
        """Where a chip is still loaded, an earlier process may have died with transfers under way: stop them before the
        logic is replaced. In any other case the address may belong to nothing, and a read would hang."""
        if not self._fabric.holds_a_chip():
            return
        registers = self._pynq.MMIO(self._base, reg.SIZE)
        if int(registers.read(reg.ID)) != reg.ID_VALUE:
            return
        registers.write(reg.CONTROL, int(reg.Control.SOFT_RESET))
        end = time.monotonic() + _QUIESCE_S
        while int(registers.read(reg.STATUS)) & reg.Status.RESETTING and time.monotonic() < end:
            time.sleep(1e-4)

    def _load(self, bitstream: Path, megahertz: float, port: _Port) -> None:
        """Load `bitstream` with the clock that its handoff names, which is at no moment faster than `megahertz` or the
        clock before."""
        overlay = self._pynq.Overlay(str(bitstream), download=False)
        clocks = self._pynq.Clocks
        control = int(self._pynq.MMIO(port.clock, 4).read(0))
        source = float(clocks.fclk0_mhz) * (control >> 8 & _DIVISOR) * (control >> port.second & _DIVISOR)
        divisor = int(overlay.clock_dict[0]["divisor0"]) * int(overlay.clock_dict[0]["divisor1"])
        how = f"its handoff divides this image's {source:g} MHz by {divisor}"
        _check_clock(bitstream, source / divisor, megahertz, how)
        clocks.set_pl_clk(0, _DIVISOR, _DIVISOR)  # pynq sets one divisor after the other: come from below
        overlay.download()
        _check_clock(bitstream, float(clocks.fclk0_mhz), megahertz, f"pynq set it of {source:g} MHz")
        for address in port.controls:
            register = self._pynq.MMIO(address, 4)
            register.write(0, int(register.read(0)) & ~_WIDTH_BITS | port.width)


def _check_clock(bitstream: Path, reached: float, megahertz: float, how: str) -> None:
    if not (1 - _SLOWER) * megahertz <= reached <= (1 + _FASTER) * megahertz:
        raise BackendError(
            f"{bitstream}: the board's clock would be {reached:g} MHz, but the build needs {megahertz:g} MHz: {how}; "
            "`pll` in the board's file must be as the image's (docs/adding-a-board.md)"
        )


@contextlib.contextmanager
def _kept_quiet() -> Iterator[None]:
    """Without what pynq prints and warns beside what it raises, and without the file that 3.1 and newer leave in the
    current folder."""
    left = Path("loaded.xclbin")
    was_there = left.exists()
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if not was_there:
            left.unlink(missing_ok=True)


@contextlib.contextmanager
def _one_line(bitstream: Path) -> Iterator[None]:
    """Whatever pynq raises, and it raises much, as a BackendError of one line with what can be done about it."""
    try:
        yield
    except AcceleratorError:
        raise
    except Exception as error:
        raise BackendError(f"{bitstream}: pynq cannot load it: {_told(error)}{_remedy(error)}") from None


def _told(error: Exception) -> str:
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return " ".join(f"{module}{kind.__qualname__}: {error}".split())


def _remedy(error: Exception) -> str:
    if isinstance(error, PermissionError) or os.geteuid() != 0:
        return "; PYNQ needs root on its own board"
    if isinstance(error, RuntimeError) and "No Devices Found" in str(error):
        return "; PYNQ's environment is not entered (XILINX_XRT is not set): start `./shiftcore`, or log in anew"
    if isinstance(error, FileNotFoundError) and error.filename in ("xclbinutil", "xbutil"):
        return "; it is part of XRT, on the PYNQ image, and must be on PATH"
    if not isinstance(error, OSError):
        return "; copy the bitstream's folder again, or `make bitstream`"
    return ""


def _pynq() -> Any:
    try:
        with _kept_quiet():
            return importlib.import_module("pynq")
    except Exception as error:  # of its own libraries, whatever they raise
        raise BackendError(
            f"backend 'board': pynq cannot be imported ({_told(error)}); it is part of the PYNQ image of the board. "
            "Elsewhere use backend 'rtl' or 'reference'"
        ) from None


def _bitstream(build: Build) -> Path:
    """The build's bitstream, of the same build hash, whole. Raises BackendError or IdentityError."""
    bitstream = (build.folder / "bitstream" / "shiftcore.bit").resolve()
    files = (bitstream, bitstream.with_suffix(".hwh"), bitstream.with_name("manifest.json"))
    for file in files:
        if not file.is_file():
            raise BackendError(f"{file}: missing; `make bitstream` writes it, with Vivado")
    try:
        manifest = json.loads(files[2].read_text())
        made_of, digests = manifest["build_hash"], dict(manifest.get("files", {}))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BackendError(f"{files[2]}: damaged; `make bitstream` writes it") from None
    if made_of != build.manifest.build_hash:
        raise IdentityError(
            f"{bitstream}: made of build {made_of}, but the chip folder is build {build.manifest.build_hash}; "
            "run `make bitstream` again"
        )
    for file in files[:2]:
        if file.name in digests and digest(file) != digests[file.name]:
            raise BackendError(f"{file}: damaged, not what its manifest names; copy the bitstream's folder again")
    return bitstream
