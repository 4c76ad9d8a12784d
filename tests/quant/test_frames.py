# SPDX-License-Identifier: BSD-3-Clause
"""The frame cache: the same bytes as decoding, known by content, whole or not there, safe on a full disk."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shiftcore.errors import UserError
from shiftcore.model import video
from shiftcore.model.preprocess import to_input
from shiftcore.model.sampling import Wanted
from shiftcore.quant import frames
from shiftcore.quant.frames import Kept, load
from tests.package.test_artifacts import in_small_disk

KEPT = Kept(height=16, width=24, colour=False)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(frames, "work_folder", lambda: tmp_path / "frames")
    return tmp_path / "frames"


def write(path: Path, seed: int = 0, count: int = 12, size: tuple[int, int] = (40, 64)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    video.write(path, list(np.random.default_rng(seed).integers(0, 256, (count, *size, 3), dtype=np.uint8)))
    return path


def refuse_to_decode(*_arguments: object) -> None:
    raise AssertionError("decoded, though it is in the cache")


@pytest.mark.parametrize("rate", [None, 10])
def test_kept_frames_are_what_the_network_sees(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: int | None
) -> None:
    path = write(tmp_path / "a.mp4")
    expected = list(video.timed(path, rate, Wanted(luma=True)))
    for attempt in range(2):
        found = load(path, replace(KEPT, rate=rate))
        assert found.times.tolist() == [frame.seconds for frame in expected]
        assert np.array_equal(found.pixels, [to_input(frame.pixels, 16, 24) for frame in expected])
        if attempt == 0:
            monkeypatch.setattr(video, "timed", refuse_to_decode)
    assert len(list(cache.iterdir())) == 2


def test_known_by_content_and_by_what_is_kept(cache: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    first = load(path, KEPT).pixels.tolist()
    (tmp_path / "b.mp4").write_bytes(path.read_bytes())
    load(tmp_path / "b.mp4", KEPT)
    assert len(list(cache.glob("*.npz"))) == 1
    load(path, replace(KEPT, colour=True))
    load(path, replace(KEPT, margin=1.5))
    write(path, seed=1)
    assert load(path, KEPT).pixels.tolist() != first
    assert len(list(cache.glob("*.npz"))) == 4


@pytest.mark.parametrize(
    ("size", "kept"), [((40, 64), (24, 38)), ((160, 90), (64, 36)), ((20, 30), (20, 30)), ((16, 200), (16, 200))]
)
def test_a_margin_keeps_the_whole_picture_and_never_enlarges(
    cache: Path, tmp_path: Path, size: tuple[int, int], kept: tuple[int, int]
) -> None:
    path = write(tmp_path / "a.mp4", size=size)
    assert load(path, replace(KEPT, margin=1.5)).pixels.shape == (12, *kept)


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize(("sizes", "kept"), [(((40, 64), (90, 64)), (24, 36)), (((64, 160), (24, 30)), (24, 30))])
def test_where_the_pictures_size_changes_all_frames_are_kept_alike(
    cache: Path, tmp_path: Path, sizes: tuple[tuple[int, int], ...], kept: tuple[int, int], colour: bool
) -> None:
    """In the least size that one of them has; what the network sees is of each frame's own size, as in a live run."""
    path = changing(tmp_path / "a.ts", sizes)
    pictures = list(video.timed(path, None, Wanted(luma=not colour)))
    assert [frame.pixels.shape[:2] for frame in pictures] == [sizes[0]] * 6 + [sizes[1]] * 6
    for what, size in ((KEPT, (16, 24)), (replace(KEPT, margin=1.5), kept)):
        found = load(path, replace(what, colour=colour))
        assert np.array_equal(found.pixels, [to_input(frame.pixels, *size) for frame in pictures])
        assert found.times.tolist() == [frame.seconds for frame in pictures]


def changing(path: Path, sizes: tuple[tuple[int, int], ...]) -> Path:
    """A recording of a camera whose picture's size is changed while it runs, six frames of each."""
    for index, size in enumerate(sizes):
        write(path.with_suffix(f".{index}.ts"), index, 6, size)
    path.write_bytes(b"".join(path.with_suffix(f".{index}.ts").read_bytes() for index in range(len(sizes))))
    return path


def test_two_runs_at_once_and_twins_do_not_disturb_each_other(cache: Path, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{index}.mp4", seed=index % 2) for index in range(6)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: list(frames.fill(paths, KEPT)), range(2)))
    assert len(list(cache.iterdir())) == 4 and not list(cache.glob(".*"))
    assert np.array_equal(load(paths[0], KEPT).pixels, load(paths[4], KEPT).pixels)


def test_an_interruption_leaves_nothing(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, decode = write(tmp_path / "a.mp4"), video.timed

    def interrupted(*arguments: object) -> object:
        for frame in decode(*arguments):  # type: ignore[arg-type]
            yield frame
            if frame.number == 5:
                raise KeyboardInterrupt

    monkeypatch.setattr(video, "timed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(path, KEPT)
    assert list(cache.iterdir()) == []
    monkeypatch.setattr(video, "timed", decode)
    assert len(load(path, KEPT).times) == 12


def test_what_cannot_be_read_is_refused_by_load_and_not_by_fill(cache: Path, tmp_path: Path) -> None:
    good, small = write(tmp_path / "good.mp4"), write(tmp_path / "small.mp4", size=(8, 64))
    (tmp_path / "notes.mp4").write_text("no video")
    assert len(list(frames.fill([small, tmp_path / "notes.mp4", good], KEPT))) == 3
    with pytest.raises(UserError, match="smaller than the network's input"):
        load(small, KEPT)
    assert len(list(cache.iterdir())) == 2


PRESET = """
[input]
height = 64
width = 64
[network]
stem = { width = 8, stride = 2 }
stages = [{ width = 8, stride = 2, blocks = 1 }]
[data]
source = "folder"
num_segments = 4
"""


def test_a_full_disk_is_one_line_and_nothing_half_written(tmp_path: Path) -> None:
    for label in ("calm", "fight"):
        for index in range(3):
            write(tmp_path / "videos" / label / f"{index}.mp4", index, 40, (96, 96))
    (tmp_path / "small.toml").write_text(PRESET)
    disk = tmp_path / "disk"
    script = f"""
        export SHIFTCORE_BUILD={disk}
        {sys.executable} -m shiftcore qat --preset {tmp_path}/small.toml --data {tmp_path}/videos > /dev/null
        echo "exit code $?"; ls -A {disk}/frames | grep '^[.]'
    """
    result = in_small_disk(disk, script)
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: ") and "No space left" in last and "Traceback" not in result.stderr
    assert result.stdout == "exit code 2\n"
