# SPDX-License-Identifier: BSD-3-Clause
"""The frames that were stored with a chip when it was built (hw.selftest), and how they are run."""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.build import Build
from shiftcore.driver.errors import BuildError
from shiftcore.model.records import Result

WAIT_S = 10.0  # for the next result


@dataclass(frozen=True)
class Known:
    """The stored frames: uint8 `[N, H, W, C]`; their contexts `[N]`; their logits, int64 `[N, classes]`; and the
    latency of each, where it is known."""

    frames: np.ndarray
    streams: np.ndarray
    clears: np.ndarray
    logits: np.ndarray
    latency_cycles: int | None

    @classmethod
    def load(cls, build: Build) -> "Known":
        """Those of a build. Raises BuildError when they are missing or damaged."""
        path = build.chip / "selftest.npz"
        try:
            with np.load(path, allow_pickle=False) as content:
                latency = int(content["latency_cycles"]) if "latency_cycles" in content.files else None
                known = cls(content["frames"], content["streams"], content["clears"], content["logits"], latency)
        except FileNotFoundError:
            raise BuildError(f"{path}: missing; `make compile` writes it") from None
        except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError):
            raise BuildError(f"{path}: damaged; copy the build folder again, or run `make compile`") from None
        count = len(known.frames)
        if known.frames.shape[1:] != build.input_shape or known.logits.shape != (count, len(build.reference.classes)):
            raise BuildError(f"{path}: of another network than its model; run `make compile` again")
        return known

    def contexts(self) -> Iterator[tuple[np.ndarray, int, bool]]:
        """Each frame, its stream, and whether it begins a clip."""
        return zip(self.frames, self.streams.tolist(), self.clears.tolist(), strict=True)


def run_known(accelerator: Accelerator, known: Known, progress: Callable[[int], None] = lambda _: None) -> list[Result]:
    """The results of the known frames, in order; fewer where no more come in `WAIT_S` of the chip's time. However slow
    a machine simulates, it may take its time. `progress` is told how many there are."""
    results: list[Result] = []
    for context in known.contexts():
        accelerator.submit(*context)
        results += accelerator.results()
        progress(len(results))
    collect(accelerator, results, len(known.frames), progress)
    return results


def collect(
    accelerator: Accelerator, results: list[Result], count: int, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Add to `results` what comes, up to `count` of them."""
    while len(results) < count and (more := accelerator.results(wait_s=WAIT_S)):
        results += more
        progress(len(results))
