# SPDX-License-Identifier: BSD-3-Clause
"""The compiled core as an object: push frames, pull results. Verilator's model, loaded into this process."""

import ctypes
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from shiftcore.model.manifest import CoreManifest, TracedStream
from shiftcore.model.records import Context
from shiftcore.sim import library
from shiftcore.sim.model import CHUNK, HANDLE, Model

_HARNESS = Path(__file__).parent / "core_harness.cpp"


class CoreError(library.SimulationError):
    """The core broke a rule: AXI4-Stream's, an assertion of its own RTL, or it could not be built or loaded."""


class Deadlock(CoreError):  # noqa: N818 - it is the name of the thing
    """No beat has moved for too long; the message says which side waits for what."""


@dataclass(frozen=True)
class Result:
    """One frame's outcome. `logits`: int64 `[classes]`. `first_in`, `last_out`: the cycles in which the core took the
    frame's first input beat and gave its last output beat."""

    logits: np.ndarray
    stream: int
    clear: bool
    first_in: int
    last_out: int

    @property
    def latency_cycles(self) -> int:
        """Clock cycles from the first input beat to the last output beat."""
        return self.last_out - self.first_in


class _Options(ctypes.Structure):
    _fields_ = [
        ("input_pause", ctypes.c_double),
        ("output_pause", ctypes.c_double),
        ("interval", ctypes.c_uint64),
        ("patience", ctypes.c_uint64),
    ]


class _Status(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint64) for name in ("cycles", "results", "frames_sent", "beats_sent", "contexts_sent")),
        *((name, ctypes.c_uint64) for name in ("frames_received", "beats_received")),
        *((name, ctypes.c_uint32) for name in ("input_waits", "context_waits")),
    ]


