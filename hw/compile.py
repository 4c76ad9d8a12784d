"""`make compile`: QONNX -> core, in named steps that are each saved, timed and verified against the step before."""

import json
import math
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from google.protobuf.message import DecodeError
from onnx.onnx_cpp2py_export.checker import ValidationError
from qonnx.core.modelwrapper import ModelWrapper
from rich.console import Console
from rich.status import Status

from shiftcore.artifacts import atomic_file, atomic_folder, build_folder, digest, lock, write_json
from shiftcore.errors import UserError
from shiftcore.hw import dataflow, fifo, folding, obstacles
from shiftcore.hw.boards import Board, load_board
from shiftcore.hw.chip import PACKAGE, SHELL, build_chip
from shiftcore.hw.core import IDENTITY, build_core, identity
from shiftcore.hw.graph import Frame
from shiftcore.hw.streamline import streamline
from shiftcore.hw.verify import first_difference, integer_logits, verification_frames
from shiftcore.quant.preset import Preset, load_preset, parse_preset
from shiftcore.sim import verilator

STEP_LIMIT_S = 3600
_MODULES = (
    *("blame", "compile", "core", "dataflow", "fifo", "folding", "graph", "memory", "obstacles", "quantities"),
    *("resources", "rules", "streamline", "verify"),
)


@dataclass
class Job:
    """One compilation: what the steps need beside the graph, and what they leave beside it.

    `description` is the exported model's own (docs/integer-model.md).
    """

    folder: Path
    board: Board
    preset: Preset
    description: dict[str, Any]
    console: Console
    frames: list[Frame]
    source: str = "the model"  # how messages call its file
    step: str = ""
    status: Status = field(init=False)

    def __post_init__(self) -> None:
        self.status = self.console.status("")

    @property
    def core(self) -> Path:
        return self.folder / "core"

    def progress(self, text: str) -> None:
        """Say what a long step is at."""
        self.status.update(f"{self.step}: {text} ...")


@dataclass
class Step:
    """A named step: `run` maps graph to graph. The last two verify by simulating the RTL they write, always; the
    others have their graph executed (`executed`)."""

    name: str
    run: Callable[[ModelWrapper, Job], ModelWrapper]
    executed: bool = True


def _check_ops(model: ModelWrapper, job: Job) -> ModelWrapper:
    return obstacles.accept(model, job.description, job.source)


def _fold(model: ModelWrapper, job: Job) -> ModelWrapper:
    target = job.preset.hardware.target_fps
    model = folding.fold_for(model, job.board, None if target == "best" else target)
    dataflow.name_layers(model, job.description["layers"])
    rows = folding.report(model, job.board)
    write_json(job.folder / "folding.json", rows)
    job.console.print(folding.table(rows, job.board))
    return model


def _size_fifos(model: ModelWrapper, job: Job) -> ModelWrapper:
    expected = integer_logits(model, job.frames, 1.0)
    model = fifo.insert_fifos(model, job.board.part)
    with tempfile.TemporaryDirectory(dir=job.folder, prefix=".sizing.") as folder:
        core = _write_core(model, job, interval=1, folder=Path(folder) / "core", sizing=True)
        sizing = fifo.size(model, core, job.frames, expected, job.progress)
    fifo.set_depths(model, [sizing["depths"][node.name] for node in fifo.fifos(model)])
    fifo.remove_idle(model, sizing["fullest"])
    write_json(job.folder / "fifos.json", sizing)
    _say_if_slower(sizing["frame_interval"], model, job)
    return model


def _say_if_slower(interval: int, model: ModelWrapper, job: Job) -> None:
    """Small maps make a layer slower than its count of cycles: its window generator then waits between two frames."""
    slowest, reached = folding.cycles(folding.slowest(model)), job.board.clock_mhz * 1e6 / interval
    if interval > 1.02 * slowest:
        more = f"{interval / slowest - 1:.0%} more than the slowest layer's {slowest:,}"
        job.console.print(f"a frame takes {interval:,} cycles, {more}: {reached:,.0f} frames per second")
    target = job.preset.hardware.target_fps
    if target != "best" and reached < target:
        job.console.print(f"hardware.target_fps = {target}: {reached:,.0f} frames per second are reached")


def _build(model: ModelWrapper, job: Job) -> ModelWrapper:
    """Write the core and prove it, if need be with frames a little further apart than the sizing found: its FIFOs
    hand words on a cycle or two later than those of the simulation."""
    expected = integer_logits(model, job.frames, 1.0)
    shortest = json.loads((job.folder / "fifos.json").read_text())["frame_interval"]
    for slack in (1.0, 1.005, 1.015):
        with tempfile.TemporaryDirectory(dir=job.folder, prefix=".core.") as folder:
            core = _write_core(model, job, math.ceil(shortest * slack), Path(folder) / "core")
            try:
                fifo.prove(core, job.frames, expected, job.progress)
            except fifo.JitterError as error:
                jitter = error
                continue
            with atomic_folder(job.core) as temporary:
                shutil.copytree(core, temporary, dirs_exist_ok=True)
            return model
    raise jitter


