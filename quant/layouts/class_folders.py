# SPDX-License-Identifier: BSD-3-Clause
"""Folders that are called as the classes are."""

from collections.abc import Iterator
from pathlib import Path

from shiftcore.errors import UserError
from shiftcore.model.video_files import is_hidden
from shiftcore.quant.layouts.listing import Listing
from shiftcore.quant.layouts.sample import Layout, Sample

PARTS = {
    **{"train": "train", "training": "train", "test": "test", "testing": "test"},
    **{"val": "validation", "valid": "validation", "validate": "validation", "validation": "validation"},
}


def _folders(folder: Path) -> list[Path]:
    return [child for child in sorted(folder.iterdir()) if child.is_dir() and not is_hidden(child.name)]


class SplitFolders(Layout):
    """`train/<Class>/` and `val/<Class>/` or `test/<Class>/`, as RWF-2000 and others have them: a folder a class in a
    folder a part."""

    name = "a folder a class in train and val"
    takes_all = True

    def claims(self, listing: Listing) -> bool:
        parts = [path.relative_to(listing.folder).parts for path in listing.videos]
        return bool(parts) and all(len(part) > 2 and part[0].lower() in PARTS for part in parts)

    def samples(self, listing: Listing) -> Iterator[Sample]:
        for path in listing.videos:
            part, label, *_ = path.relative_to(listing.folder).parts
            yield Sample(path, label, listing.relative(path), split=PARTS[part.lower()])


class ClassFolders(Layout):
    """A folder a class, videos anywhere below it; or videos without any folder: unlabelled."""

    name = "a folder a class"
    takes_all = True

    def claims(self, listing: Listing) -> bool:
        return True

    def samples(self, listing: Listing) -> Iterator[Sample]:
        labels = {path.relative_to(listing.folder).parts[0] for path in listing.videos}
        for child in _folders(listing.folder):
            if child.name not in labels:
                raise UserError(f"{child}: class {child.name!r} has 0 usable videos; put some there, or remove it")
        for path in listing.videos:
            parts = path.relative_to(listing.folder).parts
            yield Sample(path, parts[0] if len(parts) > 1 else None, "/".join(parts))
