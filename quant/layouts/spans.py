# SPDX-License-Identifier: BSD-3-Clause
"""What an index.csv says of its clips beside their labels: when events begin and end, and what kind of scene it is."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from shiftcore.errors import UserError
from shiftcore.model.video_files import same_name
from shiftcore.quant.layouts import tables
from shiftcore.quant.layouts.listing import Listing

TECHNICAL = {"clip", "label", "source", "fold", "seconds", "width", "height", "fps", "begin", "end"}


@dataclass(frozen=True)
class Span:
    """An event of class `label`, from `begin` to `end`, in seconds of its clip."""

    label: str
    begin: float
    end: float


@dataclass
class Notes:
    """What is noted of a clip: its `spans`, none where the label is the whole clip's; and the text in each column that
    is not this project's own (`scene`, `light`, `about`: any)."""

    spans: list[Span] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)


def notes(folder: Path) -> dict[Path, Notes]:
    """The notes of all clips of the data set in `folder`, by their paths; none where it has no index.csv. A clip may
    have several rows, one an event.

    Raises UserError, naming the line, where `begin` and `end` are no two times in order, or one row of a clip has them
    and another has not.
    """
    path, found = folder / "index.csv", dict[Path, Notes]()
    if not path.is_file():
        return found
    listing, whole = Listing(folder), dict[Path, bool]()
    for line, row in tables.rows(path, ("clip", "label")):
        clip = listing.at(row["clip"])
        noted = found.setdefault(clip, Notes(columns={k: v for k, v in row.items() if k not in TECHNICAL and v}))
        span = _span(row, f"{path}, line {line}")
        if whole.setdefault(clip, span is None) != (span is None):
            raise UserError(f"{path}, line {line}: {row['clip']} has a row with begin and end, and one without")
        noted.spans += [span] if span else []
    return found


def _span(row: dict[str, str], place: str) -> Span | None:
    begin, end = (row.get(name, "") for name in ("begin", "end"))
    if not begin and not end:
        return None
    try:
        span = Span(same_name(row["label"]), float(begin), float(end))
    except ValueError:
        raise UserError(f"{place}: begin {begin!r} and end {end!r} are no two numbers of seconds") from None
    if not 0 <= span.begin < span.end < math.inf:
        raise UserError(f"{place}: an event from {begin} to {end} s; it must begin at 0 or later, and before it ends")
    return span
