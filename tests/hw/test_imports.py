# SPDX-License-Identifier: BSD-3-Clause
"""Networks that others wrote, without a description: what is read off their graphs, and proven equal to them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.errors import UserError
from shiftcore.hw import contents, imports
from shiftcore.hw.compile import compile_model, read_model
from shiftcore.hw.dataflow import name_layers
from shiftcore.hw.imports.form import formed
from shiftcore.hw.imports.names import named
from shiftcore.hw.imports.settings import Pixels, Settings
from shiftcore.hw.quantities import Graph
from shiftcore.model.reference import Reference
from tests.hw.qonnx_networks import Network, residual, stem


def foreign(net: Network) -> onnx.ModelProto:
    """The network as others write it: no description."""
    model = net.model()
    del model.graph.metadata_props[:]
    return model


def imported(net: Network, folder: Path, **settings: Any) -> Reference:
    """The integer model of a network, which its import has compared with the QONNX graph."""
    chosen = Settings.model_validate(settings)
    imports.import_network(ModelWrapper(foreign(net)), chosen, folder, "net", "net.onnx")
    assert (folder / "model.onnx").is_file()
    return Reference.load(folder / "model.npz")


def ops(reference: Reference) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(layer.name, layer.op, layer.inputs or ()) for layer in reference.description.layers]


def test_a_residual_network_is_read_off_its_graph(tmp_path: Path) -> None:
    reference = imported(residual(), tmp_path / "net")
    assert ops(reference) == [
        ("conv_0", "conv", ("input",)),
        ("quant_1", "threshold", ("conv_0",)),
        ("conv_1", "conv", ("quant_1",)),
        ("quant_3", "threshold", ("conv_1",)),
        ("add_0", "add", ("quant_1", "quant_3")),
        ("quant_4", "threshold", ("add_0",)),
        ("reducemean_0", "sum_pool", ("quant_4",)),
        ("gemm_0", "linear", ("reducemean_0",)),
    ]
    about = reference.description
    assert (about.preset.name, about.classes) == ("net", ("class 0", "class 1", "class 2"))
    assert about.preprocess.representation == "rgb"


def odd_windows() -> Network:
    """Rows and columns apart: kernel, strides, pads, dilation; a padded max pool; a map flattened into a product."""
    net = Network(channels=5, size=12)
    x = net.activation(net.conv("frame", 5, 6, kernel=(3, 5), strides=[2, 1], pads=[1, 0, 0, 2]))  # 6 x 10
    x = net.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])  # 3 x 5
    x = net.activation(net.norm(net.conv(x, 6, 4, dilations=[1, 2], pads=[1, 2, 1, 2]), 4))
    x = net.activation(net.conv(x, 4, 4, kernel=1))
    x = net.node("Flatten", [x], axis=1)
    return net.ends(net.linear(x, 60), [1, 3])


def test_windows_whose_rows_and_columns_differ(tmp_path: Path) -> None:
    reference = imported(odd_windows(), tmp_path / "net")
    kinds = [layer.op for layer in reference.description.layers]
    assert kinds == ["conv", "threshold", "max_pool", "conv", "threshold", "conv", "threshold", "linear"]
    assert reference.input_shape == (12, 12, 5)
    assert reference.description.preprocess.representation == "none"


def row(biased: bool = True) -> Network:
    """A network of values in a row, as others write it: scaled first, a bias, a norm and scores at the end."""
    net = Network(size=16)
    net.inputs = {"frame": [1, 40]}
    x = net.node("Sub", [net.node("Mul", ["frame", net.constant(np.float32(2))]), net.constant(np.float32(1))])
    x = net.signed(x, scale=0.5, bits=2, narrow=1)
    x = net.signed(net.norm(net.linear(x, 40, 8), 8), scale=1.0, bits=2, narrow=1)
    bias = [net.constant(np.array([0.5, -1.0, 2.0]))] if biased else []
    x = net.node("Gemm", [x, net.weights(3, 8), *bias], transB=1)
    x = net.node("Div", [x, net.constant(np.float32(4))])
    return net.ends(net.node("Softmax", [x], axis=1), [1, 3])


def test_a_row_of_values_its_scale_and_what_is_added_to_its_logits(tmp_path: Path) -> None:
    reference = imported(row(), tmp_path / "net", input={"scale": 255}, classes=["a", "b", "c"])
    assert reference.input_shape == (1, 40, 1)
    assert [layer.op for layer in reference.description.layers] == ["threshold", "linear"] * 2
    assert reference.description.logit_offset == (0.125, -0.25, 0.5)
    logits = np.array([3, 3, 2])
    decision = reference.consensus().update(logits)
    assert np.allclose(decision.logits, logits * reference.description.logit_scale + [0.125, -0.25, 0.5])
    assert decision.name == "c"
    graph, pixels = ModelWrapper(foreign(row())), np.random.default_rng(0).integers(0, 256, (1, 40), np.uint8)
    wanted = scores(graph, pixels.astype(np.float32) / 255)
    got = reference.consensus().update(reference.infer(pixels[..., None])).scores
    assert np.allclose(got, wanted, atol=1e-6)


def scores(graph: ModelWrapper, values: np.ndarray) -> np.ndarray:
    import qonnx.core.onnx_exec as oxe

    graph = graph.transform(imports.form.InferShapes())
    return np.asarray(oxe.execute_onnx(graph, {"frame": values})[graph.graph.output[0].name])[0]


def normalised() -> Network:
    """A network whose input is quantized, so that a mean and a deviation a channel become its first thresholds."""
    net = Network(size=8)
    x = net.signed("frame", scale=0.25, bits=5)
    return net.head(net.block(x, 3, 4), 4)


def test_a_mean_and_a_deviation_a_channel_become_thresholds(tmp_path: Path) -> None:
    pixels: dict[str, Any] = {"scale": 255, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    reference = imported(normalised(), tmp_path / "net", input=pixels)
    values: dict[str, np.ndarray] = {}
    frame = np.random.default_rng(0).integers(0, 256, reference.input_shape, np.uint8)
    reference.infer(frame, trace=values)
    real = (frame / 255 - pixels["mean"]) / np.array(pixels["std"])
    assert np.array_equal(values[reference.layers[0]], np.clip(np.rint(real / 0.25), -16, 15))


def signs() -> Network:
    """Weights and activations of one bit, as Brevitas exports them, with scales of both kinds."""
    net = Network(size=8)
    x = bipolar(net, net.conv("frame", 3, 4), 1.0)
    weights = net.node(
        "BipolarQuant", [net.constant(net.random.normal(size=(4, 4, 3, 3))), net.constant(np.float32(0.5))]
    )
    same: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1] * 4, "strides": [1, 1], "dilations": [1, 1], "group": 1}
    x = bipolar(net, net.norm(net.node("Conv", [x, weights], **same), 4), 0.25)
    return net.head(x, 4)


def bipolar(net: Network, x: str, scale: float) -> str:
    return net.node("BipolarQuant", [x, net.constant(np.float32(scale))])


def test_signs_are_numbers_of_two_bits(tmp_path: Path) -> None:
    reference = imported(signs(), tmp_path / "net")
    values: dict[str, np.ndarray] = {}
    reference.infer(np.random.default_rng(0).integers(0, 256, reference.input_shape, np.uint8), trace=values)
    kinds = {layer.op: values[layer.name] for layer in reference.description.layers}
    assert set(np.unique(kinds["threshold"])) == {-1, 1}
    assert set(np.unique(np.load(tmp_path / "net" / "model.npz")["conv_1.weight"])) == {-1, 1}


class Qcdq(Network):
    """A network whose quantizers are written in QCDQ's way."""

    def quantized(self, x: str, scale: Any = 0.25, bits: float = 4, zero: float = 0, **attributes: Any) -> str:
        signed = attributes.get("signed", 1)
        kind = np.int8 if signed else np.uint8
        low = -(2 ** (int(bits) - 1)) + attributes.get("narrow", 0) if signed else 0
        step, none, least, most = (f"{x}_{name}" for name in ("scale", "zero", "low", "high"))
        self.constants |= {step: np.array(scale, np.float32), none: np.array(zero, kind)}
        if x in self.constants:
            self.constants[x] = np.rint(self.constants[x] / np.float32(scale)).astype(np.int8)
            return self.node("DequantizeLinear", [x, step, none])
        self.constants |= {least: np.array(low, kind), most: np.array(2 ** (int(bits) - signed) - 1, kind)}
        clipped = self.node("Clip", [self.node("QuantizeLinear", [x, step, none]), least, most])
        return self.node("DequantizeLinear", [clipped, step, none])


