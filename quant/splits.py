# SPDX-License-Identifier: BSD-3-Clause
"""Which clips teach and which ones test: never two of one source on both sides, unless that is asked for by name."""

import random
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from shiftcore.errors import UserError
from shiftcore.quant.layouts import Dataset, Sample
from shiftcore.quant.preset import Data


def arranged(dataset: Dataset, rules: Data) -> Dataset:
    """`dataset` as a preset's [data] has it: sources that are `together` are one; with `test`, those sources are the
    data's own test part, and all others its training part. A source may bear its data set's name in front.

    Raises UserError where `test` names a source that the data has not, or leaves nothing to teach.
    """
    samples = _united(dataset, rules)
    if rules.test:
        found = {plain(sample.source) for sample in samples}
        if missing := sorted(set(rules.test) - found):
            raise UserError(f"data.test: the data has no source {missing[0]!r}; its sources are {_listed(found)}")
        samples = [
            replace(sample, fold=None, split="test" if plain(sample.source) in rules.test else "train")
            for sample in samples
        ]
        if not any(sample.split == "train" for sample in samples):
            raise UserError("data.test: every source of the data is in it, and none is left to teach")
    return replace(dataset, samples=samples)


def tested(dataset: Dataset, rules: Data) -> Dataset:
    """Those samples of `dataset` that the preset's `data.test` names; all where it names none of them. Sources that are
    `together` are one."""
    samples = _united(dataset, rules)
    return replace(dataset, samples=[s for s in samples if plain(s.source) in rules.test] or samples)


def rounds(dataset: Dataset, count: int, rules: Data) -> tuple[list[Sample], list[list[Sample]]]:
    """Of a data set that is `arranged`: the samples that teach in every round, and the parts that are scored, a round
    each, while the others teach: the test part alone where `rules` name one, else `folds`. Raises as `folds`, and
    UserError where the test part has a class that nothing teaches."""
    if not rules.test:
        return [], folds(dataset, count)
    teach, held = hold_out(dataset, 0.5)
    return teach, [held]


def _united(dataset: Dataset, rules: Data) -> list[Sample]:
    one = {source: name for name, sources in rules.together.items() for source in sources}
    return [replace(sample, source=one.get(plain(sample.source), sample.source)) for sample in dataset.samples]


def plain(source: str) -> str:
    """A source without its data set's name in front."""
    return source.rpartition("/")[2]


def folds(dataset: Dataset, count: int, seed: int = 0) -> list[list[Sample]]:
    """The labelled samples in `count` folds: the data set's own where every sample has one, else by source, each class
    as evenly as its sources allow.

    Raises UserError when the data set's own folds are other than 0 .. count - 1 or share a source, or a class has
    fewer sources than folds.
    """
    labelled = _labelled(dataset)
    own = {sample.fold for sample in labelled}
    if None not in own:
        if own != set(range(count)):
            raise UserError(f"the data has folds {_listed(own)}, and {count} are asked for")
        parts = [[sample for sample in labelled if sample.fold == fold] for fold in range(count)]
        _check_sources(parts)
        return parts
    _check_classes(labelled, count)
    return _dealt(labelled, [1.0] * count, seed)


def hold_out(dataset: Dataset, share: float, seed: int = 0, by: str = "source") -> tuple[list[Sample], list[Sample]]:
    """The labelled samples that teach, and those held out: the data set's own split where it gives one, else about
    `share` of each class, whole sources. `by="random"` deals clips without regard to their source. What is not as one
    would expect is said on stderr.

    Raises UserError when a class has but one source (or, at random, one clip), both sides share one, or the data set's
    own split has nothing that teaches some class.
    """
    labelled = _labelled(dataset)
    if by == "random":
        if dataset.sources_known:
            _warn(
                "a random split of clips that have sources: scenes will be on both sides, and the figures will be too "
                "good"
            )
        labelled = [Sample(s.path, s.label, str(s.path)) for s in labelled]
    elif own := _own_split(labelled, share):
        return own
    _check_classes(labelled, 2)
    teach, held = _dealt(labelled, [1 - share, share], seed)
    return teach, held


