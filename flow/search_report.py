# SPDX-License-Identifier: BSD-3-Clause
"""What a search of recipes leaves: the best one as a preset, all trials as a table, and a picture."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import BaseTrial, FixedTrial, FrozenTrial, TrialState
from rich.table import Table

from shiftcore.artifacts import atomic_file
from shiftcore.quant.cross_validation import FOLDS
from shiftcore.quant.preset import Preset

SHOWN = 5
WARNING = "chosen on the folds that it was measured on: not a figure to quote"


def write_results(study: optuna.Study, recipe: Callable[[BaseTrial], Preset], folder: Path) -> Path | None:
    """Write `trials.csv`, and `best.toml` once a trial is complete; returns the latter's path. `recipe` gives a trial's
    preset, whose seed moves on to one that the search did not train with."""
    with atomic_file(folder / "trials.csv") as temporary:
        study.trials_dataframe(("number", "state", "value", "params", "duration")).to_csv(temporary, index=False)
    ranked = ranking(study)
    if not ranked:
        return None
    best, path = ranked[0], folder / "best.toml"
    preset = recipe(FixedTrial(best.params))
    seed = preset.training.seed + int(study.user_attrs["seeds"])
    preset = preset.with_(name=f"{preset.name}-best", training={"seed": seed})
    heading = f"# Trial {best.number} of {len(study.trials)}, {best.value:.4f}: {WARNING}.\n"
    with atomic_file(path) as temporary:
        temporary.write_text(heading + to_toml(preset))
    return path


def ranking(study: optuna.Study) -> list[FrozenTrial]:
    """The complete trials, the best first; of equals the earlier."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted(complete, key=lambda trial: (-float(trial.value or 0), trial.number))


def to_toml(preset: Preset) -> str:
    """`preset` as a file that shiftcore.quant.preset.load_preset reads, every key written out."""
    lines = []
    for name, table in preset.model_dump(mode="json", exclude_none=True).items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]", *(f"{key} = {_value(value)}" for key, value in table.items())]
        else:
            lines.append(f"{name} = {_value(table)}")
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(inner)}" for key, inner in value.items()) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)  # strings, numbers and truth values are written alike in both


def table(study: optuna.Study) -> Table:
    """The best five trials for a terminal."""
    ranked = ranking(study)[:SHOWN]
    names = list(ranked[0].params)
    view = Table("trial", "value", *names, title=f"the best of {len(study.trials)} trials, {FOLDS} folds by source")
    for trial in ranked:
        view.add_row(str(trial.number), f"{trial.value:.4f}", *(_short(trial.params.get(name)) for name in names))
    view.caption = WARNING
    return view


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def draw(study: optuna.Study, path: Path) -> None:
    """The trials' values as the search went on, and over each part of the recipe, as a picture."""
    from matplotlib.figure import Figure

    complete = sorted(ranking(study), key=lambda trial: trial.number)
    names = list(complete[0].params)
    figure = Figure((12, 10), layout="constrained")
    panels = figure.subplots(3, 3, sharey=True)
    numbers, values = [trial.number for trial in complete], [float(trial.value or 0) for trial in complete]
    history = panels.flat[0]
    history.scatter(numbers, values, s=12)
    history.step(numbers, [max(values[: index + 1]) for index in range(len(values))], where="post")
    history.set(xlabel="trial", ylabel="out-of-fold AUC or top-1", title="history")
    for panel, name in zip(panels.flat[1:], names, strict=False):
        drawn = [trial.params[name] for trial in complete]
        kind = complete[0].distributions[name]
        panel.set(xlabel=name, xscale="log" if getattr(kind, "log", False) else "linear")
        if isinstance(kind, optuna.distributions.CategoricalDistribution):
            drawn, labels = [kind.choices.index(value) for value in drawn], [str(choice) for choice in kind.choices]
            panel.set_xticks(range(len(labels)), labels)
        panel.scatter(drawn, values, s=12, c=numbers)
    figure.suptitle(WARNING)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=100)
