# SPDX-License-Identifier: BSD-3-Clause
"""What one person does: a table of movements, each cut out of recorded sequences by what limbs do there.

A new movement is a line of `MOVEMENTS`: which recordings, which of their windows, and how the windows are put together.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from shiftcore.errors import UserError
from shiftcore.quant import mocap
from shiftcore.quant.mocap import RATE, J, Sequence

BLEND = 7  # frames over which one window goes over into the next
STEP = 4  # frames between the windows that are looked at
LONGEST = 80  # frames of a window that goes on for a whole clip
BEFORE, AFTER = 13, 14  # frames around a strike


class Window(NamedTuple):
    """Frames `start` to `stop` of a sequence; the person is turned so that the pose at `reference` faces ahead."""

    start: int
    reference: int
    stop: int


class Signals:
    """What limbs do in a sequence, each `[N]`: metres a second relative to the pelvis, metres."""

    def __init__(self, sequence: Sequence) -> None:
        self.sequence = sequence

    def _speed(self, points: np.ndarray) -> np.ndarray:
        return np.linalg.norm(np.diff(points, axis=0, prepend=points[:1]), axis=-1) * RATE

    @cached_property
    def hands(self) -> np.ndarray:
        pos = self.sequence.pos
        return np.maximum(self._speed(pos[:, J["l_wrist"]]), self._speed(pos[:, J["r_wrist"]]))

    @cached_property
    def feet(self) -> np.ndarray:
        pos = self.sequence.pos
        return np.maximum(self._speed(pos[:, J["l_ankle"]]), self._speed(pos[:, J["r_ankle"]]))

    @cached_property
    def reach(self) -> np.ndarray:
        """How far ahead of the pelvis the foremost hand is."""
        return self._ahead(("l_wrist", "r_wrist"))

    @cached_property
    def kick(self) -> np.ndarray:
        """How high above the floor the higher foot is."""
        pos, root = self.sequence.pos, self.sequence.root
        return np.maximum(pos[:, J["l_ankle"], 1], pos[:, J["r_ankle"], 1]) + root[:, 1]

    def _ahead(self, names: tuple[str, ...]) -> np.ndarray:
        pos, angle = self.sequence.pos, mocap.facing(self.sequence.pos)
        ahead = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], -1)
        return np.max([(pos[:, J[name]] * ahead).sum(-1) for name in names], axis=0)

    @cached_property
    def pace(self) -> np.ndarray:
        return self._speed(self.sequence.root[:, [0, 2]])

    @cached_property
    def pelvis(self) -> np.ndarray:
        return self.sequence.root[:, 1]


Cut = Callable[[Signals], list[Window]]


def _windows(signals: Signals, fits: Callable[[slice], bool]) -> list[Window]:
    count = len(signals.sequence.pos)
    long = min(count, LONGEST)
    spans = [slice(at, at + long) for at in range(0, count - long + 1, STEP)]
    return [Window(span.start, span.start + long // 2, span.stop) for span in spans if fits(span)] if long > 15 else []


def whole(signals: Signals) -> list[Window]:
    """Any window."""
    return _windows(signals, lambda _: True)


def going(least: float, most: float) -> Cut:
    """Windows in which somebody goes on at so many metres a second."""

    def fits(signals: Signals, span: slice) -> bool:
        pace = signals.pace[span]
        return bool(least <= pace.mean() <= most and np.percentile(pace, 15) > 0.5 * least)

    return lambda signals: _windows(signals, lambda span: fits(signals, span))


def staying(hands: float) -> Cut:
    """Windows in which somebody stays where they are, the hands slower than so many metres a second on average."""

    def fits(signals: Signals, span: slice) -> bool:
        return bool(signals.pace[span].mean() < 0.35 and signals.hands[span].mean() < hands)

    return lambda signals: _windows(signals, lambda span: fits(signals, span))


def busy(hands: float) -> Cut:
    """Windows in which the hands move at more than so many metres a second on average."""
    return lambda signals: _windows(signals, lambda span: bool(signals.hands[span].mean() > hands))


def low(most: float) -> Cut:
    """Windows in which the pelvis stays lower than so many metres."""
    return lambda signals: _windows(signals, lambda span: bool(signals.pelvis[span].max() < most))


def sinking(depth: float) -> Cut:
    """Windows in which the pelvis goes down by at least so many metres."""

    def fits(signals: Signals, span: slice) -> bool:
        pelvis = signals.pelvis[span]
        return bool(pelvis[:10].mean() - pelvis[-10:].mean() > depth)

    return lambda signals: _windows(signals, lambda span: fits(signals, span))


def rising(depth: float) -> Cut:
    """Windows in which the pelvis comes up by at least so many metres."""

    def fits(signals: Signals, span: slice) -> bool:
        pelvis = signals.pelvis[span]
        return bool(pelvis[-10:].mean() - pelvis[:10].mean() > depth)

    return lambda signals: _windows(signals, lambda span: fits(signals, span))


def _peaks(signals: Signals, speed: np.ndarray, counts: np.ndarray) -> list[Window]:
    """About a second around each fastest moment of those that count."""
    count = len(speed)
    found = []
    for at in np.flatnonzero(counts).tolist():
        near = slice(max(0, at - 6), at + 7)
        if speed[at] == speed[near].max() and 4 <= at < count - 6:
            found.append(Window(max(0, at - BEFORE), at, min(count, at + AFTER)))
    return found


def striking(signals: Signals) -> list[Window]:
    """A hand goes forward, fast and far."""
    after = np.concatenate([signals.reach[2:], np.repeat(signals.reach[-1:], 2)])
    return _peaks(signals, signals.hands, (signals.hands > 4.0) & (after > 0.36) & (signals.pelvis > 0.5))


def kicking(signals: Signals) -> list[Window]:
    """A foot swings fast and off the floor."""
    return _peaks(signals, signals.feet, (signals.feet > 4.5) & (signals.kick > 0.35) & (signals.pace < 3))


@dataclass(frozen=True)
class Movement:
    """Windows by `cut` of the recordings of `categories` whose description matches `like`. `travels`: they follow each
    other on the way and look along it; otherwise each begins at the actor's place, facing ahead."""

    categories: tuple[str, ...]
    cut: Cut
    like: str = ""
    travels: bool = False
    unlike: str = "$^"


