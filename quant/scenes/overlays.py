# SPDX-License-Identifier: BSD-3-Clause
"""What recorders write into pictures: clocks, names, logos, bars at the rim, tickers."""

from dataclasses import dataclass, field

import cv2
import numpy as np

FONTS = (cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX)


@dataclass
class Text:
    """A line at `place`, in pixels; `clock`: counts the seconds from this moment, with so many `places` after."""

    place: tuple[int, int]
    text: str
    font: int
    scale: float
    tone: int
    clock: float | None = None
    places: int = 0

    def draw(self, frame: np.ndarray, seconds: float) -> None:
        text = self.text
        if self.clock is not None:
            now = self.clock + seconds
            hours, minutes, rest = int(now // 3600) % 24, int(now // 60) % 60, now % 60
            text += f"{hours:02}:{minutes:02}:{rest:0{3 + self.places if self.places else 2}.{self.places}f}"
        tones = ((0, self.place[0] + 1), (self.tone, self.place[0]))
        for tone, left in tones:
            cv2.putText(frame, text, (left, self.place[1]), self.font, self.scale, tone, 1, cv2.LINE_AA)


@dataclass
class Overlay:
    """Everything written into one clip, whose frames are at `time`; `bars`: rows and columns at the rim that are left
    black, or of `tone`."""

    time: np.ndarray
    texts: list[Text] = field(default_factory=list)
    logos: list[tuple[int, int, np.ndarray]] = field(default_factory=list)
    bars: tuple[int, int] = (0, 0)
    tone: int = 16

    def draw(self, frame: np.ndarray, number: int) -> None:
        rows, columns = self.bars
        if rows:
            frame[:rows] = frame[-rows:] = self.tone
        if columns:
            frame[:, :columns] = frame[:, -columns:] = self.tone
        for top, left, logo in self.logos:
            frame[top : top + logo.shape[0], left : left + logo.shape[1]] = logo
        for text in self.texts:
            text.draw(frame, float(self.time[number]))


def random_overlay(rng: np.random.Generator, time: np.ndarray, rows: int, columns: int) -> Overlay:
    """Nothing in half of the clips."""
    overlay = Overlay(time)
    if rng.random() < 0.14:
        overlay.bars = (int(rng.uniform(0.03, 0.16) * rows), 0) if rng.random() < 0.75 else (0, int(0.1 * columns))
        overlay.tone = int(rng.choice([16, 16, 16, int(rng.integers(0, 255))]))
    if rng.random() < 0.3:
        overlay.texts.append(_clock(rng, rows, columns))
    if rng.random() < 0.14:
        name = "".join(rng.choice(list("ABCDEFGHIKLMNOPRSTUVX 0123456789"), rng.integers(3, 14)))
        top = int(rng.choice([0.1, 0.95]) * rows)
        overlay.texts.append(Text((int(rng.uniform(0, 0.6) * columns), top), name, FONTS[0], 0.7, 235))
    if rng.random() < 0.08:
        tall, wide = int(rng.uniform(0.05, 0.2) * rows), int(rng.uniform(0.08, 0.5) * columns)
        logo = np.full((tall, wide), rng.integers(16, 235), np.uint8)
        cv2.putText(
            logo, "LIVE TV24"[: rng.integers(2, 9)], (2, tall - 3), FONTS[1], tall / 30, int(rng.integers(255)), 1
        )
        top = int(rng.choice([2, rows - tall - 2]))
        overlay.logos.append((top, int(rng.choice([2, columns - wide - 2])), logo))
    return overlay


def _clock(rng: np.random.Generator, rows: int, columns: int) -> Text:
    day = f"{rng.integers(1, 32):02}-{rng.integers(1, 13):02}-{rng.integers(2005, 2026)} "
    place = (
        int(rng.uniform(0, 0.55) * columns),
        int(rng.choice([rng.uniform(0.07, 0.12), rng.uniform(0.92, 0.98)]) * rows),
    )
    places = int(rng.choice([0, 0, 0, 1, 2]))
    return Text(
        place,
        day if rng.random() < 0.6 else "",
        int(FONTS[int(rng.integers(3))]),
        float(rng.uniform(0.28, 0.55)),
        int(rng.integers(170, 255)),
        float(rng.uniform(0, 86400)),
        places,
    )
