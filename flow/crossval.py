# SPDX-License-Identifier: BSD-3-Clause
"""`make crossval`: train on four fifths of the sources and score the rest, five times; then train the network to ship.

Every clip is scored by the integer model (what the chip computes) of a network that never saw its source. The figures
are pooled over the folds; nothing is chosen on the scores that it is quoted on. The final network learns from all
clips; its alarm threshold is chosen on the out-of-fold scores and stored with its weights. Of several data sets each is
also left out as a whole. Where the preset names test sources, there is one round: they are scored by the network that
learned from the others, and that one is shipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from shiftcore.artifacts import digest, lock, without_nan, write_json
from shiftcore.errors import UserError
from shiftcore.flow import crossval_alarms, data_sets
from shiftcore.flow.alarm_figures import Figures
from shiftcore.flow.bias import bias_floor, examine
from shiftcore.flow.crossval_report import lines, write_card, write_picture
from shiftcore.flow.judging import judge
from shiftcore.flow.operating_point import choose_threshold, parted
from shiftcore.options import PresetName
from shiftcore.quant import checkpoint, layouts, metrics, splits
from shiftcore.quant.cross_validation import FOLDS, Scorer, TrainFold, one_fold, out_of_fold, torch_scorer
from shiftcore.quant.data import Clips, inputs, usable, video_clips
from shiftcore.quant.export import integer_reference
from shiftcore.quant.identity import fingerprint
from shiftcore.quant.layouts import Dataset, Sample
from shiftcore.quant.learner import begin, draw_curves, recipe_key, two_phases
from shiftcore.quant.metrics import Row
from shiftcore.quant.network import ReducedTSM
from shiftcore.quant.preset import Preset, check_alarm, load_preset
from shiftcore.quant.side_by_side import side_by_side
from shiftcore.quant.strategies import Strategy, own
from shiftcore.quant.tuning import trained_parameters
from shiftcore.sources import code


def train_fold(preset: Preset, strategy: Strategy, unseen: frozenset[Path], data: Clips, folder: Path) -> Scorer:
    """Train, and score with the integer model; beside it, with the same network in floating point, but for the
    videos `unseen`, which may be long."""
    trained = two_phases(preset, data, folder, strategy)
    checkpoint.save(trained.network, preset, folder / "best.pt")
    draw_curves(trained.epochs, folder / "curves.png")
    reference = integer_reference(trained.network, preset, trained=True)
    in_float = torch_scorer(trained.warm, preset)
    history = {phase: epochs[-1]["train_accuracy"] for phase, epochs in trained.epochs.items() if epochs}

    def score(sample: Sample) -> Row:
        if sample.path in unseen:
            return judge(reference, sample).row()
        beside: Row = {"float_scores": in_float(sample)["scores"], "train_accuracy": history}
        return {**judge(reference, sample).row(), **beside}

    return score


def summarize(rows: Sequence[Row], preset: Preset, classes: Sequence[str]) -> dict[str, Any]:
    """The pooled figures of out-of-fold `rows`: of all clips, and once more without the sources that the preset sets
    apart. `accuracy` and its like are at a threshold chosen on the other folds alone. Rows that are `unseen` count for
    thresholds only."""
    taught, unseen = parted(rows)
    figures = {"all": _figures(taught, unseen, preset, classes)}
    apart = [row for row in taught if not _is_apart(preset, row["source"])]
    if 0 < len(apart) < len(taught):
        figures["without " + " and ".join(preset.data.apart)] = _figures(apart, unseen, preset, classes)
    return figures


def _is_apart(preset: Preset, source: str) -> bool:
    """Whether `source`, with or without its data set's name in front, is one that figures are also given without."""
    return splits.plain(source) in preset.data.apart


def _figures(rows: Sequence[Row], unseen: Sequence[Row], preset: Preset, classes: Sequence[str]) -> dict[str, Any]:
    alarm = preset.alarm.classes
    table = metrics.judged(rows, classes, alarm)
    threshold = choose_threshold([*rows, *unseen], preset, classes) if alarm else 0.5
    figures: dict[str, Any] = {**metrics.summary(table, classes, alarm, threshold)}
    folds = sorted({row["fold"] for row in rows})
    by_fold = [[row for row in table if row["fold"] == fold] for fold in folds]
    figures["top1_by_fold"] = [float(np.mean([r["label"] == r["guess"] for r in part])) for part in by_fold]
    if not alarm:
        return figures
    positive, scores = metrics.alarm_columns(rows, classes, alarm)
    sources = [row["source"] for row in rows]
    pool = [*rows, *unseen]
    others = [choose_threshold([r for r in pool if r["fold"] != fold], preset, classes) for fold in folds]
    raised = np.array([s >= others[folds.index(r["fold"])] for r, s in zip(rows, scores, strict=True)]).astype(float)
    figures |= metrics.at_threshold(positive, raised, 0.5)
    figures["accuracy_ci95"] = metrics.interval(lambda p, r: float((p == (r > 0)).mean()), sources, positive, raised)
    figures["accuracy_at_half_ci95"] = metrics.interval(
        lambda p, s: float((p == (s >= 0.5)).mean()), sources, positive, scores
    )
    figures["auc_by_fold"] = [metrics.auc(*metrics.alarm_columns(part, classes, alarm)) for part in by_fold]
    _, in_float = metrics.alarm_columns([{**row, "scores": row["float_scores"]} for row in rows], classes, alarm)
    figures["float_auc"] = metrics.auc(positive, in_float)
    figures["quantized_minus_float_auc"] = metrics.auc_difference(positive, scores, in_float)
    figures["quantized_minus_float_auc_ci95"] = metrics.interval(
        metrics.auc_difference, sources, positive, scores, in_float
    )
    return figures