_ODD = "elephant|whale|fish|dog|bear|snake|monkey|mouse|chicken|dinosaur|ladder|hang on ropes"
MOVEMENTS = {
    "stand": Movement(("stand", "gesture", "sit"), staying(0.35), unlike="Crouch|Sitting|stool"),
    "talk": Movement(("gesture", "stand", "dance"), staying(2.0), "Talk|signal|laugh|direct|vacation|teapot|Look|Sway"),
    "gesture": Movement(("gesture",), whole),
    "work": Movement(("gesture", "carry"), staying(3.0), "wash|mop|window|Fix|Interact|PickUp|bottle|scoop|reach|Box"),
    "sit": Movement(("sit",), low(0.75)),
    "sit_down": Movement(("sit", "walk"), sinking(0.15)),
    "walk": Movement(("walk",), going(0.6, 2.1), travels=True, unlike="Backward|Walk Back|Side Step|Crouch"),
    "slow_walk": Movement(("walk", "carry"), going(0.25, 0.9), travels=True, unlike="Backward|Walk Back"),
    "carry": Movement(("carry",), going(0.3, 3.0), travels=True),
    "pick_up": Movement(("carry",), staying(3.0), "Pick|Lift|scoop|Put"),
    "run": Movement(("run",), going(2.2, 7.0), travels=True, unlike="Back"),
    "turn": Movement(("walk", "run"), going(0.3, 3.0), "[Tt]urn|veer|Change", travels=True),
    "dance": Movement(("dance",), busy(0.7)),
    "sport": Movement(("sport",), busy(0.6)),
    "exercise": Movement(("sport",), busy(0.8), "jack|stretch|squat|twist|jump|hop"),
    "play": Movement(("sport", "run", "other"), busy(0.8), "skip|Skip|playground|basketball|soccer|Hop|Jump|hop|180"),
    "odd": Movement(("other",), whole, _ODD),
    "climb": Movement(("other",), whole, "climb 3"),
    "punch": Movement(("punch",), striking),
    "kick": Movement(("kick", "punch"), kicking),
    "block": Movement(("other", "stand"), whole, "Block|Hit|Gedan|Syuto"),
    "dodge": Movement(("other",), whole, "Dodge|Duck|Retreat|Bounce|Side Step"),
    "advance": Movement(("other",), whole, "Advance|Bounce"),
    "swing": Movement(("weapon",), busy(0.8), "sword"),
    "lie": Movement(("fall",), low(0.35), unlike="Crawl"),
    "crawl": Movement(("fall",), low(0.6), "Crawl"),
    "fall": Movement(("fall", "run"), sinking(0.3), unlike="Over"),
    "get_up": Movement(("fall", "sit"), rising(0.2)),
    "crouch": Movement(("sit", "walk", "run", "fall"), low(0.7), "Crouch"),
}


