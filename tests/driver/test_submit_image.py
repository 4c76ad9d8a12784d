# SPDX-License-Identifier: BSD-3-Clause
"""A chip with ingest, on every back end: a decoder's planes in, the logits of their images out; and its faults."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shiftcore.driver import Accelerator, DescriptorError, MemoryReadError, WindowError
from shiftcore.driver.build import Build
from shiftcore.driver.planes import SLOTS
from shiftcore.driver.run import Run
from shiftcore.driver.selftest import selftest
from shiftcore.driver.sources import Image, Source
from shiftcore.errors import UserError
from shiftcore.flow import driver_cost
from shiftcore.hw.boards import load_board
from shiftcore.model import registers as reg
from shiftcore.model.limits import PLANE_HEIGHT, PLANE_WIDTH
from shiftcore.model.preprocess import Preprocessor, picture
from shiftcore.model.reference import Reference
from tests.driver.rig import Rig, behind, other_model, spoil
from tests.ingest_build import with_ingest


@pytest.fixture(scope="session")
def ingest_build(tiny_core: Path, tiny_export: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny`'s core in a chip with ingest, its model taken for one of motion that runs for every second image."""
    folder = tmp_path_factory.mktemp("ingest") / "tiny" / "pynq-z2"
    return with_ingest(tiny_core, tiny_export / "model.npz", load_board("pynq-z2"), folder, run_every=2)


@pytest.fixture
def taking(backend_name: str, ingest_build: Path) -> Rig:
    if backend_name == "board":
        pytest.skip("a board has its own chip")
    return Rig(ingest_build, backend_name, Build.load(ingest_build))


class Software:
    """What should come: images by `Preprocessor`, frames by the reference."""

    def __init__(self, build: Build) -> None:
        self.reference = Reference.load(build.chip / "model.npz")
        self.preprocessor = Preprocessor(self.reference.description)
        self.logits: list[list[int]] = []

    def image(self, image: np.ndarray, stream: int, clear: bool) -> bool | None:
        prepared = self.preprocessor.prepare(image, stream, clear)
        if prepared is None:
            return None
        self.frame(prepared[0], stream, prepared[1])
        return prepared[1]

    def frame(self, frame: np.ndarray, stream: int, clear: bool) -> None:
        self.logits.append(self.reference.infer(frame, stream, clear).tolist())


