# SPDX-License-Identifier: BSD-3-Clause
"""The chip's folder, and the real core in the chip: fed as fast as it can go, whatever memory does."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from shiftcore.driver.build import Build
from shiftcore.driver.errors import BuildError
from shiftcore.errors import UserError
from shiftcore.flow import build as flow
from shiftcore.hw.boards import load_board
from shiftcore.hw.chip import CONTEXT_PACKAGE, INGEST, PACKAGES, RTL, SHELL, build_chip, config_package
from shiftcore.hw.compile import core_rtl, read_model
from shiftcore.model import registers as reg
from shiftcore.model.manifest import ChipManifest
from shiftcore.model.reference import Reference
from shiftcore.quant.preset import described_preset
from shiftcore.sim.chip import ChipModel
from tests.ingest_build import with_ingest

FRAMES = 8
SEED = 5


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_manifest_says_what_is_there(tiny_chip: Path, tiny_core: Path) -> None:
    manifest = json.loads((tiny_chip / "manifest.json").read_text())
    assert all((tiny_chip / file).is_file() for file in manifest["files"])
    assert [file for file in manifest["files"] if file.endswith("_pkg.sv")] == manifest["files"][:5]
    assert f"BUILD_HASH = 32'h{manifest['build_hash']};" in (tiny_chip / "rtl" / "chip_config_pkg.sv").read_text()
    assert content(tiny_chip / "core") == content(tiny_core)
    assert manifest["record_bytes"] == 16 + 4 * manifest["logits"]
    assert (manifest["base_address"], manifest["address_bits"], manifest["family"]) == (0x4000_0000, 32, "zynq7")


def test_the_same_inputs_give_the_same_bytes(
    tiny_chip: Path, tiny_core: Path, tiny_export: Path, tmp_path: Path
) -> None:
    (tmp_path / "core").symlink_to(tiny_core)
    board = load_board("pynq-z2")
    chip = build_chip(tmp_path / "core", tiny_export / "model.npz", board)
    assert content(chip) == content(tiny_chip)
    before = (chip / "manifest.json").stat().st_mtime_ns
    assert build_chip(tmp_path / "core", tiny_export / "model.npz", board) == chip
    assert (chip / "manifest.json").stat().st_mtime_ns == before


def test_another_model_or_shell_is_another_build(
    tiny_core: Path, tiny_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "core").symlink_to(tiny_core)
    board, model = load_board("pynq-z2"), tmp_path / "model.npz"
    with np.load(tiny_export / "model.npz") as arrays:
        np.savez(model, **arrays)

    def build_hash() -> str:
        folder = build_chip(tmp_path / "core", model, board)
        return str(json.loads((folder / "manifest.json").read_text())["build_hash"])

    hashes = [build_hash()]
    with np.load(model) as arrays:
        np.savez(model, extra=np.zeros(1), **arrays)
    hashes.append(build_hash())
    rtl = tmp_path / "rtl"
    rtl.mkdir()
    for file in (*PACKAGES, *SHELL):
        (rtl / file).write_bytes((RTL / file).read_bytes())
    (rtl / "shell.sv").write_text((rtl / "shell.sv").read_text() + "// other\n")
    monkeypatch.setattr("shiftcore.hw.chip.RTL", rtl)
    hashes.append(build_hash())
    assert len(set(hashes)) == 3


def test_only_a_preset_that_wants_ingest_gets_it(tiny_chip: Path, tiny_core: Path, tmp_path: Path) -> None:
    assert not {path.name for path in (tiny_chip / "rtl").iterdir()} & set(INGEST)
    assert "INGEST = 0;" in (tiny_chip / "rtl" / "chip_config_pkg.sv").read_text()
    assert not ChipManifest.read(tiny_chip).ingest
    board, model = load_board("pynq-z2"), tiny_chip / "model.npz"
    chip = with_ingest(tiny_core, model, board, tmp_path / "ingest") / "chip"
    assert "INGEST = 1;" in (chip / "rtl" / "chip_config_pkg.sv").read_text()
    assert ChipManifest.read(chip).ingest and Build.load(tmp_path / "ingest").history_bytes == 4 * 32 * 32
    wide = tmp_path / "wide" / "core"
    shutil.copytree(tiny_core, wide)
    text = (wide / "manifest.json").read_text()
    (wide / "manifest.json").write_text(
        text.replace('"elements": 3', '"elements": 6').replace('"beats": 1024', '"beats": 512')
    )
    with pytest.raises(UserError, match="its first layer takes 6 bytes a cycle, and ingest gives a pixel's 3"):
        with_ingest(wide, model, board, tmp_path / "other")


def test_a_change_of_the_shell_does_not_compile_the_core_again() -> None:
    shell = {*PACKAGES, *SHELL, *INGEST} - {CONTEXT_PACKAGE}
    assert not shell & {path.name for path in core_rtl()}
    assert CONTEXT_PACKAGE in {path.name for path in core_rtl()}, "a core is built with it"


def test_what_does_not_belong_together_is_refused(tiny_core: Path, tiny_export: Path, tmp_path: Path) -> None:
    (tmp_path / "core").symlink_to(tiny_core)
    with pytest.raises(UserError, match="compiled for pynq-z2, not for pynq-z1"):
        build_chip(tmp_path / "core", tiny_export / "model.npz", load_board("pynq-z1"))
    with pytest.raises(UserError, match="no such file; `make export`"):
        build_chip(tmp_path / "core", tmp_path / "model.npz", load_board("pynq-z2"))
    with pytest.raises(UserError, match="no compiled core there"):
        build_chip(tmp_path / "other", tiny_export / "model.npz", load_board("pynq-z2"))
    assert sorted(os.listdir(tmp_path)) == ["core"]


def test_a_core_without_its_integer_model_gets_no_chip(
    tiny_core: Path,
    tiny_export: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "core").symlink_to(tiny_core)
    (tmp_path / "folding.json").symlink_to(tiny_core.parent / "folding.json")
    model = Path(shutil.copy(tiny_export / "model.onnx", tmp_path))
    monkeypatch.setattr(flow, "compiled_core", lambda *_, **__: tmp_path / "core")
    flow.main(str(model), board="pynq-z2")
    assert f"{tmp_path / 'model.npz'}: not there; no chip is made" in capsys.readouterr().out
    assert not (tmp_path / "chip").exists()
    shutil.copy(tiny_export / "model.npz", tmp_path)
    flow.main(str(model), board="pynq-z2")
    assert (tmp_path / "chip" / "manifest.json").is_file()


def test_config_package_holds_the_numbers() -> None:
    text = config_package("00c0ffee", "01234567", "89abcdef", {"STREAMS": 7})
    assert "BUILD_HASH = 32'h00c0ffee;" in text
    assert "STREAMS = 7;" in text


def queued(model: ChipModel, frames: np.ndarray, contexts: list[int], record: int) -> int:
    """Give the chip all `frames` with a ring of slots of `record` bytes behind them; returns where that begins."""
    size = frames[0].size
    base = model.MEMORY_BASE
    ring = base + len(frames) * (size + 5)
    ring += -ring % 8
    for offset, value in (
        (reg.READ_BASE_LO, base),
        (reg.READ_LIMIT_LO, ring),
        (reg.WRITE_BASE_LO, ring),
        (reg.WRITE_LIMIT_LO, ring + len(frames) * record),
        (reg.RESULT_SLOTS, len(frames)),
        (reg.DESCRIPTOR_BYTES, size),
        (reg.IRQ_ENABLE, reg.IrqEnable.RESULT),
        (reg.CONTROL, reg.Control.RUN),
    ):
        model.write(offset, value)
    for index, frame in enumerate(frames):
        place = index * (size + 5)  # every alignment
        model.memory[place : place + size] = frame.ravel()
        model.write(reg.DESCRIPTOR_ADDRESS_LO, base + place)
        model.write(reg.DESCRIPTOR_FRAME_ID, 100 + index)
        model.write(reg.DESCRIPTOR_CONTEXT, contexts[index])
    return ring - base


def test_slow_memory_costs_the_real_core_nothing(tiny_chip: Path) -> None:
    """With a latency of 100 cycles and stalls in 20 % of the cycles, frames follow at the core's own interval within
    2 %, all with one latency; every logit is the reference's."""
    manifest, reference = json.loads((tiny_chip / "manifest.json").read_text()), Reference.load(tiny_chip / "model.npz")
    frames = np.random.default_rng(SEED).integers(0, 256, (FRAMES, *reference.input_shape), np.uint8)
    record = manifest["record_bytes"]
    contexts = [1 | (index in (0, 5)) << 7 for index in range(FRAMES)]
    model = ChipModel(tiny_chip, seed=SEED)
    model.read_latency = model.write_latency = 100
    model.stall = 0.2
    ring = queued(model, frames, contexts, record)
    ends = []
    for _ in range(FRAMES):
        model.run(20 * manifest["frame_interval"])
        assert model.irq, "no result"
        ends.append(model.cycles)
        model.write(reg.IRQ_STATUS, reg.IrqStatus.RESULT)
    interval = (ends[-1] - ends[1]) / (FRAMES - 2)
    print(f"interval {interval:.1f} cycles, the core's own {manifest['frame_interval']}")
    assert interval < 1.02 * manifest["frame_interval"]
    assert model.read(reg.ERROR) == 0
    assert model.read(reg.FRAMES_DONE) == FRAMES
    assert model.read(reg.LATENCY_MIN) == model.read(reg.LATENCY_MAX)
    assert model.read(reg.INPUT_STALLS_LO) == 0
    for index, frame in enumerate(frames):
        start = ring + index * record
        words = model.memory[start : start + record].view("<i4")
        logits = reference.infer(frame, 1, bool(contexts[index] >> 7))
        assert words[:4].tolist() == [100 + index, contexts[index], model.read(reg.LATENCY_LAST), index]
        assert words[4 : 4 + len(logits)].tolist() == logits.tolist()


