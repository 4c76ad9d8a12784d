# SPDX-License-Identifier: BSD-3-Clause
"""Which of the user's layers a node of a later graph stands for, and which of them a step of the compiler stops at."""

import json
from collections import defaultdict
from collections.abc import Callable

from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.errors import UserError
from shiftcore.hw import ops
from shiftcore.hw.quantities import QUANTIZERS

# The layers of the description (docs/integer-model.md) that a node of FINN's own ops stands for, by its op without its
# back end; ours say it themselves.
_KINDS = {
    **dict.fromkeys(("Conv", "Gemm", "MatMul", "MVAU", "VVAU"), ("conv", "linear")),
    **dict.fromkeys(("Quant", "BipolarQuant", "MultiThreshold", "Thresholding"), ("threshold",)),
}


def _kind(model: ModelWrapper, node: NodeProto) -> tuple[str, ...] | None:
    constant = [model.get_initializer(tensor) is not None for tensor in node.input]
    if op := ops.of(node.op_type.removesuffix("_hls")):
        return (op.layer,) if op.layer and constant.count(False) >= op.inputs else None  # a bias is no addition
    weights = node.op_type in QUANTIZERS and constant[0]
    return None if weights else _KINDS.get(node.op_type.removesuffix("_rtl").removesuffix("_hls"))


def layers(model: ModelWrapper) -> dict[str, str]:
    """The names of the layers in a graph's description, by the tensor that is a layer's output; in topological order.

    The k-th node of a kind is the k-th layer of that kind. A kind of which the graph has more or fewer nodes than the
    description has layers is left out.
    """
    listed = json.loads(model.get_metadata_prop("shiftcore") or '{"layers": []}')["layers"]
    nodes: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for node in model.graph.node:
        if kind := _kind(model, node):
            nodes[kind].append(node.output[0])
    names: dict[str, str] = {}
    for kind, tensors in nodes.items():
        wanted = [entry["name"] for entry in listed if entry["op"] in kind]
        if len(wanted) == len(tensors):
            names |= dict(zip(tensors, wanted, strict=True))
    return {tensor: names[tensor] for node in model.graph.node for tensor in node.output if tensor in names}


def layer_of(model: ModelWrapper, node: NodeProto) -> str:
    """The user's layer that a node stands for, else the one that it comes behind; its own name where there is none."""
    names = layers(model)
    current: NodeProto | None = node
    while current is not None:
        if current.output[0] in names:
            return ("" if current is node else "behind ") + names[current.output[0]]
        current = next((p for tensor in current.input if (p := model.find_producer(tensor)) is not None), None)
    return str(node.name)


def _ending_at(model: ModelWrapper, tensor: str) -> ModelWrapper:
    """The part of a graph that `tensor` depends on."""
    model = ModelWrapper(model.model, make_deepcopy=True)
    needed, kept = {tensor}, []
    for node in reversed(model.graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    nodes = list(reversed(kept))
    described = [*model.graph.value_info, *model.graph.output]
    del model.graph.node[:], model.graph.output[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    for entry in described:
        (model.graph.output if entry.name == tensor else model.graph.value_info).append(entry)
    return model


def checked(step: Callable[[ModelWrapper], ModelWrapper], model: ModelWrapper) -> ModelWrapper:
    """`step(model)`. Where it fails, UserError names the first of the user's layers with which it does: the step is
    tried on the graph as far as one layer or another."""
    try:
        return step(model)
    except UserError:
        raise
    except Exception as error:  # FINN raises whatever comes to hand
        names = layers(model)
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        where = names[_first_failing(step, model, list(names), type(error))] if names else "the network"
        raise UserError(
            f"{where}: this layer, or how it is joined to those before it, cannot be compiled: {why}"
        ) from error


def _first_failing(
    step: Callable[[ModelWrapper], ModelWrapper], model: ModelWrapper, tensors: list[str], kind: type[Exception]
) -> str:
    """The first of `tensors` (in topological order) up to which the graph makes `step` fail in this way, by bisection.
    That a graph ends there may bring about failures of its own."""
    low, high = 0, len(tensors) - 1
    while low < high:
        middle = (low + high) // 2
        try:
            step(_ending_at(model, tensors[middle]))
        except kind:
            high = middle
            continue
        except Exception:  # of another kind
            pass
        low = middle + 1
    return tensors[low]
