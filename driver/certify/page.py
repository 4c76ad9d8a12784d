# SPDX-License-Identifier: BSD-3-Clause
"""A certificate as one page of HTML with its pictures in it, for people."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

from shiftcore.artifacts import atomic_file

_WIDTH, _HEIGHT, _MARGIN = 640, 160, 48
_COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f")
_STYLE = (
    "body{font:16px/1.4 sans-serif;max-width:46em;margin:2em auto;padding:0 1em}table{border-collapse:collapse}"
    "td,th{padding:.1em .8em .1em 0;text-align:left;vertical-align:top}.bad{color:#b00}.good{color:#070}"
    "svg{max-width:100%}figcaption,small{color:#555}pre{white-space:pre-wrap}"
)
Points = Sequence[tuple[float, float]]


def write(path: Path, sections: Mapping[str, Any]) -> None:
    """Write the page of a certificate's sections, atomically."""
    passed = sections["verdict"]["passed"]
    build = sections["build"]
    title = f"{build['preset']} on {build['board']}: {'passed' if passed else 'FAILED'}"
    parts = [f"<h1 class={'good' if passed else 'bad'}>{escape(title)}</h1>"]
    parts += [f"<p class=bad>{escape(why)}</p>" for why in sections["verdict"]["why"]]
    parts += _pictures(sections)
    for name, content in sections.items():
        if name not in ("verdict", "samples"):
            parts.append(f"<h2>{escape(name)}</h2>{_shown(content)}")
    page = f"<!doctype html><meta charset=utf-8><title>{escape(title)}</title><style>{_STYLE}</style>{''.join(parts)}"
    with atomic_file(path) as temporary:
        temporary.write_text(page)


def _pictures(sections: Mapping[str, Any]) -> list[str]:
    samples, counts = sections["samples"], sections["latency"]["cycles"]
    rates = [
        ((a["seconds"] + b["seconds"]) / 2, (b["frames"] - a["frames"]) / (b["seconds"] - a["seconds"]))
        for a, b in pairwise(samples)
        if b["seconds"] > a["seconds"]
    ]
    charts = [
        _lines("frames a second, driver and chip", {"": rates}),
        _bars("frames by latency, cycles", {f"{int(cycles):,}": number for cycles, number in counts.items()}),
        _lines("temperature, degrees Celsius", _series(samples, "celsius")),
        _lines("power, watts", _series(samples, "watts")),
    ]
    for row in sections["stages"]:
        names = ("decode", "shrink", "drive")
        title = f"CPU for an image of {row['source']} ({row['width']}x{row['height']}), ms"
        charts.append(_bars(title, {name: row[f"{name}_ms"] for name in names}))
    return [chart for chart in charts if chart]


def _series(samples: Sequence[Mapping[str, Any]], key: str) -> dict[str, Points]:
    names = {name: None for sample in samples for name in sample[key]}
    return {name: [(s["seconds"], s[key][name]) for s in samples if name in s[key]] for name in names}


def _lines(title: str, series: Mapping[str, Points]) -> str:
    """A chart of values over seconds; "" where there is nothing to draw."""
    points = [point for line in series.values() for point in line]
    if len({x for x, _ in points}) < 2:
        return ""
    right, low, high = max(x for x, _ in points), min(y for _, y in points), max(y for _, y in points)
    low, high = (low, high) if high > low else (low - 1, high + 1)

    def at(x: float, y: float) -> str:
        return f"{_MARGIN + x / right * (_WIDTH - _MARGIN):.1f},{(high - y) / (high - low) * (_HEIGHT - 20) + 10:.1f}"

    drawn = []
    for index, (name, line) in enumerate(series.items()):
        colour = _COLOURS[index % len(_COLOURS)]
        way = " ".join(at(*point) for point in line)
        drawn.append(f'<polyline points="{way}" fill="none" stroke="{colour}"><title>{escape(name)}</title></polyline>')
    drawn += [f'<text x="0" y="{y}" font-size="11">{value:.4g}</text>' for value, y in ((high, 14), (low, _HEIGHT - 8))]
    legend = ", ".join(
        f'<span style="color:{_COLOURS[index % len(_COLOURS)]}">{escape(name)}</span>'
        for index, name in enumerate(series)
        if name
    )
    return _figure(title + f", over {right:.0f} s", drawn, _HEIGHT, legend)


def _bars(title: str, values: Mapping[str, float]) -> str:
    """A chart of a bar a name; "" where there is none."""
    if not values:
        return ""
    most = max(values.values()) or 1
    drawn = []
    for index, (name, value) in enumerate(values.items()):
        y, width = 24 * index + 4, value / most * (_WIDTH - 240)
        drawn.append(f'<rect x="120" y="{y}" width="{max(width, 1):.1f}" height="18" fill="{_COLOURS[0]}"/>')
        drawn.append(f'<text x="0" y="{y + 13}" font-size="12">{escape(name)}</text>')
        drawn.append(f'<text x="{126 + width:.1f}" y="{y + 13}" font-size="12">{value:,.6g}</text>')
    return _figure(title, drawn, 24 * len(values) + 8, "")


def _figure(title: str, drawn: Sequence[str], height: int, legend: str) -> str:
    picture = f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" role="img">{"".join(drawn)}</svg>'
    return f"<figure>{picture}<figcaption>{escape(title)} {legend}</figcaption></figure>"


def _shown(content: Any) -> str:
    """A section as tables within tables."""
    if isinstance(content, dict):
        rows = "".join(
            f"<tr><th>{escape(str(key))}</th><td>{_shown(value)}</td></tr>" for key, value in content.items()
        )
        return f"<table>{rows}</table>"
    if isinstance(content, list):
        return "".join(f"<div>{_shown(value)}</div>" for value in content) or "<small>none</small>"
    return f"{content:,.6g}" if isinstance(content, float) else escape(str(content))
