# SPDX-License-Identifier: BSD-3-Clause
"""From a folder to its samples, whichever its layout, with what all layouts have to be checked for."""

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from rich.progress import track

from shiftcore import extensions
from shiftcore.errors import UserError
from shiftcore.model.video_files import printable, same_name, told
from shiftcore.quant.layouts.action_lists import Hmdb51, PathLabelList, Ucf101
from shiftcore.quant.layouts.class_folders import ClassFolders, SplitFolders
from shiftcore.quant.layouts.dcsass import Dcsass
from shiftcore.quant.layouts.index_csv import IndexCsv
from shiftcore.quant.layouts.kinetics import Kinetics
from shiftcore.quant.layouts.listing import Listing
from shiftcore.quant.layouts.sample import Dataset, Layout, Sample
from shiftcore.quant.layouts.twenty_bn import Jester, SomethingSomething

T = TypeVar("T")

# Asked in this order, after those of other packages (docs/extending.md); the last one claims every folder.
LAYOUTS: tuple[Layout, ...] = (
    IndexCsv(),
    Dcsass(),
    SomethingSomething(),
    Kinetics(),
    Jester(),
    Ucf101(),
    Hmdb51(),
    PathLabelList(),
    SplitFolders(),
    ClassFolders(),
)


def read(folder: Path) -> Dataset:
    """What lies in `folder`, in whichever layout. What is no video, where each file counts, is named on stderr.

    Raises UserError when there is no such folder, a list in it cannot be read, contradicts itself or the folders'
    names, or nothing that it lists is there.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give one with videos, laid out as docs/data.md shows")
    listing = Listing(folder)
    others = [kind() for kind in extensions.load_all("layouts").values()]
    layout = next(layout for layout in (*others, *LAYOUTS) if layout.claims(listing))
    listed = _once(listing, layout.samples(listing))
    there = [sample for sample in listed if os.path.exists(sample.path)]
    missing = [listing.relative(sample.path) for sample in listed if not os.path.exists(sample.path)]
    if not there:
        what = f"none of its {len(listed)} listed videos is there, the first is {missing[0]}" if listed else "no videos"
        raise UserError(f"{folder}: {what} (read as {layout.name}; docs/data.md shows all layouts)")
    if layout.folders_are_labels:
        _check_folders(there)
    _warn_of_like_classes(there)
    left_out = listing.others if layout.takes_all else []
    if left_out:
        print(f"skipped: {told(left_out, folder)}", file=sys.stderr)
    known = layout.sources_known or len({sample.source for sample in there}) < len(there)
    return Dataset(layout.name, there, known, missing, len(left_out))


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
        print(f"skipped: {printable(reason)}", file=sys.stderr)
    return results, refused


def _once(listing: Listing, listed: Iterable[Sample]) -> list[Sample]:
    """Each sample once, its label spelt in one way. Raises UserError for a clip with two labels."""
    samples: dict[tuple[str, str | None], Sample] = {}
    labels: dict[str, str | None] = {}
    for sample in listed:
        label = same_name(sample.label.strip()) if sample.label else None
        first = labels.setdefault(str(sample.path), label)
        if first != label:
            raise UserError(f"{listing.folder}: {listing.relative(sample.path)} is labelled {first!r} and {label!r}")
        samples.setdefault((str(sample.path), sample.split), replace(sample, label=label))
    return list(samples.values())


def _check_folders(samples: Sequence[Sample]) -> None:
    """Raise UserError for a clip that lies in a folder called as another class than its own."""
    labels = {sample.label for sample in samples}
    for sample in samples:
        parent = same_name(sample.path.parent.name)
        if sample.label is not None and parent in labels and parent != sample.label:
            raise UserError(f"{sample.path}: listed as {sample.label!r}, and lies in folder {parent!r}")


def _warn_of_like_classes(samples: Sequence[Sample]) -> None:
    spelt = defaultdict(set)
    for sample in samples:
        if sample.label is not None:
            spelt[" ".join(sample.label.casefold().replace("_", " ").split())].add(sample.label)
    for names in spelt.values():
        if len(names) > 1:
            print(f"warning: {', '.join(map(repr, sorted(names)))} are taken for {len(names)} classes", file=sys.stderr)
