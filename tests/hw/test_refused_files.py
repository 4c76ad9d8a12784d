# SPDX-License-Identifier: BSD-3-Clause
"""Files, descriptions and machines that the compiler cannot take: each is told in one line."""

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

from shiftcore.errors import UserError
from shiftcore.hw import rules
from shiftcore.hw.compile import compile_model, read_model
from shiftcore.hw.ops import OURS
from tests.checkout import ROOT
from tests.hw.qonnx_networks import Network, found, plain, stem


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
    assert read_model(path)[1].classes
    (tmp_path / "net.data").write_bytes(left) if left else (tmp_path / "net.data").unlink()
    with pytest.raises(UserError, match=r"net\.onnx: not a QONNX file that can be read: [^\n]*$"):
        read_model(path)


def test_a_description_may_be_the_models_or_its_graphs(tmp_path: Path) -> None:
    """qonnx keeps metadata in the graph, onnx.helper in the model."""
    model = plain().model()
    onnx.save(model, str(tmp_path / "graph.onnx"))
    text = model.graph.metadata_props[0].value
    del model.graph.metadata_props[:]
    helper.set_model_props(model, {"shiftcore": text})
    onnx.save(model, str(tmp_path / "net.onnx"))
    assert read_model(tmp_path / "net.onnx")[1] == read_model(tmp_path / "graph.onnx")[1]


def test_the_page_lists_the_rules() -> None:
    page = (ROOT / "docs" / "obstacles.md").read_text()
    assert rules.table() in page
    assert f"Taken are {', '.join(f'`{op}`' for op in sorted(rules.taken(OURS)))}." in page
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
    command = [sys.executable, "-m", "shiftcore", "compile", str(tmp_path / "net.onnx")]
    environment = os.environ | {"SHIFTCORE_BUILD": str(tmp_path / "build")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert lines[0] == f"error: {tmp_path / 'net.onnx'}: 2 obstacles"
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["conv_1 (conv2)", "quant_3 (threshold2)"]
    assert not list((tmp_path / "build").glob("**/*.onnx"))
