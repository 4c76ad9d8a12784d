# SPDX-License-Identifier: BSD-3-Clause
"""What several folders of tests share: the networks they compile, once for all test processes."""

import gc
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.driver.mosquitto import Mosquitto
from tests.environments import PYNQ, one_at_a_time, pynq_environment

# Threads that wait for each other are slow where tests run side by side. Before anything loads torch or NumPy, and for
# all that the tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A real one, which has just started."""
    (tmp_path / "broker").mkdir()
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    yield broker
    broker.stop()


def pytest_collection_finish() -> None:
    """Torch, FINN and the rest are millions of objects that stay: whoever collects garbage, as each export does, need
    not look through them."""
    if "brevitas" in sys.modules:
        build_torchs_registry_once()
    gc.collect()
    gc.freeze()


def build_torchs_registry_once() -> None:
    """Torch reads the source of a thousand functions anew for each export to ONNX, which takes more than a second:
    here each export gets its own copy of what the first one read."""
    from torch.onnx._internal.exporter import _registration

    registry = _registration.ONNXRegistry
    read = cache(registry.from_torchlib)

    def copied(opset_version: int) -> _registration.ONNXRegistry:
        copy = registry()
        copy._opset_version = opset_version
        copy.functions = {target: [*functions] for target, functions in read(opset_version).functions.items()}
        return copy

    pytest.MonkeyPatch().setattr(registry, "from_torchlib", staticmethod(copied))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--board BUILD_DIR`: tests/driver on the board that this runs on, instead of the reference and the RTL."""
    parser.addoption("--board", type=Path, help="run tests/driver on this board, with the build in this folder")


@pytest.fixture(scope="session")
def tiny_export() -> Path:
    """The folder with model.onnx and model.npz of the shipped `tiny`, as `make export` leaves it."""
    from shiftcore.flow.build import exported_model
    from shiftcore.quant.preset import load_preset

    with one_at_a_time("tiny-export"):
        return exported_model(load_preset("tiny")).parent


@pytest.fixture(scope="session")
def tiny_core(tiny_export: Path) -> Path:
    """The core's folder of the shipped `tiny` for the PYNQ-Z2, as `make compile` leaves it."""
    from shiftcore.hw.compile import compile_model

    with one_at_a_time("tiny-core"):
        return compile_model(tiny_export / "model.onnx", "pynq-z2")


@pytest.fixture(scope="session")
def tiny_chip(tiny_core: Path, tiny_export: Path) -> Path:
    """The chip's folder of the shipped `tiny` for the PYNQ-Z2, as `make compile` leaves it."""
    from shiftcore.hw.boards import load_board
    from shiftcore.hw.chip import build_chip

    with one_at_a_time("tiny-chip"):
        return build_chip(tiny_core, tiny_export / "model.npz", load_board("pynq-z2"))


@pytest.fixture(scope="session")
def tiny_two_chip(tiny_export: Path) -> Path:
    """The chip's folder of `tiny` with two banks of weights, for the PYNQ-Z2; folding and FIFOs are those of one."""
    from shiftcore.hw.boards import load_board
    from shiftcore.hw.chip import build_chip
    from shiftcore.hw.compile import compile_model
    from shiftcore.quant.checkpoint import find
    from shiftcore.quant.export import export_preset
    from shiftcore.quant.preset import PRESETS, load_preset

    tiny = load_preset("tiny")
    with one_at_a_time("tiny-two-chip"):
        exported = export_preset(tiny.with_(name="tiny-two", hardware={"models": 2}), find(tiny))
        found = PRESETS / "tiny.pynq-z2.lock"
        core = compile_model(exported / "model.onnx", "pynq-z2", verify=False, lock_file=found)
        return build_chip(core, exported / "model.npz", load_board("pynq-z2"))


@pytest.fixture(scope="session", params=PYNQ)
def pynq_python(request: pytest.FixtureRequest) -> Path:
    """The Python of an environment with the real pynq, of each version."""
    return pynq_environment(str(request.param))
