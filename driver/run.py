# SPDX-License-Identifier: BSD-3-Clause
"""From sources to results: many cameras through one accelerator, each with its preprocessing, alarm and figures."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np

from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.change import Change as NewModel
from shiftcore.driver.errors import AcceleratorError, ChipError, DifferenceError
from shiftcore.driver.events import Event, Reporter
from shiftcore.driver.service.cover import Cover
from shiftcore.driver.service.schedule import ALWAYS, Schedule
from shiftcore.driver.service.trouble import Sight
from shiftcore.driver.sources import Image, Say, Source, interleave
from shiftcore.errors import UserError
from shiftcore.model.alarm import PENDING, RAISED, Alarm, Change
from shiftcore.model.records import Result

FAILURES = 3  # chip errors in a row, without a result between them, after which a run gives up
_NAP_S, _IDLE_S = 0.002, 0.01  # while no camera has a frame: rest, and wait for results (in the chip's time)
_LOOK_S = 0.1  # between two looks at which cameras are lost
LOST = "lost"  # the trouble of a camera that does not answer


@dataclass(frozen=True)
class Rules:
    """What holds for one camera: its alarm's `threshold` (None: the model's own), what of its picture is covered, when
    its alarm counts, and the `bank` with the model that computes it."""

    threshold: float | None = None
    cover: Cover = field(default_factory=Cover)
    schedule: Schedule = ALWAYS
    bank: int = 0


@dataclass
class Channel:
    """One source and what is known of it. `clips`: how many began so far, of its images (0) and of its results (1);
    `latency`: least and greatest so far, in cycles; `model`: the hash of the one that gave its last result; `troubles`:
    which it has now; `renewed`: its next image begins a clip; `gone`: it was taken out of the run."""

    source: Source
    stream: int
    alarm: Alarm | None
    reporter: Reporter
    rules: Rules = field(default_factory=Rules)
    troubles: set[str] = field(default_factory=set)
    sight: Sight = field(default_factory=Sight)
    renewed: bool = False
    gone: bool = False
    file: str = ""
    clips: list[int] = field(default_factory=lambda: [0, 0])
    frames: int = 0
    latency: tuple[int, int] = (0, 0)
    name: str = ""
    model: str = ""
    score: float = 0.0
    seconds: float = 0.0
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


Beside = Callable[[Channel, Image, Result, np.ndarray], None]
"""What sees a frame of a camera, its result, and the network's input, uint8 `[H, W, C]`."""


