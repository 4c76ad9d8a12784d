# SPDX-License-Identifier: BSD-3-Clause
"""What lies below a folder, and how the names in people's lists find it."""

import os
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from shiftcore.errors import UserError
from shiftcore.model.video_files import find, is_hidden, same_name


class Listing:
    """The files below `folder`, looked up once. `videos` and `others` as in model.video_files."""

    def __init__(self, folder: Path) -> None:
        found = find(folder)
        self.folder, self.videos, self.others = folder, found.videos, found.others

    def tables(self, *suffixes: str) -> list[Path]:
        """The files with one of the endings `suffixes`, such as ".csv", none of them in a hidden folder."""
        return [path for path in self.others if path.suffix.lower() in suffixes and not is_hidden(path.name)]

    def relative(self, path: Path) -> str:
        """The path of a file as it stands below the folder; whole where it lies elsewhere."""
        return str(path.relative_to(self.folder)) if path.is_relative_to(self.folder) else str(path)

    def at(self, listed: str) -> Path:
        """The file or folder that a list calls `listed`: relative to the folder or to any below it, the ending in
        either case, accents in either form. Where there is none: where it should be.

        Raises UserError where several would do.
        """
        for name in (listed, listed.replace("\\", "/")):
            if os.path.exists(self.folder / name):
                return self.folder / name
        key = _key(listed.replace("\\", "/").removeprefix("./"))
        stem = Path(key).stem
        found = [path for path in self._stems[stem] if f"/{_key(self.relative(path))}".endswith(f"/{key}")]
        return self._only(found, listed) or self.folder / listed

    def called(self, stem: str, hints: Sequence[str | None], otherwise: str) -> Path:
        """The video whose name without its ending is `stem`, in whichever folder, if several then in one that is called
        as one of `hints`; else `otherwise`. Raises UserError where several would do."""
        found = self._stems[same_name(stem)]
        if len(found) > 1:
            wanted = {same_name(hint) for hint in hints if hint}
            found = [path for path in found if wanted & set(map(same_name, path.parts))] or found
        return self._only(found, stem) or self.folder / otherwise

    def directory(self, name: str) -> Path:
        """The folder called `name`, wherever it lies. Raises UserError where there are several."""
        return self._only(self._directories[name], name) or self.folder / name

    def _only(self, found: Sequence[Path], name: str) -> Path | None:
        if len(found) > 1:
            first, second = (self.relative(path) for path in found[:2])
            raise UserError(f"{self.folder}: {first} and {second} are both called {name!r}, as listed; remove one")
        return found[0] if found else None

    @cached_property
    def _stems(self) -> defaultdict[str, list[Path]]:
        stems = defaultdict(list)
        for path in self.videos:
            stems[same_name(path.stem)].append(path)
        return stems

    @cached_property
    def _directories(self) -> defaultdict[str, list[Path]]:
        """Folders that hold files, by their names."""
        directories = defaultdict(list)
        for path in dict.fromkeys(path.parent for path in (*self.videos, *self.others)):
            directories[path.name].append(path)
        return directories


def _key(path: str) -> str:
    name = Path(same_name(path))
    return str(name.with_suffix(name.suffix.lower())) if name.name else ""
