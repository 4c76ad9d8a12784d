# SPDX-License-Identifier: BSD-3-Clause
"""The synthesized netlist as something to simulate: one Verilog file of cells and Yosys' models of them."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from shiftcore.artifacts import atomic_folder
from shiftcore.hw.toolchains import yosys
from shiftcore.hw.toolchains.yosys.models import models
from shiftcore.hw.toolchains.yosys.parts import Design, children, split, synthesize
from shiftcore.model.manifest import CoreManifest

FAMILY = "xc7"  # the one whose cells all have models


def _quiet(_text: str) -> None:
    pass


def netlist(sources: yosys.Sources, folder: Path, progress: Callable[[str], None] = _quiet) -> Path:
    """Synthesize `sources` part by part for 7-series and write `folder`/netlist.v: cells, parts and the top module,
    under its own name and ports. The parts are the instances in the top; what else it has, as the inverter of a reset,
    stays an expression."""
    design = split(sources, folder, lambda hierarchy: children(hierarchy, f"\\{sources.top}"))
    folders = synthesize(design.parts, FAMILY, progress)
    parts = sorted({path for path in folders.values()})
    text = "".join((path / "netlist.v").read_text() for path in parts)
    cells = {cell for path in parts for cell in json.loads((path / "cells.json").read_text())}
    file = folder / "netlist.v"
    file.write_text(f"`timescale 1ns/1ns\n{models(cells)}\n{text}\n{_top(design, folder)}")
    return file


def implementation(folder: Path) -> Callable[[list[Path], str], Path]:
    """For sim.stream_bench.check: simulate the netlist of the bench's modules, written to `folder`."""
    return lambda files, top: netlist(yosys.Sources(tuple(file.resolve() for file in files), top, folder), folder)


def _top(design: Design, folder: Path) -> str:
    """Verilog of the top module around the synthesized parts."""
    types = {part.module: f"\\part_{part.content}" for part in design.parts}
    body = re.sub(r"(?<=^  cell )(\S+)", lambda m: types.get(m[1], m[1]), design.text, flags=re.MULTILINE)
    (folder / "top.il").write_text(f"module \\{design.top}\n{body}end\n")
    yosys.run(["read_rtlil top.il", "write_verilog -noattr top.v"], folder, "top")
    return (folder / "top.v").read_text()


def netlist_core(core: Path, folder: Path, progress: Callable[[str], None] = _quiet) -> Path:
    """A core's netlist as a core of its own in `folder`, which sim.core.CoreModel takes; its layers' streams and
    FIFOs are not to be seen."""
    manifest = CoreManifest.read(core)
    with atomic_folder(folder) as temporary:
        work = temporary / "work"
        shutil.move(netlist(yosys.core_sources(core), work, progress=progress), temporary / "netlist.v")
        shutil.rmtree(work)
        replace(manifest, files=("netlist.v",), trace=(), fifos=()).write(temporary)
    return folder
