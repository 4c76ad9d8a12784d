# SPDX-License-Identifier: BSD-3-Clause
"""The back end `reference`: a model of the chip in NumPy, at the level of its registers (docs/registers.md).

It keeps the descriptor queue, the ring of records, the windows and the error flags as the RTL does, and runs each frame
through model.reference. It has no clock: latency and all counters of cycles read 0, and time passes only where
something is waited for.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from shiftcore.driver.backends.base import Backend
from shiftcore.driver.backends.reference_ingest import Ingest, Plane
from shiftcore.driver.build import Build, integer_arrays
from shiftcore.model import image
from shiftcore.model import registers as reg
from shiftcore.model.limits import DESCRIPTORS
from shiftcore.model.records import Context, Record
from shiftcore.model.reference import Reference

_FIRST_ADDRESS = 0x1000_0000
_PAGE = 4096

Infer = Callable[[np.ndarray, int, bool], np.ndarray]
Load = Callable[[np.ndarray], Infer]
"""What makes of a load stream (model.image) the network in it, fresh from reset."""


class _Descriptor(NamedTuple):
    """What waits in the queue: a ready-made frame, a plane, or a model image, of whose context only the bank counts."""

    address: int
    context: Context
    frame_id: int = 0
    plane: Plane | None = None
    model: bool = False


class _Buffer:
    """Memory of the model's; freed, it is gone: the chip's next access is answered with an error."""

    def __init__(self, chip: "ReferenceChip", address: int, size: int) -> None:
        self.array, self.address = np.zeros(size, np.uint8), address
        self._chip = chip
        chip.memory[address] = self.array

    def flush(self, start: int, size: int) -> None:
        """Nothing is cached."""

    def invalidate(self, start: int, size: int) -> None:
        """Nothing is cached."""

    def free(self) -> None:
        """Give it back."""
        self._chip.memory.pop(self.address, None)


class ReferenceChip:
    """The chip's registers, queues and DMA. `load` gives what maps a frame, its stream and whether it clears to logits.

    `constants`: words of the registers that a build decides; `memory`: the arrays that lie at bus addresses.
    """

    def __init__(self, build: Build, load: Load, ingest: type[Ingest] = Ingest) -> None:
        self.memory: dict[int, np.ndarray] = {}
        self._load, self._fresh_ingest = load, ingest
        stream, self._models = build.load_stream(build.model), build.manifest.models
        # As in the chip's memories after power-on, in each bank. None: there is no model.
        self._infer: list[Infer | None] = [load(stream) for _ in range(self._models)]
        self._hashes = [int(image.model_hash(stream), 16)] * self._models
        self._shape_hash, self._load_words = build.manifest.shape, build.manifest.load_words
        self._shape = build.input_shape
        self._bytes, self._record_bytes = build.input_bytes, build.manifest.record_bytes
        self._streams, self._history_bytes = build.manifest.streams, build.history_bytes
        self._absent = set() if build.manifest.ingest else reg.OF_INGEST
        self.constants = {offset: word for _, offset, word in build.identity}
        self._power_on()

    def _power_on(self) -> None:
        """Everything but the temporal state, which no reset clears."""
        self._words = {**reg.RESETS, **self.constants}
        self._queue: deque[_Descriptor] = deque()
        self._ingest = self._fresh_ingest(*self._shape[:2])
        self._waiting: Record | None = None  # for a free slot
        self._records = self._level = 0
        self._halted = False

    @property
    def irq(self) -> bool:
        """The interrupt line."""
        return bool(self._words[reg.IRQ_STATUS] & self._words[reg.IRQ_ENABLE])

    @property
    def _busy(self) -> bool:
        return bool(self._queue or self._waiting) and not self._halted

    def read(self, offset: int) -> int:
        """A register's word; 0 where there is none."""
        if offset == reg.STATUS:
            return reg.Status.BUSY * self._busy | reg.Status.HALTED * self._halted
        if offset == reg.RESULT_LEVEL:
            return self._level
        if offset in _HASHES:
            bank = _HASHES.index(offset)
            return self._hashes[bank] if bank < self._models else 0
        if offset == reg.DESCRIPTOR_LEVEL:
            used, level = len(self._queue), reg.DescriptorLevel
            return level.USED.word(used) | level.FREE.word(DESCRIPTORS - used)
        return self._words.get(offset, 0)

    def write(self, offset: int, word: int) -> None:
        """Write a register; nothing happens where there is none."""
        actions = {
            reg.CONTROL: self._control,
            reg.RESULT_TAKE: self._take,
            reg.DESCRIPTOR_CONTEXT: self._push,
            reg.DESCRIPTOR_MODEL: self._push_model,
            reg.DESCRIPTOR_PLANE: self._push_plane,
        }
        if offset in self._absent:
            return
        if offset in (reg.IRQ_STATUS, reg.ERROR):
            self._words[offset] &= ~word
        elif offset in actions:
            actions[offset](word)
        elif offset in reg.WHEN_IDLE and (self._words[reg.CONTROL] & reg.Control.RUN or self._busy):
            self._error(reg.Error.CONFIG)
        elif offset in reg.WHEN_IDLE or offset in _WRITABLE:
            self._words[offset] = word
        elif offset == reg.DESCRIPTOR_PLANE_USE:
            self._words[offset] = word & _USE

    def step(self) -> bool:
        """Take the next descriptor, or write the record that waits. Returns whether there was something to do."""
        if self._halted:
            return False
        if self._waiting:
            return self._put(self._waiting)
        running = self._words[reg.CONTROL] & reg.Control.RUN and self._words[reg.RESULT_SLOTS]
        if not running or not self._queue:
            return False
        descriptor = self._queue.popleft()
        address, context = descriptor.address, descriptor.context
        if descriptor.model:
            if (content := self._fetch(address, image.size(self._load_words))) is not None:
                self._change(content, context.bank)
        elif self._infer[context.bank] is None:
            self._error(reg.Error.MODEL_MISSING)
        elif descriptor.plane:
            self._shrink(descriptor, descriptor.plane)
        elif (content := self._fetch(address, self._bytes)) is not None:
            self._compute(content.reshape(self._shape), descriptor)
        return True

    def _compute(self, frame: np.ndarray, descriptor: _Descriptor) -> None:
        """A frame to its record, by the model of its bank."""
        context, infer = descriptor.context, self._infer[descriptor.context.bank]
        assert infer is not None
        logits = infer(frame.copy(), context.stream, context.clear)
        self._put(Record(descriptor.frame_id, context.stream, context.clear, 0, self._records, logits))

    def _shrink(self, descriptor: _Descriptor, plane: Plane) -> None:
        """A plane to its stream's newest image, and with the two before it to a frame."""
        stream = descriptor.context.stream
        if fault := self._ingest.fault(plane):
            self._error(fault)
        content = None if fault else self._fetch(descriptor.address, plane.bytes)
        if content is None:
            self._ingest.forget(stream)
            return
        history = self._long(reg.HISTORY_BASE_LO) + stream * self._history_bytes
        if not self._inside(reg.HISTORY_BASE_LO, reg.HISTORY_LIMIT_LO, history, self._history_bytes):
            self._halt(reg.Error.HISTORY_WINDOW)
        elif self._lookup(history, self._history_bytes) is None:
            self._halt(reg.Error.WRITE_RESPONSE)
        else:
            self._ingest.keep(plane, content, stream)
            self._words[reg.PLANES_DONE] += 1
            frame = self._ingest.made(stream)
            if plane.use & reg.DescriptorPlaneUse.RUN and frame is not None:
                self._compute(frame, descriptor)
            elif plane.use & reg.DescriptorPlaneUse.RUN:
                self._error(reg.Error.PLANE_HISTORY)

    def _fetch(self, address: int, size: int) -> np.ndarray | None:
        """The bytes of a descriptor, or None where that sets an error flag."""
        if not self._inside(reg.READ_BASE_LO, reg.READ_LIMIT_LO, address, size):
            self._error(reg.Error.READ_WINDOW)
            return None
        content = self._lookup(address, size)
        if content is None:
            self._halt(reg.Error.READ_RESPONSE)
        return content

    def _change(self, content: np.ndarray, bank: int) -> None:
        """Take the model of an image into a bank."""
        wrong = image.fault(content, self._shape_hash, self._load_words)
        if wrong == "shape":
            self._error(reg.Error.MODEL_SHAPE)
            return
        self._infer[bank], self._hashes[bank] = None, 0
        if wrong:
            self._error(reg.Error.MODEL_CRC)
            return
        words = np.frombuffer(content.tobytes(), "<u4")
        self._infer[bank], self._hashes[bank] = self._load(words[4:-1]), int(words[2])

    def _put(self, record: Record) -> bool:
        """Write a record into its slot; where all are taken it waits. Returns whether it was written."""
        if self._level >= self._words[reg.RESULT_SLOTS]:
            if self._waiting is None:
                self._error(reg.Error.RESULT_FULL)
            self._waiting = record
            return False
        self._waiting = None
        slot = record.sequence % self._words[reg.RESULT_SLOTS]
        address = self._long(reg.WRITE_BASE_LO) + slot * self._record_bytes
        if not self._inside(reg.WRITE_BASE_LO, reg.WRITE_LIMIT_LO, address, self._record_bytes):
            self._halt(reg.Error.WRITE_WINDOW)
            return True
        content = self._lookup(address, self._record_bytes)
        if content is None:
            self._halt(reg.Error.WRITE_RESPONSE)
            return True
        content[:] = np.frombuffer(record.pack(self._record_bytes), np.uint8)
        self._records += 1
        self._level += 1
        self._words[reg.FRAMES_DONE] += 1
        self._words[reg.IRQ_STATUS] |= reg.IrqStatus.RESULT
        if not self._queue:
            self._words[reg.IRQ_STATUS] |= reg.IrqStatus.IDLE
        return True

    def _control(self, word: int) -> None:
        if word & reg.Control.SOFT_RESET:
            self._power_on()
            return
        if word & reg.Control.CLEAR_COUNTERS:
            self._words[reg.FRAMES_DONE] = self._words[reg.PLANES_DONE] = 0
        self._words[reg.CONTROL] = word & reg.Control.RUN

    def _take(self, count: int) -> None:
        if count > self._level:
            self._error(reg.Error.RESULT_UNDERFLOW)
        else:
            self._level -= count

    def _push(self, word: int) -> None:
        context = Context.of(word)
        if self._words[reg.DESCRIPTOR_BYTES] != self._bytes:
            self._error(reg.Error.FRAME_SIZE)
        elif context.stream >= self._streams:
            self._error(reg.Error.STREAM)
        elif context.bank >= self._models:
            self._error(reg.Error.MODEL_MISSING)
        elif len(self._queue) >= DESCRIPTORS:
            self._error(reg.Error.DESCRIPTOR_OVERFLOW)
        else:
            address = self._long(reg.DESCRIPTOR_ADDRESS_LO)
            self._queue.append(_Descriptor(address, context, self._words[reg.DESCRIPTOR_FRAME_ID]))

    def _push_plane(self, word: int) -> None:
        context = Context.of(word)
        if context.stream >= self._streams:
            self._error(reg.Error.STREAM)
        elif context.bank >= self._models:
            self._error(reg.Error.MODEL_MISSING)
        elif len(self._queue) >= DESCRIPTORS:
            self._error(reg.Error.DESCRIPTOR_OVERFLOW)
        else:
            plane = Plane(self._words[reg.DESCRIPTOR_PLANE_SIZE], self._words[reg.DESCRIPTOR_PLANE_USE])
            address = self._long(reg.DESCRIPTOR_ADDRESS_LO)
            self._queue.append(_Descriptor(address, context, self._words[reg.DESCRIPTOR_FRAME_ID], plane))

    def _push_model(self, word: int) -> None:
        bank = reg.DescriptorModel.BANK.of(word)
        if self._words[reg.DESCRIPTOR_BYTES] != image.size(self._load_words):
            self._error(reg.Error.MODEL_SIZE)
        elif bank >= self._models:
            self._error(reg.Error.MODEL_SHAPE)
        elif len(self._queue) >= DESCRIPTORS:
            self._error(reg.Error.DESCRIPTOR_OVERFLOW)
        else:
            self._queue.append(_Descriptor(self._long(reg.DESCRIPTOR_ADDRESS_LO), Context(0, bank=bank), model=True))

    def _error(self, flag: int) -> None:
        self._words[reg.ERROR] |= flag
        self._words[reg.IRQ_STATUS] |= reg.IrqStatus.ERROR

    def _halt(self, flag: int) -> None:
        self._error(flag)
        self._halted = True

    def _long(self, low: int) -> int:
        return self._words[low] | self._words[low + 4] << 32

    def _inside(self, base: int, limit: int, address: int, size: int) -> bool:
        return self._long(base) <= address and address + size <= self._long(limit)

    def _lookup(self, address: int, size: int) -> np.ndarray | None:
        """The bytes at a bus address, or None where no memory answers."""
        for start, array in self.memory.items():
            if start <= address and address + size <= start + len(array):
                return array[address - start : address - start + size]
        return None


