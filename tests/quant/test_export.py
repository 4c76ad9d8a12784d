# SPDX-License-Identifier: BSD-3-Clause
"""The first links of the chain: Brevitas, QONNX and the integer model give the same integers, frame after frame."""

import filecmp
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from qonnx.core import onnx_exec
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.errors import UserError
from shiftcore.model import video
from shiftcore.model.preprocess import to_input
from shiftcore.model.reference import Reference
from shiftcore.quant import synthetic, temporal
from shiftcore.quant.checkpoint import load_network
from shiftcore.quant.export import export, integer_model, integer_reference
from shiftcore.quant.network import ReducedTSM, random_network
from shiftcore.quant.preset import Preset, parse_preset
from tests.checkout import ROOT
from tests.commands import shiftcore
from tests.quant import topologies
from tests.real_clips import real_clips

CONTEXTS = [(0, True), (0, False), (1, True), (0, False), (1, False), (0, True), (0, False), (1, False)]


def noise(preset: Preset, count: int) -> list[np.ndarray]:
    shape = (count, preset.input.height, preset.input.width, preset.input.made_of.channels)
    return list(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def scene(preset: Preset, count: int) -> list[np.ndarray]:
    images = synthetic.clip(("door", "object"), 1, (count, preset.input.height, preset.input.width), (9, 9))
    return list(images[..., : preset.input.made_of.channels])


def brevitas(network: ReducedTSM, frames: list[np.ndarray], contexts: list[tuple[int, bool]]) -> np.ndarray:
    """Real logits of the streaming form, one state a stream."""
    states: dict[int, Any] = {}
    logits = []
    for frame, (stream, clear) in zip(frames, contexts, strict=True):
        state = network.empty_state(1) if clear else states[stream]
        with torch.inference_mode():
            result, states[stream] = network.step(torch.from_numpy(frame.transpose(2, 0, 1)[None]).float(), state)
        logits.append(result[0].numpy())
    return np.stack(logits)


def qonnx(model: ModelWrapper, frames: list[np.ndarray], contexts: list[tuple[int, bool]]) -> np.ndarray:
    temporal.reset()
    logits = []
    for frame, context in zip(frames, contexts, strict=True):
        temporal.begin_frame(*context)
        inputs = {model.graph.input[0].name: frame.transpose(2, 0, 1)[None].astype(np.float32)}
        logits.append(onnx_exec.execute_onnx(model, inputs)[model.graph.output[0].name][0])
    return np.stack(logits)


def differing(network: ReducedTSM, folder: Path, frames: list[np.ndarray], contexts: list[tuple[int, bool]]) -> int:
    """How many integer logits of the three differ; each real logit must also lie near its integer."""
    model = ModelWrapper(str(folder / "model.onnx"))
    description = json.loads(model.get_metadata_prop("shiftcore"))
    reference = Reference.load(folder / "model.npz")
    pairs = zip(frames, contexts, strict=True)
    exact = np.stack([reference.infer(frame, *context) for frame, context in pairs])
    count = 0
    for real in (brevitas(network, frames, contexts), qonnx(model, frames, contexts)):
        scaled = real.astype(np.float64) / description["logit_scale"]
        assert np.abs(scaled - np.round(scaled)).max() < 0.3
        count += int((np.round(scaled) != exact).sum())
    return count


@pytest.mark.parametrize("preset", topologies.ALL, ids=lambda preset: preset.name)
@pytest.mark.parametrize("seed", [0, 1])
def test_brevitas_qonnx_and_integers_agree_on_random_networks(preset: Preset, seed: int, tmp_path: Path) -> None:
    network = random_network(preset, seed)
    export(network, preset, tmp_path / "export")
    frames = noise(preset, 4) + scene(preset, 4)
    assert differing(network, tmp_path / "export", frames, CONTEXTS) == 0


def test_brevitas_qonnx_and_integers_agree_on_the_shipped_network(tmp_path: Path) -> None:
    network, source = load_network(topologies.TINY)
    assert source is not None
    export(network, topologies.TINY, tmp_path / "export", trained=True)
    frames = noise(topologies.TINY, 16) + scene(topologies.TINY, 16)
    assert differing(network, tmp_path / "export", frames, CONTEXTS * 4) == 0


@pytest.mark.skipif(not real_clips(), reason="the real clips are not on this machine")
def test_brevitas_qonnx_and_integers_agree_on_a_real_clip(tmp_path: Path) -> None:
    network, _ = load_network(topologies.TINY)
    export(network, topologies.TINY, tmp_path / "export", trained=True)
    path = real_clips()[0]
    frames = [to_input(frame, 32, 32) for frame in video.frames(path)][:16]
    assert differing(network, tmp_path / "export", frames, CONTEXTS * 2) == 0


def test_a_single_wrong_threshold_is_noticed(tmp_path: Path) -> None:
    preset = topologies.TINY
    network = random_network(preset, 0)
    export(network, preset, tmp_path / "export")
    with np.load(tmp_path / "export" / "model.npz") as content:
        arrays = dict(content)
    arrays["stage1.block0.branch1.threshold.thresholds"][3, 7:] += 40
    np.savez(tmp_path / "export" / "model.npz", **arrays)
    assert differing(network, tmp_path / "export", noise(preset, 8), CONTEXTS) > 0


def test_layers_follow_the_graph(tmp_path: Path) -> None:
    """Layer k of a kind is node k of that kind: names alone tie a trace to the graph."""
    preset = topologies.POOLED
    export(random_network(preset, 0), preset, tmp_path / "export")
    model = ModelWrapper(str(tmp_path / "export" / "model.onnx"))
    description = json.loads(model.get_metadata_prop("shiftcore"))
    names = [layer["name"] for layer in description["layers"]]
    assert len(set(names)) == len(names)
    kinds = {"Conv": "conv", "TemporalShift": "shift", "Add": "add", "MaxPool": "max_pool"}
    nodes = [kinds[node.op_type] for node in model.graph.node if node.op_type in kinds]
    assert nodes == [layer["op"] for layer in description["layers"] if layer["op"] in kinds.values()]


def test_both_files_say_the_same_and_all_of_it(tmp_path: Path) -> None:
    preset = topologies.NARROW
    export(random_network(preset, 0, ("calm", "fight")), preset, tmp_path / "export")
    text = ModelWrapper(str(tmp_path / "export" / "model.onnx")).get_metadata_prop("shiftcore")
    with np.load(tmp_path / "export" / "model.npz") as content:
        assert str(content["graph"]) == text
    description = json.loads(text)
    assert description["classes"] == ["calm", "fight"]
    assert description["trained"] is False
    assert Preset.model_validate(description["preset"]) == preset


def test_the_model_without_its_graph_is_the_exported_one(tmp_path: Path) -> None:
    preset = topologies.NARROW
    exported = Reference.load(export(random_network(preset, 0), preset, tmp_path / "export") / "model.npz")
    made = integer_reference(random_network(preset, 0), preset)
    assert made.description == exported.description and made.description.weights
    for frame, context in zip(noise(preset, 8), CONTEXTS, strict=True):
        assert np.array_equal(made.infer(frame, *context), exported.infer(frame, *context))


def test_same_network_same_bytes_and_nothing_of_this_machine(tmp_path: Path) -> None:
    preset = topologies.NARROW
    for name in ("one", "two"):
        export(random_network(preset, 0), preset, tmp_path / name)
    for file in ("model.onnx", "model.npz"):
        assert filecmp.cmp(tmp_path / "one" / file, tmp_path / "two" / file, shallow=False)
    content = (tmp_path / "one" / "model.onnx").read_bytes()
    assert str(ROOT).encode() not in content and b"site-packages" not in content


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--preset", "nowhere"], "preset 'nowhere': not known; the presets are actions27, cctv"),
        (["--preset", "tiny", "--checkpoint", "README.md"], "README.md: not a checkpoint"),
        (["--preset", "tiny", "--checkpoint", "absent.pt"], "absent.pt: no such checkpoint"),
        (["--preset", "cctv", "--checkpoint", "quant/pretrained/tiny.pt"], "whose [network] is another"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], reason: str) -> None:
    result = shiftcore("export", *arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ") and reason in result.stderr and result.stderr.count("\n") == 1


def test_the_alarm_is_part_of_the_model_and_names_its_classes(tmp_path: Path) -> None:
    values = {**topologies.NARROW.model_dump(mode="json"), "alarm": {"classes": ["fight"], "min_seconds": 2}}
    preset = parse_preset(values, "narrow")
    network = random_network(preset, 0, ("calm", "fight"))
    alarm = {"classes": ["fight"], "threshold": 0.8, "release": 0.5, "min_seconds": 2.0, "cool_down_seconds": 10.0}
    assert integer_model(network, preset, trained=True)[0]["alarm"] == alarm
    stand_ins = random_network(preset, 0, ("enter", "leave"))
    assert integer_model(stand_ins, preset, trained=False)[0]["alarm"]["classes"] == []
    with pytest.raises(UserError, match=r"alarm.classes: no class 'fight'; the classes are enter, leave"):
        integer_model(stand_ins, preset, trained=True)
