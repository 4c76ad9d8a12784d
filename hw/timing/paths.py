# SPDX-License-Identifier: BSD-3-Clause
"""Static timing of a flat netlist in Yosys' JSON: when each net is there at the latest, by the longest path to it, and
what each endpoint needs before the clock's edge."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from shiftcore.hw.timing.delays import DelayError, Delays, Pin, Timing, timing
from shiftcore.hw.toolchains.yosys.netlist import Cell, Module, Net, Port

_MADE_UP = re.compile(r"\$|(^|\.)_\d+_")  # names that Yosys gave


@dataclass(frozen=True)
class Edge:
    """A way to a net: from the net `source`, `wire` picoseconds over it, then `ps` through the cell called `cell`."""

    source: int
    wire: int
    ps: int
    cell: str


@dataclass(frozen=True)
class Endpoint:
    """Where a path ends: at a `pin` of a `cell`, or at a port of that name; `net` leads there, with `wire` and `setup`
    picoseconds to go."""

    cell: str
    pin: str
    net: int
    wire: int
    setup: int


@dataclass(frozen=True)
class Arrival:
    """When a net is there, in picoseconds, and over which edge it came; None where a path starts."""

    ps: int
    by: Edge | None


class Netlist:
    """A flat module of Yosys' JSON: its cells, who drives and who reads each net, and names for people."""

    def __init__(self, module: Module) -> None:
        self.cells, self.ports = module["cells"], module["ports"]
        self.driver: dict[int, str] = {}  # TYPE.PORT
        self.driven_by: dict[int, str] = {}  # the cell
        self.fanout: dict[int, int] = defaultdict(int)
        for name, cell in self.cells.items():
            for pin in pins(cell):
                if pin.is_input:
                    self.fanout[pin.net] += 1
                else:
                    self.driver[pin.net], self.driven_by[pin.net] = f"{cell['type']}.{pin.port}", name
        for port in self.ports.values():
            for net in port["bits"]:
                if port["direction"] == "output" and isinstance(net, int):
                    self.fanout[net] += 1
        self._called: dict[str, str] = {}
        self._names = _names(module)

    def name(self, cell: str) -> str:
        """What a person calls a cell: its own name, or that of the net that it drives within its part of the design,
        the innermost of several."""
        if cell not in self._called:
            self._called[cell] = self._name(cell)
        return self._called[cell]

    def _name(self, cell: str) -> str:
        if not _MADE_UP.search(cell):
            return cell
        place = cell[: cell.rfind(".") + 1]
        content = self.cells[cell]
        outputs = [pin.net for pin in pins(content) if not pin.is_input]
        names = [name for net in outputs[:1] for name in self._names.get(net, []) if name.startswith(place)]
        if names:
            return min(names, key=lambda name: (-name.count("."), len(name), name))
        return place + content["type"]

    def label(self, net: int) -> str:
        """A net's shortest name."""
        return min(self._names.get(net, [""]), key=len)


def _names(module: Module) -> dict[int, list[str]]:
    """What the sources call each net."""
    found: dict[int, list[str]] = defaultdict(list)
    for name, content in module["netnames"].items():
        if not _MADE_UP.search(name):
            for bit, net in enumerate(content["bits"]):
                if isinstance(net, int):
                    found[net].append(_bit(name, bit, content))
    return found


def _bit(name: str, bit: int, content: Port | Net) -> str:
    """A bit of a port or net as the sources call it."""
    return name if len(content["bits"]) == 1 else f"{name}[{bit + content.get('offset', 0)}]"


class UsedPin(NamedTuple):
    """A pin of a cell that a `net` is at: the `bit` of a `port`, and whether that is an input."""

    port: str
    bit: int
    net: int
    is_input: bool


def pins(cell: Cell) -> Iterator[UsedPin]:
    """The pins of a cell that a net is at, and no constant."""
    for port, bits in cell["connections"].items():
        is_input = cell["port_directions"][port] == "input"
        for bit, net in enumerate(bits):
            if isinstance(net, int):
                yield UsedPin(port, bit, net, is_input)


