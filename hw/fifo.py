"""FIFO depths and the frame interval, found by simulating the Verilated core at its target frame rate."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from finn.transformation.fpgadataflow.insert_fifo import InsertFIFO
from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.general import GiveReadableTensorNames

from hw.dataflow import layer
from hw.graph import Frame
from hw.verify import first_difference
from sim.core import CoreModel, Result

_SRL_DEPTH, _LUTRAM_DEPTH = 33, 257  # where FINN's fifo.sv changes from shift registers to LUTRAM to block RAM
_INTERVALS = (1.0, 1.0025, 1.005, 1.01, 1.015, 1.0195)  # of the slowest layer's cycles, the shortest that does is taken
# A FIFO of the depth found is built otherwise than the frame-deep one of the simulation, and so a few cycles slower.
_MARGIN = 2
_PAUSES = ((0.3, 0.0), (0.0, 0.3), (0.3, 0.3), (0.0, 0.9))  # probabilities that source and sink pause in a cycle


def fifos(model: ModelWrapper) -> list[NodeProto]:
    """The FIFO nodes, in topological order."""
    return list(model.get_nodes_by_op_type("StreamingFIFO_rtl"))


def insert_fifos(model: ModelWrapper, part: str) -> ModelWrapper:
    """Put a FIFO on every stream, each deep enough for a whole frame: no layer then ever waits for another."""
    for node in model.graph.node:
        instance = layer(node)
        inputs = [tensor for tensor in node.input if model.get_initializer(tensor) is None]
        beats = [int(np.prod(instance.get_folded_input_shape(i)[:-1])) for i in range(len(inputs))]
        instance.set_nodeattr("inFIFODepths", [max(2, b) for b in beats])
        beats = [int(np.prod(instance.get_folded_output_shape(i)[:-1])) for i in range(len(node.output))]
        instance.set_nodeattr("outFIFODepths", [max(2, b) for b in beats])
    model = model.transform(InsertFIFO(create_shallow_fifos=True)).transform(SpecializeLayers(part))
    model = model.transform(GiveReadableTensorNames())
    set_depths(model, [layer(fifo).get_nodeattr("depth") for fifo in fifos(model)])
    return model


def set_depths(model: ModelWrapper, depths: Sequence[int]) -> None:
    """Set each FIFO's depth (2 or more), and its memory by that depth, in place."""
    for fifo, depth in zip(fifos(model), depths, strict=True):
        style = "srl" if depth <= _SRL_DEPTH else "distributed" if depth <= _LUTRAM_DEPTH else "block"
        layer(fifo).set_nodeattr("depth", depth)
        layer(fifo).set_nodeattr("ram_style", style)


def _run(core: CoreModel, frames: Sequence[Frame], expected: np.ndarray, where: str) -> list[Result]:
    for frame in frames:
        core.push(frame.pixels, frame.stream, frame.clear)
    results = core.run()
    difference = first_difference(expected, np.stack([result.logits for result in results]))
    if difference:
        raise RuntimeError(f"the core's RTL differs from its graph ({where}): {difference}")
    return results


def size(core: Path, frames: Sequence[Frame], expected: np.ndarray, progress: Callable[[str], None]) -> dict[str, Any]:
    """Simulate a core whose FIFOs each hold a whole frame and see how full they get.

    Frames are sent at the shortest interval at which every one, from an empty core on, has the same latency: behind
    the pacer that becomes the core's frame rate. Returns `frame_interval` and `latency` in cycles, and `depths` by
    FIFO. Raises RuntimeError where a logit differs from `expected` [frames, classes].
    """
    for factor in _INTERVALS:
        model = CoreModel(core, trace=True)
        model.interval = math.ceil(model.manifest["slowest_op"]["cycles"] * factor)
        progress(f"a frame in {model.interval} cycles")
        results = _run(model, frames, expected, "frame-deep FIFOs")
        latencies = {result.latency_cycles for result in results}
        if len(latencies) == 1:
            depths = {name: max(2, fill + _MARGIN) for name, fill in model.fifo_maxcount().items()}
            return {"frame_interval": model.interval, "latency": latencies.pop(), "depths": depths}
    raise RuntimeError(f"frames in {model.interval} cycles still differ in latency: {sorted(latencies)}")


def prove(core: Path, frames: Sequence[Frame], expected: np.ndarray, progress: Callable[[str], None]) -> dict[str, Any]:
    """Run the finished core at line rate, then with pauses on both sides: the same logits, no deadlock.

    Returns its `latency` in cycles, which at line rate must be one for all frames. Raises RuntimeError otherwise.
    """
    progress("line rate")
    latencies = {result.latency_cycles for result in _run(CoreModel(core), frames, expected, "line rate")}
    if len(latencies) != 1:
        raise RuntimeError(f"the core's frames differ in latency: {sorted(latencies)}")
    for source, sink in _PAUSES:
        progress(f"source pausing {source:.0%}, sink {sink:.0%}")
        paused = CoreModel(core)
        paused.input_pause, paused.output_pause = source, sink
        _run(paused, frames, expected, f"pauses {source}, {sink}")
    return {"latency": latencies.pop()}
