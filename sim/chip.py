# SPDX-License-Identifier: BSD-3-Clause
"""The whole chip as an object: registers, and a memory behind its AXI port. Verilator's model, in this process."""

import ctypes
from pathlib import Path

import numpy as np

from shiftcore.model.limits import ALIGNMENT
from shiftcore.model.manifest import ChipManifest
from shiftcore.sim import library

_HARNESS = Path(__file__).parent / "chip_harness.cpp"

_CHUNK = 5_000  # cycles a call: how long Ctrl-C may have to wait
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


def _load(path: Path) -> ctypes.CDLL:
    code = ctypes.CDLL(str(path))
    model, pointer, options = ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(_Options)
    i32, u8, u32, u64, size = ctypes.c_int, ctypes.c_uint8, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_size_t
    for name, result, arguments in (
        ("open", model, [ctypes.c_char_p, pointer, u64, u64, u32, u32, u64, ctypes.c_char_p, size]),
        ("close", None, [model]),
        ("run", i32, [model, options, u64, i32, ctypes.POINTER(u64)]),
        ("access", i32, [model, options, i32, u32, ctypes.POINTER(u32), u32, ctypes.POINTER(u8)]),
        ("error", ctypes.c_char_p, [model]),
        ("cycles", u64, [model]),
        ("irq", i32, [model]),
        ("spoil", None, [model, i32, u64, u64, u8]),
        ("heal", None, [model, u64]),
    ):
        function = getattr(code, f"shiftcore_{name}")
        function.restype, function.argtypes = result, arguments
    return code


class ChipModel:
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
    _model: int | None = None

    def __init__(
        self, chip: Path, seed: int = 1, memory_bytes: int = 1 << 26, memory: np.ndarray | None = None
    ) -> None:
        chip = Path(chip).resolve()
        self.manifest = ChipManifest.read(chip)
        self.read_latency = self.write_latency = 0
        self.stall = 0.0
        self.memory = np.zeros(memory_bytes, np.uint8) if memory is None else memory
        self._code = _load(build_library(chip))
        error = ctypes.create_string_buffer(1000)
        memory_bus = self.memory.ctypes.data, self.MEMORY_BASE, len(self.memory)
        beats = self.manifest.max_burst, self.manifest.write_burst
        self._model = self._code.shiftcore_open(bytes(chip / "core"), *memory_bus, *beats, seed, error, len(error))
        if not self._model:
            raise ChipModelError(f"{chip}: {error.value.decode()}")

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Free the model. It cannot be used any more; `memory` stays."""
        if self._model:
            self._code.shiftcore_close(self._model)
            self._model = None

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
        """Write a register over AXI4-Lite. Raises as `read`."""
        self._access(True, offset, value)

    def step(self, cycles: int) -> None:
        """Clock `cycles` cycles. Raises ChipModelError when the chip breaks a rule."""
        self._clock(cycles, until_irq=False)

    def run(self, cycles: int) -> None:
        """Clock until the interrupt line is high, `cycles` cycles at most. Raises as `step`."""
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
        if self._code.shiftcore_access(self._model, self._options(), write, offset, word, _ACCESS_CYCLES, response):
            raise ChipModelError(self._code.shiftcore_error(self._model).decode())
        if response.value:
            raise ChipModelError(f"register {offset:#05x}: {'write' if write else 'read'} answered {response.value}")
        return word.value

    def _clock(self, cycles: int, until_irq: bool) -> None:
        done = ctypes.c_uint64()
        while cycles > 0:
            chunk = min(_CHUNK, cycles)
            if self._code.shiftcore_run(self._model, self._options(), chunk, until_irq, done):
                raise ChipModelError(self._code.shiftcore_error(self._model).decode())
            if done.value < chunk:
                return
            cycles -= chunk