@pytest.fixture
def other_export(tiny_export: Path, tmp_path: Path) -> Path:
    """An export of the same preset, classes and alarm, and other weights."""
    from shiftcore.quant.checkpoint import load_network
    from shiftcore.quant.export import export

    _, description = read_model(tiny_export / "model.onnx")
    preset = described_preset(description.preset, "tiny")
    network, _ = load_network(preset)
    network.classifier.weight.data *= -1
    return export(network, preset, tmp_path / "other", trained=True)


def test_a_chip_is_of_one_network(tiny_core: Path, tiny_export: Path, other_export: Path, tmp_path: Path) -> None:
    """The shapes agree, and everything the description says but the weights."""
    (tmp_path / "core").symlink_to(tiny_core)
    board = load_board("pynq-z2")
    with pytest.raises(UserError, match=r"core: compiled from another network than that of .*model\.npz"):
        build_chip(tmp_path / "core", other_export / "model.npz", board)
    with np.load(tiny_export / "model.npz") as content:
        arrays = dict(content)
    arrays["classifier.weight"] = -arrays["classifier.weight"]
    np.savez(tmp_path / "model.npz", **arrays)
    with pytest.raises(UserError, match=r"model\.npz: its weights are not those that its own description names"):
        build_chip(tmp_path / "core", tmp_path / "model.npz", board)
    assert not (tmp_path / "chip").exists()


def test_a_build_whose_core_is_another_chip_s_is_refused(tiny_chip: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_chip, tmp_path / "chip")
    Build.load(tmp_path)
    path = tmp_path / "chip" / "core" / "manifest.json"
    path.write_text(path.read_text().replace('"content": "', '"content": "0'))
    with pytest.raises(BuildError, match=r"core.manifest\.json: the core of another chip"):
        Build.load(tmp_path)
