# SPDX-License-Identifier: BSD-3-Clause
"""The synthesized netlists of our modules and of the whole tiny core, in Verilator with models of the FPGA's cells."""

from pathlib import Path

import numpy as np

from shiftcore.artifacts import build_folder
from shiftcore.hw.graph import Frame
from shiftcore.hw.netlist import netlist_core
from shiftcore.hw.verify import verification_frames
from shiftcore.model import image
from shiftcore.model.reference import Reference
from shiftcore.sim.core import CoreModel
from tests.other_weights import other_weights

FRAMES = 3


def outcome(model: CoreModel, reference: Reference, frames: list[Frame], who: str) -> list[int]:
    """The frames' latencies; each logit is the reference's."""
    for frame in frames:
        model.push(frame.pixels, frame.stream, frame.clear)
    results = model.run()
    for index, (frame, result) in enumerate(zip(frames, results, strict=True)):
        right = reference.infer(frame.pixels, frame.stream, frame.clear)
        assert np.array_equal(result.logits, right), f"{who}, frame {index}: {result.logits}, not {right}"
    return [result.latency_cycles for result in results]


def test_netlist_of_the_whole_core_equals_the_reference(tiny_core: Path, tiny_export: Path, tmp_path: Path) -> None:
    """Every logit of every frame, and the latency of the RTL: the netlist is the same machine cycle by cycle; with the
    weights that it has after power-on, and with others that were loaded."""
    netlist = netlist_core(tiny_core, build_folder() / "tests" / "netlist_core")
    text = (netlist / "netlist.v").read_text()
    for cell in ("DSP48E1", "RAMB36E1", "LUT6", "FDRE", "CARRY4", "SRL16E", "RAM32M"):
        assert f"  {cell} " in text, f"no {cell} in the netlist: is it one?"

    with np.load(tiny_export / "model.npz") as content:
        others = other_weights({key: content[key] for key in content.files}, seed=3)
    np.savez(tmp_path / "other.npz", **others)
    frames, latencies = verification_frames(32, 32)[:FRAMES], {}
    for name, folder in (("RTL", tiny_core), ("netlist", netlist)):
        model = CoreModel(folder, seed=7)
        first = outcome(model, Reference.load(tiny_export / "model.npz"), frames, name)
        model.load(image.payload(model.manifest.memories, others))
        latencies[name] = first + outcome(model, Reference.load(tmp_path / "other.npz"), frames, f"{name}, loaded")
    assert latencies["netlist"] == latencies["RTL"]
