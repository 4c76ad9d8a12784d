# SPDX-License-Identifier: BSD-3-Clause
"""Faults, each injected and recovered from: one clear sentence, no hang, and the next good frame is right."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shiftcore.driver import (
    Accelerator,
    BackendError,
    BuildError,
    ChipError,
    ClosedError,
    DescriptorError,
    IdentityError,
    LostFrameError,
    MemoryReadError,
    MemoryWriteError,
    RegisterError,
    ResetError,
    ResponseTimeoutError,
    StuckError,
    WindowError,
)
from shiftcore.driver.backends.base import Backend
from shiftcore.driver.build import Build
from shiftcore.model import registers as reg
from shiftcore.model.limits import RECORDS
from tests.checkout import ROOT
from tests.driver.rig import Rig, behind, logits, spoil


def one_line(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text and len(text) < 300
    return text


def is_right_again(rig: Rig, opened: Accelerator, seed: int = 99) -> None:
    """The next frames are right, on every stream, and each stream begins a clip, though nobody says so."""
    frames = rig.frames(4, seed)
    for stream in range(opened.streams):
        opened.submit(frames[0], stream)
        opened.submit(frames[1], stream)
    results: list[Any] = []
    while len(results) < 2 * opened.streams:
        results += opened.results(wait_s=1.0)
    assert logits(results) == rig.clip(frames[:2]) * opened.streams
    assert logits(opened.stream(frames)) == rig.clip(frames)


def frames_of(opened: Accelerator) -> Any:
    return opened._device._frames


def records_of(opened: Accelerator) -> Any:
    return opened._device._records


@pytest.mark.parametrize(("kind", "error"), [("read", MemoryReadError), ("write", MemoryWriteError)])
def test_memory_answers_with_an_error(simulated: Rig, kind: str, error: type[ChipError]) -> None:
    with simulated.open(compare=True) as opened:
        buffer = frames_of(opened) if kind == "read" else records_of(opened)
        frames = simulated.frames(5, seed=30)
        heal = spoil(opened, kind, buffer.address, 1)
        opened.submit(frames[0], 1)
        with pytest.raises(error, match=r"AXI error response.*the chip was reset, \d frames under way lost") as caught:
            list(opened.stream(frames))
        one_line(caught.value)
        heal()
        with pytest.raises(error):  # the other owner of lost frames hears of it as well
            opened.results()
        is_right_again(simulated, opened)


def test_a_buffer_freed_too_early(simulated: Rig) -> None:
    """The chip's next access meets memory that is not there; a new accelerator is as good as ever."""
    opened = simulated.open()
    frames = simulated.frames(3, seed=31)
    opened.submit(frames[0])
    frames_of(opened).free()
    opened.submit(frames[1])
    with pytest.raises(MemoryReadError):
        for _ in range(2):
            opened.results(wait_s=1.0)
    opened.close()
    with simulated.open() as fresh:
        is_right_again(simulated, fresh)


@pytest.mark.parametrize(("low", "error"), [(reg.READ_LIMIT_LO, WindowError), (reg.WRITE_LIMIT_LO, WindowError)])
def test_a_buffer_out_of_range(rig: Rig, low: int, error: type[ChipError]) -> None:
    with rig.open(compare=True) as opened:
        chip = behind(opened)
        chip.write(reg.CONTROL, 0)
        chip.write(low, chip.read(low - 8))  # the window is empty
        chip.write(reg.CONTROL, reg.Control.RUN)
        with pytest.raises(error, match="outside the memory that the chip may") as caught:
            list(opened.stream(rig.frames(3, seed=32)))
        one_line(caught.value)
        is_right_again(rig, opened)


@pytest.mark.parametrize(
    ("offset", "word", "error"),
    [
        (reg.DESCRIPTOR_BYTES, 1, DescriptorError),
        (reg.RESULT_TAKE, 100, RegisterError),
        (reg.WATCHDOG, 0, RegisterError),
    ],
)
def test_a_register_written_behind_the_drivers_back(rig: Rig, offset: int, word: int, error: type[ChipError]) -> None:
    with rig.open(compare=True) as opened:
        behind(opened).write(offset, word)
        with pytest.raises(error) as caught:
            list(opened.stream(rig.frames(3, seed=33)))
        one_line(caught.value)
        is_right_again(rig, opened)


def test_a_core_that_is_stuck(rig: Rig) -> None:
    """A watchdog shorter than a frame's way through the core takes every frame for stuck."""
    if rig.backend == "reference":
        pytest.skip("it has no clock, and so no watchdog")
    with rig.open(compare=True) as opened:
        chip = behind(opened)
        chip.write(reg.CONTROL, 0)
        chip.write(reg.WATCHDOG, 100)
        chip.write(reg.CONTROL, reg.Control.RUN)
        with pytest.raises(StuckError, match="nothing has moved") as caught:
            list(opened.stream(rig.frames(2, seed=34)))
        one_line(caught.value)
        is_right_again(rig, opened)


