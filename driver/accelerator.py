# SPDX-License-Identifier: BSD-3-Clause
"""The accelerator as a user sees it: frames in, results out, in order, a temporal state for each stream."""

import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from shiftcore.driver.backends import open_backend
from shiftcore.driver.backends.base import Backend
from shiftcore.driver.banks import Banks
from shiftcore.driver.build import Build
from shiftcore.driver.change import Change, LoadedModel, in_use
from shiftcore.driver.compare import Comparison
from shiftcore.driver.device import Device, Flight
from shiftcore.driver.errors import (
    AcceleratorError,
    ChipError,
    ClosedError,
    DifferenceError,
    FrameError,
    ResetError,
    ResultsWaitingError,
    StreamBusyError,
)
from shiftcore.driver.planes import seen_by_ingest
from shiftcore.driver.result_queue import ResultQueue
from shiftcore.model.preprocess import Preprocessor
from shiftcore.model.records import Counters, Record, Result

WAITING = 1024  # results that may wait to be taken
_PLANE_S = 1e-4  # between two looks for room for a plane: the chip does not tell of each that it has done


class Accelerator:
    """A chip with a network in it; `open` makes one. A context manager.

    One thread, the one that opened it. Any number of streams up to `streams`, at once: each has its temporal state and
    consensus window of its own.

    `classes`: names, in the order of the logits; `input_shape`: rows, columns, channels of a frame; `streams`: how many
    cameras are kept apart; `clock_mhz`; `compiled`: whether there is a chip at all; `ingest`: whether it makes inputs
    of images by itself; `description`: the integer model's (docs/integer-model.md); `backend`: the name of the back end
    in use; `build`: what it was opened with. Classes and description are those of the model in bank 0.
    """

    def __init__(self, build: Build, backend: Backend, compare: bool = False) -> None:
        self._thread = threading.get_ident()
        self._closed = True  # until there is something to close
        self._backend, self.build = backend, build
        self.backend = backend.name
        self.manifest = build.manifest
        self.description = build.reference.description
        self.classes = list(build.reference.classes)
        self.input_shape = build.input_shape
        self.streams, self.clock_mhz = build.manifest.streams, build.manifest.clock_mhz
        self.compiled, self.ingest = build.compiled, build.manifest.ingest
        self._comparison = Comparison(build, backend.name) if compare else None
        self._submitted = ResultQueue()
        self._busy: set[int] = set()
        self._begin = set(range(self.streams))  # streams whose next frame begins a clip
        self._next_id = 0
        self._images = self.preprocessor()
        self._beside = self.preprocessor()  # what a chip with ingest makes of images, for the comparison
        self._device = Device(backend, build)
        self._banks = Banks(build, self._device.streams[0])
        self._closed = False

    @classmethod
    def open(cls, build_dir: Path | str, backend: str = "auto", compare: bool = False, banks: int = 1) -> "Accelerator":
        """Open the chip of a build folder, build/<preset>/<board>, with the model that the build goes by; or an
        exported model (.npz) without a chip: the reference runs it.

        `backend`: `board`, `rtl` (the Verilated chip), `reference` (NumPy), or `auto`, the first of these that this
        machine can run. `compare` checks every result against the reference; `banks`: how many are needed, at least.
        Raises BuildError, BackendError, IdentityError or ResetError; of a model that was loaded, as `load`.
        """
        build = in_use(Build.load(build_dir).for_models(banks))
        chip = open_backend(backend, build)
        try:
            return cls(build, chip, compare)
        except BaseException:
            chip.close()
            raise

    def __enter__(self) -> "Accelerator":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the chip, whatever is under way, and free its memory. Raises ResetError when it does not let go."""
        if self._closed:
            return
        self._closed = True
        try:
            self._device.stop()
        finally:
            self._backend.close()

    def preprocessor(self) -> Preprocessor:
        """What makes the network's inputs of a camera's images (its `luma` says of which); of the same images, those of
        training."""
        return Preprocessor(self.description)

    def stream(self, frames: Iterable[np.ndarray], stream: int = 0) -> Iterator[Result]:
        """Run `frames`, uint8 `[H, W, C]`, as one clip of `stream`, and yield each frame's result in order.

        Frames are taken ahead of the results, as many as the chip has room for. Streams may be interleaved: each such
        iterator yields its own results. One that is given up in the middle, or whose `frames` raise, leaves the chip
        ready; the stream's next frame begins a clip. Raises FrameError, StreamBusyError, and any ChipError.
        """
        self._check_stream(stream)
        return self._stream(frames, stream)

    def infer(self, clip: Iterable[np.ndarray], stream: int = 0) -> Result:
        """The result of a clip's last frame. Raises FrameError (also for a clip without any), StreamBusyError, and any
        ChipError."""
        result = None
        for result in self.stream(clip, stream):  # noqa: B007 - the last one is wanted
            pass
        if result is None:
            raise FrameError("the clip has no frames; a result needs at least one")
        return result

    async def astream(
        self, frames: Iterable[np.ndarray] | AsyncIterable[np.ndarray], stream: int = 0
    ) -> AsyncIterator[Result]:
        """As `stream`, for asyncio; `frames` may be an asynchronous iterable. While the chip works other tasks run."""
        self._check_stream(stream)
        queue = self._claim(stream)
        try:
            async for frame in _async_iter(frames):
                while not self._has_room():
                    await self._advance_async()
                    for result in queue.drain():
                        yield result
                self._send(frame, stream, False, queue)
                self._collect()
                for result in queue.drain():
                    yield result
            while queue.under_way or queue.error:
                await self._advance_async()
                for result in queue.drain():
                    yield result
        finally:
            self._release(stream)

    def submit(self, frame: np.ndarray, stream: int = 0, clear: bool = False) -> int:
        """Send one frame, uint8 `[H, W, C]`; `clear` begins a clip. Returns its frame id; its result comes from
        `results`. Waits while the chip has no room.

        Raises FrameError, StreamBusyError (the stream is in use by `stream`), ResultsWaitingError, and any ChipError.
        """
        self._check_stream(stream)
        self._check_frame(frame)
        self._make_room(stream, self._has_room)
        return self._send(frame, stream, clear, self._submitted)

    def submit_image(self, image: np.ndarray, stream: int = 0, clear: bool = False) -> tuple[int, bool] | None:
        """Send a camera's next image, as `Preprocessor.prepare` takes it; `clear` begins a clip. A chip with ingest is
        given its luma, which is copied once; for any other the input is made here. Returns the frame id of the input,
        whose result comes from `results`, and whether it is its clip's first; None when the network does not run for
        this image. Raises as `submit` and `prepare`. After a ChipError a chip with ingest begins all clips anew."""
        self._check_stream(stream)
        if not self.ingest:
            prepared = self._images.prepare(image, stream, clear)
            return prepared and (self.submit(prepared[0], stream, prepared[1]), prepared[1])
        part = seen_by_ingest(self._images, image, stream)
        self._make_room(stream, lambda: self._device.has_room_for(part), _PLANE_S)
        turn = self._images.turn(stream, clear)
        flight = self._flight(stream, turn.first)
        if self._comparison and (prepared := self._beside.prepare(image, stream, turn.restart)):
            flight.frame = prepared[0]
        self._device.push_plane(part, turn, flight)
        return (self._sent(flight), turn.first) if turn.run else None

    def results(self, wait_s: float = 0.0) -> list[Result]:
        """The results of submitted frames that have come, in order. Where there are none but frames are under way, wait
        up to `wait_s` seconds for the first (of simulated time on `rtl`). Raises any ChipError."""
        self._check()
        queue, end = self._submitted, self._backend.clock() + wait_s
        self._collect()
        while not queue.results and queue.under_way and (left := end - self._backend.clock()) > 0:
            self._advance(left)
        if not queue.results:
            list(queue.drain())  # raises the error, if there is one
        return queue.take()

    def read(self, model: Path | str) -> Change:
        """An integer model (.npz) for `load`, read and held against the chip, of which nothing is asked: any thread may
        do so. Raises UserError where it is none, and ShapeError, which says what differs."""
        return Change.read(self.build, Path(model))

    @property
    def models(self) -> tuple[LoadedModel, ...]:
        """What is loaded: a model a bank, as many as the chip was built for (`hardware.models`), mostly one."""
        return self._banks.models

    def model_of(self, stream: int) -> LoadedModel:
        """The one of `models` that computes a stream's next frame, whose classes and alarm are those of its results."""
        return self._banks.models[self._banks.of(stream)]

    def use(self, stream: int, bank: int) -> None:
        """Let `stream` be of the model in `bank`, an index of `models`, from its next frame on, which then begins a
        clip; until it is told so, a stream is of bank 0. Raises FrameError for a stream or bank that is not there."""
        self._check_stream(stream)
        self._banks.check(bank)
        if self._banks.use(stream, bank):
            self._begin.add(stream)

    def load(self, model: Path | str | Change, bank: int = 0) -> None:
        """Take another integer model of the same shape, a file (.npz) or what `read` gave, in place of that in `bank`:
        frames sent before are of the model before it, those behind of its own, and the next frame of every stream
        begins a clip, whatever its bank. Waits for the frames under way, whose results are kept. Raises as `read`,
        FrameError for a bank that is not there, ModelError, and any other ChipError."""
        self._check()
        self._banks.check(bank)
        change = model if isinstance(model, Change) else self.read(model)
        while self._device.flights:
            self._advance()
        try:
            self._device.load(change.stream, bank)
        except (ChipError, ResetError) as error:
            self._lose(error)
        self._begin.update(range(self.streams))
        self._banks.take(change, bank)
        if bank == 0:
            self.description, self.classes = change.reference.description, list(change.reference.classes)
        if self._comparison:
            self._comparison.change(change.model, bank)

    async def aload(self, model: Path | str | Change, bank: int = 0) -> None:
        """As `load`, for asyncio: other tasks run while the frames that are under way now are waited for. What they
        send meanwhile is of the model before as well, and is waited for in the end."""
        self._check()
        last = self._device.flights[-1] if self._device.flights else None
        while any(flight is last for flight in self._device.flights):
            await self._advance_async()
        self.load(model, bank)

    def reset(self, stream: int) -> None:
        """Let the next frame of `stream` begin a clip. Frames under way are not touched."""
        self._check_stream(stream)
        self._begin.add(stream)

    def counters(self) -> Counters:
        """The chip's counters since it was opened, or last reset after an error."""
        self._check()
        return self._device.counters()

    @property
    def load_cycles(self) -> int:
        """Clock cycles of the last load, in which no frame entered the core; 0 where none was, and on `reference`."""
        self._check()
        return self._device.load_cycles

    def _stream(self, frames: Iterable[np.ndarray], stream: int) -> Iterator[Result]:
        queue = self._claim(stream)
        try:
            for frame in frames:
                while not self._has_room():
                    self._advance()
                    yield from queue.drain()
                self._send(frame, stream, False, queue)
                self._collect()
                yield from queue.drain()
            while queue.under_way or queue.error:
                self._advance()
                yield from queue.drain()
        finally:
            self._release(stream)

    def _claim(self, stream: int) -> ResultQueue:
        self._check()
        if stream in self._busy:
            raise StreamBusyError(f"stream {stream} is in use by another stream() or astream(); finish or close that")
        self._busy.add(stream)
        self._begin.add(stream)
        return ResultQueue()

    def _release(self, stream: int) -> None:
        """Frames still under way come back to a queue that nobody reads; the next clip follows them in order."""
        self._busy.discard(stream)
        self._begin.add(stream)

    def _check(self) -> None:
        if self._closed:
            raise ClosedError("the accelerator is closed; open it again")
        if threading.get_ident() != self._thread:
            raise ClosedError("the accelerator belongs to the thread that opened it; open one in each thread's place")

    def _check_stream(self, stream: int) -> None:
        self._check()
        if not 0 <= stream < self.streams:
            raise FrameError(f"stream {stream} is not in 0 .. {self.streams - 1}, which this chip was built for")

    def _check_frame(self, frame: np.ndarray) -> None:
        if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.shape != self.input_shape:
            found = f"{frame.dtype} {frame.shape}" if isinstance(frame, np.ndarray) else type(frame).__name__
            raise FrameError(f"the frame is {found}, the network takes uint8 {self.input_shape}")

    def _has_room(self) -> bool:
        self._check()
        return self._device.has_room

    def _make_room(self, stream: int, room: Callable[[], bool], look_s: float = float("inf")) -> None:
        """Wait until there is `room` for what is to be submitted, looking every `look_s` seconds at the latest."""
        if stream in self._busy:
            raise StreamBusyError(f"stream {stream} is in use by stream() or astream(); give submit() another")
        if len(self._submitted.results) >= WAITING:
            raise ResultsWaitingError(f"{WAITING} results wait; take them with results() before the next submit()")
        while not room():
            self._advance(look_s)
        if self._submitted.error and not self._submitted.results:
            list(self._submitted.drain())  # raises it

    def _send(self, frame: np.ndarray, stream: int, clear: bool, queue: ResultQueue) -> int:
        self._check_frame(frame)
        flight = self._flight(stream, clear, queue)
        if self._comparison:
            flight.frame = frame.copy()
        self._device.push(frame, flight)
        return self._sent(flight)

    def _flight(self, stream: int, clear: bool, queue: ResultQueue | None = None) -> Flight:
        begins = clear or stream in self._begin
        return Flight(self._next_id, stream, begins, queue or self._submitted, self._banks.of(stream))

    def _sent(self, flight: Flight) -> int:
        self._begin.discard(flight.stream)
        self._next_id = (self._next_id + 1) & 0xFFFF_FFFF
        flight.owner.under_way += 1
        return flight.frame_id

    def _advance(self, seconds: float = float("inf")) -> None:
        """Let the chip work until something happened, `seconds` at most."""
        self._check()
        if not self._collect():
            self._backend.wait(min(self._device.patience(), seconds))
            self._collect()

    async def _advance_async(self) -> None:
        self._check()
        if not self._collect():
            await self._backend.wait_async(self._device.patience())
            self._collect()

    def _collect(self) -> bool:
        """Hand on what has come, results or an error. Returns whether there was anything."""
        done: list[tuple[Flight, Record]] = []
        try:
            done = self._device.poll()
            for index, (flight, record) in enumerate(done):
                try:
                    self._finish(flight, record)
                except DifferenceError as difference:
                    self._device.fail(difference, tuple(lost for lost, _ in done[index:]))
        except (ChipError, ResetError) as error:
            self._lose(error)
            return True
        return bool(done)

    def _lose(self, error: AcceleratorError) -> None:
        """Tell everyone whose frames an error cost; where that is nobody, the caller."""
        self._begin.update(range(self.streams))
        if self.ingest:  # its memory of the cameras' images is gone
            self._images.reset()
        if isinstance(error, ResetError):
            self._closed = True
            self._backend.close()
            raise error
        owners: list[ResultQueue] = []
        for flight in self._device.lost:
            if all(flight.owner is not owner for owner in owners):
                owners.append(flight.owner)
        for owner in owners:
            owner.under_way, owner.error = 0, error
        if not owners:
            raise error

    def _finish(self, flight: Flight, record: Record) -> None:
        if self._comparison:
            self._comparison.check(flight, record)
        flight.owner.put(self._banks.result(flight, record))


async def _async_iter(frames: Iterable[np.ndarray] | AsyncIterable[np.ndarray]) -> AsyncIterator[np.ndarray]:
    if isinstance(frames, AsyncIterable):
        async for frame in frames:
            yield frame
    else:
        for frame in frames:
            yield frame
