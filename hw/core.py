# SPDX-License-Identifier: BSD-3-Clause
"""Dataflow graph -> one `core` module: the RTL of every layer, its data files, and the module that joins them.

This stands in for FINN's IP stitching, which is a Vivado block design. The folder is complete and relocatable:
data files are named relative to it.
"""

import dataclasses
import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

from qonnx.core.datatype import BaseDataType
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.artifacts import atomic_folder, digest
from shiftcore.hw.banks import load_turns
from shiftcore.hw.boards import Board
from shiftcore.hw.dataflow import layer
from shiftcore.hw.folding import cycles, slowest
from shiftcore.hw.rtl import RTL
from shiftcore.hw.stitch import Stitcher, stream_pins
from shiftcore.model import image
from shiftcore.model.limits import IN_CORE
from shiftcore.model.manifest import ContextPort, CoreManifest, Fifo, SlowestOp, StreamPort, TracedStream
from shiftcore.model.records import Context


def _context_instance(readers: list[str], models: int) -> str:
    """The fan-out of the context stream to all layers that read it; without any, contexts are taken and dropped."""
    if not readers:
        return "\tassign s_axis_ctx_tready = 1'b1;\n"
    vectors = {
        signal: "{" + ", ".join(f"{reader}_{signal}" for reader in reversed(readers)) + "}"
        for signal in ("tdata", "tvalid", "tready")
    }
    return (
        f"\tcontext_fanout #(.N({len(readers)}), .WIDTH({Context.bits(models)}), .DEPTH({IN_CORE})) context_i (\n"
        "\t\t.clk(ap_clk), .rst_n(ap_rst_n),\n"
        f"\t\t{stream_pins('s', 's_axis_ctx')},\n"
        f"\t\t.m_tdata({vectors['tdata']}),\n\t\t.m_tvalid({vectors['tvalid']}),\n"
        f"\t\t.m_tready({vectors['tready']})\n\t);\n"
    )


def _pacer_instance(bits: int, beats: int, interval: int) -> str:
    return (
        f"\tframe_pacer #(.WIDTH({bits}), .BEATS({beats}), .INTERVAL({interval})) pacer (\n"
        "\t\t.clk(ap_clk), .rst_n(ap_rst_n),\n"
        f"\t\t{stream_pins('s', 's_axis')},\n\t\t{stream_pins('m', 'paced')}\n\t);\n"
    )


def _stream_port(bits: int, folded: tuple[int, ...], datatype: BaseDataType) -> StreamPort:
    return StreamPort(bits, folded[-1], datatype.bitwidth(), bool(datatype.signed()), math.prod(folded[:-1]))


def _trace(model: ModelWrapper, names: dict[str, str]) -> tuple[TracedStream, ...]:
    """The streams that bear a layer of the integer model, with their place in the trace vector."""
    entries: list[TracedStream] = []
    offset = 0
    for node in model.graph.node:
        if node.name not in names:
            continue
        instance = layer(node)
        bits = instance.get_verilog_top_module_intf_names()["m_axis"][0][1]
        datatype = instance.get_output_datatype()
        entries.append(
            TracedStream(
                layer=names[node.name],
                wire=node.name,
                offset=offset,
                tdata_bits=bits,
                elements=instance.get_folded_output_shape()[-1],
                element_bits=datatype.bitwidth(),
                signed=bool(datatype.signed()),
                shape=tuple(instance.get_normal_output_shape())[1:],
            )
        )
        offset += bits
    return tuple(entries)


def _debug_ports(stitcher: Stitcher, trace: Sequence[TracedStream]) -> tuple[str, str]:
    """What core.sv has where SHIFTCORE_TRACE is defined, for a simulation to read: its ports, and what drives them."""
    ports = assigns = ""

    def gathered(signal: str) -> str:
        return "{" + ", ".join(f"{entry.wire}_{signal}" for entry in reversed(trace)) + "}"

    if trace:
        width = sum(entry.tdata_bits for entry in trace)
        ports += f",\n\toutput wire [{width - 1}:0] trace_data"
        ports += "".join(f",\n\toutput wire [{len(trace) - 1}:0] trace_{s}" for s in ("valid", "ready"))
        assigns += f"\tassign trace_data = {gathered('tdata')};\n"
        assigns += f"\tassign trace_valid = {gathered('tvalid')};\n\tassign trace_ready = {gathered('tready')};\n"
    if stitcher.fifos:
        ports += f",\n\toutput wire [{32 * len(stitcher.fifos) - 1}:0] fifo_maxcount"
        names = ", ".join(f"{name}_maxcount" for name, _ in reversed(stitcher.fifos))
        assigns += f"\tassign fifo_maxcount = {{{names}}};\n"
    return ports, assigns


