# SPDX-License-Identifier: BSD-3-Clause
"""`compare=True`: every result beside the reference's; and what is saved when they differ, so that it can be replayed.

The network looks back as many frames as it has temporal shifts: those frames of a stream, and the frame itself, decide
its logits. So they are kept, for every stream, and are all that a reproduction needs.
"""

import hashlib
import json
import platform
import shutil
import time
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shiftcore.artifacts import atomic_folder
from shiftcore.driver.build import Build
from shiftcore.driver.device import Flight
from shiftcore.driver.errors import BuildError, DifferenceError
from shiftcore.model import registers as reg
from shiftcore.model.records import Record
from shiftcore.model.reference import Reference

MODEL = "model.npz"
"""The integer model that a saved difference is of: the build's, or another one that was loaded."""


class Difference(NamedTuple):
    """The first logit of a frame that differs."""

    frame_id: int
    stream: int
    logit: int
    chip: int
    reference: int

    def __str__(self) -> str:
        return (
            f"frame {self.frame_id} of stream {self.stream}: logit {self.logit} is {self.chip} on the chip, "
            f"{self.reference} in the reference"
        )


def first_difference(flight: Flight, chip: np.ndarray, reference: np.ndarray) -> Difference | None:
    """The first logit in which two int64 `[classes]` differ, or None."""
    differing = np.flatnonzero(chip != reference)
    if not len(differing):
        return None
    logit = int(differing[0])
    return Difference(flight.frame_id, flight.stream, logit, int(chip[logit]), int(reference[logit]))


class Comparison:
    """The reference beside the chip. Frames must be checked in the order in which they were sent."""

    def __init__(self, build: Build, backend: str) -> None:
        self._build, self._backend = build, backend
        models = range(build.manifest.models)
        self._references, self._models = [Reference.load(build.model) for _ in models], [build.model for _ in models]
        self._kept = build.reference.shifts + 1
        self._history: dict[int, deque[tuple[int, Flight]]] = {}
        self._order = 0

    def change(self, model: Path, bank: int) -> None:
        """From here on frames of a bank are of another model, and no frame looks back at those before."""
        self._references[bank], self._models[bank] = Reference.load(model), model
        self._history.clear()

    def check(self, flight: Flight, record: Record) -> None:
        """Compare a frame's result. Raises DifferenceError, after the reproduction was saved, when a logit differs."""
        assert flight.frame is not None
        history = self._history.setdefault(flight.stream, deque(maxlen=self._kept))
        if flight.clear:
            history.clear()
        history.append((self._order, flight))
        self._order += 1
        logits = self._references[flight.bank].infer(flight.frame, flight.stream, flight.clear)
        difference = first_difference(flight, record.logits, logits)
        if difference:
            raise DifferenceError(f"{difference}; {self._saved(difference, record, logits, flight.bank)}")

    def _saved(self, difference: Difference, record: Record, logits: np.ndarray, bank: int) -> str:
        """Save the reproduction, of the frames of its bank; say where, or why not."""
        kept = sorted(((order, flight) for frames in self._history.values() for order, flight in frames))
        flights, model = [flight for _, flight in kept if flight.bank == bank], self._models[bank]
        case = {
            "difference": difference._asdict(),
            "chip_logits": record.logits.tolist(),
            "reference_logits": logits.tolist(),
            "contexts": [{"frame_id": f.frame_id, "stream": f.stream, "clear": f.clear} for f in flights],
            "build_hash": self._build.manifest.build_hash,
            "bank": bank,
            "model": hashlib.sha256(model.read_bytes()).hexdigest(),
            "preset": self._build.manifest.preset,
            "board": self._build.manifest.board,
            "backend": self._backend,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "versions": {
                "python": platform.python_version(),
                "numpy": np.__version__,
                "register_map": f"{reg.VERSION_VALUE:#010x}",
            },
        }
        name = f"{self._build.manifest.build_hash}-{difference.frame_id}-{difference.stream}"
        folder = self._build.folder / "differences" / name
        try:
            frames = np.stack([flight.frame for flight in flights if flight.frame is not None])
            _write(folder, case, frames, model)
        except OSError as error:
            return f"the reproduction could not be saved: {error.strerror}"
        return f"saved in {folder}; `shiftcore replay {folder}` runs it again"


def _write(folder: Path, case: dict[str, Any], frames: np.ndarray, model: Path) -> None:
    """The folder with case.json, frames.npy and MODEL, whole or not at all; one of the same name gives way."""
    with atomic_folder(folder) as temporary:
        (temporary / "case.json").write_text(json.dumps(case, indent=2) + "\n")
        np.save(temporary / "frames.npy", frames)
        shutil.copyfile(model, temporary / MODEL)


def read_case(folder: Path | str) -> tuple[dict[str, Any], np.ndarray]:
    """A saved reproduction: case.json, and its frames, uint8 `[N, H, W, C]`. Raises BuildError when it is none."""
    folder = Path(folder)
    try:
        case = json.loads((folder / "case.json").read_text())
        frames = np.load(folder / "frames.npy", allow_pickle=False)
        if len(frames) != len(case["contexts"]):
            raise ValueError(f"{len(frames)} frames, {len(case['contexts'])} contexts")
    except FileNotFoundError as error:
        raise BuildError(f"{error.filename}: no such file; give a folder that a difference was saved in") from None
    except (ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{folder}: not a saved difference: {error}") from None
    return case, frames
