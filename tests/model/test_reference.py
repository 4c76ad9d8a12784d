# SPDX-License-Identifier: BSD-3-Clause
"""model.reference against a direct int64 implementation of docs/integer-model.md, on random networks."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiftcore.errors import UserError
from shiftcore.model.alarm import AlarmSettings
from shiftcore.model.description import ModelDescription
from shiftcore.model.reference import Reference, product_dtype
from tests.checkout import ROOT


class Direct:
    """docs/integer-model.md word by word: int64, one output pixel at a time, no bound and no shortcut."""

    def __init__(self, graph: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        self.graph, self.arrays = graph, arrays
        self.state: dict[tuple[str, int], np.ndarray] = {}

    def infer(self, frame: np.ndarray, stream: int, clear: bool) -> dict[str, np.ndarray]:
        values = {"input": frame.astype(np.int64)}
        for layer in self.graph["layers"]:
            operation = getattr(self, layer["op"])
            values[layer["name"]] = operation(layer, *(values[name] for name in layer["inputs"]), stream, clear)
        return values

    def array(self, layer: dict[str, Any], name: str) -> np.ndarray:
        return self.arrays[f"{layer['name']}.{name}"].astype(np.int64)

    def conv(self, layer: dict[str, Any], x: np.ndarray, *_: Any) -> np.ndarray:
        weight, stride, pad = self.array(layer, "weight"), layer["stride"], layer["pad"]
        padded = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
        rows, columns = ((n + 2 * pad - 3) // stride + 1 for n in x.shape[:2])
        out = np.zeros((rows, columns, len(weight)), np.int64)
        for r in range(rows):
            for c in range(columns):
                window = padded[r * stride : r * stride + 3, c * stride : c * stride + 3]
                out[r, c] = (weight * window.transpose(2, 0, 1)).sum(axis=(1, 2, 3))
        return out

    def threshold(self, layer: dict[str, Any], x: np.ndarray, *_: Any) -> np.ndarray:
        return layer["offset"] + (x[..., None] >= self.array(layer, "thresholds")).sum(-1)

    def shift(self, layer: dict[str, Any], x: np.ndarray, stream: int, clear: bool) -> np.ndarray:
        out, count, key = x.copy(), layer["channels"], (layer["name"], stream)
        out[..., :count] = 0 if clear else self.state.get(key, 0)
        if stream < self.graph["preset"]["hardware"]["streams"]:
            self.state[key] = x[..., :count]
        return out

    def add(self, layer: dict[str, Any], x: np.ndarray, y: np.ndarray, *_: Any) -> np.ndarray:
        return x + y

    def max_pool(self, layer: dict[str, Any], x: np.ndarray, *_: Any) -> np.ndarray:
        kernel, stride = layer["kernel"], layer["stride"]
        rows, columns = ((n - kernel) // stride + 1 for n in x.shape[:2])
        out = np.empty((rows, columns, x.shape[2]), np.int64)
        for r in range(rows):
            for c in range(columns):
                out[r, c] = x[r * stride : r * stride + kernel, c * stride : c * stride + kernel].max((0, 1))
        return out

    def sum_pool(self, layer: dict[str, Any], x: np.ndarray, *_: Any) -> np.ndarray:
        return x.sum((0, 1), keepdims=True)

    def linear(self, layer: dict[str, Any], x: np.ndarray, *_: Any) -> np.ndarray:
        return x @ self.array(layer, "weight").T


class Builder:
    """A random but sensible network: convolutions, thresholds of all kinds, residual blocks, pools."""

    def __init__(self, rng: np.random.Generator, magnitude: int) -> None:
        self.rng, self.magnitude = rng, magnitude
        self.layers: list[dict[str, Any]] = []
        self.arrays: dict[str, np.ndarray] = {}
        self.last = "input"

    def add(self, op: str, inputs: list[str] | None = None, **values: Any) -> str:
        name = f"{op}{len(self.layers)}"
        keys = {key: value for key, value in values.items() if not isinstance(value, np.ndarray)}
        self.layers.append({"name": name, "op": op, "inputs": inputs or [self.last], **keys})
        self.arrays |= {f"{name}.{key}": value for key, value in values.items() if isinstance(value, np.ndarray)}
        self.last = name
        return name

    def convolution(self, c_in: int, c_out: int, stride: int) -> None:
        weight = self.rng.integers(-self.magnitude, self.magnitude + 1, (c_out, c_in, 3, 3))
        self.add("conv", stride=stride, pad=int(self.rng.integers(0, 2)) if stride == 2 else 1, weight=weight)
        bits, signed = int(self.rng.integers(1, 9)), bool(self.rng.integers(2))
        spread = self.magnitude * 9 * c_in * 64
        rows = c_out if self.rng.integers(4) else 1
        thresholds = np.sort(self.rng.integers(-spread, spread, (rows, 2**bits - 1)), axis=1)
        offset = -(2 ** (bits - 1)) if signed else 0
        self.add("threshold", offset=offset, bits=bits, signed=signed, thresholds=thresholds)

    def block(self, channels: int) -> None:
        shortcut = self.last
        self.add("shift", channels=int(self.rng.integers(1, channels + 1)))
        self.convolution(channels, channels, 1)
        self.add("add", [shortcut, self.last])
        levels = np.sort(self.rng.integers(-300, 300, (1, 15)), axis=1)
        self.add("threshold", offset=0, bits=4, signed=False, thresholds=levels)


def model_of(graph: dict[str, Any], arrays: dict[str, np.ndarray]) -> Reference:
    return Reference(ModelDescription.parse(graph), arrays)


def random_model(seed: int, magnitude: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    height, width = (int(n) for n in rng.integers(5, 12, 2))
    builder, channels = Builder(rng, magnitude), int(rng.integers(1, 6))
    builder.convolution(3, channels, int(rng.integers(1, 3)))
    if rng.integers(2):
        builder.add("max_pool", kernel=2, stride=int(rng.integers(1, 3)))
    for _ in range(rng.integers(1, 3)):
        builder.block(channels)
    builder.add("sum_pool")
    builder.add("linear", weight=rng.integers(-128, 128, (4, channels)))
    graph = {
        "format": "shiftcore-integer-model",
        "version": 2,
        "trained": False,
        "preset": {"name": "random", "hardware": {"streams": 3}},
        "classes": ["a", "b", "c", "d"],
        "input": {"height": height, "width": width, "channels": 3},
        "preprocess": {"representation": "rgb", "images_per_second": None, "run_every": 1},
        "num_segments": 3,
        "logit_scale": 0.5,
        "layers": builder.layers,
    }
    return graph, builder.arrays


MAGNITUDES = (7, 127, 2**20, 2**49)  # weights that make products run in float32, float32, float64 and int64


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), magnitude=st.sampled_from(MAGNITUDES), extreme=st.booleans())
def test_every_layer_of_random_networks(seed: int, magnitude: int, extreme: bool) -> None:
    graph, arrays = random_model(seed, magnitude)
    reference, direct, rng = model_of(graph, arrays), Direct(graph, arrays), np.random.default_rng(seed)
    for _ in range(8):
        frame = rng.choice([0, 255], reference.input_shape) if extreme else rng.integers(0, 256, reference.input_shape)
        frame, stream, clear = frame.astype(np.uint8), int(rng.integers(0, 5)), bool(rng.random() < 0.25)
        trace: dict[str, np.ndarray] = {}
        logits = reference.infer(frame, stream, clear, trace)
        expected = direct.infer(frame, stream, clear)
        assert list(trace) == reference.layers
        for name, values in trace.items():
            assert np.array_equal(values, expected[name]), name
        assert logits.dtype == np.int64 and np.array_equal(logits, expected[graph["layers"][-1]["name"]].ravel())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bound_is_where_floats_stop_being_exact(dtype: type) -> None:
    """One below the limit, all integers and their successors are exact; at the limit the next type is taken."""
    limit = 2 ** (np.finfo(dtype).nmant + 1)
    assert product_dtype(limit - 1) == dtype and product_dtype(limit) != dtype
    assert int(dtype(limit)) == limit and int(dtype(limit + 1)) != limit + 1
    with pytest.raises(ValueError, match="64 bits"):
        product_dtype(2**63)


def test_a_layer_at_the_bound() -> None:
    """Sums of exactly 2**24 + 1, which float32 would round: the layer must have left float32."""
    weight = np.zeros((1, 3, 3, 3), np.int64)
    weight[0, :, 1, 1] = 2**16, 1, 0
    graph, _ = random_model(0, 7)
    graph |= {
        "classes": ["a"],
        "input": {"height": 1, "width": 1, "channels": 3},
        "layers": [
            {"name": "c", "op": "conv", "inputs": ["input"], "stride": 1, "pad": 1},
            {"name": "p", "op": "sum_pool", "inputs": ["c"]},
            {"name": "l", "op": "linear", "inputs": ["p"]},
        ],
    }
    weight[0, 0, 1, 1] *= 2
    reference = model_of(graph, {"c.weight": weight, "l.weight": np.ones((1, 1), np.int64)})
    assert reference.infer(np.array([[[128, 1, 0]]], np.uint8)) == [2**24 + 1]


def test_streams_and_clips_are_kept_apart() -> None:
    """Interleaved streams give what each gives alone; clear and reset both start a clip anew."""
    graph, arrays = random_model(7, 7)
    reference, alone = model_of(graph, arrays), model_of(graph, arrays)
    rng = np.random.default_rng(1)
    clips = rng.integers(0, 256, (3, 5, *reference.input_shape), dtype=np.uint8)
    together = [[reference.infer(clip[t], stream) for t in range(5)] for stream, clip in enumerate(clips)]
    reference.reset()
    for t in range(5):
        for stream in rng.permutation(3):
            logits = reference.infer(clips[stream, t], int(stream), clear=t == 0)
            assert np.array_equal(logits, together[stream][t])
    for stream, clip in enumerate(clips):
        alone.reset(0)
        assert all(
            np.array_equal(alone.infer(frame), logits) for frame, logits in zip(clip, together[stream], strict=True)
        )
    assert not all(np.array_equal(reference.infer(clips[0, t], clear=True), together[0][t]) for t in range(1, 5)), (
        "the network of this seed has no memory; choose another"
    )


def test_reset_forgets_only_the_stream_it_names() -> None:
    graph, arrays = random_model(7, 7)
    reference = model_of(graph, arrays)
    frames = np.random.default_rng(2).integers(0, 256, (2, *reference.input_shape), dtype=np.uint8)
    fresh = reference.infer(frames[0], 0)
    reference.infer(frames[0], 1)
    kept = reference.infer(frames[1], 0)
    assert not np.array_equal(kept, reference.infer(frames[1], 2)), "the network of this seed has no memory"
    reference.reset(1)
    assert np.array_equal(reference.infer(frames[0], 1), fresh)
    reference.reset(2)
    reference.infer(frames[0], 2)
    assert np.array_equal(reference.infer(frames[1], 2), kept)


def test_wrong_frames_are_refused() -> None:
    reference = model_of(*random_model(0, 7))
    with pytest.raises(ValueError, match="takes uint8"):
        reference.infer(np.zeros(reference.input_shape))
    with pytest.raises(ValueError, match="takes uint8"):
        reference.infer(np.zeros((1, 1, 3), np.uint8))
    with pytest.raises(ValueError, match="stream 128"):
        reference.infer(np.zeros(reference.input_shape, np.uint8), 128)


def _save(path: Path, graph: Any, arrays: dict[str, np.ndarray]) -> Path:
    np.savez(path, graph=np.array(graph if isinstance(graph, str) else json.dumps(graph)), **arrays)  # type: ignore[arg-type]
    return path


def test_load_gives_the_same_model(tmp_path: Path) -> None:
    graph, arrays = random_model(3, 7)
    loaded, direct = Reference.load(_save(tmp_path / "model.npz", graph, arrays)), model_of(graph, arrays)
    frame = np.full(direct.input_shape, 77, np.uint8)
    assert np.array_equal(loaded.infer(frame), direct.infer(frame))
    assert loaded.classes == ["a", "b", "c", "d"] and loaded.consensus().num_segments == 3


def test_a_description_is_typed() -> None:
    graph, arrays = random_model(0, 7)
    alarm = {"classes": ["d", "b"], "threshold": 0.5, "release": 0.25, "min_seconds": 0, "cool_down_seconds": 2}
    said = model_of(graph | {"alarm": alarm, "weights": "12"}, arrays).description
    assert said.alarm == AlarmSettings(("d", "b"), 0.5, 0.25, 0.0, 2.0) and said.alarm_indices == [1, 3]
    assert (said.preset.name, said.trained, said.num_segments, said.logit_scale) == ("random", False, 3, 0.5)
    assert (said.preprocess.images_per_second, said.weights) == (None, "12")
    for none in ({}, {"alarm": None}, {"alarm": alarm | {"classes": []}}):
        said = model_of(graph | none, arrays).description
        assert said.alarm is None and said.alarm_indices == [] and said.weights is None


DAMAGES: dict[str, Any] = {
    "no representation": lambda graph, arrays: graph["preprocess"].pop("representation"),
    "no scale": lambda graph, arrays: graph.update(logit_scale=float("nan")),
    "no segments": lambda graph, arrays: graph.update(num_segments=0),
    "an alarm without a threshold": lambda graph, arrays: graph.update(alarm={"classes": ["a"]}),
    "version": lambda graph, arrays: graph.update(version=1),
    "no classes": lambda graph, arrays: graph.pop("classes"),
    "too few classes": lambda graph, arrays: graph["classes"].pop(),
    "unknown op": lambda graph, arrays: graph["layers"][0].update(op="softmax"),
    "missing array": lambda graph, arrays: arrays.pop("conv0.weight"),
    "flat weights": lambda graph, arrays: arrays.update({"conv0.weight": arrays["conv0.weight"].ravel()}),
    "wrong channels": lambda graph, arrays: arrays.update({"conv0.weight": arrays["conv0.weight"][:, :1]}),
    "input of nowhere": lambda graph, arrays: graph["layers"][1].update(inputs=["nowhere"]),
    "not ascending": lambda graph, arrays: arrays.update({"threshold1.thresholds": np.array([[2, 1]])}),
    "text for weights": lambda graph, arrays: arrays.update({"conv0.weight": np.array("weights")}),
    "sums beyond 64 bits": lambda graph, arrays: arrays.update({"conv0.weight": arrays["conv0.weight"] * 0 + 2**58}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_wrong_model_is_one_line(damage: str, tmp_path: Path) -> None:
    graph, arrays = random_model(3, 7)
    DAMAGES[damage](graph, arrays)
    path = _save(tmp_path / "model.npz", graph, arrays)
    with pytest.raises(UserError) as error:
        Reference.load(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["missing", "empty", "text", "truncated", "flipped", "no graph", "no json", "npy"])
def test_a_damaged_file_is_one_line(content: str, tmp_path: Path) -> None:
    graph, arrays = random_model(3, 7)
    path = _save(tmp_path / "model.npz", graph, arrays)
    whole = path.read_bytes()
    half = len(whole) // 2
    if content == "missing":
        path.unlink()
    elif content == "no graph":
        np.savez(path, **arrays)  # type: ignore[arg-type]
    elif content == "no json":
        _save(path, "{", arrays)
    elif content == "npy":
        np.save(path.open("wb"), np.zeros(3))
    else:
        flipped = whole[:half] + bytes(byte ^ 0xFF for byte in whole[half : half + 40]) + whole[half + 40 :]
        path.write_bytes({"empty": b"", "text": b"hello", "truncated": whole[:half], "flipped": flipped}[content])
    with pytest.raises(UserError) as error:
        Reference.load(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_imports_nothing_but_numpy() -> None:
    """The board has NumPy and the standard library."""
    code = "import sys, model.reference; print([m for m in sys.argv[1:] if m in sys.modules])"
    heavy = ["torch", "onnx", "qonnx", "finn", "pydantic", "typer", "rich", "brevitas"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_consensus_is_the_mean_of_the_last_frames_of_a_stream() -> None:
    """Against a plain definition over each stream's history."""
    consensus = model_of(*random_model(0, 7)).consensus()
    rng = np.random.default_rng(0)
    history: dict[int, list[np.ndarray]] = {0: [], 1: []}
    for _ in range(40):
        stream, clear = int(rng.integers(2)), bool(rng.random() < 0.1)
        logits = rng.integers(-(2**40), 2**40, 4)
        history[stream] = ([] if clear else history[stream]) + [logits]
        window = history[stream][-3:]
        decision = consensus.update(logits, stream, clear)
        assert np.array_equal(decision.total, sum(window))
        assert np.allclose(decision.logits, 0.5 * np.mean(window, axis=0), rtol=1e-12)
        assert math.isclose(decision.scores.sum(), 1.0) and decision.scores.argmax() == decision.total.argmax()
        assert decision.name == "abcd"[decision.index]
    consensus.reset()
    assert np.array_equal(consensus.update(np.arange(4)).total, np.arange(4))
