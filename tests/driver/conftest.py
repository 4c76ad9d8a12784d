# SPDX-License-Identifier: BSD-3-Clause
"""The driver's tests run on every back end that there is: the reference and the RTL here, or a board (--board)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shiftcore.driver import Accelerator
from shiftcore.driver.backends import open_backend
from shiftcore.driver.backends.base import Backend
from shiftcore.driver.build import Build
from shiftcore.model.reference import Reference
from tests.conftest import one_at_a_time
from tests.driver import deployed

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


@pytest.fixture(scope="session")
def latency(tiny_chip: Path) -> int:
    """Cycles that each of the known frames takes in the Verilated chip of `tiny`."""
    from shiftcore.flow import deploy  # here: a board has neither a compiler nor FINN

    with one_at_a_time("rtl-latency"):
        return deploy.measured_latency(tiny_chip.parent)


@pytest.fixture(scope="session")
def packages() -> list[Path]:
    """The wheels of the archive; none where they cannot be fetched."""
    from shiftcore.flow import deploy

    with one_at_a_time("wheels"):
        return deploy.wheels()


@pytest.fixture(scope="session")
def archive(tiny_chip: Path, latency: int, packages: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make deploy` writes for `tiny`."""
    from shiftcore.flow import deploy

    path = tmp_path_factory.mktemp("deploy") / f"{deployed.NAME}.tar.gz"
    deploy.pack(path, deployed.NAME, deploy.contents(tiny_chip.parent, latency, packages))
    return path


@pytest.fixture(scope="session")
def board_python() -> str:
    """The Python of an environment like a board's: 3.10 with NumPy 1.x and OpenCV, and nothing else."""
    return str(deployed.environment(*deployed.PACKAGES) / "bin" / "python")


@pytest.fixture(scope="session")
def whole_archive(archive: Path, packages: list[Path]) -> Path:
    """The archive, if it has all that a board needs."""
    if not packages:
        pytest.skip("no wheels could be fetched here")
    return archive


@pytest.fixture(scope="session")
def board(whole_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, unpacked once for all tests that do not change it."""
    return deployed.unpacked(whole_archive, tmp_path_factory.mktemp("board home"))


@pytest.fixture
def own_board(whole_archive: Path, tmp_path: Path) -> Path:
    """The archive, unpacked for one test, which may change it."""
    return deployed.unpacked(whole_archive, tmp_path / "own home")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of a scene, 16 frames of 128x96 pixels."""
    from shiftcore.model import video
    from shiftcore.quant import synthetic

    path = tmp_path_factory.mktemp("clip") / "scene.mp4"
    video.write(path, list(synthetic.clip(("door", "object"), 3, (16, 96, 128), (5, 5))))
    return path
