# SPDX-License-Identifier: BSD-3-Clause
"""The bit-exact reference: an exported integer model (docs/integer-model.md), run with NumPy and nothing else.

Every value is an integer. Products run in floating-point BLAS where that is proven to be exact: with |x| <= M, every
sum of products a layer can form, in any order, stays within sum |w| * M, and a binary floating-point number holds
every integer up to 2**24 (single precision) or 2**53 (double precision). The bound is computed for each layer from
its actual weights and the range of its input; a layer that reaches both runs in int64.
"""

import contextlib
import hashlib
import json
import math
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from shiftcore import extensions
from shiftcore.errors import UserError
from shiftcore.model.decision import Consensus
from shiftcore.model.description import Layer, ModelDescription
from shiftcore.model.records import Context, Decisions


def _one_blas_thread() -> Callable[[], contextlib.AbstractContextManager[Any]]:
    """Layers this small gain little from BLAS threads; where another process holds a core, the wait for it makes a
    frame ten times slower. Without threadpoolctl (it is no part of NumPy) BLAS is left as it is."""
    try:
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]
    except ImportError:
        return contextlib.nullcontext
    blas = ThreadpoolController().select(user_api="blas")
    return lambda: blas.limit(limits=1)


def product_dtype(bound: int) -> np.dtype:
    """The fastest type in which all integers of magnitude `bound`, and one more, are exact."""
    for dtype, limit in ((np.float32, 2**24), (np.float64, 2**53), (np.int64, 2**63)):
        if bound < limit:
            return np.dtype(dtype)
    raise ValueError(f"sums reach {bound}, more than 64 bits hold")


def integer_dtype(low: int, high: int) -> np.dtype:
    """The narrowest integer type that holds `low` and `high`."""
    for dtype in (np.uint8, np.int8, np.int16, np.int32, np.int64):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return np.dtype(dtype)
    raise ValueError(f"values reach from {low} to {high}, more than 64 bits hold")


def weights_digest(layers: Iterable[str], arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of the weights and thresholds in `arrays` that belong to a layer of these names: names, types, shapes,
    values. A description holds it as `weights`, so that it stands for one network alone."""
    state, layers = hashlib.sha256(), set(layers)
    for name in sorted(arrays):
        if name.rpartition(".")[0] in layers:
            array = np.ascontiguousarray(arrays[name])
            state.update(f"{name}:{array.dtype.str}:{array.shape}:".encode())
            state.update(array.tobytes())
    return state.hexdigest()


class Map:
    """What is known of a layer's output: its shape (channels, rows, columns: inside, maps are channel-first, so that
    rows are contiguous), the range of its values, and the type that holds them."""

    def __init__(self, shape: tuple[int, int, int], low: int, high: int, dtype: np.dtype | None = None) -> None:
        self.shape, self.low, self.high = shape, low, high
        self.dtype = dtype or integer_dtype(low, high)


class Semantics(Protocol):
    """A layer of another package's op (docs/extending.md), made of its entry in the graph, its arrays, and the `Map` of
    each input: `layer`, `arrays`, `*sources`. Raises ValueError where these make none. Called with a frame of each
    input, it returns its own, in `output`'s shape, range and type."""

    output: Map

    def __call__(self, *inputs: np.ndarray) -> np.ndarray: ...


class Head(NamedTuple):
    """How a network ends that sums over all places: the logits are the sum over all places of the layer `places`, of
    `shape` (rows, columns), weighted by `weights`, int64 `[classes, channels]`."""

    places: str
    shape: tuple[int, int]
    weights: np.ndarray


class _Windows:
    """The windows of a zero-padded map: a view `[channels, kernel rows, kernel columns, rows, columns]` of `padded`,
    in which `interior` is the map's own place."""

    def __init__(self, layer: Layer, kernel: tuple[int, int], source: Map, pad: int, dtype: np.dtype) -> None:
        channels, rows, columns = source.shape
        top, left, bottom, right = layer.pads or (pad,) * 4
        down, across = layer.strides or (layer.number("stride"),) * 2
        dilations = layer.dilations or (1, 1)
        spans = [(size - 1) * apart + 1 for size, apart in zip(kernel, dilations, strict=True)]
        size = (rows + top + bottom - spans[0]) // down + 1, (columns + left + right - spans[1]) // across + 1
        if min(size) < 1:
            raise ValueError(f"a window of {spans[0]}x{spans[1]} over a map of {rows}x{columns}")
        self.size = size
        self.padded = np.zeros((channels, rows + top + bottom, columns + left + right), dtype)
        self.interior = self.padded[:, top : top + rows, left : left + columns]
        plane, row, column = self.padded.strides
        self.view = np.lib.stride_tricks.as_strided(
            self.padded,
            (channels, *kernel, *size),
            (plane, row * dilations[0], column * dilations[1], row * down, column * across),
            writeable=False,
        )


