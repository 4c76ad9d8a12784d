# SPDX-License-Identifier: BSD-3-Clause
"""The last links of the chain: FINN's graph, the reference and the Verilated RTL, integer for integer.

`tiny` and three networks that differ from it in depth, widths, strides, bits and streams.
"""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.hw.compile import compile_model
from shiftcore.hw.graph import Frame
from shiftcore.hw.verify import integer_logits
from shiftcore.model import video
from shiftcore.model.preprocess import to_input
from shiftcore.model.reference import Reference
from shiftcore.quant import synthetic
from shiftcore.quant.export import export
from shiftcore.quant.network import random_network
from shiftcore.quant.preset import Preset
from shiftcore.sim.core import CoreModel
from tests.environments import one_at_a_time
from tests.quant.topologies import NARROW, POOLED, TIMELESS
from tests.real_clips import real_clips


def contexts(rng: np.random.Generator, frames: list[np.ndarray], streams: int) -> list[Frame]:
    """The frames dealt to random streams, each starting a clip now and then."""
    return [Frame(f, int(rng.integers(streams)), bool(rng.random() < 0.1)) for f in frames]


def noise(rng: np.random.Generator, count: int, height: int, width: int, channels: int = 3) -> list[np.ndarray]:
    return list(rng.integers(0, 256, (count, height, width, channels), dtype=np.uint8))


def referenced(reference: Reference, frames: list[Frame]) -> np.ndarray:
    reference.reset()
    return np.stack([reference.infer(f.pixels, f.stream, f.clear) for f in frames])


def simulated(core: Path, frames: list[Frame], pause: float = 0.0, seed: int = 1) -> np.ndarray:
    model = CoreModel(core, seed=seed)
    model.input_pause = model.output_pause = pause
    for frame in frames:
        model.push(frame.pixels, frame.stream, frame.clear)
    return np.stack([result.logits for result in model.run()])


@pytest.mark.parametrize("seed", [1, 2])
def test_random_frames(tiny_core: Path, tiny_export: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = contexts(rng, noise(rng, 60, 32, 32), streams=4)
    expected = referenced(Reference.load(tiny_export / "model.npz"), frames)
    assert np.array_equal(simulated(tiny_core, frames, seed=seed), expected)


def test_synthetic_clips(tiny_core: Path, tiny_export: Path) -> None:
    scenes = [synthetic.clip(("door", "object"), label, (8, 32, 32), (5, label)) for label in range(4)]
    frames = [Frame(image, 0, index == 0) for scene in scenes for index, image in enumerate(scene)]
    expected = referenced(Reference.load(tiny_export / "model.npz"), frames)
    assert len({tuple(row) for row in expected}) > 1, "all frames give the same logits: this would compare nothing"
    assert np.array_equal(simulated(tiny_core, frames), expected)


@pytest.mark.skipif(not real_clips(), reason="the real clips are not on this machine")
def test_real_clips(tiny_core: Path, tiny_export: Path) -> None:
    frames = []
    for stream, path in enumerate(real_clips()[::61]):
        clip = islice(video.frames(path), 12)
        frames += [Frame(to_input(image, 32, 32), stream % 4, index == 0) for index, image in enumerate(clip)]
    expected = referenced(Reference.load(tiny_export / "model.npz"), frames)
    assert len(frames) >= 40
    assert np.array_equal(simulated(tiny_core, frames), expected)


def test_finn_graph(tiny_core: Path, tiny_export: Path) -> None:
    """Every saved graph behind the streamlining, not only the last."""
    rng = np.random.default_rng(7)
    frames = contexts(rng, noise(rng, 6, 32, 32), streams=4)
    reference = Reference.load(tiny_export / "model.npz")
    expected = referenced(reference, frames)
    for step in ("02_streamline", "03_dataflow", "04_rtl", "05_fold", "06_fifos"):
        model = ModelWrapper(str(tiny_core.parent / f"{step}.onnx"))
        assert np.array_equal(integer_logits(model, frames, reference.description.logit_scale), expected), step


def test_frames_keep_their_latency(tiny_core: Path) -> None:
    """Input at line rate, a ready sink, 60 frames of any content: one latency; one frame an interval."""
    rng = np.random.default_rng(11)
    model = CoreModel(tiny_core)
    flat = [np.full((32, 32, 3), value, np.uint8) for value in (0, 255)]
    for frame in contexts(rng, flat + noise(rng, 58, 32, 32), streams=4):
        model.push(frame.pixels, frame.stream, frame.clear)
    results = model.run()
    assert len({result.latency_cycles for result in results}) == 1
    intervals = np.diff([result.last_out for result in results])
    slowest = model.manifest.slowest_op.cycles
    assert set(intervals) == {model.manifest.frame_interval}
    assert slowest <= model.manifest.frame_interval <= 1.02 * slowest


@pytest.mark.parametrize("preset", [POOLED, NARROW, TIMELESS], ids=lambda preset: preset.name)
def test_other_networks(preset: Preset) -> None:
    folder = preset.build / "export"
    with one_at_a_time(preset.name):
        if not (folder / "model.onnx").is_file():
            export(random_network(preset, 3), preset, folder)
        core = compile_model(folder / "model.onnx", "pynq-z2")
    rng = np.random.default_rng(3)
    shape = preset.input.height, preset.input.width, preset.input.made_of.channels
    frames = contexts(rng, noise(rng, 12, *shape), streams=preset.hardware.streams)
    expected = referenced(Reference.load(folder / "model.npz"), frames)
    assert len({tuple(row) for row in expected}) > 1
    assert np.array_equal(simulated(core, frames), expected)
    assert np.array_equal(simulated(core, frames, pause=0.3), expected)
