# SPDX-License-Identifier: BSD-3-Clause
"""A rule that a network's layers must keep to be compiled: what it looks for in a QONNX graph, and what serves."""

from collections.abc import Callable
from dataclasses import dataclass

from onnx import NodeProto

from shiftcore.hw.quantities import PRODUCTS, Graph

QUANTIZER = "put a QuantIdentity or a QuantReLU in front of it"


@dataclass(frozen=True)
class Rule:
    """`find` says what is wrong with a node of one of `ops` ("all" of them), None where nothing is; `refuses` says in
    the page's words what it looks for, and `instead` what would serve."""

    ops: tuple[str, ...]
    refuses: str
    find: Callable[[Graph, NodeProto], str | None]
    instead: str

    def concerns(self, node: NodeProto) -> bool:
        return node.op_type in self.ops or self.ops == ("all",)


def unquantized_input(graph: Graph, node: NodeProto) -> str | None:
    """What is wrong with a node whose input is no quantizer's levels, nor what an op of ours makes of them."""
    unquantized = {"sums", "real"} if node.op_type in PRODUCTS else {"sums", "real", "pooled"}
    for tensor in graph.streams(node):
        if graph.held(tensor).kind in unquantized:
            source = graph.producers[tensor]
            return f"its input is not quantized: it comes from {source.op_type} {source.name}"
    return None
