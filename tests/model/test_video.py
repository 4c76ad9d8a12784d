# SPDX-License-Identifier: BSD-3-Clause
"""Video files: what is decoded, and what each kind of broken file says."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from shiftcore.errors import UserError
from shiftcore.model import video
from tests.real_clips import real_clips

CONTAINERS = [("avi", "mpeg4"), ("mkv", "libx264"), ("mov", "libx264"), ("mpg", "mpeg1video"), ("webm", "libvpx")]


def pictures(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """A grey that grows by four a frame, with some texture for the codec to keep."""
    texture = np.random.default_rng(0).integers(0, 40, (height // 8, width // 8, 1)).repeat(8, 0).repeat(8, 1)
    return [np.broadcast_to(texture + 4 * i, (height, width, 3)).astype(np.uint8) for i in range(count)]


def encode(path: Path, codec: str, images: list[np.ndarray], **options: str) -> bytes:
    with av.open(str(path), "w", options=options) as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *images[0].shape[:2], "yuv420p"
        stream.bit_rate = 4_000_000
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    images = pictures(20)
    video.write(tmp_path / "a.mp4", images)
    decoded = list(video.frames(tmp_path / "a.mp4"))
    assert len(decoded) == 20
    assert all(image.shape == (48, 64, 3) and image.dtype == np.uint8 for image in decoded)
    assert max(np.abs(a.astype(int) - b).mean() for a, b in zip(decoded, images, strict=True)) < 3


@pytest.mark.parametrize(("container", "codec"), CONTAINERS)
def test_containers_whole_and_truncated(tmp_path: Path, container: str, codec: str) -> None:
    content = encode(tmp_path / f"whole.{container}", codec, pictures(50))
    assert len(list(video.frames(tmp_path / f"whole.{container}"))) == 50
    path = tmp_path / f"cut.{container}"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="cut") as error:
        list(video.frames(path))
    assert "\n" not in str(error.value)


def test_truncated_behind_its_index(tmp_path: Path) -> None:
    content = encode(tmp_path / "whole.mp4", "libx264", pictures(50), movflags="faststart")
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(UserError, match=r"cut.mp4: (truncated|damaged) after \d+ frames"):
        list(video.frames(tmp_path / "cut.mp4"))


def test_a_rate_takes_the_first_frame_of_each_tick(tmp_path: Path) -> None:
    video.write(tmp_path / "a.mp4", pictures(11))
    every = list(video.frames(tmp_path / "a.mp4"))
    fifth = list(video.frames(tmp_path / "a.mp4", rate=5))
    assert [image.tolist() for image in fifth] == [image.tolist() for image in every[::5]]


def test_frames_come_one_at_a_time(tmp_path: Path) -> None:
    """Early frames of a damaged file are usable before the damage is met."""
    content = encode(tmp_path / "whole.avi", "mpeg4", pictures(50))
    (tmp_path / "cut.avi").write_bytes(content[: len(content) // 2])
    assert next(video.frames(tmp_path / "cut.avi")).shape == (48, 64, 3)


def damaged(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(200) + content[middle + 200 :]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "not a readable video"), (b"hello " * 1000, "not a readable video"), (None, "no such video file")],
)
def test_no_video(tmp_path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(UserError, match=f"a.mp4: {reason}"):
        list(video.frames(tmp_path / "a.mp4"))


def test_corrupt_pictures(tmp_path: Path) -> None:
    content = encode(tmp_path / "whole.mp4", "libx264", pictures(50), movflags="faststart")
    (tmp_path / "bad.mp4").write_bytes(damaged(content))
    with pytest.raises(UserError, match=r"bad.mp4: (damaged after|not a readable)"):
        list(video.frames(tmp_path / "bad.mp4"))


def test_sound_alone(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(UserError, match=r"a.wav: holds no video"):
        list(video.frames(tmp_path / "a.wav"))


@pytest.mark.skipif(not real_clips(), reason="the real clips are not on this machine")
def test_real_clips_are_whole() -> None:
    paths = real_clips()[::25]
    assert all(len(list(video.frames(path))) >= 25 for path in paths) and paths
