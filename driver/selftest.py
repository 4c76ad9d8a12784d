# SPDX-License-Identifier: BSD-3-Clause
"""What a person with a new board runs first: every part of the chip that can be checked, one line each.

Frames and their logits were stored when the chip was built (`selftest.npz`, by hw.selftest), so a NumPy that computes
wrongly on this machine shows as well.
"""

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.backends import choose, has_bitstream, open_backend
from shiftcore.driver.backends.base import Backend
from shiftcore.driver.build import Build, integer_arrays
from shiftcore.driver.change import Change
from shiftcore.driver.errors import AcceleratorError, ChipError
from shiftcore.driver.known import WAIT_S, Known, collect, run_known
from shiftcore.model import image
from shiftcore.model import registers as reg
from shiftcore.model.limits import ALIGNMENT
from shiftcore.model.records import Context, Result
from shiftcore.model.reference import Reference

_READ_ONLY = (reg.ID, reg.VERSION, reg.BUILD_HASH, reg.INPUT_SHAPE, reg.STREAMS, reg.FRAME_INTERVAL, reg.FRAMES_DONE)
_UNREADABLE = (reg.CYCLES_LO, reg.CYCLES_HI)  # they count
_UNUSED = (0x03C, 0x0FC, 0x800, 0xFFC)  # offsets at which there is no register
_PATTERNS = (0xFFFF_FFFF, 0xAAAA_AAAA, 0x5555_5555, 0)
_CLIP = 8  # the first frames of the stored ones are one clip of stream 0
_CAMERAS, _IMAGES = 3, 18  # of a chip with ingest: so many images of so many cameras
_CHIP_S = 0.1  # for a reset or an error flag, which take thousands of cycles


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    name: str
    passed: bool
    detail: str = ""


def selftest(build_dir: Path | str, backend: str = "auto") -> Iterator[Check]:
    """Run all checks, yielding each when it is done. Raises UserError when there is nothing to check: no build, no back
    end. A chip that is another than the build's ends the test."""
    build = Build.load(build_dir)
    known = Known.load(build)
    yield _numpy(build, known)
    chip = open_backend(backend, build)
    yield _opened(backend, chip, build)
    try:
        identity = list(_identity(chip, build))
        yield from identity
        if all(check.passed for check in identity):
            yield from _registers(chip, build)
            yield from _frames(chip, build, known)
    finally:
        chip.close()


def _numpy(build: Build, known: Known) -> Check:
    build.reference.reset()
    wrong = sum(
        not np.array_equal(build.reference.infer(*context), logits)
        for context, logits in zip(known.contexts(), known.logits, strict=True)
    )
    versions = f"NumPy {np.__version__}, Python {platform.python_version()}, {platform.machine()}"
    return Check(
        "the reference gives the known logits", wrong == 0, f"{versions}; {wrong} of {len(known.frames)} differ"
    )


def _opened(wanted: str, chip: Backend, build: Build) -> Check:
    """The reference in place of a chip that was to be tested is a failure, however well it computes."""
    missed = wanted == "auto" and chip.name == "reference" and has_bitstream(build)
    return Check("back end opened", not missed, f"{chip.name}: {choose(build)[1]}" if missed else chip.name)


def _identity(chip: Backend, build: Build) -> Iterator[Check]:
    always = (("ID", reg.ID, reg.ID_VALUE), ("VERSION", reg.VERSION, reg.VERSION_VALUE))
    for name, offset, right in (*always, *build.identity):
        found = chip.read(offset)
        yield Check(
            f"{name} is the build's",
            found == right,
            f"{found:#010x}" + ("" if found == right else f", not {right:#010x}"),
        )


def _registers(chip: Backend, build: Build) -> Iterator[Check]:
    yield _reset(chip, "soft reset: every register at its reset value")
    wrong = [f"{offset:#05x}" for offset, mask in _writable(build).items() if not _holds(chip, offset, mask)]
    yield Check("writable registers hold what is written", not wrong, _at(wrong, len(_writable(build))))
    wrong = [f"{offset:#05x}" for offset in _READ_ONLY if not _ignores(chip, offset)]
    yield Check("read-only registers ignore writes", not wrong, _at(wrong, len(_READ_ONLY)))
    wrong = [f"{offset:#05x}" for offset in _UNUSED if not _ignores(chip, offset) or chip.read(offset)]
    yield Check("offsets without a register read 0", not wrong, _at(wrong, len(_UNUSED)))
    if chip.name != "reference":  # it has no clock
        yield _cycles(chip, build)
    for name, flag, provoke in (*_MISTAKES, *(_PLANE_MISTAKES if build.manifest.ingest else ())):
        yield _refused(chip, build, name, flag, provoke)
    yield _reset(chip, "soft reset after errors: every register at its reset value")