@dataclass
class Run:
    """All `sources` through `accelerator`, source i as stream i. `on_result` sees each frame with its result,
    each of `publishers` every event; `say` each line about what went wrong and is survived. `rules`: of sources by
    their names. `between` are called between two frames, and while there is none, and may `load` another model;
    `beside` sees each frame's result with the network's input, which then is made here; `expected`: whether more
    sources may be added when all are done; `banks`: how many of the accelerator's, the first of them, sources may use.

    Raises UserError for more sources than the accelerator has streams.
    """

    accelerator: Accelerator
    sources: list[Source]
    on_result: Callable[[Channel, Image, Result], None]
    publishers: Sequence[Callable[[Event], None]]
    say: Say
    rules: Mapping[str, Rules] = field(default_factory=dict)
    between: list[Callable[["Run"], None]] = field(default_factory=list)
    beside: Beside | None = None
    expected: Callable[[], bool] = lambda: False
    channels: list[Channel] = field(init=False)
    failures: int = field(init=False, default=0)
    banks: int = field(init=False)

    def __post_init__(self) -> None:
        if len(self.sources) > self.accelerator.streams:
            raise UserError(
                f"{len(self.sources)} sources, but this chip keeps {self.accelerator.streams} streams apart; "
                "leave some out, or compile with more (hardware.streams of the preset)"
            )
        self.banks = len(self.accelerator.models)
        self._prepare = self.accelerator.preprocessor()
        self._next_look = 0.0
        self._pending: dict[
            int, tuple[Channel | None, Callable[[Result], None]]
        ] = {}  # whose it is, what takes its result
        self.channels = [
            self._channel(source, stream, self.rules.get(source.name, Rules()))
            for stream, source in enumerate(self.sources)
        ]

    def __call__(self) -> None:
        """Until every source is done. Raises DifferenceError, and any other error of the chip's that does not pass.
        However it ends, alarms that are raised then end with the last frame."""
        try:
            for item in interleave(self.sources, self.expected):
                if item is None:
                    self._collect(_IDLE_S)
                    time.sleep(_NAP_S)
                else:
                    self._feed(self.channels[item[0]], item[1])
                    self._collect(0.0)
                self._end_alarms()
                self._tell_losses()
                for call in self.between:
                    call(self)
            self.finish()
        finally:
            for channel in self.channels:
                self._interrupt(channel)

    def add(self, source: Source, rules: Rules) -> None:
        """Take one more source in, on a stream that no other has. Raises UserError where all are taken."""
        stream = next((channel.stream for channel in self.channels if channel.gone), len(self.channels))
        if stream >= self.accelerator.streams:
            raise UserError(f"{source.name}: all {stream} streams of this chip are taken")
        channel = self._channel(source, stream, rules)
        self.sources[stream : stream + 1], self.channels[stream : stream + 1] = [source], [channel]

    def remove(self, channel: Channel) -> None:
        """Take a source out: it is stopped, and its alarm ends."""
        channel.source.stop()
        self._interrupt(channel)
        channel.gone = True

    def change(self, channel: Channel, rules: Rules) -> None:
        """Other rules for a source, from its next image on, which begins a clip. Its alarm begins anew."""
        if rules.bank != channel.rules.bank:
            self.finish()  # its frames under way are of the model before
        self._interrupt(channel)
        self.accelerator.use(channel.stream, rules.bank)
        channel.rules, channel.alarm, channel.renewed = rules, self._alarm(channel.stream, rules), True

    def trouble(self, channel: Channel, name: str, begins: bool) -> None:
        """Tell that a camera has, or has no more, the trouble `name`; once."""
        if begins == (name in channel.troubles):
            return
        (channel.troubles.add if begins else channel.troubles.discard)(name)
        now = channel.seconds
        model = self.accelerator.model_of(channel.stream).hash
        event = channel.reporter.event(Change(begins, now, now, name, 0.0), channel.source.name, model, "trouble")
        for publish in self.publishers:
            publish(event)

    def _channel(self, source: Source, stream: int, rules: Rules) -> Channel:
        self.accelerator.use(stream, rules.bank)
        return Channel(source, stream, self._alarm(stream, rules), Reporter(stream, source.name), rules)

    def _tell_losses(self) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_S
        for channel in self.channels:
            source = channel.source
            if source.live and not source.done:
                self.trouble(channel, LOST, source.interrupted)

    def _interrupt(self, channel: Channel) -> None:
        self._report(channel, channel.alarm.interrupt() if channel.alarm else [])

    def finish(self) -> None:
        """Wait for the frames under way. Raises as a call."""
        while self._pending:
            self._collect(1.0)

    def load(self, model: NewModel, rules: Mapping[str, Rules], bank: int = 0) -> None:
        """Take another model into a bank, with `rules` of sources by their names, between two frames: those that were
        sent are finished by the model before it. What the bank's sources raised ends with the last of them; the new
        model's alarms begin quiet. A camera's earlier images stay, so that its next image is the new model's first.
        Raises ChipError, after which the chip has the model before."""
        self.finish()
        self.accelerator.load(model, bank)
        for channel in self.channels:
            if channel.rules.bank == bank:
                self._interrupt(channel)
                channel.rules = rules.get(channel.source.name, channel.rules)
                channel.alarm = self._alarm(channel.stream, channel.rules)

    def _end_alarms(self) -> None:
        """What is raised where a camera is lost, or files have ended, ends now, when their last results are in."""
        for channel in self.channels:
            if channel.state in (RAISED, PENDING) and channel.source.interrupted and not self._awaits(channel):
                self._interrupt(channel)

    def _awaits(self, channel: Channel) -> bool:
        return any(waiting is channel for waiting, _ in self._pending.values())

    def _alarm(self, stream: int, rules: Rules) -> Alarm | None:
        settings = self.accelerator.model_of(stream).description.alarm
        return Alarm(settings.at(rules.threshold or settings.threshold)) if settings else None

    def _feed(self, channel: Channel, image: Image) -> None:
        for name, holds in channel.sight.look(image) if channel.source.live else ():
            self.trouble(channel, name, holds)
        image = channel.rules.cover(image)
        if channel.renewed:
            image, channel.renewed = image._replace(first=True), False
        try:
            sent = self._send(channel, image)
        except ChipError as error:
            self._survive(error)
            return
        except AcceleratorError:
            raise
        except UserError as error:
            channel.source.refuse(f"{image.source}: {error}")
            return
        if sent:
            frame_id, pixels = sent
            self._pending[frame_id] = channel, partial(self._decide, channel, image, channel.clips[0], pixels)

    def _send(self, channel: Channel, image: Image) -> tuple[int, np.ndarray | None] | None:
        """The frame id, and the input where it is made here; None where the network does not run."""
        stream = channel.stream
        if self.accelerator.ingest and not self.beside:
            if (sent := self.accelerator.submit_image(image.pixels, stream, image.first)) is None:
                return None
            frame_id, first = sent
            channel.clips[0] += first
            return frame_id, None
        if (prepared := self._prepare.prepare(image.pixels, stream, image.first)) is None:
            return None
        pixels, first = prepared
        channel.clips[0] += first
        return self.accelerator.submit(pixels, stream, first), pixels

    def _collect(self, wait_s: float) -> None:
        try:
            results = self.accelerator.results(wait_s)
        except ChipError as error:
            self._survive(error)
            return
        for take, result in [(self._pending.pop(result.frame_id)[1], result) for result in results]:
            self.failures = 0
            take(result)

    def watch(self, beside: Beside | None) -> None:
        """Let `beside` see each frame from now on. Where the chip makes the inputs of images, they are made here while
        there is one, so each camera's next image begins a clip."""
        self.beside = beside
        for channel in self.channels if self.accelerator.ingest else ():
            channel.renewed = True

    def ask(self, pixels: np.ndarray, stream: int, clear: bool, take: Callable[[Result], None]) -> None:
        """Send a frame of somebody else's, as `Accelerator.submit` has it, on a stream that is no source's; `take` has
        its result, unless the chip loses it."""
        try:
            self._pending[self.accelerator.submit(pixels, stream, clear)] = None, take
        except ChipError as error:
            self._survive(error)

    def _survive(self, error: ChipError) -> None:
        """The chip was reset and has lost all frames under way; the next ones may do."""
        self._pending.clear()
        self.failures += 1
        if isinstance(error, DifferenceError) or self.failures == FAILURES:
            raise error
        self.say(str(error))

    def _decide(self, channel: Channel, image: Image, clip: int, pixels: np.ndarray | None, result: Result) -> None:
        if channel.gone:
            return
        begins, channel.clips[1] = clip > channel.clips[1], clip  # its first frame may have been lost in the chip
        if begins and channel.alarm:
            self._report(channel, channel.alarm.interrupt())
            if not channel.source.live:
                channel.alarm = self._alarm(channel.stream, channel.rules)  # another file, another time
        model = self.accelerator.model_of(channel.stream)
        channel.file, channel.seconds, channel.model = image.source, image.seconds, model.hash
        channel.count(result)
        if channel.alarm and not channel.rules.schedule.holds(datetime.now()):
            self._interrupt(channel)
        elif channel.alarm and (settings := model.description.alarm):
            name = settings.likeliest(model.description.classes, result.decision.scores)
            self._report(channel, channel.alarm.update(image.seconds, result.score, name))
        self.on_result(channel, image, result)
        if self.beside and pixels is not None:
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
