# SPDX-License-Identifier: BSD-3-Clause
"""Where on the ROC curve the alarm works: its threshold, by the preset's rule (shiftcore.quant.preset.Choose)."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from shiftcore.errors import UserError
from shiftcore.flow.crossval_alarms import settings_at
from shiftcore.flow.judging import track
from shiftcore.model.calibration import count
from shiftcore.quant import metrics
from shiftcore.quant.metrics import Row
from shiftcore.quant.preset import Preset


def choose_threshold(rows: Sequence[Row], preset: Preset, classes: Sequence[str]) -> float:
    """The alarm's threshold by the preset's rule, on the scores of `rows`. False alarms are counted on footage that is
    `unseen`, where there is any: ordinary scenes, and not those around what raises the alarm."""
    rule, value = preset.alarm.choose.rule
    if rule == "false_alarms_per_hour":
        calm = [row for row in rows if row["label"] not in preset.alarm.classes]
        on = preset.alarm.choose.on
        calm = [row for row in calm if row["origin"] in on] if on else parted(calm)[1] or calm
        if not calm:
            raise UserError("no clip is without an alarm class: nothing says how often an alarm would be false")
        rate = partial(false_alarms_per_hour, calm, preset)
        return metrics.for_false_alarms(rate, np.concatenate([row["window"] for row in rows]), value)
    positive, scores = metrics.alarm_columns(parted(rows)[0], classes, preset.alarm.classes)
    if rule == "recall":
        return metrics.for_recall(positive, scores, value)
    return metrics.best_f_beta(positive, scores, value)


def false_alarms_per_hour(calm: Sequence[Row], preset: Preset, threshold: float) -> float:
    """How many alarms an hour the runtime raises at `threshold` on clips with nothing to raise it for."""
    settings, tracks = settings_at(preset.alarm, threshold), [track(row) for row in calm]
    return 3600 * count(settings, tracks) / sum(seen.seconds for seen in tracks)


def parted(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows of the data that teaches, and those of what no network learned from."""
    return [row for row in rows if not row.get("unseen")], [row for row in rows if row.get("unseen")]
