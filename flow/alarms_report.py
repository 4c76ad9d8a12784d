# SPDX-License-Identifier: BSD-3-Clause
"""What `make alarms` leaves for people: the trade-off as a picture, and a page with the worst alarms to play."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from shiftcore.artifacts import atomic_file, atomic_folder
from shiftcore.errors import UserError
from shiftcore.flow import page
from shiftcore.flow.alarm_figures import Figures, Footage, verdict
from shiftcore.flow.evidence import Evidence, gather
from shiftcore.flow.thumbnail import thumbnail
from shiftcore.model import video
from shiftcore.model.alarm import AlarmSettings
from shiftcore.model.calibration import Raised
from shiftcore.model.preprocess import pixel_aspect
from shiftcore.model.reference import Reference

WORST, THUMBNAILS = 12, 6
BEFORE_S, AFTER_S, LONGEST_S = 1.0, 2.0, 12.0  # of a clip around an alarm
RATE, LONGER_PX = 25, 640  # frames a second and pixels of its longer side, at most
MARKED = (0.5, 0.8, 0.9, 0.95, 0.99)  # thresholds that the curve names


def draw_curve(path: Path, parts: dict[str, Figures]) -> None:
    """The trade-off, into the PNG file `path`: the false alarms an hour of each of the `parts` (the first of several is
    all of them) against the share of all events found; and each of the two over the threshold."""
    figure = Figure((15, 4.4), layout="constrained")
    axes = figure.subplots(1, 3)
    both, false, found = axes
    everything = next(iter(parts.values()))
    shares = [point["found_share"] for point in everything["curve"]]
    for name, part in parts.items():
        points = part["curve"]
        thresholds = [point["threshold"] for point in points]
        if part["hours"]:
            rates = [point["false_alarms_per_hour"] for point in points]
            bounds = np.array([point["false_alarms_ci95"] for point in points])
            (line,) = false.plot(thresholds, rates, label=name)
            false.fill_between(thresholds, bounds[:, 0], bounds[:, 1], alpha=0.1, color=line.get_color())
            if everything["events"]:
                both.plot(rates, shares, ".-", color=line.get_color(), label=f"false alarms of {name}")
                _mark(both, points, shares)
        if part["events"] and not (part is everything and _one_has_all_events(parts)):
            found.plot(thresholds, [point["found_share"] for point in points], label=name)
    both.set(xscale="symlog", xlabel="false alarms an hour", ylabel="events found, share", ylim=(0, 1.02))
    false.set(xscale="logit", yscale="symlog", xlabel="threshold", ylabel="false alarms an hour, 95 %")
    false.set_ylim(bottom=0)
    found.set(xscale="logit", xlabel="threshold", ylabel="events found, share", ylim=(0, 1.02))
    for one in axes:
        if one.lines:
            one.legend(fontsize=8)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=100)


def _one_has_all_events(parts: dict[str, Figures]) -> bool:
    return sum(part["events"] > 0 for part in parts.values()) == 2


def _mark(axes: Axes, points: Sequence[Figures], shares: Sequence[float]) -> None:
    for point, share in zip(points, shares, strict=True):
        if point["threshold"] in MARKED:
            axes.annotate(f"{point['threshold']:g}", (point["false_alarms_per_hour"], share), fontsize=7)


@dataclass(frozen=True)
class _Shown:
    """A false alarm on the page."""

    title: str
    camera: str
    clip: str  # in worst/ beside the page
    frames: list[str]


def write_page(
    folder: Path,
    seen: Sequence[tuple[Path, Footage]],
    result: dict[str, Any],
    reference: Reference,
) -> None:
    """The page report.html in `folder`, and in worst/ below it a playable clip of each of the worst false alarms: those
    of the highest scores, no more than one a camera while there are others, with what `reference` saw in them."""
    settings = reference.description.alarm
    assert settings
    with atomic_folder(folder / "worst") as clips:
        shown = [
            _show(clips, number, *false, reference) for number, false in enumerate(worst(seen, settings)[:WORST], 1)
        ]
    page.write(folder / "report.html", "alarms_report.html", result=result, alarms=shown, settings=settings)


def worst(seen: Sequence[tuple[Path, Footage]], settings: AlarmSettings) -> list[tuple[Path, Footage, Raised]]:
    """All false alarms, each with its video: the worst of each camera first, then the second worst, and so on."""
    false = [(path, footage, alarm) for path, footage in seen for alarm in verdict(footage, settings).false]
    false.sort(key=lambda item: -item[2].score)
    turns: dict[tuple[str, str], int] = {}
    ranked = []
    for item in false:
        camera = item[1].origin, item[1].camera
        turns[camera] = turns.get(camera, 0) + 1
        ranked.append((turns[camera], item))
    return [item for _, item in sorted(ranked, key=lambda pair: pair[0])]


def _show(folder: Path, number: int, path: Path, footage: Footage, alarm: Raised, reference: Reference) -> _Shown:
    """Cut the clip around an alarm out of its video, into `folder`, with the evidence for it drawn in."""
    begin = max(0.0, alarm.since - BEFORE_S)
    end = min(alarm.ended + AFTER_S, begin + LONGEST_S)
    upto = takewhile(lambda frame: frame.seconds <= end, video.timed(path, RATE))
    evidence = _evidence(reference, path, begin, end)
    strongest = max((float(seen.map.max()) for seen in evidence), default=0.0)
    images = [
        _explained(_small(frame.pixels), frame.seconds, evidence, strongest) for frame in upto if frame.seconds >= begin
    ]
    name = f"{number:02}.mp4"
    video.write(folder / name, images, max(1, min(RATE, round(video.rate(path)))), crf=23)
    chosen = np.linspace(0, len(images) - 1, min(THUMBNAILS, len(images))).round().astype(int)
    title = f"{footage.origin}, {footage.clip}: raised at {alarm.raised:.1f} s, score up to {alarm.score:.3f}"
    return _Shown(title, footage.camera, name, [thumbnail(images[index]) for index in chosen])


def _evidence(reference: Reference, path: Path, begin: float, end: float) -> list[Evidence]:
    """What was seen from `begin` to `end`; nothing of a model that says nothing of places."""
    try:
        return [seen for seen in gather(reference, path, end) if seen.seconds >= begin]
    except UserError:
        return []


def _explained(picture: np.ndarray, seconds: float, evidence: Sequence[Evidence], strongest: float) -> np.ndarray:
    """`picture` with the newest evidence of that moment; as it is where there is none, or it speaks for nothing."""
    so_far = [seen for seen in evidence if seen.seconds <= seconds]
    return so_far[-1].drawn(picture, strongest) if so_far and strongest > 0 else picture


def _small(pixels: np.ndarray) -> np.ndarray:
    """A frame as it is shown, its longer side `LONGER_PX` at most, both even as H.264 wants them."""
    height, width = pixels.shape[0], pixels.shape[1] * float(pixel_aspect(pixels))
    factor = min(1.0, LONGER_PX / max(height, width))
    size = [max(2, round(side * factor) // 2 * 2) for side in (width, height)]
    return np.asarray(Image.fromarray(np.asarray(pixels)).resize((size[0], size[1])))
