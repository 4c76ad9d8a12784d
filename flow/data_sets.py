# SPDX-License-Identifier: BSD-3-Clause
"""Several data sets at once: each by its name, and all as one."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from shiftcore.errors import UserError
from shiftcore.quant import layouts
from shiftcore.quant.layouts import Dataset


def named(given: Sequence[Path], besides: Mapping[str, Path] = MappingProxyType({})) -> dict[str, Path]:
    """The folders of the data sets that are `given`, each a path, or several joined as in PATH, by their names: the
    folder's, with the one's above it where two, or one of those `besides`, are called alike. Raises UserError where one
    is given twice."""
    folders = [Path(part) for path in given for part in ([path] if path.exists() else str(path).split(os.pathsep))]
    paths = [folder.resolve() for folder in folders]
    others = [folder.resolve() for folder in besides.values()]
    alike = Counter(path.name for path in (*paths, *others))
    names = [path.name if alike[path.name] == 1 else f"{path.parent.name}/{path.name}" for path in paths]
    for path, name in zip(paths, names, strict=True):
        if (*paths, *others).count(path) > 1 or (*names, *besides).count(name) > 1:
            raise UserError(f"--data: {name} is given twice")
    return dict(zip(names, folders, strict=True))


def root(folders: Mapping[str, Path]) -> Path:
    """The folder that all `folders` are in; their own where there is one."""
    return Path(os.path.commonpath([folder.resolve() for folder in folders.values()]))


def pooled(folders: Mapping[str, Path]) -> Dataset:
    """All of `folders` as one data set; where there are several, sources bear its name in front, since two may call
    different cameras alike, and their own folds hold only where each has them."""
    read = {name: layouts.read(folder.resolve()) for name, folder in folders.items()}
    if len(read) == 1:
        return next(iter(read.values()))
    own = all(sample.fold is not None for data in read.values() for sample in data.samples)
    samples = [
        replace(sample, source=f"{name}/{sample.source}", fold=sample.fold if own else None)
        for name, data in read.items()
        for sample in data.samples
    ]
    return Dataset(
        " and ".join(dict.fromkeys(data.layout for data in read.values())),
        samples,
        all(data.sources_known for data in read.values()),
        [f"{name}/{missing}" for name, data in read.items() for missing in data.missing],
        sum(data.left_out for data in read.values()),
    )


def origin(folders: Mapping[str, Path], path: Path) -> str:
    """The name of the one of `folders` that the `path` of a sample of `pooled` is in."""
    return next(name for name, folder in folders.items() if path.is_relative_to(folder.resolve()))
