# SPDX-License-Identifier: BSD-3-Clause
"""From sources to results: many cameras through one accelerator, each with its preprocessing, alarm and figures."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.change import Change as NewModel
from shiftcore.driver.errors import ChipError, DifferenceError
from shiftcore.driver.events import Event, Reporter
from shiftcore.driver.sources import Image, Say, Source, interleave
from shiftcore.errors import UserError
from shiftcore.model.alarm import PENDING, RAISED, Alarm, Change
from shiftcore.model.records import Result

FAILURES = 3  # chip errors in a row, without a result between them, after which a run gives up
_NAP_S, _IDLE_S = 0.002, 0.01  # while no camera has a frame: rest, and wait for results (in the chip's time)


@dataclass
class Channel:
    """One source and what is known of it. `clips`: how many began so far, of its images (0) and of its results (1);
    `latency`: least and greatest so far, in cycles; `model`: the hash of the one that gave its last result; `seconds`:
    since its first result, by the clock on the wall."""

    source: Source
    stream: int
    alarm: Alarm | None
    reporter: Reporter
    file: str = ""
    clips: list[int] = field(default_factory=lambda: [0, 0])
    frames: int = 0
    latency: tuple[int, int] = (0, 0)
    name: str = ""
    model: str = ""
    score: float = 0.0
    events: int = 0
    started: float = 0.0
    now: float = 0.0

    @property
    def state(self) -> str:
        """The alarm's state; "" where the model has no alarm."""
        return self.alarm.state if self.alarm else ""

    @property
    def rate(self) -> float:
        """Frames per second since the first."""
        return (self.frames - 1) / (self.now - self.started) if self.now > self.started else 0.0

    def count(self, result: Result) -> None:
        """Take a result into the figures."""
        low, high = self.latency
        cycles = result.latency_cycles
        self.latency = (min(low, cycles), max(high, cycles)) if self.frames else (cycles, cycles)
        self.now = time.monotonic()
        self.started = self.started if self.frames else self.now
        self.frames += 1
        self.name, self.score = result.decision.name, result.score


