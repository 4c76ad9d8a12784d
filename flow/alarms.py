# SPDX-License-Identifier: BSD-3-Clause
"""`make alarms`: what a guard feels of a model: false alarms an hour, events found, how soon.

Whole videos go through the model, its decision and its alarm as in the runtime (flow.judging). The integer model runs
once; every threshold after that is a replay of the scores, which are kept by video, model and code, so that an
interrupted run goes on where it stopped.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from shiftcore.artifacts import build_folder, digest, kept, lock, without_nan, write_json
from shiftcore.errors import UserError
from shiftcore.flow import alarm_figures, data_sets, machine
from shiftcore.flow.alarm_figures import Figures, Footage
from shiftcore.flow.alarms_report import draw_curve, write_page
from shiftcore.flow.judging import judge, track
from shiftcore.model.calibration import Track
from shiftcore.model.reference import Reference
from shiftcore.options import PresetName
from shiftcore.quant import frames, layouts
from shiftcore.quant.layouts import Sample
from shiftcore.quant.layouts.spans import Notes, notes
from shiftcore.quant.preset import load_preset
from shiftcore.sources import code

DARK = 60.0  # mean luma, of 255, below which footage counts as dark where index.csv does not tell day from night
LIGHT = "light"
SLACK_S = 1.0  # an event may end so much later than the video: lengths are rounded


def work_folder() -> Path:
    """Where its figures, pictures and kept scores go."""
    return build_folder() / "alarms"


class Watcher:
    """Runs videos through the integer model in the file `model`, or finds in `folder` what it once said of them."""

    def __init__(self, model: Path, folder: Path) -> None:
        self.reference = Reference.load(model)
        if self.reference.description.alarm is None:
            raise UserError(f"{model}: none of its classes raises an alarm; name some in the preset's alarm.classes")
        self.settings = self.reference.description.alarm
        self._folder, self._model = folder, digest(model)
        self._code = code("shiftcore.flow.judging", packages=("av", "numpy"))

    def data_set(self, origin: str, folder: Path) -> list[tuple[Path, Footage]]:
        """All labelled videos of the data set `origin` in `folder`, each with its file. What cannot be read is named on
        stderr and left out. Raises UserError where nothing can be read, or a label lies outside of its video."""
        dataset, noted = layouts.read(folder), notes(folder)
        if unknown := [name for name in dataset.classes if name not in self.reference.classes]:
            print(
                f"{origin}: {', '.join(unknown)} are no classes of the model: alarms there are false", file=sys.stderr
            )
        labelled = [sample for sample in dataset.samples if sample.label is not None]
        if left := len(dataset.samples) - len(labelled):
            print(
                f"{origin}: {left} videos have no label, and nobody knows whether alarms there are false",
                file=sys.stderr,
            )
        read, _ = layouts.read_each(labelled, self._watch, origin, dataset.missing)
        if not read:
            raise UserError(f"{folder}: not one of {len(labelled)} labelled videos could be used")
        return [
            (sample.path, self._footage(origin, folder, sample, noted.get(sample.path, Notes()), *seen))
            for sample, seen in read
        ]

    def _watch(self, sample: Sample) -> tuple[Track, float]:
        """What the alarm is given of a video, and its brightness."""
        key = digest(frames.content(sample.path), self._model, self._code)
        path = self._folder / f"{key[:32]}.json"

        def make() -> None:
            outcome = judge(self.reference, sample)
            write_json(path, {**outcome.row(), "brightness": outcome.brightness})

        row = json.loads(kept(path, key, make).read_text())
        return track(row), row["brightness"]

    def _footage(
        self, origin: str, folder: Path, sample: Sample, noted: Notes, track: Track, brightness: float
    ) -> Footage:
        about = dict(noted.columns)
        about.setdefault(LIGHT, "dark" if brightness < DARK else "bright")
        alarm, whole = self.settings.classes, ((0.0, track.seconds),)
        spans = tuple((span.begin, span.end) for span in noted.spans if span.label in alarm)
        for begin, end in spans:
            if end > track.seconds + SLACK_S:
                raise UserError(f"{sample.path}: an event from {begin:g} to {end:g} s; it has {track.seconds:.1f} s")
        events = spans if noted.spans else whole if sample.label in alarm else ()
        clip = str(sample.path.relative_to(folder)) if sample.path.is_relative_to(folder) else str(sample.path)
        return Footage(origin, clip, sample.source, about, track, events)


def report(parts: dict[str, list[Footage]], watcher: Watcher, per_hour: float) -> dict[str, Any]:
    """The figures of all footage together; of each data set apart, by camera and by kind of scene."""
    settings, footages = watcher.settings, [footage for part in parts.values() for footage in part]
    return {
        **alarm_figures.figures(footages, settings),
        "curve": alarm_figures.curve(footages, settings),
        "calibrated": alarm_figures.held_out(footages, settings, per_hour),
        "data": {
            name: {
                **alarm_figures.figures(part, settings),
                "curve": alarm_figures.curve(part, settings),
                "calibrated": alarm_figures.held_out(part, settings, per_hour),
                "by": alarm_figures.breakdown(part, settings),
            }
            for name, part in parts.items()
        },
    }


def table(parts: dict[str, Figures]) -> Table:
    """The figures a person wants to see first, a column for each of the `parts`."""
    view = Table("", *parts)

    def row(name: str, key: str, form: str, interval: str = "") -> None:
        cells = []
        for part in parts.values():
            low, high = part.get(interval) or (None, None)
            beside = "" if low is None else f" ({low:{form}} to {high:{form}})"
            cells.append("-" if part[key] is None else f"{part[key]:{form}}{beside}")
        view.add_row(name, *cells)

    row("cameras", "cameras", "d")
    row("hours without an event", "hours", ".3f")
    row("false alarms", "false_alarms", "d")
    row("false alarms an hour", "false_alarms_per_hour", ".1f", "false_alarms_ci95")
    row("events", "events", "d")
    row("found", "found_share", ".0%", "found_ci95")
    row("found within 3 s", "found_within_3_s_share", ".0%")
    row("seconds until found, median", "delay_s_median", ".1f")
    return view


def main(
    preset: PresetName,
    data: Annotated[list[Path], typer.Option(help="labelled footage (docs/alarms.md); repeatable, or joined by ':'")],
    model: Annotated[Path | None, typer.Option(help="an integer model (model.npz) instead of the preset's")] = None,
    alarms_per_hour: Annotated[float, typer.Option(min=0, help="of calibration, shown on held-out halves")] = 1.0,
) -> None:
    """Stream whole videos through model and alarm: false alarms an hour, events found and how soon, worst alarms."""
    settings, folders = load_preset(preset), data_sets.named(data)
    if model is None:
        from shiftcore.flow.build import exported_model

        model = exported_model(settings).with_name("model.npz")
    folder = work_folder()
    with lock(folder):
        watcher = Watcher(model, folder / "scores")
        description = watcher.reference.description
        if not description.trained:
            print("warning: this model is not trained; its figures mean nothing", file=sys.stderr)
        seen = {name: watcher.data_set(name, path) for name, path in folders.items()}
        result = report({name: [f for _, f in part] for name, part in seen.items()}, watcher, alarms_per_hour)
        result |= {"preset": description.preset.name, "weights": description.weights, **machine.describe()}
        everything = {"all": result, **result["data"]} if len(seen) > 1 else result["data"]
        draw_curve(folder / "curve.png", everything)
        write_page(folder, [pair for part in seen.values() for pair in part], result, watcher.reference)
        write_json(folder / "report.json", without_nan(result))
        Console().print(table(everything))
    print(f"figures: {folder / 'report.json'}\ncurve: {folder / 'curve.png'}\nworst alarms: {folder / 'report.html'}")
