# SPDX-License-Identifier: BSD-3-Clause
"""Write a small network with the op: network.py FOLDER makes model.onnx, to compile, and model.npz, for the reference.

Brevitas' exporter would make such a QONNX file of torch.abs; here it is written node by node, with scales that are
powers of two, so that the integer model can be seen to follow from it.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

SIZE, CHANNELS, CLASSES = 8, 4, 2
WEIGHT = 0.125  # the scale of all weights
FIRST, SECOND = 512, 16  # sums of the two convolutions in one step of their activations
STEP = WEIGHT * FIRST  # the scale of the first activation
PIXELS = (SIZE // 2) ** 2

random = np.random.default_rng(1)
conv1, conv2 = (random.integers(-7, 8, (CHANNELS, c_in, 3, 3)) for c_in in (3, CHANNELS))
linear = random.integers(-7, 8, (CLASSES, CHANNELS))
for weights in (conv1, conv2, linear):
    weights.flat[0] = -7

constants: dict[str, np.ndarray] = {}
nodes: list[NodeProto] = []


def node(op: str, *inputs: str, **attributes: Any) -> str:
    """Add a node; returns its output's name."""
    domain = "qonnx.custom_op.general" if op == "Quant" else ""
    name = f"{op.lower()}{len(nodes)}"
    nodes.append(helper.make_node(op, inputs, [f"{name}_out"], name=name, domain=domain, **attributes))
    return f"{name}_out"


def constant(value: Any, dtype: Any = np.float32) -> str:
    """Add a constant; returns its name."""
    constants[f"constant{len(constants)}"] = np.asarray(value, dtype)
    return f"constant{len(constants) - 1}"


def quant(x: str, scale: float, signed: int, narrow: int = 0) -> str:
    """Add a quantizer of four bits."""
    parameters = [constant(value) for value in (scale, 0.0, 4.0)]
    return node("Quant", x, *parameters, signed=signed, narrow=narrow, rounding_mode="ROUND")


def weight(values: np.ndarray) -> str:
    """Add quantized weights, given as whole numbers."""
    return quant(constant(values * WEIGHT), WEIGHT, signed=1, narrow=1)


def thresholds(first: int, last: int, sums: int) -> np.ndarray:
    """The smallest sum that is rounded, half to even, to each level from `first` to `last`; `sums` of them a level."""
    levels = np.arange(first, last + 1)
    return (levels * sums - sums // 2 + levels % 2)[None]


def build() -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """The QONNX model, and the integer model's arrays, its description among them."""
    same = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "dilations": [1, 1], "group": 1}
    x = quant(node("Conv", "frame", weight(conv1), strides=[2, 2], **same), STEP, signed=1)
    x = quant(node("Relu", node("Conv", node("Abs", x), weight(conv2), strides=[1, 1], **same)), 2 * STEP, signed=0)
    x = node("ReduceMean", x, constant([-2, -1], np.int64), keepdims=1)
    x = node("Gemm", node("Reshape", x, constant([1, -1], np.int64)), weight(linear), transB=1)
    graph = helper.make_graph(
        nodes,
        "absolute",
        [helper.make_tensor_value_info("frame", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, CLASSES])],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    domains = [helper.make_opsetid("", 20), helper.make_opsetid("qonnx.custom_op.general", 2)]
    model = helper.make_model(graph, opset_imports=domains, ir_version=10)
    text = json.dumps(description())
    model.graph.metadata_props.add(key="shiftcore", value=text)
    arrays = {
        "conv1.weight": conv1,
        "act1.thresholds": thresholds(-7, 7, FIRST),
        "conv2.weight": conv2,
        "act2.thresholds": thresholds(1, 15, SECOND),
        "linear.weight": linear,
    }
    return model, {**arrays, "graph": np.array(text)}


def description() -> dict[str, Any]:
    """What both files say of the network (docs/integer-model.md)."""
    layers = [
        {"name": "conv1", "op": "conv", "stride": 2, "pad": 1, "bits": 4},
        {"name": "act1", "op": "threshold", "offset": -8, "bits": 4, "signed": True},
        {"name": "magnitude", "op": "abs"},
        {"name": "conv2", "op": "conv", "stride": 1, "pad": 1, "bits": 4},
        {"name": "act2", "op": "threshold", "offset": 0, "bits": 4, "signed": False},
        {"name": "pool", "op": "sum_pool"},
        {"name": "linear", "op": "linear", "bits": 4},
    ]
    before = ["input", *(layer["name"] for layer in layers)]
    network = {"stem": {"width": CHANNELS}, "stages": [{"width": CHANNELS, "stride": 1}], "fold_div": CHANNELS}
    return {
        "format": "shiftcore-integer-model",
        "version": 2,
        "trained": False,
        "preset": {
            "name": "absolute",
            "input": {"height": SIZE, "width": SIZE},
            "network": network,
            "hardware": {"target_fps": 10000, "streams": 1},
        },
        "classes": [f"class {number}" for number in range(CLASSES)],
        "input": {"height": SIZE, "width": SIZE, "channels": 3},
        "preprocess": {"representation": "rgb", "images_per_second": None, "run_every": 1},
        "num_segments": 1,
        "alarm": None,
        "logit_scale": WEIGHT * 2 * STEP / PIXELS,
        "weights": None,
        "layers": [{**layer, "inputs": [source]} for layer, source in zip(layers, before[:-1], strict=True)],
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    onnx_model, integer_model = build()
    onnx.save(onnx_model, str(folder / "model.onnx"))
    np.savez_compressed(folder / "model.npz", **integer_model)