@dataclass
class Run:
    """All `sources` through `accelerator`, source i as stream i. `on_result` sees each frame with its result,
    each of `publishers` every alarm event; `say` each line about what went wrong and is survived. `thresholds`: of the
    alarms of sources by their names; the others have the model's. `between` is called between two frames, and may
    `load` another model; `beside` sees each frame's result with the network's input.

    Raises UserError for more sources than the accelerator has streams.
    """

    accelerator: Accelerator
    sources: Sequence[Source]
    on_result: Callable[[Channel, Image, Result], None]
    publishers: Sequence[Callable[[Event], None]]
    say: Say
    thresholds: Mapping[str, float] = field(default_factory=dict)
    between: Callable[["Run"], None] = lambda _run: None
    beside: Callable[[Channel, Image, Result, np.ndarray], None] = lambda *_: None
    channels: list[Channel] = field(init=False)
    failures: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if len(self.sources) > self.accelerator.streams:
            raise UserError(
                f"{len(self.sources)} sources, but this chip keeps {self.accelerator.streams} streams apart; "
                "leave some out, or compile with more (hardware.streams of the preset)"
            )
        self._settings = self.accelerator.description.alarm
        self._prepare = self.accelerator.preprocessor()
        self._pending: dict[int, tuple[Channel, Image, int, np.ndarray]] = {}
        self.channels = [
            Channel(source, stream, self._alarm(source), Reporter(stream)) for stream, source in enumerate(self.sources)
        ]

    def __call__(self) -> None:
        """Until every source is done. Raises DifferenceError, and any other error of the chip's that does not pass.
        However it ends, alarms that are raised then end with the last frame."""
        try:
            for item in interleave(self.sources):
                if item is None:
                    self._collect(_IDLE_S)
                    time.sleep(_NAP_S)
                else:
                    self._feed(self.channels[item[0]], item[1])
                    self._collect(0.0)
                self._end_alarms()
                self.between(self)
            self.finish()
        finally:
            for channel in self.channels:
                self._report(channel, channel.alarm.interrupt() if channel.alarm else [])

    def finish(self) -> None:
        """Wait for the frames under way. Raises as a call."""
        while self._pending:
            self._collect(1.0)

    def load(self, model: NewModel, thresholds: Mapping[str, float]) -> None:
        """Take another model, with `thresholds` of its own, between two frames: those that were sent are finished by
        the model before it. What is raised ends with the last of them; the new model's alarms begin quiet. A camera's
        earlier images stay, so that its next image is the new model's first. Raises ChipError, after which the chip
        has the model before."""
        self.finish()
        self.accelerator.load(model)
        for channel in self.channels:
            self._report(channel, channel.alarm.interrupt() if channel.alarm else [])
        self._settings, self.thresholds = self.accelerator.description.alarm, thresholds
        for channel in self.channels:
            channel.alarm = self._alarm(channel.source)

    def _end_alarms(self) -> None:
        """What is raised where a camera is lost, or files have ended, ends now, when their last results are in."""
        for channel in self.channels:
            if channel.state in (RAISED, PENDING) and channel.source.interrupted and not self._awaits(channel):
                self._report(channel, channel.alarm.interrupt() if channel.alarm else [])

    def _awaits(self, channel: Channel) -> bool:
        return any(waiting is channel for waiting, *_ in self._pending.values())

    def _alarm(self, source: Source) -> Alarm | None:
        settings = self._settings
        return Alarm(settings.at(self.thresholds.get(source.name, settings.threshold))) if settings else None

    def _feed(self, channel: Channel, image: Image) -> None:
        try:
            prepared = self._prepare.prepare(image.pixels, channel.stream, image.first)
        except UserError as error:
            channel.source.refuse(f"{image.source}: {error}")
            return
        if prepared is None:
            return
        pixels, first = prepared
        channel.clips[0] += first
        try:
            frame_id = self.accelerator.submit(pixels, channel.stream, first)
        except ChipError as error:
            self._survive(error)
            return
        self._pending[frame_id] = (channel, image, channel.clips[0], pixels)

    def _collect(self, wait_s: float) -> None:
        try:
            results = self.accelerator.results(wait_s)
        except ChipError as error:
            self._survive(error)
            return
        for result in results:
            self.failures = 0
            self._decide(*self._pending.pop(result.frame_id), result)

    def _survive(self, error: ChipError) -> None:
        """The chip was reset and has lost all frames under way; the next ones may do."""
        self._pending.clear()
        self.failures += 1
        if isinstance(error, DifferenceError) or self.failures == FAILURES:
            raise error
        self.say(str(error))

    def _decide(self, channel: Channel, image: Image, clip: int, pixels: np.ndarray, result: Result) -> None:
        begins, channel.clips[1] = clip > channel.clips[1], clip  # its first frame may have been lost in the chip
        if begins and channel.alarm:
            self._report(channel, channel.alarm.interrupt())
            if not channel.source.live:
                channel.alarm = self._alarm(channel.source)  # another file, another time
        channel.file, channel.model = image.source, self.accelerator.models[0].hash
        channel.count(result)
        if channel.alarm and self._settings:
            name = self._settings.likeliest(self.accelerator.classes, result.decision.scores)
            self._report(channel, channel.alarm.update(image.seconds, result.score, name))
        self.on_result(channel, image, result)
        self.beside(channel, image, result, pixels)

    def _report(self, channel: Channel, changes: list[Change]) -> None:
        for change in changes:
            channel.events += change.begin
            event = channel.reporter.event(change, channel.file, channel.model)
            for publish in self.publishers:
                publish(event)


def as_json(channel: Channel, image: Image, result: Result) -> dict[str, Any]:
    """One line of `--json`: docs/running.md has the keys."""
    decision = result.decision
    return {
        "stream": channel.stream,
        "source": image.source,
        "frame": image.number,
        "seconds": round(image.seconds, 3),
        "class": decision.name,
        "score": round(result.score, 6),
        "scores": [round(float(score), 6) for score in decision.scores],
        "logits": [int(logit) for logit in result.logits],
        "latency_cycles": result.latency_cycles,
        "latency_ms": round(result.latency_ms, 6),
        "alarm": channel.state or None,
        "model": channel.model,
    }


def caption(channel: Channel, image: Image, result: Result) -> str:
    """What is drawn on a recorded frame."""
    text = f"{image.seconds:.2f} s  {result.decision.name}  score {result.score:.2f}"
    return f"{text}  ALARM" if channel.state == RAISED else text


def problems(channels: Sequence[Channel]) -> Iterator[str]:
    """What a run ends with: each source that was damaged, lost or too fast."""
    for channel in channels:
        if channel.source.dropped:
            yield f"{channel.source.name}: {channel.source.dropped} frames came faster than they were processed"
        if channel.source.problems:
            yield f"{channel.source.name}: {channel.source.problems} problems, see above"
