# SPDX-License-Identifier: BSD-3-Clause
"""Two models in one core: every frame is of the one that it names, in the time of a core of one; and what is broken in
that is found."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.errors import UserError
from shiftcore.hw import contents, estimate, folding, lockfile, resources
from shiftcore.hw.boards import USABLE, load_board
from shiftcore.model import image
from shiftcore.model.manifest import CoreManifest
from shiftcore.model.reference import Reference
from shiftcore.quant.preset import PRESETS, load_preset
from shiftcore.sim.core import CoreModel, Deadlock, Result
from tests.other_weights import other_weights

BOARD = load_board("pynq-z2")


@pytest.fixture(scope="module")
def models(tiny_two_chip: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two integer models of tiny's shape that differ in every layer."""
    with np.load(tiny_two_chip / "model.npz") as content:
        ours = {key: content[key] for key in content.files}
    folder = tmp_path_factory.mktemp("models")
    for number in range(2):
        np.savez(folder / f"{number}.npz", **other_weights(ours, number + 1))
    return [folder / "0.npz", folder / "1.npz"]


def stream(core: CoreModel, model: Path) -> np.ndarray:
    with np.load(model) as content:
        return image.payload(core.manifest.memories, {key: content[key] for key in content.files})


def loaded(folder: Path, models: Iterable[Path]) -> CoreModel:
    core = CoreModel(folder)
    for bank, model in enumerate(models):
        core.load(stream(core, model), bank)
    return core


def run(core: CoreModel, frames: np.ndarray, order: list[int]) -> list[Result]:
    """Frame by frame of the bank that `order` says, each bank with a camera of its own."""
    for frame, bank in zip(frames, order, strict=True):
        core.push(frame, stream=bank, bank=bank)
    return core.run()


