# SPDX-License-Identifier: BSD-3-Clause
"""The self-test passes on a chip that is right, and each of its checks fails on one that is wrong in that point."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from shiftcore.driver import backends
from shiftcore.driver.backends.reference import ReferenceChip
from shiftcore.driver.build import Build
from shiftcore.driver.known import Known, run_known
from shiftcore.flow.command import app
from shiftcore.hw import selftest as known_frames
from shiftcore.model import registers as reg
from shiftcore.model.reference import Reference


@pytest.fixture
def build(tiny_chip: Path, tmp_path: Path) -> Path:
    """A copy of the build, as little of it as a board has."""
    folder = tmp_path / "tiny" / "pynq-z2"
    (folder / "chip").mkdir(parents=True)
    for name in ("manifest.json", "model.npz", "selftest.npz"):
        shutil.copy(tiny_chip / name, folder / "chip")
    return folder


def selftest(build: Path, backend: str = "reference") -> Result:
    command = ["selftest", "--build", str(build), "--backend", backend]
    return CliRunner().invoke(app, command, catch_exceptions=False)


def failures(result: Result) -> list[str]:
    return [line[4:].strip() for line in result.stdout.splitlines() if line.startswith("FAIL")]


@pytest.mark.parametrize("backend", ["reference", "rtl"])
def test_a_chip_that_is_right_passes(tiny_chip: Path, backend: str) -> None:
    result = selftest(tiny_chip.parent, backend)
    lines = result.stdout.splitlines()
    assert failures(result) == [] and result.exit_code == 0, result.stdout
    assert lines[-1] == f"{len(lines) - 1} of {len(lines) - 1} checks passed"
    expected = 29 if backend == "rtl" else 26
    assert len(lines) - 1 > expected
    assert any("latency is the same for every frame" in line for line in lines) == (backend == "rtl")


def reads(offset: int, change: Callable[[int], int]) -> Callable[[pytest.MonkeyPatch], None]:
    """A chip that reads something else at `offset`."""

    def apply(monkeypatch: pytest.MonkeyPatch) -> None:
        read = ReferenceChip.read
        monkeypatch.setattr(
            ReferenceChip, "read", lambda self, at: change(read(self, at)) if at == offset else read(self, at)
        )

    return apply


def ignores(offset: int) -> Callable[[pytest.MonkeyPatch], None]:
    """A chip that takes no write at `offset`."""

    def apply(monkeypatch: pytest.MonkeyPatch) -> None:
        write = ReferenceChip.write
        monkeypatch.setattr(
            ReferenceChip, "write", lambda self, at, word: None if at == offset else write(self, at, word)
        )

    return apply


def takes(offset: int) -> Callable[[pytest.MonkeyPatch], None]:
    """A chip in which any word can be written to `offset`."""

    def apply(monkeypatch: pytest.MonkeyPatch) -> None:
        write = ReferenceChip.write

        def changed(self: Any, at: int, word: int) -> None:
            if at == offset:
                self._words[at] = word
            else:
                write(self, at, word)

        monkeypatch.setattr(ReferenceChip, "write", changed)

    return apply


def never_sets(flag: int) -> Callable[[pytest.MonkeyPatch], None]:
    """A chip that does not notice one kind of mistake."""

    def apply(monkeypatch: pytest.MonkeyPatch) -> None:
        error = ReferenceChip._error
        monkeypatch.setattr(ReferenceChip, "_error", lambda self, found: None if found == flag else error(self, found))

    return apply


def mixes_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    class OneState(Reference):
        def infer(self, frame: np.ndarray, stream: int = 0, clear: bool = False, *rest: Any, **more: Any) -> Any:
            return super().infer(frame, 0, clear, *rest, **more)

    monkeypatch.setattr("shiftcore.driver.backends.reference.Reference", OneState)  # the chip's; not the self-test's


def keeps_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chip that says it has taken a model, and computes with the one before."""
    change = ReferenceChip._change

    def deaf(self: Any, content: np.ndarray, bank: int) -> None:
        infer = self._infer[bank]
        change(self, content, bank)
        self._infer[bank] = infer

    monkeypatch.setattr(ReferenceChip, "_change", deaf)


