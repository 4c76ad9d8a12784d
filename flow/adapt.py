# SPDX-License-Identifier: BSD-3-Clause
"""`make adapt`: fine-tune the network in use on your own clips, and use the result only if it is shown to be better.

Shown on your clips: whole sources are held out in turn, a network is fine-tuned on the others, and the old and the new
one score what is held out, both as the integer model (what the chip computes). A paired test over sources decides
(quant.paired). If the new one wins, it learns once more from all clips and becomes the one in use; `make rollback` goes
back. Nothing leaves the machine. docs/adapting.md is for users.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from shiftcore.artifacts import digest, lock
from shiftcore.errors import UserError
from shiftcore.flow import adapt_report, versions
from shiftcore.flow.judging import judge
from shiftcore.flow.operating_point import choose_threshold
from shiftcore.flow.rollout import roll_out
from shiftcore.model.reference import Reference
from shiftcore.options import PresetName
from shiftcore.quant import checkpoint, layouts, metrics, paired, splits
from shiftcore.quant.cross_validation import FOLDS, Scorer, each_fold
from shiftcore.quant.data import Clips, usable, video_clips
from shiftcore.quant.export import integer_reference
from shiftcore.quant.frames import content
from shiftcore.quant.layouts import Dataset, Sample
from shiftcore.quant.learner import begin, recipe_key, two_phases
from shiftcore.quant.metrics import Row
from shiftcore.quant.network import ReducedTSM
from shiftcore.quant.preset import Preset, check_alarm, load_preset
from shiftcore.quant.strategies import Strategy
from shiftcore.sources import code

STEPS = 200  # of training at least: twenty clips a class make an epoch of two or three
BATCH = 16


@dataclass(frozen=True)
class TooLittle:
    """Nothing can be decided, for this `reason`."""

    reason: str


@dataclass(frozen=True)
class Footage:
    """The user's clips. `fresh`: of sources that the network in use has never learned from: they decide; `known`: the
    others, which only teach; `digests`: of each clip's content."""

    folder: Path
    sources_known: bool
    fresh: list[Sample]
    known: list[Sample]
    digests: dict[Path, str]

    @property
    def samples(self) -> list[Sample]:
        return [*self.known, *self.fresh]

    def clips(self) -> list[dict[str, str]]:
        """What a version keeps of them: each one's name, label, source and digest."""
        return [
            {
                "clip": str(sample.path.relative_to(self.folder)),
                "label": str(sample.label),
                "source": sample.source,
                "digest": self.digests[sample.path],
            }
            for sample in self.samples
        ]


def read_footage(preset: Preset, folder: Path, classes: Sequence[str], version: versions.Version | None) -> Footage:
    """The labelled clips in `folder` for a network of `classes`, which is `version`.

    Raises UserError when nothing is labelled, a class is unknown, has a single source, or has no usable clip.
    """
    whole = splits.relabelled(layouts.read(folder), preset)
    if not whole.classes:
        raise UserError(
            f"{folder}: none of its {len(whole.samples)} videos is labelled; put them into one folder a class, or list "
            "them in index.csv (docs/data.md)"
        )
    if unknown := [name for name in whole.classes if name not in classes]:
        raise UserError(
            f"{folder}: the network in use does not know {', '.join(map(repr, unknown))} (it knows "
            f"{', '.join(classes)}), so old and new cannot be compared; train one that does: "
            f"shiftcore qat --preset {preset.name} --data {folder} --from {versions.weights_in_use(preset)}"
        )
    dataset = usable(preset, whole)
    # Folds of the data's own are another experiment's: here any split by source serves.
    dataset = Dataset(dataset.layout, [replace(s, fold=None, split=None) for s in dataset.samples], whole.sources_known)
    splits.folds(dataset, 2)  # raises for a class of one source
    sources, contents = versions.learned(preset, version)
    digests = {sample.path: content(sample.path) for sample in dataset.samples}
    sources |= {sample.source for sample in dataset.samples if digests[sample.path] in contents}
    fresh = [sample for sample in dataset.samples if sample.source not in sources]
    known = [sample for sample in dataset.samples if sample.source in sources]
    named = whole.sources_known or all(s.source != str(s.path.relative_to(folder)) for s in dataset.samples)
    return Footage(folder, named, fresh, known, digests)


def too_little(footage: Footage, confidence: float) -> str | None:
    """Why these clips cannot decide anything, whatever the outcome; None where they can."""
    by_class: dict[str, set[str]] = {str(sample.label): set() for sample in footage.samples}
    for sample in footage.fresh:
        by_class[str(sample.label)].add(sample.source)
    count, needed = len({sample.source for sample in footage.fresh}), paired.sources_needed(confidence)
    new = " that the network in use has not learned from" if footage.known else ""
    if count < needed:
        sources = f"{count} source{'s' * (count != 1)}{new}"
        return (
            f"{sources}: were the new network better on every one, p would be {paired.smallest_p(count):.3g}, and "
            f"{confidence:.4g} confidence takes {1 - confidence:.3g} or less; add clips of at least {needed - count} "
            f"more source{'s' * (needed - count != 1)}"
        )
    for name, found in sorted(by_class.items()):
        if len(found) < 2:
            lack = 2 - len(found)
            return f"class {name!r} has {len(found)} sources{new}; add clips of it from at least {lack} more"
    return None