_HASHES = (reg.MODEL_HASH, reg.MODEL_HASH_1, reg.MODEL_HASH_2, reg.MODEL_HASH_3)  # by bank
_Use = reg.DescriptorPlaneUse
_WRITABLE = {
    *(reg.IRQ_ENABLE, reg.DESCRIPTOR_ADDRESS_LO, reg.DESCRIPTOR_ADDRESS_HI),
    *(reg.DESCRIPTOR_BYTES, reg.DESCRIPTOR_FRAME_ID, reg.DESCRIPTOR_PLANE_SIZE),
}
_USE = sum(map(int, (_Use.STRIDE, _Use.RESTART, _Use.RUN, _Use.WHOLE)))


class ReferenceBackend(Backend):
    """The reference behind the chip's registers. `infer` and `ingest` stand in for its own work in measurements."""

    name = "reference"

    def __init__(self, build: Build, infer: Infer | None = None, ingest: type[Ingest] = Ingest) -> None:
        content = integer_arrays(build.model)

        def load(stream: np.ndarray) -> Infer:
            loaded = image.arrays(build.manifest.memories, stream, content)
            return infer or Reference(build.reference.description, loaded).infer

        self.chip = ReferenceChip(build, load, ingest)
        self.read, self.write = self.chip.read, self.chip.write  # type: ignore[method-assign]
        self._next = _FIRST_ADDRESS
        self._time = 0.0

    def allocate(self, size: int) -> _Buffer:
        """Memory at an address that no other buffer ever had."""
        buffer = _Buffer(self.chip, self._next, size)
        self._next += -(-size // _PAGE) * _PAGE + _PAGE
        return buffer

    def clock(self) -> float:
        """Seconds that were waited in vain."""
        return self._time

    def wait(self, seconds: float) -> None:
        """One frame, if there is one; else the time is gone at once."""
        if not self.chip.step():
            self._time += seconds
