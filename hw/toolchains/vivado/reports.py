# SPDX-License-Identifier: BSD-3-Clause
"""What Vivado's reports and log say, as data. Written to the text formats that Vivado's manuals show (UG906, UG835)."""

import re
from typing import NamedTuple


class ReportError(RuntimeError):
    """A report is not in the format that is known here, or lacks what it must say."""


class Timing(NamedTuple):
    """Worst slack of all constrained paths in ns: setup, hold and pulse width; negative where timing is not met."""

    setup_ns: float
    hold_ns: float
    pulse_width_ns: float

    @property
    def worst_ns(self) -> float:
        """The worst of them."""
        return min(self)


class Path(NamedTuple):
    """One of the slowest paths: its slack in ns, where it starts and ends, the ns that it takes in cells and in wires,
    and how many combinational cells are on it."""

    slack_ns: float
    start: str
    end: str
    logic_ns: float
    route_ns: float
    levels: int


class Power(NamedTuple):
    """Vivado's estimate in watts, and how sure it is of it, in its words."""

    total_w: float
    dynamic_w: float
    static_w: float
    confidence: str


class Message(NamedTuple):
    """An error or critical warning of the log: its id, as in `[Place 30-575]`, and its text."""

    severity: str
    id: str
    text: str


_SITES = {
    "LUT": ("Slice LUTs", "CLB LUTs"),
    "FF": ("Slice Registers", "CLB Registers"),
    "DSP": ("DSPs",),
    "BRAM": ("Block RAM Tile",),
}


def timing(report: str) -> Timing:
    """The design timing summary of `report_timing_summary`. Raises ReportError also where a slack is NA: a design
    without constrained paths has met nothing."""
    found = re.search(r"^ *WNS\(ns\) .*WHS\(ns\) .*WPWS\(ns\) .*\n[ -]+\n(.*)$", report, re.MULTILINE)
    if found is None:
        raise ReportError("timing report: no design timing summary in it")
    columns = found[1].split()
    if len(columns) != 12:
        raise ReportError(f"timing report: 12 columns expected in the design timing summary, found {len(columns)}")
    try:
        return Timing(*(float(columns[index]) for index in (0, 4, 8)))
    except ValueError:
        raise ReportError(f"timing report: no slack in {found[1].strip()!r}; is the clock constrained?") from None


_PATH = re.compile(
    r"^Slack \(\w+\) *: +(-?[\d.]+)ns.*?^ +Source: +(\S+).*?^ +Destination: +(\S+)"
    r".*?^ +Data Path Delay: .*?\(logic ([\d.]+)ns .*?route ([\d.]+)ns .*?^ +Logic Levels: +(\d+)",
    re.MULTILINE | re.DOTALL,
)


def paths(report: str) -> list[Path]:
    """The paths of `report_timing`, the slowest first. Raises ReportError where there is none."""
    found = [
        Path(float(slack), start, end, float(logic), float(route), int(levels))
        for slack, start, end, logic, route, levels in _PATH.findall(report)
    ]
    if len(found) != len(re.findall(r"^Slack \(", report, re.MULTILINE)) or not found:
        raise ReportError("timing report: no path in it, or one that is not in the known format")
    return found


def power(report: str) -> Power:
    """The summary of `report_power`."""
    rows = re.findall(r"^\| *([^|]+?) *\| *([^|]+?) *\|$", report, re.MULTILINE)
    values = {name.rstrip("*").strip(): value for name, value in rows}
    try:
        total, dynamic, static = (
            float(values[f"{name} (W)"]) for name in ("Total On-Chip Power", "Dynamic", "Device Static")
        )
        return Power(total, dynamic, static, values["Confidence Level"])
    except (KeyError, ValueError):
        raise ReportError("power report: no summary in the known format in it") from None


def utilization(report: str) -> dict[str, dict[str, float]]:
    """LUT, FF, DSP and BRAM (RAMB36) of `report_utilization`, each as {"used": ..., "available": ...}."""
    rows: dict[str, list[str]] = {}
    for line in report.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) >= 5:
            rows.setdefault(cells[0].rstrip("*"), cells[1:])
    result = {}
    for name, sites in _SITES.items():
        row = next((rows[site] for site in sites if site in rows), None)
        try:
            if row is None:
                raise ValueError
            result[name] = {"used": float(row[0]), "available": float(row[-2])}
        except ValueError:
            raise ReportError(f"utilization report: no row for {' or '.join(sites)}") from None
    return result


def drc_errors(report: str) -> list[str]:
    """The rules of `report_drc` that are violated with severity Error, with their descriptions."""
    if "REPORT SUMMARY" not in report:
        raise ReportError("DRC report: no report summary in it")
    rows = re.findall(r"^\|\s*([A-Z0-9]+-\d+)\s*\|\s*([^|]+?)\s*\|\s*([^|]+?)\s*\|\s*\d+\s*\|$", report, re.MULTILINE)
    return [f"{rule}: {description}" for rule, severity, description in rows if severity == "Error"]


def messages(log: str) -> list[Message]:
    """The errors and critical warnings of a log."""
    found = re.finditer(r"^(ERROR|CRITICAL WARNING): \[([^\]]+)\] (.*)$", log, re.MULTILINE)
    return [Message(match[1], match[2], match[3].strip()) for match in found]
