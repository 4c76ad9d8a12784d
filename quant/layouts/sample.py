# SPDX-License-Identifier: BSD-3-Clause
"""What a data set is made of, and what a way to lay it out has to say."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from shiftcore.quant.layouts.listing import Listing


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
    does not, each clip counts as a source of its own. `missing`: listed, and not there; `left_out`: how many files are
    no videos, where each file of a folder is a clip."""

    layout: str
    samples: list[Sample]
    sources_known: bool
    missing: list[str] = field(default_factory=list)
    left_out: int = 0

    @property
    def classes(self) -> list[str]:
        """The labels, sorted by name."""
        return sorted({sample.label for sample in self.samples if sample.label is not None})

    def with_rest(self, rest: str | None, besides: Collection[str]) -> "Dataset":
        """The same clips, those labelled `rest` that have a label and none of `besides`; for None as they are."""
        if rest is None:
            return self
        kept = {rest, None, *besides}
        return replace(self, samples=[s if s.label in kept else replace(s, label=rest) for s in self.samples])


class Layout:
    """A way to lay out labelled videos. `name` is what people call it; `sources_known` as in `Dataset`; `takes_all`:
    each video is a clip, so that a file that is none is worth a word; `folders_are_labels`: a clip that lies in a
    folder that is called as another class is a mistake."""

    name: ClassVar[str]
    sources_known: ClassVar[bool] = False
    takes_all: ClassVar[bool] = False
    folders_are_labels: ClassVar[bool] = False

    def claims(self, listing: Listing) -> bool:
        """Whether the folder is laid out this way."""
        raise NotImplementedError

    def samples(self, listing: Listing) -> Iterator[Sample]:
        """What the folder holds, whether or not the files are there. Raises UserError for a list that cannot be
        read."""
        raise NotImplementedError
