# SPDX-License-Identifier: BSD-3-Clause
"""One video as the reference sees it: every input, its decision, the risk over time, and the alarms it raises."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from shiftcore.errors import UserError
from shiftcore.flow.inputs import inputs
from shiftcore.model.alarm import Alarm, AlarmSettings, Change
from shiftcore.model.decision import Decision
from shiftcore.model.preprocess import Preprocessor, crop_size, to_input
from shiftcore.model.reference import Reference

ENLARGED = 4  # the pictures people see have this many times the pixels of the core's frames, a side
PICTURES = 24  # of a video are kept at most twice as many; the picture shows some of them
INPUTS = 1024  # are kept, for the chip


@dataclass
class Watched:
    """What came of the video in the file `source`, a value for each input unless said otherwise.

    `inputs`: uint8 `[H, W, C]`, the first `INPUTS` of them; `pictures`: by the input's number, what some of them were
    made of, for people; `seconds`: since the video began; `logits`: int64 `[classes]`; `risk`: the alarm's score, 0 to
    1; `changes`: alarms that begin and end; `starts`: the first input of each clip in it; `truth`: the class of each
    clip, where known; `remark`: what one should know before reading it.
    """

    source: str
    starts: Sequence[int] = (0,)
    truth: Sequence[str] = ()
    remark: str = ""
    inputs: list[np.ndarray] = field(default_factory=list)
    pictures: dict[int, np.ndarray] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    logits: list[np.ndarray] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    risk: list[float] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The file's."""
        return Path(self.source).name

    @property
    def alarms(self) -> list[tuple[float, float]]:
        """When each alarm was raised and when it ended, in seconds."""
        times = [change.seconds for change in self.changes]
        return list(zip(times[::2], times[1::2], strict=True))

    def verdict(self, settings: AlarmSettings | None) -> str:
        """What a guard would be told, in a line."""
        if settings is None:
            return f"{self.name}: its model has no alarm"
        peak = f"risk at most {max(self.risk):.2f}, threshold {settings.threshold:.2f}"
        raised = [f"{change.name} at {change.seconds:.1f} s" for change in self.changes if change.begin]
        return f"{self.name}: {'ALARM, ' + ', '.join(raised) if raised else 'no alarm'}; {peak}"


def watch(
    path: Path,
    reference: Reference,
    starts: Sequence[int] = (0,),
    limit: int | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Watched:
    """The first `limit` inputs of the video at `path` (None: all) through the reference, its decision and its alarm, as
    the runtime does it. Raises UserError for a file that is no video, is damaged within those inputs, or is smaller
    than the network's input."""
    watched = Watched(str(path), starts)
    prepare, decisions = Preprocessor(reference.description), reference.decisions()
    settings = reference.description.alarm
    alarm = Alarm(settings) if settings else None
    height, width = reference.input_shape[:2]
    images = inputs(path, prepare, reference.description.preprocess.images_per_second, shown=True)
    for frame, pixels, _ in islice(images, None if limit is None else prepare.images(limit)):
        if pixels is None:
            continue
        clear = len(watched.logits) in starts
        logits = reference.infer(pixels, 0, clear)
        decision, risk = decisions.update(logits, 0, clear)
        _keep(watched, pixels, frame.shown, (height, width))
        watched.seconds.append(frame.seconds)
        watched.logits.append(logits)
        watched.decisions.append(decision)
        watched.risk.append(risk)
        if alarm and settings:
            watched.changes += alarm.interrupt() if clear else []
            name = settings.likeliest(reference.classes, decision.scores)
            watched.changes += alarm.update(frame.seconds, watched.risk[-1], name)
        progress()
    if not watched.logits:
        raise UserError(f"{path}: too short: the network needs {prepare.images(1)} images for its first input")
    watched.changes += alarm.interrupt() if alarm else []
    return watched


def _keep(watched: Watched, pixels: np.ndarray, image: np.ndarray | None, size: tuple[int, int]) -> None:
    """Keep an input for the chip, and now and then a picture for people: ever more rarely in a long video."""
    number = len(watched.logits)
    if number < INPUTS:
        watched.inputs.append(pixels)
    stride = max(1, -(-(number + 1) // (2 * PICTURES)))
    stride = 1 << (stride - 1).bit_length()
    if number % stride:
        return
    assert image is not None
    rows, columns = crop_size(image, *size)
    scale = min(ENLARGED, rows // size[0], columns // size[1])
    watched.pictures[number] = to_input(image, size[0] * scale, size[1] * scale)
    watched.pictures = {index: kept for index, kept in watched.pictures.items() if index % stride == 0}
