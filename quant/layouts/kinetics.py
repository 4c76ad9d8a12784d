# SPDX-License-Identifier: BSD-3-Clause
"""Kinetics, 400 to 700: clips of YouTube videos."""

import os
from collections.abc import Iterator
from pathlib import Path

from shiftcore.errors import UserError
from shiftcore.quant.layouts import tables
from shiftcore.quant.layouts.listing import Listing
from shiftcore.quant.layouts.sample import Layout, Sample


class Kinetics(Layout):
    """Kinetics: annotation files with the columns label, youtube_id, time_start, time_end, split, and clips called
    `<youtube_id>_<start>_<end>.mp4` (six digits each) or `<youtube_id>.mp4`, in any folders."""

    name = "Kinetics"
    sources_known = True
    folders_are_labels = True
    _columns = ("label", "youtube_id", "time_start", "time_end")

    def _tables(self, listing: Listing) -> list[Path]:
        return [path for path in listing.tables(".csv") if set(self._columns) <= set(tables.header(path))]

    def claims(self, listing: Listing) -> bool:
        return bool(self._tables(listing))

    def samples(self, listing: Listing) -> Iterator[Sample]:
        for table in self._tables(listing):
            for line, row in tables.rows(table, self._columns):
                try:
                    start, end = (int(float(row[column])) for column in ("time_start", "time_end"))
                except (ValueError, OverflowError):
                    raise UserError(f"{table}, line {line}: time_start and time_end are not both seconds") from None
                split = tables.split_of(row.get("split") or "") or tables.split_of(table.stem)
                identity, hints = row["youtube_id"], (row["label"], split, row.get("split"))
                clip = f"{identity}_{start:06}_{end:06}"
                path = listing.called(clip, hints, f"{clip}.mp4")
                if not os.path.exists(path):
                    path = listing.called(identity, hints, f"{clip}.mp4")
                yield Sample(path, row["label"] or None, identity, split=split)
