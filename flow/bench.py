# SPDX-License-Identifier: BSD-3-Clause
"""`make bench`: every figure the README quotes, measured on this machine, into build/bench/report.json.

Each piece is saved as it is finished and kept while what it measured is unchanged: an interrupted bench goes on.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from shiftcore.artifacts import build_folder, digest, kept, lock, write_json
from shiftcore.driver.build import Build
from shiftcore.flow import capacity, driver_cost, machine, measure, soak
from shiftcore.flow.build import compiled_core, exported_model
from shiftcore.flow.cocotb_speed import cycles_per_second
from shiftcore.hw.boards import load_board
from shiftcore.hw.chip import build_chip
from shiftcore.hw.compile import read_model
from shiftcore.hw.graph import Frame, execute
from shiftcore.model.manifest import CoreManifest
from shiftcore.model.reference import Reference
from shiftcore.options import BoardName
from shiftcore.quant import accuracy, synthetic
from shiftcore.quant.checkpoint import PRETRAINED
from shiftcore.quant.preset import Preset, load_preset
from shiftcore.sim.core import CoreModel
from shiftcore.sources import code

Figures = dict[str, Any]

FRAMES = 60  # through the core: noise and synthetic scenes
QONNX_FRAMES = 3  # seconds each on a large preset
SEED = 7


def work_folder() -> Path:
    """Where its figures go."""
    return build_folder() / "bench"


def sequence(preset: Preset, count: int = FRAMES) -> list[Frame]:
    """Frames of different content, the same on every machine: a third noise, two thirds synthetic scenes."""
    height, width = preset.input.height, preset.input.width
    third = count // 3
    noise = np.random.default_rng(SEED).integers(0, 256, (count - 2 * third, height, width, 3), dtype=np.uint8)
    scenes = [synthetic.clip(("door",), order, (third, height, width), (SEED, order)) for order in (0, 1)]
    return [
        Frame(pixels, stream=camera % preset.hardware.streams, clear=index == 0)
        for camera, clip in enumerate((noise, *scenes))
        for index, pixels in enumerate(clip)
    ]


def software(exported: Path, reference: Reference, frames: Sequence[Frame]) -> Figures:
    """Frames per second of the reference and of the QONNX executor, one after the other on the same frames."""
    model, _ = read_model(exported)
    start = time.perf_counter()
    for frame in frames:
        reference.infer(frame.pixels, frame.stream, frame.clear)
    middle = time.perf_counter()
    execute(model, frames[:QONNX_FRAMES])
    end = time.perf_counter()
    reference_fps, qonnx_fps = len(frames) / (middle - start), QONNX_FRAMES / (end - middle)
    return {
        "reference_fps": round(reference_fps, 1),
        "qonnx_fps": round(qonnx_fps, 2),
        "reference_over_qonnx": round(reference_fps / qonnx_fps, 1),
    }


class Bench:
    """The pieces of one preset, each kept in a file of its own beside what it was measured from."""

    def __init__(self, preset: Preset, board: str, console: Console) -> None:
        self.preset, self.console, self.board = preset, console, board
        self.exported = exported_model(preset)
        self.core = compiled_core(self.exported, board, console)
        self.manifest = CoreManifest.read(self.core)
        self.weights = self.exported.with_name("model.npz")
        self.chip = Build.load(build_chip(self.core, self.weights, load_board(board)).parent)
        self.reference = Reference.load(self.weights)
        self.frames = sequence(preset)

    def measure(self) -> Figures:
        """All figures of the preset."""
        figures = {
            **self.piece("core", self.exactness),
            **self.piece("speed", self.speed),
            **self.piece("chip", self.whole_chip),
            **self.piece("ingest", self.ingest),
            **self.soaked(),
            **self.piece("software", lambda: software(self.exported, self.reference, self.frames)),
            **self.piece("accuracy", self.accuracy),
            **self.piece("images", self.images),
        }
        streams, run_every = self.preset.hardware.streams, self.preset.input.run_every
        return figures | capacity.cameras(figures, self.board, load_board(self.board), streams, run_every)

    def piece(self, name: str, take: Callable[[], Figures]) -> Figures:
        """The figures that `take` measures, or those of an earlier run of the same core, weights and code."""
        path, said = work_folder() / self.preset.name / f"{name}.json", "kept"

        def make() -> None:
            nonlocal said
            start = time.monotonic()
            write_json(path, take())
            said = f"{time.monotonic() - start:.0f} s"

        kept(path, self.key, make)
        self.console.print(f"{self.preset.name} {name}: {said}")
        return dict(json.loads(path.read_text()))

    @cached_property
    def key(self) -> str:
        """Of all that decides the figures, but for the machine."""
        inputs = self.manifest.content, self.chip.manifest.content, self.weights, self.preset.model_dump_json()
        return digest(
            *inputs, code("shiftcore.flow.bench", data=(PRETRAINED,)), json.dumps(machine.describe()["versions"])
        )

    @cached_property
    def model(self) -> CoreModel:
        """The Verilated core."""
        with self.console.status("building the simulator, once ..."):
            return CoreModel(self.core)

    def exactness(self) -> Figures:
        """Bits, latency and throughput of the RTL."""
        model = self.model
        with Progress(console=self.console, transient=True) as progress:
            task = progress.add_task(f"{self.preset.name}: frames through the core", total=len(self.frames))
            result = measure.run(model, self.reference, self.frames, lambda: progress.advance(task))
        figures = measure.figures(result, self.manifest)
        figures["fps_at_clock"] = figures.pop("frames_per_second")
        return figures

    def speed(self) -> Figures:
        """Cycles per second of the simulation, and what cocotb reaches on the same core, one after the other."""
        with self.console.status("the same core under cocotb ..."):
            cocotb = cycles_per_second(self.core, self.frames[-1])
        frames = self.frames[: 2 + 400_000 // self.manifest.slowest_op.cycles]
        result = measure.run(self.model, self.reference, frames)
        ours = result.cycles / result.seconds
        return {
            "rtl_cycles_per_second": round(ours),
            "cocotb_cycles_per_second": round(cocotb),
            "rtl_over_cocotb": round(ours / cocotb, 1),
        }

    def whole_chip(self) -> Figures:
        """What is left of the core's rate behind DMA and memory, and what the driver costs a frame."""
        with self.console.status("the whole chip ..."):
            return driver_cost.measure(self.chip)

    def ingest(self) -> Figures:
        """How many images a second the chip shrinks, where it does."""
        with self.console.status("images of four sizes through the whole chip ..."):
            return driver_cost.ingest(self.chip, capacity.SIZES)

    def soaked(self) -> Figures:
        """The totals of `make soak` on this very chip; None where it has not been run."""
        report = soak.last(self.chip) or {}
        names = (
            "frames",
            "clips",
            "soft_resets",
            "swaps",
            "models",
            "load_cycles_max",
            "frames_lost",
            "differing_bits",
        )
        return {f"soak_{name}": report.get(name) for name in names}

    def images(self) -> Figures:
        """What an image of a camera costs a processor, decoding included."""
        with self.console.status("images of four sizes, here and on emulated ARM ..."):
            return capacity.measure(self.weights, work_folder() / "images")

    def accuracy(self) -> Figures:
        if self.preset.data.source != "synthetic":
            return {"tsm_accuracy": None, "tsn_accuracy": None}
        with self.console.status("accuracy on held-out seeds ..."):
            return dict(accuracy.with_and_without_shift(self.preset))


def table(figures: dict[str, Figures]) -> Table:
    """All figures, a column a preset."""
    result = Table("figure", *figures)
    flat = [dict(_flat(preset)) for preset in figures.values()]
    for name in dict.fromkeys(name for values in flat for name in values):
        values = [preset.get(name) for preset in flat]
        result.add_row(name, *(f"{value:,}" if isinstance(value, int | float) else value or "" for value in values))
    return result


def _flat(figures: Figures, above: str = "") -> Iterator[tuple[str, Any]]:
    """Each figure, with the names of the tables that it is in."""
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}: ")
        else:
            yield f"{above}{name}", value


def main(
    presets: Annotated[str, typer.Option(help="which presets, separated by commas")] = "tiny,cctv",
    board: BoardName = "pynq-z2",
) -> None:
    """Measure every figure; an interrupted run goes on where it stopped."""
    console = Console()
    names = [load_preset(name) for name in presets.split(",")]
    with lock(work_folder()):
        figures = {preset.name: Bench(preset, board, console).measure() for preset in names}
        write_json(work_folder() / "report.json", {**machine.describe(), "board": board, "presets": figures})
    console.print(table(figures))
    print(f"figures: {work_folder() / 'report.json'}")
