# SPDX-License-Identifier: BSD-3-Clause
"""`make zoo`: networks that others wrote, each exported, imported, compiled, simulated and synthesized; what stands in
the way of the others. Resumable: what was done with the same code is kept."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from shiftcore.artifacts import atomic_folder, build_folder, digest, kept, lock, write_json
from shiftcore.errors import UserError
from shiftcore.flow.build import compiled_chip, exported_model, network
from shiftcore.hw.boards import load_board
from shiftcore.hw.compile import PACKAGES
from shiftcore.hw.estimate import estimate, synthesized
from shiftcore.hw.obstacles import ObstacleError
from shiftcore.model.manifest import CoreManifest
from shiftcore.model.reference import Reference
from shiftcore.sim.core import CoreModel
from shiftcore.sources import code

FRAMES = 8  # simulated and compared
SOURCE = "brevitas_examples.bnn_pynq, random weights"


@dataclass(frozen=True)
class Entry:
    """A network of the zoo: by its name in `brevitas_examples.bnn_pynq`, the board that it is for, its input's shape
    `[C, H, W]`, and the frames per second that it is folded for."""

    name: str
    shape: tuple[int, int, int]
    target_fps: int
    board: str = "pynq-z2"


MNIST, CIFAR = (1, 28, 28), (3, 32, 32)
ZOO = (
    *(Entry(name, MNIST, 10_000) for name in ("tfc_2w2a", "sfc_2w2a", "tfc_1w2a", "sfc_1w2a", "tfc_1w1a", "sfc_1w1a")),
    *(Entry(name, MNIST, 1_000, "zcu104") for name in ("lfc_1w2a", "lfc_1w1a")),
    *(Entry(name, CIFAR, 500) for name in ("cnv_2w2a", "cnv_1w2a", "cnv_1w1a")),
    Entry("resnet18_4w4a", CIFAR, 30, "zcu104"),
)


@dataclass(frozen=True)
class Outcome:
    """A line of the report. `equal`: simulated frames whose logits are the reference's, and `differing_bits` of the
    others; `fits`: by Yosys' count, the shell included; `minutes`: of all of it. None where it did not come so far, for
    the `obstacles`."""

    name: str
    source: str
    board: str
    equal: int | None = None
    differing_bits: int | None = None
    cycles_per_frame: int | None = None
    fps: float | None = None
    luts: int | None = None
    dsps: int | None = None
    brams: float | None = None
    fits: bool | None = None
    minutes: float | None = None
    obstacles: tuple[str, ...] = ()


def export(entry: Entry, path: Path) -> None:
    """Write the network's QONNX to `path`, its settings beside it: its weights are random (seed 0), and its batch norms
    are those of random images."""
    import torch
    from brevitas.export import export_qonnx
    from brevitas_examples.bnn_pynq.models import model_with_cfg

    torch.manual_seed(0)
    net, _ = model_with_cfg(entry.name, False)
    for module in net.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = None  # the mean of all it sees
    with torch.no_grad():
        for _ in range(4):
            net.train()(torch.rand(64, *entry.shape))
    export_qonnx(net.eval(), torch.rand(1, *entry.shape), export_path=str(path), verbose=False)
    path.with_suffix(".toml").write_text(f"[input]\nscale = 255\n\n[hardware]\ntarget_fps = {entry.target_fps}\n")


def compared(core: Path, reference: Reference) -> tuple[int, int]:
    """How many of `FRAMES` random frames the simulated core gives the reference's logits for, and how many bits of the
    others differ."""
    frames = np.random.default_rng(3).integers(0, 256, (FRAMES, *reference.input_shape), np.uint8)
    model = CoreModel(core)
    for frame in frames:
        model.push(frame)
    got = np.stack([result.logits for result in model.run()])
    wanted = np.stack([reference.infer(frame) for frame in frames])
    model.close()
    differing = np.unpackbits((got ^ wanted).astype("<i8").view(np.uint8), axis=None)
    return int((got == wanted).all(axis=1).sum()), int(differing.sum())


def outcome(entry: Entry, folder: Path, console: Console) -> Outcome:
    """Take a network as far as it goes; its files lie in `folder`."""
    started, path = time.monotonic(), folder / f"{entry.name}.onnx"
    begun, board = Outcome(entry.name, SOURCE, entry.board), load_board(entry.board)
    if not path.is_file():
        with atomic_folder(folder) as temporary:
            export(entry, temporary / path.name)
    try:
        of = network(str(path))
        build = compiled_chip(of, entry.board, console).parent
    except ObstacleError as refusal:
        return replace(begun, minutes=_minutes(started), obstacles=tuple(map(str, refusal.obstacles)))
    except UserError as refusal:
        return replace(begun, minutes=_minutes(started), obstacles=(str(refusal),))
    manifest = CoreManifest.read(build / "core")
    equal, differing = compared(build / "core", Reference.load(exported_model(of).with_name("model.npz")))
    area = estimate(build, board, synthesized(build, board, console))
    return replace(
        begun,
        equal=equal,
        differing_bits=differing,
        cycles_per_frame=manifest.frame_interval,
        fps=round(board.clock_mhz * 1e6 / manifest.frame_interval, 1),
        luts=area.total["LUT"],
        dsps=area.total["DSP"],
        brams=area.total["RAMB36"] + area.total["RAMB18"] / 2,
        fits=area.fits,
        minutes=_minutes(started),
    )


def _minutes(since: float) -> float:
    return round((time.monotonic() - since) / 60, 1)


def run(
    entries: Sequence[Entry], folder: Path, console: Console, make: Callable[..., Outcome] = outcome
) -> list[Outcome]:
    """All outcomes, each kept in `folder`/NAME.json, and `folder`/report.json, which is written anew with each."""
    done: list[Outcome] = []
    for entry in entries:
        ours = code("shiftcore.flow.zoo", packages=(*PACKAGES, "brevitas", "torch"))
        key, path = digest(json.dumps(asdict(entry)), ours), folder / f"{entry.name}.json"

        def result(entry: Entry = entry, path: Path = path) -> None:
            console.print(f"{entry.name} for {entry.board}", markup=False)
            write_json(path, asdict(make(entry, folder / entry.name, console)))

        kept(path, key, result)
        values = json.loads(path.read_text())
        done.append(Outcome(**{**values, "obstacles": tuple(values["obstacles"])}))
        write_json(folder / "report.json", [asdict(each) for each in done])
    return done


def said(each: Outcome) -> str:
    """A line about an outcome, and one for each obstacle."""
    if each.equal is None:
        return "\n  ".join([f"{each.name}: {len(each.obstacles)} obstacles", *each.obstacles])
    return (
        f"{each.name} on {each.board}: {each.equal} of {FRAMES} frames equal, {each.differing_bits} differing bits; "
        f"{each.cycles_per_frame:,} cycles, {each.fps:,.0f} FPS; {each.luts:,} LUT, {each.dsps} DSP, {each.brams:g} "
        f"BRAM, {'fits' if each.fits else 'does not fit'}; {each.minutes:g} minutes"
    )


def main(
    only: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="these alone; default: all")] = None,
) -> None:
    """Compile networks that others wrote, each simulated and synthesized; build/zoo/report.json."""
    known = {entry.name: entry for entry in ZOO}
    if unknown := [name for name in only or () if name not in known]:
        raise UserError(f"{unknown[0]}: not in the zoo; there are {', '.join(known)}")
    folder, console = build_folder() / "zoo", Console()
    with lock(folder):
        for each in run([known[name] for name in only or known], folder, console):
            console.print(said(each), markup=False)
    print(f"report: {folder / 'report.json'}")
