"""How labelled videos lie on disk: one small class for each layout that people have. docs/data.md shows the trees.

A class says whether a folder is of its layout (`claims`) and lists what is in it (`samples`). `read` finds the class.
"""

import csv
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, TypeVar

from rich.progress import track

from common.artifacts import digest
from common.errors import UserError

VIDEOS = {".mp4", ".avi", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".m4v", ".ts", ".flv", ".wmv"}


T = TypeVar("T")


@dataclass(frozen=True)
class Sample:
    """One clip. `path`: a video file, or a folder of numbered pictures; `label`: its class, None where unknown;
    `source`: the recording it was cut from (clips of one source share a scene, so they stay on one side of any split);
    `fold`: 0, 1, ... where the data set gives one; `split`: "train", "validation" or "test" where it gives one."""

    path: Path
    label: str | None
    source: str
    fold: int | None = None
    split: str | None = None


@dataclass
class Dataset:
    """The samples of a folder, in a fixed order. `sources_known`: the layout says which clips share a scene; where it
    does not, each clip counts as a source of its own. `missing`: listed, and not there."""

    layout: str
    samples: list[Sample]
    sources_known: bool
    missing: list[str] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        """The labels, sorted by name."""
        return sorted({sample.label for sample in self.samples if sample.label is not None})


def fingerprint(folder: Path, samples: Iterable[Sample]) -> str:
    """The digest of all that a network can learn from `samples` in `folder`: their names, labels, sources, splits, and
    every byte of their files."""
    facts = ((str(s.path.relative_to(folder)), s.label, s.source, s.fold, s.split, digest(s.path)) for s in samples)
    return digest(json.dumps(list(facts)))


class Layout:
    """A way to lay out labelled videos. `name` is what people call it; `sources_known` as in `Dataset`."""

    name: ClassVar[str]
    sources_known: ClassVar[bool] = False

    def claims(self, folder: Path) -> bool:
        """Whether `folder` is laid out this way."""
        raise NotImplementedError

    def samples(self, folder: Path) -> Iterator[Sample]:
        """What `folder` holds, whether or not the files are there. Raises UserError for a list that cannot be read."""
        raise NotImplementedError


class IndexCsv(Layout):
    """`index.csv` with the columns clip, label, source, fold: paths relative to it; source and fold may be left out."""

    name = "index.csv"

    def claims(self, folder: Path) -> bool:
        return (folder / "index.csv").is_file()

    def samples(self, folder: Path) -> Iterator[Sample]:
        path = folder / "index.csv"
        for line, row in enumerate(_rows(path, ("clip", "label")), 2):
            clip, label = row["clip"], row["label"]
            parent = Path(clip).parent.name
            labels = {directory.name for directory in folder.iterdir() if directory.is_dir()}
            if label in labels and parent in labels and parent != label:
                raise UserError(f"{path}, line {line}: {clip} is labelled {label!r} and lies in folder {parent!r}")
            fold = row.get("fold")
            if fold and not fold.isdecimal():
                raise UserError(f"{path}, line {line}: fold {fold!r} is no number from 0 on")
            yield Sample(folder / clip, label or None, row.get("source") or clip, int(fold) if fold else None)


class Ucf101(Layout):
    """UCF101: `<Class>/v_<Class>_g01_c01.avi` and the official `trainlist0N.txt`, `testlist0N.txt`. Split 1 is taken;
    the group g.. is the source."""

    name = "UCF101"
    sources_known = True

    def _list(self, folder: Path, part: str) -> Path | None:
        return next(iter(sorted(folder.rglob(f"{part}list01.txt"))), None)

    def claims(self, folder: Path) -> bool:
        return self._list(folder, "train") is not None and self._list(folder, "test") is not None

    def samples(self, folder: Path) -> Iterator[Sample]:
        present = _files(folder)
        for part in ("train", "test"):
            listed = self._list(folder, part)
            assert listed
            for number, line in enumerate(_lines(listed), 1):
                name = Path(line.split()[0])
                group = re.fullmatch(r"v_(.+)_g(\d+)_c\d+", name.stem)
                if not group:
                    raise UserError(f"{listed}, line {number}: {line!r} is not <Class>/v_<Class>_g<group>_c<clip>.avi")
                path = present.get(name.stem, folder / name)
                yield Sample(path, name.parent.name, f"{group[1]}_g{group[2]}", split=part)


