# SPDX-License-Identifier: BSD-3-Clause
"""Weights from files as they really come: prefixed, halved, torn, of other networks, with numbers that are none."""

import json
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shiftcore.errors import UserError
from shiftcore.quant import checkpoint
from shiftcore.quant.data import Clips
from shiftcore.quant.export import export
from shiftcore.quant.learner import two_phases
from shiftcore.quant.network import ReducedTSM, random_network
from shiftcore.quant.strategies import Strategy
from tests.checkout import ROOT
from tests.quant import topologies

PRESET, CLASSES = topologies.NARROW, ("calm", "fight")

Content = dict[str, Any]
State = dict[str, Tensor]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    checkpoint.save(random_network(PRESET, 3, CLASSES), PRESET, tmp_path / "saved.pt", 0.7)
    return tmp_path / "saved.pt"


def changed(saved: Path, change: Callable[[Content], object]) -> Path:
    """The checkpoint after `change` of its content, or with what `change` returns in its place."""
    content = torch.load(saved, weights_only=True)
    path = saved.with_name("changed.pt")
    torch.save(change(content) or content, path)
    return path


def with_state(saved: Path, change: Callable[[State], State]) -> Path:
    return changed(saved, lambda content: content.update(state=change(content["state"])))


def line(path: Path, load: Callable[[Path], object] = checkpoint.load) -> str:
    """The one line with which the file is refused; it names the file first."""
    with pytest.raises(UserError) as refused:
        load(path)
    text = str(refused.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text


def same(one: ReducedTSM, other: ReducedTSM) -> bool:
    others = other.state_dict()
    names = [name for name in others if not name.endswith("num_batches_tracked")]
    return all(torch.equal(one.state_dict()[name], others[name]) for name in names)


@pytest.mark.parametrize("prefix", ["module.", "model.", "_orig_mod.module.", "network."])
def test_a_prefix_common_to_all_names_is_taken_off(saved: Path, prefix: str) -> None:
    whole, _ = checkpoint.load(saved)
    path = with_state(saved, lambda state: {f"{prefix}{name}": value for name, value in state.items()})
    assert same(checkpoint.load(path)[0], whole)


def test_what_data_parallel_saves_is_taken(saved: Path, tmp_path: Path) -> None:
    """With its counts of batches, which `save` leaves out."""
    whole, _ = checkpoint.load(saved)
    state = nn.DataParallel(random_network(PRESET, 3, CLASSES)).state_dict()
    assert all(name.startswith("module.") for name in state)
    assert same(checkpoint.load(changed(saved, lambda content: content.update(state=state)))[0], whole)


MISTAKES: dict[str, tuple[Callable[[State], State], str]] = {
    "one layer missing": (
        lambda state: {name: value for name, value in state.items() if not name.startswith("stages.0.blocks.0.conv1")},
        r"stages\.0\.blocks\.0\.conv1\.conv\.weight, .* and 2 more not there",
    ),
    "one prefixed layer missing": (
        lambda state: {f"module.{name}": value for name, value in state.items() if name != "classifier.weight"},
        r"network: classifier\.weight not there",
    ),
    "some prefixed": (
        lambda state: {f"module.{n}" if n.startswith("stem") else n: value for n, value in state.items()},
        r"stem\.conv\.weight, stem\.norm\.weight, stem\.norm\.bias and 2 more not there",
    ),
    "two prefixes": (
        lambda state: {f"{prefix}.{name}": value for prefix in ("model", "ema") for name, value in state.items()},
        r"stem\.conv\.weight, .* not there",
    ),
    "one too many": (
        lambda state: {**state, "extra.weight": torch.zeros(2)},
        r"extra\.weight not of this network",
    ),
    "nothing": (lambda state: {}, r"stem\.conv\.weight, .* not there"),
    "another shape": (
        lambda state: {**state, "classifier.weight": torch.zeros(3, 8)},
        r"classifier\.weight \[3, 8\], not \[2, \d+\] of another shape",
    ),
    "transposed": (
        lambda state: {**state, "classifier.weight": state["classifier.weight"].T},
        r"classifier\.weight .* of another shape",
    ),
    "NaN": (
        lambda state: {**state, "stem.norm.bias": torch.full_like(state["stem.norm.bias"], torch.nan)},
        r"not finite: stem\.norm\.bias",
    ),
    "infinity": (
        lambda state: {**state, "classifier.weight": state["classifier.weight"] / 0},
        r"not finite: classifier\.weight",
    ),
    "a negative variance": (
        lambda state: {**state, "stem.norm.running_var": -state["stem.norm.running_var"]},
        r"negative: stem\.norm\.running_var",
    ),
    "whole numbers": (
        lambda state: {**state, "stem.conv.weight": (127 * state["stem.conv.weight"]).to(torch.int8)},
        r"cannot be converted exactly to 32-bit floating point: stem\.conv\.weight \(torch\.int8\)",
    ),
    "complex": (
        lambda state: {**state, "stem.norm.bias": state["stem.norm.bias"].to(torch.complex64)},
        r"converted exactly .* stem\.norm\.bias \(torch\.complex64\)",
    ),
    "double precision that single has not": (
        lambda state: {**state, "stem.norm.bias": state["stem.norm.bias"].double() + 1e-12},
        r"converted exactly .* stem\.norm\.bias \(torch\.float64\)",
    ),
    "sparse": (
        lambda state: {**state, "classifier.weight": state["classifier.weight"].to_sparse()},
        r"not a checkpoint .*: classifier\.weight is no plain tensor",
    ),
    "a list": (lambda state: {**state, "classifier.weight": [1.0]}, r"classifier\.weight is no plain tensor"),  # type: ignore[dict-item]
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_weights_that_are_not_the_network_s_are_refused_by_name(saved: Path, mistake: str) -> None:
    change, expected = MISTAKES[mistake]
    path = with_state(saved, change)
    assert re.search(expected, line(path)), line(path)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_another_width_of_floating_point_is_converted_exactly(saved: Path, kind: torch.dtype, tmp_path: Path) -> None:
    """Half precision gives the network that half precision holds, not another."""
    path = with_state(saved, lambda state: {name: value.to(kind) for name, value in state.items()})
    state = torch.load(saved, weights_only=True)["state"]
    wanted = ReducedTSM(PRESET, CLASSES)
    wanted.load_state_dict({**wanted.state_dict(), **{name: value.to(kind).float() for name, value in state.items()}})
    assert same(checkpoint.load(path)[0], wanted.snap())


def test_half_precision_that_overflows_is_refused(saved: Path) -> None:
    def halved(state: State) -> State:
        state["stem.norm.running_var"] += 1e5
        return {name: value.half() for name, value in state.items()}

    assert "not finite: stem.norm.running_var" in line(with_state(saved, halved))


class Odd:
    """What a checkpoint must not hold."""


FILES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut short": lambda content: content[: len(content) // 2],
    "cut by its last bytes": lambda content: content[:-40],
    "a byte": lambda content: content[:1],
    "overwritten": lambda content: content[:200] + bytes(400) + content[600:],
    "text": lambda content: b"epoch,loss\n1,0.5\n",
    "a pickled object": lambda content: pickle.dumps(Odd()),
    "a pickled list": lambda content: pickle.dumps([1, 2]),
    "noise": lambda content: np.random.default_rng(0).bytes(2000),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("load", [checkpoint.load, checkpoint.chosen_threshold])
def test_a_file_that_is_no_checkpoint(saved: Path, kind: str, load: Callable[[Path], object]) -> None:
    path = saved.with_name("broken.pt")
    path.write_bytes(FILES[kind](saved.read_bytes()))
    assert "not a checkpoint" in line(path, load)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda content: Odd(), "objects other than tensors"),
        (lambda content: {**content, "state": nn.Linear(2, 2)}, "objects other than tensors"),
        (lambda content: content["state"], "it holds no preset and no classes and no"),
        (lambda content: {"state_dict": content["state"], "epoch": 3}, "it holds no preset and no classes and no"),
        (lambda content: [content], "not a checkpoint"),
        (lambda content: content.update(classes=[]), "its classes are no list of names"),
        (lambda content: content.update(classes=[1, 2]), "its classes are no list of names"),
        (lambda content: content.update(classes=["a", "b", "c"]), "classifier.weight [2, 16], not [3, 16]"),
        (lambda content: content.update(state=[1]), "its state is no dictionary"),
        (lambda content: content.update(state={1: torch.zeros(1)}), "its state is no dictionary"),
        (lambda content: content.update(preset={"name": "other"}), "Field required"),
        (lambda content: content["preset"]["network"].update(fold_div=3), "fold_div"),
    ],
)  # fmt: skip
def test_content_that_is_no_checkpoint_s(saved: Path, change: Callable[[Content], object], expected: str) -> None:
    assert expected in line(changed(saved, change))


