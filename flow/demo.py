# SPDX-License-Identifier: BSD-3-Clause
"""`make demo`: what the network says of two videos, and then the proof that the simulated chip says the same.

The verdict of the reference comes first, because that is what a user wants to see. Compiling and simulating the chip
takes minutes; every logit is compared of as many frames as go through it in one.
"""

from bisect import bisect
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from shiftcore.artifacts import build_folder, write_json
from shiftcore.driver.build import Build
from shiftcore.errors import UserError
from shiftcore.flow import measure
from shiftcore.flow.build import compiled_chip, exported_model
from shiftcore.flow.picture import draw
from shiftcore.flow.shots import Shot, drawn
from shiftcore.flow.watch import Watched, watch
from shiftcore.hw.graph import Frame
from shiftcore.model.manifest import CoreManifest
from shiftcore.model.reference import Reference
from shiftcore.options import BoardName, PresetName
from shiftcore.quant.preset import Preset, load_preset
from shiftcore.sim.chip import build_library
from shiftcore.sim.verilator import environment


def work_folder() -> Path:
    """Where its figures and pictures go."""
    return build_folder() / "demo"


def choose(file: Path | None, preset: Preset) -> list[Shot]:
    """The drawn videos that suit the network, and before them the file asked for. Raises UserError where there is no
    such file."""
    if file is None:
        return drawn(work_folder(), preset)
    if not file.exists():
        raise UserError(f"{file}: no such video file")
    remark = ""
    if preset.data.source == "synthetic":
        remark = "the network learned on synthetic scenes, so what its classes say of this video means nothing"
    return [Shot(file, remark=remark)]


def contexts(videos: Sequence[Watched], streams: int) -> list[Frame]:
    """What the chip is given: each video a camera of its own, their frames in turn, as far as the chip has `streams`;
    on one stream, one video after the other. The first frame of each clip clears the camera's state."""
    frames = [
        (number, camera, Frame(pixels, stream=camera % streams, clear=number in watched.starts))
        for camera, watched in enumerate(videos)
        for number, pixels in enumerate(watched.inputs)
    ]
    if len(videos) <= streams:
        frames.sort(key=lambda item: item[:2])
    return [frame for *_, frame in frames]


def figures_table(figures: dict[str, Any], board: str) -> Table:
    latency = f"{figures['latency_cycles_min']:,} to {figures['latency_cycles_max']:,}"
    microseconds = figures["latency_cycles_max"] / figures["clock_mhz"]
    table = Table(
        "", "", show_header=False, title="The whole chip in Verilator against the reference", title_justify="left"
    )
    for name, value in (
        ("frames", f"{figures['frames']}"),
        (
            "differing bits",
            f"[bold {'green' if figures['differing_bits'] == 0 else 'red'}]{figures['differing_bits']}[/]",
        ),
        ("latency, shortest to longest", f"{latency} cycles ({microseconds:,.0f} µs)"),
        (
            "cycles per frame",
            f"{figures['cycles_per_frame']:,.0f} (slowest layer alone: {figures['slowest_op_cycles']:,})",
        ),
        (f"frames per second, {board} at {figures['clock_mhz']:g} MHz", f"{figures['frames_per_second']:,.0f}"),
    ):
        table.add_row(name, value)
    return table


def timeline(watched: Watched) -> list[dict[str, Any]]:
    """Class and score over time: one entry for each stretch of frames of a clip with the same winner, with the
    score at its end."""
    clips = [bisect(watched.starts, frame) - 1 for frame in range(len(watched.decisions))]
    stretches = []
    for (number, name), group in groupby(enumerate(watched.decisions), key=lambda item: (clips[item[0]], item[1].name)):
        first, *_ = items = list(group)
        last, decision = items[-1]
        entry = {"first_frame": first[0], "last_frame": last, "class": name}
        entry["score"] = round(float(decision.scores[decision.index]), 3)
        stretches.append(entry | ({"shown": watched.truth[number]} if watched.truth else {}))
    return stretches


def timeline_table(watched: Watched) -> Table:
    columns = ["frames", "class", "score", *(["shown"] if watched.truth else [])]
    table = Table(*columns, title=watched.name, title_justify="left")
    for stretch in timeline(watched):
        first, last = stretch["first_frame"], stretch["last_frame"]
        frames = str(first) if first == last else f"{first} to {last}"
        shown = [stretch["shown"]] if watched.truth else []
        table.add_row(frames, stretch["class"], f"{stretch['score']:.2f}", *shown)
    return table


