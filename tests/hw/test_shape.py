# SPDX-License-Identifier: BSD-3-Clause
"""Only a network's shape decides its RTL: what it has learned is in the memories' contents and nowhere else."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from shiftcore.hw import compile as flow
from shiftcore.hw import dataflow, fifo, lockfile
from shiftcore.hw.boards import load_board
from shiftcore.hw.core import build_core
from shiftcore.model import image
from shiftcore.model.manifest import CoreManifest
from shiftcore.quant.export import export
from shiftcore.quant.network import ReducedTSM, random_network
from shiftcore.quant.preset import PRESETS, load_preset

BOARD = load_board("pynq-z2")
CLASSES = ("enter_put", "enter_pick", "leave_put", "leave_pick")  # as many as the shipped weights have
LEARNED = ("model", "content")  # of a core's manifest: which network this is, and the digest of all of it


def core(network: ReducedTSM, folder: Path) -> Path:
    """The core of a network of `tiny`'s shape, folded and with the FIFOs of the shipped lock file, not simulated."""
    preset = load_preset("tiny")
    model, description = flow.read_model(export(network, preset, folder / "export") / "model.onnx")
    found = lockfile.read(PRESETS / f"tiny.{BOARD.name}.lock")
    assert found is not None
    job = flow.Job(folder, BOARD, preset, description, [], found)
    for step in flow.STEPS[:5]:
        model = step.run(model, job)
    assert model.get_metadata_prop("found_for") == found.found_for
    model = fifo.insert_fifos(model, BOARD.part)
    dataflow.name_layers(model, description.layers)
    found.place_fifos(model)
    names = dataflow.name_layers(model, description.layers)
    build_core(model, names, BOARD, preset.hardware.streams, found.frame_interval, folder / "core")
    return folder / "core"


def files(folder: Path) -> dict[str, bytes]:
    """The content of each file that does not hold what was learned."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    manifest = json.loads(found.pop("manifest.json"))
    found["manifest.json"] = json.dumps({key: manifest[key] for key in manifest if key not in LEARNED}).encode()
    return {name: content for name, content in found.items() if not name.startswith("data/")}


@pytest.fixture(scope="module")
def cores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of random weights, and of weights as unlike them as can be: dead layers, one value, and the largest sums."""
    other = random_network(load_preset("tiny"), 2, CLASSES)
    first, second, third, *_ = (layer for layer, _, _ in other.convolutions())
    with torch.no_grad():
        first.conv.weight.abs_()
        second.conv.weight.zero_()
        third.conv.weight.fill_(-0.5)
        third.norm.bias.fill_(60)
        other.classifier.weight.abs_()
    folder = tmp_path_factory.mktemp("shape")
    return core(random_network(load_preset("tiny"), 1, CLASSES), folder / "one"), core(other, folder / "other")


def test_two_checkpoints_give_the_same_core(cores: tuple[Path, Path]) -> None:
    one, other = map(files, cores)
    assert set(one) == set(other)
    assert [name for name in one if one[name] != other[name]] == []


def test_their_memories_differ(cores: tuple[Path, Path]) -> None:
    """In every layer but the quantizers behind additions, whose scales nobody learns; and they have the same sizes: so
    many words, of so many digits."""
    one, other = ({path.name: path.read_text() for path in (core / "data").iterdir()} for core in cores)
    assert {name: list(map(len, text.split())) for name, text in one.items()} == {
        name: list(map(len, text.split())) for name, text in other.items()
    }
    layers = {held.layer.replace(".", "_") for held in CoreManifest.read(cores[0]).memories}
    same = {layer for layer in layers if all(one[name] == other[name] for name in one if name.startswith(f"{layer}_"))}
    assert same == {"stage0_block0_threshold", "stage1_block0_threshold"}


def test_an_integer_model_gives_what_the_compiler_wrote(cores: tuple[Path, Path]) -> None:
    """The load stream of model.npz, made by NumPy alone, holds for each memory the words of FINN's own file; and the
    arrays can be had back from it."""
    for core in cores:
        memories = CoreManifest.read(core).memories
        with np.load(core.parent / "export" / "model.npz") as content:
            arrays = {key: content[key] for key in content.files if key != "graph"}
        for held in memories:
            if held.kind == "weights":
                stream = image.packed(held, image.matrix(held, arrays)).astype("<u4")
                words = stream.reshape(-1, -(-held.pe * held.simd * held.bits // 32))
                file = core / "data" / f"{held.layer.replace('.', '_')}_memblock.dat"
                assert [int.from_bytes(word.tobytes(), "little") for word in words] == [
                    int(word, 16) for word in file.read_text().split()
                ], held.layer
        again = image.arrays(memories, image.payload(memories, arrays), arrays)
        for key, array in arrays.items():
            if key.endswith("weight"):
                assert np.array_equal(again[key], array), key