@pytest.mark.parametrize("threshold", [float("nan"), 0.0, -1.0, 1.5, float("inf"), "0.7", [0.7]])
def test_a_threshold_that_is_none_is_refused(saved: Path, threshold: object) -> None:
    path = changed(saved, lambda content: content.update(threshold=threshold))
    assert f"its alarm threshold is {threshold!r}, not a number" in line(path, checkpoint.chosen_threshold)


def test_a_checkpoint_without_a_threshold_has_none(saved: Path) -> None:
    path = changed(saved, lambda content: {key: value for key, value in content.items() if key != "threshold"})
    assert checkpoint.chosen_threshold(path) is None and checkpoint.chosen_threshold(saved) == 0.7


@pytest.mark.parametrize("role", ["start", "teacher"])
def test_a_strategy_refuses_a_checkpoint_with_a_layer_missing(saved: Path, role: str) -> None:
    broken = with_state(saved, MISTAKES["one layer missing"][0])
    strategy = Strategy("finetune", broken) if role == "start" else Strategy(taught_by=(broken,))
    begin = strategy.begin if role == "start" else strategy.teachers
    with pytest.raises(UserError, match=r"changed\.pt: not the weights of this network: stages\.0"):
        begin(PRESET, CLASSES)


def test_nothing_is_exported_from_weights_that_do_not_fit(saved: Path, tmp_path: Path) -> None:
    """The command as a user calls it: one line, exit code 2, and no file that says `trained`."""
    broken = with_state(saved, MISTAKES["one layer missing"][0])
    preset = tmp_path / "narrow.toml"
    values = PRESET.model_dump(mode="json")
    sizes = {key: values[key] for key in ("input", "network", "quantization")}
    preset.write_text("\n".join(f"{key} = {_toml(value)}" for key, value in sizes.items()))
    command = [sys.executable, "-m", "shiftcore", "export", "--preset", str(preset), "--checkpoint", str(broken)]
    environment = {"SHIFTCORE_BUILD": str(tmp_path / "build"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error: {broken}: not the weights of this network: stages.0")
    assert not list((tmp_path / "build").rglob("model.*"))


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items() if item is not None) + " }"
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, list) else json.dumps(value)


