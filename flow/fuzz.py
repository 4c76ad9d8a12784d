"""`make fuzz`: random networks through compile, reference and RTL, until stopped.

A case is one seed: it draws the network's shape, bits, folding and streams, its weights, and the frames. Every case
runs in a process of its own. One that differs, hangs, crashes, or ends in anything but a clear refusal is kept as a
file that `make fuzz CASE=file` runs again; moved to tests/chain/cases it is a test for good.
"""

import contextlib
import json
import multiprocessing
import random
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from shiftcore.artifacts import build_folder, write_json
from shiftcore.errors import UserError
from shiftcore.flow.build import compiled_core
from shiftcore.hw.graph import Frame
from shiftcore.model.reference import Reference
from shiftcore.quant.export import export
from shiftcore.quant.network import random_network
from shiftcore.quant.preset import parse_preset
from shiftcore.sim.core import CoreModel, build_library

BOARDS = ("pynq-z1", "pynq-z2")
CASE_LIMIT_S = 1800
FRAMES = 12


def work_folder() -> Path:
    """Where failed cases, logs and the history are kept."""
    return build_folder() / "fuzz"


def draw(seed: int) -> dict[str, Any]:
    """The case of `seed`: a preset's values, and the board."""
    rng = random.Random(seed)
    fold_div = rng.choice([1, 2, 4, 8])
    shift = rng.random() < 0.85
    unit = fold_div if shift else 1
    stem = {"width": rng.randint(1, 12), "stride": rng.choice([1, 2]), "max_pool": rng.random() < 0.25}
    stages, stride = [], stem["stride"] * (2 if stem["max_pool"] else 1)
    for _ in range(rng.randint(1, 3)):
        blocks = rng.choice([0, 1, 1, 2])
        width = unit * rng.randint(1, max(1, 24 // unit)) if blocks else rng.randint(1, 24)
        stages.append({"width": width, "stride": rng.choice([1, 2]), "blocks": blocks})
        stride *= stages[-1]["stride"]
    size = [stride * rng.randint(max(3, -(-8 // stride)), max(3, 24 // stride)) for _ in range(2)]
    bits = ("weight_bits", "act_bits", "first_weight_bits", "last_weight_bits")
    preset = {
        "name": f"fuzz-{seed}",
        "input": {"height": size[0], "width": size[1]},
        "network": {"stem": stem, "stages": stages, "fold_div": fold_div, "shift": shift},
        "quantization": {name: rng.choice([2, 3, 4, 4, 5, 6, 8]) for name in bits},
        "hardware": {
            "target_fps": rng.choice([500, 2000, 8000, 20000]),
            "streams": rng.choice([1, 1, 2, 3, 8]),
        },
    }
    return {"seed": seed, "board": rng.choice(BOARDS), "preset": preset}


def check(case: dict[str, Any], console: Console) -> dict[str, Any]:
    """Compile the case's network and compare its RTL with the reference: at full speed, with pauses, and after a reset
    in the middle of a frame. Returns figures; raises UserError for a network that is refused, and whatever else goes
    wrong."""
    preset = parse_preset(case["preset"], "case")
    rng = np.random.default_rng(case["seed"])
    classes = [f"class{index}" for index in range(int(rng.integers(2, 12)))]
    exported = export(random_network(preset, case["seed"], classes), preset, preset.build / "export")
    folder = compiled_core(exported / "model.onnx", case["board"], console)
    reference, core = Reference.load(exported / "model.npz"), CoreModel(folder, seed=case["seed"] % 2**31 or 1)
    frames = [
        Frame(
            rng.integers(0, 256, reference.input_shape, dtype=np.uint8),
            int(rng.integers(preset.hardware.streams)),
            bool(rng.random() < 0.2),
        )
        for _ in range(FRAMES)
    ]
    latency = _compare(core, reference, frames, "at full speed")
    if len(latency) > 1:
        raise AssertionError(f"at full speed: latency is not fixed: {sorted(latency)} cycles")
    core.input_pause, core.output_pause = 0.3, 0.3
    core.push(frames[0].pixels)
    core.step(int(rng.integers(1, 2 * core.manifest["frame_interval"])))
    core.reset()
    starts = {frame.stream: index for index, frame in reversed(list(enumerate(frames)))}.values()
    anew = [frame._replace(clear=frame.clear or index in starts) for index, frame in enumerate(frames)]
    _compare(core, reference, anew, "with pauses, after a reset")
    core.close()
    library = build_library(folder).parent
    shutil.rmtree(library)
    library.with_suffix(".lock").unlink(missing_ok=True)
    shutil.rmtree(preset.build)
    return {"latency": latency.pop(), "interval": core.manifest["frame_interval"]}


def _compare(core: CoreModel, reference: Reference, frames: list[Frame], when: str) -> set[int]:
    """Every logit of every frame; returns the latencies seen."""
    reference.reset()
    for frame in frames:
        core.push(frame.pixels, frame.stream, frame.clear)
    latencies = set()
    for index, (frame, result) in enumerate(zip(frames, core.run(), strict=True)):
        expected = reference.infer(frame.pixels, frame.stream, frame.clear)
        if not np.array_equal(expected, result.logits):
            raise AssertionError(f"{when}, frame {index}: reference {expected.tolist()}, RTL {result.logits.tolist()}")
        latencies.add(result.latency_cycles)
    return latencies


def attempt(case: dict[str, Any], log: Path) -> dict[str, Any]:
    """Run a case in this process, its output in `log`: what became of it, as `outcome` (equal, refused, failed) and
    `detail`."""
    with open(log, "w") as text, contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            return {"outcome": "equal", **check(case, Console(file=text, width=120))}
        except UserError as error:
            return {"outcome": "refused", "detail": str(error)}
        except Exception as error:
            traceback.print_exc()
            return {"outcome": "failed", "detail": f"{type(error).__name__}: {error}"}


def _isolated(case: dict[str, Any]) -> dict[str, Any]:
    """`attempt` in a forked process, so that a crash or a hang is the case's own."""
    log = work_folder() / f"{case['preset']['name']}.log"
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=lambda: send.send(attempt(case, log)))
    start = time.monotonic()
    child.start()
    send.close()
    try:
        answered = receive.poll(CASE_LIMIT_S)
        result = receive.recv() if answered else {"outcome": "failed", "detail": f"no end after {CASE_LIMIT_S} s"}
    except EOFError:
        child.join()
        result = {"outcome": "failed", "detail": f"the process died, exit code {child.exitcode}"}
    finally:
        child.kill()
        child.join()
    return {**result, "seconds": round(time.monotonic() - start, 1)}


def _cases(
    console: Console, seed: int, networks: int, seconds: float
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Cases from `seed` on and what became of each, until there are as many as asked for or the time is up."""
    end = time.monotonic() + seconds if seconds else float("inf")
    count = 0
    while time.monotonic() < end and (not networks or count < networks):
        case = draw(seed + count)
        count += 1
        with console.status(f"seed {case['seed']}: {json.dumps(case['preset']['network'])}"):
            yield case, _isolated(case)


def main(
    seed: Annotated[int | None, typer.Option(help="first seed (default: go on where the last run stopped)")] = None,
    networks: Annotated[int, typer.Option(min=0, help="stop after so many; 0: go on")] = 0,
    minutes: Annotated[float, typer.Option(min=0, help="start no more after so long; 0: go on")] = 0,
    case: Annotated[Path | None, typer.Option(help="run this saved case again, and nothing else")] = None,
) -> None:
    """Run random networks through compile, reference and RTL until stopped; keep what goes wrong as a case."""
    console = Console()
    work_folder().mkdir(parents=True, exist_ok=True)
    if case:
        if not case.is_file():
            raise UserError(f"{case}: no such case; failed ones are kept in {work_folder()}")
        result = _isolated(json.loads(case.read_text()))
        console.print(result)
        raise typer.Exit(result["outcome"] == "failed")
    history = work_folder() / "history.jsonl"
    done = [json.loads(line) for line in history.read_text().splitlines()] if history.is_file() else []
    if seed is None:
        seed = max((entry["seed"] for entry in done), default=-1) + 1
    outcomes: Counter[str] = Counter()
    for drawn, result in _cases(console, seed, networks, 60 * minutes):
        outcomes[result["outcome"]] += 1
        with open(history, "a") as lines:
            lines.write(json.dumps({"seed": drawn["seed"], **result}) + "\n")
        console.print(
            f"seed {drawn['seed']}: {result['outcome']} in {result['seconds']:.0f} s  {result.get('detail', '')}"
        )
        if result["outcome"] == "failed":
            write_json(work_folder() / f"{drawn['preset']['name']}.json", {**drawn, "detail": result["detail"]})
            console.print(f"  kept: {work_folder() / drawn['preset']['name']}.json")
        else:
            shutil.rmtree(build_folder() / drawn["preset"]["name"], ignore_errors=True)
    console.print(", ".join(f"{count} {outcome}" for outcome, count in outcomes.items()))
    raise typer.Exit(bool(outcomes["failed"]))
