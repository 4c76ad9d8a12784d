# SPDX-License-Identifier: BSD-3-Clause
"""The layout for footage of one's own: a table of clips."""

from collections.abc import Iterator

from shiftcore.errors import UserError
from shiftcore.model.video_files import same_name
from shiftcore.quant.layouts import tables
from shiftcore.quant.layouts.listing import Listing
from shiftcore.quant.layouts.sample import Layout, Sample


class IndexCsv(Layout):
    """`index.csv` with the columns clip, label, source, fold: paths relative to it; source and fold may be left out."""

    name = "index.csv"

    def claims(self, listing: Listing) -> bool:
        return (listing.folder / "index.csv").is_file()

    def samples(self, listing: Listing) -> Iterator[Sample]:
        path = listing.folder / "index.csv"
        labels = {same_name(directory.name) for directory in listing.folder.iterdir() if directory.is_dir()}
        for line, row in tables.rows(path, ("clip", "label")):
            clip, label = row["clip"], same_name(row["label"])
            if not clip:
                raise UserError(f"{path}, line {line}: names no clip")
            found = listing.at(clip)
            parent = same_name(found.parent.name)
            if label in labels and parent in labels and parent != label:
                raise UserError(f"{path}, line {line}: {clip} is labelled {label!r} and lies in folder {parent!r}")
            fold = row.get("fold")
            if fold and not fold.isdecimal():
                raise UserError(f"{path}, line {line}: fold {fold!r} is no number from 0 on")
            yield Sample(found, label or None, row.get("source") or clip, int(fold) if fold else None)
