# SPDX-License-Identifier: BSD-3-Clause
"""`make why`: whether a model raises its alarm for what it should: where the evidence lies on drawn fights, whose place
is known (`make synthesize MOCAP=...` tells it in boxes.jsonl).

Of each clip the moment of the highest score counts, if that reaches the alarm's threshold: its evidence is of the last
`num_segments` inputs, so it is right where its peak is in a box that a fighter has in that time.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import track

from shiftcore.artifacts import without_nan, write_json
from shiftcore.errors import UserError
from shiftcore.flow import machine
from shiftcore.flow.alarm_figures import binomial_interval
from shiftcore.flow.evidence import Evidence, gather
from shiftcore.flow.synthesize import BOXES
from shiftcore.model.reference import Reference
from shiftcore.options import PresetName
from shiftcore.quant.preset import load_preset


@dataclass(frozen=True)
class Fight:
    """A drawn clip, the moments `times` in seconds, and at each where who takes part is: `boxes`, `[people, times, 4]`,
    left, top, right and bottom in shares of the picture; NaN for one who is out of it."""

    clip: str
    times: np.ndarray
    boxes: np.ndarray

    def between(self, begin: float, end: float) -> np.ndarray:
        """The boxes from `begin` to `end` seconds, or at the moment that is nearest to `end`, `[n, 4]`."""
        chosen = (self.times >= begin) & (self.times <= end)
        chosen[np.abs(self.times - end).argmin()] = True
        boxes = self.boxes[:, chosen].reshape(-1, 4)
        return boxes[~np.isnan(boxes).any(1)]


def fights(folder: Path) -> list[Fight]:
    """What boxes.jsonl in `folder` tells. Raises UserError where there is none, or a line says nothing."""
    path = folder / BOXES
    if not path.is_file():
        raise UserError(f"{path}: not there; `make synthesize` with MOCAP= writes it beside the clips")
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            told = json.loads(line)
            people = [[box or [np.nan] * 4 for box in person] for person in told["people"]]
            boxes = np.array(people, float).reshape(len(people), len(told["times"]), 4)
            found.append(Fight(told["clip"], np.array(told["times"], float), boxes))
        except (KeyError, TypeError, ValueError):
            raise UserError(f"{path}, line {number}: not the place of a clip's people") from None
    return found


def inside(boxes: np.ndarray, peak: tuple[float, float]) -> bool:
    """Whether `peak`, row and column, is in one of `boxes`, `[n, 4]`."""
    row, column = peak
    left, top, right, bottom = boxes.T
    return bool(((left <= column) & (column <= right) & (top <= row) & (row <= bottom)).any())


def covered(boxes: np.ndarray, seen: tuple[float, float, float, float], count: int = 100) -> float:
    """The share of the part of the picture that is `seen` that `boxes` cover: how often a peak anywhere would be in
    one."""
    top, left, bottom, right = seen
    steps = (np.arange(count) + 0.5) / count
    rows, columns = top + steps * (bottom - top), left + steps * (right - left)
    return float(np.mean([inside(boxes, (row, column)) for row in rows for column in columns]))


@dataclass(frozen=True)
class Peak:
    """The moment of a clip's highest score: that `score`, where the evidence's `peak` is, row and column in shares of
    the picture, whether it is `inside` a box, and how often `chance` would be."""

    clip: str
    score: float
    peak: tuple[float, float]
    inside: bool
    chance: float


def examine(reference: Reference, folder: Path, fight: Fight) -> Peak:
    """The moment of a clip's highest score. Raises UserError as `gather`."""
    strongest: Evidence = max(gather(reference, folder / fight.clip), key=lambda evidence: evidence.score)
    boxes = fight.between(strongest.since, strongest.seconds)
    hit, chance = inside(boxes, strongest.peak), covered(boxes, strongest.seen)
    return Peak(fight.clip, strongest.score, strongest.peak, hit, chance)


def summarize(rows: list[Peak], threshold: float) -> dict[str, Any]:
    """The share of the alarms' peaks that are `inside`, with its exact 95 % interval, and what chance would give."""
    raised = [row for row in rows if row.score >= threshold]
    hits = sum(row.inside for row in raised)
    return {
        "clips": len(rows),
        "alarms": len(raised),
        "threshold": threshold,
        "inside": hits,
        "inside_share": hits / len(raised) if raised else None,
        "inside_ci95": binomial_interval(hits, len(raised)) if raised else None,
        "chance": float(np.mean([row.chance for row in raised])) if raised else None,
    }


def main(
    preset: PresetName,
    data: Annotated[Path, typer.Option(help="drawn clips with boxes.jsonl, as synthesize writes them with --mocap")],
    model: Annotated[Path | None, typer.Option(help="an integer model (model.npz) instead of the preset's")] = None,
    clips: Annotated[int, typer.Option(min=1, help="how many fights at most")] = 200,
) -> None:
    """Say how often an alarm's evidence is where the fight is, on drawn clips whose fighters' places are known."""
    settings = load_preset(preset)
    if model is None:
        from shiftcore.flow.build import exported_model

        model = exported_model(settings).with_name("model.npz")
    reference = Reference.load(model)
    description = reference.description
    if description.alarm is None:
        raise UserError(f"{model}: none of its classes raises an alarm")
    eventful = [fight for fight in fights(data) if Path(fight.clip).parent.name in description.alarm.classes]
    rows = [examine(reference, data, fight) for fight in track(eventful[:clips], "fights", transient=True)]
    figures = summarize(rows, description.alarm.threshold)
    path = settings.build / "why" / "report.json"
    about = {"preset": description.preset.name, "data": data.name, "weights": description.weights}
    write_json(path, without_nan({**about, **figures, "rows": [asdict(row) for row in rows], **machine.describe()}))
    print(f"{figures['alarms']} of {figures['clips']} drawn fights raise the alarm at {figures['threshold']:.3f}")
    if figures["alarms"]:
        low, high = figures["inside_ci95"]
        print(
            f"the evidence is strongest inside a fighter's box in {figures['inside']} of them, "
            f"{figures['inside_share']:.1%} ({low:.1%} to {high:.1%}); chance would give {figures['chance']:.1%}"
        )
    print(f"figures: {path}")
