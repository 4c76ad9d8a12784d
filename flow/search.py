# SPDX-License-Identifier: BSD-3-Clause
"""`make search`: a better training recipe for a preset, by Optuna (Akiba et al. 2019), on the folds of the data.

A trial is one recipe. It is judged as cross-validation judges: every clip is scored by a network that never saw its
source, with each of `SEEDS` seeds, and all scores are pooled. Only the float phase is trained: the quantized one
follows it closely and would double the time. The learning rate of the quantized phase, which such a value says nothing
about, keeps the preset's ratio to the float one.

The best value is the highest of many, chosen on the clips that it was measured on: never a figure to quote.
"""

import contextlib
import io
import json
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import optuna
import typer
from optuna.trial import BaseTrial, FrozenTrial, TrialState
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from shiftcore.artifacts import digest
from shiftcore.errors import UserError
from shiftcore.flow.search_report import draw, table, write_results
from shiftcore.options import PresetName
from shiftcore.quant import layouts, metrics, splits
from shiftcore.quant.cross_validation import FOLDS, each_fold, train_in_float
from shiftcore.quant.data import usable
from shiftcore.quant.identity import fingerprint
from shiftcore.quant.layouts import Dataset
from shiftcore.quant.learner import DivergedError
from shiftcore.quant.metrics import Row
from shiftcore.quant.preset import Preset, check_alarm, load_preset
from shiftcore.quant.strategies import own

SEEDS = 2
TRIALS = 40
PULSE_SECONDS = 60  # a trial whose process has not been heard of for twice as long has failed
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def suggest(trial: BaseTrial, preset: Preset) -> Preset:
    """`preset` with the recipe that `trial` draws; each range is widened to hold the preset's own value."""
    recipe, present = preset.training, preset.augmentation

    def number(name: str, low: float, high: float, own: float, log: bool = False) -> float:
        return trial.suggest_float(name, min(low, own), max(high, own), log=log)

    rate = number("float_lr", 3e-4, 3e-2, recipe.float_lr, log=True)
    drawn = {
        "float_lr": rate,
        "qat_lr": recipe.qat_lr * rate / recipe.float_lr,
        "weight_decay": number("weight_decay", 1e-3, 0.3, recipe.weight_decay or 1e-3, log=True),
        "label_smoothing": number("label_smoothing", 0.0, 0.2, recipe.label_smoothing),
        "batch_size": trial.suggest_categorical("batch_size", sorted({8, 16, 32, 64, recipe.batch_size})),
    }
    augmentation = {
        "crop": number("crop", 0.4, 1.0, present.crop),
        "pace": number("pace", 1.0, 2.0, present.pace),
        "light": number("light", 0.0, 0.6, present.light),
        "reverse": trial.suggest_categorical("reverse", [False, True]),
    }
    return preset.with_(training=drawn, augmentation=augmentation)


def own_recipe(preset: Preset) -> dict[str, Any]:
    """The recipe that `preset` has, as `suggest` draws one: the first trial, which the others must beat."""
    recipe = preset.training.model_dump() | preset.augmentation.model_dump()
    names = ("float_lr", "weight_decay", "label_smoothing", "batch_size", "crop", "pace", "light", "reverse")
    return {name: recipe[name] for name in names} | {"weight_decay": recipe["weight_decay"] or 1e-3}


def quality(rows: Sequence[Row], preset: Preset, classes: Sequence[str]) -> float:
    """AUC of the alarm over the scores of `rows`; the share of right classes where the preset has no alarm. In [0, 1];
    NaN while only one kind of clip is there."""
    alarm = preset.alarm.classes
    if alarm:
        return metrics.auc(*metrics.alarm_columns(rows, classes, alarm))
    best = np.array([row["scores"] for row in rows]).argmax(1)
    return float(np.mean([classes[index] == row["label"] for index, row in zip(best, rows, strict=True)]))


def objective(trial: optuna.Trial, preset: Preset, videos: Path, dataset: Dataset, folder: Path) -> float:
    """`quality` of the trial's recipe, pooled over all folds and seeds. After each fold that of the scores so far is
    reported; all trials have the same folds and seeds in the same order, so what is compared is alike. `folder` holds
    the states of training and is removed. Raises TrialPruned for a recipe that is behind, or diverges."""
    drawn, rows = suggest(trial, preset), list[Row]()
    name, whole = f"trial {trial.number}", SEEDS * len(dataset.samples)
    try:
        with Console().status(name) as status, contextlib.redirect_stdout(io.StringIO()):
            for step, fold in enumerate(_folds(drawn, videos, dataset, folder), 1):
                rows += fold
                value = quality(rows, preset, dataset.classes)
                status.update(f"{name}: {len(rows)} of {whole} scores, {value:.3f} so far")
                if np.isnan(value):
                    continue
                trial.report(value, step)
                if len(rows) < whole and trial.should_prune():
                    raise optuna.TrialPruned
    except DivergedError:
        raise optuna.TrialPruned from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return quality(rows, preset, dataset.classes)


def _folds(preset: Preset, videos: Path, dataset: Dataset, folder: Path) -> Iterator[list[Row]]:
    for index in range(SEEDS):
        seeded = preset.with_(training={"seed": preset.training.seed + index})
        teach = train_in_float(seeded, own(seeded).begin)
        parts = splits.folds(dataset, FOLDS)
        yield from each_fold(seeded, dataset.classes, parts, videos, teach, folder / f"seed{index}", "search")


