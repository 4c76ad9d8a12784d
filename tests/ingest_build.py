# SPDX-License-Identifier: BSD-3-Clause
"""A chip with ingest around a core that was compiled without: a core takes three channels whatever they show, so the
same one serves a model whose description says `motion` and `hardware.ingest`."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from shiftcore.hw.boards import Board
from shiftcore.hw.chip import build_chip
from shiftcore.model.description import identity
from shiftcore.model.manifest import CoreManifest


def with_ingest(core: Path, model: Path, board: Board, folder: Path, run_every: int = 1) -> Path:
    """Put the chip with ingest of a compiled core and its integer model into `folder`, which is then a build's."""
    with np.load(model) as content:
        arrays = {key: content[key] for key in content.files}
    graph = json.loads(str(arrays["graph"]))
    graph["preprocess"] |= {"representation": "motion", "run_every": run_every}
    graph["preset"]["input"]["representation"] = "motion"
    graph["preset"]["hardware"]["ingest"] = True
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "model.npz", allow_pickle=False, **{**arrays, "graph": np.array(json.dumps(graph))})
    shutil.copytree(core, folder / "core")
    replace(CoreManifest.read(core), model=identity(graph)).write(folder / "core")
    return build_chip(folder / "core", folder / "model.npz", board).parent
