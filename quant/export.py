# SPDX-License-Identifier: BSD-3-Clause
"""From a quantized network to the two files of docs/integer-model.md: QONNX to compile, the integer model to run."""

import json
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from brevitas.export import export_qonnx
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.cleanup import cleanup_model
from torch import Tensor, nn

from shiftcore.artifacts import atomic_file, atomic_folder, digest, is_kept, kept, lock
from shiftcore.errors import UserError
from shiftcore.model import image
from shiftcore.model.description import FORMAT, VERSION, ModelDescription
from shiftcore.model.manifest import ChipManifest
from shiftcore.model.reference import Reference, weights_digest
from shiftcore.quant import integer
from shiftcore.quant.checkpoint import check_finite, chosen_threshold, find, load_network
from shiftcore.quant.layers import ConvLayer
from shiftcore.quant.network import ReducedTSM
from shiftcore.quant.preset import Preset, check_alarm, load_preset
from shiftcore.sources import code

PACKAGES = ("torch", "brevitas", "qonnx", "onnx", "onnxscript", "numpy")
"""Whose versions may change what is exported."""


def export(
    network: ReducedTSM,
    preset: Preset,
    folder: Path,
    trained: bool = False,
    threshold: float | None = None,
    source: str | None = None,
) -> Path:
    """Write `model.onnx` and `model.npz` into `folder`, which they replace as a whole; returns `folder`.

    `threshold`: the alarm's, where the preset leaves it to what was chosen for the weights; `source`: the digest of the
    checkpoint that they come from, for whoever asks later. The network is brought into canonical form
    (`ReducedTSM.snap`) in place. Input of the QONNX graph: one frame `[1, C, H, W]`, floats of the whole numbers 0 to
    255. Raises UserError for weights that are not finite, or too extreme to be made integers of.
    """
    graph, arrays = _integers(network, preset, trained, threshold)
    graph["checkpoint"] = source
    description = json.dumps(graph)
    with atomic_folder(folder) as temporary:
        model = qonnx_model(network, preset)
        model.set_metadata_prop("shiftcore", description)
        model.save(str(temporary / "model.onnx"))
        arrays["graph"] = np.array(description)
        np.savez_compressed(temporary / "model.npz", allow_pickle=False, **arrays)
    return folder


def integer_reference(
    network: ReducedTSM, preset: Preset, trained: bool = False, threshold: float | None = None
) -> Reference:
    """The integer model that `export` would write, ready to run; without the graph to compile, which takes seconds.
    Brings the network into canonical form in place, and raises UserError, as `export` does."""
    graph, arrays = _integers(network, preset, trained, threshold)
    return Reference(ModelDescription.parse(json.loads(json.dumps({**graph, "checkpoint": None}))), arrays)


