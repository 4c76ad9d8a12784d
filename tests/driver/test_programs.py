# SPDX-License-Identifier: BSD-3-Clause
"""Programs that decode beside us: the same bytes as PyAV's, and one line for what is wrong."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from shiftcore.driver.address import Address
from shiftcore.driver.sources import Image, Source, live, open_sources, programs
from shiftcore.driver.sources.matroska import Format, pictures
from shiftcore.errors import UserError
from shiftcore.model import decoders, video
from shiftcore.model.decoders import Library
from shiftcore.model.preprocess import pixel_aspect
from shiftcore.model.sampling import Frame, Wanted
from tests.driver import footage
from tests.driver.http_camera import MjpegCamera
from tests.driver.rtsp_camera import Camera, transport_stream

LUMA, RGB, BOTH = Wanted(luma=True), Wanted(), Wanted(luma=True, shown=True)
DECODERS = ("avdec_h264", "avdec_mpeg2video", "avdec_mjpeg")  # of GStreamer, in place of a board's

needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="no FFmpeg here (Debian: ffmpeg)")


@pytest.fixture
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with neither PyAV nor OpenCV, nor a decoder of its own."""
    for function, name in (("pyav", "PyAV"), ("opencv", "OpenCV"), ("hardware", "the VCU")):
        monkeypatch.setattr(decoders, function, lambda name=name: Library(name, False, f"{name} is not installed"))


@pytest.fixture
def vcu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A board's decoder: a software decoder in its place."""
    monkeypatch.setattr(decoders, "VCU", DECODERS)
    decoders.hardware.cache_clear()
    if not decoders.hardware().usable:
        packages = "gstreamer1.0-tools, -plugins-base, -plugins-good, -plugins-bad, -libav"
        pytest.skip(f"{decoders.hardware().problem} (Debian: {packages})")
    yield
    decoders.hardware.cache_clear()


def encoded(path: Path, size: tuple[int, int], pix_fmt: str = "yuv420p", **stream_settings: Any) -> Path:
    """An H.264 video of a few frames of `size`, columns and rows."""
    columns, rows = size
    texture = np.random.default_rng(3).integers(0, 180, (rows // 8 + 1, columns // 8 + 1, 3)).repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt, stream.options = rows, columns, pix_fmt, {"preset": "ultrafast"}
        rotation = stream_settings.pop("rotation", None)
        for name, value in stream_settings.items():
            setattr(stream, name, value)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for number in range(6):
            image = (texture[:rows, :columns] + 10 * number).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def same(ours: list[Frame], expected: list[Frame]) -> None:
    assert len(ours) == len(expected) > 0
    for one, other in zip(ours, expected, strict=True):
        assert one.number == other.number and one.seconds == pytest.approx(other.seconds, abs=0.001)
        assert np.array_equal(one.pixels, other.pixels) and pixel_aspect(one.pixels) == pixel_aspect(other.pixels)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("size", "pix_fmt", "more"),
    [
        ((66, 50), "yuv420p", {}),
        ((70, 50), "yuv422p", {}),
        ((66, 34), "yuv444p", {"rotation": 90}),
        ((70, 50), "yuvj420p", {}),
        ((352, 288), "yuv420p", {"sample_aspect_ratio": Fraction(12, 11)}),
        ((101, 77), "yuv444p", {"sample_aspect_ratio": Fraction(16, 11)}),
    ],
)
def test_ffmpeg_gives_the_bytes_of_pyav(
    tmp_path: Path, size: tuple[int, int], pix_fmt: str, more: dict[str, Any]
) -> None:
    path = encoded(tmp_path / "a.mp4", size, pix_fmt, **more)
    same(list(programs.ffmpeg_file(path, None, LUMA)), list(video.timed(path, None, LUMA)))
    if pix_fmt != "yuv444p":  # Matroska has no uncompressed 4:4:4
        same(list(programs.ffmpeg_file(path, None, RGB)), list(video.timed(path, None, RGB)))
    same(list(programs.ffmpeg_file(path, 4, LUMA)), list(video.timed(path, 4, LUMA)))


@needs_ffmpeg
@pytest.mark.parametrize(("pix_fmt", "wanted"), [("yuv420p10le", LUMA), ("yuv420p10le", RGB), ("yuv444p", RGB)])
def test_what_ffmpeg_cannot_give_as_it_is_is_refused(tmp_path: Path, pix_fmt: str, wanted: Wanted) -> None:
    path = encoded(tmp_path / "a.mp4", (64, 48), pix_fmt)
    with pytest.raises(UserError, match=r"a\.mp4: .*only PyAV gives"):
        list(programs.ffmpeg_file(path, None, wanted))


@needs_ffmpeg
@pytest.mark.usefixtures("nothing_else")
def test_ffmpeg_stands_in_where_no_library_is(tmp_path: Path, said: list[str]) -> None:
    video.write(tmp_path / "a.mp4", footage.pictures(8), rate=10)
    (tmp_path / "b.mp4").write_text("no video at all\n" * 100)
    (tmp_path / "c.mkv").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(2000))
    (source,) = open_sources([str(tmp_path)], None, said.append, BOTH)
    images = everything(source)
    expected = list(video.frames(tmp_path / "a.mp4", luma=True))
    assert [image.pixels.tolist() for image in images] == [pixels.tolist() for pixels in expected]
    assert images[0].shown is not None and images[0].shown.shape == (48, 64, 3)
    assert [line.split(": ")[1] for line in said] == ["not a readable video (a text)", said[1].split(": ")[1]]
    assert said[1].startswith(f"{tmp_path / 'c.mkv'}: not a readable video (") and source.problems == 2


