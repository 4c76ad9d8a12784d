# SPDX-License-Identifier: BSD-3-Clause
"""The driver's tests run on every back end that there is: the reference and the RTL here, or a board (--board)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shiftcore.driver import Accelerator
from shiftcore.driver.build import Build
from shiftcore.model import decoders
from shiftcore.model.decoders import Library
from tests.driver import deployed
from tests.driver.rig import Rig
from tests.environments import one_at_a_time


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend_name" in metafunc.fixturenames:
        names = ["board"] if metafunc.config.getoption("--board") else ["reference", "rtl"]
        metafunc.parametrize("backend_name", names, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A board has neither a compiler nor FINN: what needs a chip compiled here is skipped there."""
    if config.getoption("--board"):
        skip = pytest.mark.skip(reason="needs a chip compiled here")
        for item in items:
            if {"tiny_export", "tiny_core", "tiny_chip", "tiny_two_chip"} & set(getattr(item, "fixturenames", ())):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def build_folder(request: pytest.FixtureRequest) -> Path:
    """build/<preset>/<board>: the board's own, or `tiny` for the PYNQ-Z2."""
    board: Path | None = request.config.getoption("--board")
    return board or request.getfixturevalue("tiny_chip").parent


@pytest.fixture(scope="session")
def tiny_build(tiny_chip: Path) -> Path:
    """The build folder of the shipped `tiny` for the PYNQ-Z2."""
    return tiny_chip.parent


@pytest.fixture(scope="session")
def rig(backend_name: str, build_folder: Path) -> Rig:
    return Rig(build_folder, backend_name, Build.load(build_folder))


@pytest.fixture
def simulated(rig: Rig) -> Rig:
    """The rig, where memory is simulated and can be made to fail."""
    if rig.backend == "board":
        pytest.skip("a board's memory does not fail on demand")
    return rig


@pytest.fixture
def accelerator(rig: Rig) -> Iterator[Accelerator]:
    """An open accelerator that compares every result with the reference."""
    with rig.open(compare=True) as opened:
        yield opened


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


@pytest.fixture(params=["PyAV", "OpenCV"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The library that videos are read with: whoever asks for it runs with both."""
    if request.param == "OpenCV":
        monkeypatch.setattr(decoders, "pyav", lambda: Library("PyAV", False, "PyAV is not installed"))
    return request.param


@pytest.fixture
def said() -> list[str]:
    """What a source complained of, where it is given `said.append`."""
    return []