def drawn(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(0, 256, shape, dtype=np.uint8)


def finished(opened: Accelerator, results: list[Any], count: int) -> list[list[int]]:
    while len(results) < count:
        more = opened.results(wait_s=1.0)
        assert more, f"{len(results)} of {count} results"
        results += more
    return [result.logits.tolist() for result in results]


def any_image(rng: np.random.Generator, number: int) -> np.ndarray:
    """Of any size, larger with every image; sometimes in colours, upside down, or with pixels that are not square."""
    rows, columns = (int(size) for size in rng.integers(32 + number, 64 + 4 * number, 2))
    kind = rng.integers(5)
    if kind == 0:
        return drawn(rng, (rows, columns, 3))
    if kind == 1:
        return picture(drawn(rng, (2 * rows, 2 * columns)), Fraction(12, 11))
    return drawn(rng, (rows, columns))[::-1] if kind == 2 else drawn(rng, (rows, columns + 9))[:, 5:-4]


def test_images_of_mixed_sizes_on_all_streams(taking: Rig) -> None:
    """Beside ready-made frames, with a model that is swapped: every logit, in order, with one latency. `compare` holds
    each result against the reference a second time."""
    rng, software = np.random.default_rng(1), Software(taking.build)
    other = other_model(taking.build.model, taking.folder / "other.npz", 5)
    with taking.open(compare=True) as opened:
        assert opened.ingest
        ids: list[int] = []
        results: list[Any] = []
        for number in range(44):
            stream = int(rng.integers(opened.streams - 1))
            image, begins = any_image(rng, number), bool(rng.random() < 0.1)
            first = software.image(image, stream, begins)
            sent = opened.submit_image(image, stream, begins)
            assert (sent is None) == (first is None) and (sent is None or sent[1] == first)
            ids += [sent[0]] if sent else []
            if number % 6 == 5:
                frame = drawn(rng, opened.input_shape)
                software.frame(frame, opened.streams - 1, number == 5)
                ids.append(opened.submit(frame, opened.streams - 1, number == 5))
            results += opened.results()
        assert finished(opened, results, len(ids)) == software.logits
        assert [result.frame_id for result in results] == ids == list(range(len(ids)))
        if taking.backend != "reference":
            cycles = {result.latency_cycles for result in results}
            assert cycles == {opened.counters().latency_min} == {opened.counters().latency_max}
        software.logits, results = [], []
        opened.load(other)  # which waits for all that was sent
        assert behind(opened).read(reg.PLANES_DONE) == 44
        software.reference = Reference.load(other)
        cleared = set()
        for number in range(8):  # a camera's earlier images stay
            image, stream = any_image(rng, number), number % 2
            prepared = software.preprocessor.prepare(image, stream)
            if prepared:
                software.frame(prepared[0], stream, stream not in cleared)
                cleared.add(stream)
            opened.submit_image(image, stream)
        assert software.logits and finished(opened, results, len(software.logits)) == software.logits


def test_an_image_that_the_chip_cannot_take_ends_the_clip(taking: Rig) -> None:
    rng, software = np.random.default_rng(2), Software(taking.build)
    with taking.open(compare=True) as opened:
        results: list[Any] = []
        shapes = [(40, 40)] * 4 + [(31, 40), (2400, 3300), (40, 40), (50, 40), (40, 50), (40, 40), (40, 40)]
        assert shapes[5][0] > PLANE_HEIGHT and shapes[5][1] < PLANE_WIDTH
        for shape in shapes:
            image = np.zeros(shape, np.uint8) if shape[0] > 1000 else drawn(rng, shape)
            if shape[0] in (31, 2400):
                with pytest.raises(UserError, match=r"smaller than the network's|more than the 4096x2304"):
                    opened.submit_image(image, 2)
                software.preprocessor.forget(2)
                continue
            software.image(image, 2, False)
            opened.submit_image(image, 2)
        assert finished(opened, results, len(software.logits)) == software.logits
        with pytest.raises(UserError, match="stream 4 is not in 0"):
            opened.submit_image(drawn(rng, (40, 40)), opened.streams)


FAULTS = {
    "too small": (reg.DESCRIPTOR_PLANE_SIZE, 0, DescriptorError, "the chip refused a plane: too small"),
    "stride": (reg.DESCRIPTOR_PLANE_USE, 0, DescriptorError, "the chip refused a plane: its rows overlap"),
    "history": (reg.DESCRIPTOR_PLANE_USE, None, DescriptorError, "the chip made no input"),
    "window": (reg.DESCRIPTOR_ADDRESS_LO, 8, WindowError, "a plane lies outside the memory"),
}


@pytest.mark.parametrize("fault", [*FAULTS, "memory"])
def test_faults_are_told_of_and_recovered_from(taking: Rig, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chip was reset and has forgotten all images: each camera's next one begins a clip, and all is right."""
    rng, use = np.random.default_rng(3), reg.DescriptorPlaneUse
    with taking.open(compare=True) as opened:
        chip = behind(opened)
        opened.submit_image(drawn(rng, (64, 50)), 1)
        real = chip.write
        heal: Any = lambda: None  # noqa: E731
        error: type[Exception] = MemoryReadError
        expected = "memory refused to hand out"
        if fault == "memory":
            first, behind_last = opened._device._planes.span
            heal = spoil(opened, "read", first, behind_last - first)
        else:
            offset, word, error, expected = FAULTS[fault]
            wrong = use.WHOLE | use.RUN | use.RESTART | use.STRIDE.word(64) if word is None else word

            def spoilt(at: int, value: int) -> None:
                real(at, wrong if at == offset else value)

            monkeypatch.setattr(chip, "write", spoilt)
        with pytest.raises(error, match=expected):
            for _ in range(3 * SLOTS):
                opened.submit_image(drawn(rng, (64, 50)), 1)
        monkeypatch.setattr(chip, "write", real)
        heal()
        software, results = Software(taking.build), []
        for number in range(12):
            image = drawn(rng, (64 + number, 50))
            software.image(image, number % 2, False)
            opened.submit_image(image, number % 2)
            results += opened.results()
        assert finished(opened, results, len(software.logits)) == software.logits


def test_the_self_test_covers_it(taking: Rig) -> None:
    checks = {check.name: check for check in selftest(taking.folder, taking.backend)}
    assert all(check.passed for check in checks.values()), [check for check in checks.values() if not check.passed]
    assert {"refused: a plane whose rows overlap", "a decoder's planes give the logits of their images"} <= set(checks)


class Camera(Source):
    """Images of one size, and one in the middle that is too small."""

    def __init__(self, name: str, shape: tuple[int, int], said: Any) -> None:
        super().__init__(name, None, said)
        self._shape, self._rng, self.count = shape, np.random.default_rng(len(name)), 0

    def take(self) -> Image | None:
        self.count += 1
        self.done = self.count == 14
        shape = (20, 20) if self.count == 6 else self._shape
        return Image(drawn(self._rng, shape), self.count / 25, self.count, self.name, self.count == 1)


def test_the_rate_is_the_chips_own_count(ingest_build: Path) -> None:
    """A word of a plane takes a cycle; what else there is fits into some hundred."""
    build = Build.load(ingest_build)
    rows, columns = 256, 256  # whose boxes are a word wide, so that none waits
    assert 0 <= driver_cost.plane_cycles(build, (columns, rows), {}) - rows * columns // 8 < 700
    (rate,) = driver_cost.ingest(build, [(columns, rows)])["ingest_images_per_second"].values()
    assert 100e6 / (rows * columns) < rate < 100e6 / (rows * columns / 8)


@pytest.fixture
def exported(ingest_build: Path) -> Iterator[Path]:
    """The same model without a chip, whose inputs are made in software."""
    yield ingest_build / "model.npz"


def test_a_run_shows_the_chip_what_it_would_make_itself(taking: Rig, exported: Path) -> None:
    """Cameras of several sizes: the same results of the same images, and the same refusals."""
    outcomes = []
    for folder, backend in ((exported, "reference"), (taking.folder, taking.backend)):
        seen: list[Any] = []
        said: list[str] = []
        with Accelerator.open(folder, backend) as opened:
            cameras: list[Source] = [Camera(f"c{'x' * k}", (40 + 20 * k, 60 - 5 * k), said.append) for k in range(3)]
            Run(
                opened,
                cameras,
                lambda channel, image, result, seen=seen: seen.append(  # type: ignore[misc]
                    (channel.stream, image.number, result.clear, result.logits.tolist())
                ),
                [],
                said.append,
            )()
        outcomes.append((sorted(seen), sorted(said)))
    assert len(outcomes[0][0]) > 12 and len(outcomes[0][1]) == 3
    assert outcomes[0] == outcomes[1]
