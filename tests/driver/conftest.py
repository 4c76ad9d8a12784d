"""The driver's tests run on every back end that there is: the reference and the RTL here, or a board (--board)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shiftcore.driver import Accelerator
from shiftcore.driver.backends import Backend, open_backend
from shiftcore.driver.build import Build
from shiftcore.model.reference import Reference

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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend_name" in metafunc.fixturenames:
        names = ["board"] if metafunc.config.getoption("--board") else ["reference", "rtl"]
        metafunc.parametrize("backend_name", names, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A board has neither a compiler nor FINN: what needs a chip compiled here is skipped there."""
    if config.getoption("--board"):
        skip = pytest.mark.skip(reason="needs a chip compiled here")
        for item in items:
            if {"tiny_export", "tiny_core", "tiny_chip"} & set(getattr(item, "fixturenames", ())):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def build_folder(request: pytest.FixtureRequest) -> Path:
    """build/<preset>/<board>: the board's own, or `tiny` for the PYNQ-Z2."""
    board: Path | None = request.config.getoption("--board")
    return board or request.getfixturevalue("tiny_chip").parent


@pytest.fixture(scope="session")
def rig(backend_name: str, build_folder: Path) -> Rig:
    return Rig(build_folder, backend_name, Build.load(build_folder))


@pytest.fixture
def simulated(rig: Rig) -> Rig:
    """The rig, where memory is simulated and can be made to fail."""
    if rig.backend == "board":
        pytest.skip("a board's memory does not fail on demand")
    return rig


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


@pytest.fixture
def accelerator(rig: Rig) -> Iterator[Accelerator]:
    """An open accelerator that compares every result with the reference."""
    with rig.open(compare=True) as opened:
        yield opened


def logits(results: Any) -> list[list[int]]:
    return [result.logits.tolist() for result in results]
