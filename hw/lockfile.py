# SPDX-License-Identifier: BSD-3-Clause
"""What search found for a preset and board, kept beside the preset so that nobody has to search again.

`PRESET.BOARD.lock` is JSON: `found_for`, the digest of the network's shape, of the target, and of the board's part and
clock (weights and code do not matter: what the lock promises is measured anew each time it is used); `folding` and
`memory`, attributes of each layer; `fifos`, the depth and memory of each FIFO that stays, of those on all streams;
`frame_interval` and `latency` in cycles.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.artifacts import atomic_file, digest
from shiftcore.errors import UserError
from shiftcore.hw import fifo
from shiftcore.hw.boards import Board
from shiftcore.hw.dataflow import layer
from shiftcore.model.description import Layer
from shiftcore.quant.preset import Hardware

FORMAT, VERSION = "shiftcore-lock", 1
_FOLDING = ("PE", "SIMD")
_MEMORY = ("ram_style", "depth_trigger_bram")
_INSERTED = ("StreamingDataWidthConverter", "StreamingFIFO")  # follow from the folding, and are not layers

Attributes = dict[str, int | str]


@dataclass(frozen=True)
class Lock:
    """See above; nodes by the names that hw.dataflow.name_layers gives."""

    found_for: str
    folding: dict[str, Attributes]
    memory: dict[str, Attributes]
    fifos: dict[str, Attributes]
    frame_interval: int
    latency: int

    def write(self, path: Path) -> None:
        """As JSON, a line a layer, for people who compare two."""
        text = json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=2)
        with atomic_file(path) as temporary:
            temporary.write_text(re.sub(r"\{\s+([^{}]*?)\s+\}", lambda m: f"{{{' '.join(m[1].split())}}}", text) + "\n")

    def fits_folding(self, model: ModelWrapper, found_for: str) -> bool:
        """Whether it was found for such a network and board, and names the layers of `model`."""
        return self.found_for == found_for and set(self.folding) == {node.name for node in _layers(model)}

    def fits_fifos(self, model: ModelWrapper) -> bool:
        """Whether its FIFOs are some of those in `model`, the first and the last among them."""
        nodes = model.get_nodes_by_op_type("StreamingFIFO_rtl")
        ends = {model.graph.input[0].name, *(output.name for output in model.graph.output)}
        needed = {node.name for node in nodes if {node.input[0], node.output[0]} & ends}
        return needed <= set(self.fifos) <= {node.name for node in nodes}

    def fold(self, model: ModelWrapper) -> None:
        """Set PE and SIMD of every layer, in place."""
        for node in _layers(model):
            _set(node, self.folding[node.name])

    def place_memories(self, model: ModelWrapper) -> None:
        """Set the memory of every layer, in place."""
        for node in _layers(model):
            _set(node, self.memory.get(node.name, {}))

    def place_fifos(self, model: ModelWrapper) -> None:
        """Set depth and memory of every FIFO, in place, and take out those that it does not have."""
        for node in list(model.get_nodes_by_op_type("StreamingFIFO_rtl")):
            if node.name in self.fifos:
                _set(node, self.fifos[node.name])
            else:
                fifo.remove(model, node)


def shape_digest(model: ModelWrapper, layers: Sequence[Layer], target: Hardware, board: Board) -> str:
    """Of all that a search depends on: the graph's nodes and the shapes between them, what every layer says of itself,
    its bits among it (in `layers`, the integer model's; a key that it has not changes nothing), the `target`, and of
    the board what decides a folding: family, part, clock and resources, not what its boot loader sets. Not of the
    weights, nor of how many models there are, which keep the time of one (hw.banks)."""
    nodes = [
        (node.op_type, [model.get_tensor_shape(tensor) for tensor in (*node.input, *node.output)])
        for node in model.graph.node
    ]
    device = [board.family, board.part, board.clock_mhz, board.resources.model_dump()]
    said = [{key: value for key, value in asdict(layer).items() if value not in (None, ())} for layer in layers]
    return digest(json.dumps([nodes, said, target.model_dump(exclude={"models", "ingest"}), device]))


def fifos(model: ModelWrapper) -> dict[str, Attributes]:
    """Depth and memory of each FIFO by name: to be taken before names are given anew, which counts those that stay."""
    return {node.name: _get(node, ("depth", "ram_style")) for node in model.get_nodes_by_op_type("StreamingFIFO_rtl")}


def found(model: ModelWrapper, found_for: str, fifos: dict[str, Attributes], frame_interval: int, latency: int) -> Lock:
    """The lock of a finished graph, its layers named; `fifos` as above."""
    memory = {node.name: _get(node, _MEMORY) for node in _layers(model)}
    return Lock(
        found_for,
        {node.name: _get(node, _FOLDING) for node in _layers(model)},
        {name: attributes for name, attributes in memory.items() if attributes},
        fifos,
        frame_interval,
        latency,
    )


def read(path: Path) -> Lock | None:
    """The lock at `path`, None where there is no file. Raises UserError for a damaged one."""
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text())
        if (content.pop("format"), content.pop("version")) != (FORMAT, VERSION):
            raise ValueError
        return Lock(**content)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"{path}: not a lock file of this version; remove it, and the next compilation searches"
        ) from None


def _layers(model: ModelWrapper) -> list[NodeProto]:
    return [node for node in model.graph.node if not node.op_type.startswith(_INSERTED)]


def _get(node: NodeProto, names: Iterable[str]) -> Attributes:
    chosen = {attribute.name for attribute in node.attribute}
    return {name: layer(node).get_nodeattr(name) for name in names if name in chosen}


def _set(node: NodeProto, attributes: Attributes) -> None:
    for name, value in attributes.items():
        layer(node).set_nodeattr(name, value)