def frames(count: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def expected(models: list[Path], frames: np.ndarray, order: list[int]) -> list[list[int]]:
    references = [Reference.load(model) for model in models]
    return [references[bank].infer(frame, bank).tolist() for frame, bank in zip(frames, order, strict=True)]


ORDER = [0, 1, 0, 1, 1, 1, 0, 0, 1, 0]


def test_cameras_of_two_models_alternate(tiny_two_chip: Path, models: list[Path]) -> None:
    """At full rate, every logit is that of the frame's own model; latency and interval are those that the lock file has
    of a core of one, the same whichever comes behind which."""
    pixels, one = frames(len(ORDER)), lockfile.read(PRESETS / "tiny.pynq-z2.lock")
    assert one is not None
    results = run(loaded(tiny_two_chip / "core", models), pixels, ORDER)
    assert [result.logits.tolist() for result in results] == expected(models, pixels, ORDER)
    assert [result.latency_cycles for result in results] == [one.latency] * len(ORDER)
    started = [result.first_in - results[0].first_in for result in results]
    assert started == [index * one.frame_interval for index in range(len(ORDER))]


def test_a_context_that_comes_late_is_waited_for(tiny_two_chip: Path, models: list[Path]) -> None:
    """With pauses on every port, the context's among them."""
    core = loaded(tiny_two_chip / "core", models)
    core.input_pause = core.output_pause = 0.4
    pixels = frames(len(ORDER))
    results = run(core, pixels, ORDER)
    assert [result.logits.tolist() for result in results] == expected(models, pixels, ORDER)


def test_a_load_touches_its_bank_alone(tiny_two_chip: Path, models: list[Path]) -> None:
    core = loaded(tiny_two_chip / "core", models)
    pixels = frames(len(ORDER))
    for held in (models[::-1], [models[1], models[1]]):
        core.load(stream(core, held[0]), 0)
        if held[1] != models[1]:
            core.load(stream(core, held[1]), 1)
        results = run(core, pixels, ORDER)
        assert [result.logits.tolist() for result in results] == expected(held, pixels, ORDER)
        core.load(stream(core, models[1]), 1)


def test_a_bank_that_there_is_not(tiny_two_chip: Path, models: list[Path]) -> None:
    core = CoreModel(tiny_two_chip / "core")
    with pytest.raises(ValueError, match=r"bank 2 is not in 0 .. 1"):
        core.push(frames(1)[0], bank=2)
    with pytest.raises(ValueError, match=r"bank -1 is not in 0 .. 1"):
        core.load(stream(core, models[0]), -1)


# What is broken. One library has all defects: a data file says which of them it shows.


@pytest.fixture(scope="module")
def broken(tiny_two_chip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The core with a defect a number: 1 to N, the bank is ignored in a layer; 100, a layer ends its frames a word
    early; 101, what is loaded into the second bank goes into the first as well."""
    folder = tmp_path_factory.mktemp("broken") / "core"
    shutil.copytree(tiny_two_chip / "core", folder)
    text = (folder / "core.sv").read_text()
    layers = re.findall(r"\.s_bank_tdata\((\w+)_context_tdata\[8:8\]\)", text)
    assert len(layers) == len(CoreManifest.read(folder).memories)
    for number, layer in enumerate(layers, 1):
        bank = f"{layer}_context_tdata[8:8]"
        text = text.replace(f".s_bank_tdata({bank})", f".s_bank_tdata({bank} & (defect[0] != {number}))")
    declared = '\treg [7:0] defect[1];\n\tinitial $readmemh("data/defect.dat", defect);\n'
    text = text.replace("\twire [", declared + "\twire [", 1)
    text = text.replace(
        "load_turn0[0] = load_begins[0];", "load_turn0[0] = load_begins[0] || (load_begins[1] && defect[0] == 101);"
    )
    (folder / "core.sv").write_text(text)
    select = (folder / "rtl" / "bank_select.sv").read_text()
    beats = re.findall(r"bank_select #\(.*\.BEATS\((\d+)\)", text)[len(layers) // 2]
    early = f"BEAT_BITS'(BEATS-1-(core.defect[0] == 100 && BEATS == {beats}? 1 : 0))"
    assert select.count("BEAT_BITS'(BEATS-1)") == 1
    (folder / "rtl" / "bank_select.sv").write_text(select.replace("BEAT_BITS'(BEATS-1)", early))
    return folder


def shown(broken: Path, defect: int, models: list[Path]) -> bool:
    """Whether a defect shows within three frames."""
    (broken / "data" / "defect.dat").write_text(f"{defect:x}\n")
    pixels, order = frames(3), [0, 1, 0]
    try:
        results = run(loaded(broken, models), pixels, order)
    except Deadlock:
        return True
    return [result.logits.tolist() for result in results] != expected(models, pixels, order)


def test_every_defect_is_found(broken: Path, models: list[Path]) -> None:
    layers = len(CoreManifest.read(broken).memories)
    assert not shown(broken, 0, models)
    assert [defect for defect in (*range(1, layers + 1), 100, 101) if not shown(broken, defect, models)] == []


# Room


def test_a_board_without_room_says_so_by_the_numbers(tiny_two_chip: Path) -> None:
    graph = ModelWrapper(str(tiny_two_chip.parent / "04_rtl.onnx"))  # not folded yet
    one = resources.total(folding.fold_for(graph, BOARD, 4000), BOARD.part)
    contents.set_models(graph, 2)
    two = resources.total(folding.fold_for(graph, BOARD, 4000), BOARD.part)
    assert two["DSP"] == one["DSP"] and two["LUT"] > one["LUT"] + 1000
    small = BOARD.with_(resources={"LUT": int(one["LUT"] / USABLE + 500)})
    usable, each = small.resources.LUT * USABLE, two["LUT"] - one["LUT"]
    said = f"takes {each:.1f} LUT, and {usable - one['LUT']:.1f} of {usable:.1f} usable are left"
    with pytest.raises(UserError, match=f"hardware.models = 2: no room on pynq-z2: each .* {re.escape(said)}"):
        folding.fold_for(graph, small, 4000)


def test_a_preset_says_nothing_of_one_model() -> None:
    """What was exported or found before there could be more is of the same bytes."""
    preset = load_preset("tiny")
    assert preset.hardware.models == 1 and "models" not in preset.model_dump()["hardware"]
    assert preset.with_(hardware={"models": 2}).model_dump()["hardware"]["models"] == 2
    with pytest.raises(UserError, match=r"models: Input should be less than or equal to 4"):
        preset.with_(hardware={"models": 5})


def test_an_estimate_counts_every_bank_with_its_layer(tiny_two_chip: Path) -> None:
    manifest = CoreManifest.read(tiny_two_chip / "core")
    counts = dict.fromkeys(estimate.COLUMNS, 1)
    found = {
        name: (part.layer, part.kind)
        for name in re.findall(
            r"^\t\w+ #\(.*\) (\w+) \($", (tiny_two_chip / "core" / "core.sv").read_text(), re.MULTILINE
        )
        for part in [estimate._part(f"chip.core_i.{name}", manifest, counts)]
    }
    for held in manifest.memories:
        layer, kind = held.layer.replace(".", "_"), "weights" if held.kind == "weights" else "layer"
        names = ("weights0", "weights1", "weights_banks") if kind == "weights" else ("i0", "i1", "banks")
        assert [found[f"{layer}_{name}"] for name in names] == [(layer, kind)] * 3
