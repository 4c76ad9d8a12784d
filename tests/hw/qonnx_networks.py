# SPDX-License-Identifier: BSD-3-Clause
"""Small QONNX networks as a Brevitas user exports them, written node by node: in milliseconds, any mistake included."""

import json
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.hw import obstacles

SCALE = 0.25  # of every activation, unless a network wants another
WEIGHT_SCALE = 0.125
_OPS = {"Conv": "conv", "MaxPool": "max_pool", "Gemm": "linear", "MatMul": "linear", "TemporalShift": "shift"}


class Network:
    """A graph under construction. Each method adds a layer behind tensor `x` and returns its output's name; weights are
    random whole numbers times a power of two, so that float32 is exact."""

    def __init__(self, channels: int = 3, size: int = 16, seed: int = 0) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.random = np.random.default_rng(seed)
        self.layers: list[dict[str, Any]] = []
        self.inputs: dict[str, list[int | str]] = {"frame": [1, channels, size, size]}
        self.outputs: dict[str, list[int | str]] = {}
        self.size = size
        self.opset = 20

    def node(self, op: str, inputs: list[str], layer: str | None = None, **attributes: Any) -> str:
        """Add a node named after its kind and number; `layer`: its kind in the description, where it has one."""
        number = sum(node.op_type == op for node in self.nodes)
        domain = {"Quant": "qonnx.custom_op.general", "BipolarQuant": "qonnx.custom_op.general"}.get(op, "")
        domain = "shiftcore.quant.qonnx_ops" if op == "TemporalShift" else domain
        name = f"{op.lower()}_{number}"
        self.nodes.append(helper.make_node(op, inputs, [f"{name}_out"], name=name, domain=domain, **attributes))
        layer = layer or _OPS.get(op)
        if layer:
            count = sum(entry["op"] == layer for entry in self.layers)
            self.layers.append({"name": f"{layer}{count + 1}", "op": layer, "inputs": ["input"]})
        return f"{name}_out"

    def constant(self, values: Any) -> str:
        """Add an initializer (float32, or int64 for whole numbers in a list)."""
        array = np.asarray(values)
        array = array.astype(np.int64 if isinstance(values, list) else np.float32)
        self.constants[f"constant_{len(self.constants)}"] = array
        return f"constant_{len(self.constants) - 1}"

    def weights(self, *shape: int, bits: int = 4) -> str:
        """Quantized weights, of `bits` bits in narrow range."""
        largest = max(1, 2 ** (bits - 1) - 1)
        values = self.random.integers(-largest, largest + 1, shape)
        values.flat[0] = -largest
        return self.quantized(self.constant(values * np.float32(WEIGHT_SCALE)), WEIGHT_SCALE, bits, narrow=1)

    def quantized(self, x: str, scale: Any = SCALE, bits: float = 4, zero: float = 0, **attributes: Any) -> str:
        """A Quant node, signed unless told otherwise."""
        parameters = [self.constant(np.float32(value)) for value in (scale, zero, bits)]
        return self.node(
            "Quant", [x, *parameters], **{"rounding_mode": "ROUND", "signed": 1, "narrow": 0, **attributes}
        )

    def activation(self, x: str, scale: Any = SCALE, bits: float = 4, **attributes: Any) -> str:
        """ReLU and an unsigned Quant: a layer of thresholds."""
        x = self.quantized(self.node("Relu", [x]), scale, bits, **{"signed": 0, **attributes})
        return self.thresholds(x)

    def signed(self, x: str, scale: Any = SCALE, bits: float = 4, **attributes: Any) -> str:
        """A signed Quant: a layer of thresholds."""
        return self.thresholds(self.quantized(x, scale, bits, **attributes))

    def thresholds(self, x: str) -> str:
        count = sum(entry["op"] == "threshold" for entry in self.layers)
        self.layers.append({"name": f"threshold{count + 1}", "op": "threshold", "inputs": ["input"]})
        return x

    def conv(self, x: str, c_in: int, c_out: int, kernel: Any = 3, bits: int = 4, **attributes: Any) -> str:
        """A convolution with quantized weights; stride 1 and "same" padding unless told otherwise."""
        rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
        group = attributes.get("group", 1)
        weights = self.weights(c_out, c_in // group, rows, columns, bits=bits)
        pads = [rows // 2, columns // 2] * 2
        defaults = {"kernel_shape": [rows, columns], "pads": pads, "strides": [1, 1], "dilations": [1, 1], "group": 1}
        return self.node("Conv", [x, weights], **{**defaults, **attributes})

    def norm(self, x: str, channels: int) -> str:
        """Batch norm with factors of both signs."""
        factor = 2.0 ** self.random.integers(-7, -4, channels) * self.random.choice([-1, 1], channels)
        values = (factor, self.random.uniform(0, 1, channels), self.random.uniform(-4, 4, channels), np.ones(channels))
        return self.node("BatchNormalization", [x, *(self.constant(np.float32(v)) for v in values)])

    def block(self, x: str, c_in: int, c_out: int, **attributes: Any) -> str:
        """Convolution, batch norm, activation."""
        return self.activation(self.norm(self.conv(x, c_in, c_out, **attributes), c_out))

    def pool(self, x: str) -> str:
        """The global average pool as PyTorch's exporter writes it, and the flattening."""
        x = self.node("ReduceMean", [x, self.constant([-1, -2])], "sum_pool", keepdims=1)
        return self.node("Reshape", [x, self.constant([1, -1])])

    def linear(self, x: str, c_in: int, classes: int = 3, bits: int = 8) -> str:
        """The classifier, without a bias."""
        return self.node("Gemm", [x, self.weights(classes, c_in, bits=bits)], transB=1)

    def head(self, x: str, channels: int, classes: int = 3) -> "Network":
        """Pool and classifier: the network is complete."""
        return self.ends(self.linear(self.pool(x), channels, classes), [1, classes])

    def ends(self, x: str, shape: list[int | str]) -> "Network":
        self.outputs[x] = shape
        return self

    def model(self, pixels: int = 64, **description: Any) -> onnx.ModelProto:
        """The file's content. `pixels`: of the map that the global pool means over, for the logits' scale."""
        make = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes,
            "network",
            [make(name, TensorProto.FLOAT, shape) for name, shape in self.inputs.items()],
            [make(name, TensorProto.FLOAT, shape) for name, shape in self.outputs.items()],
            [numpy_helper.from_array(values, name) for name, values in self.constants.items()],
        )
        opsets = {"": self.opset, "qonnx.custom_op.general": 2, "shiftcore.quant.qonnx_ops": 1}
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*item) for item in opsets.items()])
        model.ir_version = 10
        network = {"stem": {"width": 8}, "stages": [{"width": 8, "stride": 1, "blocks": 1}]}
        preset = {"name": "foreign", "input": {"height": self.size, "width": self.size}, "network": network}
        values = {
            "format": "shiftcore-integer-model",
            "version": 2,
            "preset": preset,
            "classes": [f"class {index}" for index in range(3)],
            "input": {"height": self.size, "width": self.size, "channels": 3},
            "logit_scale": WEIGHT_SCALE * SCALE / pixels,
            "layers": self.layers,
            **description,
        }
        model.graph.metadata_props.add(key="shiftcore", value=json.dumps(values))
        return model


def stem(**attributes: Any) -> tuple[Network, str]:
    """A network's first block, frame to 8 channels of 8x8; and the name of its output."""
    net = Network()
    return net, net.block("frame", 3, 8, strides=[2, 2], **attributes)


def plain() -> Network:
    """Two convolutions, pool, classifier: it compiles."""
    net, x = stem()
    return net.head(net.block(x, 8, 8), 8)


def residual(scale: Any = SCALE, bits: int = 4) -> Network:
    """A residual block whose branch has this scale."""
    net, x = stem()
    branch = net.signed(net.norm(net.conv(x, 8, 8), 8), scale, bits)
    return net.head(net.activation(net.node("Add", [x, branch], "add")), 8)


def found(net: Network, **description: Any) -> list[str]:
    """The obstacles in a network, as a user reads them."""
    model = ModelWrapper(net.model(**description))
    return [str(entry) for entry in obstacles.obstacles(model, obstacles.description(model, "net.onnx"))]