class Graph:
    """A netlist for timing: when nets are there by their own (`launch`), the edges into each net, and the endpoints."""

    def __init__(self, netlist: Netlist, delays: Delays) -> None:
        self.netlist, self.delays = netlist, delays
        self.launch: dict[int, int] = {}
        self.into: dict[int, list[Edge]] = defaultdict(list)
        self.endpoints: list[Endpoint] = []
        self._timings: dict[tuple[object, ...], Timing] = {}
        self._dedicated: dict[tuple[str, str], bool] = {}
        for name, cell in netlist.cells.items():
            self._add_cell(name, cell)
        self._add_ports()

    def _timing(self, cell: Cell, inputs: tuple[Pin, ...], outputs: tuple[Pin, ...]) -> Timing:
        """The cell's delays, worked out once for each type, the pins in use and what the delays depend on."""
        known = self.delays.cells.get(cell["type"])
        keys = {key for variant in known.variants for key in variant.when} if known else set()
        parameters = {key: value for key, value in cell["parameters"].items() if key in keys}
        key = cell["type"], frozenset(parameters.items()), inputs, outputs
        if key not in self._timings:
            self._timings[key] = timing(self.delays, cell["type"], parameters, inputs, outputs)
        return self._timings[key]

    def _wire(self, net: int, reader: str) -> int:
        """Picoseconds from what drives a net to a pin "TYPE.PORT" of it."""
        route = self.netlist.driver.get(net, ""), reader
        if route not in self._dedicated:
            pairs = (pair.split(" > ") for pair in self.delays.nets.dedicated)
            self._dedicated[route] = any(
                fnmatchcase(route[0], left) and fnmatchcase(reader, right) for left, right in pairs
            )
        return 0 if self._dedicated[route] else self.delays.nets.delay(self.netlist.fanout[net])

    def _add_cell(self, name: str, cell: Cell) -> None:
        used = list(pins(cell))
        inputs = tuple((pin.port, pin.bit) for pin in used if pin.is_input)
        outputs = tuple((pin.port, pin.bit) for pin in used if not pin.is_input)
        table, nets = self._timing(cell, inputs, outputs), {(pin.port, pin.bit): pin.net for pin in used}
        for port, bit in inputs:
            net = nets[port, bit]
            wire = self._wire(net, f"{cell['type']}.{port}")
            for to, ps in table.through[port, bit]:
                self.into[nets[to]].append(Edge(net, wire, ps, name))
            if (port, bit) in table.setup:
                self.endpoints.append(Endpoint(name, port, net, wire, table.setup[port, bit]))
        for pin, ps in table.launch.items():
            self.launch[nets[pin]] = ps

    def _add_ports(self) -> None:
        for name, port in self.netlist.ports.items():
            for bit, net in ((bit, net) for bit, net in enumerate(port["bits"]) if isinstance(net, int)):
                if port["direction"] == "output":
                    label = _bit(name, bit, port)
                    self.endpoints.append(Endpoint(label, "", net, self._wire(net, ""), self.delays.ports.output))
                elif name not in self.delays.ports.untimed:
                    self.launch[net] = self.delays.ports.input

    def arrivals(self, wires: bool) -> dict[int, Arrival]:
        """When each net is there, that is there at all: by the slowest way, with `wires` or by the cells alone.
        Raises DelayError where combinational cells stand in a circle."""
        found: dict[int, Arrival] = {}
        order = TopologicalSorter({net: {edge.source for edge in edges} for net, edges in self.into.items()})
        try:
            nets = list(order.static_order())
        except CycleError as error:
            cells = sorted({self.netlist.driven_by.get(net, "") for net in error.args[1]})
            raise DelayError(f"timing: a circle of cells without a register: {', '.join(cells)}") from None
        for net in dict.fromkeys([*nets, *self.launch]):
            ways = [Arrival(self.launch[net], None)] if net in self.launch else []
            for edge in self.into.get(net, ()):
                if edge.source in found:
                    at = found[edge.source].ps + edge.ps + (edge.wire if wires else 0)
                    ways.append(Arrival(at, edge))
            if ways:
                found[net] = max(ways, key=lambda way: way.ps)
        return found