def _own_split(labelled: Sequence[Sample], share: float) -> tuple[list[Sample], list[Sample]] | None:
    """The data set's own split; None where it has none that can be taken, which is said on stderr."""
    without = [sample for sample in labelled if not sample.split]
    if without:
        if len(without) < len(labelled):
            _warn(
                f"{len(without)} of {len(labelled)} clips are in no part of the data's own split ({without[0].path}): "
                "it is not taken, and sources are dealt anew"
            )
        return None
    teach = [sample for sample in labelled if sample.split == "train"]
    held = [sample for sample in labelled if sample.split != "train"]
    if not held:
        _warn(f"the data's own split has no validation part: {share:.0%} of each class is held out, whole sources")
        return None
    for label in sorted({str(sample.label) for sample in held}):
        if not any(sample.label == label for sample in teach):
            raise UserError(
                f"class {label!r} has clips in the data's own validation part and none in its training part; add "
                "some there, or leave the class out"
            )
    for label in sorted({str(sample.label) for sample in teach} - {str(sample.label) for sample in held}):
        _warn(f"class {label!r} has no clip in the data's own validation part: no figure says how well it is told")
    _check_sources([teach, held])
    return teach, held


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)


def _labelled(dataset: Dataset) -> list[Sample]:
    labelled = [sample for sample in dataset.samples if sample.label is not None]
    if len(dataset.classes) < 2:
        raise UserError(
            f"the data has {len(dataset.classes)} classes ({_listed(dataset.classes)}); at least two are needed"
        )
    return labelled


def _check_classes(labelled: Sequence[Sample], least: int) -> None:
    sources = defaultdict(set)
    for sample in labelled:
        sources[sample.label].add(sample.source)
    for label, found in sorted(sources.items(), key=lambda item: str(item[0])):
        if len(found) < least:
            count = f"{len(found)} source{'s' * (len(found) != 1)} ({_listed(found)})"
            raise UserError(
                f"class {label!r} has {count}; {least} are needed to keep each on one side: "
                "add clips of other scenes or cameras"
            )


def _check_sources(parts: Sequence[Sequence[Sample]]) -> None:
    where: dict[str, int] = {}
    for index, part in enumerate(parts):
        for sample in part:
            if where.setdefault(sample.source, index) != index:
                raise UserError(f"{sample.path}: its source {sample.source!r} is on both sides of the data's own split")


def _dealt(labelled: Sequence[Sample], shares: Sequence[float], seed: int) -> list[list[Sample]]:
    """Whole sources, the largest first, each to the part that lacks most of what the source holds. Every class reaches
    every part: while one has none of it, it comes first."""
    groups = defaultdict(list)
    for sample in labelled:
        groups[sample.source].append(sample)
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    order.sort(key=lambda source: -len(groups[source]))
    totals = Counter(sample.label for sample in labelled)
    have = [Counter[str | None]() for _ in shares]
    parts: list[list[Sample]] = [[] for _ in shares]
    for source in order:
        holds = Counter(sample.label for sample in groups[source])

        def need(part: int, holds: Counter[str | None] = holds) -> tuple[int, float]:
            empty = sum(have[part][label] == 0 for label in holds)
            lack = sum(n * (shares[part] - have[part][label] / totals[label]) for label, n in holds.items())
            return empty, lack

        chosen = max(range(len(shares)), key=need)
        have[chosen] += holds
        parts[chosen] += groups[source]
    for label in totals:
        if any(not part[label] for part in have):
            raise UserError(f"class {label!r} shares too many of its sources with other classes to be split by source")
    return parts


def _listed(values: object) -> str:
    names = sorted(map(str, values)) if isinstance(values, (set, list)) else [str(values)]
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