def add_floor(figures: dict[str, Any], preset: Preset, dataset: Dataset) -> None:
    """Put beside the figures of each part what its labels can be told by without looking (flow.bias)."""
    read, _ = layouts.read_each(dataset.samples, examine, "bias floor", dataset.missing)
    for name, part in figures.items():
        facts = [fact for _, fact in read if name == "all" or not _is_apart(preset, fact.sample.source)]
        samples = [fact.sample for fact in facts]
        floor = bias_floor(Dataset(dataset.layout, samples, dataset.sources_known), facts)["all of these"]
        part |= {f"floor_{key}": value for key, value in floor.items()}


def final_network(
    preset: Preset,
    strategy: Strategy,
    classes: Sequence[str],
    clips: Sequence[Sample],
    folder: Path,
    threshold: float | None,
) -> ReducedTSM:
    """Train on all `clips` and save the weights with `threshold` where `make export` finds them; those of the one round
    where the preset names test sources."""
    if preset.data.test:
        network, _ = checkpoint.load(folder.with_name("fold0") / "best.pt")
        checkpoint.save(network, preset, checkpoint.trained_path(preset))
        return network
    begin(folder, recipe_key(preset, strategy, fingerprint(clips)))
    print(f"final network: all {len(clips)} clips teach")
    trained = two_phases(preset, video_clips(preset, classes, clips, ()), folder, strategy)
    draw_curves(trained.epochs, folder / "curves.png")
    checkpoint.save(trained.network, preset, checkpoint.trained_path(preset), threshold)
    return trained.network


def unseen_samples(preset: Preset, dataset: Dataset) -> list[Sample]:
    """The labelled videos of `dataset` that can be scored; the others are named on stderr."""
    labelled = [sample for sample in dataset.samples if sample.label is not None]
    read, _ = layouts.read_each(labelled, lambda s: len(inputs(preset, s.path)), "unseen footage", dataset.missing)
    return [sample for sample, _ in read]


def guard(
    preset: Preset, rows: Sequence[Row], classes: list[str], without: dict[str, list[Row]]
) -> dict[str, dict[str, Figures]]:
    """What a guard would feel (flow.crossval_alarms): of the cross-validated `rows`, and of each origin left out."""
    choose = partial(choose_threshold, preset=preset, classes=classes)
    return {
        "out_of_fold": crossval_alarms.out_of_fold(rows, preset.alarm, choose),
        "left_out": {
            name: crossval_alarms.left_out(name, part, rows, preset.alarm, choose, classes)
            for name, part in without.items()
        },
    }


def leave_one_out(preset: Preset, given: "_Data", train: TrainFold, folder: Path, stamp: str) -> dict[str, list[Row]]:
    """The rows of each data set, by networks that learned from the others alone; of those that the others' classes are
    enough to learn without."""
    dataset = given.usable
    parts: dict[str, list[Sample]] = {name: [] for name in given.teaching}
    for sample in dataset.samples:
        parts[data_sets.origin(given.folders, sample.path)].append(sample)
    tasks = {}
    for name, held in parts.items() if len(parts) > 1 else ():
        teach = [sample for other, part in parts.items() if other != name for sample in part]
        if missing := sorted(set(dataset.classes) - {str(sample.label) for sample in teach}):
            print(f"{name} is not left out: without it there is no clip of {', '.join(missing)}")
            continue
        place = folder / name.replace("/", "-") / "fold0"
        teach = [*given.also, *teach]
        tasks[name] = partial(one_fold, preset, dataset.classes, teach, held, given.root, train, place, stamp)
    found = side_by_side(list(tasks.values()))
    return {name: [row | {"origin": name} for row in rows] for name, rows in zip(tasks, found, strict=True)}


