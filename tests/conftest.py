"""What several folders of tests share: the networks they compile, once for all test processes."""

import fcntl
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.artifacts import BUILD


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--board BUILD_DIR`: tests/driver on the board that this runs on, instead of the reference and the RTL."""
    parser.addoption("--board", type=Path, help="run tests/driver on this board, with the build in this folder")


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Let one test process in; the others wait, and find the work done."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / f".{name}.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def tiny_export() -> Path:
    """The folder with model.onnx and model.npz of the shipped `tiny`, as `make export` leaves it."""
    from common.preset import load_preset
    from flow.build import exported_model

    with one_at_a_time("tiny-export"):
        return exported_model(load_preset("tiny")).parent


@pytest.fixture(scope="session")
def tiny_core(tiny_export: Path) -> Path:
    """The core's folder of the shipped `tiny` for the PYNQ-Z2, as `make compile` leaves it."""
    from hw.compile import compile_model

    with one_at_a_time("tiny-core"):
        return compile_model(tiny_export / "model.onnx", "pynq-z2")


@pytest.fixture(scope="session")
def tiny_chip(tiny_core: Path, tiny_export: Path) -> Path:
    """The chip's folder of the shipped `tiny` for the PYNQ-Z2, as `make compile` leaves it."""
    from hw.boards import load_board
    from hw.chip import build_chip

    with one_at_a_time("tiny-chip"):
        return build_chip(tiny_core, tiny_export / "model.npz", load_board("pynq-z2"))


@pytest.fixture(scope="session")
def pynq_python() -> Path:
    """The Python of an environment with the real pynq, made once; skips where pynq cannot be had."""
    folder = BUILD / "tools" / "pynq-3.1.2"
    python, complete = folder / "bin" / "python", folder / ".complete"
    with one_at_a_time("pynq"):
        if not complete.is_file():
            venv.create(folder, with_pip=True, clear=True)
            install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            wanted = ["pynq==3.1.2", "numpy<2"]
            done = subprocess.run([*install, *wanted], capture_output=True, text=True, check=False, timeout=900)
            if done.returncode:
                why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
                pytest.skip(f"pynq 3.1.2 cannot be installed by pip on Python {sys.version.split()[0]}: {why}")
            complete.touch()
    return python