def _port_list(source: StreamPort, sink: StreamPort, words: int, models: int) -> str:
    return f"""	input  wire ap_clk,
	input  wire ap_rst_n,	// synchronous, active low

	// Frame: {source.elements} x uint8 a beat, NHWC, element 0 in the low bits
	input  wire [{source.tdata_bits - 1}:0] s_axis_tdata,
	input  wire s_axis_tvalid,
	output wire s_axis_tready,

	// Context: one word a frame (docs/registers.md, DESCRIPTOR_CONTEXT)
	input  wire [{Context.bits(models) - 1}:0] s_axis_ctx_tdata,
	input  wire s_axis_ctx_tvalid,
	output wire s_axis_ctx_tready,

	// Weights and thresholds: `load_begins` pulses before the first of {words} words, `load_ends` with the last one
	input  wire {f"[{models - 1}:0] " * (models > 1)}load_begins,{"	// of each bank" * (models > 1)}
	output wire load_ends,
	input  wire [31:0] s_axis_load_tdata,
	input  wire s_axis_load_tvalid,

	// Logits: {sink.elements} x {sink.element_bits} bit a beat, {sink.beats} beats a frame
	output wire [{sink.tdata_bits - 1}:0] m_axis_tdata,
	output wire m_axis_tvalid,
	input  wire m_axis_tready"""


def _module(stitcher: Stitcher, manifest: CoreManifest) -> str:
    """The text of core.sv."""
    trace_ports, trace_assigns = _debug_ports(stitcher, manifest.trace)
    models = stitcher.models
    source, output, interval = manifest.input, stitcher.model.graph.node[-1].name, manifest.frame_interval
    return f"""// The compiled network (generated by hw.core): a frame and its context word in, its logits out.
//
// Throughput: one frame in {interval} cycles. Latency: the same for every frame as long as the sink is ready.
`default_nettype none

module core (
{_port_list(source, manifest.output, sum(image.words(memory) for memory in manifest.memories), models)}
`ifdef SHIFTCORE_TRACE{trace_ports}
`endif
);

{load_turns(models, len(manifest.memories))}
{chr(10).join(stitcher.declarations)}

{_pacer_instance(source.tdata_bits, source.beats, interval)}
{_context_instance(stitcher.contexts, models)}
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


def build_core(
    model: ModelWrapper,
    names: dict[str, str],
    board: Board,
    streams: int,
    interval: int,
    folder: Path,
    sizing: bool = False,
) -> None:
    """Write the core's folder, whole or not at all: `core.sv`, `rtl/`, `data/` and `manifest.json`.

    `names` maps nodes to the integer model's layers; `interval` is the pacing of frames in cycles. With `sizing` the
    FIFOs' depths are read from data/fifo_depths.hex when a simulation starts (rtl/sizing_fifo.sv).
    """
    with atomic_folder(folder) as temporary:
        stitcher = Stitcher(model, names, board, temporary, sizing)
        _generate(stitcher, temporary / "scratch")
        stitcher.declare("paced", layer(model.graph.node[0]).get_verilog_top_module_intf_names()["s_axis"][0][1])
        for node in model.graph.node:
            stitcher.place(node)
        manifest = _manifest(stitcher, names, streams, interval)
        (temporary / "core.sv").write_text(_module(stitcher, manifest))
        said = {key: value for key, value in manifest.as_json().items() if key not in ("model", "shape", "content")}
        shape = digest(json.dumps(said), temporary / "rtl", temporary / "core.sv")
        content = digest(shape, manifest.model or "", temporary / "data")
        dataclasses.replace(manifest, shape=shape, content=content).write(temporary)


def _manifest(stitcher: Stitcher, names: dict[str, str], streams: int, interval: int) -> CoreManifest:
    """All but shape and content, which cover the rest of it."""
    model, board = stitcher.model, stitcher.board
    first, last, bottleneck = layer(model.graph.node[0]), layer(model.graph.node[-1]), slowest(model)
    in_bits = first.get_verilog_top_module_intf_names()["s_axis"][0][1]
    out_bits = last.get_verilog_top_module_intf_names()["m_axis"][0][1]
    packages_first = sorted(stitcher.files, key=lambda f: (not f.endswith("_pkg.sv"), f))
    return CoreManifest(
        top="core",
        files=(*packages_first, "core.sv"),
        board=board.name,
        part=board.part,
        clock_mhz=board.clock_mhz,
        streams=streams,
        frame_interval=interval,
        model=model.get_metadata_prop(IDENTITY),
        input=_stream_port(in_bits, first.get_folded_input_shape(), first.get_input_datatype()),
        output=_stream_port(out_bits, last.get_folded_output_shape(), last.get_output_datatype()),
        context=ContextPort(Context.bits(stitcher.models)),
        slowest_op=SlowestOp(bottleneck.name, cycles(bottleneck)),
        trace=_trace(model, names),
        fifos=tuple(Fifo(name, depth) for name, depth in stitcher.fifos),
        memories=tuple(stitcher.memories),
        models=stitcher.models,
        shape="",
        content="",
    )


def _generate(stitcher: Stitcher, scratch: Path) -> None:
    """All RTL that the core is made of: FINN's for each layer, written into the folder `scratch` first, and ours."""
    scratch.mkdir()
    for node in stitcher.model.graph.node:
        stitcher.generate(node, scratch / node.name)
    shutil.rmtree(scratch)
    for name in ("frame_pacer.sv", "context_fanout.sv", *(["sizing_fifo.sv"] if stitcher.sizing else [])):
        stitcher.add_source(RTL / name)
