# SPDX-License-Identifier: BSD-3-Clause
"""What a guard would feel of networks that never saw the camera: flow.alarm_figures on the rows of cross-validation."""

from collections.abc import Callable, Sequence

import numpy as np

from shiftcore.flow.alarm_figures import Figures, Footage, curve, tally, verdict
from shiftcore.flow.judging import track
from shiftcore.model.alarm import AlarmSettings
from shiftcore.model.fields import parsed
from shiftcore.quant import metrics
from shiftcore.quant.cross_validation import Row
from shiftcore.quant.preset import Alarm

ChooseThreshold = Callable[[Sequence[Row]], float]


def settings_at(alarm: Alarm, threshold: float) -> AlarmSettings:
    """The runtime's settings of a preset's `alarm`, at this `threshold`."""
    return parsed(AlarmSettings, alarm.at(threshold).model_dump(mode="json"))


def out_of_fold(rows: Sequence[Row], alarm: Alarm, choose: ChooseThreshold) -> dict[str, Figures]:
    """The figures of all `rows` and, where there are several, of each `origin`. Each row is judged at the threshold
    that `choose` chooses on the rows of the other folds; the curve has one for all."""
    folds = sorted({row["fold"] for row in rows})
    others = {fold: choose([row for row in rows if row["fold"] != fold]) for fold in folds}
    origins = sorted({row["origin"] for row in rows})
    parts = {"all": list(rows)} | {name: [r for r in rows if r["origin"] == name] for name in origins}
    return {
        name: _figures(part, alarm, [others[row["fold"]] for row in part])
        for name, part in parts.items()
        if name == "all" or len(origins) > 1
    }


def left_out(
    origin: str, rows: Sequence[Row], others: Sequence[Row], alarm: Alarm, choose: ChooseThreshold, classes: list[str]
) -> Figures:
    """The figures of the `rows` of `origin`, whose network learned from no clip of it, at the threshold that `choose`
    chooses on the cross-validated rows of the `others`; with the AUC of whole clips."""
    known = [row for row in others if row["origin"] != origin]
    positive, scores = metrics.alarm_columns(rows, classes, alarm.classes)
    return {**_figures(rows, alarm, [choose(known)] * len(rows)), "auc": metrics.auc(positive, scores)}


def _figures(rows: Sequence[Row], alarm: Alarm, thresholds: Sequence[float]) -> Figures:
    clips = [_footage(row, alarm.classes) for row in rows]
    settings = [settings_at(alarm, threshold) for threshold in thresholds]
    middle = float(np.median(thresholds))
    verdicts = [verdict(clip, at) for clip, at in zip(clips, settings, strict=True)]
    return {**tally(clips, verdicts, middle), "curve": curve(clips, settings_at(alarm, middle))}


def _footage(row: Row, alarm: Sequence[str]) -> Footage:
    """A row's clip; an event, if any, is all of it."""
    seen = track(row)
    events = ((0.0, seen.seconds),) if row["label"] in alarm else ()
    return Footage(row["origin"], row["clip"], row["source"], {}, seen, events)
