# SPDX-License-Identifier: BSD-3-Clause
"""What static timing says of a netlist: the worst paths, block by block, and endpoints over each clock period."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from shiftcore.hw.timing.delays import Delays
from shiftcore.hw.timing.paths import Arrival, Endpoint, Graph, Netlist
from shiftcore.hw.toolchains.yosys.netlist import Module

PERIODS_NS = (5.0, 6.67, 8.0, 10.0)
CAVEAT = "before placement: cells' delays, wires by their number of sinks alone; no skew, no jitter, no sign-off"
PORTS = "ports"


@dataclass(frozen=True)
class Path:
    """The slowest way to an endpoint: `ns`, of which the cells take `cells_ns`; `levels` combinational cells between
    `start` and `end`, their types in `through`."""

    ns: float
    cells_ns: float
    levels: int
    start: str
    end: str
    through: list[str]


@dataclass(frozen=True)
class Block:
    """The endpoints within an instance: their number, those over each period, the worst path, and the worst one if
    wires took no time."""

    block: str
    endpoints: int
    over: dict[str, int]
    worst: Path
    worst_logic: Path

    def as_json(self) -> dict[str, object]:
        """As timing.json has it."""
        return {
            "worst_ns": self.worst.ns,
            "levels": self.worst.levels,
            "worst_logic_ns": self.worst_logic.ns,
            "logic_levels": self.worst_logic.levels,
            "endpoints": self.endpoints,
            "over": self.over,
            "worst": vars(self.worst),
            "worst_logic": vars(self.worst_logic),
        }


@dataclass(frozen=True)
class Report:
    """A design's timing: `over` has the endpoints over each period, in ns; `blocks` the slowest first."""

    delays: str
    endpoints: int
    worst_ns: float
    worst_logic_ns: float
    over: dict[str, int]
    blocks: list[Block]

    def as_json(self) -> dict[str, object]:
        """As timing.json has it."""
        values = {key: value for key, value in vars(self).items() if key != "blocks"}
        return {**values, "caveat": CAVEAT, "by_block": {block.block: block.as_json() for block in self.blocks}}


@dataclass(frozen=True)
class _End:
    """An endpoint that something arrives at, with and without wires, in picoseconds."""

    endpoint: Endpoint
    ps: int
    logic_ps: int


def block_of(name: str) -> str:
    """The block that a register, a memory or a port belongs to by its name: its instance and the one in that."""
    return ".".join(name.split(".")[:-1][:2]) or PORTS


def analyse(module: Module, delays: Delays) -> Report:
    """The timing of a flat module of Yosys' JSON, clocked by one clock throughout. Raises DelayError for what the data
    does not have."""
    netlist = Netlist(module)
    graph = Graph(netlist, delays)
    full, logic = graph.arrivals(wires=True), graph.arrivals(wires=False)
    blocks: dict[str, list[_End]] = defaultdict(list)
    for end in graph.endpoints:
        if end.net in full:
            at, alone = full[end.net].ps + end.wire + end.setup, logic[end.net].ps + end.setup
            blocks[block_of(_name(netlist, end))].append(_End(end, at, alone))
    rows = [_block(netlist, name, ends, full, logic) for name, ends in blocks.items()]
    rows.sort(key=lambda row: (-row.worst.ns, row.block))
    return Report(
        delays=f"{delays.part}, speed grade {delays.speed_grade}",
        endpoints=sum(row.endpoints for row in rows),
        worst_ns=max((row.worst.ns for row in rows), default=0.0),
        worst_logic_ns=max((row.worst_logic.ns for row in rows), default=0.0),
        over={period: sum(row.over[period] for row in rows) for period in _over([])},
        blocks=rows,
    )


def _block(netlist: Netlist, name: str, ends: list[_End], full: dict[int, Arrival], logic: dict[int, Arrival]) -> Block:
    slowest = max(ends, key=lambda end: end.ps)
    deepest = max(ends, key=lambda end: end.logic_ps)
    return Block(
        block=name,
        endpoints=len(ends),
        over=_over(end.ps for end in ends),
        worst=_path(netlist, slowest.endpoint, full, slowest.ps),
        worst_logic=_path(netlist, deepest.endpoint, logic, deepest.logic_ps),
    )


def _over(times: Iterable[int]) -> dict[str, int]:
    """How many of `times`, in picoseconds, are over each period."""
    listed = list(times)
    return {f"{period:g}": sum(ps > period * 1000 for ps in listed) for period in PERIODS_NS}


def _name(netlist: Netlist, end: Endpoint) -> str:
    return netlist.name(end.cell) if end.pin else end.cell


def _path(netlist: Netlist, end: Endpoint, arrivals: dict[int, Arrival], ps: int) -> Path:
    """The path that ends there at `ps`, followed back to where it starts."""
    cells, net, taken = [], end.net, end.setup
    while (edge := arrivals[net].by) is not None:
        cells.append(netlist.cells[edge.cell]["type"])
        net, taken = edge.source, taken + edge.ps
    driver = netlist.driven_by.get(net)
    start = netlist.name(driver) if driver else netlist.label(net)
    target = f"{_name(netlist, end)} {end.pin}".rstrip()
    cells.reverse()
    return Path(ps / 1000, (taken + arrivals[net].ps) / 1000, len(cells), start, target, cells)
