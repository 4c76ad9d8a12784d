# SPDX-License-Identifier: BSD-3-Clause
"""What an image costs a processor on its way from the video's bytes to the alarm, stage by stage.

What a board runs, run as there: `driver.run.Run`, with a chip that answers at once. It needs NumPy and PyAV alone, so
the same code is measured here, in CPU time, and on an emulated ARM, in instructions (`shiftcore.flow.arm`).
"""

import os
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import av
import numpy as np

from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.backends.reference import ReferenceBackend
from shiftcore.driver.backends.reference_ingest import Ingest, Plane
from shiftcore.driver.build import Build
from shiftcore.driver.feeding.link import IMAGE, BoardKeys, FeederKey, Header, receive, settle
from shiftcore.driver.run import Run
from shiftcore.driver.sources import Image, Source
from shiftcore.model import registers as reg
from shiftcore.model.manifest import INGEST
from shiftcore.model.preprocess import Preprocessor
from shiftcore.model.sampling import Wanted
from shiftcore.model.video import seen, video_stream

STAGES = ("decode", "colour", "shrink", "driver")
REPEATS = 5  # of every clip, in turn
RATE = 16  # images a second
FED = 64  # images that are sent

Mark = Callable[[], None]
"""Called between any two stages; whoever measures reads a clock or a counter in it."""


class _Video(Source):
    """Each image of a file, decoded by one thread. As a camera: what is looked at of a camera's pictures is, too."""

    live = True

    def __init__(self, path: Path, wanted: Wanted, mark: Mark) -> None:
        super().__init__(str(path), None, print, wanted)
        self._mark, self._number = mark, 0
        self._container = av.open(str(path))
        self._stream = video_stream(self._container)
        assert self._stream is not None
        self._stream.thread_type = "NONE"
        self._frames = self._container.decode(self._stream)

    @property
    def interrupted(self) -> bool:
        return False

    def take(self) -> Image | None:
        self._mark()
        frame = next(self._frames, None)
        self._mark()
        self.done = frame is None
        if frame is None:
            return None
        pixels, _ = seen(frame, self._stream, self._wanted)
        number, self._number = self._number, self._number + 1
        self._mark()
        return Image(pixels, number / RATE, number, self.name, number == 0)

    def close(self) -> None:
        super().close()
        self._container.close()


class _Shrunk(Ingest):
    """A chip's ingest that costs the processor nothing: it looks at no plane, and all inputs are one."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__(height, width)
        self._input = np.zeros((height, width, 3), np.uint8)

    def keep(self, plane: Plane, content: np.ndarray, stream: int) -> None:
        pass

    def made(self, stream: int) -> np.ndarray:
        return self._input


class _Prompt(ReferenceBackend):
    """A chip whose result is there as soon as its frame has been sent. Its registers are Python, and are counted in."""

    def __init__(self, build: Build) -> None:
        logits = np.arange(build.manifest.logits, dtype=np.int64)
        super().__init__(build, lambda *_: logits, _Shrunk)
        self.write = self._write  # type: ignore[method-assign]

    def _write(self, offset: int, word: int) -> None:
        self.chip.write(offset, word)
        if offset in (reg.DESCRIPTOR_CONTEXT, reg.DESCRIPTOR_PLANE):
            self.chip.step()


class _Marked(Preprocessor):
    """What shrinks, between two marks."""

    mark: Mark

    def prepare(self, image: np.ndarray, stream: int = 0, clear: bool = False) -> tuple[np.ndarray, bool] | None:
        self.mark()
        try:
            return super().prepare(image, stream, clear)
        finally:
            self.mark()

    def part(self, image: np.ndarray, stream: int = 0) -> np.ndarray:
        self.mark()
        try:
            return super().part(image, stream)
        finally:
            self.mark()


class _Accelerator(Accelerator):
    def __init__(self, build: Build, mark: Mark) -> None:
        self.mark = mark  # first: it is made with preprocessors
        super().__init__(build, _Prompt(build))

    def preprocessor(self) -> Preprocessor:
        marked = _Marked(self.description)
        marked.mark = self.mark
        return marked


def with_its_chip(model: Path | str) -> Build:
    """An integer model as a chip of its preset runs it, with ingest if that has it."""
    build = Build.load(model)
    if not build.reference.description.preset.hardware.ingest:
        return build
    return replace(build, manifest=replace(build.manifest, files=(f"rtl/{INGEST}",)))


def watch(video: Path, build: Build, mark: Mark) -> None:
    """Run all of a video through decoder, preprocessing, driver and alarm. `mark` is called before and after decoding,
    after the colours, before and after shrinking an image, and twice around the decoder's end."""
    results = 0

    def count(*_: object) -> None:
        nonlocal results
        results += 1

    with _Accelerator(build, mark) as accelerator:
        prepare = Preprocessor(accelerator.description)
        with closing(_Video(video, Wanted(prepare.luma), mark)) as source:
            Run(accelerator, [source], count, [], print)()
    assert results, "no image went through the chip"


