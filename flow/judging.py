# SPDX-License-Identifier: BSD-3-Clause
"""What the integer model makes of clips: a decision from all frames of each, and what the runtime would have done."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shiftcore.errors import UserError
from shiftcore.flow.inputs import inputs
from shiftcore.model import video
from shiftcore.model.alarm import Alarm
from shiftcore.model.calibration import Track
from shiftcore.model.decision import Decision
from shiftcore.model.preprocess import Preprocessor
from shiftcore.model.records import alarm_score
from shiftcore.model.reference import Reference
from shiftcore.quant import layouts
from shiftcore.quant.layouts import Sample
from shiftcore.quant.metrics import Row


@dataclass
class Outcome:
    """What the model made of one clip. `decision`: from all its inputs; `scores`: the alarm's score after each input as
    the runtime sees it, and `times`: when that was, in seconds, `[inputs]` each; `seconds`: the clip's length;
    `alarms`: how often the alarm was raised; `brightness`: the mean of the first channel of its inputs, 0 to 255."""

    sample: Sample
    decision: Decision
    times: np.ndarray
    scores: np.ndarray
    seconds: float
    alarms: int
    brightness: float

    def score(self, alarm: Sequence[int]) -> float:
        """The clip's score: the highest probability among the classes of indices `alarm`; without any, of all."""
        return alarm_score(self.decision, alarm)

    def row(self) -> Row:
        """What cross-validation keeps of it: `scores`, a probability a class; `seconds`, `times`, and the alarm's score
        at each as `window`."""
        return {
            "scores": self.decision.scores.tolist(),
            "seconds": self.seconds,
            "times": self.times.tolist(),
            "window": self.scores.tolist(),
        }


def track(row: Row) -> Track:
    """What the alarm was given of a clip, out of its `row`."""
    return Track(np.array(row["times"]), np.array(row["window"]), row["seconds"])


def judge(reference: Reference, sample: Sample) -> Outcome:
    """Run one clip. Raises UserError for a video that cannot be read or makes no input."""
    description = reference.description
    settings = description.alarm
    prepare, rate = Preprocessor(description), description.preprocess.images_per_second
    running, alarm, alarms, seconds, light = reference.decisions(), settings and Alarm(settings), 0, 0.0, 0.0
    total, times, scores = np.zeros(len(reference.classes), np.int64), [], []
    for frame, pixels, clear in inputs(sample.path, prepare, rate):
        seconds = frame.seconds
        if pixels is None:
            continue
        logits = reference.infer(pixels, clear=clear)
        total += logits
        decision, score = running.update(logits, clear=clear)
        times.append(seconds)
        light += float(pixels[..., 0].mean())
        scores.append(score)
        if alarm:
            alarms += sum(change.begin for change in alarm.update(seconds, scores[-1], decision.name))
    if not scores:
        raise UserError(f"{sample.path}: too short for a single input of the network")
    whole = Decision(total, len(scores), description.logit_scale, reference.classes, description.logit_offset)
    length = seconds + 1 / video.rate(sample.path)
    return Outcome(sample, whole, np.array(times), np.array(scores), length, alarms, light / len(scores))


def judge_all(reference: Reference, dataset: layouts.Dataset) -> list[Outcome]:
    """Run every clip; those that cannot be read are named on stderr and left out. Raises UserError when none is left,
    or the data's labels are not the model's classes."""
    unknown = [name for name in dataset.classes if name not in reference.classes]
    if unknown:
        raise UserError(
            f"the data has labels the model does not know: {', '.join(unknown)}; its classes are "
            f"{', '.join(reference.classes)}"
        )
    read, _ = layouts.read_each(dataset.samples, lambda sample: judge(reference, sample), "clips", dataset.missing)
    outcomes = [outcome for _, outcome in read]
    if not outcomes:
        raise UserError(f"not one of {len(dataset.samples)} videos could be used")
    return outcomes
