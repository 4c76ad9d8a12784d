# SPDX-License-Identifier: BSD-3-Clause
"""Synthetic videos: real files in a layout that training reads, the same from the same numbers, resumable."""

import subprocess
from pathlib import Path

from shiftcore.model import video
from shiftcore.quant import layouts
from tests.commands import shiftcore


def synthesize(folder: Path, clips: int) -> subprocess.CompletedProcess[str]:
    return shiftcore("synthesize", "--data", folder, "--clips", clips, SHIFTCORE_BUILD=folder.parent / "build")


def test_a_folder_a_class_whose_videos_go_on_where_they_stopped(tmp_path: Path) -> None:
    done = synthesize(tmp_path / "a", 4)
    assert done.returncode == 0 and "4 clips in fight and no_fight" in done.stdout, done.stderr
    first = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "a").rglob("*.mp4")}
    (tmp_path / "a" / "fight" / "00002.mp4").unlink()
    assert synthesize(tmp_path / "a", 6).returncode == 0
    dataset = layouts.read(tmp_path / "a")
    assert dataset.classes == ["fight", "no_fight"] and len(dataset.samples) == 6
    for path, (content, written) in first.items():
        assert path.read_bytes() == content
        assert path.name == "00002.mp4" or path.stat().st_mtime_ns == written
    assert (tmp_path / "build" / "synthesize" / "examples.png").stat().st_size > 10_000
    frames = list(video.frames(tmp_path / "a" / "fight" / "00000.mp4"))
    assert frames[0].shape == (96, 128, 3) and len(frames) > 20


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = synthesize(tmp_path / "file", 4)
    assert done.returncode == 2 and done.stderr == f"error: {tmp_path / 'file'}: not a folder\n"