def test_no_answer_at_all(rig: Rig) -> None:
    """A chip that was stopped behind the driver's back: the wait has a limit."""
    with rig.open(compare=True) as opened:
        behind(opened).write(reg.CONTROL, 0)
        with pytest.raises(ResponseTimeoutError, match="no result for") as caught:
            list(opened.stream(rig.frames(2, seed=35)))
        one_line(caught.value)
        is_right_again(rig, opened)


def test_memory_that_never_answers(rig: Rig) -> None:
    """Not even a soft reset helps, and the driver says so instead of hanging."""
    if rig.backend != "rtl":
        pytest.skip("only the simulated bus can hang")
    opened = rig.open()
    behind(opened).model.read_latency = 10**12
    with pytest.raises(ResetError, match="load the bitstream again") as caught:
        list(opened.stream(rig.frames(1)))
    one_line(caught.value)
    with pytest.raises(ClosedError):
        opened.counters()
    opened.close()


@pytest.mark.parametrize("part", ["frame id", "sequence", "context", "doubled", "lost"])
def test_a_record_that_is_not_the_one_due(simulated: Rig, part: str) -> None:
    with simulated.open(compare=True) as opened:
        frames = simulated.frames(3, seed=36)
        for frame in frames:
            opened.submit(frame)
        chip = behind(opened)
        while chip.read(reg.RESULT_LEVEL) < 3:
            chip.write(reg.IRQ_STATUS, reg.IrqStatus.RESULT)
            chip.wait(1e-3)
        size = simulated.build.manifest.record_bytes
        records = records_of(opened).array[: 3 * size].reshape(3, size)
        if part == "doubled":
            records[1] = records[0]
        elif part == "lost":
            records[:2] = records[1:]
        else:
            records[1, {"frame id": 0, "context": 4, "sequence": 12}[part]] += 1
        with pytest.raises(LostFrameError, match=r"was due, that of .* came") as caught:
            opened.results()
        one_line(caught.value)
        is_right_again(simulated, opened)


def a_frame_time_passes(rig: Rig, opened: Accelerator) -> None:
    """Nobody looks at the chip meanwhile."""
    chip, cycles = behind(opened), 3 * rig.build.manifest.frame_interval // 2
    if rig.backend == "rtl":
        chip.model.step(cycles)
    elif rig.backend == "reference":
        chip.chip.step()
    else:
        time.sleep(cycles / (opened.clock_mhz * 1e6))


def test_a_full_result_queue_loses_nothing(rig: Rig) -> None:
    """Results left in memory for long: the driver never has more frames under way than slots for them."""
    with rig.open(compare=True) as opened:
        frames = rig.frames(36, seed=37)
        for frame in frames:
            opened.submit(frame)
            assert len(opened._device.flights) <= RECORDS
            a_frame_time_passes(rig, opened)
        assert not behind(opened).read(reg.ERROR)
        results: list[Any] = []
        while len(results) < len(frames):
            results += opened.results(wait_s=1.0)
        assert logits(results) == rig.clip(frames)


def test_killed_while_streaming_and_started_again(rig: Rig) -> None:
    """The chip is left as it is, frames under way and all; who opens it next begins with a soft reset."""
    chip = rig.raw()
    first = Accelerator(rig.build, chip)
    next(first.stream(rig.frames(20, seed=38)))
    second = Accelerator(rig.build, chip, compare=True)
    is_right_again(rig, second)
    first._closed = True  # its process is gone
    second.close()


STREAM_FOR_EVER = """
import sys, itertools, numpy as np
from shiftcore.driver import Accelerator
acc = Accelerator.open(sys.argv[1], sys.argv[2])
frame = np.zeros(acc.input_shape, np.uint8)
for result in acc.stream(itertools.repeat(frame)):
    print(result.frame_id, flush=True)
"""


def test_a_killed_process(rig: Rig) -> None:
    command = [sys.executable, "-c", STREAM_FOR_EVER, str(rig.folder), rig.backend]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "0\n"
        process.send_signal(signal.SIGKILL)
    with rig.open() as opened:
        is_right_again(rig, opened)


Damage = Callable[[dict[str, Any]], None]
LIES: dict[str, tuple[Damage, type[Exception], str]] = {
    "hash": (lambda m: m.update(build_hash="deadbeef"), IdentityError, "BUILD_HASH is 0x.*0xdeadbeef"),
    "interval": (lambda m: m.update(frame_interval=1), IdentityError, "FRAME_INTERVAL is 0x.*0x00000001"),
    "model": (lambda m: m.update(model="0" * 64), BuildError, "SHA-256 begins .* was made from 0000"),
    "size": (lambda m: m["input"].update(height=33), BuildError, r"input is \[33, 32, 3\].*\[32, 32, 3\]"),
    "bytes": (lambda m: m["input"].update(bytes=1), BuildError, "input.bytes is 1"),
    "classes": (lambda m: m["classes"].reverse(), BuildError, "classes is"),
    "logits": (lambda m: m.update(logits=5), BuildError, "logits is 5, but the model's is 4"),
    "streams": (lambda m: m.update(streams=128), BuildError, "streams is 128, but the model's is 4"),
    "record": (lambda m: m.update(record_bytes=64), BuildError, "record_bytes is 64, but the model's is 32"),
    "format": (lambda m: m.update(format="other"), BuildError, "not a shiftcore-chip manifest"),
    "version": (lambda m: m.update(version=2), BuildError, "not a shiftcore-chip manifest of version 1"),
    "no hash": (lambda m: m.pop("build_hash"), BuildError, "build_hash is None"),
    "no number": (lambda m: m.update(build_hash="xyz"), BuildError, "no number"),
    "no size": (lambda m: m["input"].pop("width"), BuildError, "no number"),
    "clock": (lambda m: m.update(clock_mhz="fast"), BuildError, "clock_mhz is 'fast'"),
}


