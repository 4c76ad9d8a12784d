# SPDX-License-Identifier: BSD-3-Clause
"""The data sets of TwentyBN: gestures, and things done with things."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from shiftcore.errors import UserError
from shiftcore.quant.layouts import tables
from shiftcore.quant.layouts.listing import Listing
from shiftcore.quant.layouts.sample import Layout, Sample


class Jester(Layout):
    """Jester (and Something-Something version 1): `*-train.csv`, `*-validation.csv`, `*-test.csv` with rows `id;label`,
    and a folder of numbered pictures for each id."""

    name = "Jester"
    _part = re.compile(r".*-(train|validation|test)\.csv")

    def _tables(self, listing: Listing) -> list[tuple[Path, str]]:
        found = [(path, self._part.fullmatch(path.name)) for path in listing.tables(".csv")]
        return [(path, part[1]) for path, part in found if part and re.match(r"[^,]+(;|$)", tables.first_line(path))]

    def claims(self, listing: Listing) -> bool:
        return bool(self._tables(listing))

    def samples(self, listing: Listing) -> Iterator[Sample]:
        for table, split in self._tables(listing):
            for number, line in tables.lines(table):
                name, separator, label = (part.strip() for part in line.partition(";"))
                if separator and not label:
                    raise UserError(f"{table}, line {number}: {line!r} is not id;label")
                yield Sample(listing.directory(name), label or None, name, split=split)


class SomethingSomething(Layout):
    """Something-Something version 2: `*train.json`, `*validation.json`, `*test.json`, lists of `{"id", "template"}`,
    and `<id>.webm`. The label is the template without its brackets."""

    name = "Something-Something"
    _part = re.compile(r"(?:.*[-_. ])?(train|validation|test)\.json")

    def _tables(self, listing: Listing) -> list[tuple[Path, str]]:
        found = [(path, self._part.fullmatch(path.name)) for path in listing.tables(".json")]
        return [(path, part[1]) for path, part in found if part]

    def claims(self, listing: Listing) -> bool:
        return bool(self._tables(listing))

    def samples(self, listing: Listing) -> Iterator[Sample]:
        for table, split in self._tables(listing):
            try:
                entries = [(str(e["id"]), str(e.get("template", ""))) for e in json.loads(tables.text(table))]
            except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
                raise UserError(f"{table}: not a list of objects with id and template") from None
            for name, template in entries:
                label = template.replace("[", "").replace("]", "").strip() or None
                yield Sample(listing.called(name, (), f"{name}.webm"), label, name, split=split)
