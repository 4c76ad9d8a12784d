# SPDX-License-Identifier: BSD-3-Clause
"""What stands in the way of compiling a network made elsewhere is named at import: layer, fault, and what serves."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.errors import UserError
from shiftcore.hw import obstacles, rules
from shiftcore.hw.compile import compile_model, read_model
from tests.checkout import ROOT
from tests.hw.qonnx_networks import SCALE, Network, plain, stem

Build = Callable[[Network, str], Network]


def found(net: Network, **description: Any) -> list[str]:
    """The obstacles in a network, as a user reads them."""
    model = ModelWrapper(net.model(**description))
    return [str(entry) for entry in obstacles.obstacles(model, obstacles.description(model, "net.onnx"))]


def behind_stem(build: Build) -> list[str]:
    net, x = stem()
    return found(build(net, x))


def block(net: Network, x: str, **attributes: Any) -> Network:
    return net.head(net.block(x, 8, 8, **attributes), 8)


def activated(net: Network, x: str, **attributes: Any) -> Network:
    """A second block whose activation has these attributes."""
    return net.head(net.activation(net.norm(net.conv(x, 8, 8), 8), **attributes), 8)


def of_weights(net: Network, x: str, weights: str) -> Network:
    attributes: dict[str, Any] = {
        "kernel_shape": [3, 3],
        "pads": [1] * 4,
        "strides": [1, 1],
        "dilations": [1, 1],
        "group": 1,
    }
    return net.head(net.activation(net.norm(net.node("Conv", [x, weights], **attributes), 8)), 8)


def pooled(net: Network, x: str, op: str, *inputs: str, **attributes: Any) -> Network:
    x = net.node("Flatten", [net.node(op, [x, *inputs], "sum_pool", **attributes)], axis=1)
    return net.ends(net.linear(x, 8), [1, 3])


def max_pooled(net: Network, x: str, **attributes: Any) -> Network:
    form: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2], **attributes}
    return net.head(net.node("MaxPool", [x], **form), 8)


def signed_pool(net: Network, x: str) -> Network:
    x = net.signed(net.norm(net.conv(x, 8, 8), 8))
    return max_pooled(net, x, kernel_shape=[3, 3], pads=[1] * 4)


def two_branches(net: Network, x: str, scale: float, bits: int = 4) -> Network:
    branch = net.signed(net.norm(net.conv(x, 8, 8), 8), scale, bits)
    return net.head(net.activation(net.node("Add", [x, branch], "add")), 8)


RANDOM = np.random.default_rng(0)
NARROW = RANDOM.integers(-7, 8, (8, 8, 3, 3)) * 0.125
PER_CHANNEL = np.array([0.25, 0.5] * 4).reshape(1, 8, 1, 1)

# What a network has behind its stem (`conv1`, `threshold1`), and the one line about it.
OF_LAYERS: dict[str, tuple[Build, str]] = {
    "grouped": (
        lambda n, x: block(n, x, group=4),
        r"conv_1 \(conv2\): a grouped convolution \(4 groups\); use a plain conv.*",
    ),
    "depthwise": (
        lambda n, x: block(n, x, group=8),
        r"conv_1 \(conv2\): a depthwise convolution \(8 channels\), which has .*",
    ),
    "float weights": (
        lambda n, x: of_weights(n, x, n.constant(NARROW)),
        r"conv_1 \(conv2\): its weights are not quantized; .*",
    ),
    "1-bit weights": (lambda n, x: block(n, x, bits=1), r"conv_1 \(conv2\): its weights have 1 bit; use 2 to 8 bits"),
    "16-bit weights": (
        lambda n, x: block(n, x, bits=16),
        r"conv_1 \(conv2\): its weights have 16 bits; use 2 to 8 bits",
    ),
    "a weight scale an input channel": (
        lambda n, x: of_weights(n, x, n.quantized(n.constant(NARROW), np.full((1, 8, 1, 1), 0.125))),
        r"conv_1 \(conv2\): the scale of its weights is an array \[1, 8, 1, 1\], more than one an output channel; .*",
    ),
    "weights with a zero point": (
        lambda n, x: of_weights(n, x, n.quantized(n.constant(NARROW), 0.125, zero=1)),
        r"conv_1 \(conv2\): its weights have a zero point; use weights with one scale, or one an output channel",
    ),
    "16-bit activations": (
        lambda n, x: activated(n, x, bits=16),
        r"quant_3 \(threshold2\): activations of 16 bits; use 2 to .*",
    ),
    "1-bit activations": (
        lambda n, x: activated(n, x, bits=1),
        r"quant_3 \(threshold2\): activations of 1 bit; use 2 to 8 bits",
    ),
    "a scale per channel": (
        lambda n, x: activated(n, x, scale=PER_CHANNEL),
        r"quant_3 \(threshold2\): its activations have 8 scales, one a channel; use one scale for the tensor .*",
    ),
    "a zero point": (
        lambda n, x: activated(n, x, zero=3),
        r"quant_3 \(threshold2\): its activations have a zero point of 3; .*",
    ),
    "rounding down": (
        lambda n, x: activated(n, x, rounding_mode="FLOOR"),
        r"quant_3 \(threshold2\): it rounds by FLOOR; use .*",
    ),
    "signed behind ReLU": (
        lambda n, x: activated(n, x, signed=1),
        r"quant_3 \(threshold2\): a signed quantizer behind ReLU relu_1; .*",
    ),
    "a bare ReLU": (
        lambda n, x: block(n, n.node("Relu", [n.norm(n.conv(x, 8, 8), 8)])),
        r"relu_1: its output is not quantized; .*",
    ),
    "an unquantized layer": (
        lambda n, x: block(n, n.norm(n.conv(x, 8, 8), 8)),
        r"conv_2 \(conv3\): its input is not quantized: it comes from BatchNormalization batchnormalization_1; .*",
    ),
    "two scales": (
        lambda n, x: two_branches(n, x, SCALE / 2),
        r"add_0 \(add1\): adds branches of two scales, 0\.25 and 0\.125; give both branches a quantizer of one .*",
    ),
    "a branch that is not quantized": (
        lambda n, x: n.head(n.activation(n.node("Add", [x, n.norm(n.conv(x, 8, 8), 8)], "add")), 8),
        r"add_0 \(add1\): adds a branch that is not quantized; give both branches a quantizer of one scale .*",
    ),
    "a tensor twice": (
        lambda n, x: n.head(n.activation(n.node("Add", [x, x], "add")), 8),
        r"add_0 \(add1\): adds a tensor to its.*",
    ),
    "a product of tensors": (
        lambda n, x: n.head(n.activation(n.node("Mul", [x, x])), 8),
        r"mul_0: Mul of two tensors that depend .*",
    ),
    "average pool": (
        lambda n, x: pooled(n, x, "AveragePool", kernel_shape=[2, 2], strides=[2, 2]),
        r"averagepool_0 \(sum_pool1\): an average pool of \[2, 2\] over a map of \[8, 8\]; use a conv.*",
    ),
    "a mean that is quantized": (
        lambda n, x: n.ends(n.linear(n.signed(n.pool(x), signed=0), 8), [1, 3]),
        r"quant_2 \(threshold2\): it quantizes what the global average pool gives; leave it out",
    ),
    "a mean over channels": (
        lambda n, x: pooled(n, x, "ReduceMean", n.constant([1, 3]), keepdims=1),
        r"reducemean_0 \(sum_pool1\): a mean over axes \[1, 3\], not over the image's, \[2, 3\]; .*",
    ),
    "a mean over rows": (
        lambda n, x: pooled(n, x, "ReduceMean", n.constant([2]), keepdims=1),
        r"reducemean_0 \(sum_pool1\): a mean over axes \[2\], not over the image's, \[2, 3\]; .*",
    ),
    "a mean over everything": (
        lambda n, x: pooled(n, x, "ReduceMean", keepdims=1),
        r"reducemean_0 \(sum_pool1\): a mean over axes all, not over the image's, \[2, 3\]; .*",
    ),
    "padded max of signed": (
        signed_pool,
        r"maxpool_0 \(max_pool1\): a max pool with padding over signed activations; .*",
    ),
    "max pool of odd form": (
        lambda n, x: max_pooled(n, x, ceil_mode=1),
        r"maxpool_0 \(max_pool1\): a max pool with dilation .*",
    ),
    "pool with gaps": (
        lambda n, x: max_pooled(n, x, strides=[3, 3]),
        r"maxpool_0 \(max_pool1\): a max pool whose stride \[3, 3\] .*",
    ),
    "sigmoid": (
        lambda n, x: n.head(n.signed(n.node("Sigmoid", [x])), 8),
        r"sigmoid_0: op Sigmoid is not taken; the ops are Add, .*",
    ),
    "concat": (
        lambda n, x: n.head(n.node("Concat", [x, x], axis=1), 16),
        r"concat_0: op Concat is not taken; add two branches .*",
    ),
    "softmax": (
        lambda n, x: n.ends(n.node("Softmax", [n.linear(n.pool(x), 8)]), [1, 3]),
        r"softmax_0: op Softmax is not taken; end with the classifier: .*",
    ),
    "batch in the middle": (
        lambda n, x: n.head(n.node("Reshape", [x, n.constant([2, 4, 8, 8])]), 4),
        r"reshape_0: it makes \[2, 4, 8, 8\] of \[1, 8, 8, 8\]; flatten to \[1, features\]",
    ),
    "transpose": (
        lambda n, x: block(n, n.node("Transpose", [x], perm=[0, 1, 3, 2])),
        r"transpose_0: a transpose of the data \(\[0, 1, 3, 2\]\); leave the data in NCHW",
    ),
    "a bias of the classifier": (
        lambda n, x: n.ends(
            n.node("Gemm", [n.pool(x), n.weights(3, 8, bits=8), n.constant(np.ones(3))], transB=1), [1, 3]
        ),
        r"gemm_0 \(linear1\): the output is what Gemm makes, not integer logits in one scale; .*bias=False.*",
    ),
    "a branch that ends": (
        lambda n, x: (n.conv(x, 8, 8), block(n, x))[1],
        r"conv_1 \(conv2\): nothing uses its output; leave .*",
    ),
}


@pytest.mark.parametrize("case", OF_LAYERS)
def test_a_layer_that_cannot_be_compiled_is_named_in_one_line(case: str) -> None:
    build, line = OF_LAYERS[case]
    lines = behind_stem(build)
    assert len(lines) == 1, lines
    assert re.fullmatch(line, lines[0]), lines[0]


def test_all_obstacles_are_named_at_once_and_what_follows_from_one_is_none() -> None:
    net, x = stem()
    x = net.activation(net.norm(net.conv(x, 8, 16, group=8), 16), bits=16)
    x = net.node("AveragePool", [x], "sum_pool", kernel_shape=[2, 2], strides=[2, 2])
    model = ModelWrapper(net.head(net.node("Sigmoid", [x]), 16).model())
    with pytest.raises(UserError) as refused:
        obstacles.accept(model, obstacles.description(model, "net.onnx"), "net.onnx")
    first, *lines = str(refused.value).splitlines()
    assert first == "net.onnx: 4 obstacles"
    names = ["conv_1 (conv2)", "quant_3 (threshold2)", "averagepool_0 (sum_pool1)", "sigmoid_0"]
    assert [line.strip().split(":")[0] for line in lines] == names


def declared(net: Network, shape: list[int | str]) -> Network:
    net.inputs["frame"] = shape
    return net


def two_inputs() -> Network:
    net, x = stem()
    net.inputs["mask"] = [1, 8, 8, 8]
    return net.head(net.activation(net.node("Add", [x, "mask"], "add")), 8)


def two_outputs() -> Network:
    net, x = stem()
    net.ends(x, [1, 8, 8, 8])
    return net.head(net.block(x, 8, 8), 8)


def forked_input() -> Network:
    net = Network()
    left, right = net.block("frame", 3, 8), net.block("frame", 3, 8)
    return net.head(net.activation(net.node("Add", [left, right], "add")), 8)


def unquantized() -> Network:
    net = Network()
    x = net.node("Relu", [net.node("Conv", ["frame", net.constant(np.ones((8, 3, 3, 3)))])])
    x = net.node("Flatten", [net.node("GlobalAveragePool", [x])])
    return net.ends(net.node("Gemm", [x, net.constant(np.ones((8, 3)))]), [1, 3])


def qcdq() -> Network:
    net = Network()
    scale, zero = net.constant(np.float32(0.25)), net.constant(np.float32(0))
    x = net.node("DequantizeLinear", [net.node("QuantizeLinear", ["frame", scale, zero]), scale, zero])
    return net.head(x, 3)


def not_finite() -> Network:
    net = plain()
    net.constants[next(n for n in net.nodes if n.op_type == "BatchNormalization").input[1]][2] = np.nan
    return net


OF_FILES: dict[str, tuple[Callable[[], Network], str]] = {
    "a batch that is not fixed": (
        lambda: declared(plain(), ["batch", 3, 16, 16]),
        r"input frame: its shape \['batch', 3, 16, 16\] is not fixed; export it with one input, a frame of shape .*",
    ),
    "a size that is not fixed": (
        lambda: declared(plain(), [1, 3, "h", "w"]),
        r"input frame: its shape \[1, 3, 'h', 'w'\] .*",
    ),
    "a batch": (
        lambda: declared(plain(), [4, 3, 16, 16]),
        r"input frame: its shape is \[4, 3, 16, 16\]; export it with .*",
    ),
    "another size": (
        lambda: declared(plain(), [1, 3, 8, 8]),
        r"input frame: its shape is \[1, 3, 8, 8\]; .* \[1, 3, 16, 16\]",
    ),
    "channels last": (
        lambda: declared(plain(), [1, 16, 16, 3]),
        r"input frame: its shape is \[1, 16, 16, 3\]; export .*",
    ),
    "one channel": (
        lambda: (net := Network(1)).head(net.block("frame", 1, 8), 8),
        r"input frame: its shape is \[1, 1, 16, 16\]; export it with one input, a frame of shape \[1, 3, 16, 16\]",
    ),
    "two inputs": (two_inputs, r"the inputs: 2 inputs \(frame, mask\); export it with one input, a frame .*"),
    "two outputs": (two_outputs, r"the outputs: 2 outputs \(.*\); export it with one output, the logits"),
    "an input to two layers": (
        forked_input,
        r"input frame: it goes to several layers, conv_0 and conv_1; let one conv.*",
    ),
    "no layer": (lambda: Network().ends("frame", [1, 3, 16, 16]), r"the graph: it has no layer; export the network .*"),
    "nothing quantized": (unquantized, r"the graph: nothing is quantized; train it with Brevitas, and export it .*"),
    "QCDQ": (qcdq, r"the graph: it is quantized in QCDQ's way; export it with Brevitas' export_qonnx"),
    "NaN": (not_finite, r"batchnormalization_0: a parameter is NaN or infinite; train the network anew"),
    "too many classes": (
        lambda: (n := stem())[0].head(n[1], 8, classes=5),
        r"output gemm_0_out: its shape is \[1, 5\]; .*",
    ),
}


@pytest.mark.parametrize("case", OF_FILES)
def test_a_file_that_cannot_be_compiled_is_told_in_one_line(case: str) -> None:
    build, line = OF_FILES[case]
    lines = found(build())
    assert len(lines) == 1, lines
    assert re.fullmatch(line, lines[0]), lines[0]


def test_a_description_of_another_network_is_told() -> None:
    net = plain()
    wrong = found(net, layers=[*net.layers, {"name": "extra", "op": "conv", "inputs": ["input"]}])
    assert wrong == [
        "the description: it lists 3 layers of op 'conv', and the graph has 2; "
        "list the graph's layers in order (docs/integer-model.md)"
    ]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"layers": None}, "its description has a wrong 'layers'"),
        ({"layers": [{"name": "a", "op": "fft"}]}, "its description lists no layer but {'name': 'a', 'op': 'fft'}"),
        ({"logit_scale": 0}, "its description has logit_scale = 0, and it must be positive"),
        ({"classes": "abc"}, "its description has a wrong 'classes'"),
    ],
)
def test_a_damaged_description_is_one_line(tmp_path: Path, change: dict[str, Any], line: str) -> None:
    onnx.save(plain().model(**change), str(tmp_path / "net.onnx"))
    with pytest.raises(UserError, match=re.escape(f"net.onnx: {line}")):
        read_model(tmp_path / "net.onnx")


@pytest.mark.parametrize("left", [b"", b"short"])
def test_weights_in_a_file_that_is_missing_or_short_are_one_line(tmp_path: Path, left: bytes) -> None:
    """PyTorch's exporter puts large weights beside the model."""
    path = tmp_path / "net.onnx"
    onnx.save(plain().model(), str(path), save_as_external_data=True, location="net.data", size_threshold=0)
    assert read_model(path)[1]["classes"]
    (tmp_path / "net.data").write_bytes(left) if left else (tmp_path / "net.data").unlink()
    with pytest.raises(UserError, match=r"net\.onnx: not a QONNX file that can be read: [^\n]*$"):
        read_model(path)


