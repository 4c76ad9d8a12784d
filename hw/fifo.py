# SPDX-License-Identifier: BSD-3-Clause
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

from shiftcore.hw import memory, ops
from shiftcore.hw.dataflow import layer
from shiftcore.hw.graph import Frame
from shiftcore.hw.verify import first_difference
from shiftcore.sim.core import CoreModel, Deadlock, Result

_CAPS = (32, 128, 512, 2048)  # words in a FIFO, the least that does is taken
_INTERVALS = (1.0, 1.005, 1.0195)  # of the fewest cycles that a frame can take; the shortest that does is taken
_MARGIN = 2  # FINN's FIFOs of the depths found may hand a word on a cycle or two later than the one of the simulation
_PAUSES = ((0.3, 0.0), (0.0, 0.3), (0.3, 0.3), (0.0, 0.9))  # probabilities that source and sink pause in a cycle


class JitterError(RuntimeError):
    """A core whose frames differ in latency."""


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
        style = memory.fifo_style(depth, layer(fifo).get_instream_width_padded())
        layer(fifo).set_nodeattr("depth", depth)
        layer(fifo).set_nodeattr("ram_style", style)


def remove_idle(model: ModelWrapper, fullest: dict[str, int]) -> None:
    """Take out, in place, the FIFOs between two layers in which never more than one word has waited: their consumer
    takes what comes as it comes. `fullest` is the most words in each, by name."""
    ends = {model.graph.input[0].name, *(output.name for output in model.graph.output)}
    for fifo in fifos(model):
        source, sink = fifo.input[0], fifo.output[0]
        if fullest[fifo.name] > 1 or {source, sink} & ends:
            continue
        remove(model, fifo)


def remove(model: ModelWrapper, fifo: NodeProto) -> None:
    """Take a FIFO between two layers out, in place: its consumer takes what comes as it comes."""
    consumer = model.find_consumer(fifo.output[0])
    consumer.input[list(consumer.input).index(fifo.output[0])] = fifo.input[0]
    model.graph.node.remove(fifo)


def _feeds_joint(model: ModelWrapper, fifo: NodeProto) -> bool:
    """Whether a FIFO holds what waits for the other branch, at an addition or another op that joins streams."""
    consumer = model.find_consumer(fifo.output[0])
    while consumer is not None and consumer.op_type in {"StreamingFIFO_rtl", "StreamingDataWidthConverter_rtl"}:
        consumer = model.find_consumer(consumer.output[0])
    op = None if consumer is None else ops.of(consumer.op_type)
    return op is not None and op.inputs > 1


def _run(core: CoreModel, frames: Sequence[Frame], expected: np.ndarray, where: str) -> list[Result]:
    for frame in frames:
        core.push(frame.pixels, frame.stream, frame.clear)
    results = core.run()
    difference = first_difference(expected, np.stack([result.logits for result in results]))
    if difference:
        raise RuntimeError(f"the core's RTL differs from its graph ({where}): {difference}")
    return results