class _Convolution:
    """Zero-padded convolution as one matrix product: the windows of all pixels are the columns of the right matrix."""

    def __init__(self, layer: Layer, arrays: dict[str, np.ndarray], source: Map) -> None:
        weight = arrays["weight"].astype(np.int64)
        c_out, c_in, k_rows, k_columns = weight.shape
        if c_in != source.shape[0]:
            raise ValueError(f"weights for {c_in} channels, but the input has {source.shape[0]}")
        flat = weight.reshape(c_out, -1)
        low, high = min(source.low, 0), max(source.high, 0)  # padding adds zeros
        dtype = product_dtype(int(np.abs(flat).sum(1).max()) * max(-low, high))
        positive, negative = np.maximum(flat, 0).sum(1), np.minimum(flat, 0).sum(1)
        pad = 0 if layer.pads else layer.number("pad")
        self._windows = _Windows(layer, (k_rows, k_columns), source, pad, dtype)
        self.output = Map(
            (c_out, *self._windows.size),
            int((positive * low + negative * high).min()),
            int((positive * high + negative * low).max()),
            dtype,
        )
        self._weight = flat.astype(dtype)
        self._columns = np.empty(self._windows.view.shape, dtype)
        self._sums = np.empty(self.output.shape, dtype)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self._windows.interior[...] = x
        self._columns[...] = self._windows.view
        pixels = self._sums[0].size
        np.matmul(self._weight, self._columns.reshape(-1, pixels), out=self._sums.reshape(-1, pixels))
        return self._sums


class _Threshold:
    """`offset` + how many of the channel's thresholds the value reaches."""

    def __init__(self, layer: Layer, arrays: dict[str, np.ndarray], source: Map) -> None:
        thresholds, self._offset = arrays["thresholds"].astype(np.int64), layer.number("offset")
        channels, levels = thresholds.shape
        if channels not in (1, source.shape[0]):
            raise ValueError(f"thresholds for {channels} channels, but the input has {source.shape[0]}")
        if (np.diff(thresholds, axis=1) < 0).any():
            raise ValueError("thresholds are not ascending")
        self.output = Map(source.shape, self._offset, self._offset + levels)
        # Clipped to what the input reaches (which changes nothing), thresholds fit a type as narrow as the input's.
        clipped = np.clip(thresholds, source.low, source.high + 1)
        exact = source.dtype if source.dtype.kind == "f" else integer_dtype(source.low, source.high + 1)
        self._thresholds = clipped.T.astype(exact)[:, :, None, None]
        self._reached = np.empty(source.shape, np.bool_)
        self._levels = np.empty(source.shape, self.output.dtype)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        steps = self._reached.view(np.uint8 if self._levels.dtype.kind == "u" else np.int8)
        self._levels.fill(self._offset)
        for threshold in self._thresholds:
            np.greater_equal(x, threshold, out=self._reached)
            np.add(self._levels, steps, out=self._levels)
        return self._levels


class _Add:
    """Sum of two maps."""

    def __init__(self, layer: Layer, arrays: dict[str, np.ndarray], first: Map, second: Map) -> None:
        if first.shape != second.shape:
            raise ValueError(f"the inputs' shapes differ: {first.shape} and {second.shape}")
        low, high = first.low + second.low, first.high + second.high
        holds_all = integer_dtype(min(low, first.low, second.low), max(high, first.high, second.high))
        self.output = Map(first.shape, low, high, holds_all)

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.add(x, y, dtype=self.output.dtype, casting="unsafe")  # safe: it holds both and their sum


