# SPDX-License-Identifier: BSD-3-Clause
"""Synthetic videos: real files in a layout that training reads, the same from the same numbers, resumable."""

import json
import subprocess
from pathlib import Path

from shiftcore.model import video
from shiftcore.quant import layouts
from tests.commands import shiftcore
from tests.quant import recorded


def synthesize(folder: Path, clips: int, *more: str) -> subprocess.CompletedProcess[str]:
    return shiftcore("synthesize", "--data", folder, "--clips", clips, *more, SHIFTCORE_BUILD=folder.parent / "build")


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


def test_scenes_of_recorded_people_tell_where_the_event_is_and_go_on_where_they_stopped(tmp_path: Path) -> None:
    mocap = recorded.write(tmp_path / "mocap")
    given = ("--mocap", str(mocap), "--classes", "fight,no_fight,fall", "--scenes", "space")
    done = synthesize(tmp_path / "a", 6, *given)
    assert done.returncode == 0 and "6 clips in fight and no_fight and fall" in done.stdout, done.stderr
    boxes = tmp_path / "a" / "boxes.jsonl"
    first = {path: path.read_bytes() for path in (*(tmp_path / "a").rglob("*.mp4"), boxes)}
    told = [json.loads(line) for line in boxes.read_text().splitlines()]
    assert [clip["clip"] for clip in told] == ["fall/00002.mp4", "fall/00005.mp4", "fight/00000.mp4", "fight/00003.mp4"]
    for clip in told:
        for person in clip["people"]:
            assert len(person) == len(clip["times"]) and max(clip["times"]) < 2.25
            for box in filter(None, person):
                assert 0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1
    boxes.write_text("".join(f"{line}\n" for line in boxes.read_text().splitlines()[1:])[:-9])  # killed while writing
    (tmp_path / "a" / "no_fight" / "00001.mp4").unlink()
    assert synthesize(tmp_path / "a", 6, *given).returncode == 0
    assert {path: path.read_bytes() for path in first} == first
    dataset = layouts.read(tmp_path / "a")
    assert dataset.classes == ["fall", "fight", "no_fight"] and len(dataset.samples) == 6
    frames = list(video.frames(tmp_path / "a" / "fight" / "00000.mp4", luma=True))
    assert frames[0].shape == (128, 176) and len(frames) > 20


def test_mistakes_about_classes_and_movements_are_one_line(tmp_path: Path) -> None:
    for given, why in (
        (
            ("--classes", "fight,theft"),
            "--classes: 'theft' is not drawn; fight, no_fight are, and with --mocap fight, ",
        ),
        (("--classes", "fight"), "--classes: two or more different classes are needed"),
        (("--mocap", str(tmp_path)), f"{tmp_path}: holds no recorded movements"),
    ):
        done = synthesize(tmp_path / "a", 4, *given)
        assert done.returncode == 2 and done.stderr.startswith(f"error: {why}"), done.stderr
        assert done.stderr.count("\n") == 1 and not (tmp_path / "a").exists()
