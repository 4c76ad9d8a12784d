# SPDX-License-Identifier: BSD-3-Clause
"""The memories of a core that hold what a network has learned: which they are, how thresholds are searched, and what
they hold of a graph.

All of them are written through one load stream (model.image), in the graph's order.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.hw import ops
from shiftcore.hw.dataflow import layer
from shiftcore.model import image
from shiftcore.model.manifest import LoadedMemory

_PASS = ("StreamingFIFO", "Thresholding")  # FINN's, a beat for each that comes


_MODELS = "models"  # a graph's metadata, where it has more than one


def models(model: ModelWrapper) -> int:
    """How many models the graph's core has at once, each in a bank of every memory."""
    return int(model.get_metadata_prop(_MODELS) or 1)


def set_models(model: ModelWrapper, count: int) -> None:
    """Let the graph's core have so many, in place; a graph that says nothing of it has one."""
    if count != models(model):
        model.set_metadata_prop(_MODELS, str(count))


def learned(model: ModelWrapper) -> list[NodeProto]:
    """The layers that hold something learned, in the graph's order."""
    return [node for node in model.graph.node if node.op_type in ("MVAU_rtl", "Thresholding_rtl")]


def memory(model: ModelWrapper, node: NodeProto, name: str) -> LoadedMemory:
    """The memory of a layer of `learned`, which the integer model calls `name`."""
    instance = layer(node)
    kind, bits = instance.get_input_datatype(1), instance.get_input_datatype(1).bitwidth()
    pe = instance.get_nodeattr("PE")
    if node.op_type == "MVAU_rtl":
        size = instance.get_nodeattr("MH"), instance.get_nodeattr("MW")
        return LoadedMemory(name, "weights", *size, pe, instance.get_nodeattr("SIMD"), bits, signed=True)
    channels, steps = model.get_tensor_shape(node.input[1])
    return LoadedMemory(name, "thresholds", pe if channels == 1 else channels, steps, pe, 1, bits, bool(kind.signed()))


def values(model: ModelWrapper, node: NodeProto, held: LoadedMemory) -> np.ndarray:
    """What the memory `held` of a layer holds of the graph's weights: int64 `[rows, columns]`."""
    content: np.ndarray = model.get_initializer(node.input[1]).astype(np.int64)
    return content.T if held.kind == "weights" else np.broadcast_to(content, (held.rows, held.columns))


def first_unlike(model: ModelWrapper, names: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> str | None:
    """The first layer of `learned` whose memory does not hold what the integer model has under its name; None where all
    do. `names`: as hw.dataflow.name_layers gives them."""
    for node in learned(model):
        held = memory(model, node, names.get(node.name, node.name))
        try:
            wanted = image.packed(held, image.matrix(held, arrays))
        except ValueError:
            return held.layer
        if not np.array_equal(image.packed(held, values(model, node, held)), wanted):
            return held.layer
    return None


def is_searched(model: ModelWrapper, node: NodeProto) -> bool:
    """Whether a threshold layer's beats come slowly enough for rtl/threshold_search.sv, which takes one in two cycles a
    bit of the result, and as long as FINN's pipeline from in to out: half as fast as it takes them, so that it catches
    up with what has waited in front of it, or the layer before it loses cycles for good."""
    return _spacing(model, node.input[0]) >= 4 * stages(node)


def stages(node: NodeProto) -> int:
    """Comparisons that a threshold layer makes of a value: the bits of the most that it can count."""
    return int(layer(node).get_nodeattr("numSteps")).bit_length()


def _spacing(model: ModelWrapper, tensor: str) -> int:
    """Cycles at least from one beat of a stream to the next, while nobody makes it wait."""
    producer = model.find_producer(tensor)
    if producer is None:
        return 1
    instance = layer(producer)
    if producer.op_type == "MVAU_rtl":
        return int(instance.get_nodeattr("MW") // instance.get_nodeattr("SIMD"))
    streams = [name for name in producer.input if model.get_initializer(name) is None]
    if producer.op_type.startswith("StreamingDataWidthConverter"):
        wider = instance.get_outstream_width() // instance.get_instream_width()
        return wider * _spacing(model, streams[0]) if wider else 1
    op = ops.of(producer.op_type)
    if producer.op_type.startswith(_PASS) or (op is not None and op.passes):
        return min(_spacing(model, name) for name in streams)  # at an addition one may wait, and then comes at once
    return 1


def searched_depth(node: NodeProto, held: LoadedMemory) -> int:
    """Words of a lane's memory in rtl/threshold_search.sv."""
    return (held.rows // held.pe) << stages(node)


def write_thresholds(folder: Path, node: NodeProto, held: LoadedMemory, content: np.ndarray) -> None:
    """Write `<node>_<lane>.dat`, the content of each lane's memory in rtl/threshold_search.sv, into `folder`."""
    folds, digits = held.rows // held.pe, math.ceil(held.bits / 4)
    words = image.packed(held, content).reshape(folds, held.pe, held.columns)
    table = np.zeros((folds, held.pe, 1 << stages(node)), np.int64)
    table[:, :, 1 : held.columns + 1] = words
    for lane in range(held.pe):
        text = "".join(f"{word:0{digits}x}\n" for word in table[:, lane].reshape(-1))
        (folder / f"{node.name}_{lane}.dat").write_text(text)