def test_a_network_in_qcdq_is_the_same_in_qonnx(tmp_path: Path) -> None:
    made = []
    for kind in (Network, Qcdq):
        net = kind(size=8)
        net.head(net.block(net.block("frame", 3, 4), 4, 4), 4)
        imported(net, tmp_path / kind.__name__)
        made.append(np.load(tmp_path / kind.__name__ / "model.npz"))
    arrays = [[values[key] for key in values.files if key != "graph"] for values in made]
    assert len(arrays[0]) == len(arrays[1]) == 5
    assert all(np.array_equal(one, other) for one, other in zip(*arrays, strict=True))
    bits = [[layer.get("bits") for layer in json.loads(str(values["graph"]))["layers"]] for values in made]
    assert bits[0] == bits[1]


WRONG: dict[str, tuple[Callable[[], Network], dict[str, Any], str]] = {
    "another number of means": (
        normalised,
        {"input": {"mean": [0.5, 0.5]}},
        r"input.mean = .*: the network has 3 channels",
    ),
    "another number of classes": (normalised, {"classes": ["a"]}, r"its settings name 1 classes, and it has 3 outputs"),
    "gray of three channels": (normalised, {"input": {"representation": "luma"}}, r'"luma" has 1 channel, the network'),
}


@pytest.mark.parametrize("case", WRONG)
def test_settings_that_do_not_fit_are_refused(case: str, tmp_path: Path) -> None:
    build, settings, line = WRONG[case]
    with pytest.raises(UserError, match=line):
        imported(build(), tmp_path / "net", **settings)
    assert not (tmp_path / "net").exists()