def pack(values: np.ndarray, element_bits: int, elements: int, tdata_bits: int) -> np.ndarray:
    """Integers as stream beats: `elements` of `element_bits` a beat, element 0 in the low bits. Returns uint32
    `[beats, words]`, least significant word first."""
    bits = (values.reshape(-1, elements, 1).astype(np.int64) >> np.arange(element_bits)) & 1
    bits = bits.reshape(len(bits), -1).astype(np.uint8)
    padded = np.zeros((len(bits), 32 * -(-tdata_bits // 32)), np.uint8)
    padded[:, : bits.shape[1]] = bits
    return np.packbits(padded, axis=1, bitorder="little").view("<u4")


def unpack(words: np.ndarray, element_bits: int, elements: int, signed: bool) -> np.ndarray:
    """The integers of stream beats uint32 `[beats, words]`: int64 `[beats * elements]`; the inverse of `pack`."""
    bits = np.unpackbits(np.ascontiguousarray(words, "<u4").view(np.uint8), axis=1, bitorder="little")
    bits = bits[:, : elements * element_bits].reshape(-1, element_bits)
    weights = np.left_shift(1, np.arange(element_bits, dtype=np.int64))
    if signed:
        weights[-1] = -weights[-1]
    return bits.astype(np.int64) @ weights


def _defines(manifest: CoreManifest, trace: bool, wave: bool) -> list[str]:
    names = ["SHIFTCORE_LOAD"] * bool(manifest.memories)
    if trace:
        names += ["SHIFTCORE_TAPS"] * bool(manifest.trace) + ["SHIFTCORE_FIFOS"] * bool(manifest.fifos)
    return names + ["SHIFTCORE_WAVE"] * wave


def build_library(core: Path, trace: bool = False, wave: bool = False) -> Path:
    """Compile the core in folder `core` to a shared library, unless that has been done; return the library.

    `trace` adds the streams of all layers and the FIFOs' fill, `wave` the ability to write waveforms; both cost speed.
    Raises UserError when no compiler is there, CoreError when the sources are refused.
    """
    manifest = CoreManifest.read(core)
    flags = [*(["--trace-fst"] if wave else []), *(["+define+SHIFTCORE_TRACE"] if trace else [])]
    try:
        return library.build("core", core, manifest.files, "rtl", _HARNESS, _defines(manifest, trace, wave), flags)
    except library.SimulationError as error:
        raise CoreError(str(error)) from None


_WORDS, _TEXT, _INT = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
_U16, _U32, _U64, _SIZE = ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_size_t


class CoreModel(Model):
    """The core in folder `core` (see hw.core), clocked as fast as this machine can.

    `trace` makes every layer's stream and the FIFOs' fill visible; `wave` names an FST file to write. `seed` gives the
    registers' values before reset, and the random pauses. Each instance is a chip of its own; instances may run in
    threads of their own (the interpreter is free while the clock runs), one thread each.

    How the streams are driven, changeable at any time:
    - `input_pause`, `output_pause`: probability in [0, 1) that a side pauses in a cycle;
    - `interval`: least number of cycles from one frame's first input beat to the next one's;
    - `patience`: cycles without any beat after which `Deadlock` is raised while something is due.

    Raises UserError when `core` is no compiled core or no C++ compiler is there; CoreError when it cannot be built.
    """

    ERROR = CoreError
    STRUCTURES: ClassVar = {"Options": _Options, "Status": _Status}
    FUNCTIONS: ClassVar = {
        "open": (HANDLE, [_TEXT, _WORDS, _U64, _TEXT, _TEXT, _SIZE]),
        "push": (None, [HANDLE, _WORDS, _U16]),
        "reset": (_INT, [HANDLE]),
        "load": (_INT, [HANDLE, _WORDS, _SIZE, _U32]),
        "run": (_INT, [HANDLE, ctypes.POINTER(_Options), _U64, _U64]),
        "status": (None, [HANDLE, ctypes.POINTER(_Status)]),
        "take": (None, [HANDLE, _WORDS, ctypes.POINTER(_U64), ctypes.POINTER(_U64)]),
        "trace_words": (_SIZE, [HANDLE, _U32]),
        "take_trace": (None, [HANDLE, _U32, _WORDS, _SIZE]),
        "trace_waits": (_INT, [HANDLE, _U32]),
        "fifo_maxcount": (None, [HANDLE, _WORDS]),
    }

    def __init__(self, core: Path, trace: bool = False, wave: Path | None = None, seed: int = 1) -> None:
        core = Path(core).resolve()
        self.manifest = CoreManifest.read(core)
        self.input_pause = self.output_pause = 0.0
        self.interval = 0
        self.patience = 10_000 + 10 * self.manifest.slowest_op.cycles
        self._pushed: deque[Context] = deque()
        self._trace = self.manifest.trace if trace else ()
        super().__init__(build_library(core, trace, wave is not None))
        ends = [n for port in (self.manifest.input, self.manifest.output) for n in (port.beats, port.tdata_bits)]
        taps = [number for entry in self._trace for number in (entry.offset, entry.tdata_bits)]
        geometry = np.array([*ends, len(self._trace), *taps, len(self.manifest.fifos)], np.uint32)
        if wave:
            wave.parent.mkdir(parents=True, exist_ok=True)
            wave.touch()  # says so where it cannot be written; the library does not
        path = str(wave.resolve()).encode() if wave else None
        self._open(core, geometry.ctypes.data, seed, path)

    @property
    def cycles(self) -> int:
        """Clock cycles since the model was made."""
        return self._status().cycles

    def push(self, frame: np.ndarray, stream: int = 0, clear: bool = False, bank: int = 0) -> None:
        """Queue a frame, uint8 `[H, W, C]`, of `stream` (model.records); `clear` marks the first frame of a clip,
        `bank` says whose weights. No clock cycle passes. Raises ValueError for a frame of a wrong size or type, and for
        a bank that the core does not have."""
        port = self.manifest.input
        if frame.dtype != np.uint8 or frame.size != port.beats * port.elements:
            size = port.beats * port.elements
            raise ValueError(f"the frame is {frame.dtype} {frame.shape}, the core takes {size} values of uint8")
        self._check_bank(bank)
        context = Context(stream, clear, bank)
        words = pack(frame, port.element_bits, port.elements, port.tdata_bits)
        self._code.shiftcore_push(self._model, words.ctypes.data, context.word)
        self._pushed.append(context)

    def run(self) -> list[Result]:
        """Clock until every pushed frame's result is there; return those not yet pulled, in order.

        Raises Deadlock, or CoreError when the core breaks a rule.
        """
        return [self.pull() for _ in range(len(self._pushed))]

    def pull(self) -> Result:
        """Clock until the next result is there, and return it. Raises ValueError when no frame is under way, Deadlock,
        or CoreError when the core breaks a rule."""
        if not self._pushed:
            raise ValueError("no frame is under way: push one first")
        while not self._status().results:
            self._clock(CHUNK, 1)
        port = self.manifest.output
        words = np.empty((port.beats, -(-port.tdata_bits // 32)), np.uint32)
        first, last = ctypes.c_uint64(), ctypes.c_uint64()
        self._code.shiftcore_take(self._model, words.ctypes.data, first, last)
        logits = unpack(words, port.element_bits, port.elements, port.signed)
        context = self._pushed.popleft()
        return Result(logits, context.stream, context.clear, first.value, last.value)

    def step(self, cycles: int) -> None:
        """Clock `cycles` cycles, whatever comes out: results wait to be pulled. Raises Deadlock, or CoreError when the
        core breaks a rule."""
        for done in range(0, cycles, CHUNK):
            self._clock(min(CHUNK, cycles - done), 2**63)

    def reset(self) -> None:
        """Pulse the core's reset, in the middle of whatever goes on: queued frames, results and traces are dropped."""
        self._check(self._code.shiftcore_reset(self._model))
        self._pushed.clear()

    def load(self, words: np.ndarray, bank: int = 0) -> None:
        """Fill a bank of the core's memories with `words`, the uint32 of a whole load stream (model.image), and reset
        it: as `reset` does, whatever goes on. Raises CoreError where they are not as many as the core takes, and
        ValueError for a bank that it does not have."""
        self._check_bank(bank)
        words = np.ascontiguousarray(words, "<u4")
        self._check(self._code.shiftcore_load(self._model, words.ctypes.data, len(words), bank))
        self._pushed.clear()

    def _check_bank(self, bank: int) -> None:
        if not 0 <= bank < self.manifest.models:
            raise ValueError(f"bank {bank} is not in 0 .. {self.manifest.models - 1}, which the core has")

    def trace(self) -> dict[str, list[np.ndarray]]:
        """Every traced layer's frames since the last call, int64 in the layer's `shape` (NHWC); frames still under way
        come with a later call."""
        return {entry.layer: self._traced(index, entry) for index, entry in enumerate(self._trace)}

    def fifo_maxcount(self) -> dict[str, int]:
        """The fullest each FIFO has been since reset, in words; needs `trace`."""
        names = [fifo.name for fifo in self.manifest.fifos]
        counts = np.zeros(len(names), np.uint32)
        self._code.shiftcore_fifo_maxcount(self._model, counts.ctypes.data)
        return dict(zip(names, counts.tolist(), strict=True))

    def _traced(self, index: int, entry: TracedStream) -> list[np.ndarray]:
        words = -(-entry.tdata_bits // 32)
        size = int(np.prod(entry.shape))
        frame_words = size // entry.elements * words
        frames = self._code.shiftcore_trace_words(self._model, index) // frame_words
        raw = np.empty((frames * size // entry.elements, words), np.uint32)
        self._code.shiftcore_take_trace(self._model, index, raw.ctypes.data, raw.size)
        values = unpack(raw, entry.element_bits, entry.elements, entry.signed)
        return list(values.reshape(frames, *entry.shape))

    def _status(self) -> _Status:
        status = _Status()
        self._code.shiftcore_status(self._model, status)
        return status

    def _clock(self, cycles: int, results: int) -> None:
        options = _Options(self.input_pause, self.output_pause, self.interval, self.patience)
        outcome = self._code.shiftcore_run(self._model, options, cycles, results)
        if outcome == 1:
            raise Deadlock(f"no beat has moved for {self.patience} cycles: {self._where()}")
        self._check(outcome)

    def _where(self) -> str:
        """Who waits for whom, for a person."""
        status, taken, given = self._status(), self.manifest.input.beats, self.manifest.output.beats
        text = [
            f"the core {'refuses' if status.input_waits else 'is offered no'} "
            f"input beat {status.beats_sent} of {taken} of frame {status.frames_sent}",
            f"output beat {status.beats_received} of {given} of frame {status.frames_received} does not come",
        ]
        if status.context_waits:
            text.append(f"the context word of frame {status.contexts_sent} is refused")
        stuck = [e.layer for i, e in enumerate(self._trace) if self._code.shiftcore_trace_waits(self._model, i)]
        if stuck:
            text.append(f"layers whose output is not taken: {', '.join(stuck)}")
        return "; ".join(text)