def _integers(
    network: ReducedTSM, preset: Preset, trained: bool, threshold: float | None
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """`integer_model` of a network that is brought into canonical form first."""
    check_finite(network.state_dict(), "the network to export")
    check_finite(network.snap().state_dict(), "the network to export, its scales multiplied out")
    return integer_model(network, preset, trained, threshold)


def integer_model(
    network: ReducedTSM, preset: Preset, trained: bool, threshold: float | None = None
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The description and the arrays of the integer model of a network in canonical form (docs/integer-model.md);
    `trained` and `threshold` as in `export`."""
    layers = _IntegerLayers()
    layers.convolution("stem", network.stem, 1.0, 255)
    act_bits = preset.quantization.act_bits
    scale, largest = integer.act_scale(act_bits), 2**act_bits - 1
    if network.max_pool is not None:
        layers.add("stem.max_pool", "max_pool", kernel=2, stride=2)
    for s, stage in enumerate(network.stages):
        if stage.transition is not None:
            layers.convolution(f"stage{s}.transition", stage.transition, scale, largest)
        for b, block in enumerate(stage.blocks):
            name, shortcut = f"stage{s}.block{b}", layers.last
            if block.shift is not None:
                layers.add(f"{name}.shift", "shift", channels=block.shift.channels)
            layers.convolution(f"{name}.branch1", block.conv1, scale, largest)
            layers.convolution(f"{name}.branch2", block.conv2, scale, largest)
            layers.add(f"{name}.add", "add", [shortcut, layers.last])
            levels = np.arange(1, largest + 1, dtype=np.int32)[None]
            layers.add(f"{name}.threshold", "threshold", offset=0, bits=act_bits, signed=False, thresholds=levels)
    layers.add("pool", "sum_pool")
    weight, weight_scale = integer.integer_weights(network.classifier)
    layers.add("classifier", "linear", bits=preset.quantization.last_weight_bits, weight=weight.astype(np.int8))
    pixels = (preset.input.height // network.stride) * (preset.input.width // network.stride)
    graph = {
        "format": FORMAT,
        "version": VERSION,
        "trained": trained,
        "preset": preset.model_dump(mode="json"),
        "classes": list(network.classes),
        **asdict(preset.preprocessing),
        "num_segments": preset.data.num_segments,
        "alarm": _alarm(preset, network.classes, trained, threshold),
        "logit_scale": float(weight_scale[0]) * scale / pixels,
        "layers": layers.layers,
    }
    return {**graph, "weights": weights_digest(layers.names, layers.arrays)}, layers.arrays


def _alarm(preset: Preset, classes: Sequence[str], trained: bool, threshold: float | None) -> dict[str, Any]:
    """The preset's alarm. An untrained network's classes may stand in for those that its videos would name, so there
    the ones it does not know are left out. Raises UserError for an unknown class of a trained one."""
    if trained:
        check_alarm(preset, classes)
    known = [name for name in preset.alarm.classes if name in classes]
    return {**preset.alarm.settled(threshold).model_dump(mode="json", exclude={"choose"}), "classes": known}


def qonnx_model(network: ReducedTSM, preset: Preset) -> ModelWrapper:
    """The QONNX graph of one frame, cleaned up, holding nothing of this machine."""
    frame = torch.zeros(1, preset.input.made_of.channels, preset.input.height, preset.input.width)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, which we do not use
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.onnx"
        export_qonnx(_Frame(network).eval(), frame, export_path=path, verbose=False)
        model = cleanup_model(ModelWrapper(path))
    for item in (model.model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        item.ClearField("metadata_props")  # the exporter notes source lines there
        item.ClearField("doc_string")
    return model


class _Frame(nn.Module):
    """The network as a function of one frame: what the state would be is the shift operator's own affair."""

    def __init__(self, network: ReducedTSM) -> None:
        super().__init__()
        self.network = network

    def forward(self, frame: Tensor) -> Tensor:
        return self.network.frames(frame, self.network.empty_state(1))[0]


class _IntegerLayers:
    """Collects layers in order of execution; each takes the one before it unless told otherwise."""

    def __init__(self) -> None:
        self.layers: list[dict[str, Any]] = []
        self.arrays: dict[str, np.ndarray] = {}
        self.last = "input"

    @property
    def names(self) -> list[str]:
        return [str(layer["name"]) for layer in self.layers]

    def add(self, name: str, op: str, inputs: list[str] | None = None, **values: Any) -> None:
        arrays = {key: value for key, value in values.items() if isinstance(value, np.ndarray)}
        keys = {key: value for key, value in values.items() if key not in arrays}
        self.layers.append({"name": name, "op": op, "inputs": inputs or [self.last], **keys})
        self.arrays |= {f"{name}.{key}": value for key, value in arrays.items()}
        self.last = name

    def convolution(self, name: str, layer: ConvLayer, input_scale: float, input_max: int) -> None:
        weight, _ = integer.integer_weights(layer.conv)
        stride = layer.conv.stride[0]
        self.add(f"{name}.conv", "conv", stride=stride, pad=1, bits=layer.bits, weight=weight.astype(np.int8))
        try:
            thresholds = integer.integer_thresholds(layer, input_scale, input_max).astype(np.int32)
        except ValueError as error:
            raise UserError(f"layer {name}: {error}") from None
        offset = -(2 ** (layer.act_bits - 1)) if layer.signed else 0
        values: dict[str, Any] = {
            "offset": offset,
            "bits": layer.act_bits,
            "signed": layer.signed,
            "thresholds": thresholds,
        }
        self.add(f"{name}.threshold", "threshold", **values)


def export_preset(preset: Preset, checkpoint: Path | None = None) -> Path:
    """Export the network of `preset` (`load_network` says which) to its build folder, unless it is that of the same
    weights already, and say where it came from. Returns the folder; raises UserError as `load_network`."""
    folder, source = preset.build / "export", checkpoint or find(preset)
    if source and not source.is_file():
        raise UserError(f"{source}: no such checkpoint")
    weights = digest(source) if source else None

    def make() -> None:
        network, _ = load_network(preset, source)
        threshold = chosen_threshold(source) if source else None
        export(network, preset, folder, source is not None, threshold, weights)
        print(f"{folder}: exported {source or 'UNTRAINED, random weights: no checkpoint of this preset was found'}")

    key = digest(preset.model_dump_json(), str(weights), code("shiftcore.quant.export", packages=PACKAGES))
    if is_kept(folder, key):
        return folder  # without the lock: who only reads need not wait for who writes
    with lock(preset.build):
        return kept(folder, key, make)


def main(
    preset: Annotated[str, typer.Option(help="a preset's name, or the path of its TOML file")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="default: what was trained here, else what is shipped")
    ] = None,
    image_for: Annotated[
        Path | None, typer.Option("--image", help="a build, build/PRESET/BOARD, whose chip gets the model's image, too")
    ] = None,
) -> None:
    """Write the QONNX and the integer model of PRESET to build/PRESET/export."""
    folder = export_preset(load_preset(preset), checkpoint)
    print(f"{folder}: the QONNX and the integer model")
    if image_for:
        print(f"{write_image(folder / 'model.npz', image_for)}: the model as its chip loads it (docs/weights.md)")


def write_image(model: Path, build: Path) -> Path:
    """Write the image of an integer model (.npz) for the chip of a build to `build`/model.img: what its DMA reads, for
    whoever drives it without our driver. Raises UserError where there is no chip, or it is of another shape."""
    manifest = ChipManifest.read(build / "chip")
    with np.load(model, allow_pickle=False) as content:
        try:
            stream = image.payload(manifest.memories, {name: content[name] for name in content.files})
        except ValueError as error:
            raise UserError(f"{model}: not of the shape of {build}: {error}; compile it") from None
    with atomic_file(build / "model.img") as temporary:
        temporary.write_bytes(image.image(manifest.shape, stream).tobytes())
    return build / "model.img"
