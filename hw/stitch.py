# SPDX-License-Identifier: BSD-3-Clause
"""The instances of a graph's layers, joined by wires, and the RTL and data files that they need."""

import math
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import finn
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.hw import contents, memory, ops, patches
from shiftcore.hw.banks import Streams
from shiftcore.hw.boards import Board
from shiftcore.hw.dataflow import layer
from shiftcore.hw.ops.rtl_op import CONTEXT
from shiftcore.hw.rtl import RTL
from shiftcore.model.manifest import LoadedMemory
from shiftcore.model.records import Context

# Ports that a core leaves unconnected, by the kind of layer: registers that FINN's wrapper has for constants that are
# set at run time, and a FIFO's fill.
_UNUSED = {
    "FMPadding_rtl": r"s_axilite_\w+",
    "StreamingFIFO_rtl": "count",
}
_WEIGHTS = "in1_V"  # a matrix product's second stream comes from its own memory
RTLLIB = Path(finn.__path__[0]) / "finn-rtllib"
THRESHOLDING = RTLLIB / "thresholding" / "hdl" / "thresholding.sv"


class _Port(NamedTuple):
    direction: str
    name: str


def _ports(text: str, module: str) -> list[_Port]:
    """The ports of `module` in the text of a generated wrapper, in order."""
    header = text[text.index(f"module {module}") :]
    header = re.sub(r"//[^\n]*|\(\*.*?\*\)", "", header[: header.index(");\n")], flags=re.DOTALL)
    found = re.finditer(r"\b(input|output)\b\s*(?:wire|logic|reg)?\s*(?:\[[^\]]*\]\s*)*(\w+)", header)
    return [_Port(m[1], m[2]) for m in found]


def _instance(module: str, name: str, ports: list[_Port], nets: dict[str, str], unused: str = "") -> str:
    """Verilog of one instance. Ports whose names match the pattern `unused` and that `nets` does not name are tied to
    zero (inputs) or left open. Raises ValueError for any other port that is connected to nothing, and for a net to a
    port that the module does not have."""
    unknown = set(nets) - {p.name for p in ports}
    if unknown:
        raise ValueError(f"{name}: {module} has no port {sorted(unknown)[0]}")
    for port in ports:
        if port.name not in nets and not re.fullmatch(unused, port.name):
            raise ValueError(f"{name}: {module}'s {port.direction} {port.name} is connected to nothing")
    connections = [f".{p.name}({nets.get(p.name, chr(39) + '0' if p.direction == 'input' else '')})" for p in ports]
    return f"\t{module} {name} (\n\t\t" + ",\n\t\t".join(connections) + "\n\t);\n"


def _stream_nets(port: str, wire: str) -> dict[str, str]:
    return {f"{port}_{signal}": f"{wire}_{signal.lower()}" for signal in ("TDATA", "TVALID", "TREADY")}


def stream_pins(prefix: str, wire: str) -> str:
    """The connections of one stream of a module of ours, whose ports begin with `prefix`, to the wires `wire`_*."""
    return ", ".join(f".{prefix}_{signal}({wire}_{signal})" for signal in ("tdata", "tvalid", "tready"))