@dataclass(frozen=True)
class _Data:
    """What is cross-validated: the data sets named `teaching`, `whole` as they lie there and `usable`; the videos that
    only are scored, `unseen`, and those that only teach, `also`; the `folders` of all by their names, and the
    `root` above them."""

    teaching: list[str]
    whole: Dataset
    usable: Dataset
    unseen: list[Sample]
    also: list[Sample]
    folders: dict[str, Path]
    root: Path

    @classmethod
    def read(cls, preset: Preset, data: dict[str, Path], unseen: dict[str, Path], also: dict[str, Path]) -> "_Data":
        def relabelled(folders: dict[str, Path]) -> Dataset:
            return splits.relabelled(data_sets.pooled(folders), preset)

        whole = splits.arranged(data_sets.pooled(data), preset)
        check_alarm(preset, whole.classes)
        others = unseen_samples(preset, relabelled(unseen)) if unseen else []
        besides = usable(preset, relabelled(also)).samples if also else []
        if foreign := sorted({str(sample.label) for sample in besides} - set(whole.classes)):
            raise UserError(
                f"--also: {', '.join(foreign)} is no class of the data, which has {', '.join(whole.classes)}"
            )
        folders = {**data, **unseen, **also}
        return cls(list(data), whole, usable(preset, whole), others, besides, folders, data_sets.root(folders))

    def marked(self, rows: Sequence[Row]) -> list[Row]:
        """`rows` with the data set that each is of, as `origin`, and whether it is `unseen`."""
        unseen = {str(sample.path.relative_to(self.root)) for sample in self.unseen}
        origins = [data_sets.origin(self.folders, self.root / row["clip"]) for row in rows]
        return [
            row | {"origin": origin, "unseen": row["clip"] in unseen} for row, origin in zip(rows, origins, strict=True)
        ]


def main(
    preset: PresetName,
    data: Annotated[list[Path], typer.Option(help="labelled videos (docs/data.md); repeatable, or joined by ':'")],
    unseen: Annotated[
        list[Path] | None, typer.Option(help="footage that teaches nothing: ordinary scenes, which set the threshold")
    ] = None,
    also: Annotated[
        list[Path] | None, typer.Option(help="videos that teach every fold and are scored in none: drawn ones")
    ] = None,
) -> None:
    """Cross-validate PRESET on the videos in DATA, then train it on all of them; goes on where it was interrupted."""
    settings = load_preset(preset)
    if settings.data.test and settings.alarm.classes:
        raise UserError(f"preset {settings.name!r}: data.test leaves no folds to choose the alarm's threshold on")
    folder = settings.build / "crossval"
    teaching = data_sets.named(data)
    others = data_sets.named(unseen or [], besides=teaching)
    beside = data_sets.named(also or [], besides={**teaching, **others})
    with lock(folder), lock(settings.build / "qat"):
        _cross_validate(settings, _Data.read(settings, teaching, others, beside), folder)
    print(f"weights: {checkpoint.trained_path(settings)}\ncard: {folder / 'model-card.md'}")
    print(f"figures: {folder / 'metrics.json'}")


def _cross_validate(preset: Preset, given: _Data, folder: Path) -> None:
    """Score `given` out of fold, train the network to ship, and leave figures, pictures and card in `folder`."""
    strategy, classes, alarm = own(preset), given.whole.classes, preset.alarm.classes
    train = partial(train_fold, preset, strategy, frozenset(sample.path for sample in given.unseen))
    stamp = digest(strategy.stamp(), code("shiftcore.flow.crossval"))
    rows = given.marked(out_of_fold(preset, given.root, given.usable, train, folder, stamp, given.unseen, given.also))
    without = leave_one_out(preset, given, train, folder / "without", stamp)
    figures = summarize(rows, preset, classes)
    if not preset.data.test:  # the floor is that of folds
        add_floor(figures, preset, given.whole)
    threshold = choose_threshold(rows, preset, classes) if alarm else None
    about = {"preset": preset.name, "data": " and ".join(given.teaching), "classes": classes, "threshold": threshold}
    felt = guard(preset, rows, classes, without) if alarm else None
    report = without_nan({**about, "alarms": felt, "figures": figures})
    write_json(folder / "metrics.json", report)
    write_json(folder / "predictions.json", rows)
    Console().print(table(figures, preset))
    clips = [*given.usable.samples, *given.also]
    network = final_network(preset, strategy, classes, clips, folder / "final", threshold)
    write_card(folder / "model-card.md", preset, report, trained_parameters(network))
    if alarm:
        draw(folder / "crossval.png", parted(rows)[0], classes, alarm, figures["all"]["auc"])


def draw(path: Path, rows: Sequence[Row], classes: Sequence[str], alarm: Sequence[str], auc: float) -> None:
    """The ROC curve of `rows`, by fold, as a PNG."""
    positive, scores = metrics.alarm_columns(rows, classes, alarm)
    write_picture(path, positive, scores, [row["fold"] for row in rows], auc)


def table(figures: dict[str, Any], preset: Preset) -> Table:
    """The pooled figures for a terminal."""
    rounds = "test sources" if preset.data.test else f"{FOLDS} folds by source"
    view = Table("out-of-fold, integer model", *figures, title=f"{preset.name}, {rounds}")
    for name, cells in lines(figures):
        view.add_row(name.replace("*", ""), *cells)
    return view
