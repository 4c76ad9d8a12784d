# SPDX-License-Identifier: BSD-3-Clause
"""Splits: no source on two sides, every class on each, and what cannot be split is refused in one line."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiftcore.errors import UserError
from shiftcore.quant import layouts, splits
from shiftcore.quant.layouts import Dataset, Sample
from shiftcore.quant.preset import Data
from tests.real_clips import REAL_CLIPS, real_clips

SAMPLES = st.lists(
    st.tuples(st.integers(0, 14), st.sampled_from(["calm", "fight", "theft"])), min_size=6, max_size=80
)  # fmt: skip


def dataset(pairs: list[tuple[int, str]], known: bool = True) -> Dataset:
    samples = [Sample(Path(f"{i}.mp4"), label, f"{label}{source}") for i, (source, label) in enumerate(pairs)]
    return Dataset("made up", samples, known)


def sources_of(labels: list[str], count: int) -> Dataset:
    return dataset([(source, label) for label in labels for source in range(count) for _ in range(source + 1)])


@given(pairs=SAMPLES, count=st.integers(2, 5), seed=st.integers(0, 99))
def test_folds_share_no_source_and_lose_no_clip(pairs: list[tuple[int, str]], count: int, seed: int) -> None:
    data = dataset(pairs)
    per_class = Counter(label for label, _ in {(s.label, s.source) for s in data.samples})
    if len(per_class) < 2 or min(per_class.values()) < count:
        with pytest.raises(UserError):
            splits.folds(data, count, seed)
        return
    parts = splits.folds(data, count, seed)
    assert Counter(s.path for part in parts for s in part) == Counter(s.path for s in data.samples)
    for index, part in enumerate(parts):
        assert {s.label for s in part} == set(data.classes)
        others = {s.source for other in parts[:index] for s in other}
        assert not others & {s.source for s in part}


def test_folds_are_about_even() -> None:
    parts = splits.folds(sources_of(["calm", "fight"], 20), 5)
    counts = [Counter(sample.label for sample in part) for part in parts]
    assert all(abs(count[label] - 42) <= 4 for count in counts for label in ("calm", "fight"))


def test_held_out_is_about_the_share() -> None:
    teach, held = splits.hold_out(sources_of(["calm", "fight"], 20), 0.2)
    assert 0.15 < len(held) / (len(teach) + len(held)) < 0.25
    assert not {s.source for s in teach} & {s.source for s in held}


def test_a_class_of_one_source_is_refused() -> None:
    data = dataset([(0, "calm"), (1, "calm"), (0, "fight"), (0, "fight")])
    with pytest.raises(UserError, match=r"class 'fight' has 1 source \(fight0\); 2 are needed"):
        splits.hold_out(data, 0.2)


def test_one_class_is_refused() -> None:
    with pytest.raises(UserError, match=r"1 classes \(calm\); at least two"):
        splits.hold_out(dataset([(0, "calm"), (1, "calm")]), 0.2)


def test_a_random_split_of_data_with_sources_warns(capsys: pytest.CaptureFixture[str]) -> None:
    splits.hold_out(sources_of(["calm", "fight"], 5), 0.2, by="random")
    assert "a random split of clips that have sources" in capsys.readouterr().err
    splits.hold_out(
        dataset([(i, label) for label in ("calm", "fight") for i in range(5)], known=False), 0.2, by="random"
    )
    assert capsys.readouterr().err == ""


def test_the_datas_own_split_is_taken_and_checked() -> None:
    samples = [
        Sample(Path(f"{i}.mp4"), f"c{i % 2}", f"s{i}", split="train" if i < 6 else "validation") for i in range(8)
    ]
    teach, held = splits.hold_out(Dataset("x", samples, True), 0.5)
    assert (len(teach), len(held)) == (6, 2)
    leak = [*samples, Sample(Path("8.mp4"), "c0", "s0", split="test")]
    with pytest.raises(UserError, match=r"8\.mp4: its source 's0' is on both sides"):
        splits.hold_out(Dataset("x", leak, True), 0.5)


@pytest.mark.skipif(not real_clips(), reason="the real clips are not on this machine")
def test_the_real_clips_have_folds_by_source() -> None:
    data = layouts.read(REAL_CLIPS)
    parts = splits.folds(data, 5)
    assert (len(data.samples), [len(part) for part in parts]) == (244, [49, 48, 49, 49, 49])


def parts(*named: tuple[str, str | None]) -> Dataset:
    """Two clips of each (class, part)."""
    pairs = [pair for pair in named for _ in range(2)]
    samples = [Sample(Path(f"{i}.mp4"), label, f"s{i}", split=split) for i, (label, split) in enumerate(pairs)]
    return Dataset("x", samples, True)


def test_a_split_without_validation_holds_out_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    teach, held = splits.hold_out(parts(("calm", "train"), ("fight", "train")), 0.2)
    assert {s.label for s in teach} == {s.label for s in held} == {"calm", "fight"}
    assert "has no validation part: 20% of each class is held out" in capsys.readouterr().err


@pytest.mark.parametrize(
    "named",
    [
        [("calm", "validation"), ("fight", "test")],
        [("calm", "train"), ("fight", "train"), ("theft", "validation")],
    ],
)
def test_a_class_that_nothing_teaches_is_refused(named: list[tuple[str, str | None]]) -> None:
    with pytest.raises(UserError, match="has clips in the data's own validation part and none in its training part"):
        splits.hold_out(parts(*named), 0.2)


def test_a_class_that_nothing_validates_and_clips_of_no_part_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    splits.hold_out(parts(("calm", "train"), ("fight", "train"), ("calm", "validation")), 0.2)
    assert "warning: class 'fight' has no clip in the data's own validation part" in capsys.readouterr().err
    splits.hold_out(parts(("calm", "train"), ("fight", "train"), ("fight", "validation"), ("calm", None)), 0.2)
    assert "warning: 2 of 8 clips are in no part of the data's own split" in capsys.readouterr().err


def subjects(names: str, label: str = "wave") -> list[Sample]:
    return [Sample(Path(f"{label}{i}.mp4"), label, name, fold=0) for i, name in enumerate(names.split())]


def test_a_presets_test_sources_never_teach() -> None:
    data = Dataset("x", [*subjects("s1 s2 s3 s4"), *subjects("s1 s2 s3 set/s4", "clap")], True)
    rules = Data(test=("s2", "s4"))
    found = splits.arranged(data, rules)
    always, parts = splits.rounds(found, 5, rules)
    assert [{s.source for s in part} for part in (always, *parts)] == [{"s1", "s3"}, {"s2", "s4", "set/s4"}]
    teach, held = splits.hold_out(found, 0.2)
    assert (teach, [held]) == (always, parts)
    assert {s.source for s in splits.tested(data, rules).samples} == {"s2", "s4", "set/s4"}
    assert splits.tested(data, Data(test=("s9",))) == splits.tested(data, Data()) == data


@pytest.mark.parametrize(
    ("names", "message"),
    [(("s2", "s9"), "no source 's9'; its sources are s1, s2, s3, s4"), (("s1", "s2", "s3", "s4"), "none is left")],
)
def test_test_sources_that_leave_nothing_are_refused(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        splits.arranged(Dataset("x", subjects("s1 s2 s3 s4"), True), Data(test=names))


def test_sources_that_are_together_are_one() -> None:
    pairs = [*subjects("a b c d"), *subjects("a b c d", "clap")]
    found = splits.arranged(Dataset("x", pairs, True), Data(together={"one": ("a", "c")}))
    assert [s.source for s in found.samples] == ["one", "b", "one", "d"] * 2
    assert [s.label for s in found.samples] == [s.label for s in pairs]
    rules = Data(together={"one": ("a", "c")}, test=("one",))
    assert [s.source for s in splits.tested(Dataset("x", pairs, True), rules).samples] == ["one"] * 4
    with pytest.raises(ValueError, match="together: 'a' is named twice"):
        Data(together={"one": ("a",), "two": ("b", "a")})
