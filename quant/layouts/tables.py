# SPDX-License-Identifier: BSD-3-Clause
"""Annotation files as people save them: any line ends, a byte order mark, UTF-16, blank lines, comments."""

import codecs
import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path

from shiftcore.errors import UserError

_MARKS = (
    *((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32")),
    *((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")),
)
_COMMENT = re.compile(r"#(\s|$)")  # `#20_Rhythm_clap.avi` of HMDB51 is a clip
_SPLIT = re.compile(r"(?:^|[^a-z])(train|val|test)(?:ing|idate|idation|id|list|set|videos?)?(?:[^a-z]|$)")
_SPLITS = {"train": "train", "val": "validation", "test": "test"}


def text(path: Path) -> str:
    """What a text file holds. Raises UserError when it is none."""
    content = path.read_bytes()
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file in UTF-8 or UTF-16; save it as UTF-8") from None


def lines(path: Path) -> list[tuple[int, str]]:
    """The lines that hold anything, with their numbers from 1. Raises UserError for what is no text."""
    numbered = enumerate(re.split(r"\r\n|\r|\n", text(path)), 1)
    stripped = ((number, line.strip().strip("\ufeff")) for number, line in numbered)
    return [(number, line) for number, line in stripped if line and not _COMMENT.match(line)]


def first_line(path: Path) -> str:
    """The first line that holds anything; "" where none does, or the file is no text."""
    try:
        return next((line for _, line in lines(path)), "")
    except UserError:
        return ""


def header(path: Path) -> list[str]:
    """The names of a CSV file's columns; none where it is no text."""
    first = first_line(path)
    return [cell.strip() for cell in next(csv.reader([first], delimiter=_delimiter(first)), [])]


def rows(path: Path, columns: Iterable[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file (`,`, `;` or tabs between its cells) by column name, with their lines' numbers. Raises
    UserError when one of `columns` is not there, or a row has more cells than there are columns."""
    content, names, found = text(path), header(path), []
    for column in columns:
        if column not in names:
            raise UserError(f"{path}: has no column {column!r}")
    reader = csv.reader(io.StringIO(content), delimiter=_delimiter(first_line(path)))
    begun = False
    for cells in reader:
        if not any(cell.strip() for cell in cells) or _COMMENT.match(cells[0].strip()):
            continue
        if not begun:
            begun = True
            continue
        if any(cell.strip() for cell in cells[len(names) :]):
            raise UserError(
                f"{path}, line {reader.line_num}: {len(cells)} cells, and {len(names)} columns; put quotes around what "
                "holds a comma"
            )
        values = [cell.strip() for cell in cells] + [""] * len(names)
        found.append((reader.line_num, dict(zip(names, values, strict=False))))
    return found


def split_of(name: str) -> str | None:
    """The part of a data set that a file, a folder or a cell calls by its name, as in `kinetics_val_list`."""
    found = _SPLIT.search(name.lower())
    return _SPLITS[found[1]] if found else None


def _delimiter(line: str) -> str:
    return next((mark for mark in (",", ";", "\t") if mark in line), ",")
