# SPDX-License-Identifier: BSD-3-Clause
"""The whole chip as an object: registers, and a memory behind its AXI port. Verilator's model, in this process."""

import ctypes
from pathlib import Path
from typing import ClassVar

import numpy as np

from shiftcore.model.limits import ALIGNMENT
from shiftcore.model.manifest import ChipManifest
from shiftcore.sim import library
from shiftcore.sim.model import CHUNK, HANDLE, Model

_HARNESS = Path(__file__).parent / "chip_harness.cpp"

_ACCESS_CYCLES = 10_000  # after which the register port counts as dead

SLVERR, DECERR = 2, 3


class ChipModelError(library.SimulationError):
    """The chip broke a rule of AXI, an assertion of its own RTL failed, or it could not be built or loaded."""


class _Options(ctypes.Structure):
    _fields_ = [("stall", ctypes.c_double), ("read_latency", ctypes.c_uint64), ("write_latency", ctypes.c_uint64)]


def build_library(chip: Path) -> Path:
    """Compile the chip in folder `chip` to a shared library, unless that has been done; return the library.

    Raises UserError when no compiler is there, ChipModelError when the sources are refused.
    """
    manifest = ChipManifest.read(chip)
    try:
        return library.build(manifest.top, chip, manifest.files, "core/rtl", _HARNESS, [f"SHIFTCORE_BEAT={ALIGNMENT}"])
    except library.SimulationError as error:
        raise ChipModelError(str(error)) from None


_TEXT, _BYTES, _INT = ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int
_U8, _U32, _U64, _SIZE = ctypes.c_uint8, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_size_t
_OPTIONS = ctypes.POINTER(_Options)


class ChipModel(Model):
    """The chip in folder `chip` (see hw.chip), clocked as fast as this machine can; fresh from reset.

    `memory`: the simulated DRAM, uint8, at bus addresses [MEMORY_BASE, MEMORY_BASE + its size), `memory_bytes` of its
    own unless one is given; an access outside it is answered with DECERR. What the chip writes is there when the write
    has been answered. `seed` gives the registers' values before reset, and the random stalls. The harness holds the
    chip to AXI: INCR bursts no longer than its manifest says, none across 4 KB, and what is offered stays until it
    is taken.

    How memory behaves, changeable at any time:
    - `read_latency`, `write_latency`: cycles from a burst's last request to its first answer;
    - `stall`: probability in [0, 1) that a channel of either port pauses in a cycle.

    Raises UserError when `chip` is no chip folder or no C++ compiler is there; ChipModelError when it cannot be built.
    """

    MEMORY_BASE = 0x1000_0000
    ERROR = ChipModelError
    STRUCTURES: ClassVar = {"Options": _Options}
    FUNCTIONS: ClassVar = {
        "open": (HANDLE, [_TEXT, _BYTES, _U64, _U64, _U32, _U32, _U64, _TEXT, _SIZE]),
        "run": (_INT, [HANDLE, _OPTIONS, _U64, _INT, ctypes.POINTER(_U64)]),
        "access": (_INT, [HANDLE, _OPTIONS, _INT, _U32, ctypes.POINTER(_U32), _U32, ctypes.POINTER(_U8)]),
        "cycles": (_U64, [HANDLE]),
        "irq": (_INT, [HANDLE]),
        "spoil": (None, [HANDLE, _INT, _U64, _U64, _U8]),
        "heal": (None, [HANDLE, _U64]),
    }

    def __init__(
        self, chip: Path, seed: int = 1, memory_bytes: int = 1 << 26, memory: np.ndarray | None = None
    ) -> None:
        chip = Path(chip).resolve()
        self.manifest = ChipManifest.read(chip)
        self.read_latency = self.write_latency = 0
        self.stall = 0.0
        self.memory = np.zeros(memory_bytes, np.uint8) if memory is None else memory
        super().__init__(build_library(chip))
        memory_bus = self.memory.ctypes.data, self.MEMORY_BASE, len(self.memory)
        beats = self.manifest.max_burst, self.manifest.write_burst
        self._open(chip / "core", *memory_bus, *beats, seed)

    @property
    def cycles(self) -> int:
        """Clock cycles since the model was made."""
        return int(self._code.shiftcore_cycles(self._model))

    @property
    def irq(self) -> bool:
        """The interrupt line."""
        return bool(self._code.shiftcore_irq(self._model))

    def read(self, offset: int) -> int:
        """Read a register over AXI4-Lite. Raises ChipModelError when the answer is an error, or none comes."""
        return self._access(False, offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register over AXI4-Lite. Raises ChipModelError when the answer is an error, or none comes."""
        self._access(True, offset, value)

    def step(self, cycles: int) -> None:
        """Clock `cycles` cycles. Raises ChipModelError when the chip breaks a rule."""
        self._clock(cycles, until_irq=False)

    def run(self, cycles: int) -> None:
        """Clock until the interrupt line is high, `cycles` cycles at most. Raises ChipModelError when
        the chip breaks a rule."""
        self._clock(cycles, until_irq=True)

    def fail_read(self, address: int, size: int = 1, response: int = DECERR) -> None:
        """From now on, reads of any of the `size` bytes at `address` are answered with `response`."""
        self._code.shiftcore_spoil(self._model, False, address, address + size, response)

    def fail_write(self, address: int, size: int = 1, response: int = DECERR) -> None:
        """From now on, a burst that writes any of the `size` bytes at `address` is answered with `response`."""
        self._code.shiftcore_spoil(self._model, True, address, address + size, response)

    def heal(self, address: int) -> None:
        """Take back what `fail_read` and `fail_write` did at `address`."""
        self._code.shiftcore_heal(self._model, address)

    def _options(self) -> _Options:
        return _Options(self.stall, self.read_latency, self.write_latency)

    def _access(self, write: bool, offset: int, value: int) -> int:
        word, response = ctypes.c_uint32(value), ctypes.c_uint8()
        access = self._code.shiftcore_access
        self._check(access(self._model, self._options(), write, offset, word, _ACCESS_CYCLES, response))
        if response.value:
            raise ChipModelError(f"register {offset:#05x}: {'write' if write else 'read'} answered {response.value}")
        return word.value

    def _clock(self, cycles: int, until_irq: bool) -> None:
        done = ctypes.c_uint64()
        while cycles > 0:
            chunk = min(CHUNK, cycles)
            self._check(self._code.shiftcore_run(self._model, self._options(), chunk, until_irq, done))
            if done.value < chunk:
                return
            cycles -= chunk
