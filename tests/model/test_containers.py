# SPDX-License-Identifier: BSD-3-Clause
"""Containers as cutters, recorders and archives leave them: nothing good is taken for truncated, nothing cut for good,
and PyAV and OpenCV see what a player shows."""

import shutil
import struct
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from shiftcore.driver.sources.opencv import opencv_file
from shiftcore.errors import UserError
from shiftcore.model import video
from shiftcore.model.containers import cut_short
from shiftcore.model.sampling import Frame, Wanted
from tests.model.test_odd_videos import encode, pictures

LUMA = Wanted(luma=True)
FFMPEG = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="the ffmpeg program is not installed")


def both(path: Path) -> list[Frame]:
    """The luma that PyAV reads, after a check that OpenCV reads the same; colours it converts its own way."""
    with_pyav, with_opencv = list(video.timed(path, None, LUMA)), list(opencv_file(path, None, LUMA))
    assert [frame.number for frame in with_pyav] == [frame.number for frame in with_opencv]
    for ours, other in zip(with_pyav, with_opencv, strict=True):
        assert ours.pixels.shape == other.pixels.shape and (ours.pixels == other.pixels).all(), ours.number
    return with_pyav


def refused(path: Path) -> tuple[str, str]:
    """What PyAV and OpenCV say of a damaged file."""
    with pytest.raises(UserError) as by_pyav:
        list(video.timed(path))
    with pytest.raises(UserError) as by_opencv:
        list(opencv_file(path, None))
    return str(by_pyav.value), str(by_opencv.value)


def ffmpeg(*arguments: object) -> None:
    command = ["ffmpeg", "-nostdin", "-y", "-v", "error", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


def moving(path: Path, count: int = 50, bframes: int = 2, key_frames: int = 25) -> Path:
    """An H.264 video of noise that differs from frame to frame."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        stream.options = {"g": str(key_frames), "bf": str(bframes), "sc_threshold": "0", "threads": "1"}
        for image in np.random.default_rng(0).integers(0, 256, (count, 48, 64, 3), dtype=np.uint8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def begun_late(source: Path, path: Path, frames: int) -> Path:
    """`source` cut by stream copy: its key frame stays, but the picture begins `frames` later (an edit list)."""
    with av.open(str(source)) as whole, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.pts is not None and packet.dts is not None:
                shift = int(Fraction(frames, 25) / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, stream
                container.mux(packet)
    return path


def with_sound(path: Path, seconds: int, codec: str = "libx264", sound: str = "mp2") -> Path:
    """A second of pictures with `seconds` of silence."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt, stream.bit_rate = 48, 64, "yuv420p", 4_000_000
        audio: Any = container.add_stream(sound, rate=48000, layout="mono")
        for image in pictures(25):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
        for index in range(seconds * 48000 // 1152):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, index * 1152, Fraction(1, 48000)
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return path


@pytest.mark.parametrize("container", ["mp4", "mov"])
@pytest.mark.parametrize("key_frames", [25, 250])
def test_a_cut_with_an_edit_list_is_whole(tmp_path: Path, container: str, key_frames: int) -> None:
    whole = moving(tmp_path / "whole.mp4", key_frames=key_frames)
    cut = begun_late(whole, tmp_path / f"cut.{container}", 8)
    frames = both(cut)
    assert len(frames) == 42
    rest = list(video.timed(whole, None, LUMA))[8:]
    assert [f.pixels.tobytes() for f in frames] == [f.pixels.tobytes() for f in rest]


@pytest.mark.parametrize("container", ["mkv", "ts", "mp4", "avi", "mov"])
def test_sound_may_outlast_the_picture(tmp_path: Path, container: str) -> None:
    codec = "mpeg4" if container == "avi" else "libx264"
    assert len(both(with_sound(tmp_path / f"long.{container}", 4, codec))) == 25


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_matroska_file_that_was_cut_is_found_though_its_sound_outlasts_it(tmp_path: Path, codec: str) -> None:
    content = with_sound(tmp_path / "long.mkv", 4, codec).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[:-200])
    for said in refused(tmp_path / "cut.mkv"):
        assert "cut.mkv: truncated after 25 frames, the last 200 bytes of the file are missing" in said


def avi(path: Path) -> bytearray:
    return bytearray(encode(path, "mjpeg", pictures(40), "yuvj420p").read_bytes())


@pytest.mark.parametrize("count", [0, 5, 1000])
def test_an_avi_with_a_wrong_count_is_whole(tmp_path: Path, count: int) -> None:
    content = avi(tmp_path / "a.avi")
    struct.pack_into("<I", content, content.index(b"avih") + 24, count)
    struct.pack_into("<I", content, content.index(b"strh") + 40, count)
    (tmp_path / "a.avi").write_bytes(content)
    assert len(both(tmp_path / "a.avi")) == 40


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, None])
def test_an_avi_without_an_index_as_a_killed_recorder_leaves_it_is_whole(tmp_path: Path, size: int | None) -> None:
    content = avi(tmp_path / "a.avi")
    del content[content.rindex(b"idx1") :]
    if size is not None:
        struct.pack_into("<I", content, 4, size)
        struct.pack_into("<I", content, content.index(b"movi") - 4, size)
    (tmp_path / "a.avi").write_bytes(content)
    assert len(both(tmp_path / "a.avi")) == 40