@pytest.fixture
def copy(rig: Rig, tmp_path: Path) -> Path:
    """A build folder of the test's own."""
    shutil.copytree(rig.folder / "chip", tmp_path / "build" / "chip")
    return tmp_path / "build"


@pytest.mark.parametrize("lie", LIES)
def test_a_manifest_that_lies(rig: Rig, copy: Path, lie: str) -> None:
    damage, error, text = LIES[lie]
    path = copy / "chip" / "manifest.json"
    manifest = json.loads(path.read_text())
    damage(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(error, match=text) as caught:
        if error is IdentityError and rig.backend == "reference":
            Accelerator(Build.load(copy), rig.raw())  # its registers come from the manifest: the lie stands beside it
        else:
            Accelerator.open(copy, rig.backend)
    assert str(copy) in one_line(caught.value)


@pytest.mark.parametrize("damage", ["no folder", "no manifest", "half a manifest", "no model", "another model"])
def test_a_damaged_build_folder(rig: Rig, copy: Path, damage: str) -> None:
    manifest, model = copy / "chip" / "manifest.json", copy / "chip" / "model.npz"
    if damage == "no folder":
        shutil.rmtree(copy)
    elif damage == "no manifest":
        manifest.unlink()
    elif damage == "half a manifest":
        manifest.write_text(manifest.read_text()[:100])
    elif damage == "no model":
        model.unlink()
    else:
        model.write_bytes(model.read_bytes() + b"x")
    with pytest.raises(BuildError) as caught:
        Accelerator.open(copy, rig.backend)
    text = one_line(caught.value)
    assert str(copy) in text and "make compile" in text


class _Another(Backend):
    """A chip whose registers read as something else."""

    def __init__(self, chip: Backend, offset: int, word: int) -> None:
        self._chip, self._offset, self._word = chip, offset, word
        self.closed = False

    def read(self, offset: int) -> int:
        return self._word if offset == self._offset else self._chip.read(offset)

    def write(self, offset: int, word: int) -> None:
        raise AssertionError("an unknown chip must not be written to")

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("offset", "word", "text"),
    [
        (reg.ID, 0xFFFF_FFFF, "ID is 0xffffffff, but the build's is 0x53464331"),
        (reg.VERSION, 0x0200_0000, "register map is version 2, but this driver knows version 1"),
        (reg.BUILD_HASH, 0x1234_5678, "BUILD_HASH is 0x12345678, but the build's is 0x"),
        (reg.INPUT_SHAPE, 0, "INPUT_SHAPE is 0x00000000"),
        (reg.INPUT_BYTES, 1, "INPUT_BYTES is 0x00000001"),
        (reg.OUTPUT_LOGITS, 9, "OUTPUT_LOGITS is 0x00000009"),
        (reg.RECORD_BYTES, 16, "RECORD_BYTES is 0x00000010"),
        (reg.STREAMS, 1, "STREAMS is 0x00000001"),
    ],
)
def test_a_wrong_bitstream(rig: Rig, monkeypatch: pytest.MonkeyPatch, offset: int, word: int, text: str) -> None:
    """Both values are named, nothing was written to the chip, and it is let go."""
    chip = rig.raw()
    other = _Another(chip, offset, word)
    monkeypatch.setattr("shiftcore.driver.accelerator.open_backend", lambda *_: other)
    with pytest.raises(IdentityError, match=text) as caught:
        rig.open()
    one_line(caught.value)
    assert other.closed
    chip.close()


def test_memory_runs_out(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was allocated before is given back."""
    chip = rig.raw()
    first, freed = chip.allocate(1), []
    monkeypatch.setattr(type(first), "free", lambda buffer: freed.append(buffer.address))
    buffers = iter([first])

    def allocate(_size: int) -> Any:
        buffer = next(buffers, None)
        if buffer is None:
            raise BackendError("none left")
        return buffer

    monkeypatch.setattr(chip, "allocate", allocate)
    with pytest.raises(BackendError):
        Accelerator(rig.build, chip)
    assert freed == [first.address]
    monkeypatch.undo()
    first.free()
    chip.close()