def test_all_obstacles_are_named_at_once_by_the_user_s_names(tmp_path: Path) -> None:
    net, x = stem()
    x = net.activation(net.norm(net.conv(x, 8, 8, bits=1), 8), bits=16)
    net.head(net.activation(net.node("Sigmoid", [x])), 8)
    with pytest.raises(UserError) as refusal:
        imported(net, tmp_path / "net")
    lines = str(refusal.value).splitlines()
    assert lines[0] == "net.onnx: 3 obstacles"
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["conv_1", "quant_3", "sigmoid_0"]


def dynamic() -> Network:
    net, x = stem()
    net.inputs["frame"] = ["batch", 3, 16, 16]
    return net.head(x, 8)


def test_a_shape_that_is_not_fixed_is_an_obstacle(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"input frame: its shape \['batch', 3, 16, 16\] is not fixed; export it with"):
        imported(dynamic(), tmp_path / "net")


def scoped(scopes: dict[str, list[str]]) -> list[str]:
    """The names of a residual network's nodes of which PyTorch notes these scopes."""
    model = foreign(residual())
    nodes = {node.name: node for node in model.graph.node}
    for name, modules in scopes.items():
        nodes[name].metadata_props.add(key="pkg.torch.onnx.name_scopes", value=repr(modules))
    found = named(Graph(ModelWrapper(model)))
    return [found[nodes[name].output[0]] for name in scopes]