@pytest.mark.parametrize("layer", ["stem.norm.bias", "classifier.weight", "stages.0.blocks.0.conv2.norm.running_var"])
def test_no_integers_are_made_of_what_is_no_number(layer: str, tmp_path: Path) -> None:
    network = random_network(PRESET, 3, CLASSES)
    network.state_dict()[layer].view(-1)[0] = torch.nan
    with pytest.raises(UserError, match=f"the network to export: holds values that are not finite: {layer}"):
        export(network, PRESET, tmp_path / "export", trained=True)
    assert not (tmp_path / "export").exists()


@pytest.mark.parametrize("file", ["last.ckpt", "best.ckpt"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04half a file"])
def test_training_does_not_go_on_from_a_torn_state(file: str, content: bytes, tmp_path: Path, clips: Clips) -> None:
    preset = PRESET.with_(training={"float_epochs": 0, "qat_epochs": 1, "batch_size": 2, "keep": "last"})
    two_phases(preset, clips, tmp_path / "run")
    state = tmp_path / "run" / "quantized" / file
    state.write_bytes(content)
    with pytest.raises(UserError, match=rf"{file}: damaged or missing, training cannot go on .* remove .*quantized"):
        two_phases(preset, clips, tmp_path / "run")


@pytest.fixture
def clips() -> Clips:
    size = (4, 3, PRESET.input.height, PRESET.input.width)
    pixels = torch.randint(0, 256, (4, *size), dtype=torch.uint8)
    data = torch.utils.data.TensorDataset(pixels, torch.tensor([0, 1, 0, 1]))
    return Clips(CLASSES, data, torch.utils.data.TensorDataset(torch.empty(0)), 2)