@needs_ffmpeg
def test_a_cut_file_gives_its_good_frames_and_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    path.write_bytes(transport_stream(path, footage.pictures(20)).read_bytes())
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 800] = bytes(800)
    path.write_bytes(content)
    good: list[Frame] = []
    with pytest.raises(UserError, match=r"a\.ts: damaged after \d+ frames \("):
        for frame in programs.ffmpeg_file(path, None, LUMA):
            good.append(frame)
    assert 0 < len(good) < 20


def everything(source: Source, most: int = 1000) -> list[Image]:
    end, images = time.monotonic() + footage.LIMIT_S, list[Image]()
    while not source.done and len(images) < most:
        image = source.take()
        images += [image] if image else []
        assert time.monotonic() < end, "the source hangs"
        if image is None and not source.done:
            time.sleep(0.01)
    return images


@pytest.mark.usefixtures("vcu")
@pytest.mark.parametrize("size", [(64, 48), (70, 50), (102, 78)])
def test_gstreamer_gives_the_bytes_of_pyav(tmp_path: Path, size: tuple[int, int]) -> None:
    """Rows of both are padded, each its own way."""
    path = encoded(tmp_path / "a b.mp4", size, sample_aspect_ratio=Fraction(4, 3))
    for wanted in (LUMA, RGB):
        expected, count = list(video.timed(path, None, wanted)), 0
        with pytest.raises(UserError, match="sends no more frames"):
            for stamp, convert in programs.gstreamer_live(Address(path.as_uri()), wanted, footage.LIMIT_S):
                pixels, _ = convert() or (np.zeros(0), None)
                frame = expected[count]
                assert np.array_equal(pixels, frame.pixels) and pixel_aspect(pixels) == pixel_aspect(frame.pixels)
                assert stamp is not None and stamp == pytest.approx(frame.seconds, abs=0.001)
                count += 1
        assert count == len(expected)


@pytest.mark.parametrize("program", ["GStreamer", pytest.param("FFmpeg", marks=needs_ffmpeg)])
def test_a_camera_through_a_program(
    request: pytest.FixtureRequest, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """It hangs up, and is called again; its frames are those of PyAV."""
    request.getfixturevalue("vcu" if program == "GStreamer" else "nothing_else")
    monkeypatch.setattr(live, "PAUSE_S", (0.01, 0.04))
    monkeypatch.setattr(live, "QUEUED", 100)
    path = transport_stream(tmp_path / "camera.ts", footage.pictures(12))
    camera = Camera(path.read_bytes())
    (source,) = open_sources([camera.address], None, said.append, LUMA)
    images = everything(source, most=16)
    source.close()
    camera.close()
    assert [image.first for image in images].count(True) >= 2 and camera.connections >= 2
    expected = [pixels.tolist() for pixels in video.frames(path, luma=True)]
    assert images[0].first and images[0].pixels.tolist() == expected[0]
    assert all(image.pixels.tolist() in expected for image in images)


@needs_ffmpeg
@pytest.mark.usefixtures("nothing_else")
def test_a_camera_that_refuses_is_told_of_and_no_password_shown(said: list[str]) -> None:
    camera = MjpegCamera(footage.pictures(2), rate=5, login="user:right")
    (source,) = open_sources([f"http://user:CANARY@127.0.0.1:{camera.port}/video"], None, said.append, LUMA)
    end = time.monotonic() + footage.LIMIT_S
    while not said and time.monotonic() < end:
        time.sleep(0.05)
    source.close()
    camera.close()
    assert len(said) == 1 and "refuses user and password (401 Unauthorized)" in said[0] and "CANARY" not in said[0]


@pytest.mark.parametrize("decoder", ["vcu", pytest.param("nothing_else", marks=needs_ffmpeg)])
def test_no_command_line_has_a_password(request: pytest.FixtureRequest, said: list[str], decoder: str) -> None:
    """A board's own decoder is left out for it: its program would have one."""
    request.getfixturevalue(decoder)
    camera = MjpegCamera(footage.pictures(50), rate=5, login="user:CANARY")
    (source,) = open_sources([f"http://user:CANARY@127.0.0.1:{camera.port}/video"], None, said.append, LUMA)
    (image,) = everything(source, most=1)
    seen = subprocess.run(["ps", "-eo", "args", "-ww"], capture_output=True, text=True, check=True).stdout
    source.close()
    camera.close()
    assert image.pixels.any() and "CANARY" not in seen
    assert ("-protocol_whitelist" in seen) == (decoder == "nothing_else")


def test_a_silent_program_is_not_waited_for() -> None:
    with programs.Program(["sleep", "600"]) as program, pytest.raises(TimeoutError):
        program.read(1, limit_s=0.1)


def test_what_is_no_video_is_told() -> None:
    def read_of(content: bytes) -> list[object]:
        at = 0

        def read(count: int) -> bytes:
            nonlocal at
            part, at = content[at : at + count], at + count
            return part

        return list(pictures(read))

    assert read_of(b"") == [] and read_of(b"\x1a\x45\xdf\xa3\x82\x00") == []
    with pytest.raises(UserError, match="gives no video"):
        read_of(b"\x1a\x45\xdf\xa3\x08" + b"\xff" * 7)


def test_a_picture_of_another_size_is_refused() -> None:
    """As where a camera changes its size: the container goes on with the one it began with."""
    how = Format("Y800", 8, 4)
    assert how.luma(np.arange(32, dtype=np.uint8)).shape == (4, 8)
    with pytest.raises(UserError, match="changes its size"):
        how.luma(np.zeros(16, np.uint8))
