# SPDX-License-Identifier: BSD-3-Clause
"""Lists of clips, a line each: UCF101, HMDB51, and what mmaction2 makes of any data set."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from shiftcore.errors import UserError
from shiftcore.model.video_files import VIDEOS, same_name
from shiftcore.quant.layouts import tables
from shiftcore.quant.layouts.listing import Listing
from shiftcore.quant.layouts.sample import Layout, Sample

_NUMBER_FIRST = re.compile(r"(?P<number>\d+)[\s,;:]+(?P<name>.+)")
_NUMBER_LAST = re.compile(r"(?P<name>.+?)[\s,;:]+(?P<number>\d+)")


class Ucf101(Layout):
    """UCF101: `<Class>/v_<Class>_g01_c01.avi` and the official `trainlist0N.txt`, `testlist0N.txt`. Split 1 is taken;
    the group g.. is the source. Where `classInd.txt` is there, the numbers in the lists are checked against it."""

    name = "UCF101"
    sources_known = True
    folders_are_labels = True
    _line = re.compile(r"(?P<path>.+?\.\w+)(?:\s+(?P<number>\d+))?")

    def _list(self, listing: Listing, part: str) -> Path | None:
        return next((path for path in listing.tables(".txt") if path.name == f"{part}list01.txt"), None)

    def claims(self, listing: Listing) -> bool:
        return any(self._list(listing, part) for part in ("train", "test"))

    def samples(self, listing: Listing) -> Iterator[Sample]:
        numbered = next((class_names(path) for path in listing.tables(".txt") if path.name == "classInd.txt"), {})
        for part in ("train", "test"):
            table = self._list(listing, part)
            for number, line in tables.lines(table) if table else []:
                listed = self._line.fullmatch(line)
                name = Path(listed["path"] if listed else line)
                group = re.fullmatch(r"v_(.+)_g(\d+)_c\d+", name.stem)
                if not listed or not group:
                    raise UserError(f"{table}, line {number}: {line!r} is not <Class>/v_<Class>_g<group>_c<clip>.avi")
                label = name.parent.name or group[1]
                if listed["number"] and numbered.get(int(listed["number"]), label).casefold() != label.casefold():
                    raise UserError(f"{table}, line {number}: {line!r} contradicts classInd.txt")
                path = listing.called(name.stem, (label,), str(name))
                yield Sample(path, label, f"{group[1]}_g{group[2]}", split=part)


class Hmdb51(Layout):
    """HMDB51: `<class>/<clip>.avi` and the official `<class>_test_split1.txt` with lines `<clip>.avi 0|1|2`: left out,
    train, test. Split 1 is taken."""

    name = "HMDB51"
    folders_are_labels = True
    _table = re.compile(r"(.+)_test_split1\.txt")
    _splits = {"1": "train", "2": "test"}  # noqa: RUF012

    def claims(self, listing: Listing) -> bool:
        return any(self._table.fullmatch(path.name) for path in listing.tables(".txt"))

    def samples(self, listing: Listing) -> Iterator[Sample]:
        for table in listing.tables(".txt"):
            label = self._table.fullmatch(table.name)
            for number, line in tables.lines(table) if label else []:
                clip, _, part = line.rpartition(" ")
                if part not in ("0", "1", "2") or not clip:
                    raise UserError(f"{table}, line {number}: {line!r} is not <clip>.avi 0, 1 or 2")
                if label and part != "0":
                    stem = clip.strip().removesuffix(".avi")
                    path = listing.called(stem, (label[1],), f"{label[1]}/{clip.strip()}")
                    yield Sample(path, label[1], stem, split=self._splits[part])


@dataclass(frozen=True)
class Entry:
    """A line of a list: where it stands, and what it says."""

    place: str
    path: Path
    listed: str
    label: str
    split: str | None


class PathLabelList(Layout):
    """List files of lines `path label` (or, for pictures, `folder frames label`), as mmaction2 has them; a file whose
    name says train, val or test is that split. `classes.txt`, `classInd.txt` or `label_map*.txt` names the classes of
    numbers. Of several splits (`split_1`, `split_2`) the first is taken."""

    name = "path label list"
    folders_are_labels = True
    _names = re.compile(r"(classes|classInd|labels|label_?map.*)\.txt", re.IGNORECASE)
    _clip = re.compile(rf"\"?(?P<path>.+?({'|'.join(map(re.escape, VIDEOS))}))\"?[\s,;]+(?P<label>.+)", re.IGNORECASE)
    _pictures = re.compile(r"(?P<path>.+?)[\s,;]+\d+[\s,;]+(?P<label>\S+)")

    def _tables(self, listing: Listing) -> list[Path]:
        found = [path for path in listing.tables(".txt") if path.parent == listing.folder or self._lists(listing, path)]
        found = [path for path in found if not self._names.fullmatch(path.name) and self._parse(listing, path)]
        first = min((number for path in found if (number := _split_number(path))), default="")
        return [path for path in found if _split_number(path) in ("", first)]

    def _lists(self, listing: Listing, path: Path) -> bool:
        """Whether a text file in a folder below lists a clip that is there."""
        parsed = self._parse(listing, path)
        return parsed is not None and os.path.exists(listing.at(parsed[0]))

    def _parse(self, listing: Listing, table: Path, line: str | None = None) -> tuple[str, str] | None:
        """Path and label of a line of `table`, by default of its first; None where it has no two such parts."""
        line = tables.first_line(table) if line is None else line
        found = self._clip.fullmatch(line) or self._pictures.fullmatch(line)
        if found and (found.re is self._clip or (listing.folder / found["path"]).is_dir()):
            return found["path"], found["label"].strip().strip('"')
        path, _, label = line.rpartition(" ")
        return (path.strip(), label) if path and (listing.folder / path.strip()).exists() else None

    def claims(self, listing: Listing) -> bool:
        return bool(self._tables(listing))

    def _entries(self, listing: Listing) -> Iterator[Entry]:
        for table in self._tables(listing):
            for number, line in tables.lines(table):
                parsed, place = self._parse(listing, table, line), f"{table}, line {number}"
                if parsed is None:
                    raise UserError(f"{place}: {line!r} is not `path label`")
                if re.fullmatch(r"\d+(\s+\d+)+", parsed[1]):
                    raise UserError(f"{place}: {line!r} gives several labels; a clip has one here")
                yield Entry(place, listing.at(parsed[0]), *parsed, tables.split_of(table.stem))

    def samples(self, listing: Listing) -> Iterator[Sample]:
        entries = list(self._entries(listing))
        named = [class_names(path) for path in listing.tables(".txt") if self._names.fullmatch(path.name)]
        if any(set(names.values()) != set(named[0].values()) for names in named):
            raise UserError(f"{listing.folder}: several files name the classes, and not the same ones; leave one")
        names = _as_counted(named[0], entries) if named else {}
        for entry in entries:
            label = entry.label
            if names and label.isdecimal():
                if int(label) not in names:
                    raise UserError(f"{entry.place}: label {label}, but only {len(names)} classes are named")
                label = names[int(label)]
            elif names and same_name(label) not in names.values():
                raise UserError(f"{entry.place}: {label!r} is none of the {len(names)} classes that are named")
            yield Sample(entry.path, label, entry.listed, split=entry.split)


def class_names(path: Path) -> dict[int, str]:
    """The classes that a file names, by their numbers: as they stand in front of the names or behind them (`1 Archery`,
    `Archery,0`), where every line has one and they count on; else a whole line is a name, the first is 0.

    Raises UserError where two classes have one name, or a line between them is empty.
    """
    lines = tables.lines(path)
    for (before, _), (after, _) in pairwise(lines):
        if after != before + 1:
            raise UserError(f"{path}, line {before + 1}: holds no class, and the classes are counted by their lines")
    lone = [same_name(line) for _, line in lines]
    names = _numbered(lone, _NUMBER_FIRST) or _numbered(lone, _NUMBER_LAST) or dict(enumerate(lone))
    name, count = max(Counter(names.values()).items(), key=lambda item: item[1], default=("", 0))
    if count > 1:
        raise UserError(f"{path}: {count} classes are called {name!r}")
    return names


def _numbered(lines: Sequence[str], pattern: re.Pattern[str]) -> dict[int, str]:
    """Names by the numbers beside them; none unless each has one, and these count on from 0 or 1."""
    found = [match for line in lines if (match := pattern.fullmatch(line))]
    names = {int(match["number"]): match["name"].strip() for match in found}
    first = min(names, default=2)
    counted = len(found) == len(lines) and first < 2 and list(names) == list(range(first, first + len(lines)))
    return names if counted else {}


def _as_counted(names: dict[int, str], entries: list[Entry]) -> dict[int, str]:
    """`names` by the numbers that lists use: mmaction2's count from 0 even where the file of names counts from 1."""
    used = {int(entry.label) for entry in entries if entry.label.isdecimal()}
    if 0 in used and 0 not in names:
        return {number - 1: name for number, name in names.items()}
    return names


def _split_number(path: Path) -> str:
    found = re.search(r"split_?(\d+)", path.stem)
    return found[1] if found else ""
