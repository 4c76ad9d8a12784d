# SPDX-License-Identifier: BSD-3-Clause
"""The live table of `shiftcore run`."""

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from shiftcore.driver.run import Channel
from shiftcore.model.alarm import COOLING, PENDING, RAISED

_STYLES = {RAISED: "bold white on red", PENDING: "yellow", COOLING: "dim"}


def table(channels: Sequence[Channel], title: str, clock_mhz: float) -> Table:
    """One row a stream; latencies to the clock cycle, at 100 MHz. It fits 80 columns: long names are folded."""
    result = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    result.add_column("", justify="right", no_wrap=True)
    result.add_column("source", overflow="fold", min_width=8)
    for name in ("frames", "fps", "latency\nmin, ms", "latency\nmax, ms"):
        result.add_column(name, justify="right", no_wrap=True)
    result.add_column("class", overflow="fold", min_width=5)
    result.add_column("score", justify="right", no_wrap=True)
    result.add_column("alarm", no_wrap=True)
    for channel in channels:
        low, high = (f"{cycles / clock_mhz / 1000:.5f}" if cycles else "-" for cycles in channel.latency)
        state = channel.state
        count = f", {channel.events}" if channel.events else ""
        result.add_row(
            str(channel.stream),
            escape(_short(channel.file or channel.source.name)),
            f"{channel.frames:,}",
            f"{channel.rate:,.1f}",
            low,
            high,
            escape(channel.name),
            f"{channel.score:.2f}" if channel.frames else "",
            f"[{_STYLES.get(state, 'default')}]{state}[/]{count}",
        )
    return result


def _short(name: str) -> str:
    return name if "://" in name else Path(name).name
