# SPDX-License-Identifier: BSD-3-Clause
"""`make estimate`: what a compiled core, and the chip around it, costs on a board, by synthesis with Yosys.

Each distinct module is synthesized once and kept (hw.toolchains.yosys.parts). docs/area.md tells what the figures say.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from shiftcore.hw.boards import USABLE, Board
from shiftcore.hw.toolchains import yosys
from shiftcore.hw.toolchains.yosys.parts import Design, children, split, synthesize
from shiftcore.model.manifest import FILE, ChipManifest, CoreManifest

COLUMNS = ("LUT", "FF", "LUTRAM", "DSP", "RAMB18", "RAMB36")
# LUTs that a cell of memory takes (7-series and UltraScale CLB guides, UG474 and UG574). LUTs count memory too.
_LUTRAM = {
    "RAM32X1S": 1, "RAM32X1D": 2, "RAM32M": 4, "RAM32M16": 8, "RAM64X1S": 1, "RAM64X1D": 2, "RAM64M": 4, "RAM64M8": 8,
    "RAM128X1S": 2, "RAM128X1D": 4, "RAM256X1S": 4, "RAM256X1D": 8, "RAM512X1S": 8, "SRL16E": 1, "SRLC32E": 1,
}  # fmt: skip
_LUTS = {"LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6", "LUT6_2"}
_SMALLER = ("LUT1", "LUT2", "LUT3", "LUT4", "LUT5")


Counts = dict[str, int]
"""A number for each of COLUMNS."""


@dataclass(frozen=True)
class Part:
    """A part of the design, of the core's `layer`; `kind`: layer, weights, fifo, frames (what joins layers), shell."""

    part: str
    layer: str
    kind: str
    counts: Counts


@dataclass(frozen=True)
class LayerArea:
    """All parts of a layer; `estimate`: LUT, DSP and BRAM that folding went by."""

    layer: str
    counts: Counts
    estimate: dict[str, float]


@dataclass(frozen=True)
class Report:
    """What a build takes of a board: `share` and `core_share` of each resource, and whether it `fits`."""

    board: str
    part: str
    family: str
    yosys: str
    streams: int
    frame_interval: int
    parts: list[Part]
    layers: list[LayerArea]
    total: Counts
    share: dict[str, float]
    core_share: dict[str, float]
    fits: bool

    def as_json(self) -> dict[str, object]:
        """As estimate.json has it."""
        parts = [{"part": row.part, "layer": row.layer, "kind": row.kind, **row.counts} for row in self.parts]
        layers = [{"layer": row.layer, **row.counts, "estimate": row.estimate} for row in self.layers]
        return {**vars(self), "parts": parts, "layers": layers}


def count(cells: dict[str, int]) -> Counts:
    """LUT (memory included), FF, LUTRAM (of them, LUTs used as memory or shift register), DSP, RAMB18 and RAMB36 of
    cells by type, each LUT counted alone: a vendor's packer puts some pairs of small ones into one."""
    memory = sum(_LUTRAM.get(cell, 0) * number for cell, number in cells.items())
    logic = sum(number for cell, number in cells.items() if cell in _LUTS)

    def of(prefix: str) -> int:
        return sum(number for cell, number in cells.items() if cell.startswith(prefix))

    flip_flops = of("FDRE") + of("FDSE") + of("FDCE") + of("FDPE")
    return dict(
        zip(COLUMNS, (logic + memory, flip_flops, memory, of("DSP48E"), of("RAMB18E"), of("RAMB36E")), strict=True)
    )


def _total(parts: Iterable[Part]) -> Counts:
    sums = dict.fromkeys(COLUMNS, 0)
    for part in parts:
        for column in COLUMNS:
            sums[column] += part.counts[column]
    return sums


def shares(counts: Counts, board: Board) -> dict[str, float]:
    """The share of the board's LUT, FF, LUTRAM, DSP and BRAM (two RAMB18 are one RAMB36) that `counts` take."""
    available = board.resources
    used = {key: float(counts[key]) for key in ("LUT", "FF", "LUTRAM", "DSP")}
    used["BRAM"] = counts["RAMB36"] + counts["RAMB18"] / 2
    return {key: round(value / getattr(available, key), 4) for key, value in used.items()}


def design(folder: Path) -> Design:
    """The chip in a build folder, else its core alone, cut at the core's layers and at the shell."""
    core, chip = folder / "core", folder / "chip"
    if (chip / FILE).is_file():
        manifest = ChipManifest.read(chip)
        files = tuple((chip / file).resolve() for file in manifest.files)
        sources = yosys.Sources(files, manifest.top, (chip / "core").resolve())
    else:
        sources = yosys.core_sources(core)

    def cut(hierarchy: dict[str, dict[str, int]]) -> list[str]:
        whole = next(name for name in hierarchy if name == "\\core" or name.startswith("\\core$"))
        return children(hierarchy, whole) + [name for name in hierarchy if name.startswith("\\shell$")]

    return split(sources, folder / "synthesis", cut)


@dataclass(frozen=True)
class Synthesized:
    """A build taken apart (`design`), and the folder of each synthesized part by its path."""

    design: Design
    parts: dict[str, Path]


