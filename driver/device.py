# SPDX-License-Identifier: BSD-3-Clause
"""The register-level code, the same for every back end: buffers, descriptors, records, error flags, soft reset."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from shiftcore.driver.backends.base import Backend, Buffer
from shiftcore.driver.build import Build
from shiftcore.driver.errors import (
    ChipError,
    DescriptorError,
    IdentityError,
    LostFrameError,
    MemoryReadError,
    MemoryWriteError,
    ModelError,
    RegisterError,
    ResetError,
    ResponseTimeoutError,
    StuckError,
    WindowError,
)
from shiftcore.driver.planes import Planes
from shiftcore.model import image
from shiftcore.model import registers as reg
from shiftcore.model.limits import RECORDS
from shiftcore.model.preprocess import Turn
from shiftcore.model.records import Context, Counters, Record

_HASHES = (reg.MODEL_HASH, reg.MODEL_HASH_1, reg.MODEL_HASH_2, reg.MODEL_HASH_3)  # by bank
_LINE = 64  # bytes of a cache line, at most: no two frames share one
_RESET_CYCLES = 200_000
_FLAGS: tuple[tuple[int, type[ChipError], str], ...] = (
    (reg.Error.READ_RESPONSE, MemoryReadError, "memory refused to hand out a frame (AXI error response)"),
    (reg.Error.WRITE_RESPONSE, MemoryWriteError, "memory refused to take a result (AXI error response)"),
    (reg.Error.READ_WINDOW, WindowError, "a frame or a plane lies outside the memory that the chip may read"),
    (reg.Error.WRITE_WINDOW, WindowError, "a result would lie outside the memory that the chip may write"),
    (reg.Error.HISTORY_WINDOW, WindowError, "an image would lie outside the memory for the cameras' earlier ones"),
    (reg.Error.PLANE_SIZE, DescriptorError, "the chip refused a plane: too small for its network, or too large"),
    (reg.Error.PLANE_STRIDE, DescriptorError, "the chip refused a plane: its rows overlap"),
    (reg.Error.PLANE_HISTORY, DescriptorError, "the chip made no input: it has none of the images before this one"),
    (reg.Error.FRAME_SIZE, DescriptorError, "the chip refused a frame: not the length that its network takes"),
    (reg.Error.STREAM, DescriptorError, "the chip refused a frame: a stream that it does not have"),
    (reg.Error.DESCRIPTOR_OVERFLOW, DescriptorError, "the chip refused a frame: its descriptor queue was full"),
    (reg.Error.MODEL_SIZE, ModelError, "the chip refused a model image: not the length that it takes"),
    (reg.Error.MODEL_SHAPE, ModelError, "the chip refused a model image: none, or one of another build"),
    (reg.Error.MODEL_CRC, ModelError, "a model image was damaged on its way: its check sum is wrong"),
    (reg.Error.MODEL_MISSING, ModelError, "the chip refused a frame: it has no model"),
    (reg.Error.WATCHDOG, StuckError, "the core holds a frame and nothing has moved for longer than a frame can take"),
    (reg.Error.CONFIG, RegisterError, "a register was written that may only change while the chip is idle"),
    (reg.Error.RESULT_UNDERFLOW, RegisterError, "more results were taken than there were"),
)


@dataclass
class Flight:
    """A frame on its way, of the model in `bank`. `owner` is its sender's own; `frame` is kept only where it is wanted
    later."""

    frame_id: int
    stream: int
    clear: bool
    owner: Any
    bank: int = 0
    frame: np.ndarray | None = field(default=None, repr=False)

    @property
    def context(self) -> Context:
        """What the chip is told of it."""
        return Context(self.stream, self.clear, self.bank)


class Device:
    """A chip that has been identified, reset and given its buffers; ready for frames.

    `flights` are the frames under way, oldest first; `lost` those that the last ChipError cost; `streams`: the load
    stream (model.image) of the model that the chip has, or shall have, in each of its banks. Raises IdentityError
    when the chip is not the build's, ResetError when it cannot be reset.
    """

    def __init__(self, backend: Backend, build: Build) -> None:
        self.backend, self.build = backend, build
        self.flights: deque[Flight] = deque()
        self.lost: list[Flight] = []
        self._hertz = build.manifest.clock_mhz * 1e6
        self._bytes, self._record_bytes = build.input_bytes, build.manifest.record_bytes
        # Frames leave one by one, so between two beats at the core's ports less than a few frame times pass.
        self._watchdog = 16 * build.manifest.frame_interval + 65_536
        self._stride = -(-self._bytes // _LINE) * _LINE
        self._pushed = self._taken = self._credits = 0
        self._deadline = 0.0
        self._identify()
        self._soft_reset()
        self._image = RECORDS * self._stride  # where in the frames' memory the model image begins, behind them
        self.streams = [build.load_stream(build.model)] * build.manifest.models
        self._readable = self._image + image.size(build.manifest.load_words)
        self._planes = Planes(backend)
        self._buffers: list[Buffer] = []
        try:
            self._frames = self._allocate(self._readable)
            self._records = self._allocate(RECORDS * self._record_bytes)
            if build.history_bytes:
                self._histories = self._allocate(build.manifest.streams * build.history_bytes)
        except BaseException:
            self._free()
            raise
        self._configure()
        self._restore()

    @property
    def has_room(self) -> bool:
        """Whether `push` would take a frame."""
        if len(self.flights) >= RECORDS:
            return False
        if not self._credits:
            self._credits = reg.DescriptorLevel.FREE.of(self.backend.read(reg.DESCRIPTOR_LEVEL))
        return self._credits > 0

    def push(self, frame: np.ndarray, flight: Flight) -> None:
        """Copy `frame`, uint8 `[H, W, C]`, into memory and queue its descriptor. There must be room."""
        write = self.backend.write
        start = self._pushed % RECORDS * self._stride
        self._frames.array[start : start + self._bytes] = frame.reshape(-1)
        self._frames.flush(start, self._bytes)
        address = self._frames.address + start
        self._aim(address)
        write(reg.DESCRIPTOR_FRAME_ID, flight.frame_id)
        if not self.flights:
            self._expect()
        write(reg.DESCRIPTOR_CONTEXT, flight.context.word)
        self.flights.append(flight)
        self._pushed += 1
        self._credits -= 1

    def has_room_for(self, plane: np.ndarray) -> bool:
        """Whether `push_plane` would take a plane. Where its memory is too small it waits for the chip to be idle, and
        takes more. Raises BackendError where there is none."""
        if not self._planes.fit(plane):
            if self.backend.read(reg.STATUS) & reg.Status.BUSY:
                return False
            self.backend.write(reg.CONTROL, 0)
            try:
                self._planes.grow(plane)
            finally:
                self._grant()
                self.backend.write(reg.CONTROL, reg.Control.RUN)
        return self._planes.has_room() and self.has_room

    def push_plane(self, plane: np.ndarray, turn: Turn, flight: Flight) -> None:
        """Copy a plane, uint8 `[rows, columns]`, the whole of which the network sees, into memory and queue its
        descriptor; `flight`: the frame that the chip makes of it, if `turn` says so. There must be room."""
        write, size, use = self.backend.write, reg.DescriptorPlaneSize, reg.DescriptorPlaneUse
        address, stride = self._planes.put(plane)
        rows, columns = plane.shape
        self._aim(address)
        write(reg.DESCRIPTOR_PLANE_SIZE, size.WIDTH.word(columns) | size.HEIGHT.word(rows))
        flags = use.WHOLE | use.RESTART * turn.restart | use.RUN * turn.run
        write(reg.DESCRIPTOR_PLANE_USE, use.STRIDE.word(stride) | flags)
        if turn.run:
            write(reg.DESCRIPTOR_FRAME_ID, flight.frame_id)
            self.flights.append(flight)
        self._expect()
        write(reg.DESCRIPTOR_PLANE, flight.context.word)
        self._credits -= 1

    def load(self, stream: np.ndarray, bank: int = 0) -> None:
        """Give the chip another model for a bank, by its load stream (Build.load_stream), and wait until it has it. No
        frame may be under way. Raises ModelError, or another ChipError, after which the chip has the one before it."""
        wrong = self._send_model(stream, bank)
        if wrong is not None:
            self.fail(wrong)
        self.streams[bank] = stream

    def poll(self) -> list[tuple[Flight, Record]]:
        """The frames whose results have come since the last call, in order.

        Raises a ChipError when the chip reports an error, when a record is not the one that is due, and when nothing
        came in the time in which something had to; the chip has been reset by then. Raises ResetError when it cannot.
        """
        late = bool(self.flights or self._planes.cycles) and self.backend.clock() >= self._deadline
        status = self.backend.read(reg.IRQ_STATUS)
        if status & reg.IrqStatus.ERROR:
            self._report()
        if status & reg.IrqStatus.RESULT:
            self.backend.write(reg.IRQ_STATUS, reg.IrqStatus.RESULT)
            self._expect()
            return self._take(self.backend.read(reg.RESULT_LEVEL))
        if late and self._planes.cycles and self._planes.moved():
            self._expect()
        elif late:
            self.fail(ResponseTimeoutError(f"no result for {self._limit(2 * self._watchdog):.3g} s"))
        return []

    def patience(self) -> float:
        """Seconds until the next result is overdue."""
        return max(self._deadline - self.backend.clock(), 0.0)

    def fail(self, error: ChipError, also: tuple[Flight, ...] = ()) -> NoReturn:
        """Reset the chip and raise `error` with what it cost: all frames under way, and those of `also`."""
        self.lost = [*also, *self.flights]
        self.flights.clear()
        self._soft_reset()
        self._configure()
        self._restore()
        count = f"{len(self.lost)} frame{'s' * (len(self.lost) != 1)} under way"
        text = f"{error}; the chip was reset, {count} lost" if self.lost else f"{error}; the chip was reset"
        raise type(error)(text) from error.__cause__

    def counters(self) -> Counters:
        """The chip's counters."""
        read = self.backend.read

        def long(low: int) -> int:
            word = read(low)  # freezes the upper half
            return word | read(low + 4) << 32

        done = read(reg.FRAMES_DONE)
        return Counters(
            cycles=long(reg.CYCLES_LO),
            frames_done=done,
            latency_last=read(reg.LATENCY_LAST),
            latency_min=read(reg.LATENCY_MIN) if done and read(reg.LATENCY_MAX) else 0,
            latency_max=read(reg.LATENCY_MAX),
            input_stalls=long(reg.INPUT_STALLS_LO),
            output_stalls=long(reg.OUTPUT_STALLS_LO),
        )

    @property
    def load_cycles(self) -> int:
        """Cycles of the last load."""
        return self.backend.read(reg.LOAD_CYCLES)

    def stop(self) -> None:
        """Reset the chip and free its buffers, whatever is under way. Raises ResetError when the chip does not let go
        of memory; the buffers stay allocated then, since it may still write to them."""
        self.flights.clear()
        self._soft_reset()
        self._free()

    def _allocate(self, size: int) -> Buffer:
        self._buffers.append(self.backend.allocate(size))
        return self._buffers[-1]

    def _free(self) -> None:
        self._planes.free()
        for buffer in self._buffers:
            buffer.free()

    def _identify(self) -> None:
        """Raise IdentityError, with both values, unless the chip is the build's."""
        for name, offset, right in (("ID", reg.ID, reg.ID_VALUE), *self.build.identity):
            found = self.backend.read(offset)
            if found != right:
                raise IdentityError(
                    f"{self.build.folder}: the chip's {name} is {found:#010x}, but the build's is {right:#010x}; "
                    "its bitstream is of another build"
                )
            if offset == reg.ID:  # the rest is meaningless in another version of the map
                version = self.backend.read(reg.VERSION)
                if version >> 24 != reg.VERSION_VALUE >> 24:
                    raise IdentityError(
                        f"{self.build.folder}: the chip's register map is version {version >> 24}, but this driver "
                        f"knows version {reg.VERSION_VALUE >> 24}"
                    )

    def _soft_reset(self) -> None:
        self.backend.write(reg.CONTROL, reg.Control.SOFT_RESET)
        self._until(lambda: not self.backend.read(reg.STATUS) & reg.Status.RESETTING)

    def _until(self, condition: Callable[[], int]) -> None:
        limit = self.backend.clock() + self._limit(_RESET_CYCLES)
        while not condition():
            if self.backend.clock() >= limit and not condition():
                raise ResetError("the soft reset does not end: memory never answered; load the bitstream again")
            self.backend.wait(1e-6)

    def _configure(self) -> None:
        """Tell a chip fresh from reset all it must know, and let it run."""
        self._pushed = self._taken = self._credits = 0
        self._deadline = 0.0
        self._planes.forget()
        self._grant()
        write = self.backend.write
        write(reg.RESULT_SLOTS, RECORDS)
        write(reg.WATCHDOG, self._watchdog)
        write(reg.DESCRIPTOR_BYTES, self._bytes)
        write(reg.IRQ_ENABLE, reg.IrqEnable.RESULT | reg.IrqEnable.ERROR)
        write(reg.CONTROL, reg.Control.RUN)

    def _grant(self) -> None:
        """Tell the chip which memory is its own."""
        first, behind = self._frames.address, self._frames.address + self._readable // 8 * 8 + 8
        if self._planes.span[1]:
            first, behind = min(first, self._planes.span[0]), max(behind, self._planes.span[1])
        windows = [
            (reg.READ_BASE_LO, first),
            (reg.READ_LIMIT_LO, behind),
            (reg.WRITE_BASE_LO, self._records.address),
            (reg.WRITE_LIMIT_LO, self._records.address + RECORDS * self._record_bytes),
        ]
        if size := self.build.history_bytes:
            histories = self._histories.address
            behind = histories + self.build.manifest.streams * size
            windows += [(reg.HISTORY_BASE_LO, histories), (reg.HISTORY_LIMIT_LO, behind)]
        for low, address in windows:
            self.backend.write(low, address & 0xFFFF_FFFF)
            self.backend.write(low + 4, address >> 32)

    def _expect(self) -> None:
        """From now on something has to come in the time that a frame, and the planes before it, can take."""
        self._deadline = self.backend.clock() + self._limit(2 * self._watchdog + self._planes.cycles)

    def _restore(self) -> None:
        """See to it that a chip fresh from reset has the models that it should. Raises ResetError where it cannot."""
        for bank, stream in enumerate(self.streams):
            if self.backend.read(_HASHES[bank]) == int(image.model_hash(stream), 16):
                continue
            wrong = self._send_model(stream, bank)
            if wrong is not None:
                raise ResetError(f"{wrong}, and a second time behind a reset; load the bitstream again") from wrong

    def _aim(self, address: int) -> None:
        """Where what the next descriptor names begins in memory."""
        self.backend.write(reg.DESCRIPTOR_ADDRESS_LO, address & 0xFFFF_FFFF)
        self.backend.write(reg.DESCRIPTOR_ADDRESS_HI, address >> 32)

    def _send_model(self, stream: np.ndarray, bank: int) -> ChipError | None:
        """Have the chip load a model image into a bank, and wait for it; what is wrong, if anything."""
        content = image.image(self.build.manifest.shape, stream)
        self._frames.array[self._image : self._image + len(content)] = content
        self._frames.flush(self._image, len(content))
        address, write = self._frames.address + self._image, self.backend.write
        self._aim(address)
        write(reg.DESCRIPTOR_BYTES, len(content))
        write(reg.DESCRIPTOR_MODEL, reg.DescriptorModel.BANK.word(bank))
        write(reg.DESCRIPTOR_BYTES, self._bytes)
        self._credits = 0
        end = self.backend.clock() + self._limit(self._watchdog + 64 * len(stream) + self._planes.cycles)
        while (status := self.backend.read(reg.STATUS)) & reg.Status.BUSY and not status & reg.Status.HALTED:
            if self.backend.clock() >= end:
                return ResponseTimeoutError("the chip does not end loading a model")
            self.backend.wait(1e-5)
        flags = self.backend.read(reg.ERROR)
        for flag, error, text in _FLAGS:
            if flags & flag:
                return error(text)
        if self.backend.read(_HASHES[bank]) != int(image.model_hash(stream), 16):
            return ModelError("the chip has another model than it was given")
        return None

    def _limit(self, cycles: int) -> float:
        return cycles / self._hertz + self.backend.slack_s

    def _report(self) -> None:
        """Raise what the error flags say. RESULT_FULL alone is none: the record waits, and nothing is lost."""
        flags = self.backend.read(reg.ERROR)
        for flag, error, text in _FLAGS:
            if flags & flag:
                self.fail(error(text))
        self.backend.write(reg.ERROR, flags)
        self.backend.write(reg.IRQ_STATUS, reg.IrqStatus.ERROR)

    def _take(self, count: int) -> list[tuple[Flight, Record]]:
        """The oldest `count` records, each checked to be the one that is due."""
        if count > len(self.flights):
            self.fail(LostFrameError(f"{count} results came for {len(self.flights)} frames"))
        done = []
        for _ in range(count):
            start = self._taken % RECORDS * self._record_bytes
            self._records.invalidate(start, self._record_bytes)
            slot = self._records.array[start : start + self._record_bytes]
            record = Record.unpack(slot, self.build.manifest.logits)
            flight = self.flights[0]
            due = (flight.frame_id, flight.stream, flight.clear, self._taken & 0xFFFF_FFFF)
            found = (record.frame_id, record.stream, record.clear, record.sequence)
            if found != due:
                names = "frame, stream, clear, sequence number"
                self.fail(LostFrameError(f"the result of {names} {due} was due, that of {found} came"))
            done.append((self.flights.popleft(), record))
            self._taken += 1
        self.backend.write(reg.RESULT_TAKE, count)
        return done
