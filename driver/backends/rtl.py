# SPDX-License-Identifier: BSD-3-Clause
"""The back end `rtl`: the Verilated whole chip in this process, with a memory behind its AXI port (sim.chip)."""

import numpy as np

from shiftcore.driver.backends.base import Backend
from shiftcore.driver.build import Build
from shiftcore.driver.errors import BackendError

_PAGE = 4096


class _Buffer:
    """A part of the simulated memory; freed, it answers the chip with DECERR."""

    def __init__(self, backend: "RtlBackend", start: int, size: int) -> None:
        model = backend.model
        self.array: np.ndarray = model.memory[start : start + size]
        self.address = model.MEMORY_BASE + start
        self._backend, self._size = backend, size

    def flush(self, start: int, size: int) -> None:
        """Nothing is cached."""

    def invalidate(self, start: int, size: int) -> None:
        """Nothing is cached."""

    def free(self) -> None:
        """Give it back."""
        self._backend.model.fail_read(self.address, self._size)
        self._backend.model.fail_write(self.address, self._size)


class RtlBackend(Backend):
    """The chip's RTL, clocked as fast as this machine can; time is the chip's own. `model` is the simulation.

    Raises BackendError when the simulation cannot be built or loaded.
    """

    name = "rtl"

    def __init__(self, build: Build, seed: int = 1) -> None:
        try:
            from shiftcore.sim.chip import ChipModel
            from shiftcore.sim.library import SimulationError
        except ImportError as error:
            raise BackendError(f"backend 'rtl': {error}; it needs the project's environment (`make setup`)") from None
        try:
            self.model = ChipModel(build.chip, seed=seed)
        except SimulationError as error:
            raise BackendError(f"backend 'rtl': {error}") from None
        self._hertz = build.manifest.clock_mhz * 1e6
        self._next = 0

    def read(self, offset: int) -> int:
        """A register's word, as AXI4-Lite brings it."""
        return self.model.read(offset)

    def write(self, offset: int, word: int) -> None:
        """Write a register, over AXI4-Lite."""
        self.model.write(offset, word)

    def allocate(self, size: int) -> _Buffer:
        """Memory that no other buffer ever had. Raises BackendError when the simulated memory is used up."""
        if self._next + size > len(self.model.memory):
            raise BackendError(f"no {size} bytes left in the simulated memory of {len(self.model.memory)} bytes")
        buffer = _Buffer(self, self._next, size)
        self._next += -(-size // _PAGE) * _PAGE + _PAGE
        return buffer

    def clock(self) -> float:
        """Seconds of the chip's clock."""
        return self.model.cycles / self._hertz

    def wait(self, seconds: float) -> None:
        """Clock the chip until its interrupt rises, for so long at most."""
        self.model.run(max(int(seconds * self._hertz), 1))

    def close(self) -> None:
        """Free the simulation."""
        self.model.close()
