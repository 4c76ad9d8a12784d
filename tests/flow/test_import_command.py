# SPDX-License-Identifier: BSD-3-Clause
"""A network from Brevitas' own package, by `shiftcore compile NETWORK.onnx` alone: to a chip whose core is exact."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shiftcore.flow import zoo
from shiftcore.flow.zoo import Entry, Outcome
from shiftcore.model.manifest import ChipManifest
from shiftcore.model.reference import Reference
from tests.checkout import ROOT

SIZE = 8


def brevitas_export(path: Path) -> None:
    """TFC of brevitas_examples.bnn_pynq, narrower, on smaller images."""
    import torch
    from brevitas.export import export_qonnx
    from brevitas_examples.bnn_pynq.models.FC import FC

    torch.manual_seed(0)
    net = FC(4, 2, 2, 2, 1, [8], (SIZE, SIZE))
    with torch.no_grad():
        net.train()(torch.rand(64, 1, SIZE, SIZE))
    net.features[-1].bias.data.fill_(0.5)
    export_qonnx(net.eval(), torch.rand(1, 1, SIZE, SIZE), export_path=str(path), verbose=False)


def test_a_network_of_brevitas_becomes_a_chip_by_the_command(tmp_path: Path) -> None:
    """Some 60 seconds of a core: it is the promise, from the file to the chip."""
    network = tmp_path / "small.onnx"
    brevitas_export(network)
    network.with_suffix(".toml").write_text("[input]\nscale = 255\n")
    command = [sys.executable, "-m", "shiftcore", "compile", str(network)]
    environment = os.environ | {"SHIFTCORE_BUILD": str(tmp_path / "build")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    build = tmp_path / "build" / "small" / "pynq-z2"
    manifest = ChipManifest.read(build / "chip")
    assert (manifest.preset, manifest.logits, manifest.classes[3]) == ("small", 4, "class 3")
    reference = Reference.load(build / "chip" / "model.npz")
    assert reference.layers == ["features.0", "features.2", "features.4", "features.6"]
    assert [round(offset, 4) for offset in reference.description.logit_offset or ()] != []
    assert zoo.compared(build / "core", reference) == (zoo.FRAMES, 0)
    other = np.load(build / "chip" / "model.npz")
    assert other["features.2.weight"].shape == (8, SIZE * SIZE)


ENTRIES = (Entry("one", (1, 8, 8), 1000), Entry("two", (1, 8, 8), 1000))


def test_the_zoo_keeps_what_is_done(tmp_path: Path) -> None:
    from rich.console import Console

    made: list[str] = []

    def outcome(entry: Entry, folder: Path, _: Console) -> Outcome:
        if made == ["one"] and entry.name == "two":
            raise KeyboardInterrupt
        made.append(entry.name)
        return Outcome(entry.name, "here", entry.board, obstacles=("quant_1: activations of 1 bit; use 2 to 8 bits",))

    with pytest.raises(KeyboardInterrupt):
        zoo.run(ENTRIES, tmp_path, Console(quiet=True), outcome)
    report = json.loads((tmp_path / "report.json").read_text())
    assert [entry["name"] for entry in report] == ["one"]
    made.append("interrupted")
    zoo.run(ENTRIES, tmp_path, Console(quiet=True), outcome)
    assert made == ["one", "interrupted", "two"]
    report = json.loads((tmp_path / "report.json").read_text())
    assert [entry["name"] for entry in report] == ["one", "two"]
    assert list(report[0]) == [
        *("name", "source", "board", "equal", "differing_bits", "cycles_per_frame", "fps", "luts", "dsps", "brams"),
        *("fits", "minutes", "obstacles"),
    ]
