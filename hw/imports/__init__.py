# SPDX-License-Identifier: BSD-3-Clause
"""Networks that others wrote: a QONNX file without a description of ours is given one, and its integer model.

All of it is read off the graph: names from its nodes, shapes and types from its tensors, the integer model from the
graph once it is streamlined, and proven equal to the QONNX graph on the frames that verify a compilation.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from onnx.onnx_cpp2py_export.checker import ValidationError
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.artifacts import atomic_folder, build_folder, digest, is_kept, kept, lock
from shiftcore.errors import UserError
from shiftcore.hw import dataflow, obstacles
from shiftcore.hw.imports.form import Formed, formed
from shiftcore.hw.imports.layers import IntegerLayers
from shiftcore.hw.imports.settings import Settings, settings_of
from shiftcore.hw.streamline import streamline
from shiftcore.hw.verify import first_difference, integer_logits, verification_frames
from shiftcore.model.description import FORMAT, VERSION, InputSize, ModelDescription, NetworkDescription
from shiftcore.model.preprocess import REPRESENTATIONS
from shiftcore.model.reference import Reference, weights_digest
from shiftcore.quant.preset import PRESETS
from shiftcore.sources import code

MOST_CHANNELS = 16
_BY_CHANNELS = {1: "luma", 3: "rgb"}
PACKAGES = ("finn-plus", "qonnx", "onnx", "onnxruntime", "numpy")
"""Whose versions may change what an import yields."""


def read(path: Path) -> ModelWrapper:
    """The graph in a QONNX file. Raises UserError for any other file."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; Brevitas' export_qonnx, or `make export`, writes one")
    try:
        model = ModelWrapper(str(path))
        if model.graph.node:
            return model
        raise UserError(f"{path}: not a QONNX file, it holds no layer; Brevitas' export_qonnx writes one")
    except (DecodeError, RuntimeError):
        raise UserError(f"{path}: not a QONNX file; Brevitas' export_qonnx writes one") from None
    except (ValidationError, ValueError, OSError) as error:  # where it keeps its weights in another file, too
        raise UserError(f"{path}: not a QONNX file that can be read: {str(error).splitlines()[0]}") from None


def described(path: Path) -> Path:
    """A QONNX file with a description and the integer model beside it: `path` itself where it has one, else what is
    imported of it, in build/NAME/export, kept while its content and its settings are the same. Raises UserError naming
    all obstacles."""
    model = read(path)
    if obstacles.has_description(model):
        return path
    name = path.stem
    if (PRESETS / f"{name}.toml").is_file():
        raise UserError(f"{path}: a preset has this name, and would be built in the same folder; rename the file")
    folder, settings = build_folder() / name / "export", path.with_suffix(".toml")
    beside = [each for each in (settings, path.with_name(f"{path.name}.data")) if each.is_file()]
    key = digest(path, *beside, code("shiftcore.hw.imports", packages=PACKAGES))
    if not is_kept(folder, key):
        with lock(folder.parent):
            kept(folder, key, lambda: import_network(model, settings_of(path), folder, name, str(path)))
    return folder / "model.onnx"


def import_network(model: ModelWrapper, settings: Settings, folder: Path, name: str, source: str) -> None:
    """Write `model.onnx`, the graph in the compiler's form with a description, and `model.npz`, its integer model, into
    `folder`, which they replace as a whole. Raises ObstacleError, which calls the file `source`."""
    form = formed(model, settings.input)
    graph = obstacles.named_layers(form.model)
    size, classes = _input_size(form.model), _classes(form.model, settings, source)
    outline = NetworkDescription("", classes, size, 1.0, graph.listed, "")
    ready = obstacles.accept(form.model, outline, source)
    ready.set_metadata_prop("shiftcore", json.dumps({"layers": [{"name": e.name, "op": e.op} for e in graph.listed]}))
    streams = settings.hardware.streams
    integer = dataflow.to_dataflow(streamline(ready), streams)
    found = IntegerLayers(integer, graph.by_kind)
    description = _description(found, form, settings, classes, size, name)
    _check(description, found, ready, source)
    text = json.dumps(description)
    with atomic_folder(folder) as temporary:
        ready.set_metadata_prop("shiftcore", text)
        ready.save(str(temporary / "model.onnx"))
        np.savez_compressed(temporary / "model.npz", allow_pickle=False, **found.arrays, graph=np.array(text))


def _input_size(model: ModelWrapper) -> InputSize:
    """Of the graph's input; all 0 where it says nothing that makes an image, which is an obstacle."""
    inputs = model.graph.input
    shape = [extent.dim_value for extent in inputs[0].type.tensor_type.shape.dim] if len(inputs) == 1 else []
    channels, height, width = shape[1:] if len(shape) == 4 and min(shape[1:]) > 0 else (0, 0, 0)
    return InputSize(height, width, min(channels, MOST_CHANNELS))


def _classes(model: ModelWrapper, settings: Settings, source: str) -> tuple[str, ...]:
    """The names of the graph's logits. Raises UserError where the settings name another number of them."""
    shape = model.get_tensor_shape(model.graph.output[0].name) if model.graph.output else None
    count = int(shape[-1]) if shape else max(1, len(settings.classes))
    if settings.classes and len(settings.classes) != count:
        raise UserError(f"{source}: its settings name {len(settings.classes)} classes, and it has {count} outputs")
    return settings.classes or tuple(f"class {index}" for index in range(count))


def _representation(settings: Settings, size: InputSize) -> str:
    """What the pixels are. Raises UserError where that has another number of channels."""
    wanted = settings.input.representation or _BY_CHANNELS.get(size.channels, "none")
    if wanted in REPRESENTATIONS and REPRESENTATIONS[wanted].channels != size.channels:
        channels = REPRESENTATIONS[wanted].channels
        raise UserError(
            f'input.representation = "{wanted}" has {channels} channel{"s" * (channels > 1)}, the network takes '
            f"{size.channels}"
        )
    return wanted


def _description(
    found: IntegerLayers, form: Formed, settings: Settings, classes: tuple[str, ...], size: InputSize, name: str
) -> dict[str, Any]:
    """What both files say of the network (docs/integer-model.md)."""
    preset = {"name": name, "hardware": settings.hardware.model_dump(mode="json")}
    pixels = settings.input
    preprocess = {
        "representation": _representation(settings, size),
        "images_per_second": pixels.images_per_second,
        "run_every": pixels.run_every,
    }
    offset = {} if form.offset is None else {"logit_offset": [float(value) for value in form.offset]}
    return {
        "format": FORMAT,
        "version": VERSION,
        "trained": True,
        "preset": preset,
        "classes": list(classes),
        "input": asdict(size),
        "preprocess": preprocess,
        "num_segments": settings.num_segments,
        "alarm": None,
        "logit_scale": found.scale,
        **offset,
        "layers": found.layers,
        "weights": weights_digest([entry["name"] for entry in found.layers], found.arrays),
    }


def _check(description: dict[str, Any], found: IntegerLayers, model: ModelWrapper, source: str) -> None:
    """That the integer model computes what the QONNX graph does. Raises RuntimeError where it does not."""
    reference = Reference(ModelDescription.parse(json.loads(json.dumps(description))), found.arrays)
    frames = verification_frames(*reference.input_shape)
    wanted = integer_logits(model, frames, found.scale)
    got = np.stack([reference.infer(frame.pixels, frame.stream, frame.clear) for frame in frames])
    if difference := first_difference(wanted, got):
        raise RuntimeError(f"{source}: its integer model is another network: {difference}")