def synthesized(folder: Path, board: Board, console: Console) -> Synthesized:
    """What `folder` (build/PRESET/BOARD) holds, synthesized for the board's family unless that has been done."""
    with console.status("reading ...") as status:
        whole = design(folder)
        parts = synthesize(whole.parts, yosys.FAMILIES[board.family], lambda text: status.update(f"{text} ..."))
    return Synthesized(whole, parts)


def _part(path: str, manifest: CoreManifest, counts: Counts) -> Part:
    """A part by its path: the layer it belongs to, and its kind."""
    instance = path.rpartition(".")[2]
    if manifest.models > 1:  # hw.banks: an instance a bank, and the choice among them
        instance = re.sub(r"(?<=_weights)\d$|(?<=_i)\d$|_banks$", "", instance)
    name = instance.removesuffix("_i")
    fifos = {fifo.name for fifo in manifest.fifos}
    if name in fifos:
        kind, layer = "fifo", name
    elif instance.endswith("_weights"):
        kind, layer = "weights", instance.removesuffix("_weights")
    elif instance in ("pacer", "context_i"):
        kind, layer = "frames", name
    elif name == "shell":
        kind, layer = "shell", name
    else:
        kind, layer = "layer", name
    return Part(name, layer, kind, counts)


def estimate(folder: Path, board: Board, netlists: Synthesized) -> Report:
    """What `folder` (build/PRESET/BOARD) holds, synthesized: its parts and layers with their counts (see `count`).

    It fits when the core leaves 15 % of each resource for shell and routing, and everything is on the board. Raises
    UserError where nothing is compiled.
    """
    manifest = CoreManifest.read(folder / "core")
    parts = []
    for path, result in netlists.parts.items():
        parts.append(_part(path, manifest, count(json.loads((result / "cells.json").read_text()))))
    guessed = {row["layer"]: row for row in json.loads((folder / "folding.json").read_text())}
    layers = []
    for layer in dict.fromkeys(part.layer for part in parts if part.kind in ("layer", "weights")):
        own = _total(part for part in parts if part.layer == layer)
        layers.append(LayerArea(layer, own, {key: guessed[layer][key] for key in ("LUT", "DSP", "BRAM")}))
    total = _total(parts)
    core_share = shares(_total(part for part in parts if part.kind != "shell"), board)
    share = shares(total, board)
    return Report(
        board=board.name,
        part=board.part,
        family=yosys.FAMILIES[board.family],
        yosys=version("pyosys"),
        streams=manifest.streams,
        frame_interval=manifest.frame_interval,
        parts=parts,
        layers=layers,
        total=total,
        share=share,
        core_share=core_share,
        fits=max(core_share.values()) <= USABLE and max(share.values()) <= 1,
    )


def largest(report: Report, board: Board, number: int = 10) -> list[tuple[Part, str, float]]:
    """The parts that take the largest share of their scarcest resource: part, resource, share."""
    rows = []
    for part in report.parts:
        by_resource = shares(part.counts, board)
        worst = max(by_resource, key=lambda key: by_resource[key])
        rows.append((part, worst, by_resource[worst]))
    return sorted(rows, key=lambda row: -row[2])[:number]


def table(report: Report, board: Board) -> Table:
    """The report as a person reads it: a row a layer, Yosys' counts, and FINN's estimates in brackets."""
    view = Table(title=f"Area on {board.name} ({board.part}) by Yosys {report.yosys}; in brackets FINN's estimate",
                 box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))  # fmt: skip
    for column in ("layer", "LUT", "", "FF", "LUTRAM", "DSP", "", "RAMB18", "RAMB36", ""):
        view.add_column(column, justify="left" if column == "layer" else "right", no_wrap=column != "layer")

    def add(name: str, row: Counts, guess: dict[str, float] | None = None) -> None:
        guesses = [f"({guess[key]:g})" if guess else "" for key in ("LUT", "DSP", "BRAM")]
        cells = {column: f"{row[column]:,}" for column in COLUMNS}
        view.add_row(name, cells["LUT"], guesses[0], cells["FF"], cells["LUTRAM"], cells["DSP"], guesses[1],
                     cells["RAMB18"], cells["RAMB36"], guesses[2])  # fmt: skip

    for row in report.layers:
        add(row.layer, row.counts, row.estimate)
    for kind, title in (("fifo", "{} FIFOs"), ("frames", "pacing and contexts"), ("shell", "shell")):
        rows = [part for part in report.parts if part.kind == kind]
        if rows:
            add(title.format(len(rows)), _total(rows))
    view.add_section()
    add("total", report.total)
    share = {key: f"{value:.0%}" for key, value in report.share.items()}
    view.add_row(
        f"of {board.name}", share["LUT"], "", share["FF"], share["LUTRAM"], share["DSP"], "", "", share["BRAM"]
    )
    return view


def say(report: Report, board: Board, console: Console) -> None:
    console.print(table(report, board))
    console.print("The ten parts that take most of what they need most of:")
    for part, resource, share in largest(report, board):
        console.print(f"  {part.part:<40} {share:6.1%} of {resource}")
    worst = max(report.core_share, key=lambda key: report.core_share[key])
    verdict = "fits" if report.fits else "does not fit"
    scarcest = f"{report.core_share[worst]:.0%} of {worst}, its scarcest"
    console.print(f"{verdict}: the core takes {scarcest}; it may take {USABLE:.0%} of each")
    if report.family == "xcup":
        console.print("UltraScale+: DSP and BRAM are as sure as for 7-series; LUT, LUTRAM and FF less (docs/area.md)")
