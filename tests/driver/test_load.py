# SPDX-License-Identifier: BSD-3-Clause
"""Another model while it runs: every frame is of exactly one, on every back end, and what is wrong changes nothing."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from shiftcore.driver import Accelerator
from shiftcore.driver.errors import MemoryReadError, ShapeError
from shiftcore.errors import UserError
from shiftcore.model import image
from shiftcore.model import registers as reg
from shiftcore.model.records import Result
from shiftcore.model.reference import Reference
from shiftcore.quant.export import write_image
from tests.driver.rig import Rig, behind, logits, spoil
from tests.other_weights import other_weights

Write = Callable[..., Path]


@pytest.fixture
def write(rig: Rig, tmp_path: Path) -> Write:
    """Writes a model that differs from the build's in every layer; `change` may change its arrays once more."""
    with np.load(rig.build.model) as content:
        ours = {key: content[key] for key in content.files}

    def model(seed: int, change: Callable[[dict[str, np.ndarray]], object] = lambda _arrays: None) -> Path:
        arrays = other_weights(ours, seed)
        change(arrays)
        np.savez(tmp_path / f"model{seed}.npz", **arrays)
        return tmp_path / f"model{seed}.npz"

    return model


@pytest.fixture
def opened(rig: Rig) -> Iterator[Accelerator]:
    with rig.open(compare=True) as accelerator:
        yield accelerator


def clip(model: Path, frames: np.ndarray, stream: int) -> list[list[int]]:
    reference = Reference.load(model)
    return [reference.infer(frame, stream, index == 0).tolist() for index, frame in enumerate(frames)]


def test_each_frame_is_of_the_model_that_was_last_loaded(rig: Rig, opened: Accelerator, write: Write) -> None:
    """The build's first, then two others and the build's again; with one latency, each load followed by new clips."""
    frames, latencies = rig.frames(3), set()
    for model in (rig.build.model, write(1), write(2), rig.build.model):
        opened.load(model)
        for stream in (0, 1):
            results = list(opened.stream(frames, stream))
            assert logits(results) == clip(model, frames, stream)
            latencies |= {result.latency_cycles for result in results}
    assert len(latencies) == 1


def test_frames_under_way_are_finished_by_the_model_before(rig: Rig, opened: Accelerator, write: Write) -> None:
    frames, other = rig.frames(5), write(1)
    for frame in frames:
        opened.submit(frame, clear=False)
    opened.load(other)
    for frame in frames[:2]:
        opened.submit(frame)
    results: list[Result] = []
    while len(results) < 7:
        results += opened.results(wait_s=1.0)
    assert logits(results) == clip(rig.build.model, frames, 0) + clip(other, frames[:2], 0)
    assert [result.clear for result in results] == [True, *[False] * 4, True, False]


def test_asyncio(rig: Rig, opened: Accelerator, write: Write) -> None:
    frames, other = rig.frames(2), write(1)

    async def run() -> list[list[int]]:
        await opened.aload(other)
        return logits([result async for result in opened.astream(frames)])

    assert asyncio.run(run()) == clip(other, frames, 0)


def test_a_model_of_another_shape_is_refused_and_nothing_changes(
    rig: Rig, opened: Accelerator, write: Write, tmp_path: Path
) -> None:
    frames, good = rig.frames(2), write(1)
    opened.load(good)

    def wide(arrays: dict[str, np.ndarray]) -> None:
        arrays["classifier.weight"] = arrays["classifier.weight"].astype(np.int16) * 2

    def other(arrays: dict[str, np.ndarray]) -> None:
        arrays["graph"] = np.array(str(arrays["graph"]).replace('"streams": ', '"streams": 1'))

    wrong = {write(2, wide): "the chip takes 127", write(3, other): "streams is"}
    for model, text in wrong.items():
        with pytest.raises(ShapeError, match=text) as caught:
            opened.load(model)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no such file"):
        opened.load(tmp_path / "none.npz")
    assert logits(opened.stream(frames)) == clip(good, frames, 0)


def test_export_writes_the_image_of_what_is_loaded(
    simulated: Rig, opened: Accelerator, write: Write, tmp_path: Path
) -> None:
    """For those who have no driver of ours: whole, of this chip, and of the same hash that its register reads."""
    build, manifest, model = tmp_path / "build", simulated.build.manifest, write(1)
    (build / "chip").mkdir(parents=True)
    manifest.write(build / "chip")
    written = write_image(model, build).read_bytes()
    assert image.fault(np.frombuffer(written, np.uint8), manifest.shape, manifest.load_words) is None
    opened.load(model)
    assert int.from_bytes(written[8:12], "little") == behind(opened).read(reg.MODEL_HASH)
    with pytest.raises(UserError, match=r"model2.npz: not of the shape of .*build: .*; compile it"):
        write_image(write(2, lambda arrays: arrays.pop("classifier.weight")), build)


def test_behind_an_error_the_chip_has_the_model_before_it(simulated: Rig, opened: Accelerator, write: Write) -> None:
    """Memory fails in the middle of the image: the load is refused, and the model before it is loaded again."""
    frames, good = simulated.frames(2), write(1)
    opened.load(good)
    device = opened._device
    address, size = device._frames.address + device._image, 64
    if behind(opened).name == "reference":
        pytest.skip("its memory is there or not, as a whole")
    heal = spoil(opened, "read", address + 4096, size)
    send = device._send_model

    def healed(stream: np.ndarray, bank: int) -> object:
        wrong = send(stream, bank)
        heal()
        return wrong

    device._send_model = healed  # type: ignore[method-assign, assignment]
    with pytest.raises(MemoryReadError):
        opened.load(write(2))
    assert logits(opened.stream(frames)) == clip(good, frames, 0)
