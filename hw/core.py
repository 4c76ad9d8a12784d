"""Dataflow graph -> one `core` module: the RTL of every layer, its data files, and the module that joins them.

This stands in for FINN's IP stitching, which is a Vivado block design. The folder is complete and relocatable:
data files are named relative to it.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import finn
from onnx import NodeProto
from qonnx.core.datatype import BaseDataType
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.artifacts import atomic_folder, digest, write_json
from shiftcore.hw import patches
from shiftcore.hw.boards import Board
from shiftcore.hw.dataflow import layer
from shiftcore.hw.folding import cycles, slowest

RTLLIB = Path(finn.__path__[0]) / "finn-rtllib"
RTL = Path(__file__).parent / "rtl"
CONTEXT_BITS = 8  # bit 7: clear, bits 6..0: stream
_MEMSTREAM = ("axi/hdl/axilite.sv", "memstream/hdl/memstream_axi.sv", "memstream/hdl/memstream.sv")


# Ports that a core leaves unconnected, by the kind of layer: registers that FINN's wrappers have for constants that are
# set at run time, the choice among several sets of constants, where there is one set, and a FIFO's fill.
_REGISTERS = r"s_axilite_\w+"
_UNUSED = {
    "FMPadding_rtl": _REGISTERS,
    "Thresholding_rtl": rf"{_REGISTERS}|in1_V_\w+",
    "memstream": rf"{_REGISTERS}|s_axis_0_\w+",
    "StreamingFIFO_rtl": "count",
}
_WEIGHTS = "in1_V"  # a matrix product's second stream comes from its own memory


class _Stream(NamedTuple):
    """An AXI4-Stream between two layers: its wires' common prefix and its width in bits."""

    wire: str
    bits: int


class _Port(NamedTuple):
    direction: str
    name: str


def _ports(text: str, module: str) -> list[_Port]:
    """The ports of `module` in the text of a generated wrapper, in order."""
    header = text[text.index(f"module {module}") :]
    header = re.sub(r"//[^\n]*|\(\*.*?\*\)", "", header[: header.index(");\n")], flags=re.DOTALL)
    found = re.finditer(r"\b(input|output)\b\s*(?:wire|logic|reg)?\s*(?:\[[^\]]*\]\s*)*(\w+)", header)
    return [_Port(m[1], m[2]) for m in found]


def _instance(
    module: str, name: str, ports: list[_Port], nets: dict[str, str], unused: str = "", parameters: str = ""
) -> str:
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
    return f"\t{module} {parameters}{name} (\n\t\t" + ",\n\t\t".join(connections) + "\n\t);\n"


def _stream_nets(port: str, wire: str) -> dict[str, str]:
    return {f"{port}_{signal}": f"{wire}_{signal.lower()}" for signal in ("TDATA", "TVALID", "TREADY")}


