# SPDX-License-Identifier: BSD-3-Clause
"""Reviewed clips as a data set: a folder with an `index.csv` (docs/data.md), as `shiftcore adapt` reads it."""

import csv
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from shiftcore.artifacts import atomic_folder
from shiftcore.errors import UserError
from shiftcore.station.files import Store, WrongFileError
from shiftcore.station.intake import course_of
from shiftcore.station.tables import TEACH, Camera, Event
from shiftcore.station.task import Task

COLUMNS = "clip", "label", "source", "about"
INDEX, CLIPS = "index.csv", "clips"
LEAST_S = 3.0  # of a clip that is cut: an alarm may be over sooner than a network has seen enough


@dataclass(frozen=True)
class Reviewed:
    """An alarm that teaches: its event, with a video; its class; and what its clips share: the camera and the day."""

    event: Event
    label: str
    source: str


@dataclass(frozen=True)
class Share:
    """How many clips of a class there are, and of how many sources."""

    label: str
    clips: int
    sources: int


def reviewed(session: Session, task: Task) -> Iterator[Reviewed]:
    """All of them that have a video, in the order in which they came."""
    chosen = select(Event).where(Event.kind == "alarm", Event.verdict.in_(TEACH)).order_by(Event.id)
    options = joinedload(Event.camera).joinedload(Camera.board), selectinload(Event.files)
    for event in session.scalars(chosen.options(*options)):
        label = task.label(event.label, event.verdict, event.action)
        if label and any(file.part == "mp4" for file in event.files):
            camera = event.camera
            yield Reviewed(event, label, f"{camera.board.name} {camera.name} {event.began:%Y-%m-%d}")


def shares(found: Sequence[Reviewed]) -> list[Share]:
    """What there is of each class."""
    labels = sorted({one.label for one in found})
    mine = {label: [one.source for one in found if one.label == label] for label in labels}
    return [Share(label, len(sources), len(set(sources))) for label, sources in mine.items()]


def write(session: Session, store: Store, task: Task, folder: Path) -> list[Share]:
    """Write the data set `folder`, whole or not at all, in place of one that was there; what there is of each class.

    A calm clip is copied; any other is cut, without decoding it, from the last key frame before its alarm to the
    alarm's end, since what lies around it is mostly calm. Clips that cannot be read are left out. Raises UserError
    where something else is in that place, or nothing is there to be written.
    """
    if folder.exists() and not _is_ours(folder):
        raise UserError(f"{folder}: is there already, and is no data set of a station; name another folder")
    kept = []
    with atomic_folder(folder) as temporary:
        (temporary / CLIPS).mkdir()
        for one in reviewed(session, task):
            name = f"{CLIPS}/{one.event.id:08}.mp4"
            if _film(one, store, temporary / name, whole=one.label == task.calm):
                kept.append((name, one))
        if not kept:
            raise UserError("no clip is reviewed as right or wrong yet: nothing to learn from")
        with open(temporary / INDEX, "w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            table.writerows([name, one.label, one.source, one.event.action] for name, one in kept)
    return shares([one for _, one in kept])


def _is_ours(folder: Path) -> bool:
    index = folder / INDEX
    if not index.is_file() or {path.name for path in folder.iterdir()} != {INDEX, CLIPS}:
        return False
    with open(index, encoding="utf-8", errors="replace") as file:
        return file.readline().strip() == ",".join(COLUMNS)


def _film(one: Reviewed, store: Store, target: Path, whole: bool) -> bool:
    """Write a clip's video; whether that could be read."""
    files = {file.part: store.path(file.digest) for file in one.event.files}
    try:
        begins = 0.0 if whole else course_of(files["json"].read_bytes())[0]
        ended = one.event.ended or one.event.began
        length = max((ended - one.event.began).total_seconds(), LEAST_S)
        shutil.copyfile(files["mp4"], target) if whole else _cut(files["mp4"], target, begins, begins + length)
    except (KeyError, FileNotFoundError, WrongFileError):
        target.unlink(missing_ok=True)
        return False
    return True


def _cut(video: Path, target: Path, begin: float, end: float) -> None:
    """Copy what is seen of `video` from `begin` to `end`, in seconds, as it is. Raises WrongFileError where it cannot
    be read."""
    import av

    try:
        with av.open(str(video)) as source, av.open(str(target), "w", format="mp4") as container:
            base = source.streams.video[0]
            stream, unit = container.add_stream_from_template(base), float(base.time_base or 1)
            start = base.start_time or 0
            source.seek(start + round(begin / unit), stream=base)  # to the key frame before it
            first = None
            for packet in source.demux(base):
                if packet.dts is None or packet.pts is None:
                    continue
                if (packet.pts - start) * unit > end:
                    break
                first = packet.dts if first is None else first
                packet.pts, packet.dts, packet.stream = packet.pts - first, packet.dts - first, stream
                container.mux(packet)
            if first is None:
                raise WrongFileError("no picture there")
    except (av.FFmpegError, IndexError) as error:
        raise WrongFileError(str(error)) from None
