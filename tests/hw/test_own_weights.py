# SPDX-License-Identifier: BSD-3-Clause
"""QONNX -> integers, on graphs that the exporter writes in ways of its own."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.hw.streamline import streamline
from shiftcore.hw.verify import integer_logits, verification_frames
from shiftcore.model.reference import Reference
from shiftcore.quant.export import export
from shiftcore.quant.network import random_network
from shiftcore.quant.preset import parse_preset

VALUES = {
    "name": "same",
    "input": {"height": 8, "width": 8},
    "network": {"stem": {"width": 4, "stride": 1}, "stages": [{"width": 4, "stride": 1, "blocks": 2}], "fold_div": 4},
}


@pytest.mark.parametrize("layers", [2, 4])
def test_layers_with_the_same_weights(layers: int, tmp_path: Path) -> None:
    preset = parse_preset(VALUES, "test")
    network = random_network(preset, 1)
    first, *others = [layer.conv for layer, _, _ in network.convolutions()][1 : layers + 1]
    with torch.no_grad():
        for other in others:
            other.weight.copy_(first.weight)
    folder = export(network, preset, tmp_path / "export")
    model, reference = ModelWrapper(str(folder / "model.onnx")), Reference.load(folder / "model.npz")
    shared = [node for node in model.get_nodes_by_op_type("Quant") if len(model.find_consumers(node.output[0])) > 1]
    assert any(model.get_initializer(node.input[0]) is not None for node in shared), "the exporter shares them no more"
    frames = verification_frames(8, 8)
    scale = json.loads(model.get_metadata_prop("shiftcore"))["logit_scale"]
    found = integer_logits(streamline(model), frames, scale)
    assert np.array_equal(found, [reference.infer(*frame) for frame in frames])
