# SPDX-License-Identifier: BSD-3-Clause
"""What the driver's tests hold in their hands: a build on one back end, and what lies behind it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shiftcore.driver import Accelerator
from shiftcore.driver.backends import open_backend
from shiftcore.driver.backends.base import Backend
from shiftcore.driver.build import Build
from shiftcore.model.reference import Reference
from tests.other_weights import other_weights

Job = tuple[np.ndarray, int, bool]


@dataclass
class Rig:
    """A build and the name of a back end; opens accelerators, and gets at what lies behind them."""

    folder: Path
    backend: str
    build: Build

    def open(self, compare: bool = False) -> Accelerator:
        return Accelerator.open(self.folder, self.backend, compare)

    def raw(self) -> Backend:
        """The back end alone, for tests at the registers."""
        return open_backend(self.backend, self.build)

    def frames(self, count: int, seed: int = 0) -> np.ndarray:
        """Frames of noise, uint8 `[count, H, W, C]`."""
        rng = np.random.default_rng(seed)
        return rng.integers(0, 256, (count, *self.build.input_shape), dtype=np.uint8)

    def expected(self, jobs: list[Job]) -> list[list[int]]:
        """The reference's logits of frames in the order in which they are sent: (frame, stream, clear)."""
        reference = Reference.load(self.build.chip / "model.npz")
        return [reference.infer(*job).tolist() for job in jobs]

    def clip(self, frames: np.ndarray, stream: int = 0) -> list[list[int]]:
        """The reference's logits of one clip."""
        return self.expected([(frame, stream, index == 0) for index, frame in enumerate(frames)])


def behind(accelerator: Accelerator) -> Any:
    """The accelerator's back end."""
    return accelerator._backend


def spoil(accelerator: Accelerator, kind: str, address: int, size: int) -> Callable[[], None]:
    """Let memory refuse reads (`read`) or writes (`write`) of some bytes; call the result to heal it."""
    backend = behind(accelerator)
    if backend.name == "rtl":
        getattr(backend.model, f"fail_{kind}")(address, size)
        return lambda: backend.model.heal(address)
    memory = backend.chip.memory
    start = next(s for s, array in memory.items() if s <= address < s + len(array))
    array = memory.pop(start)
    return lambda: memory.update({start: array})


def other_model(
    of: Path, path: Path, seed: int, change: Callable[[dict[str, np.ndarray]], object] = lambda _arrays: None
) -> Path:
    """Write to `path` a model that differs from that of the file `of` in every layer; `change` may change its arrays
    once more."""
    with np.load(of) as content:
        arrays = other_weights({key: content[key] for key in content.files}, seed)
    change(arrays)
    np.savez(path, allow_pickle=False, **arrays)
    return path


def too_wide(arrays: dict[str, np.ndarray]) -> None:
    """A change for `other_model`: weights of more bits than the chip has."""
    arrays["classifier.weight"] = arrays["classifier.weight"].astype(np.int16) * 2


def described(**changes: object) -> Callable[[dict[str, np.ndarray]], object]:
    """A change of a model's description, for `other_model`: keys that have other values."""

    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays["graph"] = np.array(json.dumps({**json.loads(str(arrays["graph"])), **changes}))

    return change


def logits(results: Any) -> list[list[int]]:
    return [result.logits.tolist() for result in results]