class _MaxPool:
    """Maximum over windows of `kernel` x `kernel`; a padded place counts as 0."""

    def __init__(self, layer: Layer, arrays: dict[str, np.ndarray], source: Map) -> None:
        kernel = layer.kernels or (layer.number("kernel"),) * 2
        self._windows = _Windows(layer, (kernel[0], kernel[1]), source, layer.pad or 0, source.dtype)
        low = min(source.low, 0) if self._windows.padded.shape != source.shape else source.low
        self.output = Map((source.shape[0], *self._windows.size), low, source.high, source.dtype)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self._windows.interior[...] = x
        return self._windows.view.max(axis=(1, 2))


class _SumPool:
    """Sum over all pixels."""

    def __init__(self, layer: Layer, arrays: dict[str, np.ndarray], source: Map) -> None:
        channels, rows, columns = source.shape
        pixels = rows * columns
        self.output = Map((channels, 1, 1), source.low * pixels, source.high * pixels, np.dtype(np.int64))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return x.astype(np.int64).sum(axis=(1, 2), keepdims=True)


class _Linear:
    """Integer matrix product with all of a map, row by row and pixel by pixel, the channels of each together."""

    def __init__(self, layer: Layer, arrays: dict[str, np.ndarray], source: Map) -> None:
        self.weight = arrays["weight"].astype(np.int64)
        classes, inputs = self.weight.shape
        if math.prod(source.shape) != inputs:
            raise ValueError(f"weights for {inputs} values, but the input is {source.shape}")
        bound = int(np.abs(self.weight).sum(1).max()) * max(-source.low, source.high)
        product_dtype(bound)
        self.output = Map((classes, 1, 1), -bound, bound, np.dtype(np.int64))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return (self.weight @ x.transpose(1, 2, 0).astype(np.int64).reshape(-1))[:, None, None]


class _Shift:
    """Channels [0, `channels`) come from the previous frame of the same stream (TSM, Lin et al. 2019)."""

    def __init__(self, layer: Layer, arrays: dict[str, np.ndarray], source: Map) -> None:
        self._channels = layer.number("channels")
        if not 0 < self._channels <= source.shape[0]:
            raise ValueError(f"cannot shift {self._channels} of {source.shape[0]} channels")
        self.output = Map(source.shape, min(source.low, 0), max(source.high, 0), source.dtype)
        self._shifted = np.empty(source.shape, source.dtype)
        self.state: dict[int, np.ndarray] = {}

    def frame(self, x: np.ndarray, stream: int, clear: bool, keep: bool) -> np.ndarray:
        """Shift frame `x` of `stream`; `clear` reads zeros; without `keep`, this stream has no state at all."""
        previous = None if clear else self.state.get(stream)
        self._shifted[...] = x
        self._shifted[: self._channels] = 0 if previous is None else previous
        if keep:
            self.state[stream] = x[: self._channels].copy()
        return self._shifted


_Op = _Convolution | _Threshold | _Add | _MaxPool | _SumPool | _Linear | _Shift | Semantics
_OPS: dict[str, Callable[..., _Op]] = {
    "conv": _Convolution,
    "threshold": _Threshold,
    "add": _Add,
    "max_pool": _MaxPool,
    "sum_pool": _SumPool,
    "linear": _Linear,
    "shift": _Shift,
}


def _made_by(op: str) -> Callable[..., _Op]:
    """What makes a layer of this op. Raises KeyError where neither we nor an installed package has it, UserError where
    that package cannot be imported."""
    return _OPS[op] if op in _OPS else extensions.load("semantics", op)


