# SPDX-License-Identifier: BSD-3-Clause
"""The chip at its registers, on every back end: the NumPy model of it must behave as the RTL does."""

from collections.abc import Iterator

import numpy as np
import pytest

from shiftcore.driver.backends.base import Buffer
from shiftcore.model import registers as reg
from shiftcore.model.records import Record
from tests.driver.rig import Rig

SLOTS = 2
PATIENCE = 200


class Bench:
    """A chip with one buffer of frames and a ring of two records, and no driver."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.backend = rig, rig.raw()
        self.bytes, self.record_bytes = rig.build.input_bytes, rig.build.manifest.record_bytes
        self.frames: Buffer = self.backend.allocate(4 * self.bytes + 8)
        self.records: Buffer = self.backend.allocate(SLOTS * self.record_bytes)
        self.limit_s = 40 * rig.build.manifest.frame_interval / (rig.build.manifest.clock_mhz * 1e6)
        self.reset()

    def read(self, offset: int) -> int:
        return self.backend.read(offset)

    def write(self, offset: int, word: int) -> None:
        self.backend.write(offset, word)

    def reset(self) -> None:
        self.write(reg.CONTROL, reg.Control.SOFT_RESET)
        self.until(lambda: not self.read(reg.STATUS) & reg.Status.RESETTING)

    def configure(self, run: bool = True) -> None:
        read_end = self.frames.address + len(self.frames.array)
        write_end = self.records.address + SLOTS * self.record_bytes
        self.write(reg.READ_BASE_LO, self.frames.address)
        self.write(reg.READ_LIMIT_LO, read_end)
        self.write(reg.WRITE_BASE_LO, self.records.address)
        self.write(reg.WRITE_LIMIT_LO, write_end)
        self.write(reg.RESULT_SLOTS, SLOTS)
        self.write(reg.DESCRIPTOR_BYTES, self.bytes)
        self.write(reg.CONTROL, reg.Control.RUN * run)

    def put(self, index: int, frame: np.ndarray, shift: int = 0) -> None:
        start = index * self.bytes + shift
        self.frames.array[start : start + self.bytes] = frame.reshape(-1)
        self.frames.flush(start, self.bytes)

    def push(self, index: int, frame_id: int, context: int = reg.DescriptorContext.CLEAR, shift: int = 0) -> None:
        self.write(reg.DESCRIPTOR_ADDRESS_LO, self.frames.address + index * self.bytes + shift)
        self.write(reg.DESCRIPTOR_FRAME_ID, frame_id)
        self.write(reg.DESCRIPTOR_CONTEXT, context)

    def until(self, condition: object) -> None:
        assert callable(condition)
        end = self.backend.clock() + self.limit_s + self.backend.slack_s
        while not condition():
            assert self.backend.clock() < end, "it never happens"
            self.backend.wait(1e-5)

    def record(self, slot: int) -> Record:
        self.records.invalidate(0, len(self.records.array))
        content = self.records.array[slot * self.record_bytes : (slot + 1) * self.record_bytes]
        return Record.unpack(content, self.rig.build.manifest.logits)

    def close(self) -> None:
        self.reset()
        self.frames.free()
        self.records.free()
        self.backend.close()


@pytest.fixture
def bench(rig: Rig) -> Iterator[Bench]:
    opened = Bench(rig)
    yield opened
    opened.close()


def errors(bench: Bench) -> int:
    return bench.read(reg.ERROR)


def test_after_power_on(bench: Bench) -> None:
    counters = {reg.CYCLES_LO, reg.CYCLES_HI}
    for offset, word in reg.RESETS.items():
        if offset not in counters:
            assert bench.read(offset) == word, f"{offset:#05x}"
    level = bench.read(reg.DESCRIPTOR_LEVEL)
    assert (reg.DescriptorLevel.USED.of(level), reg.DescriptorLevel.FREE.of(level)) == (0, 16)
    assert bench.read(reg.STATUS) == 0
    assert bench.read(0xFFC) == 0
    assert bench.read(reg.BUILD_HASH) == bench.rig.build.build_hash


def test_records_and_their_ring(bench: Bench) -> None:
    """Three frames through two slots; the third waits, nothing is lost, and unaligned frames are as good as any."""
    bench.configure()
    frames = bench.rig.frames(3, seed=20)
    for index, frame in enumerate(frames):
        bench.put(index, frame, shift=index)
        bench.push(index, 700 + index, reg.DescriptorContext.CLEAR * (index == 0) | 1, shift=index)
    expected = bench.rig.clip(frames, 1)
    bench.until(lambda: bench.read(reg.RESULT_LEVEL) == 2)
    bench.until(lambda: errors(bench) == reg.Error.RESULT_FULL)
    for index in range(2):
        record = bench.record(index)
        found = (record.frame_id, record.stream, record.clear, record.sequence, record.logits.tolist())
        assert found == (700 + index, 1, index == 0, index, expected[index])
    assert bench.read(reg.IRQ_STATUS) & (reg.IrqStatus.RESULT | reg.IrqStatus.ERROR)
    bench.write(reg.RESULT_TAKE, 1)
    bench.until(lambda: bench.read(reg.RESULT_LEVEL) == 2)
    record = bench.record(0)
    assert (record.frame_id, record.sequence, record.logits.tolist()) == (702, 2, expected[2])
    bench.write(reg.RESULT_TAKE, 2)
    assert bench.read(reg.RESULT_LEVEL) == 0
    assert bench.read(reg.FRAMES_DONE) == 3
    bench.until(lambda: not bench.read(reg.STATUS) & reg.Status.BUSY)
    assert bench.read(reg.IRQ_STATUS) & reg.IrqStatus.IDLE


@pytest.mark.parametrize("fault", ["FRAME_SIZE", "STREAM", "READ_WINDOW", "BELOW_WINDOW"])
def test_a_descriptor_that_is_dropped(bench: Bench, fault: str) -> None:
    """Its flag is set, nothing else happens, and the next frame is right."""
    bench.configure()
    frame = bench.rig.frames(1, seed=21)[0]
    bench.put(0, frame)
    if fault == "FRAME_SIZE":
        bench.write(reg.DESCRIPTOR_BYTES, bench.bytes - 1)
        bench.push(0, 1)
        bench.write(reg.DESCRIPTOR_BYTES, bench.bytes)
    elif fault == "STREAM":
        bench.push(0, 1, reg.DescriptorContext.STREAM.word(bench.rig.build.manifest.streams))
    elif fault == "READ_WINDOW":
        bench.push(3, 1, shift=9)
    else:
        bench.push(0, 1, shift=-1)
    flag = getattr(reg.Error, fault.replace("BELOW", "READ"))
    bench.until(lambda: errors(bench) == flag)
    bench.push(0, 2)
    bench.until(lambda: bench.read(reg.RESULT_LEVEL) == 1)
    assert bench.record(0).frame_id == 2
    assert bench.record(0).logits.tolist() == bench.rig.clip(frame[None])[0]
    assert errors(bench) == flag
    bench.write(reg.ERROR, flag)
    assert errors(bench) == 0


def test_too_many_descriptors(bench: Bench) -> None:
    bench.configure(run=False)
    for index in range(16):
        bench.push(0, index)
    assert reg.DescriptorLevel.FREE.of(bench.read(reg.DESCRIPTOR_LEVEL)) == 0
    assert errors(bench) == 0
    bench.push(0, 16)
    assert errors(bench) == reg.Error.DESCRIPTOR_OVERFLOW
    assert reg.DescriptorLevel.USED.of(bench.read(reg.DESCRIPTOR_LEVEL)) == 16
    bench.reset()
    assert reg.DescriptorLevel.USED.of(bench.read(reg.DESCRIPTOR_LEVEL)) == 0


def test_what_may_only_change_while_idle(bench: Bench) -> None:
    absent = set() if bench.rig.build.manifest.ingest else reg.OF_INGEST
    bench.configure()
    for offset in absent:  # no register is there
        bench.write(offset, 0xFFFF_FFFF)
        assert bench.read(offset) == 0 and errors(bench) == 0
    for offset in sorted(reg.WHEN_IDLE - absent):
        before = bench.read(offset)
        bench.write(offset, before + 8)
        assert bench.read(offset) == before
        assert errors(bench) == reg.Error.CONFIG
        bench.write(reg.ERROR, reg.Error.CONFIG)
    bench.write(reg.CONTROL, 0)
    for offset in sorted(reg.WHEN_IDLE - absent):
        before = bench.read(offset)
        bench.write(offset, before + 8)
        assert bench.read(offset) == before + 8
    assert errors(bench) == 0
    bench.push(0, 0)  # waits: the chip is busy, though it does not run
    for offset in sorted(reg.WHEN_IDLE - absent):
        before = bench.read(offset)
        bench.write(offset, before + 8)
        assert bench.read(offset) == before
        assert errors(bench) == reg.Error.CONFIG
        bench.write(reg.ERROR, reg.Error.CONFIG)


def test_more_results_taken_than_there_are(bench: Bench) -> None:
    bench.configure()
    bench.write(reg.RESULT_TAKE, 1)
    assert errors(bench) == reg.Error.RESULT_UNDERFLOW
    assert bench.read(reg.RESULT_LEVEL) == 0


def test_no_slots_no_frames(bench: Bench) -> None:
    bench.configure(run=False)
    bench.write(reg.RESULT_SLOTS, 0)
    bench.write(reg.CONTROL, reg.Control.RUN)
    bench.push(0, 0)
    bench.backend.wait(1e-4)
    assert reg.DescriptorLevel.USED.of(bench.read(reg.DESCRIPTOR_LEVEL)) == 1
    assert bench.read(reg.RESULT_LEVEL) == 0


def test_a_slot_outside_the_window_halts(bench: Bench) -> None:
    bench.configure(run=False)
    bench.write(reg.WRITE_LIMIT_LO, bench.records.address + bench.record_bytes - 1)
    bench.write(reg.CONTROL, reg.Control.RUN)
    bench.records.array[:] = 0xA5
    bench.records.flush(0, len(bench.records.array))
    bench.push(0, 0)
    bench.until(lambda: bench.read(reg.STATUS) & reg.Status.HALTED)
    assert errors(bench) == reg.Error.WRITE_WINDOW
    bench.records.invalidate(0, len(bench.records.array))
    assert (bench.records.array == 0xA5).all(), "no byte was written"
    bench.reset()
    assert not bench.read(reg.STATUS) & reg.Status.HALTED


def test_run_off_finishes_what_was_taken_and_keeps_the_rest(bench: Bench) -> None:
    bench.configure(run=False)
    frame = bench.rig.frames(1, seed=22)[0]
    bench.put(0, frame)
    bench.push(0, 5)
    bench.backend.wait(1e-5)
    assert reg.DescriptorLevel.USED.of(bench.read(reg.DESCRIPTOR_LEVEL)) == 1
    bench.write(reg.CONTROL, reg.Control.RUN)
    bench.until(lambda: bench.read(reg.RESULT_LEVEL) == 1)
    assert bench.record(0).logits.tolist() == bench.rig.clip(frame[None])[0]