def test_rubbish_behind_a_video_does_not_matter(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.avi"):
        path = encode(tmp_path / name, "mpeg4", pictures(20))
        path.write_bytes(path.read_bytes() + b"appended by an uploader " * 200)
        assert len(both(path)) == 20


@pytest.mark.parametrize("share", [0.5, 0.8, 0.97])
@pytest.mark.parametrize("options", [{"movflags": "faststart"}, {"movflags": "frag_keyframe+empty_moov"}])
def test_an_mp4_that_was_cut_is_found(tmp_path: Path, options: dict[str, str], share: float) -> None:
    moving(tmp_path / "whole.mp4")
    with av.open(str(tmp_path / "whole.mp4")) as whole, av.open(str(tmp_path / "a.mp4"), "w", options=options) as copy:
        stream = copy.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.size:
                packet.stream = stream
                copy.mux(packet)
    assert len(both(tmp_path / "a.mp4")) == 50
    content = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: int(len(content) * share)])
    for said in refused(tmp_path / "cut.mp4"):
        assert "cut.mp4: truncated after" in said or "cut.mp4: damaged after" in said


def test_a_picture_lost_in_the_middle_is_missed(tmp_path: Path) -> None:
    """Behind an edit list too, where the count of the container does not help. (OpenCV shows a guess in its place.)"""
    cut = begun_late(moving(tmp_path / "whole.mp4", bframes=0), tmp_path / "cut.mp4", 8)
    with av.open(str(cut)) as container:
        entry = next(packet for packet in list(container.demux(video=0))[30:] if packet.size)
        place, size = int(entry.pos or 0), entry.size
    content = bytearray(cut.read_bytes())
    content[place : place + size] = bytes(size)
    cut.write_bytes(content)
    with pytest.raises(UserError, match=r"cut.mp4: (damaged|truncated) after"):
        list(video.timed(cut))


@FFMPEG
def test_a_cover_is_no_video(tmp_path: Path) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x48:d=0.04")
    for name, codec in (("cover.m4a", "aac"), ("cover.mp3", "libmp3lame")):
        tone = ("-f", "lavfi", "-i", "sine=d=1")
        marks = ("-map", 0, "-map", 1, "-c:v", "mjpeg", "-disposition:v:0", "attached_pic", "-c:a", codec)
        ffmpeg(*tone, *picture, *marks, tmp_path / name)
        with pytest.raises(UserError, match="holds no video"):
            list(video.timed(tmp_path / name))
    marks = ("-map", 1, "-map", 0, "-c:v:0", "mjpeg", "-disposition:v:0", "attached_pic", "-c:v:1", "copy")
    ffmpeg("-i", moving(tmp_path / "whole.mp4"), *picture, *marks, tmp_path / "first.mp4")
    assert len(both(tmp_path / "first.mp4")) == 50