class _Stitcher:
    """Collects the RTL of a graph's layers into `folder` and the instances that join them."""

    def __init__(self, model: ModelWrapper, board: Board, folder: Path, sizing: bool) -> None:
        self.model = model
        self.sizing = sizing
        self.board = board
        self.folder = folder
        self.files: list[str] = []
        self.declarations: list[str] = []
        self.instances: list[str] = []
        self.shifts: list[str] = []
        self.fifos: list[tuple[str, int]] = []
        (folder / "rtl").mkdir()
        (folder / "data").mkdir()

    def add_source(self, path: Path) -> None:
        name = f"rtl/{path.name}"
        if name not in self.files:
            patches.install(path, self.folder / "rtl")
            self.files.append(name)

    def generate(self, node: NodeProto, scratch: Path) -> None:
        """Let FINN write a layer's RTL, then take it over under names that do not depend on this machine."""
        scratch.mkdir()
        instance = layer(node)
        instance.set_nodeattr("code_gen_dir_ipgen", str(scratch))
        instance.code_generation_ipgen(self.model, self.board.part, self.board.clock_ns)
        for file in sorted(scratch.glob("*.dat")):
            name = file.name if file.name.startswith(node.name) else f"{node.name}_{file.name}"
            shutil.copyfile(file, self.folder / "data" / name)
        for file in (*scratch.glob("*.v"), *scratch.glob("*.sv")):
            text = file.read_text().replace(f"{scratch}/", f"data/{node.name}_")
            file.write_text(text)
        for source in instance.get_rtl_file_list(abspath=True):
            self.add_source(Path(source).resolve())
        instance.set_nodeattr("code_gen_dir_ipgen", "")

    def place(self, node: NodeProto) -> None:
        """Add a layer's instance and the wires of its output streams."""
        if self.sizing and node.op_type == "StreamingFIFO_rtl":
            self.place_sizing_fifo(node)
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
        parameters = ""
        if node.op_type == "MVAU_rtl":
            nets |= {"ap_clk2x": "ap_clk", **self.place_weights(node)}
        elif node.op_type == "Thresholding_rtl":
            parameters = f'#(.THRESHOLDS_PATH("data/{node.name}_")) '
        elif node.op_type == "TemporalShift_rtl":
            nets |= _stream_nets("ctx_V", f"{node.name}_context")
            self.declare(f"{node.name}_context", CONTEXT_BITS)
            self.shifts.append(f"{node.name}_context")
        elif node.op_type == "StreamingFIFO_rtl":
            nets["maxcount"] = f"{node.name}_maxcount"
            self.declarations.append(f"\twire [31:0] {node.name}_maxcount;")
            self.fifos.append((node.name, layer(node).get_nodeattr("depth")))
        ports, unused = self.wrapper_ports(node.name), _UNUSED.get(node.op_type, "")
        self.instances.append(_instance(node.name, f"{node.name}_i", ports, nets, unused, parameters))

    def place_sizing_fifo(self, node: NodeProto) -> None:
        """Add a FIFO of variable depth in place of FINN's."""
        source, sink = self.wire(node.input[0]), self.wire(node.output[0])
        bits, depth = layer(node).get_instream_width_padded(), layer(node).get_nodeattr("depth")
        self.declare(sink, bits)
        self.declarations.append(f"\twire [31:0] {node.name}_maxcount;")
        count = len(self.model.get_nodes_by_op_type(node.op_type))
        parameters = f".WIDTH({bits}), .DEPTH({depth}), .INDEX({len(self.fifos)}), .COUNT({count})"
        self.instances.append(
            f"\tsizing_fifo #({parameters}) {node.name}_i (\n\t\t.clk(ap_clk), .rst(!ap_rst_n),\n"
            f"\t\t.idat({source}_tdata), .ivld({source}_tvalid), .irdy({source}_tready),\n"
            f"\t\t.odat({sink}_tdata), .ovld({sink}_tvalid), .ordy({sink}_tready),\n"
            f"\t\t.maxcount({node.name}_maxcount)\n\t);\n"
        )
        self.fifos.append((node.name, depth))

    def place_weights(self, node: NodeProto) -> dict[str, str]:
        """Add the memory that streams a matrix product's weights; FINN's file list leaves it out."""
        wire, module = f"{node.name}_weights", f"{node.name}_memstream_wrapper"
        self.declare(wire, layer(node).get_instream_width_padded(1))
        nets = {name: "ap_clk" for name in ("ap_clk", "ap_clk2x")} | {"ap_rst_n": "ap_rst_n"}
        nets |= {f"m_axis_0_{signal}": f"{wire}_{signal}" for signal in ("tdata", "tvalid", "tready")}
        self.instances.append(_instance(module, wire, self.wrapper_ports(module), nets, _UNUSED["memstream"]))
        return _stream_nets(_WEIGHTS, wire)

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


def _context_instance(shifts: list[str]) -> str:
    """The fan-out of the context stream to all temporal shifts; without any, contexts are taken and dropped."""
    if not shifts:
        return "\tassign s_axis_ctx_tready = 1'b1;\n"
    vectors = {
        signal: "{" + ", ".join(f"{s}_{signal}" for s in reversed(shifts)) + "}"
        for signal in ("tdata", "tvalid", "tready")
    }
    return (
        f"\tcontext_fanout #(.N({len(shifts)}), .WIDTH({CONTEXT_BITS})) context_i (\n"
        "\t\t.clk(ap_clk), .rst(!ap_rst_n),\n"
        "\t\t.idat(s_axis_ctx_tdata), .ivld(s_axis_ctx_tvalid), .irdy(s_axis_ctx_tready),\n"
        f"\t\t.odat({vectors['tdata']}),\n\t\t.ovld({vectors['tvalid']}),\n\t\t.ordy({vectors['tready']})\n\t);\n"
    )


