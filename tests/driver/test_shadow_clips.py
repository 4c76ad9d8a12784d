# SPDX-License-Identifier: BSD-3-Clause
"""Which seconds of a camera become clips of a comparison."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from shiftcore.driver import shadow_clips
from shiftcore.driver.record import Recorder
from shiftcore.driver.shadow_clips import Clip, ShadowClips
from shiftcore.model import video
from shiftcore.model.description import Preprocess

MOTION = Preprocess("motion", 4, 1)


def watch(clips: ShadowClips, raised: tuple[float, float], until: float, camera: int = 0, source: str = "a") -> None:
    """Four inputs a second, their newest image all of their number, with an alarm in the seconds `raised`."""
    for number in range(int(4 * until)):
        pixels = np.full((8, 16, 3), number, np.uint8) * np.array([1, 0, 0], np.uint8)
        clips.add(camera, source, number / 4, pixels, "text", raised[0] <= number / 4 < raised[1])


class Kept(Recorder):
    """Keeps what it is given, too."""

    seen: ClassVar[list[np.ndarray]] = []

    def add(self, pixels: np.ndarray, text: str, raised: bool) -> None:
        self.seen.append(pixels)
        super().add(pixels, text, raised)


def test_a_clip_is_from_5_seconds_before_to_5_seconds_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow_clips, "Recorder", Kept)
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "0009.mp4").touch()  # of an earlier report
    clips = ShadowClips(tmp_path / "clips", MOTION, print)
    watch(clips, (20.0, 22.0), 60.0)
    clips.close()
    assert clips.made == [Clip("0001.mp4", "a", 15.0, 26.75)]  # the last raised input is that of 21.75 s
    assert len(list(video.frames(tmp_path / "clips" / "0001.mp4"))) == 48
    assert [path.name for path in (tmp_path / "clips").iterdir()] == ["0001.mp4"]
    assert [pixels.tolist() for pixels in Kept.seen] == [[[[number] * 3] * 16] * 8 for number in range(60, 108)]


def test_cameras_files_and_long_alarms_are_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow_clips, "LONGEST_S", 10.0)
    clips = ShadowClips(tmp_path / "clips", MOTION, print)
    watch(clips, (2.0, 18.0), 20.0)
    watch(clips, (3.0, 4.0), 5.0, source="b")
    watch(clips, (0.0, 1.0), 3.0, camera=1)
    clips.close()
    assert [(clip.source, clip.since, clip.until) for clip in clips.made] == [
        ("a", 0.0, 10.0),
        ("a", 10.25, 19.75),
        ("b", 0.0, 4.75),
        ("a", 0.0, 2.75),
    ]


def test_where_none_can_be_written_the_run_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    clips = ShadowClips(tmp_path / "file" / "clips", MOTION, print)
    for _ in range(2):
        watch(clips, (0.0, 1.0), 9.0)
    clips.close()
    said = capsys.readouterr().out
    assert clips.made == [] and said.startswith("no clips of what is compared: ") and said.count("\n") == 1
