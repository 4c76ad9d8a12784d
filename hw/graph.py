# SPDX-License-Identifier: BSD-3-Clause
"""A graph on its way to hardware: tidying it, and running frames through it to compare two of its stages."""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import qonnx.core.onnx_exec as oxe
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.fold_constants import FoldConstants
from qonnx.transformation.general import (
    GiveReadableTensorNames,
    GiveUniqueNodeNames,
    RemoveUnusedTensors,
    SortGraph,
)
from qonnx.transformation.infer_data_layouts import InferDataLayouts
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes

from shiftcore.errors import UserError
from shiftcore.quant import temporal


class Frame(NamedTuple):
    """A frame and its context: uint8 `pixels` [H, W, C], its `stream`, and `clear` at the start of a clip."""

    pixels: np.ndarray
    stream: int = 0
    clear: bool = False


def tidy(model: ModelWrapper) -> ModelWrapper:
    """Infer shapes, layouts and datatypes anew, fold constants, and name nodes and tensors by position."""
    for transformation in (
        InferShapes(),
        FoldConstants(),
        GiveUniqueNodeNames(),
        GiveReadableTensorNames(),
        InferDataTypes(),
        InferDataLayouts(),
        RemoveUnusedTensors(),
        SortGraph(),
    ):
        model = model.transform(transformation)
    return model


def execute(model: ModelWrapper, frames: Sequence[Frame]) -> np.ndarray:
    """Run `frames` in order through `model` and return its raw output, [frames, outputs] in float64.

    The temporal state starts empty. The input's layout (NCHW or NHWC) is the graph's own. Raises UserError where a node
    cannot be executed.
    """
    temporal.reset()
    model = ModelWrapper(copy.deepcopy(model.model))  # how FINN's layers are executed is an attribute of theirs
    for node in model.graph.node:
        if node.domain.startswith("finn"):
            instance = getCustomOp(node)
            if "exec_mode" in instance.get_nodeattr_types():
                instance.set_nodeattr("exec_mode", "cppsim")
    source, sink = model.graph.input[0].name, model.graph.output[0].name
    nchw = bool(frames) and model.get_tensor_shape(source)[1] == frames[0].pixels.shape[2]
    outputs = []
    for frame in frames:
        temporal.begin_frame(frame.stream, frame.clear)
        tensor = frame.pixels[None].astype(np.float32)
        tensor = tensor.transpose(0, 3, 1, 2) if nchw else tensor
        try:
            output = oxe.execute_onnx(model, {source: tensor})[sink]
        except Exception as error:  # onnxruntime's, onnx's or FINN's
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UserError(f"the graph cannot be executed: {reason}") from error
        outputs.append(output.reshape(-1).astype(np.float64))
    return np.stack(outputs)
