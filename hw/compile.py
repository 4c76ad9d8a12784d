# SPDX-License-Identifier: BSD-3-Clause
"""The compiler: QONNX -> core, in named steps that are each saved, timed and verified against the step before."""

import copy
import json
import logging
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from shiftcore.artifacts import atomic_folder, digest, lock, write_json
from shiftcore.errors import UserError
from shiftcore.hw import chip, contents, dataflow, fifo, folding, imports, lockfile, obstacles, ops, resources
from shiftcore.hw.boards import Board, load_board
from shiftcore.hw.core import build_core
from shiftcore.hw.formal.block import is_properties
from shiftcore.hw.steps import Job, Progress, SavedSteps, Step, run_steps
from shiftcore.hw.streamline import streamline
from shiftcore.hw.verify import integer_logits, verification_frames
from shiftcore.model.description import NetworkDescription
from shiftcore.model.manifest import CoreManifest
from shiftcore.quant.preset import PRESETS, Imported, described_network
from shiftcore.sim import verilator
from shiftcore.sim.core import CoreError
from shiftcore.sources import code

log = logging.getLogger(__name__)

LOCK = "found.lock"
"""What a compilation leaves in its build folder for the next one (hw.lockfile), if it is put beside the preset."""


def _check_ops(model: ModelWrapper, job: Job) -> ModelWrapper:
    return obstacles.accept(model, job.description, job.source)


def _fold(model: ModelWrapper, job: Job) -> ModelWrapper:
    dataflow.name_layers(model, job.description.layers)
    contents.set_models(model, job.preset.hardware.models)
    found_for = lockfile.shape_digest(model, job.description.layers, job.preset.hardware, job.board)
    model = _folded_as_found(model, job, found_for) or _folded_anew(model, job)
    model.set_metadata_prop("found_for", found_for)
    rows = folding.report(model, job.board)
    write_json(job.folder / "folding.json", [asdict(row) for row in rows])
    cycles = max(row.cycles for row in rows)
    log.info("%s: %s cycles a frame, %.0f frames per second", job.board.name, f"{cycles:,}", job.clock_hz / cycles)
    return model


def _folded_anew(model: ModelWrapper, job: Job) -> ModelWrapper:
    target = job.preset.hardware.target_fps
    model = folding.fold_for(model, job.board, None if target == "best" else target)
    dataflow.name_layers(model, job.description.layers)
    return model


def _folded_as_found(model: ModelWrapper, job: Job, found_for: str) -> ModelWrapper | None:
    """Folded as the lock file says; None where it is not for this network and board, or does not do."""
    target = job.preset.hardware.target_fps
    if job.found is None:
        return None
    if not job.found.fits_folding(model, found_for):
        log.info("the lock file is of another network, target or board: searching")
        return None
    model = ModelWrapper(copy.deepcopy(model.model))
    job.found.fold(model)
    short = resources.shortage(resources.total(model, job.board.part), job.board.resources)
    if short or (target != "best" and folding.cycles(folding.slowest(model)) > int(job.clock_hz / target)):
        log.warning("the lock file's folding does not do (%s): searching", short or "too slow")
        return None
    model = folding.named(folding.convert_widths(model, job.board.part))
    dataflow.name_layers(model, job.description.layers)
    job.found.place_memories(model)
    return model


def _size_fifos(model: ModelWrapper, job: Job) -> ModelWrapper:
    expected = integer_logits(model, job.frames, 1.0)
    model = fifo.insert_fifos(model, job.board.part)
    model = _sized_as_found(model, job, expected) or _sized_anew(model, job, expected)
    _say_if_slower(int(model.get_metadata_prop("frame_interval")), model, job)
    return model


def _sized_anew(model: ModelWrapper, job: Job, expected: np.ndarray) -> ModelWrapper:
    with tempfile.TemporaryDirectory(dir=job.folder, prefix=".sizing.") as folder:
        core = _write_core(model, job, interval=1, folder=Path(folder) / "core", sizing=True)
        sizing = fifo.size(model, core, job.frames, expected, job.progress)
    fifo.set_depths(model, [sizing["depths"][node.name] for node in fifo.fifos(model)])
    fifo.remove_idle(model, sizing["fullest"])
    write_json(job.folder / "fifos.json", sizing)
    model.set_metadata_prop("frame_interval", str(sizing["frame_interval"]))
    model.set_metadata_prop("fifos", json.dumps(lockfile.fifos(model)))
    return model