class Reference:
    """An integer model, ready to run. One frame at a time; each stream's temporal state is its own.

    `description` and `arrays` are those of docs/integer-model.md. Raises ValueError, naming the layer, when they make
    no network.
    """

    def __init__(self, description: ModelDescription, arrays: dict[str, np.ndarray]) -> None:
        self.description = description
        self.classes = list(self.description.classes)
        size = self.description.input
        self.input_shape = (size.height, size.width, size.channels)
        self.streams = self.description.streams
        self.layers = [layer.name for layer in description.layers]
        height, width, channels = self.input_shape
        maps = {"input": Map((channels, height, width), 0, 255)}
        self._ops: list[tuple[str, list[str], _Op]] = []
        for layer in description.layers:
            name, sources = layer.name, list(layer.inputs or ())
            own = {key[len(name) + 1 :]: array for key, array in arrays.items() if key.startswith(f"{name}.")}
            try:
                op = _made_by(layer.op)(layer, own, *(maps[source] for source in sources))
            except KeyError as error:
                raise ValueError(f"layer {name!r}: unknown or missing {error}") from None
            except (TypeError, ValueError) as error:
                raise ValueError(f"layer {name!r}: {error}") from None
            maps[name] = op.output
            self._ops.append((name, sources, op))
        self._blas = _one_blas_thread()
        if len(description.logit_offset or self.classes) != len(self.classes):
            raise ValueError(f"{len(self.classes)} classes, but {len(description.logit_offset or ())} logit offsets")
        if maps[self.layers[-1]].shape != (len(self.classes), 1, 1):
            raise ValueError(f"{len(self.classes)} classes, but the last layer gives {maps[self.layers[-1]].shape}")

    @classmethod
    def load(cls, path: Path | str) -> "Reference":
        """Read `model.npz`. Raises UserError when it is missing, damaged, or no integer model."""
        path = Path(path)
        if not path.is_file():
            raise UserError(f"{path}: no such file; `make export` writes an integer model")
        try:
            with np.load(path, allow_pickle=False) as content:
                arrays = {key: content[key] for key in content.files}
            return cls(ModelDescription.parse(json.loads(str(arrays.pop("graph")))), arrays)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError):
            raise UserError(f"{path}: damaged, or not a .npz file; `make export` writes one") from None
        except KeyError as error:
            raise UserError(f"{path}: not an integer model: no {error}") from None
        except (AttributeError, TypeError, ValueError) as error:
            raise UserError(f"{path}: not an integer model: {error}") from None

    def decisions(self) -> Decisions:
        """A new maker of decisions, each with the alarm's score, for this model."""
        return Decisions(self.consensus(), self.description.alarm_indices)

    @property
    def shifts(self) -> int:
        """How many temporal shifts it has: so many earlier frames reach into a frame's logits."""
        return sum(isinstance(op, _Shift) for _, _, op in self._ops)

    @property
    def head(self) -> Head:
        """How it ends. Raises ValueError where that is not linear in a sum over all places."""
        made = {name: (sources, op) for name, sources, op in self._ops}
        (pooled, *_), last = made[self.layers[-1]]
        sources, pool = made.get(pooled, ([], None))
        if not isinstance(last, _Linear) or not isinstance(pool, _SumPool) or sources[0] not in made:
            raise ValueError(f"layer {self.layers[-1]!r} is not linear in a sum over all places")
        _, rows, columns = made[sources[0]][1].output.shape
        return Head(sources[0], (rows, columns), last.weight)

    def consensus(self) -> Consensus:
        """A new decision maker for this model: its consensus window, scale and classes."""
        about = self.description
        return Consensus(about.num_segments, about.logit_scale, self.classes, about.logit_offset)

    def reset(self, stream: int | None = None) -> None:
        """Forget the temporal state of `stream`, or of all streams."""
        for _, _, op in self._ops:
            if isinstance(op, _Shift):
                op.state = {} if stream is None else {s: state for s, state in op.state.items() if s != stream}

    def infer(
        self, frame: np.ndarray, stream: int = 0, clear: bool = False, trace: dict[str, np.ndarray] | None = None
    ) -> np.ndarray:
        """The logits of the next frame of `stream`, int64 `[classes]`.

        `frame` is uint8 `[H, W, C]`; `stream` is 0 to `STREAMS` - 1; `clear` marks the first frame of a clip: the
        state reads as zero. As in hardware, a stream that the model was not built for (`streams` and above) has none.
        `trace` receives every layer's output by name, int64 `[H, W, C]`. Raises ValueError for a wrong frame or stream.
        """
        if frame.shape != self.input_shape or frame.dtype != np.uint8:
            raise ValueError(f"the frame is {frame.dtype} {frame.shape}, the model takes uint8 {self.input_shape}")
        Context(stream, clear)  # refuses a stream that no word can name
        values = {"input": frame.transpose(2, 0, 1)}
        with self._blas():
            for name, sources, op in self._ops:
                inputs = [values[source] for source in sources]
                if isinstance(op, _Shift):
                    values[name] = op.frame(inputs[0], stream, clear, keep=stream < self.streams)
                else:
                    values[name] = op(*inputs)
        if trace is not None:
            trace.update({name: values[name].transpose(1, 2, 0).astype(np.int64) for name in self.layers})
        return values[self.layers[-1]].reshape(-1).copy()