def _at(wrong: list[str], count: int) -> str:
    return f"{count} of them" if not wrong else f"not at {', '.join(wrong)}"


def _writable(build: Build) -> dict[int, int]:
    """Offsets of the registers that hold what is written, and which of their bits a driver relies on."""
    upper = (1 << max(build.manifest.address_bits - 32, 0)) - 1
    halves = [reg.READ_BASE_LO, reg.READ_LIMIT_LO, reg.WRITE_BASE_LO, reg.WRITE_LIMIT_LO, reg.DESCRIPTOR_ADDRESS_LO]
    if build.manifest.ingest:
        halves += [reg.HISTORY_BASE_LO, reg.HISTORY_LIMIT_LO]
    return {
        reg.IRQ_ENABLE: reg.IrqEnable.RESULT | reg.IrqEnable.ERROR | reg.IrqEnable.IDLE,
        reg.WATCHDOG: 0xFFFF_FFFF,
        reg.RESULT_SLOTS: 0xFFFF,
        reg.DESCRIPTOR_BYTES: 0xFFFF_FFFF,
        reg.DESCRIPTOR_FRAME_ID: 0xFFFF_FFFF,
        **({reg.DESCRIPTOR_PLANE_SIZE: 0xFFFF_FFFF} if build.manifest.ingest else {}),
        **{low: 2**32 - ALIGNMENT for low in halves},
        **{low + 4: upper for low in halves},
    }


def _holds(chip: Backend, offset: int, mask: int) -> bool:
    for pattern in _PATTERNS:
        chip.write(offset, pattern & mask)
        if (chip.read(offset) ^ pattern) & mask:
            return False
    return True


def _ignores(chip: Backend, offset: int) -> bool:
    before = chip.read(offset)
    chip.write(offset, ~before & 0xFFFF_FFFF)
    return chip.read(offset) == before


def _reset(chip: Backend, name: str) -> Check:
    chip.write(reg.CONTROL, reg.Control.SOFT_RESET)
    if not _until(chip, lambda: not chip.read(reg.STATUS) & reg.Status.RESETTING):
        return Check(name, False, "it does not end")
    words = {offset: right for offset, right in reg.RESETS.items() if offset not in _UNREADABLE}
    wrong = [f"{offset:#05x}" for offset, right in words.items() if chip.read(offset) != right]
    return Check(name, not wrong, _at(wrong, len(words)))


def _until(chip: Backend, condition: Callable[[], bool]) -> bool:
    end = chip.clock() + _CHIP_S + chip.slack_s
    while not condition() and chip.clock() < end:
        chip.wait(1e-5)
    return condition()


def _cycles(chip: Backend, build: Build) -> Check:
    def count() -> int:
        return chip.read(reg.CYCLES_LO) | chip.read(reg.CYCLES_HI) << 32

    began, first = chip.clock(), count()
    chip.wait(1e-3)
    while chip.clock() < began + 1e-3:
        chip.wait(1e-4)
    seconds, passed = chip.clock() - began, count() - first
    mhz = passed / seconds / 1e6
    right = build.manifest.clock_mhz
    return Check("the clock runs at the build's frequency", abs(mhz / right - 1) < 0.1, f"{mhz:.1f} of {right:g} MHz")


Provoke = Callable[[Backend, Build], None]


def _push(chip: Backend, build: Build, stream: int = 0, size: int | None = None) -> None:
    chip.write(reg.DESCRIPTOR_BYTES, build.input_bytes if size is None else size)
    chip.write(reg.DESCRIPTOR_CONTEXT, Context(stream, clear=True).word)


def _overflow(chip: Backend, build: Build) -> None:
    for _ in range(reg.DescriptorLevel.FREE.of(chip.read(reg.DESCRIPTOR_LEVEL)) + 1):
        _push(chip, build)


def _outside(chip: Backend, build: Build) -> None:
    """A frame at address 0, while the chip may read nothing at all: no transfer begins."""
    chip.write(reg.RESULT_SLOTS, 1)
    _push(chip, build)
    chip.write(reg.CONTROL, reg.Control.RUN)


def _while_running(chip: Backend, _build: Build) -> None:
    chip.write(reg.CONTROL, reg.Control.RUN)
    chip.write(reg.WATCHDOG, 1)