def _sized_as_found(model: ModelWrapper, job: Job, expected: np.ndarray) -> ModelWrapper | None:
    """With the FIFOs of the lock file, and proven to keep what it promises: every logit, one latency, which is the
    lock's, and no deadlock. None where it does not."""
    found = job.found
    if found is None or found.found_for != model.get_metadata_prop("found_for"):
        return None
    model = ModelWrapper(copy.deepcopy(model.model))
    dataflow.name_layers(model, job.description.layers)
    if not found.fits_fifos(model):
        log.warning("the lock file's FIFOs are not those of this graph: searching")
        return None
    found.place_fifos(model)
    with tempfile.TemporaryDirectory(dir=job.folder, prefix=".core.") as folder:
        core = _write_core(model, job, found.frame_interval, Path(folder) / "core")
        try:
            latency = fifo.prove(core, job.frames, expected, job.progress)
        except (fifo.JitterError, CoreError) as error:
            log.warning("the lock file does not hold (%s): searching", error)
            return None
        content = CoreManifest.read(core).content
    if latency != found.latency:
        log.warning("the lock file promises a latency of %d cycles, it is %d: searching", found.latency, latency)
        return None
    depths = {name: attributes["depth"] for name, attributes in found.fifos.items()}
    sizing = {"frame_interval": found.frame_interval, "latency": latency, "depths": depths}
    write_json(job.folder / "fifos.json", sizing)
    model.set_metadata_prop("frame_interval", str(found.frame_interval))
    model.set_metadata_prop("fifos", json.dumps(found.fifos))
    model.set_metadata_prop("proven", json.dumps([content, latency]))
    return model


def _say_if_slower(interval: int, model: ModelWrapper, job: Job) -> None:
    """Small maps make a layer slower than its count of cycles: its window generator then waits between two frames."""
    slowest, reached = folding.cycles(folding.slowest(model)), job.clock_hz / interval
    if interval > 1.02 * slowest:
        more = f"{interval / slowest - 1:.0%} more than the slowest layer's {slowest:,}"
        log.info(f"a frame takes {interval:,} cycles, {more}: {reached:,.0f} frames per second")
    target = job.preset.hardware.target_fps
    if target != "best" and reached < target:
        log.warning(f"hardware.target_fps = {target}: {reached:,.0f} frames per second are reached")


def _build(model: ModelWrapper, job: Job) -> ModelWrapper:
    """Write the core and prove it, if need be with frames a little further apart than the sizing found: its FIFOs
    hand words on a cycle or two later than those of the simulation."""
    interval = model.get_metadata_prop("frame_interval")
    if interval is None:
        raise UserError("step core: the graph has no frame interval; step fifos, before it, finds it")
    _check_names(model, job)
    expected = integer_logits(model, job.frames, 1.0)
    for slack in (1.0, 1.005, 1.015):
        with tempfile.TemporaryDirectory(dir=job.folder, prefix=".core.") as folder:
            core = _write_core(model, job, math.ceil(int(interval) * slack), Path(folder) / "core")
            try:
                latency = _proven(model, core) or fifo.prove(core, job.frames, expected, job.progress)
            except fifo.JitterError as error:
                jitter = error
                continue
            _note_found(model, job, CoreManifest.read(core).frame_interval, latency)
            with atomic_folder(job.core) as temporary:
                shutil.copytree(core, temporary, dirs_exist_ok=True)
            return model
    raise jitter


def _check_names(model: ModelWrapper, job: Job) -> None:
    """That the layers of a network made elsewhere still stand in the order in which its integer model was read off: of
    two branches, names tell one from the other by that alone. Raises RuntimeError naming a layer that does not."""
    if not isinstance(job.preset, Imported):
        return
    with np.load(Path(job.source).with_suffix(".npz"), allow_pickle=False) as arrays:
        wrong = contents.first_unlike(model, dataflow.name_layers(model, job.description.layers), dict(arrays))
    if wrong:
        raise RuntimeError(f"layer {wrong}: the core holds another layer's weights under its name")


def _proven(model: ModelWrapper, core: Path) -> int | None:
    """The latency of the core in folder `core`, where step fifos has proven that very core."""
    content, latency = json.loads(model.get_metadata_prop("proven") or "[null, null]")
    return latency if content == CoreManifest.read(core).content else None


def _note_found(model: ModelWrapper, job: Job, interval: int, latency: int) -> None:
    """Leave a lock file in the build folder, unless folding or FIFOs are not of our steps."""
    found_for, fifos = model.get_metadata_prop("found_for"), model.get_metadata_prop("fifos")
    if found_for is not None and fifos is not None:
        lockfile.found(model, found_for, json.loads(fifos), interval, latency).write(job.folder / LOCK)


def _write_core(model: ModelWrapper, job: Job, interval: int, folder: Path, sizing: bool = False) -> Path:
    names = dataflow.name_layers(model, job.description.layers)
    written = ModelWrapper(copy.deepcopy(model.model))  # FINN notes in the graph where it has written RTL
    build_core(written, names, job.board, job.preset.hardware.streams, interval, folder, sizing)
    return folder


