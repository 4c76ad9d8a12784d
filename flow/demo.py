"""`make demo`: a video through the driver and the simulated chip, every logit of every frame compared with the
reference."""

from bisect import bisect
from collections.abc import Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from common import cli
from common.artifacts import BUILD, write_json
from common.preset import Preset, load_preset
from driver.build import Build
from flow import measure
from flow.picture import Track, draw
from flow.shots import Shot, from_file, synthetic_scenes
from hw.graph import Frame
from sim.chip import build_library
from sim.core import read_manifest
from sim.decision import Decision
from sim.reference import Reference
from sim.verilator import environment

FOLDER = BUILD / "demo"


def choose(video: Path | None, preset: Preset, limit: int) -> list[Shot]:
    """The video asked for, or synthetic scenes, whose classes the network knows."""
    shots = [from_file(video, preset, limit)] if video else []
    if shots and preset.data.source == "synthetic":
        shots[0].remark = "the network learned on synthetic scenes, so what its classes say of this video means nothing"
    if video is None:
        shots.append(synthetic_scenes(FOLDER / "scenes.mp4", preset))
    return shots


def contexts(shots: Sequence[Shot], streams: int) -> list[Frame]:
    """All frames in order, each shot a camera of its own, as far as the chip has `streams`; the first frame of each
    clip clears the camera's state."""
    return [
        Frame(pixels, stream=camera % streams, clear=index in shot.starts)
        for camera, shot in enumerate(shots)
        for index, pixels in enumerate(shot.frames)
    ]


def decide(reference: Reference, frames: Sequence[Frame], logits: np.ndarray) -> list[Decision]:
    """What is known after each frame."""
    consensus = reference.consensus()
    return [consensus.update(row, frame.stream, frame.clear) for row, frame in zip(logits, frames, strict=True)]


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


def timeline(shot: Shot, decisions: Sequence[Decision]) -> list[dict[str, Any]]:
    """Class and score over time: one entry for each stretch of frames of a clip with the same winner, with the
    score at its end."""
    clips = [bisect(shot.starts, frame) - 1 for frame in range(len(decisions))]
    stretches = []
    for (number, name), group in groupby(enumerate(decisions), key=lambda item: (clips[item[0]], item[1].name)):
        first, *_ = items = list(group)
        last, decision = items[-1]
        entry = {"first_frame": first[0], "last_frame": last, "class": name}
        entry["score"] = round(float(decision.scores[decision.index]), 3)
        stretches.append(entry | ({"shown": shot.truth[number]} if shot.truth else {}))
    return stretches


def timeline_table(shot: Shot, stretches: Sequence[dict[str, Any]]) -> Table:
    columns = ["frames", "class", "score", *(["shown"] if shot.truth else [])]
    table = Table(*columns, title=Path(shot.source).name, title_justify="left")
    for stretch in stretches:
        first, last = stretch["first_frame"], stretch["last_frame"]
        frames = str(first) if first == last else f"{first} to {last}"
        shown = [stretch["shown"]] if shot.truth else []
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


def main(
    video: Annotated[Path | None, typer.Option(help="a video file; without it synthetic scenes")] = None,
    preset: Annotated[str, typer.Option(help="a shipped preset, or a TOML file")] = "tiny",
    board: Annotated[str, typer.Option(help="a board of hw/boards")] = "pynq-z2",
    frames: Annotated[int, typer.Option(min=2, help="of a longer video only so many")] = 64,
) -> None:
    """Stream a video through the driver and the Verilated chip and compare every logit with the reference."""
    console = Console()
    network = load_preset(preset)
    shots = choose(video, network, frames)
    environment()  # a missing compiler shows now, not minutes later
    from flow.build import compiled_chip

    chip = compiled_chip(network, board, console)
    with console.status("building the simulator, once ..."):
        build_library(chip)
    build = Build.load(chip.parent)
    reference = Reference.load(chip / "model.npz")
    sequence = contexts(shots, reference.streams)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("frames through the chip", total=len(sequence))
        result = measure.run_chip(build, reference, sequence, lambda: progress.advance(task))

    figures = measure.figures(result, read_manifest(chip / "core"))
    decisions = decide(reference, sequence, result.logits)
    remaining = iter(decisions)
    per_shot = [list(islice(remaining, len(shot.frames))) for shot in shots]
    stretches = [timeline(shot, part) for shot, part in zip(shots, per_shot, strict=True)]
    for shot, entries in zip(shots, stretches, strict=True):
        console.print(timeline_table(shot, entries))
        console.print(f"[dim]{shot.remark}[/]\n")
    console.print(figures_table(figures, board))

    report = {
        **figures,
        "preset": network.name,
        "source": shots[0].source,
        "board": board,
        "trained": reference.description["trained"],
        "videos": [{"source": s.source, "timeline": entries} for s, entries in zip(shots, stretches, strict=True)],
    }
    write_json(FOLDER / "report.json", report)
    scores = [np.stack([decision.scores for decision in part]) for part in per_shot]
    tracks = [Track(s.title, s.images, score, s.starts, s.truth) for s, score in zip(shots, scores, strict=True)]
    draw(FOLDER / "demo.png", tracks, reference.classes, *headline(figures, board))
    print(f"figures: {FOLDER / 'report.json'}\npicture: {FOLDER / 'demo.png'}")
    if figures["differing_bits"]:
        console.print("[bold red]the chip differs from the reference[/]; `make trace` names the layer")
        raise typer.Exit(1)


if __name__ == "__main__":
    cli.run(main)