def test_a_description_may_be_the_models_or_its_graphs(tmp_path: Path) -> None:
    """qonnx keeps metadata in the graph, onnx.helper in the model."""
    model = plain().model()
    text = model.graph.metadata_props[0].value
    del model.graph.metadata_props[:]
    helper.set_model_props(model, {"shiftcore": text})
    onnx.save(model, str(tmp_path / "net.onnx"))
    assert read_model(tmp_path / "net.onnx")[1] == json.loads(text)


def test_the_page_lists_the_rules() -> None:
    page = (ROOT / "docs" / "obstacles.md").read_text()
    assert rules.table() in page
    assert f"Taken are {', '.join(f'`{op}`' for op in sorted(rules.TAKEN))}." in page
    assert set(re.findall(r"^\| `(\w+)` \| ([^|]*) \|$", page, re.M)) == set(rules.INSTEAD.items())


@pytest.mark.parametrize(
    ("environment", "line"), [({"CXX": "no-such-compiler"}, "no-such-compiler"), ({"PATH": "/nowhere"}, "not found")]
)
def test_a_missing_tool_is_told_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], line: str
) -> None:
    """It was found missing by the sixth step, after minutes."""
    onnx.save(plain().model(), str(tmp_path / "net.onnx"))
    monkeypatch.setenv("SHIFTCORE_BUILD", str(tmp_path / "build"))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=line):
        compile_model(tmp_path / "net.onnx", "pynq-z2")
    assert not (tmp_path / "build").exists()


def test_a_refused_network_ends_the_command_with_its_lines(tmp_path: Path) -> None:
    net, x = stem()
    onnx.save(net.head(net.activation(net.conv(x, 8, 8, group=8), bits=16), 8).model(), str(tmp_path / "net.onnx"))
    command = [sys.executable, "-m", "shiftcore", "compile", "--model", str(tmp_path / "net.onnx")]
    environment = os.environ | {"SHIFTCORE_BUILD": str(tmp_path / "build")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert lines[0] == f"error: {tmp_path / 'net.onnx'}: 2 obstacles"
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["conv_1 (conv2)", "quant_3 (threshold2)"]
    assert not list((tmp_path / "build").glob("**/*.onnx"))
