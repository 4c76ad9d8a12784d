"""Frames through the Verilated core and through the reference: are the logits equal, and how long did it take."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hw.graph import Frame
from sim.core import CoreModel
from sim.reference import Reference


@dataclass
class Run:
    """What the core did with a sequence of frames, its input at line rate and its sink ready.

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
    seconds = time.perf_counter() - start
    logits = np.stack([result.logits for result in results])
    expected = np.stack([reference.infer(frame.pixels, frame.stream, frame.clear) for frame in frames])
    return Run(
        logits=logits,
        differing_bits=differing_bits(logits, expected, core.manifest["output"]["element_bits"]),
        latency=np.array([result.latency_cycles for result in results]),
        cycles_per_frame=(results[-1].last_out - results[0].last_out) / (len(results) - 1),
        cycles=core.cycles - cycles,
        seconds=seconds,
    )


def figures(result: Run, manifest: dict[str, Any]) -> dict[str, Any]:
    """The figures of a run as the reports name them; `manifest` is the core's."""
    clock = manifest["clock_mhz"]
    return {
        "frames": len(result.logits),
        "differing_bits": result.differing_bits,
        "latency_cycles_min": int(result.latency.min()),
        "latency_cycles_max": int(result.latency.max()),
        "cycles_per_frame": round(result.cycles_per_frame, 2),
        "slowest_op_cycles": manifest["slowest_op"]["cycles"],
        "clock_mhz": clock,
        "frames_per_second": round(clock * 1e6 / result.cycles_per_frame, 1),
    }
