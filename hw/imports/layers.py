# SPDX-License-Identifier: BSD-3-Clause
"""The integer model of an imported network (docs/integer-model.md), read off its graph once that computes in integers:
behind streamlining, each node a dataflow layer and none of them folded."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.errors import UserError
from shiftcore.hw import ops
from shiftcore.hw.blame import layer_of
from shiftcore.hw.dataflow import layer


@dataclass(frozen=True)
class _Stream:
    """Where a stream comes from: the integer model's layer, seen through padding (top, left, bottom, right) and the
    windows of a generator, in keys of docs/integer-model.md."""

    source: str
    pads: tuple[int, ...] = (0, 0, 0, 0)
    window: dict[str, Any] = field(default_factory=dict)
    kernel: tuple[int, int] = (1, 1)


class IntegerLayers:
    """The layers of a dataflow graph in order of execution, their `arrays`, and the `scale` of the logits.

    `names`: of the graph's layers, by kind ("product", "threshold", "add", "max_pool", "sum_pool", "shift"), in order;
    a kind of which there are more or fewer in the graph is numbered. Raises UserError for a node of no such kind.
    """

    def __init__(self, model: ModelWrapper, names: dict[str, list[str]]) -> None:
        self.layers: list[dict[str, Any]] = []
        self.arrays: dict[str, np.ndarray] = {}
        self.scale = 1.0
        self._model = model
        kinds = [kind for node in model.graph.node if (kind := _kind(node))]
        self._names: dict[str, list[str]] = {}
        for kind in set(kinds):
            given, count = list(names.get(kind, ())), kinds.count(kind)
            self._names[kind] = given if len(given) == count else [f"{kind}{i + 1}" for i in range(count)]
        self._streams = {model.graph.input[0].name: _Stream("input")}
        for node in model.graph.node:
            self._take(node)

    def _take(self, node: NodeProto) -> None:
        source = self._streams[node.input[0]]
        if node.op_type in _PASSED or ((op := ops.of(node.op_type)) and not op.layer):
            stream = _PASSED.get(node.op_type, _as_it_is)(node, source)
        elif node.op_type == "Mul" and self._model.get_initializer(node.input[1]) is not None:
            self.scale *= float(self._model.get_initializer(node.input[1]).reshape(-1)[0])
            stream = source
        elif kind := _kind(node):
            name = self._names[kind].pop(0)
            stream = _Stream(name)
            self._add(name, node, source)
        else:
            raise UserError(f"{layer_of(self._model, node)}: {node.op_type} has no place in an integer model")
        self._streams |= dict.fromkeys(node.output, stream)

    def _add(self, name: str, node: NodeProto, source: _Stream) -> None:
        inputs = [self._streams[tensor].source for tensor in node.input if tensor in self._streams]
        keys, arrays = _MADE.get(node.op_type, _by_its_op)(self._model, node, source)
        self.layers.append({"name": name, "op": keys.pop("op"), "inputs": inputs, **keys})
        self.arrays |= {f"{name}.{key}": values for key, values in arrays.items()}


def _padded(node: NodeProto, source: _Stream) -> _Stream:
    return replace(source, pads=tuple(int(pad) for pad in layer(node).get_nodeattr("Padding")))


def _windows(node: NodeProto, source: _Stream) -> _Stream:
    instance = layer(node)
    kernel, stride, dilation = (
        [int(value) for value in instance.get_nodeattr(key)] for key in ("ConvKernelDim", "Stride", "Dilation")
    )
    return replace(source, kernel=(kernel[0], kernel[1]), window=_window(stride, source.pads, dilation))


def _window(stride: list[int], pads: tuple[int, ...], dilation: list[int]) -> dict[str, Any]:
    """The keys of a window; those of rows and columns apart only where they differ."""
    keys: dict[str, Any] = {}
    keys |= {"stride": stride[0]} if len(set(stride)) == 1 else {"strides": stride}
    keys |= {"pad": pads[0]} if len(set(pads)) == 1 else {"pads": list(pads)}
    return keys | ({} if set(dilation) == {1} else {"dilations": dilation})


_Made = tuple[dict[str, Any], dict[str, np.ndarray]]


def _product(model: ModelWrapper, node: NodeProto, source: _Stream) -> _Made:
    instance = layer(node)
    values = np.asarray(model.get_initializer(node.input[1])).T.astype(np.int8)
    bits = int(instance.get_input_datatype(1).bitwidth())
    if not source.window and np.prod(instance.get_nodeattr("numInputVectors")) == 1:
        return {"op": "linear", "bits": bits}, {"weight": values}
    rows, columns = source.kernel
    weight = values.reshape(len(values), rows, columns, -1).transpose(0, 3, 1, 2)
    window = source.window or _window([1, 1], source.pads, [1, 1])
    return {"op": "conv", **window, "bits": bits}, {"weight": np.ascontiguousarray(weight)}


def _threshold(model: ModelWrapper, node: NodeProto, _: _Stream) -> _Made:
    instance = layer(node)
    output = instance.get_output_datatype()
    thresholds = np.asarray(model.get_initializer(node.input[1])).astype(np.int32)
    keys = {"offset": int(instance.get_nodeattr("ActVal")), "bits": int(output.bitwidth()), "signed": output.signed()}
    return {"op": "threshold", **keys}, {"thresholds": thresholds}


def _max_pool(_model: ModelWrapper, _node: NodeProto, source: _Stream) -> _Made:
    rows, columns = source.kernel
    kernel = {"kernel": rows} if rows == columns else {"kernels": [rows, columns]}
    return {"op": "max_pool", **kernel, **source.window}, {}


def _by_its_op(_model: ModelWrapper, node: NodeProto, _source: _Stream) -> _Made:
    op = ops.of(node.op_type)
    assert op
    return {"op": op.layer, **op.keys(node)}, {}


def _as_it_is(_node: NodeProto, source: _Stream) -> _Stream:
    return source


_PASSED: dict[str, Callable[[NodeProto, _Stream], _Stream]] = {
    "FMPadding": _padded,
    "ConvolutionInputGenerator": _windows,
    **dict.fromkeys(("Transpose", "Flatten", "Reshape"), _as_it_is),
}
_MADE: dict[str, Callable[[ModelWrapper, NodeProto, _Stream], _Made]] = {
    "MVAU": _product,
    "Thresholding": _threshold,
    "Pool": _max_pool,
}
_FINNS = {"MVAU": "product", "Thresholding": "threshold"}


def _kind(node: NodeProto) -> str | None:
    """How layers like that of this node are called together; None where it is none."""
    op = ops.of(node.op_type)
    return _FINNS.get(node.op_type) or (op.layer if op else None)
