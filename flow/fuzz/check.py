# SPDX-License-Identifier: BSD-3-Clause
"""Runs one case in this process: `python -m shiftcore.flow.fuzz.check CASE RESULT`, as flow.fuzz.watch calls it."""

import contextlib
import ctypes
import faulthandler
import json
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.status import Status

from shiftcore.artifacts import write_json
from shiftcore.driver.build import Build
from shiftcore.driver.errors import AcceleratorError
from shiftcore.errors import UserError
from shiftcore.flow import soak
from shiftcore.flow.build import compiled_core
from shiftcore.flow.fuzz import content
from shiftcore.flow.fuzz.case import Case, read
from shiftcore.hw.boards import USABLE, Board, load_board
from shiftcore.hw.chip import build_chip
from shiftcore.hw.estimate import COLUMNS, Report, estimate, synthesized
from shiftcore.hw.graph import Frame
from shiftcore.hw.netlist import netlist_core
from shiftcore.model import image
from shiftcore.model.reference import Reference
from shiftcore.quant.export import export
from shiftcore.sim.core import CoreModel

CHIP_FRAMES = 40  # through the whole chip
NETLIST_FRAMES = 3
_PR_SET_PDEATHSIG = 1  # prctl(2)

Figures = dict[str, Any]


class _Line(Status):
    """A status that says each of its texts on a line of its own: whoever watches the log sees that work goes on."""

    def update(self, status: Any = None, **_options: Any) -> None:
        if status is not None:
            self.console.print(status)


class Log(Console):
    """A console that is a file, from which progress can be told."""

    def status(self, status: Any, **_options: Any) -> Status:
        return _Line(status, console=self)


class _Stages:
    """Seconds by stage, and what is being done, in the log."""

    def __init__(self, console: Console) -> None:
        self.seconds: dict[str, float] = {}
        self._console = console

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        self._console.print(f"== {name}")
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 1)


def check(case: Case, console: Console) -> Figures:
    """Compile the case's network and compare its RTL with the reference: at full speed, with other models loaded, with
    pauses, and after a reset in the middle of a frame; frame by frame of one of its banks. Then what the case wants
    `after` that. Returns figures; raises UserError for a network that is refused, and whatever else goes wrong."""
    preset, stage = case.parsed(), _Stages(console)
    rng = np.random.default_rng(case.seed)
    classes = [f"class{index}" for index in range(case.classes or int(rng.integers(2, 12)))]
    spec = _board(case)
    board = load_board(spec)
    with stage("export"):
        exported = export(content.network(case, classes), preset, preset.build / "export")
    with stage("compile"):
        folder = compiled_core(exported / "model.onnx", spec, console).parent
    reference = Reference.load(exported / "model.npz")
    with stage("core"):
        figures = _core(case, folder / "core", exported / "model.npz", rng, console)
        _fits(folder, board)
    if "chip" in case.after:
        with stage("chip"):
            build_chip(folder / "core", exported / "model.npz", board)
            seen = soak.batch(Build.load(folder), case.seed, 0, CHIP_FRAMES, lambda n: console.print(f"{n} frames"))
            figures["chip_cycles"] = seen["cycles"]
    if "estimate" in case.after:
        with stage("estimate"):
            _plausible(estimate(folder, board, synthesized(folder, board, console)))
    if "netlist" in case.after:
        with stage("netlist"):
            _netlist(folder, reference, content.frames(case, rng)[:NETLIST_FRAMES], figures["latency"], console)
    return {**figures, "stages": stage.seconds}


def _board(case: Case) -> str:
    """The case's board by name; where it is cut down, the path of the file that says so."""
    board = load_board(case.board)
    if not case.resources:
        return case.board
    tables = {"pll": board.pll.model_dump(), "resources": {**board.resources.model_dump(), **case.resources}}
    lines = [f'family = "{board.family}"', f'part = "{board.part}"', f"clock_mhz = {board.clock_mhz}"]
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    path = case.parsed().build / "boards" / f"{board.name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def _core(case: Case, folder: Path, model: Path, rng: np.random.Generator, console: Console) -> Figures:
    core = CoreModel(folder, seed=case.seed % 2**31 or 1)
    frames = content.frames(case, rng)
    references = [Reference.load(model) for _ in range(core.manifest.models)]
    banks, frames = content.in_banks(frames, len(references), case.seed)
    latency = _compare(core, references, frames, banks, "at full speed")
    if len(latency) > 1:
        raise AssertionError(f"at full speed: latency is not fixed: {sorted(latency)} cycles")
    for swap, bank in enumerate(sorted({0, len(references) - 1})):
        console.print(f"another model in bank {bank}")
        references[bank] = _swap(core, model, bank, [case.seed, swap])
        if _compare(core, references, frames, banks, f"another model in bank {bank}") != latency:
            raise AssertionError(f"another model in bank {bank}: latency is another")
    console.print("with pauses, after a reset")
    core.input_pause, core.output_pause = 0.3, 0.3
    core.push(frames[0].pixels)
    core.step(int(rng.integers(1, 2 * core.manifest.frame_interval)))
    core.reset()
    starts = {frame.stream: index for index, frame in reversed(list(enumerate(frames)))}.values()
    anew = [frame._replace(clear=frame.clear or index in starts) for index, frame in enumerate(frames)]
    _compare(core, references, anew, banks, "with pauses, after a reset")
    core.close()
    return {"latency": latency.pop(), "interval": core.manifest.frame_interval}