class _SeededByTrial(optuna.samplers.BaseSampler):
    """TPE (Bergstra et al. 2011), seeded by the trial's number: one seed for a whole process would make a second
    worker, or the next run of an interrupted search, draw the first one's recipes again."""

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self._tpe = optuna.samplers.TPESampler(seed=trial.number)
        self._tpe.before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, Any]:
        return self._tpe.infer_relative_search_space(study, trial)

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, Any]) -> dict[str, Any]:
        return self._tpe.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        return self._tpe.sample_independent(study, trial, param_name, param_distribution)


def open_study(preset: Preset, videos: Path, dataset: Dataset, storage: str) -> optuna.Study:
    """The study of this preset and these clips in the database at `storage`, made if it is not there. Where the videos
    lie does not matter, so several machines may share it. Raises UserError when the database cannot be used."""
    about = [str(sample.path.relative_to(videos)) for sample in dataset.samples]
    name = f"{preset.name}-{digest(preset.model_dump_json(), json.dumps(about), fingerprint(dataset.samples))[:12]}"
    try:
        study = optuna.create_study(
            storage=_connect(storage),
            sampler=_SeededByTrial(),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2),  # one fold alone tells little
            study_name=name,
            direction="maximize",
            load_if_exists=True,
        )
        study.set_user_attr("seeds", SEEDS)
        if not any(trial.user_attrs.get("own") and trial.state != TrialState.FAIL for trial in study.trials):
            study.enqueue_trial(own_recipe(preset), {"own": True})
    except (ValueError, ImportError, RuntimeError, SQLAlchemyError, optuna.exceptions.OptunaError) as error:
        # The URL may hold a password, and so may what the database says of it.
        raise UserError(
            f"the search's storage cannot be used ({type(error.__cause__ or error).__name__}): STORAGE is the URL of a "
            "database, sqlite:////folder/study.db or postgresql://user@host/name, its driver installed (docs/search.md)"
        ) from None
    return study


def _connect(storage: str) -> optuna.storages.RDBStorage:
    """The database, with its tables. Of two workers that make these at once one is refused, and then finds them."""
    patience = {"connect_args": {"timeout": 60}} if storage.startswith("sqlite") else {}
    for _ in range(2):
        with contextlib.suppress(SQLAlchemyError, optuna.exceptions.StorageInternalError):
            return optuna.storages.RDBStorage(storage, patience, heartbeat_interval=PULSE_SECONDS)
        time.sleep(1)
    return optuna.storages.RDBStorage(storage, patience, heartbeat_interval=PULSE_SECONDS)


def clear_away(study: optuna.Study, folder: Path) -> None:
    """Remove what trials of `study` that are over have left in `folder` when they were killed."""
    for trial in study.trials:
        if trial.state.is_finished():
            shutil.rmtree(folder / f"{study.study_name}-{trial.number}", ignore_errors=True)


def search(preset: Preset, videos: Path, storage: str, trials: int, folder: Path) -> optuna.Study:
    """Try recipes until the study has `trials` finished or pruned ones, of all workers together; results go to `folder`
    after each. Raises UserError for data that cannot be used or split, and for a database
    that cannot."""
    whole = splits.taught(splits.arranged(layouts.read(videos), preset), preset)
    check_alarm(preset, whole.classes)
    dataset = usable(preset, whole)
    splits.folds(dataset, FOLDS)  # now, not in the first trial
    study = open_study(preset, videos, dataset, storage)
    clear_away(study, folder / "trials")

    def one(trial: optuna.Trial) -> float:
        return objective(trial, preset, videos, dataset, folder / "trials" / f"{study.study_name}-{trial.number}")

    def note(study: optuna.Study, trial: FrozenTrial) -> None:
        value = f"{trial.value:.4f}" if trial.value is not None else ""
        print(f"trial {trial.number}: {trial.state.name.lower()} {value}".rstrip(), flush=True)
        write_results(study, partial(suggest, preset=preset), folder)

    if len(study.get_trials(deepcopy=False, states=FINISHED)) < trials:
        stop = optuna.study.MaxTrialsCallback(trials, states=FINISHED)
        study.optimize(one, callbacks=[note, stop])
    return study


def main(
    preset: PresetName,
    data: Annotated[Path | None, typer.Option(help="labelled videos, laid out as docs/data.md shows")] = None,
    storage: Annotated[str, typer.Option(help="database URL that several workers share; default: a file")] = "",
    trials: Annotated[int, typer.Option(min=1, help="recipes to try, of all workers and runs together")] = TRIALS,
) -> None:
    """Search a recipe for PRESET on the videos in DATA; goes on where it was interrupted."""
    settings = load_preset(preset)
    if data is None:
        raise UserError("a search needs labelled videos (docs/data.md): DATA=folder")
    if settings.training.float_epochs == 0:
        raise UserError(f"preset {settings.name!r}: training.float_epochs = 0, and the search trains the float phase")
    folder = settings.build / "search"
    folder.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # the pulse
        study = search(settings, data, storage or f"sqlite:///{folder / 'study.db'}", trials, folder)
    best = write_results(study, partial(suggest, preset=settings), folder)
    if best is None:
        raise UserError(
            "no trial came to its end: every recipe diverged; look for broken clips with `make data-report`"
        )
    draw(study, folder / "search.png")
    Console().print(table(study))
    print(f"recipe: {best}\npicture: {folder / 'search.png'}")
    print(
        "The best value is optimistic: it is the highest of many, chosen on these very folds. Do not quote it. For a "
        f"figure to quote run `make crossval` with another seed: PRESET={best} has one. The clips are still those that "
        "the recipe was chosen on; what the search never saw (`make evaluate`) is stricter."
    )