def _pacer_instance(bits: int, beats: int, interval: int) -> str:
    return (
        f"\tframe_pacer #(.WIDTH({bits}), .BEATS({beats}), .INTERVAL({interval})) pacer (\n"
        "\t\t.clk(ap_clk), .rst(!ap_rst_n),\n"
        "\t\t.idat(s_axis_tdata), .ivld(s_axis_tvalid), .irdy(s_axis_tready),\n"
        "\t\t.odat(paced_tdata), .ovld(paced_tvalid), .ordy(paced_tready)\n\t);\n"
    )


def _element(datatype: BaseDataType) -> dict[str, Any]:
    return {"element_bits": datatype.bitwidth(), "signed": bool(datatype.signed())}


def _port_description(bits: int, folded: tuple[int, ...], datatype: BaseDataType) -> dict[str, Any]:
    beats = 1
    for extent in folded[:-1]:
        beats *= extent
    return {"tdata_bits": bits, "elements": folded[-1], **_element(datatype), "beats": beats}


def _trace(model: ModelWrapper, names: dict[str, str]) -> list[dict[str, Any]]:
    """The streams that bear a layer of the integer model, with their place in the trace vector."""
    entries: list[dict[str, Any]] = []
    offset = 0
    for node in model.graph.node:
        if node.name not in names:
            continue
        instance = layer(node)
        bits = instance.get_verilog_top_module_intf_names()["m_axis"][0][1]
        entries.append(
            {
                "layer": names[node.name],
                "wire": node.name,
                "offset": offset,
                "tdata_bits": bits,
                "elements": instance.get_folded_output_shape()[-1],
                **_element(instance.get_output_datatype()),
                "shape": list(instance.get_normal_output_shape())[1:],
            }
        )
        offset += bits
    return entries


def _module(stitcher: _Stitcher, ends: dict[str, Any], interval: int, trace: list[dict[str, Any]], output: str) -> str:
    """The text of core.sv."""
    trace_ports = ""
    if trace:
        width = sum(entry["tdata_bits"] for entry in trace)
        trace_ports += f",\n\toutput wire [{width - 1}:0] trace_data"
        trace_ports += "".join(f",\n\toutput wire [{len(trace) - 1}:0] trace_{s}" for s in ("valid", "ready"))
    if stitcher.fifos:
        trace_ports += f",\n\toutput wire [{32 * len(stitcher.fifos) - 1}:0] fifo_maxcount"

    def gathered(signal: str) -> str:
        return "{" + ", ".join(f"{entry['wire']}_{signal}" for entry in reversed(trace)) + "}"

    trace_assigns = ""
    if trace:
        trace_assigns += f"\tassign trace_data = {gathered('tdata')};\n"
        trace_assigns += f"\tassign trace_valid = {gathered('tvalid')};\n\tassign trace_ready = {gathered('tready')};\n"
    if stitcher.fifos:
        names = ", ".join(f"{name}_maxcount" for name, _ in reversed(stitcher.fifos))
        trace_assigns += f"\tassign fifo_maxcount = {{{names}}};\n"
    source, sink = ends["input"], ends["output"]
    return f"""// The compiled network (generated by hw.core): a frame and its context word in, its logits out.
//
// Throughput: one frame in {interval} cycles. Latency: the same for every frame as long as the sink is ready.
`default_nettype none

module core (
	input  wire ap_clk,
	input  wire ap_rst_n,	// synchronous, active low

	// Frame: {source["elements"]} x uint8 a beat, NHWC, element 0 in the low bits
	input  wire [{source["tdata_bits"] - 1}:0] s_axis_tdata,
	input  wire s_axis_tvalid,
	output wire s_axis_tready,

	// Context: bit 7 clear (first frame of a clip), bits 6..0 stream; one word a frame
	input  wire [{CONTEXT_BITS - 1}:0] s_axis_ctx_tdata,
	input  wire s_axis_ctx_tvalid,
	output wire s_axis_ctx_tready,

	// Logits: {sink["elements"]} x {sink["element_bits"]} bit a beat, {sink["beats"]} beats a frame
	output wire [{sink["tdata_bits"] - 1}:0] m_axis_tdata,
	output wire m_axis_tvalid,
	input  wire m_axis_tready
`ifdef SHIFTCORE_TRACE{trace_ports}
`endif
);

{chr(10).join(stitcher.declarations)}

{_pacer_instance(source["tdata_bits"], source["beats"], interval)}
{_context_instance(stitcher.shifts)}
{chr(10).join(stitcher.instances)}
	assign m_axis_tdata = {output}_tdata;
	assign m_axis_tvalid = {output}_tvalid;
	assign {output}_tready = m_axis_tready;

`ifdef SHIFTCORE_TRACE
{trace_assigns}`endif
endmodule : core

`default_nettype wire
"""


