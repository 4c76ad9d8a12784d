# SPDX-License-Identifier: BSD-3-Clause
"""Frames through the Verilated core, or the whole chip, and the reference: are the logits equal, and how long did it
take."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shiftcore.driver import Accelerator
from shiftcore.driver.backends.rtl import RtlBackend
from shiftcore.driver.build import Build
from shiftcore.hw.graph import Frame
from shiftcore.model.manifest import CoreManifest
from shiftcore.model.records import Result
from shiftcore.model.reference import Reference
from shiftcore.sim.core import CoreModel
from shiftcore.sim.core import Result as CoreResult


@dataclass
class Run:
    """What the core did with a sequence of frames, its input at line rate and its sink ready; or the chip, its
    descriptor queue kept full.

    `logits`: int64 `[frames, classes]`; `differing_bits`: over all of them, against the reference; `latency`: clock
    cycles of each frame from its first input beat to its last output beat; `seconds`: what the simulation took.
    """

    logits: np.ndarray
    differing_bits: int
    latency: np.ndarray
    cycles_per_frame: float
    cycles: int
    seconds: float


def differing_bits(first: np.ndarray, second: np.ndarray, bits: int) -> int:
    """In how many bits two arrays of `bits`-bit integers (int64, two's complement) differ."""
    return int(np.bitwise_count((first ^ second) & ((1 << bits) - 1)).sum())


def run(
    core: CoreModel, reference: Reference, frames: Sequence[Frame], progress: Callable[[], None] = lambda: None
) -> Run:
    """Give all `frames` (at least two) to `core` without a pause and compare each result with `reference`; `progress`
    is called once a frame."""
    for frame in frames:
        core.push(frame.pixels, frame.stream, frame.clear)
    cycles, start = core.cycles, time.perf_counter()
    results = []
    for _ in frames:
        results.append(core.pull())
        progress()
    seconds, ends = time.perf_counter() - start, [result.last_out for result in results]
    return _compared(results, ends, frames, reference, core.manifest, core.cycles - cycles, seconds)


def run_chip(
    build: Build,
    reference: Reference,
    frames: Sequence[Frame],
    progress: Callable[[], None] = lambda: None,
    limit_s: float = math.inf,
) -> Run:
    """Send all `frames` (at least two), or as many as go in `limit_s` seconds, through the driver and the whole chip of
    a build, and compare each result with `reference`; `progress` is called once a frame."""
    chip = RtlBackend(build)
    results: list[Result] = []
    ends: list[int] = []  # cycle at which each result was there

    def take(wait_s: float = 0.0) -> None:
        for result in accelerator.results(wait_s):
            results.append(result)
            ends.append(chip.model.cycles)
            progress()

    with Accelerator(build, chip) as accelerator:
        start = time.perf_counter()
        sent = 0
        for frame in frames:
            if sent >= 2 and time.perf_counter() - start > limit_s:
                break
            accelerator.submit(frame.pixels, frame.stream, frame.clear)
            sent += 1
            take()
        while len(results) < sent:
            take(wait_s=1.0)
        seconds, cycles = time.perf_counter() - start, chip.model.cycles
    return _compared(results, ends, frames[:sent], reference, CoreManifest.read(build.chip / "core"), cycles, seconds)


def _compared(
    results: Sequence[Result] | Sequence[CoreResult],
    ends: Sequence[int],
    frames: Sequence[Frame],
    reference: Reference,
    manifest: CoreManifest,
    cycles: int,
    seconds: float,
) -> Run:
    """The results of `frames`, which ended in the cycles `ends`, beside the reference's; `manifest` is the core's."""
    logits = np.stack([result.logits for result in results])
    expected = np.stack([reference.infer(frame.pixels, frame.stream, frame.clear) for frame in frames])
    return Run(
        logits=logits,
        differing_bits=differing_bits(logits, expected, manifest.output.element_bits),
        latency=np.array([result.latency_cycles for result in results]),
        cycles_per_frame=(ends[-1] - ends[0]) / (len(ends) - 1),
        cycles=cycles,
        seconds=seconds,
    )


def figures(result: Run, manifest: CoreManifest) -> dict[str, Any]:
    """The figures of a run as the reports name them; `manifest` is the core's."""
    clock = manifest.clock_mhz
    return {
        "frames": len(result.logits),
        "differing_bits": result.differing_bits,
        "latency_cycles_min": int(result.latency.min()),
        "latency_cycles_max": int(result.latency.max()),
        "cycles_per_frame": round(result.cycles_per_frame, 2),
        "slowest_op_cycles": manifest.slowest_op.cycles,
        "clock_mhz": clock,
        "frames_per_second": round(clock * 1e6 / result.cycles_per_frame, 1),
    }