@FFMPEG
def test_of_several_videos_the_default_one_is_taken(tmp_path: Path) -> None:
    other = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:d=1")
    marks = ("-map", 0, "-map", 1, "-c:v", "ffv1", "-disposition:v:0", "0", "-disposition:v:1", "default")
    ffmpeg("-i", moving(tmp_path / "whole.mp4"), *other, *marks, tmp_path / "two.mkv")
    assert {frame.pixels.shape for frame in video.timed(tmp_path / "two.mkv")} == {(120, 160, 3)}


@FFMPEG
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mpg", ["-c:v", "mpeg2video"]),
        ("a.m2v", ["-c:v", "mpeg2video"]),
        ("a.mkv", ["-c:v", "mpeg2video", "-f", "matroska", "-live", "1"]),
        ("a.webm", ["-c:v", "libvpx", "-f", "webm", "-live", "1"]),
        ("a.flv", ["-c:v", "flv"]),
        ("a.wmv", ["-c:v", "wmv2"]),
        ("a.h264", ["-c:v", "copy"]),
        ("a.mjpeg", ["-c:v", "mjpeg", "-f", "mjpeg"]),
        ("a.y4m", ["-pix_fmt", "yuv420p"]),
        ("dash.mp4", ["-c", "copy", "-movflags", "+dash+global_sidx+frag_keyframe"]),
        ("negative.mkv", ["-c", "copy", "-output_ts_offset", "-0.5", "-avoid_negative_ts", "disabled"]),
        ("vfr.avi", ["-c:v", "mpeg4", "-vf", "select=not(mod(n\\,3))", "-fps_mode", "passthrough"]),
    ],
)
def test_other_containers_are_whole(tmp_path: Path, name: str, options: list[str]) -> None:
    ffmpeg("-i", moving(tmp_path / "whole.mp4"), *options, tmp_path / name)
    assert len(both(tmp_path / name)) == (17 if name == "vfr.avi" else 50)


@FFMPEG
@pytest.mark.parametrize(("name", "codec"), [("a.wmv", "wmv2"), ("a.flv", "flv"), ("a.avi", "mjpeg")])
def test_other_containers_that_were_cut_are_found(tmp_path: Path, name: str, codec: str) -> None:
    ffmpeg("-i", moving(tmp_path / "whole.mp4"), "-c:v", codec, tmp_path / name)
    assert not cut_short(tmp_path / name)
    (tmp_path / f"cut-{name}").write_bytes((tmp_path / name).read_bytes()[:-3000])
    assert cut_short(tmp_path / f"cut-{name}")
    assert all(f"cut-{name}: " in said for said in refused(tmp_path / f"cut-{name}"))


@pytest.mark.parametrize(
    "name", ["with space.mp4", 'it\'s "quoted".mp4', "été.mp4", "a:b.mp4", "100%d.mp4", "new\nline.mp4"]
)
def test_names_that_mean_something_elsewhere(tmp_path: Path, name: str) -> None:
    video.write(tmp_path / name, pictures(3))
    assert len(both(tmp_path / name)) == 3


@pytest.mark.parametrize(
    "content", [b"hello\nworld\n" * 500, "h\u00e9llo\r\n".encode("latin-1") * 100, b"\xff\xfeh\0i\0" * 99]
)
def test_a_text_is_no_video(tmp_path: Path, content: bytes) -> None:
    for name in ("notes.txt", "notes", "notes.mp4", "notes.nfo"):
        (tmp_path / name).write_bytes(content)
        assert all(f"{name}: not a readable video (a text)" in said for said in refused(tmp_path / name))