def _write_core(model: ModelWrapper, job: Job, interval: int, folder: Path, sizing: bool = False) -> Path:
    names = dataflow.name_layers(model, job.description["layers"])
    build_core(model, names, job.board, job.preset.hardware.streams, interval, folder, sizing)
    return folder


STEPS = (
    Step("import", _check_ops),
    Step("streamline", lambda model, _job: streamline(model)),
    Step("dataflow", lambda model, job: dataflow.partition(dataflow.to_dataflow(model, job.preset.hardware.streams))),
    Step("rtl", lambda model, job: dataflow.specialize(model, job.board.part)),
    Step("fold", _fold),
    Step("fifos", _size_fifos, executed=False),
    Step("core", _build, executed=False),
)


@contextmanager
def _time_limit(step: str, seconds: float) -> Iterator[None]:
    """Stop a step that hangs: some of FINN's transformations repeat for ever on a graph they cannot streamline."""

    def stop(_signal: int, _frame: object) -> None:
        raise UserError(
            f"step {step}: stopped after {seconds:g} s without an end; a layer of the network cannot be streamlined "
            "(activations of more than 8 bits do this), or the machine is too slow for it"
        )

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def read_model(path: Path) -> tuple[ModelWrapper, dict[str, Any]]:
    """An exported QONNX model and its description. Raises UserError for any other file."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; `make export` writes it")
    try:
        model = ModelWrapper(str(path))
    except (DecodeError, RuntimeError):
        raise UserError(f"{path}: not a QONNX file; `make export` writes one") from None
    except (ValidationError, ValueError, OSError) as error:  # where it keeps its weights in another file, too
        raise UserError(f"{path}: not a QONNX file that can be read: {str(error).splitlines()[0]}") from None
    return model, obstacles.description(model, str(path))


def _sources() -> list[Path]:
    """Our files that decide what a compilation yields: these modules, FINN's mends, and the RTL the modules name."""
    here = Path(__file__).parent
    modules = [here / f"{module}.py" for module in _MODULES] + sorted((here / "ops").glob("*.py"))
    words = set(re.findall(r"\w+", " ".join(path.read_text() for path in modules)))
    shell = {PACKAGE, *SHELL}  # has a key of its own in build_chip
    rtl = [path for path in sorted((here / "rtl").glob("*.sv")) if path.stem in words and path.name not in shell]
    return [*modules, here / "patches" / "__init__.py", *sorted((here / "patches").glob("*.patch")), *rtl]


def _key(path: Path, board: Board, verify: bool) -> str:
    """Of all that a compilation depends on."""
    inputs = board.model_dump_json(include={"name", "part", "clock_mhz", "resources"})
    return digest(path, inputs, version("finn-plus"), version("qonnx"), *_sources(), f"verify={verify}")


class _Steps:
    """The saved steps of one build folder: `NN_name.onnx` beside `steps.json`, which tells what each was made of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "steps.json"
        self.entries: dict[str, dict[str, Any]] = json.loads(self.log.read_text()) if self.log.is_file() else {}

    def path(self, index: int, step: Step) -> Path:
        return self.folder / f"{index + 1:02}_{step.name}.onnx"

    def is_done(self, index: int, step: Step, key: str) -> bool:
        """Whether a step's files are those of `key`. The last step's key is noted when the core is in place."""
        return self.entries.get(step.name, {}).get("key") == key and self.path(index, step).is_file()

    def all_done(self, key: str) -> bool:
        for index, step in enumerate(STEPS):
            key = digest(key, step.name)
            if not self.is_done(index, step, key):
                return False
        return (self.folder / "core" / "manifest.json").is_file()

    def forget(self, index: int) -> None:
        """Claim nothing any more from this step on: the files it is about to replace may be of other inputs."""
        for step in STEPS[index:]:
            self.entries.pop(step.name, None)
        write_json(self.log, self.entries)

    def save(self, index: int, step: Step, model: ModelWrapper, entry: dict[str, Any]) -> None:
        with atomic_file(self.path(index, step)) as temporary:
            model.save(str(temporary))
        self.entries[step.name] = entry
        write_json(self.log, self.entries)


def _console() -> Console:
    """The terminal; into a file or a pipe, wide enough for the folding table."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def compile_model(path: Path, board_name: str, console: Console | None = None, verify: bool = True) -> Path:
    """Compile the exported QONNX model at `path` for a board; returns the core's folder (see hw.core).

    Steps already made of the same inputs are kept. Each step that changes the graph is run on random frames and on
    those of a camera scene, and must give the same integers as the step before. Raises UserError for a model that
    cannot be compiled.
    """
    console = console or _console()
    board = load_board(board_name)
    model, description = read_model(path)
    preset = parse_preset(description["preset"], str(path))
    folder = preset.build / board.name
    key = _key(path, board, verify)
    if _Steps(folder).all_done(key):
        console.print(f"{folder}: compiled before, nothing has changed")
        return folder / "core"
    verilator.environment()  # the last steps simulate: what they need is asked for before the first
    frames = verification_frames(preset.input.height, preset.input.width)
    job = Job(folder, board, preset, description, console, frames, str(path))
    with lock(folder):
        _run_steps(model, job, key, verify)
    return job.core


