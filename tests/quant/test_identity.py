# SPDX-License-Identifier: BSD-3-Clause
"""A change of the data is noticed, whatever it is, and named."""

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from shiftcore import artifacts
from shiftcore.quant import frames, identity, layouts
from shiftcore.quant.learner import begin


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two clips of each of two classes; what they show does not matter here."""
    for label in ("calm", "fight"):
        (tmp_path / label).mkdir()
        for index in range(2):
            (tmp_path / label / f"{index}.mp4").write_bytes(f"{label}{index}".encode())
    return tmp_path


def swapped(folder: Path) -> None:
    (folder / "calm").rename(folder / "x")
    (folder / "fight").rename(folder / "calm")
    (folder / "x").rename(folder / "fight")


def replaced(folder: Path) -> None:
    """By another file of the same size and time, as copying tools leave it."""
    before = (folder / "calm" / "0.mp4").stat()
    (folder / "calm" / "0.mp4").write_bytes(b"other"[: before.st_size])
    os.utime(folder / "calm" / "0.mp4", ns=(before.st_atime_ns, before.st_mtime_ns))


def another_class(folder: Path) -> None:
    (folder / "theft").mkdir()
    (folder / "theft" / "0.mp4").write_bytes(b"theft")


def listed(*labels: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        clips = ["calm/0.mp4", "calm/1.mp4", "fight/0.mp4", "fight/1.mp4"]
        rows = [f"{clip},{label}" for clip, label in zip(clips, labels, strict=True)]
        (folder / "index.csv").write_text("\n".join(["clip,label", *rows]))

    return write


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (swapped, "4 clips replaced (calm/0.mp4)"),
        (replaced, "1 clip replaced (calm/0.mp4)"),
        (another_class, "class 'theft' is new, 1 clip added (theft/0.mp4)"),
        (lambda folder: (folder / "fight" / "1.mp4").unlink(), "1 clip removed (fight/1.mp4)"),
        (listed("a", "a", "b", "b"), "class 'a' is new, class 'b' is new, class 'calm' is gone, class 'fight' is gone"),
        (listed("calm", "calm", "fight", ""), "1 clip removed (fight/1.mp4)"),
    ],
)
def test_each_change_is_named_and_training_starts_anew(
    folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], None],
    said: str,
) -> None:
    run = tmp_path_factory.mktemp("qat")
    (run / "float").mkdir()
    before = identity.known(layouts.read(folder), folder)
    fingerprint = identity.fingerprint(layouts.read(folder).samples)
    for _ in range(2):
        begin(run, "preset", before)
    assert capsys.readouterr().out == "" and (run / "float").is_dir()
    change(folder)
    begin(run, "preset", identity.known(layouts.read(folder), folder))
    printed = capsys.readouterr().out
    assert f"the data changed since: {said}" in printed and "training starts anew" in printed
    assert printed.count("\n") == 1 and not (run / "float").exists()
    assert identity.fingerprint(layouts.read(folder).samples) != fingerprint


def test_a_folder_that_moved_is_the_same_data(folder: Path) -> None:
    before = identity.known(layouts.read(folder), folder)
    moved = folder.with_name(folder.name + "-moved")
    folder.rename(moved)
    assert identity.changes(before, identity.known(layouts.read(moved), moved)) == ""


def test_a_video_is_hashed_once_and_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, calls = tmp_path / "a.mp4", list[Path]()
    path.write_bytes(bytes(range(256)) * 10)
    whole = artifacts.digest(path)
    monkeypatch.setattr(artifacts, "CHUNK", 100)
    assert artifacts.digest(path) == whole

    def count(part: Path) -> str:
        calls.append(part)
        return whole

    monkeypatch.setattr(frames, "digest", count)
    assert [frames.content(path) for _ in range(3)] == [whole] * 3 and calls == [path]
    path.touch()
    frames.content(path)
    assert calls == [path, path]


def test_a_long_video_is_hashed_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with open(path, "wb") as file:
        file.truncate(16 * artifacts.CHUNK)
    tracemalloc.start()
    try:
        artifacts.digest(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 * artifacts.CHUNK
