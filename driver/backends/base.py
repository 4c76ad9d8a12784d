# SPDX-License-Identifier: BSD-3-Clause
"""What a back end is: registers, memory and time of a chip, and nothing else."""

import asyncio
from typing import Protocol

import numpy as np


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