def headline(figures: dict[str, Any], board: str) -> tuple[str, str]:
    """The picture's two lines of text."""
    low, high = figures["latency_cycles_min"], figures["latency_cycles_max"]
    latency = f"{low:,} cycles for every frame" if low == high else f"{low:,} to {high:,} cycles"
    return (
        f"{figures['frames']} frames, {figures['differing_bits']} differing bits",
        f"Every logit of the simulated chip against the reference's. Latency {latency}; "
        f"{figures['frames_per_second']:,.0f} frames/s on {board} at {figures['clock_mhz']:g} MHz.",
    )


def see(shots: Sequence[Shot], reference: Reference, limit: int | None, console: Console) -> list[Watched]:
    """Every input of each video (the first `limit`; None: all) through the reference; says what it saw."""
    settings = reference.description.alarm
    videos = []
    for shot in shots:
        with console.status(f"{shot.path.name}: every frame through the reference ..."):
            watched = watch(shot.path, reference, shot.starts, limit)
        watched.truth, watched.remark = shot.truth, shot.remark
        videos.append(watched)
        if len(reference.classes) > 2:
            console.print(timeline_table(watched))
        console.print(f"[bold {'red' if watched.changes else 'green'}]{watched.verdict(settings)}[/]", highlight=False)
        if watched.remark:
            console.print(f"[dim]{watched.remark}[/]")
    return videos


def prove(chip: Path, reference: Reference, videos: Sequence[Watched], limit_s: float, console: Console) -> measure.Run:
    """As many frames as go in `limit_s` seconds, through driver and simulated chip, each compared."""
    with console.status("building the simulator, once ..."):
        build_library(chip)
    sequence = contexts(videos, reference.streams)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("frames through the chip", total=len(sequence))
        build = Build.load(chip.parent)
        return measure.run_chip(build, reference, sequence, lambda: progress.advance(task), limit_s)


def entry(watched: Watched) -> dict[str, Any]:
    """What the report says of a video."""
    return {
        "source": watched.source,
        "inputs": len(watched.logits),
        "risk_max": round(max(watched.risk), 4),
        "alarms": [{"raised_s": round(raised, 3), "ended_s": round(ended, 3)} for raised, ended in watched.alarms],
        "timeline": timeline(watched),
    }


def main(
    video: Annotated[Path | None, typer.Option(help="a video file; without it drawn ones")] = None,
    preset: PresetName = "cctv",
    board: BoardName = "pynq-z2",
    frames: Annotated[int | None, typer.Option(min=2, help="of each video only so many inputs")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="for how long the chip is simulated")] = 60.0,
) -> None:
    """Watch a video: verdict and picture by the reference, then the same logits from driver and simulated chip."""
    console = Console()
    network = load_preset(preset)
    shots = choose(video, network)
    environment()  # a missing compiler shows now, not minutes later
    reference = Reference.load(exported_model(network).with_name("model.npz"))
    settings, picture = reference.description.alarm, work_folder() / "demo.png"
    videos = see(shots, reference, frames, console)
    count = sum(len(watched.logits) for watched in videos)
    draw(picture, videos, reference.classes, settings, f"{count} frames on the reference", "The chip comes next.")
    print(f"picture: {picture}\nnow the chip: compiled, built and simulated, each logit compared")

    chip = compiled_chip(network, board, console)
    result = prove(chip, reference, videos, seconds, console)
    figures = measure.figures(result, CoreManifest.read(chip / "core"))
    console.print(figures_table(figures, board))
    report = {
        **figures,
        "preset": network.name,
        "source": videos[0].source,
        "board": board,
        "trained": reference.description.trained,
        "videos": [entry(watched) for watched in videos],
    }
    write_json(work_folder() / "report.json", report)
    draw(picture, videos, reference.classes, settings, *headline(figures, board))
    print(f"figures: {work_folder() / 'report.json'}\npicture: {picture}")
    if figures["differing_bits"]:
        console.print("[bold red]the chip differs from the reference[/]; `make trace` names the layer")
        raise typer.Exit(1)
