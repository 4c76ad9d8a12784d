# SPDX-License-Identifier: BSD-3-Clause
"""What a candidate and the model in use made of the same frames: figures in JSON, and a page to look at."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path

import numpy as np

from shiftcore.artifacts import atomic_file, write_json
from shiftcore.driver.change import LoadedModel
from shiftcore.driver.shadow_clips import Clip
from shiftcore.model.alarm import RAISED, Alarm, AlarmSettings, Change
from shiftcore.model.decision import Decision

BINS = 20  # of the distributions of scores, over [0, 1]
Judged = tuple[Decision, float]
"""What a model made of a frame: its decision, and the score of its alarm."""


@dataclass(frozen=True)
class Raised:
    """An alarm, from `since` to `until` in its source's seconds, with its highest score and that one's class."""

    source: str
    since: float
    until: float
    name: str
    score: float


class Side:
    """One of the two models on one camera. `settings`: its alarm's; `scores`: how many frames had a score in each of
    `BINS` equal parts of [0, 1]; `alarms`: those that it would have raised, by the frames that both have seen."""

    def __init__(self, settings: AlarmSettings | None, classes: Sequence[str]) -> None:
        self._settings, self._classes, self._file = settings, classes, ""
        self._alarm = Alarm(settings) if settings else None
        self.scores = np.zeros(BINS, int)
        self.alarms: list[Raised] = []

    @property
    def raised(self) -> bool:
        """Whether its alarm is."""
        return self._alarm is not None and self._alarm.state == RAISED

    def begin(self, anew: bool) -> None:
        """Nothing connects the next frame with those before; `anew`: not even time does."""
        self._note(self._alarm.interrupt() if self._alarm else [])
        if anew and self._settings:
            self._alarm = Alarm(self._settings)

    def add(self, file: str, seconds: float, judged: Judged) -> None:
        """The next frame."""
        decision, score = judged
        self.scores[min(int(score * BINS), BINS - 1)] += 1
        self._file = file
        if self._alarm and self._settings:
            name = self._settings.likeliest(self._classes, decision.scores)
            self._note(self._alarm.update(seconds, score, name))

    def _note(self, changes: list[Change]) -> None:
        for change in changes:
            if not change.begin:
                self.alarms.append(Raised(self._file, change.since, change.seconds, change.name, change.score))


@dataclass
class Camera:
    """A camera, `live` or files, while the model of hash `model` was in use. `confusion` `[classes, classes]`: frames
    by the winner of the model in use (rows) and the candidate's; `left_out`: frames that the candidate had no time for;
    `seconds`: for how long both have watched."""

    name: str
    model: str
    live: bool
    use: Side
    candidate: Side
    confusion: np.ndarray
    left_out: int = 0
    seconds: float = 0.0
    difference: float = 0.0
    _last: float = field(default=0.0, repr=False)

    def add(self, file: str, seconds: float, begins: bool, use: Judged, candidate: Judged) -> None:
        """A frame, and what both made of it; `begins`: a clip of the candidate's."""
        if begins:
            for side in (self.use, self.candidate):
                side.begin(anew=not self.live)
        else:
            self.seconds += seconds - self._last
        self._last = seconds
        self.use.add(file, seconds, use)
        self.candidate.add(file, seconds, candidate)
        self.confusion[use[0].index, candidate[0].index] += 1
        self.difference += abs(use[1] - candidate[1])

    def end(self) -> None:
        """No more frames: what is raised ends."""
        for side in (self.use, self.candidate):
            side.begin(anew=False)

    @property
    def raised(self) -> bool:
        """Whether either's alarm is."""
        return self.use.raised or self.candidate.raised

    @property
    def frames(self) -> int:
        """How many both have seen."""
        return int(self.confusion.sum())

    @property
    def both(self) -> int:
        """How many alarms of the model in use overlap one of the candidate's."""
        return sum(
            any(
                ours.source == its.source and ours.since <= its.until and its.since <= ours.until
                for its in self.candidate.alarms
            )
            for ours in self.use.alarms
        )

    def as_json(self) -> dict[str, object]:
        """Its figures."""
        return {
            "camera": self.name,
            "model": self.model,
            "frames": self.frames,
            "left_out": self.left_out,
            "seconds": round(self.seconds, 3),
            "agree": int(np.trace(self.confusion)),
            "confusion": self.confusion.tolist(),
            "mean_score_difference": round(self.difference / self.frames, 6) if self.frames else None,
            "scores": {"in_use": self.use.scores.tolist(), "candidate": self.candidate.scores.tolist()},
            "alarms": {
                "in_use": [asdict(alarm) for alarm in self.use.alarms],
                "candidate": [asdict(alarm) for alarm in self.candidate.alarms],
                "both": self.both,
            },
        }


