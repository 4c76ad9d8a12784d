# SPDX-License-Identifier: BSD-3-Clause
"""`make temporal`: what the shift is worth where the order of time decides.

On each task of quant.orders the same network is trained with the shift and without it, by the same recipe, from several
seeds, and judged on clips that none of them has seen. Each training leaves its result beside its weights, so that an
interrupted command goes on where it stopped.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from shiftcore.artifacts import atomic_file, build_folder, digest, kept, lock, write_json
from shiftcore.options import PresetName
from shiftcore.quant import metrics, orders
from shiftcore.quant.preset import Preset, load_preset
from shiftcore.sources import code

VARIANTS = {"shift": True, "no_shift": False}
HELD_OUT_CLIPS = 1000
SCENE_SEED, SCENE_SIZE = (20261, 6), 96  # of the picture of the tasks

Hits = dict[str, dict[str, np.ndarray]]  # task, variant: which clips were right, bool [seeds, clips]


def work_folder() -> Path:
    """Where its trainings, figures and pictures go."""
    return build_folder() / "temporal"


def variant(base: Preset, task: str, name: str, seed: int) -> Preset:
    """`base` on `task`, with the shift or without it (`name` of VARIANTS), from `seed`, built in `work_folder`."""
    return base.with_(
        name=f"{work_folder().name}/{task}-{name}-{seed}",
        network={"shift": VARIANTS[name]},
        data={"events": (task,)},
        training={"seed": seed},
    )


def measure(preset: Preset, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which of the clips `images`, uint8 `[N, T, H, W, 3]`, the trained `preset` takes for what they are: bool `[N]`.
    Trains it unless that is done with the same preset, code and clips."""
    from shiftcore.quant import accuracy, checkpoint, learner

    path = preset.build / "result.json"

    def make() -> None:
        learner.train(preset)
        network, _ = checkpoint.load_network(preset)
        write_json(path, "".join(str(int(hit)) for hit in accuracy.hits(network, images, labels)))

    clips = images.tobytes(), labels.tobytes()
    key = digest(preset.model_dump_json(), *clips, code("shiftcore.flow.temporal", packages=learner.PACKAGES))
    return np.array([hit == "1" for hit in json.loads(kept(path, key, make).read_text())])


def measure_all(base: Preset, seeds: int, console: Console) -> Hits:
    """Every task with every variant from `seeds` seeds, all on the same held-out clips of their task."""
    from shiftcore.quant.data import HELD_OUT_SEED, render

    todo = len(orders.CLASSES) * len(VARIANTS) * seeds
    hits: Hits = {}
    for task in orders.CLASSES:
        images, labels = render(variant(base, task, "shift", 0), HELD_OUT_CLIPS, HELD_OUT_SEED)
        hits[task] = {}
        for name in VARIANTS:
            rows = []
            for seed in range(seeds):
                done = (len(hits) - 1) * len(VARIANTS) * seeds + len(hits[task]) * seeds + seed
                console.print(f"training {done + 1} of {todo}: {task}, {name}, seed {seed}")
                rows.append(measure(variant(base, task, name, seed), images, labels))
            hits[task][name] = np.stack(rows)
    return hits


def summarize(hits: Hits) -> dict[str, Any]:
    """Accuracy of each task and variant, and how much the shift adds: the mean over seeds and clips with its 95 %
    interval over clips (the two variants see the same ones), and every seed's own accuracy."""
    report: dict[str, Any] = {}
    for task, variants in hits.items():
        report[task] = {"classes": orders.CLASSES[task], "chance": 1 / len(orders.CLASSES[task])}
        for name, rows in variants.items():
            report[task][name] = _mean(rows.mean(0)) | {"seeds": [float(row.mean()) for row in rows]}
        report[task]["difference"] = _mean(variants["shift"].mean(0) - variants["no_shift"].mean(0))
    return report


def _mean(per_clip: np.ndarray) -> dict[str, Any]:
    clips = [str(index) for index in range(len(per_clip))]
    return {
        "mean": float(per_clip.mean()),
        "ci95": metrics.interval(lambda values: float(values.mean()), clips, per_clip),
    }


def table(report: dict[str, Any]) -> Table:
    """The report for a terminal."""
    result = Table("task", "chance", "with shift", "without", "difference", title="accuracy on held-out clips")
    for task, figures in report.items():
        cells = []
        for name in (*VARIANTS, "difference"):
            low, high = figures[name]["ci95"]
            cells.append(f"{figures[name]['mean']:.1%}  ({low:.1%} to {high:.1%})")
        result.add_row(task, f"{figures['chance']:.1%}", *cells)
    return result


def draw(report: dict[str, Any], path: Path) -> None:
    """Accuracy of each task and variant with its interval, every seed's and chance, as a PNG at `path`."""
    from matplotlib.figure import Figure

    figure = Figure((8, 3.6), layout="constrained")
    axes = figure.subplots()
    for place, figures in enumerate(report.values()):
        chance = axes.hlines(figures["chance"], place - 0.4, place + 0.4, color="#475569", linestyle=":")
        for name, aside, colour in (("shift", -0.18, "#0284c7"), ("no_shift", 0.18, "#b45309")):
            value, (low, high) = figures[name]["mean"], figures[name]["ci95"]
            bars = axes.bar(place + aside, value, 0.32, color=colour, alpha=0.35)
            axes.errorbar(place + aside, value, [[value - low], [high - value]], color=colour, capsize=6)
            axes.plot([place + aside + 0.08] * len(figures[name]["seeds"]), figures[name]["seeds"], ".", color=colour)
            if place == 0:
                bars.set_label("with the shift" if VARIANTS[name] else "without it")
        if place == 0:
            chance.set_label("chance")
    axes.set_xticks(range(len(report)), [f"{task}\n{', '.join(entry['classes'])}" for task, entry in report.items()])
    axes.set(ylim=(0, 1.02), ylabel="held-out accuracy")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=110)


def draw_scenes(path: Path, frames: int) -> None:
    """One clip of `frames` frames of every class of every task, of the same seed within a task, as a PNG at `path`."""
    from matplotlib.figure import Figure

    rows = list(_scenes(frames))
    figure = Figure((frames, 1.02 * len(rows)), layout="constrained")
    panels = figure.subplots(len(rows), 1)
    for (title, images), axes in zip(rows, panels, strict=True):
        axes.imshow(np.concatenate(images, axis=1))
        axes.set_ylabel(title, fontsize=11)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=90)


def _scenes(frames: int) -> Iterator[tuple[str, Sequence[np.ndarray]]]:
    for task, classes in orders.CLASSES.items():
        for label, name in enumerate(classes):
            yield f"{task}\n{name}", list(orders.clip(task, label, (frames, SCENE_SIZE, SCENE_SIZE), SCENE_SEED))


def main(
    preset: PresetName = "temporal",
    seeds: Annotated[int, typer.Option(min=1, help="trainings of each task and variant")] = 3,
) -> None:
    """Train PRESET with and without the shift on tasks where the order of time decides, and compare."""
    base, console = load_preset(preset), Console()
    with lock(work_folder()):
        draw_scenes(work_folder() / "scenes.png", base.data.num_segments)
        report = summarize(measure_all(base, seeds, console))
        write_json(
            work_folder() / "report.json", {"preset": base.name, "held_out_clips": HELD_OUT_CLIPS, "tasks": report}
        )
        draw(report, work_folder() / "temporal.png")
    console.print(table(report))
    print(f"figures: {work_folder() / 'report.json'}")
    print(f"pictures: {work_folder() / 'temporal.png'}, {work_folder() / 'scenes.png'}")
