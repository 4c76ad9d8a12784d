# SPDX-License-Identifier: BSD-3-Clause
"""The synthesized netlists of our modules and of the whole tiny core, in Verilator with models of the FPGA's cells."""

from pathlib import Path

import numpy as np

from shiftcore.artifacts import build_folder
from shiftcore.hw.netlist import netlist_core
from shiftcore.hw.verify import verification_frames
from shiftcore.model.reference import Reference
from shiftcore.sim.core import CoreModel

FRAMES = 3


def test_netlist_of_the_whole_core_equals_the_reference(tiny_core: Path, tiny_export: Path) -> None:
    """Every logit of every frame, and the latency of the RTL: the netlist is the same machine cycle by cycle."""
    netlist = netlist_core(tiny_core, build_folder() / "tests" / "netlist_core")
    text = (netlist / "netlist.v").read_text()
    for cell in ("DSP48E1", "RAMB36E1", "LUT6", "FDRE", "CARRY4", "SRL16E", "RAM32M"):
        assert f"  {cell} " in text, f"no {cell} in the netlist: is it one?"

    reference = Reference.load(tiny_export / "model.npz")
    frames = verification_frames(32, 32)[:FRAMES]
    expected = [reference.infer(frame.pixels, frame.stream, frame.clear) for frame in frames]
    latencies = {}
    for name, folder in (("RTL", tiny_core), ("netlist", netlist)):
        model = CoreModel(folder, seed=7)
        for frame in frames:
            model.push(frame.pixels, frame.stream, frame.clear)
        results = model.run()
        for index, (right, result) in enumerate(zip(expected, results, strict=True)):
            assert np.array_equal(result.logits, right), f"{name}, frame {index}: {result.logits}, not {right}"
        latencies[name] = [result.latency_cycles for result in results]
    assert latencies["netlist"] == latencies["RTL"]
