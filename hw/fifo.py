"""FIFO depths, found by simulating the Verilated core at its target frame rate."""

import numpy as np
from finn.transformation.fpgadataflow.insert_fifo import InsertFIFO
from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.general import GiveReadableTensorNames

from hw.dataflow import layer

_SRL_DEPTH, _LUTRAM_DEPTH = 33, 257  # where FINN's fifo.sv changes from shift registers to LUTRAM to block RAM


def insert_fifos(model: ModelWrapper, part: str) -> ModelWrapper:
    """Put a FIFO on every stream, each deep enough for a whole frame: no layer then ever waits for another."""
    for node in model.graph.node:
        instance = layer(node)
        data_inputs = [tensor for tensor in node.input if model.get_initializer(tensor) is None]
        beats = [int(np.prod(instance.get_folded_input_shape(i)[:-1])) for i in range(len(data_inputs))]
        instance.set_nodeattr("inFIFODepths", [max(2, b) for b in beats])
        beats = [int(np.prod(instance.get_folded_output_shape(i)[:-1])) for i in range(len(node.output))]
        instance.set_nodeattr("outFIFODepths", [max(2, b) for b in beats])
    model = model.transform(InsertFIFO(create_shallow_fifos=True)).transform(SpecializeLayers(part))
    model = model.transform(GiveReadableTensorNames())
    set_depths(model, [layer(fifo).get_nodeattr("depth") for fifo in fifos(model)])
    return model


def fifos(model: ModelWrapper) -> list:
    """The FIFO nodes, in topological order."""
    return model.get_nodes_by_op_type("StreamingFIFO_rtl")


def set_depths(model: ModelWrapper, depths: list[int]) -> None:
    """Set each FIFO's depth (2 or more), and its memory by that depth, in place."""
    for fifo, depth in zip(fifos(model), depths, strict=True):
        style = "srl" if depth <= _SRL_DEPTH else "distributed" if depth <= _LUTRAM_DEPTH else "block"
        layer(fifo).set_nodeattr("depth", depth)
        layer(fifo).set_nodeattr("ram_style", style)
