# SPDX-License-Identifier: BSD-3-Clause
"""What all our ops share: the Verilog wrapper with FINN's port names around one SystemVerilog module."""

import math
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from finn.custom_op.fpgadataflow.hwcustomop import HWCustomOp
from finn.custom_op.fpgadataflow.rtlbackend import RTLBackend
from onnx import GraphProto
from qonnx.core.datatype import BaseDataType, DataType
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.errors import UserError
from shiftcore.model.records import Context

CONTEXT = "ctx_V"
"""The context's stream among a wrapper's ports."""


def divisors(number: int) -> list[int]:
    """Ascending."""
    return [d for d in range(1, number + 1) if number % d == 0]


def check_folding(inst: HWCustomOp) -> None:
    """Raise UserError when the op's PE is not one of its `foldings`."""
    pe, legal = inst.get_nodeattr("PE"), inst.foldings()
    if pe not in legal:
        raise UserError(f"{inst.onnx_node.name}: PE={pe} is not possible; use one of {', '.join(map(str, legal))}")


def check_integer(inst: HWCustomOp, *types: BaseDataType) -> None:
    """Raise UserError unless every type is a plain integer: BIPOLAR's bit stands for -1 or 1, which is none."""
    for datatype in types:
        if not datatype.is_integer() or datatype == DataType["BIPOLAR"]:
            raise UserError(f"{inst.onnx_node.name}: data type {datatype.name} is not supported; use INT or UINT")


def counter_bits(states: int) -> int:
    """Bits of a counter with this many states."""
    return math.ceil(math.log2(states)) if states > 1 else 0


