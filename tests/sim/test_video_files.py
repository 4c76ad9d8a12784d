# SPDX-License-Identifier: BSD-3-Clause
"""Which files of a folder are clips: videos and nothing else, each once, whatever people keep beside them."""

import os
from pathlib import Path

import numpy as np
import pytest

from shiftcore.driver.sources import open_sources
from shiftcore.model import video
from shiftcore.model.video_files import find, printable, told

SIDECARS = [
    *("notes.txt", "Thumbs.db", ".DS_Store", "a.srt", "a.xml", "a.json", "a.nfo", "cover.jpg", "README", "desktop.ini"),
    *("._a.mp4", "empty", "__MACOSX/._a.mp4", ".git/a.mp4", ".ipynb_checkpoints/a.mp4", "@eaDir/a.mp4", "a.mp3"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Videos among what is none."""
    for name in ("fight/a.mp4", "fight/B.MP4", "fight/no suffix", "calm/c.unheard-of"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        video.write(tmp_path / "new.mp4", [np.zeros((32, 32, 3), np.uint8)] * 3)
        (tmp_path / "new.mp4").rename(tmp_path / name)
    for name in SIDECARS:
        (tmp_path / "fight" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "fight" / name).write_bytes(b"" if name == "empty" else b"some text\n" * 200)
    return tmp_path


def test_only_videos_are_clips(folder: Path) -> None:
    videos = [str(path.relative_to(folder)) for path in find(folder).videos]
    assert videos == ["calm/c.unheard-of", "fight/B.MP4", "fight/a.mp4", "fight/no suffix"]


def test_what_is_left_out_is_told_in_one_line(folder: Path) -> None:
    said: list[str] = []
    (source,) = open_sources([str(folder)], None, said.append)
    assert len(said) == 1 and said[0].endswith("no videos, left out") and "\n" not in said[0]
    assert source.problems == 0
    assert told([folder / "a.txt", folder / "fight"], folder) == "a.txt, fight/: no videos, left out"
    assert told([], folder) == ""


def test_links_are_followed_and_circles_are_not(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("disk")
    (folder / "fight" / "a.mp4").rename(elsewhere / "a.mp4")
    os.symlink(elsewhere, folder / "fight" / "linked")
    os.symlink(folder, folder / "fight" / "circle")
    os.symlink("self", folder / "fight" / "self")
    assert [path.name for path in find(folder).videos] == ["c.unheard-of", "B.MP4", "a.mp4", "no suffix"]


def test_a_name_stays_on_its_line() -> None:
    assert printable("a\nb\x1b[31m\udcff é.mp4") == "a\\nb\\x1b[31m\\udcff é.mp4"
