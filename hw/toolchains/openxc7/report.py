# SPDX-License-Identifier: BSD-3-Clause
"""What nextpnr-xilinx says of timing, read to its end, and what it leaves out."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from shiftcore.hw.toolchains.openxc7.tools import OpenXc7Error

_FREQUENCY = re.compile(r"Max frequency for clock +'(.+?)': ([\d.]+) MHz \((PASS|FAIL) at ([\d.]+) MHz\)")
_PATH = re.compile(r"Critical path report for clock '(.+?)' \(\w+ -> \w+\):$")
_STEP = re.compile(r"(?:[\d.-]+ +[\d.-]+ +(Source|Setup) |(Sink) )(\S+)$")
_SUM = re.compile(r"([\d.]+) ns logic, ([\d.]+) ns routing$")
_ACROSS = re.compile(r"Max delay (.+?) -> (.+?): ([\d.]+) ns$")
_BAR = re.compile(r"\[ *(-?\d+), *(-?\d+)\) \|([*]*)([+ ])?$")
# Cells none of whose paths, or of whose clocked side, nextpnr-xilinx knows a delay: by how their types begin.
_UNKNOWN = {
    **dict.fromkeys(("DSP48E1", "RAMB18E1", "RAMB36E1", "PS7"), "all paths"),
    **dict.fromkeys(("SRL16E", "SRLC32E", "RAM32", "RAM64", "RAM128", "RAM256"), "the clocked side"),
}


@dataclass(frozen=True)
class Clock:
    """A clock: the fastest that its paths allow, and what was asked for, in MHz; its slowest path: `start` and `end`,
    and the ns that it takes in cells and in wires. None of a path where the log has none."""

    name: str
    max_mhz: float
    asked_mhz: float
    start: str | None
    end: str | None
    logic_ns: float | None
    routing_ns: float | None


@dataclass(frozen=True)
class Timing:
    """A routed design's: its `clocks`; the slowest path `across` clocks, and from or to what has none, in ns, by "FROM
    -> TO"; the least slack of any path in ps, None where the log has no histogram; and how many cells of each type are
    `not_covered`, and in what."""

    clocks: list[Clock]
    across: dict[str, float]
    least_slack_ps: int | None
    not_covered: dict[str, str]

    @property
    def slowest(self) -> Clock:
        """The clock that misses by most, or has least to spare."""
        return min(self.clocks, key=lambda clock: clock.max_mhz / clock.asked_mhz)


def read(log: str, cells: Iterable[str]) -> Timing:
    """The last report in nextpnr's `log`: that after routing; the one before it is the placer's. `cells`: the type of
    each cell of the netlist. Raises OpenXc7Error where there is no clock in it."""
    lines = [re.sub(r"^(Info|Warning|ERROR): ?", "", line).strip() for line in log.splitlines()]
    clocks: dict[str, tuple[float, float]] = {}
    paths: dict[str, tuple[str | None, str | None, float, float]] = {}
    across: dict[str, float] = {}
    slack: int | None = None
    for number, line in enumerate(lines):
        if found := _FREQUENCY.search(line):
            clocks[found[1]] = float(found[2]), float(found[4])
        elif found := _PATH.search(line):
            paths[found[1]] = _path(lines[number + 1 :])
        elif found := _ACROSS.match(line):
            across[f"{found[1].strip()} -> {found[2].strip()}"] = float(found[3])
        elif line == "Slack histogram:":
            slack = None
        elif (found := _BAR.match(line)) and slack is None and (found[3] or found[4] == "+"):
            slack = int(found[1])
    if not clocks:
        raise OpenXc7Error("nextpnr: its log names no clock's frequency after routing: nothing is known of its timing")
    nothing = (None, None, None, None)
    rows = [Clock(name, *speeds, *paths.get(name, nothing)) for name, speeds in clocks.items()]
    return Timing(rows, across, slack, _left_out(cells))


def _path(lines: list[str]) -> tuple[str | None, str | None, float, float]:
    """Start, end, and ns of cells and of wires of the path whose report begins here."""
    start = end = None
    for line in lines:
        if total := _SUM.search(line):
            return start, end, float(total[1]), float(total[2])
        if step := _STEP.search(line):
            start, end = start or step[3], step[3]
    raise OpenXc7Error("nextpnr: its log ends within the report of a path: cut short")


def _left_out(cells: Iterable[str]) -> dict[str, str]:
    """How many cells of each type have paths that nextpnr's report knows nothing of, and which."""
    found = {}
    for kind, number in sorted(Counter(cells).items()):
        for beginning, what in _UNKNOWN.items():
            if kind.startswith(beginning):
                found[kind] = f"{number} cells, {what}"
    return found