class Stitcher:
    """Collects the RTL of a graph's layers into `folder` and the instances that join them."""

    def __init__(self, model: ModelWrapper, names: dict[str, str], board: Board, folder: Path, sizing: bool) -> None:
        self.model = model
        self.names = names
        self.models = contents.models(model)
        self.sizing = sizing
        self.board = board
        self.folder = folder
        self.files: list[str] = []
        self.declarations: list[str] = []
        self.instances: list[str] = []
        self.contexts: list[str] = []
        self.fifos: list[tuple[str, int]] = []
        self.memories: list[LoadedMemory] = []
        (folder / "rtl").mkdir()
        (folder / "data").mkdir()

    def add_source(self, path: Path) -> None:
        name = f"rtl/{path.name}"
        if name not in self.files:
            patches.install(path, self.folder / "rtl")
            self.files.append(name)

    def generate(self, node: NodeProto, scratch: Path) -> None:
        """Let FINN write a layer's RTL, then take it over under names that do not depend on this machine."""
        if node.op_type == "Thresholding_rtl":
            return
        scratch.mkdir()
        instance = layer(node)
        instance.set_nodeattr("code_gen_dir_ipgen", str(scratch))
        instance.code_generation_ipgen(self.model, self.board.part, self.board.clock_ns)
        self.add_content(node, scratch)
        for file in (*scratch.glob("*.v"), *scratch.glob("*.sv")):
            text = file.read_text().replace(f"{scratch}/", f"data/{node.name}_")
            file.write_text(text)
        for source in instance.get_rtl_file_list(abspath=True):
            self.add_source(Path(source).resolve())
        instance.set_nodeattr("code_gen_dir_ipgen", "")

    def add_content(self, node: NodeProto, scratch: Path) -> None:
        """Take over what FINN has written as the contents of a layer's memories."""
        for file in sorted(scratch.glob("*.dat")):
            name = file.name if file.name.startswith(node.name) else f"{node.name}_{file.name}"
            shutil.copyfile(file, self.folder / "data" / name)

    def place(self, node: NodeProto) -> None:
        """Add a layer's instance and the wires of its output streams."""
        if self.sizing and node.op_type == "StreamingFIFO_rtl":
            self.place_sizing_fifo(node)
            return
        if node.op_type == "Thresholding_rtl":
            self.place_thresholds(node)
            return
        names = layer(node).get_verilog_top_module_intf_names()
        nets = {"ap_clk": "ap_clk", "ap_rst_n": "ap_rst_n"}
        data_inputs = [tensor for tensor in node.input if self.model.get_initializer(tensor) is None]
        streams = [port for port, _ in names["s_axis"] if (node.op_type, port) != ("MVAU_rtl", _WEIGHTS)]
        for port, tensor in zip(streams, data_inputs, strict=True):
            nets |= _stream_nets(port, self.wire(tensor))
        for (port, bits), tensor in zip(names["m_axis"], node.output, strict=True):
            nets |= _stream_nets(port, self.wire(tensor))
            self.declare(self.wire(tensor), bits)
        if node.op_type == "MVAU_rtl":
            nets |= {"ap_clk2x": "ap_clk", **self.place_weights(node)}
        elif node.op_type == "StreamingFIFO_rtl":
            nets["maxcount"] = f"{node.name}_maxcount"
            self.declarations.append(f"\twire [31:0] {node.name}_maxcount;")
            self.fifos.append((node.name, layer(node).get_nodeattr("depth")))
        op = ops.of(node.op_type)
        if op is not None and op.rtl.takes_context:
            nets |= _stream_nets(CONTEXT, self.add_context(node))
            if self.models > 1:
                nets[f"{CONTEXT}_TDATA"] = f"{node.name}_context_tdata[{Context.BITS - 1}:0]"
        ports, unused = self.wrapper_ports(node.name), _UNUSED.get(node.op_type, "")
        self.instances.append(_instance(node.name, f"{node.name}_i", ports, nets, unused))

    def place_sizing_fifo(self, node: NodeProto) -> None:
        """Add a FIFO of variable depth in place of FINN's."""
        source, sink = self.wire(node.input[0]), self.wire(node.output[0])
        bits, depth = layer(node).get_instream_width_padded(), layer(node).get_nodeattr("depth")
        self.declare(sink, bits)
        self.declarations.append(f"\twire [31:0] {node.name}_maxcount;")
        count = len(self.model.get_nodes_by_op_type(node.op_type))
        parameters = f".WIDTH({bits}), .DEPTH({depth}), .INDEX({len(self.fifos)}), .COUNT({count})"
        self.instances.append(
            f"\tsizing_fifo #({parameters}) {node.name}_i (\n\t\t.clk(ap_clk), .rst_n(ap_rst_n),\n"
            f"\t\t{stream_pins('s', source)},\n\t\t{stream_pins('m', sink)},\n"
            f"\t\t.maxcount({node.name}_maxcount)\n\t);\n"
        )
        self.fifos.append((node.name, depth))

    def place_weights(self, node: NodeProto) -> dict[str, str]:
        """Add the memory that streams a matrix product's weights."""
        wire, (depth, width) = f"{node.name}_weights", memory.weights_shape(node)
        padded = layer(node).get_instream_width_padded(1)
        self.declare(wire, padded)
        parameters = {
            "WIDTH": width,
            "DEPTH": depth,
            "FILE": f'"data/{node.name}_memblock.dat"',
            "RAM_STYLE": f'"{layer(node).get_nodeattr("ram_style")}"',
        }
        beats = depth * math.prod(layer(node).get_nodeattr("numInputVectors"))
        self.place_memory("weight_memory", wire, node, parameters, Streams(wire, width, beats))
        self.pad(wire, width, padded)
        return _stream_nets(_WEIGHTS, wire)

    def place_thresholds(self, node: NodeProto) -> None:
        """Add a threshold layer, which keeps its thresholds itself."""
        instance, held = layer(node), contents.memory(self.model, node, self.names.get(node.name, node.name))
        source, sink = self.wire(node.input[0]), self.wire(node.output[0])
        inputs, outputs = instance.get_input_datatype(), instance.get_output_datatype()
        padded = instance.get_verilog_top_module_intf_names()["m_axis"][0][1]
        taken, given = held.pe * inputs.bitwidth(), held.pe * outputs.bitwidth()
        self.declare(sink, padded)
        parameters = {
            "IN_BITS": inputs.bitwidth(),
            "BITS": held.bits,
            "SIGNED": int(inputs.signed()),
            "THRESHOLDS": held.columns,
            "LANES": held.pe,
            "FOLDS": held.rows // held.pe,
            "BIAS": instance.get_nodeattr("ActVal"),
            "FILE": f'"data/{node.name}_"',
        }
        if contents.is_searched(self.model, node):
            style = memory.style(contents.searched_depth(node, held), held.bits, "single")
            parameters["RAM_STYLE"] = f'"{style}"'
            contents.write_thresholds(self.folder / "data", node, held, contents.values(self.model, node, held))
        else:
            parameters["BLOCK_DEPTH"] = instance.get_nodeattr("depth_trigger_bram")
            self.add_source(THRESHOLDING)
            with tempfile.TemporaryDirectory() as scratch:
                instance.generate_params(self.model, scratch)
                self.add_content(node, Path(scratch))
        module = "threshold_search" if "RAM_STYLE" in parameters else "threshold_pipeline"
        streams = Streams(sink, given, math.prod(instance.get_folded_output_shape()[:-1]), source, taken)
        self.place_memory(module, f"{node.name}_i", node, parameters, streams)
        self.pad(sink, given, padded)

    def place_memory(
        self, module: str, name: str, node: NodeProto, parameters: dict[str, object], streams: Streams
    ) -> None:
        """Add an instance of one of our modules that the load stream fills, as the next one of that stream; one a bank
        where there are several, and what chooses among them."""
        place = len(self.memories)
        self.memories.append(contents.memory(self.model, node, self.names.get(node.name, node.name)))
        values = ", ".join(f".{key}({value})" for key, value in parameters.items())
        banks: Sequence[int | None] = range(self.models) if self.models > 1 else (None,)
        for bank in banks:
            of = "" if bank is None else str(bank)
            connections = [
                ".clk(ap_clk), .rst_n(ap_rst_n)",
                f".load_begins(load_turn{of}[{place}]), .load_ends(load_turn{of}[{place + 1}])",
                ".s_load_tdata(s_axis_load_tdata), .s_load_tvalid(s_axis_load_tvalid)",
                *streams.pins(bank),
            ]
            text = ",\n\t\t".join(connections)
            self.instances.append(f"\t{module} #({values}) {name}{of} (\n\t\t{text}\n\t);\n")
        if self.models > 1:
            self.declarations.append(streams.declaration(self.models))
            self.instances.append(streams.choice(self.models, self.add_context(node)))
            self.add_source(RTL / "bank_select.sv")
        for source in (f"{module}.sv", "load_port.sv" if module == "weight_memory" else "threshold_load.sv"):
            self.add_source(RTL / source)

    def add_context(self, node: NodeProto) -> str:
        """The wires of a context stream to a layer."""
        wire = f"{node.name}_context"
        self.declare(wire, Context.bits(self.models))
        self.contexts.append(wire)
        return wire

    def pad(self, wire: str, bits: int, padded: int) -> None:
        """Drive what a stream of whole bytes has above its bits."""
        if padded > bits:
            self.instances.append(f"\tassign {wire}_tdata[{padded - 1}:{bits}] = '0;\n")

    def wrapper_ports(self, module: str) -> list[_Port]:
        candidates = (self.folder / "rtl" / f"{module}{tail}" for tail in ("_wrapper.v", ".v", "_wrapper.sv", ".sv"))
        file = next(path for path in candidates if path.is_file())
        return _ports(file.read_text(), module)

    def declare(self, wire: str, bits: int) -> None:
        self.declarations.append(f"\twire [{bits - 1}:0] {wire}_tdata;\n\twire {wire}_tvalid, {wire}_tready;")

    def wire(self, tensor: str) -> str:
        """The wire prefix of a tensor's stream: its producer's name, with a number where it has several outputs."""
        producer = self.model.find_producer(tensor)
        if producer is None:
            return "paced"
        index = list(producer.output).index(tensor)
        return producer.name if len(producer.output) == 1 else f"{producer.name}_{index}"
