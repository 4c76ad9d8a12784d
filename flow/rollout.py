# SPDX-License-Identifier: BSD-3-Clause
"""New weights to where they run: the chips that were compiled of their preset, and the runs that are there now.

Weights are data: a chip of the same shape takes them, and only another shape is compiled.
"""

import json
from pathlib import Path

import numpy as np

from shiftcore.driver.build import Build
from shiftcore.driver.change import Change
from shiftcore.driver.control import runs_folder
from shiftcore.driver.errors import BuildError, ShapeError
from shiftcore.driver.load import load, said
from shiftcore.flow.build import exported_model
from shiftcore.hw.boards import Board
from shiftcore.model.manifest import FILE, CoreManifest
from shiftcore.quant.preset import Hardware, Imported, Preset, described_network


def compiled_for(preset: Preset | Imported, board: Board, model: Path) -> Build | None:
    """The chip of `preset` for `board` that was compiled with other weights and takes the integer model in the file
    `model`; None where there is none, or it is of another shape, target or board. One that was made with this very
    model is left to the compiler, which knows whether it is up to date."""
    try:
        build = Build.load(preset.build / board.name)
        core = CoreManifest.read(build.chip / "core")
        Change.read(build, model)
    except (BuildError, ShapeError):
        return None
    if build.model.read_bytes() == model.read_bytes():
        return None
    same = (core.board, core.part, core.clock_mhz) == (board.name, board.part, board.clock_mhz)
    return build if same and _hardware(build.model) == preset.hardware else None


def roll_out(preset: Preset) -> None:
    """Have every compiled chip of `preset`, and every run of it on this machine, go by the weights in use, and say so;
    without any, nothing is done."""
    chips = [path.parent.parent for path in sorted(preset.build.glob(f"*/chip/{FILE}"))]
    runs = runs_folder(preset.build / "export")
    if not chips and not any(runs.glob("[0-9]*")):
        return
    model = exported_model(preset).with_name("model.npz")
    for build in (*chips, model):
        try:
            replies = load(build, model)
        except (BuildError, ShapeError) as error:
            print(f"{build}: does not take the new weights: {error}")
        else:
            print(f"{build}: goes by the new weights", *said(replies), sep="\n")


def _hardware(model: Path) -> Hardware:
    """What the preset of an integer model asks of a chip."""
    with np.load(model, allow_pickle=False) as content:
        preset = json.loads(str(content["graph"]))["preset"]
    return described_network(json.dumps(preset), str(model)).hardware