class _Sizing:
    """Simulations of a core built for sizing, each with FIFO depths of its own."""

    def __init__(self, model: ModelWrapper, core: Path, frames: Sequence[Frame], expected: np.ndarray) -> None:
        self.core, self.frames, self.expected = core, frames, expected
        self.deep = {fifo.name: int(layer(fifo).get_nodeattr("depth")) for fifo in fifos(model)}
        self.skips = {fifo.name for fifo in fifos(model) if _feeds_joint(model, fifo)}
        self.shallow: set[str] = set()
        self.before: dict[str, set[str]] = {}  # the FIFOs in front of each type of layer
        for fifo in fifos(model):
            consumer = model.find_consumer(fifo.output[0])
            if consumer is not None and fifo.name not in self.skips:
                self.before.setdefault(consumer.op_type, set()).add(fifo.name)

    def attempt(self, cap: int, factor: float) -> tuple[int, int, dict[str, int]] | None:
        """With at most `cap` words in every FIFO but those at an addition, a frame in `factor` times the slowest
        layer's cycles: the interval, the one latency of all frames, and how full each FIFO got; None where frames
        differ in latency or nothing moves any more."""
        self._set_depths(cap)
        model = CoreModel(self.core, trace=True)
        model.interval = math.ceil(model.manifest.slowest_op.cycles * factor)
        model.step(model.interval)  # as behind the pacer, which lets the layers prepare after reset
        try:
            results = _run(model, self.frames, self.expected, f"FIFOs of at most {cap}")
        except Deadlock:
            return None
        latencies = {result.latency_cycles for result in results}
        if len(latencies) > 1 or results[-1].first_in - results[0].first_in > model.interval * (len(results) - 1):
            return None
        return model.interval, latencies.pop(), model.fifo_maxcount()

    def saturated(self) -> float:
        """Cycles a frame, as a multiple of the slowest layer's, where frames come faster than they can be taken. It is
        more than 1 where a window generator cannot load the next small map while it gives the last windows of this."""
        self._set_depths(max(self.deep.values()))
        model = CoreModel(self.core, trace=True)
        ends = [result.last_out for result in _run(model, self.frames, self.expected, "saturated")]
        return (ends[-1] - ends[-2]) / model.manifest.slowest_op.cycles

    def thin_out(
        self, cap: int, factor: float, progress: Callable[[str], None]
    ) -> tuple[int, int, dict[str, int]] | None:
        """Where deep FIFOs stand in a row, one of them is enough: make those in front of one type of layer after the
        other shallow, as long as `attempt` still succeeds. Its last success, None where there was none."""
        last = None
        for kind, names in self.before.items() if cap > _CAPS[0] else ():
            progress(f"shallow FIFOs in front of {kind}")
            self.shallow |= names
            found = self.attempt(cap, factor)
            if found:
                last = found
            else:
                self.shallow -= names
        return last

    def _set_depths(self, cap: int) -> None:
        caps = {name: _CAPS[0] if name in self.shallow else cap for name in self.deep}
        depths = [deep if name in self.skips else min(deep, caps[name]) for name, deep in self.deep.items()]
        (self.core / "data" / "fifo_depths.hex").write_text("\n".join(f"{depth:x}" for depth in depths) + "\n")


def size(
    model: ModelWrapper, core: Path, frames: Sequence[Frame], expected: np.ndarray, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Find the shallowest FIFOs, and then the shortest interval between frames, with which a core built for sizing
    gives every frame, from an empty core on, the same latency. Behind the pacer that interval is the frame rate.

    Returns `frame_interval` and `latency` in cycles, and by FIFO `depths` and the `fullest` it was. Raises
    RuntimeError where a logit differs from `expected` [frames, classes] or no interval does (JitterError).
    """
    sizing = _Sizing(model, core, frames, expected)
    least = max(1.0, sizing.saturated())
    for cap in (*_CAPS, max(sizing.deep.values())):
        for factor in (least * slack for slack in _INTERVALS):
            progress(f"FIFOs of at most {cap} words, {factor:.2%} of the slowest layer's cycles")
            found = sizing.attempt(cap, factor)
            if found:
                interval, latency, fill = sizing.thin_out(cap, factor, progress) or found
                caps = {name: _CAPS[0] if name in sizing.shallow else cap for name in fill}
                depths = {name: max(2, full if full == caps[name] else full + _MARGIN) for name, full in fill.items()}
                return {"frame_interval": interval, "latency": latency, "depths": depths, "fullest": fill}
    raise JitterError(f"frames differ in latency even at {least * _INTERVALS[-1]:.2%} of the slowest layer's cycles")


def prove(core: Path, frames: Sequence[Frame], expected: np.ndarray, progress: Callable[[str], None]) -> int:
    """Run the finished core at line rate, then with pauses on both sides: the same logits, no deadlock. Returns the
    latency of its frames at line rate, in cycles.

    Raises JitterError where frames at line rate differ in latency, RuntimeError where a logit does, Deadlock.
    """
    progress("line rate")
    latencies = {result.latency_cycles for result in _run(CoreModel(core), frames, expected, "line rate")}
    if len(latencies) != 1:
        raise JitterError(f"the core's frames differ in latency: {sorted(latencies)}")
    for source, sink in _PAUSES:
        progress(f"source pausing {source:.0%}, sink {sink:.0%}")
        paused = CoreModel(core)
        paused.input_pause, paused.output_pause = source, sink
        _run(paused, frames, expected, f"pauses {source}, {sink}")
    return latencies.pop()
