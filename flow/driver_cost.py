# SPDX-License-Identifier: BSD-3-Clause
"""What the whole chip and its driver cost beside the core alone: measured cycles, and Python's time a frame."""

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shiftcore.driver import Accelerator
from shiftcore.driver.backends.reference import ReferenceBackend
from shiftcore.driver.backends.rtl import RtlBackend
from shiftcore.driver.build import Build
from shiftcore.model import registers as reg

FRAMES = 24  # through the Verilated chip
CALLS = 2000  # through the driver alone
SLOW_MEMORY = {"read_latency": 100, "write_latency": 100, "stall": 0.2}
IMAGES = 4  # of a clip: the third makes an input, which the core takes during the fourth; a fifth would wait for it


def overhead_ms(build: Build, frames: int = CALLS) -> float:
    """Milliseconds of Python that a frame costs from the sender's array to its `Result`: the median of five runs of
    `frames` frames, with a chip model that answers each with the same logits. The model's own registers are Python as
    well and are counted in, so on a board it is less."""
    logits = np.arange(build.manifest.logits, dtype=np.int64)
    pixels = np.zeros((1, *build.input_shape), np.uint8)
    runs = []
    for _ in range(5):
        with Accelerator(build, ReferenceBackend(build, lambda *_: logits)) as accelerator:
            start = time.perf_counter()
            for _ in accelerator.stream(np.broadcast_to(pixels, (frames, *build.input_shape))):
                pass
            runs.append((time.perf_counter() - start) / frames * 1e3)
    return statistics.median(runs)


def cycles_per_frame(build: Build, memory: Mapping[str, float], frames: int = FRAMES) -> float:
    """Clock cycles from one frame's result to the next one's, the descriptor queue kept full; `memory` sets what
    `sim.chip.ChipModel` says of its memory."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (frames, *build.input_shape), dtype=np.uint8)
    chip = _behind(memory, build)
    with Accelerator(build, chip, compare=True) as accelerator:
        at = [chip.model.cycles for _ in accelerator.stream(pixels)]
    return (at[-1] - at[0]) / (frames - 1)


def load_cycles(build: Build, memory: Mapping[str, float]) -> int:
    """Clock cycles for which no frame enters the core while a model is loaded; `memory` as above."""
    chip = _behind(memory, build)
    with Accelerator(build, chip) as accelerator:
        accelerator.load(build.model)
        return chip.read(reg.LOAD_CYCLES)


def plane_cycles(build: Build, size: tuple[int, int], memory: Mapping[str, float]) -> int:
    """Clock cycles that the slowest of a clip's planes took in the chip's ingest, from its turn to its image kept;
    `size`: its width and height; `memory` as above."""
    width, height = size
    noise = np.random.default_rng(1).integers(0, 256, (height, width), dtype=np.uint8)
    chip = _behind(memory, build)
    with Accelerator(build, chip, compare=True) as accelerator:
        sent = [accelerator.submit_image(noise, clear=index == 0) for index in range(IMAGES)]
        for _ in filter(None, sent):
            accelerator.results(wait_s=1.0)
        return chip.read(reg.PLANE_CYCLES_MAX)


def ingest(build: Build, sizes: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """`ingest_images_per_second`: luma planes of each size that the chip's ingest takes, by measured cycles at memory
    that takes 100 cycles and pauses in 20 % of them; None for a chip without."""
    if not build.manifest.ingest:
        return {"ingest_images_per_second": None}
    hertz = build.manifest.clock_mhz * 1e6
    rates = {f"{width}x{height}": hertz / plane_cycles(build, (width, height), SLOW_MEMORY) for width, height in sizes}
    return {"ingest_images_per_second": {size: round(rate) for size, rate in rates.items()}}


def _behind(memory: Mapping[str, float], build: Build) -> RtlBackend:
    chip = RtlBackend(build)
    for name, value in memory.items():
        setattr(chip.model, name, value)
    return chip


def measure(build: Build) -> dict[str, Any]:
    """The figures of the chip and its driver, as the reports name them: at a memory that answers at once, and at one
    that takes 100 cycles and pauses in 20 % of them; a load at the latter."""
    clock = build.manifest.clock_mhz
    fast, slow = cycles_per_frame(build, {}), cycles_per_frame(build, SLOW_MEMORY)
    return {
        "chip_cycles_per_frame": round(fast, 2),
        "chip_fps_at_clock": round(clock * 1e6 / fast, 1),
        "chip_fps_slow_memory": round(clock * 1e6 / slow, 1),
        "load_ms": round(load_cycles(build, SLOW_MEMORY) / clock / 1e3, 3),
        "driver_ms_per_frame": round(overhead_ms(build), 4),
    }
