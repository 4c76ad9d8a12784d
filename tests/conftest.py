"""What several folders of tests share: the networks they compile, once for all test processes."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.artifacts import BUILD
from common.preset import load_preset


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
    from hw.compile import exported_model

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