def test_layers_bear_the_names_of_the_modules_they_come_from() -> None:
    conv, quant, add = "conv_0", "quant_1", "add_0"
    assert scoped({conv: ["", "stem", "stem.conv", "conv2d"]}) == ["stem.conv"]
    assert scoped({quant: ["", "stem.act", "stem.act.act_quant", "stem.act.act_quant.export_handler", "x"]}) == [
        "stem.act"
    ]
    assert scoped({conv: ["", "b.0", "b.0.conv", "conv2d"], add: ["", "b.0", "add"]}) == ["b.0.conv", "b.0.add"]
    assert scoped({conv: ["", "module", "conv2d"], quant: ["", "module", "x"]}) == ["module_conv", "module_quant"]
    assert scoped({conv: ["", "a.b", "x"], quant: ["", "a_b", "x"]}) == ["a.b", "a_b_2"]
    assert scoped({conv: ["", "0", "x"], quant: ["", "0", "x"]}) == ["layer_0", "layer_0_2"]


def test_what_stands_behind_the_last_product_is_left_as_it_is_where_it_is_no_line(tmp_path: Path) -> None:
    net, x = stem()
    x = net.linear(net.pool(x), 8)
    net.ends(net.node("Mul", [x, net.constant(np.array([1, 2, 3]))]), [1, 3])
    model = ModelWrapper(foreign(net))
    assert formed(model, Pixels()).model.graph.node[-1].op_type == "Mul"
    with pytest.raises(UserError, match="is what Mul makes, not integer logits in one scale"):
        imported(net, tmp_path / "net")


def test_a_network_is_imported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIFTCORE_BUILD", str(tmp_path / "build"))
    onnx.save(foreign(row()), str(tmp_path / "row.onnx"))
    made = imports.described(tmp_path / "row.onnx")
    assert made == tmp_path / "build" / "row" / "export" / "model.onnx"
    assert imports.described(made) == made, "it has a description now"
    monkeypatch.setattr(imports, "import_network", lambda *_: pytest.fail("imported again"))
    assert imports.described(tmp_path / "row.onnx") == made
    (tmp_path / "row.toml").write_text("[input]\nscale = 255\n")
    with pytest.raises(pytest.fail.Exception):
        imports.described(tmp_path / "row.onnx")
    (tmp_path / "row.onnx").rename(tmp_path / "tiny.onnx")
    with pytest.raises(UserError, match="a preset has this name"):
        imports.described(tmp_path / "tiny.onnx")


def test_both_files_say_the_same(tmp_path: Path) -> None:
    imported(row(False), tmp_path / "net")
    with np.load(tmp_path / "net" / "model.npz") as content:
        text = str(content["graph"])
    assert ModelWrapper(str(tmp_path / "net" / "model.onnx")).get_metadata_prop("shiftcore") == text
    assert json.loads(text)["preset"] == {"name": "net", "hardware": {"target_fps": 1000, "streams": 1}}


def two_branches() -> Network:
    """A product on both sides of an addition, as where a residual block changes its width."""
    net, x = stem()
    left = net.signed(net.norm(net.conv(x, 8, 4), 4))
    right = net.signed(net.norm(net.conv(x, 8, 4, kernel=1), 4))
    return net.head(net.activation(net.node("Add", [left, right])), 4)


def test_two_branches_keep_their_names_through_the_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIFTCORE_BUILD", str(tmp_path / "build"))
    onnx.save(foreign(two_branches()), str(tmp_path / "net.onnx"))
    folded = compile_model(tmp_path / "net.onnx", "pynq-z2", ["import", "streamline", "dataflow", "rtl", "fold"])
    model, arrays = ModelWrapper(str(folded)), dict(np.load(tmp_path / "build" / "net" / "export" / "model.npz"))
    names = name_layers(model, read_model(imports.described(tmp_path / "net.onnx"))[1].layers)
    assert contents.first_unlike(model, names, arrays) is None
    turned = {"conv_1": "conv_2", "conv_2": "conv_1"}
    swapped = {node: turned.get(layer, layer) for node, layer in names.items()}
    assert contents.first_unlike(model, swapped, arrays) in turned
