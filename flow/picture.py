"""The demo's picture: some frames of each video, and the score of every class over time under them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shiftcore.artifacts import atomic_file

COLOURS = ("#b91c1c", "#0284c7", "#b45309", "#15803d", "#7e22ce", "#475569")
INK, GRAY = "#0f172a", "#475569"
FRAMES_SHOWN = 12
HEADER, TRACK = 1.1, 3.5  # heights in inches
LEFT, WIDTH = 0.06, 0.9  # of the figure's width


@dataclass
class Track:
    """One video as it went through the core. `frames`: uint8 `[T, H, W, 3]`; `scores`: `[T, classes]`, 0 to 1;
    `starts`: where a new clip begins (the core's state is cleared there); `truth`: the class of each of those clips,
    where it is known."""

    title: str
    frames: np.ndarray
    scores: np.ndarray
    starts: Sequence[int]
    truth: Sequence[str] = ()


def draw(path: Path, tracks: Sequence[Track], classes: Sequence[str], headline: str, caption: str) -> None:
    """Write the picture of all `tracks`, one below the other, as a PNG to `path`."""
    height = HEADER + TRACK * len(tracks)
    figure = plt.figure(figsize=(11, height), facecolor="white")
    figure.text(LEFT, 1 - 0.4 / height, headline, fontsize=17, weight="bold", color=INK, va="center")
    figure.text(LEFT, 1 - 0.72 / height, caption, fontsize=10, color=GRAY, va="center")
    for index, track in enumerate(tracks):
        _track(figure, track, classes, top=1 - (HEADER + TRACK * index) / height, inch=1 / height)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=130)
    plt.close(figure)


def _track(figure: Figure, track: Track, classes: Sequence[str], top: float, inch: float) -> None:
    """A row of frames and the curves under it, each frame above its own moment; `inch` is one in figure heights."""
    count = len(track.frames)
    figure.text(LEFT, top - 0.1 * inch, track.title, fontsize=11, color=INK, va="center")
    columns = min(FRAMES_SHOWN, count)
    shown = ((np.arange(columns) + 0.5) * count / columns - 0.5).round().astype(int)
    for column, frame in enumerate(shown):
        width = WIDTH / columns
        axes = figure.add_axes((LEFT + column * width, top - 1.18 * inch, width * 0.95, 0.88 * inch))
        axes.imshow(track.frames[frame], interpolation="nearest")
        axes.set_axis_off()
    curves = figure.add_axes((LEFT, top - 2.9 * inch, WIDTH, 1.4 * inch))
    for frame in shown:
        curves.axvline(frame, color="#cbd5e1", linewidth=0.8, zorder=0)
    _curves(curves, track, classes)


def _curves(axes: Axes, track: Track, classes: Sequence[str]) -> None:
    count = len(track.frames)
    for clip, (start, end) in enumerate(pairwise([*track.starts, count])):
        for index, name in enumerate(classes):
            colour = COLOURS[index % len(COLOURS)]
            label = name if clip == 0 else None
            axes.plot(range(start, end), track.scores[start:end, index], ".-", color=colour, linewidth=2, label=label)
        if clip < len(track.truth):
            axes.text(start - 0.4, 1.07, f"shown: {track.truth[clip]}", fontsize=8.5, color=INK, va="bottom")
        if start:
            axes.axvline(start - 0.5, color=INK, linewidth=1, linestyle=":")
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_ylim(-0.05, 1.05)
    axes.set_yticks([0, 0.5, 1])
    axes.tick_params(labelsize=8, colors=GRAY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylabel("score", fontsize=9, color=GRAY)
    axes.set_xlabel("frame", fontsize=9, color=GRAY, loc="left")
    axes.legend(fontsize=8.5, ncols=len(classes), loc="upper right", frameon=False, bbox_to_anchor=(1, -0.12))
