# SPDX-License-Identifier: BSD-3-Clause
"""What data a network learned from, so that a change of it is noticed, and named."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from shiftcore.artifacts import digest
from shiftcore.quant.frames import content
from shiftcore.quant.layouts import Dataset, Sample

Known = dict[str, list[str]]  # of each clip, by its path: label, part and source, digest
LABEL, PART, CONTENT = range(3)


def known(dataset: Dataset, folder: Path) -> Known:
    """What is known of the labelled clips of `dataset`, which lies in `folder`; where that is does not matter."""
    return {_name(sample, folder): _about(sample) for sample in dataset.samples if sample.label is not None}


def fingerprint(samples: Sequence[Sample]) -> str:
    """Changes whenever other samples, other labels or other files would be learned from."""
    return digest(json.dumps([_about(sample) for sample in samples]))


def changes(before: Known, now: Known) -> str:
    """What is not as it was `before`, in words; "" if nothing."""
    said = []
    labels = [{about[LABEL] for about in clips.values()} for clips in (before, now)]
    said += [f"class {name!r} is new" for name in sorted(labels[1] - labels[0])]
    said += [f"class {name!r} is gone" for name in sorted(labels[0] - labels[1])]
    both = [name for name in now if name in before]
    for names, what in (
        ([name for name in now if name not in before], "added"),
        ([name for name in before if name not in now], "removed"),
        ([name for name in both if before[name][CONTENT] != now[name][CONTENT]], "replaced"),
        ([name for name in both if before[name][PART] != now[name][PART]], "moved to another part, fold or source"),
    ):
        if names:
            said.append(f"{_clips(names)} {what} ({names[0]})")
    other = [name for name in both if before[name][LABEL] != now[name][LABEL]]
    if other:
        (old, new), _ = Counter((before[name][LABEL], now[name][LABEL]) for name in other).most_common(1)[0]
        said.append(f"{_clips(other)} labelled otherwise ({new!r} that was {old!r})")
    return ", ".join(said)


def _clips(names: Sequence[str]) -> str:
    return f"{len(names)} clip{'s' * (len(names) != 1)}"


def _name(sample: Sample, folder: Path) -> str:
    path = sample.path
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _about(sample: Sample) -> list[str]:
    part = json.dumps([sample.split, sample.fold, sample.source])
    return [str(sample.label), part, content(sample.path) if sample.path.exists() else ""]