STEPS = (
    Step("import", _check_ops),
    Step("streamline", lambda model, _job: streamline(model)),
    Step("dataflow", lambda model, job: dataflow.partition(dataflow.to_dataflow(model, job.preset.hardware.streams))),
    Step("rtl", lambda model, job: dataflow.specialize(model, job.board.part)),
    Step("fold", _fold, leaves=("folding.json",)),
    Step("fifos", _size_fifos, executed=False, leaves=("fifos.json",)),
    Step("core", _build, executed=False, leaves=("core/manifest.json",)),
)
"""What `compile_model` does."""


def read_model(path: Path) -> tuple[ModelWrapper, NetworkDescription]:
    """An exported QONNX model and its description. Raises UserError for any other file."""
    model = imports.read(path)
    return model, obstacles.description(model, str(path))


PACKAGES = ("finn-plus", "qonnx", "onnx", "onnxruntime", "numpy", "verilator")
"""Whose versions may change what a compilation yields."""

_SHELL = {*chip.PACKAGES, *chip.SHELL, *chip.INGEST} - {chip.CONTEXT_PACKAGE}  # has a key of its own in build_chip


def core_rtl() -> list[Path]:
    """Our SystemVerilog that a core may be made of, FINN's mends with it: not that of the chip around it."""
    here = Path(__file__).parent
    rtl = [*sorted((here / "rtl").glob("*.sv")), *sorted((here / "ops").rglob("*.sv"))]
    hardware = [path for path in rtl if path.name not in _SHELL and not is_properties(path)]
    return [*hardware, *sorted((here / "patches").glob("*.patch"))]


def _our_code() -> str:
    """The digest of all of ours, and of other packages' ops, that decides what a step of `STEPS` yields."""
    foreign = [path for op in ops.known() if op not in ops.OURS for path in op.sources()]
    return code("shiftcore.hw.compile", packages=PACKAGES, data=(*core_rtl(), *foreign))


def _key(path: Path, board: Board, verify: bool, found: Path) -> str:
    """Of all that a compilation depends on."""
    lock_file = found if found.is_file() else b""
    return digest(path, board.model_dump_json(), lock_file, _our_code(), f"verify={verify}")


def chosen(steps: Sequence[str | Step]) -> list[Step]:
    """The steps meant by `steps`, names of `STEPS` or steps. Raises UserError for an unknown name, or one twice."""
    ours = {step.name: step for step in STEPS}
    if unknown := [step for step in steps if isinstance(step, str) and step not in ours]:
        raise UserError(f"step {unknown[0]!r}: not known; the steps are {', '.join(ours)}")
    result = [ours[step] if isinstance(step, str) else step for step in steps]
    if not result:
        raise UserError(f"no steps: nothing to do; the steps are {', '.join(ours)}")
    names = [step.name for step in result]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"step {twice[0]!r} is there twice; each step's name is its own")
    return result


def compile_model(
    model: Path,
    board: str,
    steps: Sequence[str | Step] = STEPS,
    progress: Callable[[Progress], None] = lambda _progress: None,
    verify: bool = True,
    lock_file: Path | None = None,
) -> Path:
    """Compile a QONNX model, exported or made elsewhere (hw.imports), for a board; returns what the last of `steps`
    leaves: the core's folder (see hw.core), or the graph of another step.

    `steps` is what shall be done, by default all of `STEPS`: a caller may leave some out, put own ones between them, or
    replace some. What a step of ours made of the same inputs is kept; another's is run each time, and all behind it.
    Each step that changes the graph is run on random frames and on those of a rendered scene, and must give the same
    integers as the step before, unless `verify` is False. `lock_file`: what an earlier search found (hw.lockfile), by
    default the one shipped for the preset and board; where it does not hold, the search is done anew.

    `progress` is told what is being worked at; an exception that it raises ends the compilation and is passed on. What
    happened goes to the logger of this module. Any number of compilations may run in threads of their own. Raises
    UserError for a model that cannot be compiled, or where another compilation runs in the same build folder;
    RuntimeError where a step changes what the network computes.
    """
    target, todo = load_board(board), chosen(steps)
    model = imports.described(model)
    graph, description = read_model(model)
    preset = described_network(description.preset, str(model))
    found = lock_file or PRESETS / f"{preset.name}.{target.name}.lock"
    key = _key(model, target, verify, found)
    folder = preset.build / target.name
    frames = verification_frames(**asdict(description.input))
    job = Job(folder, target, preset, description, frames, lockfile.read(found), progress, source=str(model))
    saved = SavedSteps(folder, todo, STEPS, key)
    if saved.all_done():
        log.info("%s: compiled before, nothing has changed", folder)
    else:
        verilator.environment()  # the last steps simulate: what they need is asked for before the first
        Path(os.environ["FINN_BUILD_DIR"]).mkdir(parents=True, exist_ok=True)  # some of FINN's passes want it there
        with lock(folder):
            run_steps(graph, job, saved, verify)
    return job.core if todo[-1].name == "core" else saved.path(len(todo) - 1)