def by_stage(marks: Sequence[int]) -> dict[str, float]:
    """What an image costs by stage, on average over the images of a video, of what was read at the marks of `watch`."""
    images = (len(marks) - 2) // 5
    assert images > 0 and len(marks) == 5 * images + 2, "a stage is missing"
    steps = np.diff(np.array(marks, np.int64))
    each = steps[: 5 * images].reshape(images, 5).sum(0)  # decode, colour, what is before shrinking, shrink, the rest
    costs = each[0] + steps[-1], each[1], each[3], each[2] + each[4]
    return {stage: float(cost) / images for stage, cost in zip(STAGES, costs, strict=True)}


def feed(keys: Path, shape: Sequence[int], mark: Mark) -> None:
    """Send images of `shape` from a feeder to its board, over TLS, with the keys in the folder `keys`. `mark` is called
    before the first one is sent, and after each of them is sent and is received."""
    sending, taking = _connected(BoardKeys.of(keys))
    pixels, head = np.zeros(shape, np.uint8), bytearray(Header.size)
    with sending, taking:
        mark()
        for number in range(FED):
            sending.sendall(Header(IMAGE, 0, number == 0, number, number / RATE).packed() + pixels.tobytes())
            mark()
            assert receive(taking, memoryview(head)) and Header.parse(head, 1).number == number
            assert receive(taking, np.empty(shape, np.uint8).data.cast("B"))
            mark()


def fed_shape(build: Build) -> tuple[int, ...]:
    """Of what a feeder sends to the board of a build: luma `[height, width]`, or RGB `[height, width, 3]`."""
    size = build.manifest.input
    return (size.height, size.width) if Preprocessor(build.reference.description).luma else (size.height, size.width, 3)


def _connected(keys: BoardKeys) -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection: the feeder's, the board's."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as other:
        host, port = server.getsockname()
        connecting = other.submit(FeederKey.read(keys.feeders).connect, host, port)
        plain, _ = server.accept()
        settle(plain)
        taking = keys.context().wrap_socket(plain, server_side=True)
        return connecting.result(), taking


def by_side(marks: Sequence[int]) -> dict[str, float]:
    """What an image costs who sends and who receives it, of what was read at the marks of `feed`."""
    send, receive_ = np.diff(np.array(marks, np.int64)).reshape(-1, 2).mean(0)
    return {"send": float(send), "receive": float(receive_)}


def milliseconds(videos: Sequence[Path], build: Build) -> list[dict[str, float]]:
    """CPU time of one thread in ms, by stage, of an image of each video: medians of `REPEATS` runs of each. All are run
    in turn, so that whatever slows the machine for a while slows all of them."""
    runs: list[list[dict[str, float]]] = [[] for _ in videos]
    for repeat in range(REPEATS + 1):
        for video, costs in zip(videos, runs, strict=True):
            marks = list(_clocked(partial(watch, video, build)))
            if repeat:  # the first time much is imported and allocated
                costs.append(by_stage(marks))
    return [{stage: statistics.median(cost[stage] for cost in costs) / 1e6 for stage in STAGES} for costs in runs]


def feeding_milliseconds(keys: Path, model: Path) -> dict[str, float]:
    """CPU time in ms to send and to receive an image of what a model takes: the median of `REPEATS` connections."""
    shape = fed_shape(Build.load(model))
    costs = [by_side(list(_clocked(partial(feed, keys, shape)))) for _ in range(REPEATS)]
    return {side: statistics.median(cost[side] for cost in costs) / 1e6 for side in costs[0]}


def _clocked(measured: Callable[[Mark], None]) -> Iterator[int]:
    """The process's CPU time in ns at each mark."""
    marks: list[int] = []
    measured(lambda: marks.append(time.process_time_ns()))
    yield from marks


def _count(kind: str, model: str, *places: str) -> None:
    """On an emulated machine: `watch` videos, or `feed` with a folder of keys. Each mark is a call of getpgid, which
    nothing else here calls: the emulator's plugin writes down how many instructions there were up to it."""

    def mark() -> None:
        os.getpgid(0)

    build = with_its_chip(model)
    if kind == "watch":
        watch(Path(places[0]), build, lambda: None)  # the first time much is imported and allocated
        for place in places:
            watch(Path(place), build, mark)
    else:
        feed(Path(places[0]), fed_shape(build), mark)


if __name__ == "__main__":
    _count(*sys.argv[1:])