class Dcsass(Layout):
    """DCSASS: `<Crime>/<recording>.mp4/<recording>_<n>.mp4` and `Labels/<Crime>.csv` with rows `clip,Crime,0|1`. Where
    the last column is 0 nothing happens: `normal`."""

    name = "DCSASS"
    sources_known = True

    def claims(self, folder: Path) -> bool:
        return any(folder.glob("Labels/*.csv"))

    def samples(self, folder: Path) -> Iterator[Sample]:
        present = _files(folder)
        for table in sorted(folder.glob("Labels/*.csv")):
            for number, line in enumerate(_lines(table), 1):
                clip, crime, flag, *_ = [*(cell.strip() for cell in line.split(",")), "", ""]
                if flag not in ("0", "1"):
                    raise UserError(f"{table}, line {number}: {line!r} is not clip,crime,0 or 1")
                recording = clip.rsplit("_", 1)[0]
                path = present.get(clip, folder / crime / f"{recording}.mp4" / f"{clip}.mp4")
                yield Sample(path, crime if flag == "1" else "normal", recording)


class Kinetics(Layout):
    """Kinetics: annotation files with the columns label, youtube_id, time_start, time_end, split, and clips called
    `<youtube_id>_<start>_<end>.mp4` (six digits each) or `<youtube_id>.mp4`, in any folders."""

    name = "Kinetics"
    sources_known = True
    _columns = ("label", "youtube_id", "time_start", "time_end")
    _splits: ClassVar = {"train": "train", "val": "validation", "validate": "validation", "test": "test"}

    def _tables(self, folder: Path) -> list[Path]:
        return [path for path in sorted(folder.rglob("*.csv")) if set(self._columns) <= set(_header(path))]

    def claims(self, folder: Path) -> bool:
        return bool(self._tables(folder))

    def samples(self, folder: Path) -> Iterator[Sample]:
        present = _files(folder)
        for table in self._tables(folder):
            for row in _rows(table, self._columns):
                clip = f"{row['youtube_id']}_{int(float(row['time_start'])):06}_{int(float(row['time_end'])):06}"
                path = present.get(clip) or present.get(row["youtube_id"], folder / f"{clip}.mp4")
                split = self._splits.get(row.get("split") or table.stem)
                yield Sample(path, row["label"] or None, row["youtube_id"], split=split)


class Jester(Layout):
    """Jester (and Something-Something version 1): `*-train.csv`, `*-validation.csv`, `*-test.csv` with rows `id;label`,
    and a folder of numbered pictures for each id."""

    name = "Jester"
    _part = re.compile(r".*-(train|validation|test)\.csv")

    def _tables(self, folder: Path) -> list[tuple[Path, str]]:
        found = [(path, self._part.fullmatch(path.name)) for path in sorted(folder.rglob("*.csv"))]
        return [(path, part[1]) for path, part in found if part and "," not in next(_lines(path), ",")]

    def claims(self, folder: Path) -> bool:
        return bool(self._tables(folder))

    def samples(self, folder: Path) -> Iterator[Sample]:
        present = {path.name: path for path in folder.rglob("*") if path.is_dir()}
        for table, split in self._tables(folder):
            for line in _lines(table):
                name, _, label = line.partition(";")
                yield Sample(present.get(name, folder / name), label or None, name, split=split)


class SomethingSomething(Layout):
    """Something-Something version 2: `*train.json`, `*validation.json`, `*test.json`, lists of `{"id", "template"}`,
    and `<id>.webm`. The label is the template without its brackets."""

    name = "Something-Something"
    _part = re.compile(r".*(train|validation|test)\.json")

    def _tables(self, folder: Path) -> list[tuple[Path, str]]:
        found = [(path, self._part.fullmatch(path.name)) for path in sorted(folder.rglob("*.json"))]
        return [(path, part[1]) for path, part in found if part]

    def claims(self, folder: Path) -> bool:
        return bool(self._tables(folder))

    def samples(self, folder: Path) -> Iterator[Sample]:
        present = _files(folder)
        for table, split in self._tables(folder):
            try:
                entries = [(str(e["id"]), str(e.get("template", ""))) for e in json.loads(table.read_text())]
            except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
                raise UserError(f"{table}: not a list of objects with id and template") from None
            for name, template in entries:
                label = template.replace("[", "").replace("]", "") or None
                yield Sample(present.get(name, folder / f"{name}.webm"), label, name, split=split)