IDENTITY = "shiftcore_model"
"""What a graph says of itself in its metadata: the digest of the description (docs/integer-model.md) of its network."""


def identity(description: dict[str, Any]) -> str:
    """What stands for the network of a description: a core and an integer model belong together where it is the
    same."""
    return digest(json.dumps(description, sort_keys=True))


def build_core(
    model: ModelWrapper,
    names: dict[str, str],
    board: Board,
    streams: int,
    interval: int,
    folder: Path,
    sizing: bool = False,
) -> None:
    """Write the core's folder: `core.sv`, `rtl/`, `data/` and `manifest.json`.

    `names` maps nodes to the integer model's layers; `interval` is the pacing of frames in cycles. With `sizing` the
    FIFOs' depths are read from data/fifo_depths.hex when a simulation starts (rtl/sizing_fifo.sv).
    The folder appears whole or not at all.
    """
    with atomic_folder(folder) as temporary:
        scratch = temporary / "scratch"
        scratch.mkdir()
        stitcher = _Stitcher(model, board, temporary, sizing)
        for node in model.graph.node:
            stitcher.generate(node, scratch / node.name)
            if node.op_type == "MVAU_rtl":
                for source in (
                    *(RTLLIB / f for f in _MEMSTREAM),
                    scratch / node.name / f"{node.name}_memstream_wrapper.v",
                ):
                    stitcher.add_source(source)
        shutil.rmtree(scratch)
        for name in ("frame_pacer.sv", "context_fanout.sv", *(["sizing_fifo.sv"] if sizing else [])):
            stitcher.add_source(RTL / name)

        first, last = model.graph.node[0], model.graph.node[-1]
        in_bits = layer(first).get_verilog_top_module_intf_names()["s_axis"][0][1]
        out_bits = layer(last).get_verilog_top_module_intf_names()["m_axis"][0][1]
        stitcher.declare("paced", in_bits)
        for node in model.graph.node:
            stitcher.place(node)
        trace = _trace(model, names)
        ends = {
            "input": _port_description(
                in_bits, layer(first).get_folded_input_shape(), layer(first).get_input_datatype()
            ),
            "output": _port_description(
                out_bits, layer(last).get_folded_output_shape(), layer(last).get_output_datatype()
            ),
        }
        (temporary / "core.sv").write_text(_module(stitcher, ends, interval, trace, last.name))
        packages_first = sorted(stitcher.files, key=lambda f: (not f.endswith("_pkg.sv"), f))
        bottleneck = slowest(model)
        manifest = {
            "top": "core",
            "files": [*packages_first, "core.sv"],
            "board": board.name,
            "part": board.part,
            "clock_mhz": board.clock_mhz,
            "streams": streams,
            "frame_interval": interval,
            "model": model.get_metadata_prop(IDENTITY),
            **ends,
            "context": {"tdata_bits": CONTEXT_BITS},
            "slowest_op": {"name": bottleneck.name, "cycles": cycles(bottleneck)},
            "trace": trace,
            "fifos": [{"name": name, "depth": depth} for name, depth in stitcher.fifos],
        }
        manifest["content"] = digest(json.dumps(manifest), temporary / "rtl", temporary / "data", temporary / "core.sv")
        write_json(temporary / "manifest.json", manifest)
