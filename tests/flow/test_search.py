# SPDX-License-Identifier: BSD-3-Clause
"""A search of recipes as a user runs it: it ends, goes on, is shared, and says what its best value is not."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from shiftcore.flow import search
from shiftcore.flow.search_report import to_toml
from shiftcore.quant.cross_validation import Row
from shiftcore.quant.layouts import Dataset, Sample
from shiftcore.quant.learner import DivergedError
from shiftcore.quant.preset import Preset, load_preset
from tests.checkout import ROOT
from tests.commands import shiftcore
from tests.flow.test_crossval import PRESET, write_clips

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    (tmp_path / "small.toml").write_text(PRESET.replace("float_epochs = 12", "float_epochs = 1"))
    write_clips(tmp_path / "clips")
    return tmp_path


def start(workplace: Path, trials: int, *more: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "shiftcore",
        "search",
        "--preset",
        str(workplace / "small.toml"),
        "--trials",
        str(trials),
    ]
    return subprocess.Popen(
        [*command, "--data", str(workplace / "clips"), *more],
        cwd=ROOT,
        env=os.environ | {"SHIFTCORE_BUILD": str(workplace / "build")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Ctrl-C must reach it even where the tests run under nohup.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def finish(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return output


def states(workplace: Path) -> list[str]:
    with (workplace / "build" / "small" / "search" / "trials.csv").open() as file:
        return [row["state"] for row in csv.DictReader(file)]


def test_a_search_ends_goes_on_and_gives_a_preset(workplace: Path) -> None:
    output = finish(start(workplace, 2))
    assert "optimistic" in output and "make crossval" in output
    folder = workplace / "build" / "small" / "search"
    assert states(workplace) == ["COMPLETE", "COMPLETE"]
    assert (folder / "search.png").stat().st_size > 10_000
    assert list((folder / "trials").iterdir()) == []
    mine, best = load_preset(str(workplace / "small.toml")), load_preset(str(folder / "best.toml"))
    assert (best.name, best.training.seed) == ("small-best", 2)
    assert (best.network, best.input, best.alarm, best.data) == (mine.network, mine.input, mine.alarm, mine.data)
    ratio = mine.training.qat_lr / mine.training.float_lr
    assert best.training.qat_lr / best.training.float_lr == pytest.approx(ratio)

    assert "trial 0" not in finish(start(workplace, 3))
    assert states(workplace) == ["COMPLETE"] * 3
    with (folder / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["params_float_lr"]) == mine.training.float_lr  # the first is the preset's own
    assert rows[1]["params_crop"] != rows[2]["params_crop"]


def test_an_interrupted_trial_does_not_count(workplace: Path) -> None:
    process = start(workplace, 1)
    while not list((workplace / "build" / "small" / "search").glob("trials/*/seed0/fold1")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 2 and errors.splitlines()[-1].startswith("error: interrupted")
    assert list((workplace / "build" / "small" / "search" / "trials").iterdir()) == []
    finish(start(workplace, 1))
    assert states(workplace) == ["FAIL", "COMPLETE"]
    best = load_preset(str(workplace / "build" / "small" / "search" / "best.toml"))
    assert best.training.float_lr == 0.01  # the preset's own recipe was interrupted, and is tried again


def test_two_workers_share_a_study(workplace: Path) -> None:
    storage = f"sqlite:///{workplace / 'shared.db'}"
    workers = [start(workplace, 3, "--storage", storage) for _ in range(2)]
    outputs = [finish(worker) for worker in workers]
    (study,) = optuna.get_all_study_summaries(storage)
    trials = optuna.load_study(study_name=study.study_name, storage=storage).trials
    assert len(trials) in (3, 4) and all(trial.state.is_finished() for trial in trials)
    assert all("trial" in output for output in outputs)
    assert len({trial.params["crop"] for trial in trials}) >= len(trials) - 1  # both may begin with the preset's own


def fake_folds(drawn: Preset, *_more: object) -> Iterator[list[Row]]:
    """Ten folds scored without training: the smaller the crop, the worse; a high learning rate diverges."""
    if drawn.training.float_lr > 0.01:
        raise DivergedError("too fast")
    rng = np.random.default_rng(0)
    for _ in range(10):
        scores = [drawn.augmentation.crop * right + rng.random() for right in (0, 1) * 4]
        yield [{"label": ("calm", "lively")[i % 2], "scores": [-score, score]} for i, score in enumerate(scores)]


def test_what_is_behind_diverges_or_was_killed_is_not_the_best(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_folds", fake_folds)
    monkeypatch.setattr(search, "PULSE_SECONDS", 1)
    preset = load_preset(str(workplace / "small.toml"))
    samples = [Sample(workplace / f"{i}.mp4", ("calm", "lively")[i % 2], str(i)) for i in range(40)]
    dataset = Dataset("test", samples, True)
    study = search.open_study(preset, workplace, dataset, f"sqlite:///{workplace / 'study.db'}")
    killed = study.ask()
    study._storage.record_heartbeat(killed._trial_id)  # type: ignore[attr-defined]  # as a worker that then is killed
    time.sleep(3)
    study.optimize(lambda trial: search.objective(trial, preset, workplace, dataset, workplace / "trial"), n_trials=30)
    assert study.trials[0].state == TrialState.FAIL
    pruned = [trial for trial in study.trials if trial.state == TrialState.PRUNED]
    diverged = [trial for trial in pruned if trial.params["float_lr"] > 0.01]
    behind = [trial for trial in pruned if trial.params["float_lr"] <= 0.01]
    assert diverged and behind
    assert all(1 < len(trial.intermediate_values) < 10 for trial in behind)
    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    assert study.best_value == max(trial.values[0] for trial in complete)
    assert study.best_params["crop"] > np.median([trial.params["crop"] for trial in study.trials[1:]])


@pytest.mark.parametrize("storage", ["nonsense", "sqlite:////no/such/folder/study.db", "nodb://me:secret@nowhere/x"])
def test_a_bad_storage_is_one_line(workplace: Path, storage: str) -> None:
    given = ["--preset", workplace / "small.toml", "--trials", 1, "--data", workplace / "clips", "--storage", storage]
    done = shiftcore("search", *given, SHIFTCORE_BUILD=workplace / "build")
    errors = done.stderr
    assert done.returncode == 2
    assert errors.splitlines()[-1].startswith("error: the search's storage cannot be used") and "secret" not in errors
    assert "Traceback" not in errors


def test_a_preset_without_videos_is_one_line(workplace: Path) -> None:
    done = shiftcore("search", "--preset", workplace / "small.toml", "--trials", 1, SHIFTCORE_BUILD=workplace / "build")
    assert done.stderr == "error: a search needs labelled videos (docs/data.md): DATA=folder\n"
    assert done.returncode == 2


@pytest.mark.parametrize("name", ["tiny", "cctv"])
def test_a_written_preset_is_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / "same.toml"
    path.write_text(to_toml(load_preset(name)))
    assert load_preset(str(path)) == load_preset(name)
