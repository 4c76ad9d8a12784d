# SPDX-License-Identifier: BSD-3-Clause
"""The demo's picture: some frames of each video, and under them the risk over time, its threshold and the alarms."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shiftcore.artifacts import atomic_file
from shiftcore.flow.watch import Watched
from shiftcore.model.alarm import AlarmSettings

COLOURS = ("#0284c7", "#b45309", "#15803d", "#7e22ce", "#475569", "#0f766e")
INK, GRAY, RED = "#0f172a", "#475569", "#b91c1c"
FRAMES_SHOWN = 12
HEADER, TRACK = 1.1, 3.5  # heights in inches
LEFT, WIDTH = 0.06, 0.9  # of the figure's width


def draw(
    path: Path,
    videos: Sequence[Watched],
    classes: Sequence[str],
    settings: AlarmSettings | None,
    headline: str,
    caption: str,
) -> None:
    """Write the picture of all `videos`, one below the other, as a PNG to `path`."""
    height = HEADER + TRACK * len(videos)
    figure = Figure((11, height), facecolor="white")
    figure.text(LEFT, 1 - 0.4 / height, headline, fontsize=17, weight="bold", color=INK, va="center")
    figure.text(LEFT, 1 - 0.72 / height, caption, fontsize=10, color=GRAY, va="center")
    for index, watched in enumerate(videos):
        top, inch = 1 - (HEADER + TRACK * index) / height, 1 / height
        title = ": ".join(filter(None, (watched.verdict(settings) if settings else watched.name, watched.remark)))
        figure.text(LEFT, top - 0.1 * inch, title, fontsize=11, color=RED if watched.changes else INK, va="center")
        _pictures(figure, watched, top, inch)
        axes = figure.add_axes((LEFT, top - 2.9 * inch, WIDTH, 1.4 * inch))
        _risk(axes, watched, settings)
        _scores(axes, watched, classes, settings)
        _style(axes, watched)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=130)


def _pictures(figure: Figure, watched: Watched, top: float, inch: float) -> None:
    """A row of them, evenly spread over the video; `inch` is one in figure heights."""
    kept = sorted(watched.pictures)
    columns = min(FRAMES_SHOWN, len(kept))
    shown = ((np.arange(columns) + 0.5) * len(kept) / columns - 0.5).round().astype(int)
    for column, number in enumerate(shown):
        width = WIDTH / columns
        axes = figure.add_axes((LEFT + column * width, top - 1.18 * inch, width * 0.95, 0.88 * inch))
        axes.imshow(watched.pictures[kept[number]], interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(f"{watched.seconds[kept[number]]:.1f} s", fontsize=7.5, color=GRAY, pad=2)


def _risk(axes: Axes, watched: Watched, settings: AlarmSettings | None) -> None:
    """The alarm's score, its threshold, and when it was raised."""
    if settings is None:
        return
    axes.plot(watched.seconds, watched.risk, color=RED, linewidth=2, label=f"risk ({', '.join(settings.classes)})")
    axes.axhline(settings.threshold, color=RED, linewidth=1, linestyle="--", label="threshold")
    for raised, ended in watched.alarms:
        axes.axvspan(raised, max(ended, raised + 0.02), color=RED, alpha=0.15, linewidth=0)
        axes.text(raised, 1.07, f"alarm {raised:.1f} s", fontsize=8.5, color=RED, va="bottom")


def _scores(axes: Axes, watched: Watched, classes: Sequence[str], settings: AlarmSettings | None) -> None:
    """The score of each class that is not the alarm's, where there are more than two."""
    scores = np.stack([decision.scores for decision in watched.decisions])
    for clip, (start, end) in enumerate(pairwise([*watched.starts, len(scores)])):
        for index, name in enumerate(classes):
            if settings and (name in settings.classes or len(classes) == 2):
                continue
            label = name if clip == 0 else None
            colour = COLOURS[index % len(COLOURS)]
            axes.plot(watched.seconds[start:end], scores[start:end, index], ".-", color=colour, label=label)
        if clip < len(watched.truth):
            axes.text(watched.seconds[start], 1.2, f"shown: {watched.truth[clip]}", fontsize=8.5, color=INK)
        if start:
            axes.axvline(watched.seconds[start], color=INK, linewidth=1, linestyle=":")


def _style(axes: Axes, watched: Watched) -> None:
    axes.set_xlim(watched.seconds[0] - 0.02, watched.seconds[-1] + 0.02)
    axes.set_ylim(-0.05, 1.05)
    axes.set_yticks([0, 0.5, 1])
    axes.tick_params(labelsize=8, colors=GRAY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("seconds", fontsize=9, color=GRAY, loc="left")
    axes.legend(fontsize=8.5, ncols=6, loc="upper right", frameon=False, bbox_to_anchor=(1, -0.12))