def _plane(columns: int, stride: int, granted: int) -> Provoke:
    """A plane at address 0 of as many rows as the input, while the chip may read the `granted` bytes from there on."""

    def provoke(chip: Backend, build: Build) -> None:
        height, width, _ = build.input_shape
        size, use = reg.DescriptorPlaneSize, reg.DescriptorPlaneUse
        chip.write(reg.READ_LIMIT_LO, granted)
        chip.write(reg.RESULT_SLOTS, 1)
        chip.write(reg.DESCRIPTOR_PLANE_SIZE, size.WIDTH.word(width + columns) | size.HEIGHT.word(height))
        chip.write(reg.DESCRIPTOR_PLANE_USE, use.STRIDE.word(width + stride))
        chip.write(reg.DESCRIPTOR_PLANE, 0)
        chip.write(reg.CONTROL, reg.Control.RUN)

    return provoke


# None of these can touch memory: the windows are empty after a reset.
_MISTAKES: tuple[tuple[str, int, Provoke], ...] = (
    ("a frame of a wrong length", reg.Error.FRAME_SIZE, lambda chip, build: _push(chip, build, size=1)),
    ("a stream that there is not", reg.Error.STREAM, lambda chip, build: _push(chip, build, build.reference.streams)),
    ("one descriptor too many", reg.Error.DESCRIPTOR_OVERFLOW, _overflow),
    ("a frame outside of granted memory", reg.Error.READ_WINDOW, _outside),
    ("a result taken that there is not", reg.Error.RESULT_UNDERFLOW, lambda chip, _: chip.write(reg.RESULT_TAKE, 1)),
    ("a register changed while running", reg.Error.CONFIG, _while_running),
)

_PLANE_MISTAKES: tuple[tuple[str, int, Provoke], ...] = (
    ("a plane smaller than the input", reg.Error.PLANE_SIZE, _plane(-1, 0, 1 << 20)),
    ("a plane whose rows overlap", reg.Error.PLANE_STRIDE, _plane(0, -1, 1 << 20)),
    ("a plane outside of granted memory", reg.Error.READ_WINDOW, _plane(0, 0, 0)),
)


def _refused(chip: Backend, build: Build, name: str, flag: int, provoke: Provoke) -> Check:
    """Make a mistake on purpose: its flag, and only that, must show, be cleared, and leave the rest as it was."""
    if flag == reg.Error.STREAM and build.reference.streams > reg.DescriptorContext.STREAM:
        return Check(f"refused: {name}", True, "the chip has all that a context can name")
    provoke(chip, build)
    _until(chip, lambda: chip.read(reg.ERROR) != 0)
    flags, status = chip.read(reg.ERROR), chip.read(reg.IRQ_STATUS)
    chip.write(reg.CONTROL, 0)
    chip.write(reg.ERROR, flags)
    chip.write(reg.IRQ_STATUS, status)
    left = chip.read(reg.ERROR) | chip.read(reg.IRQ_STATUS) & reg.IrqStatus.ERROR
    chip.write(reg.CONTROL, reg.Control.SOFT_RESET)
    _until(chip, lambda: not chip.read(reg.STATUS) & reg.Status.RESETTING)
    good = flags == flag and bool(status & reg.IrqStatus.ERROR) and not left
    return Check(f"refused: {name}", good, "" if good else f"ERROR {flags:#x}, not {flag:#x}; {left:#x} after clearing")


def _frames(chip: Backend, build: Build, known: Known) -> Iterator[Check]:
    count = len(known.frames)
    with Accelerator(build, chip) as accelerator:
        try:
            results = run_known(accelerator, known)
        except AcceleratorError as error:
            yield Check("known frames give the known logits", False, str(error))
            return
        yield _logits("known frames give the known logits, alone", results[:_CLIP], known.logits[:_CLIP])
        streams = len(np.unique(known.streams))
        yield _logits(f"and interleaved on {streams} streams", results[_CLIP:], known.logits[_CLIP:])
        yield from _counters(accelerator, results, known)
        yield _recovery(accelerator, chip, known)
        again = [] if not count else run_known(accelerator, known)
        yield _logits("the same frames again after the error", again, known.logits)
        for bank in range(len(accelerator.models)):
            yield from _swaps(accelerator, build, known, bank)
        if build.manifest.ingest:
            yield from _planes(accelerator, build)