def mixes_two_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chip whose second load leaves the last words of the image before."""
    change, loads = ReferenceChip._change, list[np.ndarray]()

    def mixed(self: Any, content: np.ndarray, bank: int) -> None:
        loads.append(content.copy())
        change(self, content, bank)
        if len(loads) > 1:
            words = content.copy()
            words[-1000:] = loads[0][-1000:]
            self._infer[bank] = self._load(np.frombuffer(words.tobytes(), "<u4")[4:-1])

    monkeypatch.setattr(ReferenceChip, "_change", mixed)


FAULTS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "another bitstream": (reads(reg.BUILD_HASH, lambda word: word ^ 1), "BUILD_HASH is the build's"),
    "no chip at all": (reads(reg.ID, lambda _: 0xFFFF_FFFF), "ID is the build's"),
    "another register map": (reads(reg.VERSION, lambda word: word + 0x10000), "VERSION is the build's"),
    "fewer streams": (reads(reg.STREAMS, lambda word: word - 1), "STREAMS is the build's"),
    "a stuck bit": (reads(reg.READ_BASE_LO, lambda word: word | 16), "soft reset: every register at its reset value"),
    "a dead register": (ignores(reg.WATCHDOG), "writable registers hold what is written"),
    "a register that should be fixed": (takes(reg.FRAME_INTERVAL), "read-only registers ignore writes"),
    "an address too many": (takes(0x800), "offsets without a register read 0"),
    "no frame size check": (never_sets(reg.Error.FRAME_SIZE), "refused: a frame of a wrong length"),
    "no stream check": (never_sets(reg.Error.STREAM), "refused: a stream that there is not"),
    "no overflow check": (never_sets(reg.Error.DESCRIPTOR_OVERFLOW), "refused: one descriptor too many"),
    "no window": (never_sets(reg.Error.READ_WINDOW), "refused: a frame outside of granted memory"),
    "no underflow check": (never_sets(reg.Error.RESULT_UNDERFLOW), "refused: a result taken that there is not"),
    "no check of idle": (never_sets(reg.Error.CONFIG), "refused: a register changed while running"),
    "one state for all streams": (mixes_streams, "and interleaved on 4 streams"),
    "weights that cannot be changed": (keeps_its_weights, "another model is loaded, and every logit is its own"),
    "a mixture of two models": (mixes_two_models, "and the first one, loaded again, gives the known logits"),
    "a counter that stands still": (reads(reg.FRAMES_DONE, lambda _: 0), "frames are counted"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(build: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setattr("shiftcore.driver.known.WAIT_S", 0.2)
    monkeypatch.setattr("shiftcore.driver.selftest.WAIT_S", 0.2)
    apply, expected = FAULTS[fault]
    apply(monkeypatch)
    result = selftest(build)
    assert result.exit_code == 1
    assert any(line.startswith(expected) for line in failures(result)), result.stdout


def spoil(build: Path, **changes: Any) -> None:
    path = build / "chip" / "selftest.npz"
    with np.load(path) as content:
        arrays = {**dict(content), **changes}
    np.savez_compressed(path, allow_pickle=False, **arrays)


def test_a_numpy_that_computes_wrongly_is_found(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a broken BLAS would: every product a little off, here, and not where the frames' logits were made."""
    matmul = np.matmul
    monkeypatch.setattr(np, "matmul", lambda a, b, out: np.copyto(out, matmul(a, b) + 50))
    result = selftest(build)
    assert result.exit_code == 1
    assert failures(result)[0].startswith("the reference gives the known logits")


def test_another_latency_than_the_promised_one_is_found(tiny_chip: Path, build: Path) -> None:
    shutil.rmtree(build / "chip")
    shutil.copytree(tiny_chip, build / "chip")
    spoil(build, latency_cycles=np.array(12345))
    result = selftest(build, "rtl")
    assert result.exit_code == 1
    assert failures(result) == ["and the one of the Verilated chip  12345 cycles"]


@pytest.mark.parametrize("fault", ["missing", "damaged", "another network", "no build", "no backend"])
def test_what_cannot_be_tested_is_one_line_and_exit_code_2(build: Path, fault: str) -> None:
    path = build / "chip" / "selftest.npz"
    if fault == "missing":
        path.unlink()
    elif fault == "damaged":
        path.write_bytes(path.read_bytes()[:1000])
    elif fault == "another network":
        spoil(build, frames=np.zeros((2, 8, 8, 3), np.uint8))
    result = selftest(build / "x" if fault == "no build" else build, "gpu" if fault == "no backend" else "reference")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1


def test_the_known_frames_of_a_network_are_always_the_same(tiny_chip: Path, tmp_path: Path) -> None:
    reference = Reference.load(tiny_chip / "model.npz")
    known_frames.write(tmp_path / "a.npz", reference)
    assert (tmp_path / "a.npz").read_bytes() == (tiny_chip / "selftest.npz").read_bytes()
    with np.load(tmp_path / "a.npz") as content:
        streams, clears, logits = content["streams"], content["clears"], content["logits"]
    assert set(streams.tolist()) == set(range(reference.streams))
    assert clears.sum() > reference.streams and len(np.unique(logits, axis=0)) > 20
    assert json.loads((tiny_chip / "manifest.json").read_text())["logits"] == logits.shape[1]


@pytest.mark.parametrize("bitstream", [True, False])
def test_the_reference_in_place_of_a_chip_fails(build: Path, monkeypatch: pytest.MonkeyPatch, bitstream: bool) -> None:
    """`auto` with a bitstream and no pynq: every number is right, and yet nothing of the chip was tested."""
    monkeypatch.setattr(backends, "find_spec", lambda _name: None)
    if bitstream:
        (build / "bitstream").mkdir()
        (build / "bitstream" / "shiftcore.bit").touch()
    result = selftest(build, "auto")
    assert result.exit_code == (1 if bitstream else 0)
    assert [line.split("  ")[0] for line in failures(result)] == (["back end opened"] if bitstream else [])
    assert result.stderr.startswith("warning: ") and ("NOT ON THE CHIP" in result.stderr) == bitstream


class Slow:
    """An accelerator on a machine so loaded that each result takes a minute and a half; after `last` none come."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, known: Known, last: int) -> None:
        self._left, self._logits, self.minutes = last, known.logits, 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.minutes * 60)

    def submit(self, *_context: Any) -> None:
        pass

    def results(self, wait_s: float = 0.0) -> list[Any]:
        if not wait_s or not self._left:
            return []
        self._left, self.minutes = self._left - 1, self.minutes + 1.5
        return [self._left]


@pytest.mark.parametrize("last", [32, 5])
def test_a_slow_machine_may_take_its_time(build: Path, monkeypatch: pytest.MonkeyPatch, last: int) -> None:
    known, seen = Known.load(Build.load(build)), list[int]()
    slow = Slow(monkeypatch, known, last)
    assert len(run_known(slow, known, seen.append)) == last  # type: ignore[arg-type]  # a stand-in
    assert seen[-last:] == list(range(1, last + 1)) and slow.minutes == last * 1.5
