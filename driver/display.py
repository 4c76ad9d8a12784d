"""The live table of `python -m driver run`."""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from driver.alarm import COOLING, PENDING, RAISED
from driver.run import Channel

_STYLES = {RAISED: "bold white on red", PENDING: "yellow", COOLING: "dim"}


def table(channels: Sequence[Channel], title: str, clock_mhz: float) -> Table:
    """One row a stream; latencies to the clock cycle, at 100 MHz."""
    result = Table(title=title, title_justify="left")
    result.add_column("stream", justify="right")
    result.add_column("source", overflow="ellipsis", no_wrap=True, max_width=28)
    for name in ("frames", "frames/s"):
        result.add_column(name, justify="right")
    for name in ("latency min", "max"):
        result.add_column(name, justify="right", no_wrap=True)
    result.add_column("class")
    result.add_column("score", justify="right")
    result.add_column("alarm")
    for channel in channels:
        low, high = (f"{cycles / clock_mhz / 1000:.5f} ms" if cycles else "-" for cycles in channel.latency)
        state = channel.state
        count = f" ({channel.events})" if channel.events else ""
        result.add_row(
            str(channel.stream),
            _short(channel.file or channel.source.name),
            f"{channel.frames:,}",
            f"{channel.rate:,.1f}",
            low,
            high,
            channel.name,
            f"{channel.score:.2f}" if channel.frames else "",
            f"[{_STYLES.get(state, 'default')}]{state}[/]{count}",
        )
    return result


def _short(name: str) -> str:
    return name if "://" in name else Path(name).name