class Port(NamedTuple):
    """One AXI4-Stream of a wrapper: its name there (`in0_V`), the module's prefix (`s`), and the data's bits."""

    axis: str
    prefix: str
    bits: int

    @property
    def padded(self) -> int:
        """Width of TDATA: whole bytes, as AXI4-Stream wants."""
        return -(-self.bits // 8) * 8


class RtlOp(RTLBackend):
    """A FINN op whose hardware is one SystemVerilog module and whose execution is its Python model.

    A subclass comes before its FINN abstraction in the list of bases, names its module's file in `source`, and in
    `needs` the files of packages and modules in it, gives its `parameters()`, and raises UserError in `check()` for a
    node that cannot be built. `takes_context`: the module has one more stream, `s_ctx`, a word a frame
    (model.records.Context), which no tensor stands for; FINN is not told of it.
    """

    source: ClassVar[Path]
    needs: ClassVar[tuple[Path, ...]] = ()
    input_prefixes: ClassVar[tuple[str, ...]] = ("s",)
    takes_context: ClassVar[bool] = False

    @property
    def module(self) -> str:
        """The module's name, which is its file's."""
        return self.source.stem

    def channels(self) -> int:
        """Of which each beat has PE."""
        return int(self.get_nodeattr("NumChannels"))

    def foldings(self) -> list[int]:
        """Every PE that the op can be built with, ascending: those that divide the channels."""
        return divisors(self.channels())

    def as_streamed(self, values: np.ndarray) -> np.ndarray:
        """An input tensor's values in the order in which they come in hardware."""
        return values

    def check(self) -> None:
        """Raise UserError when this node cannot be built: one line with the node, the value and what is possible."""
        raise NotImplementedError

    def parameters(self) -> dict[str, int | str]:
        """Parameters of the SystemVerilog module."""
        raise NotImplementedError

    def input_ports(self) -> list[Port]:
        """Input streams of the wrapper, in the order of the node's inputs."""
        ports = [Port(f"in{i}_V", prefix, self.get_instream_width(i)) for i, prefix in enumerate(self.input_prefixes)]
        return [*ports, Port(CONTEXT, "s_ctx", Context.BITS)] if self.takes_context else ports

    def output_ports(self) -> list[Port]:
        """Output streams of the wrapper. The module has one set of output ports; several streams share it, the
        first in the low bits."""
        return [Port(f"out{i}_V", "m", self.get_outstream_width(i)) for i in range(len(self.onnx_node.output))]

    def execute_node(self, context: dict[str, np.ndarray], graph: GraphProto) -> None:
        """Run the Python model, which the abstraction behind RTLBackend defines."""
        super(RTLBackend, self).execute_node(context, graph)

    def generate_hdl(self, model: ModelWrapper, fpgapart: str, clk: float) -> None:
        """Write `<node name>.v`, the wrapper, into code_gen_dir_ipgen. Raises UserError (see `check`)."""
        self.check()
        folder = self.get_nodeattr("code_gen_dir_ipgen")
        name = self.get_verilog_top_module_name()
        (Path(folder) / f"{name}.v").write_text(self._wrapper(name))
        self.set_nodeattr("gen_top_module", name)
        self.set_nodeattr("ipgen_path", folder)
        self.set_nodeattr("ip_path", folder)

    def get_rtl_file_list(self, abspath: bool = False) -> list[str]:
        """The module behind what it needs, and its wrapper; without `abspath`, their names alone."""
        files = [
            *self.needs,
            self.source,
            Path(self.get_nodeattr("code_gen_dir_ipgen")) / f"{self.get_nodeattr('gen_top_module')}.v",
        ]
        return [str(file) if abspath else file.name for file in files]

    def code_generation_ipi(self) -> list[str]:
        """Tcl for Vivado's IP integrator, should FINN's own stitching be used."""
        name = self.get_nodeattr("gen_top_module")
        return [f"add_files -norecurse {file}" for file in self.get_rtl_file_list(abspath=True)] + [
            f"create_bd_cell -type module -reference {name} {self.onnx_node.name}"
        ]

    def _wrapper(self, name: str) -> str:
        inputs, outputs = self.input_ports(), self.output_ports()
        connections = [".clk(ap_clk)", ".rst_n(ap_rst_n)"]
        for port in inputs:
            connections += [
                f".{port.prefix}_tdata({port.axis}_TDATA[{port.bits - 1}:0])",
                f".{port.prefix}_tvalid({port.axis}_TVALID)",
                f".{port.prefix}_tready({port.axis}_TREADY)",
            ]
        for signal, pin in (("tdata", f"TDATA[{outputs[0].bits - 1}:0]"), ("tvalid", "TVALID"), ("tready", "TREADY")):
            joined = ", ".join(f"{port.axis}_{pin}" for port in reversed(outputs))
            connections.append(f".m_{signal}({{{joined}}})")
        parameters = [
            f".{key}({value})" if isinstance(value, int) else f'.{key}("{value}")'
            for key, value in self.parameters().items()
        ]
        padding = [
            f"\tassign  {port.axis}_TDATA[{port.padded - 1}:{port.bits}] = {port.padded - port.bits}'d0;\n"
            for port in outputs
            if port.padded > port.bits
        ]
        return (
            f"// {self.onnx_node.op_type}: FINN's port names around {self.module}. Generated by hw.ops.\n"
            f"module {name} (\n\t{_lines(_pins(inputs, outputs), 1)}\n);\n\n"
            f"\t{self.module} #(\n\t\t{_lines(parameters, 2)}\n\t) core (\n"
            f"\t\t{_lines(connections, 2)}\n\t);\n"
            f"{''.join(padding)}\nendmodule\n"
        )


def _lines(items: list[str], tabs: int) -> str:
    return (",\n" + "\t" * tabs).join(items)


def _pins(inputs: list[Port], outputs: list[Port]) -> list[str]:
    """The declarations of a wrapper's ports."""
    pins = ["input  wire ap_clk", "input  wire ap_rst_n"]
    for ports, there, back in ((inputs, "input ", "output"), (outputs, "output", "input ")):
        for port in ports:
            pins += [
                f"{there} wire [{port.padded - 1}:0] {port.axis}_TDATA",
                f"{there} wire {port.axis}_TVALID",
                f"{back} wire {port.axis}_TREADY",
            ]
    return pins
