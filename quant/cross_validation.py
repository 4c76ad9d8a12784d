# SPDX-License-Identifier: BSD-3-Clause
"""Out-of-fold scores: every clip is scored by a network that never saw its source, and all are pooled."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import lightning
import numpy as np
import torch
from torch import nn

from shiftcore.artifacts import digest, kept, write_json
from shiftcore.quant import splits
from shiftcore.quant.data import Clips, inputs, video_clips
from shiftcore.quant.identity import fingerprint
from shiftcore.quant.layouts import Dataset, Sample
from shiftcore.quant.learner import PACKAGES, Learner, Phase, begin, fit
from shiftcore.quant.metrics import Row
from shiftcore.quant.preset import Preset
from shiftcore.quant.side_by_side import side_by_side
from shiftcore.sources import code

FOLDS = 5

Scorer = Callable[[Sample], Row]  # what a trained network says of a clip: at least `scores`, a probability a class
TrainFold = Callable[[Clips, Path], Scorer]  # trains on the clips, keeping its states in the folder


def out_of_fold(
    preset: Preset,
    videos: Path,
    dataset: Dataset,
    train_fold: TrainFold,
    folder: Path,
    stamp: str,
    besides: Sequence[Sample] = (),
    always: Sequence[Sample] = (),
) -> list[Row]:
    """Train on all folds but one of `dataset`, what is `usable` in `videos`, and score that one, for each fold in turn;
    where the preset names test sources, train on the others and score those, in one round.
    `folder` keeps what is finished, as long as the preset, the data, our code and `stamp`, the digest of whatever else
    decides what `train_fold` does, stay what they were. The clips `besides` teach in no fold; each fold scores some,
    whole sources. Those of `always` teach in each, and are scored in none.

    A row a clip: `clip`, `label`, `source`, `fold`, and what the scorer gives. Raises UserError as `splits.folds`.
    """
    teach, parts = splits.rounds(dataset, FOLDS, preset.data)
    turns = sorted({sample.source for sample in besides})
    more = [[s for s in besides if turns.index(s.source) % len(parts) == fold] for fold in range(len(parts))]
    folds = each_fold(preset, dataset.classes, parts, videos, train_fold, folder, stamp, [*teach, *always], more)
    return [row for rows in folds for row in rows]


def each_fold(  # noqa: PLR0913, PLR0917 - two more than most: which clips are on one side alone
    preset: Preset,
    classes: Sequence[str],
    parts: Sequence[Sequence[Sample]],
    videos: Path,
    train_fold: TrainFold,
    folder: Path,
    stamp: str,
    always: Sequence[Sample] = (),
    besides: Sequence[Sequence[Sample]] = (),
) -> Iterator[list[Row]]:
    """The rows of `out_of_fold`, one fold after another, each as soon as it is scored, for folds that are made already,
    of `usable` samples in `videos`, and a network of `classes`. The clips `always` teach in each fold and are scored in
    none; `besides`, a part a fold, they are scored in it and teach in none."""
    tasks = []
    for fold, held in enumerate(parts):
        teach = [*always, *(sample for other in parts if other is not held for sample in other)]
        scored = [*held, *(besides[fold] if besides else ())]
        place = folder / f"fold{fold}"
        tasks.append(partial(one_fold, preset, classes, teach, scored, videos, train_fold, place, stamp))
    yield from side_by_side(tasks)


def one_fold(
    preset: Preset,
    classes: Sequence[str],
    teach: Sequence[Sample],
    held: Sequence[Sample],
    videos: Path,
    train_fold: TrainFold,
    folder: Path,
    stamp: str,
) -> list[Row]:
    """The rows of `out_of_fold` for the clips `held`, by a network that the clips `teach` have taught; kept in
    `folder`, and the states of an interrupted training with them."""
    path = folder / "predictions.json"
    clips = fingerprint(teach), fingerprint(held)
    # Lightning's own default for what follows: on several GPUs it would start this whole program once more for each.
    os.environ.setdefault("PL_TRAINER_DEVICES", "1")
    key = digest(
        stamp, preset.model_dump_json(), *classes, *clips, code("shiftcore.quant.cross_validation", packages=PACKAGES)
    )

    def make() -> None:
        print(f"{folder.name}: {len(teach)} clips teach, {len(held)} are held out")
        begin(folder, key)
        score = train_fold(video_clips(preset, classes, teach, ()), folder)
        rows: list[Row] = []
        for sample in held:
            clip = str(sample.path.relative_to(videos))
            about: Row = {"clip": clip, "label": str(sample.label), "source": sample.source}
            rows.append({**about, "fold": folder.name, **score(sample)})
        write_json(path, rows)

    return list(json.loads(kept(path, key, make).read_text()))


def train_in_float(preset: Preset, build: Callable[[Preset, Sequence[str]], nn.Module]) -> TrainFold:
    """Trains the network that `build` gives (quant.baselines) by the float phase of the preset's recipe alone."""
    return partial(_train_in_float, preset, build)


def _train_in_float(
    preset: Preset, build: Callable[[Preset, Sequence[str]], nn.Module], data: Clips, folder: Path
) -> Scorer:
    lightning.seed_everything(preset.training.seed, verbose=False)
    recipe, network = preset.training, build(preset, data.classes)
    learner = Learner(network, len(data.classes), recipe, recipe.float_lr, preset.augmentation.mirror)
    fit(learner, data, recipe, recipe.float_epochs, folder, Phase.FLOAT)
    return torch_scorer(network.cpu(), preset)


def torch_scorer(network: nn.Module, preset: Preset) -> Scorer:
    """Scores a clip by the softmax of the mean logits over all its inputs."""

    def score(sample: Sample) -> Row:
        clip = torch.from_numpy(inputs(preset, sample.path)).permute(0, 3, 1, 2)[None].float()
        with torch.inference_mode():
            logits = network.eval()(clip)[0].double().mean(0)
        return {"scores": np.asarray(logits.softmax(0)).tolist()}

    return score
