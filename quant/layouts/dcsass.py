# SPDX-License-Identifier: BSD-3-Clause
"""DCSASS: shop and street crimes, cut into short clips."""

from collections.abc import Iterator

from shiftcore.errors import UserError
from shiftcore.quant.layouts import tables
from shiftcore.quant.layouts.listing import Listing
from shiftcore.quant.layouts.sample import Layout, Sample


class Dcsass(Layout):
    """DCSASS: `<Crime>/<recording>.mp4/<recording>_<n>.mp4` and `Labels/<Crime>.csv` with rows `clip,Crime,0|1`. Where
    the last column is 0 nothing happens: `normal`."""

    name = "DCSASS"
    sources_known = True

    def claims(self, listing: Listing) -> bool:
        return any(listing.folder.glob("Labels/*.csv"))

    def samples(self, listing: Listing) -> Iterator[Sample]:
        for table in sorted(listing.folder.glob("Labels/*.csv")):
            for number, line in tables.lines(table):
                clip, crime, flag, *_ = [*(cell.strip() for cell in line.split(",")), "", ""]
                if flag not in ("0", "1"):
                    raise UserError(f"{table}, line {number}: {line!r} is not clip,crime,0 or 1")
                recording = clip.rsplit("_", 1)[0]
                path = listing.called(clip, (crime,), f"{crime}/{recording}.mp4/{clip}.mp4")
                yield Sample(path, crime if flag == "1" else "normal", recording)
