# SPDX-License-Identifier: BSD-3-Clause
"""What stands in the way of compiling a network, all of it named at once and before anything is built.

Obstacles are what hw.rules finds in its layers, and what is wrong with its inputs, its output, its description
(docs/integer-model.md) and the file as a whole. Each bears the user's own names.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes

from shiftcore.errors import UserError
from shiftcore.hw import ops
from shiftcore.hw.quantities import QUANTIZERS, Graph
from shiftcore.hw.rules import INSTEAD, layers, rules, taken
from shiftcore.model.description import InputSize, Layer, NetworkDescription, listed_layers

_KEYS = {"preset": dict, "classes": list, "input": dict, "logit_scale": float, "layers": list}


@dataclass(frozen=True)
class Obstacle:
    """A layer (or the file) that stands in the way, what is wrong with it, and what would serve."""

    where: str
    what: str
    instead: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.instead}"


class ObstacleError(UserError):
    """A network, of file `source`, that cannot be compiled: all its `obstacles`, several in a line each."""

    def __init__(self, source: str, obstacles: Sequence[Obstacle]) -> None:
        self.obstacles = tuple(obstacles)
        one, separator = len(obstacles) == 1, "\n  "
        first = f"{source}: {len(obstacles)} obstacle{'' if one else 's'}"
        super().__init__(f"{first}: {obstacles[0]}" if one else separator.join([first, *map(str, obstacles)]))


class _Names:
    """The user's names: of nodes as in the file, with the description's name of the layer where the two match."""

    def __init__(self, graph: Graph, layers: Iterable[Layer]) -> None:
        self.nodes: dict[str, list[NodeProto]] = defaultdict(list)
        for node in graph.nodes:
            if (kind := _kind(graph, node)) and not graph.of_constants(node):
                self.nodes[kind].append(node)
        self.listed: dict[str, list[str]] = defaultdict(list)
        for entry in layers:
            self.listed[entry.op].append(entry.name)
        self._layers: dict[str, str] = {}
        for kind, nodes in self.nodes.items():
            if len(nodes) == len(self.listed[kind]):
                pairs = zip(nodes, self.listed[kind], strict=True)
                self._layers |= {node.output[0]: name for node, name in pairs}

    def of(self, node: NodeProto) -> str:
        own, layer = node.name or node.output[0], self._layers.get(node.output[0])
        return own if layer in {None, own} else f"{own} ({layer})"


@dataclass(frozen=True)
class NamedLayers:
    """The layers that a graph without a description has, by the names of its nodes: as `listed` in a description, and
    in order `by_kind`, where products of all forms ("conv", "linear") are one kind, "product"."""

    listed: tuple[Layer, ...]
    by_kind: dict[str, list[str]]


def named_layers(model: ModelWrapper) -> NamedLayers:
    """Of a graph whose nodes bear names of one kind each."""
    graph = Graph(model)
    found = [
        (node.name, kind)
        for node in graph.nodes
        if (kind := _kind(graph, node)) is not None and not graph.of_constants(node)
    ]
    by_kind: dict[str, list[str]] = defaultdict(list)
    for name, kind in found:
        by_kind["product" if kind in {"conv", "linear"} else kind].append(name)
    return NamedLayers(listed_layers({"layers": [{"name": name, "op": kind} for name, kind in found]}), by_kind)


def _kind(graph: Graph, node: NodeProto) -> str | None:
    """What the description calls the layer that a node makes, None where it makes none of its own."""
    if node.op_type in QUANTIZERS:
        return "threshold"
    op = ops.of(node.op_type)
    if op is not None and len(graph.streams(node)) != op.inputs:
        return None
    return layers(ops.known()).get(node.op_type)


def _of_nodes(graph: Graph, names: _Names) -> Iterator[Obstacle]:
    """What the rules find, node by node. A node that only prepares constants may be a Quant or a Transpose alone."""
    all_rules, all_taken = rules(ops.known()), taken(ops.known())
    for node in graph.nodes:
        where = names.of(node)
        found: list[Obstacle] = []
        if node.op_type not in all_taken and not graph.of_constants(node):
            instead = INSTEAD.get(node.op_type, f"the ops are {', '.join(sorted(all_taken))}")
            found.append(Obstacle(where, f"op {node.op_type} is not taken", instead))
        elif not graph.of_constants(node):
            concern = [rule for rule in all_rules if rule.concerns(node)]
            found += [Obstacle(where, what, rule.instead) for rule in concern if (what := rule.find(graph, node))]
        op = ops.of(node.op_type)
        graph.learn(node, bool(found), op.holds if op else None)
        yield from found


def _of_input(graph: Graph, size: InputSize) -> Iterator[Obstacle]:
    """What is wrong with the graph's inputs; `size` is the description's, all 0 where none says it."""
    known = size.height > 0
    wanted = [1, size.channels, size.height, size.width] if known else "[1, channels, height, width], in whole numbers"
    instead = f"export it with one input, a frame of shape {wanted}"
    if len(graph.inputs) != 1:
        names = ", ".join(entry.name for entry in graph.inputs) or "none"
        yield Obstacle("the inputs", f"{len(graph.inputs)} inputs ({names})", instead)
        return
    name, shape = graph.inputs[0].name, graph.declared(graph.inputs[0])
    if any(isinstance(extent, str) for extent in shape):
        yield Obstacle(f"input {name}", f"its shape {shape} is not fixed", instead)
    elif shape != wanted:
        yield Obstacle(f"input {name}", f"its shape is {shape}", instead)
    if len(graph.consumers[name]) > 1:
        users = " and ".join(node.name for node in graph.consumers[name])
        yield Obstacle(f"input {name}", f"it goes to several layers, {users}", "let one convolution take it")


def _of_output(graph: Graph, names: _Names, classes: int) -> Iterator[Obstacle]:
    """What is wrong with the graph's outputs: logits are the sums of one product, in one scale."""
    if len(graph.outputs) != 1:
        listed = ", ".join(graph.outputs) or "none"
        yield Obstacle(
            "the outputs", f"{len(graph.outputs)} outputs ({listed})", "export it with one output, the logits"
        )
        return
    name = graph.outputs[0]
    held, shape, producer = graph.held(name), graph.shape(name), graph.producers.get(name)
    if producer is None:
        yield Obstacle(f"output {name}", "no layer makes it", "export it with the classifier's logits as output")
    elif held.kind != "unknown" and (held.kind != "sums" or held.scale is None):
        what = f"the output is what {producer.op_type} makes, not integer logits in one scale"
        instead = "end with the classifier, a QuantLinear with bias=False and one weight scale"
        yield Obstacle(names.of(producer), what, instead)
    elif shape is not None and shape != [1, classes]:
        yield Obstacle(
            f"output {name}", f"its shape is {shape}", f"give it [1, {classes}], a logit a class of the description"
        )