class PathLabelList(Layout):
    """List files of lines `path label` (or, for pictures, `folder frames label`), as mmaction2 has them; a file whose
    name holds train, val or test is that split. `classes.txt` or `classInd.txt` names the classes of numbers."""

    name = "path label list"
    _names = ("classes.txt", "classInd.txt", "label_map.txt")

    def _tables(self, folder: Path) -> list[Path]:
        return [path for path in sorted(folder.glob("*.txt")) if path.name not in self._names and self._is_list(path)]

    @staticmethod
    def _is_list(path: Path) -> bool:
        first, *rest = [*next(_lines(path), "").split(), ""]
        return bool(rest[:-1]) and (Path(first).suffix.lower() in VIDEOS or (path.parent / first).is_dir())

    def claims(self, folder: Path) -> bool:
        return bool(self._tables(folder))

    def _classes(self, folder: Path) -> list[str]:
        table = next((folder / name for name in self._names if (folder / name).is_file()), None)
        return [line.split(maxsplit=1)[-1] for line in _lines(table)] if table else []

    def samples(self, folder: Path) -> Iterator[Sample]:
        names = self._classes(folder)
        for table in self._tables(folder):
            split = next((full for key, full in Kinetics._splits.items() if key in table.stem), None)
            for number, line in enumerate(_lines(table), 1):
                words = line.split()
                if len(words) < 2:
                    raise UserError(f"{table}, line {number}: {line!r} is not `path label`")
                path, label = words[0], words[-1]
                if names and label.isdecimal():
                    if int(label) >= len(names):
                        raise UserError(
                            f"{table}, line {number}: label {label}, but only {len(names)} classes are named"
                        )
                    label = names[int(label)]
                yield Sample(folder / path, label, path, split=split)


class ClassFolders(Layout):
    """A folder a class, videos anywhere below it; or videos without any folder: unlabelled."""

    name = "a folder a class"

    def claims(self, folder: Path) -> bool:
        return True

    def samples(self, folder: Path) -> Iterator[Sample]:
        for child in sorted(folder.iterdir()):
            if child.is_dir() and not any(path.is_file() for path in child.rglob("*")):
                raise UserError(f"{child}: class {child.name!r} has 0 usable videos; put some there, or remove it")
        for path in sorted(folder.rglob("*")):
            parts = path.relative_to(folder).parts
            if path.is_file() and not any(part.startswith(".") for part in parts):
                yield Sample(path, parts[0] if len(parts) > 1 else None, "/".join(parts))


LAYOUTS: tuple[Layout, ...] = (
    IndexCsv(),
    Ucf101(),
    Dcsass(),
    SomethingSomething(),
    Kinetics(),
    Jester(),
    PathLabelList(),
    ClassFolders(),
)


def read(folder: Path) -> Dataset:
    """What lies in `folder`, in whichever layout. Raises UserError when there is no such folder, a list in it cannot be
    read, or nothing that it lists is there."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give one with videos, laid out as docs/data.md shows")
    layout = next(layout for layout in LAYOUTS if layout.claims(folder))
    listed = list(layout.samples(folder))
    there = [sample for sample in listed if sample.path.exists()]
    missing = [str(sample.path.relative_to(folder)) for sample in listed if not sample.path.exists()]
    if not there:
        what = f"none of its {len(listed)} listed videos is there, the first is {missing[0]}" if listed else "no videos"
        raise UserError(f"{folder}: {what} (read as {layout.name}; docs/data.md shows all layouts)")
    known = layout.sources_known or len({sample.source for sample in there}) < len(there)
    return Dataset(layout.name, there, known, missing)


def read_each(
    samples: Sequence[Sample], read: Callable[[Sample], T], what: str, missing: Sequence[str] = ()
) -> tuple[list[tuple[Sample, T]], list[str]]:
    """What `read` makes of each sample, and why it refused the others (its UserErrors). Those, and what is `missing`,
    are named on stderr; `what` stands beside the progress bar."""
    results, refused = [], []
    for sample in track(samples, what, transient=True):
        try:
            results.append((sample, read(sample)))
        except UserError as error:
            refused.append(str(error))
    for reason in (*(f"{name}: listed, and not there" for name in missing), *refused):
        print(f"skipped: {reason}", file=sys.stderr)
    return results, refused


def _files(folder: Path) -> dict[str, Path]:
    """Every video below `folder` by its name without the ending."""
    return {path.stem: path for path in sorted(folder.rglob("*")) if path.suffix.lower() in VIDEOS and path.is_file()}


def _lines(path: Path) -> Iterator[str]:
    """The lines that hold anything. Raises UserError when the file is no text."""
    try:
        yield from filter(None, (line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()))
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file in UTF-8") from None


def _header(path: Path) -> list[str]:
    return next(iter(csv.reader(_lines(path))), [])


def _rows(path: Path, columns: Iterable[str]) -> Iterator[dict[str, str]]:
    """The rows of a CSV file by column name. Raises UserError when one of `columns` is not there."""
    reader = csv.DictReader(_lines(path))
    for column in columns:
        if column not in (reader.fieldnames or ()):
            raise UserError(f"{path}: has no column {column!r}")
    for row in reader:
        yield {key: value or "" for key, value in row.items() if key is not None}