@dataclass(frozen=True)
class Report:
    """`in_use`: the models that were, in their order; `classes`: their names, in the order of the logits; `clips`: of
    both models' alarms, in the folder clips/ beside the report."""

    in_use: list[LoadedModel]
    candidate: LoadedModel
    classes: list[str]
    cameras: list[Camera]
    clips: list[Clip]

    def verdict(self) -> str:
        """All cameras in a line."""
        frames, agree = sum(c.frames for c in self.cameras), sum(int(np.trace(c.confusion)) for c in self.cameras)
        ours, its = (sum(len(getattr(c, side).alarms) for c in self.cameras) for side in ("use", "candidate"))
        return (
            f"candidate {self.candidate.hash}: the same class in {agree:,} of {frames:,} frames "
            f"({sum(c.left_out for c in self.cameras):,} left out); {its} alarms, {ours} of the model in use, "
            f"{sum(c.both for c in self.cameras)} of them at the same time"
        )

    def write(self, folder: Path) -> Path:
        """Write report.json and report.html into `folder`; returns the page."""
        folder.mkdir(parents=True, exist_ok=True)
        models = [
            {"file": str(model.file), "hash": model.hash, "preset": model.preset}
            for model in (*self.in_use, self.candidate)
        ]
        write_json(
            folder / "report.json",
            {
                "in_use": models[:-1],
                "candidate": models[-1],
                "classes": self.classes,
                "cameras": [camera.as_json() for camera in self.cameras],
                "clips": [asdict(clip) for clip in self.clips],
            },
        )
        with atomic_file(folder / "report.html") as temporary:
            temporary.write_text("".join(self._page()))
        return folder / "report.html"

    def _page(self) -> Iterator[str]:
        yield (
            '<!DOCTYPE html>\n<meta charset="utf-8">\n<title>shadow</title>\n<style>body{font:15px sans-serif;'
            "max-width:60em;margin:2em auto}td,th{padding:.2em .6em;text-align:right}.bars{display:flex;"
            "height:60px;align-items:flex-end;gap:1px}.bars i{flex:1;background:#47a;min-height:1px}"
            ".its i{background:#c63}</style>\n"
        )
        yield f"<h1>{escape(self.candidate.file.name)} beside the model in use</h1>\n<p>{escape(self.verdict())}.</p>\n"
        for camera in self.cameras:
            yield f"<h2>{escape(camera.name)}</h2>\n<p>Model {camera.model} in use; {camera.frames:,} frames, "
            yield f"{camera.seconds:,.1f} s seen by both, {camera.left_out:,} frames left out.</p>\n"
            yield from _confusion(self.classes, camera.confusion)
            yield f"<p>Scores, 0 to 1, of the model in use:</p>{_bars(camera.use.scores, 'bars')}"
            yield f"<p>of the candidate:</p>{_bars(camera.candidate.scores, 'bars its')}"
            yield from _alarms("the model in use", camera.use.alarms)
            yield from _alarms("the candidate", camera.candidate.alarms)
        yield from _clips(self.clips)


def _confusion(classes: Sequence[str], counts: np.ndarray) -> Iterator[str]:
    yield "<table><tr><th>in use \\ candidate</th>" + "".join(f"<th>{escape(name)}</th>" for name in classes) + "</tr>"
    for name, row in zip(classes, counts.tolist(), strict=True):
        yield f"<tr><th>{escape(name)}</th>" + "".join(f"<td>{count:,}</td>" for count in row) + "</tr>"
    yield "</table>\n"


def _bars(counts: np.ndarray, kind: str) -> str:
    most = max(int(counts.max()), 1)
    bars = "".join(f'<i style="height:{100 * count / most:.0f}%" title="{count}"></i>' for count in counts.tolist())
    return f'<div class="{kind}">{bars}</div>\n'


def _alarms(whose: str, alarms: Sequence[Raised]) -> Iterator[str]:
    yield f"<p>{len(alarms)} alarms of {whose}:</p>\n<ul>\n"
    for alarm in alarms:
        where = f"{escape(alarm.source)}, {alarm.since:.2f} to {alarm.until:.2f} s"
        yield f"<li>{where}: {escape(alarm.name)}, score {alarm.score:.2f}</li>\n"
    yield "</ul>\n"


def _clips(clips: Sequence[Clip]) -> Iterator[str]:
    if clips:
        yield "<h2>What both saw</h2>\n<p>Each clip of either's alarms, framed in red while one is raised.</p>\n"
    for clip in clips:
        where = f"{escape(clip.source)}, {clip.since:.2f} to {clip.until:.2f} s"
        yield f'<p><video src="clips/{clip.file}" controls preload="none"></video><br>{where}</p>\n'