@dataclass(frozen=True)
class Track:
    """A performance at 30 frames a second: `pos` `[N, 22, 3]` relative to the pelvis, `root` `[N, 3]`; ahead is z."""

    pos: np.ndarray
    root: np.ndarray

    def __getitem__(self, span: slice) -> "Track":
        return Track(self.pos[span], self.root[span])

    def at(self, frames: np.ndarray) -> "Track":
        """Between the frames, which are clipped to those there are."""
        place = np.clip(frames, 0, len(self.pos) - 1.001)
        first = place.astype(int)
        share = (place - first).astype(np.float32)
        second = np.minimum(first + 1, len(self.pos) - 1)

        def between(values: np.ndarray) -> np.ndarray:
            weight = share.reshape(-1, *[1] * (values.ndim - 1))
            return values[first] * (1 - weight) + values[second] * weight

        return Track(between(self.pos), between(self.root))


@dataclass
class Library:
    """The recordings in a folder, and the windows of each movement in them."""

    folder: Path
    _windows: dict[str, list[tuple[Sequence, list[Window]]]] = field(default_factory=dict)

    @cached_property
    def _signals(self) -> list[Signals]:
        return [Signals(sequence) for sequence in mocap.load(self.folder)]

    def check(self) -> None:
        """Raises UserError for the first movement that no recording shows."""
        for name in MOVEMENTS:
            self.windows(name)

    def windows(self, name: str) -> list[tuple[Sequence, list[Window]]]:
        """Per recording that has any, its windows. Raises UserError for a movement that no recording shows."""
        if name not in self._windows:
            if name not in MOVEMENTS:
                raise UserError(f"{name}: no movement; there are {', '.join(MOVEMENTS)}")
            move = MOVEMENTS[name]
            cuts = [
                (signals.sequence, move.cut(signals))
                for signals in self._signals
                if signals.sequence.category in move.categories
                and re.search(move.like, signals.sequence.description)
                and not re.search(move.unlike, signals.sequence.description)
            ]
            self._windows[name] = [(sequence, windows) for sequence, windows in cuts if windows]
        if not self._windows[name]:
            raise UserError(f"{self.folder}: no recording in it shows {name!r}")
        return self._windows[name]

    def perform(
        self, rng: np.random.Generator, names: str | tuple[str, ...], seconds: float, pace: float = 1.0
    ) -> Track:
        """Somebody who does any of `names` in turn for `seconds`, so many times faster than recorded: windows one after
        another."""
        names = (names,) if isinstance(names, str) else names
        other_hand = rng.random() < 0.5
        needed = int(seconds * RATE * pace) + 2

        def take() -> tuple[str, Track]:
            name = names[int(rng.integers(len(names)))]
            return name, self._take(rng, name, other_hand)

        _, track = take()
        while len(track.pos) < needed:
            name, following = take()
            track = _joined(track, following, MOVEMENTS[name].travels)
        start = int(rng.integers(len(track.pos) - needed + 1))
        track = track[start : start + needed].at(np.linspace(0, needed - 1, int(seconds * RATE) + 2))
        return Track(track.pos, track.root - track.root[:1] * np.array([1, 0, 1], np.float32))

    def _take(self, rng: np.random.Generator, name: str, other_hand: bool) -> Track:
        choices = self.windows(name)
        sequence, windows = choices[int(rng.integers(len(choices)))]
        window = windows[int(rng.integers(len(windows)))]
        span = slice(window.start, window.stop)
        pos, root = sequence.pos[span], sequence.root[span]
        if other_hand:
            pos, root = mocap.mirrored(pos, root)
        way = root[-1] - root[0]
        angle = np.arctan2(way[0], way[2])
        if not MOVEMENTS[name].travels or np.hypot(way[0], way[2]) < 0.4:
            angle = mocap.facing(pos)[window.reference - window.start]
        centre = root[0] * np.array([1, 0, 1], np.float32)
        angle = np.float32(-angle)
        return Track(mocap.turned(pos, angle), mocap.turned(root - centre, angle))


def _joined(first: Track, second: Track, travels: bool) -> Track:
    """The one and then the other; where they travel, from where the first ended, in its direction."""
    blend = min(BLEND, len(first.pos) - 1, len(second.pos) - 1)
    pos, root = second.pos, second.root
    offset = first.root[-blend] * np.array([1, 0, 1], np.float32)
    if travels:
        way = first.root[-1] - first.root[-min(20, len(first.root))]
        angle = np.float32(np.arctan2(way[0], way[2])) if np.hypot(way[0], way[2]) > 0.1 else np.float32(0)
        pos, root = mocap.turned(pos, angle), mocap.turned(root, angle) + offset
    else:
        root = root + offset * 0.7  # not farther and farther from where they should be
    weight = np.linspace(0, 1, blend, dtype=np.float32)[:, None]

    def mixed(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        share = weight.reshape(-1, *[1] * (one.ndim - 1))
        return np.concatenate([one[:-blend], one[-blend:] * (1 - share) + other[:blend] * share, other[blend:]])

    return Track(mixed(first.pos, pos), mixed(first.root, root))
