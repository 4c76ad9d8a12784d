# SPDX-License-Identifier: BSD-3-Clause
"""The names that a user knows the layers of a network by, and that a core's modules, its traces and its messages bear.

PyTorch's exporter numbers its nodes, and notes in their metadata which module each comes from: that module's name is
the one that the user gave. Where there is none, a product is named after its weights, and any other node keeps its own.
"""

import ast
import itertools
import re

from onnx import NodeProto

from shiftcore.hw.quantities import PRODUCTS, Graph

_SCOPES = "pkg.torch.onnx.name_scopes"
_OF_BREVITAS = re.compile(
    r"\.(act|input|output|weight|bias)_quant(\.|$).*"
)  # a layer's proxies, no modules of a user's
_KINDS = {"Quant": "quant", "BipolarQuant": "quant", "Conv": "conv", "Gemm": "linear", "MatMul": "linear"}


def named(graph: Graph) -> dict[str, str]:
    """A name for each node, by its first output: unique, also where dots become underscores, and no keyword."""
    modules = {node.output[0]: _module(node) for node in graph.nodes}
    inner = {outer for name in modules.values() for outer in _outer(name)}
    names: dict[str, str] = {}
    taken: set[str] = set()
    for node in sorted(graph.nodes, key=graph.of_constants):  # what quantizes weights comes last
        module = modules[node.output[0]]
        kind = _KINDS.get(node.op_type, node.op_type.lower())
        name = f"{module}.{kind}" if module in inner else module
        name = name or (_of_weights(graph, node) if node.op_type in PRODUCTS else None) or node.name or node.output[0]
        names[node.output[0]] = _unique(_legal(name, kind), taken)
    return names


def _unique(name: str, taken: set[str]) -> str:
    """The name, or the first of it with a number behind that is not `taken`, where it is noted."""
    for number in itertools.count(1):
        numbered = name if number == 1 else f"{name}_{number}"
        if (key := numbered.replace(".", "_").lower()) not in taken:
            break
    taken.add(key)
    return numbered


def _outer(module: str) -> list[str]:
    """The modules that a module lies in."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _module(node: NodeProto) -> str:
    """The module of the user's that a node comes from, as PyTorch's exporter notes it; "" where it does not."""
    for entry in node.metadata_props:
        if entry.key == _SCOPES:
            try:
                scopes = [str(scope) for scope in ast.literal_eval(entry.value)]
            except (ValueError, SyntaxError):
                return ""
            return _OF_BREVITAS.sub("", scopes[-2]) if len(scopes) > 1 else ""
    return ""


def _of_weights(graph: Graph, node: NodeProto) -> str | None:
    """The module whose `weight` a product takes."""
    quantizer = graph.weight_quantizer(node)
    tensor = quantizer.input[0] if quantizer is not None else node.input[1]
    module, _, last = tensor.rpartition(".")
    return module if last == "weight" else None


def _legal(name: str, kind: str) -> str:
    """A name that is one in Verilog, once its dots are underscores. No word of Verilog's holds a digit, and of those
    that hold an underscore none is a layer's."""
    name = re.sub(r"[^A-Za-z0-9_.]", "_", name).strip("._") or kind
    name = name if name[0].isalpha() else f"layer_{name}"
    return f"{name}_{kind}" if re.fullmatch(r"[a-z]+", name) else name