def _run_steps(model: ModelWrapper, job: Job, key: str, verify: bool) -> None:
    (build_folder() / "finn").mkdir(parents=True, exist_ok=True)
    steps = _Steps(job.folder)
    logits: np.ndarray | None = None
    for index, step in enumerate(STEPS):
        key = digest(key, step.name)
        if steps.is_done(index, step, key):
            job.console.print(f"{step.name:<12} kept")
            model = ModelWrapper(str(steps.path(index, step)))
            continue
        steps.forget(index)
        start = time.monotonic()
        job.step = step.name
        job.progress("working")
        with job.status, _time_limit(step.name, STEP_LIMIT_S):
            if verify and step.executed and index and logits is None:
                logits = integer_logits(model, job.frames, job.description["logit_scale"])
            model = step.run(model, job)
            model.set_metadata_prop(IDENTITY, identity(job.description))  # a new graph has none
            if verify and step.executed:
                logits = _verify(step, model, logits, job)
        seconds = time.monotonic() - start
        steps.save(index, step, model, {"key": key, "seconds": round(seconds, 2), "verified": verify})
        proof = f"verified, {len(job.frames)} frames equal" if verify or not step.executed else "not verified"
        job.console.print(f"{step.name:<12} {seconds:6.1f} s  {proof}")


def _verify(step: Step, model: ModelWrapper, before: np.ndarray | None, job: Job) -> np.ndarray:
    after = integer_logits(model, job.frames, job.description["logit_scale"])
    difference = first_difference(before, after) if before is not None else None
    if difference:
        raise RuntimeError(f"step {step.name} changed the network: {difference}")
    return after


def exported_model(preset: Preset) -> Path:
    """The QONNX model of `preset`, exported now unless the one there is of the same preset and weights."""
    from shiftcore.quant.checkpoint import PRETRAINED, trained_path
    from shiftcore.quant.export import export_preset

    path = preset.build / "export" / "model.onnx"
    candidates = (trained_path(preset), PRETRAINED / f"{preset.name}.pt")
    weights = next((candidate for candidate in candidates if candidate.is_file()), None)
    if path.is_file() and (weights is None or path.stat().st_mtime >= weights.stat().st_mtime):
        _, description = read_model(path)
        if "weights" in description and parse_preset(description["preset"], str(path)) == preset:
            return path
    export_preset(preset)
    return path


def compiled_chip(preset: Preset, board: str, console: Console | None = None) -> Path:
    """The chip of `preset` for a board (see hw.chip): exported, compiled and wrapped, as far as it is not yet. Raises
    UserError as `compile_model`."""
    place, exported = load_board(board), exported_model(preset)
    return build_chip(compile_model(exported, board, console), exported.with_name("model.npz"), place)


def main(
    preset: Annotated[str, typer.Option(help="a shipped preset, or a TOML file")] = "tiny",
    board: Annotated[str, typer.Option(help="a board of hw/boards")] = "pynq-z2",
    model: Annotated[Path | None, typer.Option(help="an exported QONNX file, instead of the preset's")] = None,
    verify: Annotated[bool, typer.Option(help="execute every step and compare")] = True,
) -> None:
    """Compile a network to RTL: its core under build/PRESET/BOARD/core, and the chip around it beside it in chip."""
    place = load_board(board)
    exported = model or exported_model(load_preset(preset))
    core = compile_model(exported, board, verify=verify)
    print(f"{core}: compiled")
    integers = exported.with_suffix(".npz")
    if model and not integers.is_file():
        print(f"{integers}: not there; no chip is made without the integer model beside the QONNX file")
    else:
        print(f"{build_chip(core, integers, place)}: the chip around it")