def _planes(accelerator: Accelerator, build: Build) -> Iterator[Check]:
    """Images of cameras of several sizes, which the chip crops, shrinks and differences itself."""
    name, rng = "a decoder's planes give the logits of their images", np.random.default_rng(0)
    prepare, (height, width, _) = accelerator.preprocessor(), build.input_shape
    build.reference.reset()
    expected: list[np.ndarray] = []
    results: list[Result] = []
    try:
        for number in range(_IMAGES):
            stream = number % min(_CAMERAS, accelerator.streams)
            shape = height + 13 * number, 2 * width + 31 * stream
            image, begins = rng.integers(0, 256, shape, dtype=np.uint8), number < _CAMERAS
            if prepared := prepare.prepare(image, stream, begins):
                expected.append(build.reference.infer(prepared[0], stream, prepared[1]))
            accelerator.submit_image(image, stream, begins)
            results += accelerator.results()
        collect(accelerator, results, len(expected))
    except AcceleratorError as error:
        yield Check(name, False, str(error))
        return
    yield _logits(name, results, np.array(expected))
    low, high = accelerator.counters().latency_min, accelerator.counters().latency_max
    if accelerator.backend != "reference":
        yield Check("and their latency is that of ready-made frames", low == high, f"{low} to {high} cycles")


def negated(build: Build) -> Change:
    """Another model of the build's shape: all weights with the other sign."""
    arrays = integer_arrays(build.model)
    arrays |= {key: -array for key, array in arrays.items() if key.endswith(".weight")}
    stream = image.payload(build.manifest.memories, arrays)
    return Change(build.model, Reference(build.reference.description, arrays), stream)


def _swaps(accelerator: Accelerator, build: Build, known: Known, bank: int) -> Iterator[Check]:
    """Another model is loaded into a bank, gives its own logits, and gives way to the first again."""
    where = f" (bank {bank})" if len(accelerator.models) > 1 else ""
    name, first = f"another model is loaded{where}, and every logit is its own", accelerator.read(build.model)
    other = negated(build)
    expected = np.stack([other.reference.infer(*context) for context in known.contexts()])
    try:
        accelerator.load(other, bank)
        for stream in range(accelerator.streams):
            accelerator.use(stream, bank)
        results = run_known(accelerator, known)
        cycles = accelerator.load_cycles
        accelerator.load(first, bank)
        again = run_known(accelerator, known)
    except AcceleratorError as error:
        yield Check(name, False, str(error))
        return
    check, differ = _logits(name, results, expected), not np.array_equal(expected, known.logits)
    took = f"; {cycles:,} cycles ({cycles / accelerator.clock_mhz / 1e3:.3f} ms)" if cycles else ""
    yield Check(check.name, check.passed and differ, f"{check.detail}{took}")
    yield _logits(f"and the first one, loaded again{where}, gives the known logits", again, known.logits)


def _logits(name: str, results: list[Result], expected: np.ndarray) -> Check:
    wrong = sum(not np.array_equal(result.logits, logits) for result, logits in zip(results, expected))  # noqa: B905 - fewer may come
    good = wrong == 0 and len(results) == len(expected)
    return Check(name, good, f"{len(results)} of {len(expected)} frames, {wrong} differ")


def _counters(accelerator: Accelerator, results: list[Result], known: Known) -> Iterator[Check]:
    counters = accelerator.counters()
    yield Check("frames are counted", counters.frames_done == len(results), f"{counters.frames_done}")
    if accelerator.backend == "reference":
        return  # it has no clock
    low, high = counters.latency_min, counters.latency_max
    cycles = {result.latency_cycles for result in results}
    found = f"{low} to {high} cycles ({high / accelerator.clock_mhz / 1000:.5f} ms)"
    yield Check("latency is the same for every frame", cycles == {low} == {high} == {counters.latency_last}, found)
    if known.latency_cycles is not None:
        right = low == high == known.latency_cycles
        yield Check("and the one of the Verilated chip", right, f"{known.latency_cycles} cycles")
    stalls = f"{counters.input_stalls} cycles for memory, {counters.output_stalls} for a reader"
    yield Check(
        "the core waited for nobody inside a frame", counters.input_stalls == counters.output_stalls == 0, stalls
    )


def _recovery(accelerator: Accelerator, chip: Backend, known: Known) -> Check:
    """A descriptor is spoilt behind the driver's back; the driver must say so, reset the chip and go on."""
    name = "an error becomes an exception, and the chip is reset"
    chip.write(reg.DESCRIPTOR_BYTES, 1)
    try:
        accelerator.submit(known.frames[0], 0, clear=True)
        accelerator.results(wait_s=WAIT_S)
    except ChipError as error:
        return Check(name, True, type(error).__name__)
    return Check(name, False, "no exception came")