def make_folds(fresh: Sequence[Sample], sources_known: bool) -> list[list[Sample]]:
    """The clips in as many folds by source as they allow, 5 at most and 2 at least. Raises UserError as
    `splits.folds`."""
    dataset = Dataset("fresh", list(fresh), sources_known)
    for count in range(FOLDS, 2, -1):
        try:
            return splits.folds(dataset, count)
        except UserError:
            continue
    return splits.folds(dataset, 2)


def recipe(preset: Preset, turns: int) -> Preset:
    """The preset with the training that fine-tuning takes, for an epoch of `turns` clips.

    No float phase: the weights have been through quantization already, and a float phase would forget it. The
    quantized phase is the preset's own, in smaller batches and so many epochs that few clips make `STEPS` steps.
    """
    training = preset.training
    batch = min(training.batch_size, BATCH)
    epochs = max(training.qat_epochs, math.ceil(STEPS / max(1, turns // batch)))
    changed = {"float_epochs": 0, "qat_epochs": epochs, "batch_size": batch, "keep": "last"}
    return preset.with_(training=changed)


def fine_tune(preset: Preset, strategy: Strategy, data: Clips, folder: Path) -> ReducedTSM:
    """The network after fine-tuning on `data`, in canonical form; goes on from what `folder` holds."""
    return two_phases(recipe(preset, len(data.train)), data, folder, strategy).network  # type: ignore[arg-type]


def train_fold(preset: Preset, strategy: Strategy, old: Reference, data: Clips, folder: Path) -> Scorer:
    """Fine-tune, and score by the integer models of the new network and of the old one."""
    network = fine_tune(preset, strategy, data, folder)
    new = integer_reference(network, preset, trained=True)

    def score(sample: Sample) -> Row:
        return {**judge(new, sample).row(), "old_scores": judge(old, sample).row()["scores"]}

    return score


def compare(rows: Sequence[Row], preset: Preset, classes: Sequence[str], confidence: float) -> dict[str, Any]:
    """Old against new on the held-out clips `rows`, and whether the new one is `better`: it costs less log loss, by the
    paired test at `confidence`, and has more clips right (a network that is merely surer of the same is not worth a
    change, and the second condition can only make the test stricter)."""
    labels = np.array([classes.index(row["label"]) for row in rows])
    old, new = (np.array([row[key] for row in rows]) for key in ("old_scores", "scores"))
    sources = [row["source"] for row in rows]
    losses = {"old": paired.log_loss(old, labels), "new": paired.log_loss(new, labels)}
    right = {"old": old.argmax(1) == labels, "new": new.argmax(1) == labels}
    fixed, broken, mcnemar_p = paired.mcnemar(right["old"], right["new"])
    p, count = paired.permutation_p(losses["old"] - losses["new"], sources), len(set(sources))
    return {
        "clips": len(rows),
        "sources": count,
        "log_loss": {name: float(values.mean()) for name, values in losses.items()},
        "right": {name: int(values.sum()) for name, values in right.items()},
        "only_new_right": fixed,
        "only_old_right": broken,
        "mcnemar_p": mcnemar_p,
        "auc": _aucs(rows, classes, preset.alarm.classes),
        "statistic": "log loss of the old network minus that of the new one, summed over clips; swapped by source",
        "p": p,
        "smallest_p": paired.smallest_p(count),
        "confidence": confidence,
        "better": p <= 1 - confidence and fixed > broken,
    }


def _aucs(rows: Sequence[Row], classes: Sequence[str], alarm: Sequence[str]) -> dict[str, Any] | None:
    """The alarm's AUC of both, and their difference with its 95 % interval; None where the clips are of one kind."""
    positive, new = metrics.alarm_columns(rows, classes, alarm)
    sources = [row["source"] for row in rows]
    if positive.all() or not positive.any():
        return None
    _, old = metrics.alarm_columns([{**row, "scores": row["old_scores"]} for row in rows], classes, alarm)
    return {
        "old": metrics.auc(positive, old),
        "new": metrics.auc(positive, new),
        "difference": metrics.auc_difference(positive, new, old),
        "difference_ci95": metrics.interval(metrics.auc_difference, sources, positive, new, old),
    }


def adapt(preset: Preset, videos: Path, strategy_name: str, confidence: float) -> dict[str, Any] | TooLittle:
    """Fine-tune, compare, and promote or not; returns the report of the version that this makes, or that there is too
    little data to decide. Raises UserError for a user's mistakes."""
    start = versions.weights_in_use(preset)
    network, _ = checkpoint.load(start)
    check_alarm(preset, network.classes)
    strategy = Strategy(strategy_name, start)
    footage = read_footage(preset, videos, network.classes, versions.in_use(preset))
    adapt_report.warn(footage.sources_known, network.classes, {str(s.label) for s in footage.samples})
    if reason := too_little(footage, confidence):
        return TooLittle(reason)
    folder, clips = versions.home(preset), footage.clips()
    stamp = digest(recipe_key(preset, strategy, json.dumps(clips)), start, code("shiftcore.flow.adapt"))
    parts = make_folds(footage.fresh, footage.sources_known)
    old = integer_reference(network, preset, trained=True)
    teach = partial(train_fold, preset, strategy, old)
    folds = each_fold(preset, network.classes, parts, videos, teach, folder, stamp, footage.known)
    rows = [row for fold in folds for row in fold]
    figures = compare(rows, preset, network.classes, confidence)
    parent = versions.keep_original(preset)
    report: dict[str, Any] = {
        "outcome": versions.PROMOTED if figures["better"] else versions.KEPT,
        "parent": parent.number,
        "preset": preset.name,
        "strategy": strategy.name,
        "data": {"folder": videos.resolve().name, "fingerprint": digest(json.dumps(clips)), "folds": len(parts)},
        "only_teaching": len(footage.known),
        "figures": figures,
        "threshold": None,
        "clips": clips,
    }
    weights = None
    if figures["better"]:
        report["threshold"] = _threshold(rows, preset, network.classes, start)
        weights = _final(preset, strategy, footage, network.classes, folder / "final", report["threshold"], stamp)
    files = {"report.md": adapt_report.markdown(report), "predictions.json": json.dumps(rows)}
    version = versions.add(preset, report, weights, files)
    if weights:
        versions.install(preset, version)
    return version.report


def _threshold(rows: Sequence[Row], preset: Preset, classes: Sequence[str], start: Path) -> float | None:
    """The alarm's threshold chosen on the new networks' scores of what they had not seen; the old one's where the clips
    are all of one kind."""
    positive = [row["label"] in preset.alarm.classes for row in rows]
    if all(positive) or not any(positive):
        return checkpoint.chosen_threshold(start)
    return choose_threshold(rows, preset, classes)


def _final(
    preset: Preset,
    strategy: Strategy,
    footage: Footage,
    classes: Sequence[str],
    folder: Path,
    threshold: float | None,
    stamp: str,
) -> Path:
    """Fine-tune on all clips; returns the file in `folder` with the weights."""
    print(f"final network: all {len(footage.samples)} clips teach")
    begin(folder, stamp)
    network = fine_tune(preset, strategy, video_clips(preset, classes, footage.samples, ()), folder)
    checkpoint.save(network, preset, folder / "best.pt", threshold)
    return folder / "best.pt"


def run(
    preset: PresetName,
    data: Annotated[Path, typer.Option(help="your labelled videos, laid out as docs/data.md shows")],
    strategy: Annotated[str, typer.Option(help="what learns: adapters, head, last-N or finetune")] = "adapters",
    confidence: Annotated[float, typer.Option(min=0.5, max=0.999, help="that the new network is better")] = 0.95,
) -> None:
    """Fine-tune PRESET's network on the videos in DATA; use the result if it is better. Goes on where interrupted."""
    settings = load_preset(preset)
    with lock(versions.home(settings)), lock(settings.build / "qat"):
        outcome = adapt(settings, data, strategy, confidence)
    if isinstance(outcome, TooLittle):
        print(f"too little data to decide: {outcome.reason}. Nothing was changed.")
        return
    Console().print(adapt_report.table(outcome))
    print(adapt_report.verdict(outcome))
    print(f"report: {versions.listed(settings)[-1].folder / 'report.md'}")
    if outcome["outcome"] == versions.PROMOTED:
        roll_out(settings)


def list_versions(preset: PresetName) -> None:
    """List the versions of PRESET's weights; the one in use is marked."""
    settings = load_preset(preset)
    found = versions.listed(settings)
    if not found:
        print(f"preset {settings.name!r} was never adapted")
        return
    print("\n".join(adapt_report.history(found, versions.in_use(settings))))
    print(f"reports: {versions.home(settings) / 'versions'}")


def rollback(preset: PresetName) -> None:
    """Put the version before the one in use back; again, and it goes further back."""
    settings = load_preset(preset)
    with lock(versions.home(settings)), lock(settings.build / "qat"):
        now, left = versions.roll_back(settings)
    print(f"version {now.number} of {now.report['date']} is in use again, in place of version {left.number}")
    roll_out(settings)