def _swap(core: CoreModel, model: Path, bank: int, seed: list[int]) -> Reference:
    """Load other weights into a bank of the core; the reference of these."""
    with np.load(model, allow_pickle=False) as held:
        arrays = soak.other_model(
            {key: held[key] for key in held.files if key != "graph"}, core.manifest.memories, seed
        )
    core.load(image.payload(core.manifest.memories, arrays), bank)
    return Reference(Reference.load(model).description, arrays)


def _compare(
    core: CoreModel, references: list[Reference], frames: list[Frame], banks: list[int], when: str
) -> set[int]:
    """Every logit of every frame, by the reference of its bank; returns the latencies seen."""
    for reference in references:
        reference.reset()
    for frame, bank in zip(frames, banks, strict=True):
        core.push(frame.pixels, frame.stream, frame.clear, bank)
    latencies = set()
    for index, (frame, bank, result) in enumerate(zip(frames, banks, core.run(), strict=True)):
        expected = references[bank].infer(frame.pixels, frame.stream, frame.clear)
        if not np.array_equal(expected, result.logits):
            raise AssertionError(f"{when}, frame {index}: reference {expected.tolist()}, RTL {result.logits.tolist()}")
        latencies.add(result.latency_cycles)
    return latencies


def _fits(folder: Path, board: Board) -> None:
    """What was folded is, by the estimate that it was folded by, on the board."""
    rows = json.loads((folder / "folding.json").read_text())
    for resource in ("LUT", "DSP", "BRAM"):
        used, there = sum(row[resource] for row in rows), getattr(board.resources, resource)
        if used > there * USABLE:
            raise AssertionError(f"folded past the board: {resource} {used:.0f} of {there * USABLE:.0f} usable")


def _plausible(report: Report) -> None:
    """That an estimate counts every layer, sums up, and has the DSPs that folding went by."""
    for row in [*(part.counts for part in report.parts), report.total]:
        if min(row[column] for column in COLUMNS) < 0 or row["LUTRAM"] > row["LUT"]:
            raise AssertionError(f"estimate: counts that cannot be: {row}")
    for column in COLUMNS:
        if report.total[column] != sum(part.counts[column] for part in report.parts):
            raise AssertionError(f"estimate: {column} does not sum up")
    for layer in report.layers:
        dsps, guessed = layer.counts["DSP"], layer.estimate["DSP"]
        if dsps != guessed:
            raise AssertionError(f"estimate: {layer.layer} has {dsps} DSP, not {guessed:g}")
    if not (report.total["LUT"] and report.total["FF"]):
        raise AssertionError("estimate: no LUT or no flip-flop at all")


def _netlist(folder: Path, reference: Reference, frames: list[Frame], latency: int, console: Console) -> None:
    netlist = netlist_core(folder / "core", folder / "netlist", console.print)
    latencies = _compare(CoreModel(netlist, seed=7), [reference], frames, [0] * len(frames), "the netlist")
    if latencies != {latency}:
        raise AssertionError(f"the netlist's latencies are {sorted(latencies)} cycles, the RTL's {latency}")


def attempt(case: Case, log: Path) -> Figures:
    """Run a case in this process, its output in `log`: what became of it, as `outcome` (equal, refused, failed) and
    `detail`."""
    with open(log, "a", buffering=1) as text, contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            return {"outcome": "equal", **check(case, Log(file=text, width=120))}
        except UserError as error:
            return _refused(error)
        except Exception as error:
            traceback.print_exc()
            return {"outcome": "failed", "detail": f"{type(error).__name__}: {error}"}


def _refused(error: UserError) -> Figures:
    """A clear line is an answer. One that a chip gave, that has several lines, or that stands for a hang is none."""
    detail = str(error)
    if isinstance(error, AcceleratorError) or "\n" in detail or "without an end" in detail:
        return {"outcome": "failed", "detail": f"{type(error).__name__}: {detail}"}
    return {"outcome": "refused", "detail": detail}


def main(arguments: list[str]) -> None:
    """`arguments`: the case's file, the file for the log, and the file for what became of it."""
    case, log, result = (Path(argument) for argument in arguments)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # where the fuzzer is killed, so is its case
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)  # where a hang is
    write_json(result, attempt(read(case), log))


if __name__ == "__main__":
    main(sys.argv[1:])