def _unquantized(graph: Graph) -> Obstacle | None:
    """A network of which no part is quantized in QONNX's way."""
    ops = [node.op_type for node in graph.nodes]
    if not ops:
        return Obstacle("the graph", "it has no layer", "export the network with Brevitas' export_qonnx")
    if "QuantizeLinear" in ops or "DequantizeLinear" in ops:
        return Obstacle("the graph", "it is quantized in QCDQ's way", "export it with Brevitas' export_qonnx")
    if not QUANTIZERS & set(ops):
        return Obstacle(
            "the graph", "nothing is quantized", "train it with Brevitas, and export it with its export_qonnx"
        )
    return None


def _of_shapes(graph: Graph, names: _Names) -> Iterator[Obstacle]:
    """The first node whose output's shape cannot be told from its inputs'."""
    unknown = (node for node in graph.nodes if graph.shape(node.output[0]) is None)
    for node in islice(unknown, 1):
        yield Obstacle(names.of(node), "the shape of its output cannot be inferred", "export it with fixed shapes")


def _of_description(names: _Names) -> Iterator[Obstacle]:
    """Where the description lists other layers than the graph has."""
    for kind in sorted({*names.nodes, *names.listed}):
        found, listed = len(names.nodes[kind]), len(names.listed[kind])
        if found != listed:
            what = f"it lists {listed} layers of op {kind!r}, and the graph has {found}"
            yield Obstacle("the description", what, "list the graph's layers in order (docs/integer-model.md)")


def obstacles(model: ModelWrapper, description: NetworkDescription) -> list[Obstacle]:
    """Every obstacle to compiling a QONNX model with its description (docs/integer-model.md), in the graph's order."""
    graph = Graph(model)
    names = _Names(graph, description.layers)
    found = list(_of_input(graph, description.input))
    if whole := _unquantized(graph):
        return [*found, whole]
    found += [*_of_nodes(graph, names), *_of_output(graph, names, len(description.classes))]
    return found or [*_of_shapes(graph, names), *_of_description(names)]


def accept(model: ModelWrapper, description: NetworkDescription, source: str) -> ModelWrapper:
    """The model of file `source`, its shapes inferred. Raises ObstacleError, if there are any."""
    if found := obstacles(model, description):
        raise ObstacleError(source, found)
    return model.transform(InferShapes())


def has_description(model: ModelWrapper) -> bool:
    """Whether a QONNX model says itself what it is; one that others wrote does not."""
    return _described(model) is not None


def _described(model: ModelWrapper) -> str | None:
    properties = [*model.graph.metadata_props, *model.model.metadata_props]
    return next((entry.value for entry in properties if entry.key == "shiftcore"), None)


def description(model: ModelWrapper, source: str) -> NetworkDescription:
    """The description in a QONNX model (docs/integer-model.md). Raises UserError naming file `source` and what is
    missing or wrong in it."""
    make = "`make export` writes one with it"
    text = _described(model)
    if text is None:
        raise UserError(f"{source}: a QONNX file without Shiftcore's description; {make}")
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{source}: its description is no JSON ({error}); {make}") from None
    if not isinstance(values, dict):
        raise UserError(f"{source}: its description is no JSON object; {make}")
    for key, kind in _KEYS.items():
        if not isinstance(values.get(key), (int, float) if kind is float else kind):
            wrong = "has no" if key not in values else "has a wrong"
            raise UserError(f"{source}: its description {wrong} {key!r}; {make}")
    known = {*layers(ops.known()).values(), "threshold"}
    for entry in values["layers"]:
        if not isinstance(entry, dict) or entry.get("op") not in known or not isinstance(entry.get("name"), str):
            raise UserError(
                f"{source}: its description lists no layer but {entry!r}; the ops are {', '.join(sorted(known))}"
            )
    if not values["logit_scale"] > 0:
        raise UserError(f"{source}: its description has logit_scale = {values['logit_scale']}, and it must be positive")
    try:
        return NetworkDescription.parse(values)
    except ValueError as error:
        raise UserError(f"{source}: its description is wrong: {error}; {make}") from None
