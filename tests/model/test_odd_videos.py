# SPDX-License-Identifier: BSD-3-Clause
"""Videos as phones, recorders and archives make them: whoever reads them, all frames come, upright, with the same luma,
and in colours that differ only as far as OpenCV converts them its own way."""

import contextlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange
from hypothesis import given, settings
from hypothesis import strategies as st

from shiftcore.driver.address import Address
from shiftcore.driver.sources import live
from shiftcore.driver.sources.opencv import opencv_file
from shiftcore.driver.sources.source import Stamped
from shiftcore.errors import UserError
from shiftcore.model import video
from shiftcore.model.colour import gray
from shiftcore.model.preprocess import Preprocessor, pixel_aspect, to_input
from shiftcore.model.sampling import Frame, Wanted
from shiftcore.quant.data import read_clips, wide_frames
from shiftcore.quant.preset import Preset, parse_preset

HEIGHT, WIDTH = 48, 64
LUMA, BOTH = Wanted(luma=True), Wanted(luma=True, shown=True)
QUIET = {"x265-params": "log-level=none:keyint=12:min-keyint=12"}


def pictures(count: int, height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> list[np.ndarray]:
    """Coloured blocks of noise, brighter from frame to frame."""
    shape = (height // 8 + 1, width // 8 + 1, 3)
    texture = np.random.default_rng(seed).integers(0, 150, shape).repeat(8, 0).repeat(8, 1)[:height, :width]
    return [(texture + 100 * index // count).astype(np.uint8) for index in range(count)]


def encode(
    path: Path,
    codec: str,
    images: list[np.ndarray],
    pix_fmt: str = "yuv420p",
    rotation: int | None = None,
    times_ms: list[int] | None = None,
) -> Path:
    """Write `images`, a key frame every twelve; `rotation`: by how many degrees, counter-clockwise, a player turns."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *images[0].shape[:2], pix_fmt
        stream.bit_rate, stream.options = 4_000_000, QUIET if codec == "libx265" else {"g": "12"}
        if pix_fmt.startswith("gray"):
            stream.codec_context.color_range = ColorRange.JPEG  # as FFmpeg makes gray from colours
        if rotation is not None:
            stream.set_display_rotation(rotation)
        if times_ms:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if times_ms:
                frame.pts, frame.time_base = times_ms[index], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def cut(source: Path, first: int, count: int = 1000) -> Path:
    """The video at `source` without its first packets, as a recorder that joins a running stream stores it."""
    path = source.with_name(f"cut-{source.name}")
    with av.open(str(source)) as whole, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(whole.streams.video[0])
        packets = [packet for packet in whole.demux(video=0) if packet.size]
        for packet in packets[first : first + count]:
            packet.stream = stream
            container.mux(packet)
    return path


def both(path: Path, deep: bool = False) -> list[Frame]:
    """What PyAV reads in colours, after a check that OpenCV reads the same: the luma byte for byte, unless it has more
    bits (`deep`)."""
    with_pyav, with_opencv = list(video.timed(path, None, BOTH)), list(opencv_file(path, None))
    assert [frame.number for frame in with_pyav] == [frame.number for frame in with_opencv]
    for ours, other in zip(with_pyav, with_opencv, strict=True):
        assert ours.shown is not None and ours.shown.dtype == np.uint8 and ours.shown.flags.c_contiguous
        assert ours.shown.shape == other.pixels.shape
        assert np.abs(ours.shown.astype(int) - other.pixels).mean() < 9  # chroma is not spread alike where it is sparse
        assert ours.seconds == pytest.approx(other.seconds, abs=1e-3)
    if deep:
        with pytest.raises(UserError, match=rf"{path.name}: OpenCV gives no luma of its pixel format"):
            list(opencv_file(path, None, LUMA))
    else:
        lumas = [frame.pixels.tolist() for frame in opencv_file(path, None, LUMA)]
        assert lumas == [frame.pixels.tolist() for frame in with_pyav]
    return [frame._replace(pixels=frame.shown) for frame in with_pyav if frame.shown is not None]


def small_preset(representation: str = "luma") -> Preset:
    values = {
        "name": "small",
        "input": {"height": 16, "width": 16, "representation": representation},
        "network": {"stem": {"width": 8}, "stages": [{"width": 8, "stride": 1}]},
        "data": {"source": "folder", "num_segments": 4},
    }
    return parse_preset(values, "small")


def distance(decoded: list[Frame], images: list[np.ndarray]) -> float:
    """Mean difference of a pixel; what a codec loses is a few steps, a wrong picture is tens."""
    assert [frame.pixels.shape for frame in decoded] == [image.shape for image in images]
    return max(float(np.abs(a.astype(int) - b).mean()) for (_, _, a, _), b in zip(decoded, images, strict=True))


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_what_a_phone_turned_comes_upright(tmp_path: Path, container: str, rotation: int) -> None:
    seen = pictures(4, 64, 48)
    stored = [np.ascontiguousarray(np.rot90(image, -rotation // 90)) for image in seen]
    path = encode(tmp_path / f"a.{container}", "libx264", stored, "yuv444p", rotation)
    assert distance(both(path), seen) < 4


def test_a_slant_is_left_as_it_is(tmp_path: Path) -> None:
    images = pictures(2)
    assert distance(both(encode(tmp_path / "a.mp4", "libx264", images, "yuv444p", rotation=30)), images) < 4


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_variable_frame_rate_keeps_every_frame_and_its_time(tmp_path: Path, container: str) -> None:
    times, images = [0, 40, 80, 300, 1000, 1013], pictures(6)
    decoded = both(encode(tmp_path / f"a.{container}", "libx264", images, "yuv444p", times_ms=times))
    assert [frame.seconds for frame in decoded] == pytest.approx([time / 1000 for time in times], abs=1e-3)
    assert distance(decoded, images) < 4


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("a.mkv", "ffv1", "gray"), ("a.mp4", "libx264", "gray"), ("a.mp4", "libx264", "gray10le")],
)
def test_gray_is_gray_in_all_three_colours(tmp_path: Path, name: str, codec: str, pix_fmt: str) -> None:
    images = [image[:, :, :1].repeat(3, 2) for image in pictures(4)]
    decoded = both(encode(tmp_path / name, codec, images, pix_fmt), deep=pix_fmt == "gray10le")
    assert distance(decoded, images) < 4
    assert all(np.ptp(frame.pixels.astype(int), axis=2).max() <= 3 for frame in decoded)


@pytest.mark.parametrize("size", [(48, 64), (63, 97)])
@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv422p10le", "yuv444p10le"])
def test_ten_bits_become_eight(tmp_path: Path, pix_fmt: str, size: tuple[int, int]) -> None:
    images = pictures(3, *size)
    assert distance(both(encode(tmp_path / "a.mkv", "ffv1", images, pix_fmt), deep=True), images) < 12


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_ten_bits_of_a_recorder(tmp_path: Path, codec: str) -> None:
    images = pictures(3)
    assert distance(both(encode(tmp_path / "a.mp4", codec, images, "yuv420p10le"), deep=True), images) < 12


@settings(max_examples=15, deadline=None)
@given(
    st.integers(17, 99),
    st.integers(17, 99),
    st.sampled_from([("ffv1", "mkv", "yuv420p"), ("mpeg4", "avi", "yuv420p"), ("libx264", "mp4", "yuv444p")]),
)
def test_odd_sizes(tmp_path_factory: pytest.TempPathFactory, height: int, width: int, kind: tuple[str, ...]) -> None:
    codec, container, pix_fmt = kind
    images = pictures(2, height, width)
    path = encode(tmp_path_factory.mktemp("odd") / f"a.{container}", codec, images, pix_fmt)
    assert distance(both(path), images) < 20


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.ts", "libx264"), ("a.avi", "mpeg4")])
def test_one_frame_is_a_video_and_no_clip(tmp_path: Path, name: str, codec: str) -> None:
    path = encode(tmp_path / name, codec, pictures(1))
    assert len(both(path)) == 1
    with pytest.raises(UserError, match=rf"{name}: 1 images, fewer than the 4 that one clip takes"):
        read_clips(small_preset(), path)


CUT = [("a.ts", "libx264"), ("a.ts", "libx265"), ("a.ts", "mpeg2video"), ("a.mkv", "libx264"), ("a.mkv", "mpeg4")]


@pytest.mark.parametrize(("name", "codec"), CUT)
def test_a_recording_that_begins_between_key_frames_gives_all_from_the_first_on(
    tmp_path: Path, name: str, codec: str
) -> None:
    """Of 40 frames the first 5 are cut off; the key frames are 0, 12, 24, 36. Nothing is guessed."""
    whole = encode(tmp_path / name, codec, pictures(40))
    decoded, expected = both(cut(whole, 5)), both(whole)[12:]
    assert [frame.pixels.tolist() for frame in decoded] == [frame.pixels.tolist() for frame in expected]
    assert len(read_clips(small_preset(), tmp_path / f"cut-{name}")) == 7


@pytest.mark.parametrize("read", [live._pyav_live, live._opencv_live])
def test_a_camera_that_is_joined_between_key_frames_begins_at_the_next(
    tmp_path: Path, read: Callable[[Address, Wanted], Iterator[Stamped]]
) -> None:
    path = cut(encode(tmp_path / "a.mkv", "mpeg4", pictures(40)), 5)  # whose decoder guesses what is gone
    received: list[list[int]] = []
    with contextlib.suppress(UserError):  # no more frames
        for _, convert in read(Address(str(path)), LUMA):
            seen = convert()
            assert seen is not None and seen[1] is None
            received.append(seen[0].tolist())
    assert received == [frame.pixels.tolist() for frame in video.timed(path, None, LUMA)]


def test_where_the_container_counts_frames_those_lost_are_missed(tmp_path: Path) -> None:
    path = cut(encode(tmp_path / "a.avi", "mpeg4", pictures(40)), 5)
    frames: list[Frame] = []
    with pytest.raises(UserError, match=r"cut-a.avi: truncated after 28 frames, 40 are announced"):
        for frame in video.timed(path, None, LUMA):
            frames.append(frame)
    others = [frame.pixels.tolist() for frame in opencv_file(path, None, LUMA)]  # its count may be a second off
    assert [frame.pixels.tolist() for frame in frames] == others


@pytest.mark.parametrize(("name", "codec"), CUT)
def test_without_a_key_frame_there_is_nothing_and_one_line_says_so(tmp_path: Path, name: str, codec: str) -> None:
    path = cut(encode(tmp_path / name, codec, pictures(12)), 3)
    with pytest.raises(UserError, match=rf"cut-{name}: (holds no frames|not a readable)") as caught:
        list(video.timed(path))
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=rf"cut-{name}: (holds no frames|not a readable)"):
        list(opencv_file(path, None))


@pytest.mark.parametrize("rotation", [90, 180])
def test_what_is_learned_from_is_upright_too(tmp_path: Path, rotation: int) -> None:
    seen = pictures(8, 64, 48)
    stored = [np.ascontiguousarray(np.rot90(image, -rotation // 90)) for image in seen]
    turned = encode(tmp_path / "turned.mkv", "ffv1", stored, "bgr0", rotation)
    upright = encode(tmp_path / "upright.mkv", "ffv1", seen, "bgr0")
    assert np.array_equal(read_clips(small_preset(), turned), read_clips(small_preset(), upright))


@pytest.mark.parametrize(("name", "codec"), [("a.ts", "mpeg2video"), ("a.mp4", "libx264")])
def test_both_fields_of_an_interlaced_picture_are_seen_as_they_lie(tmp_path: Path, name: str, codec: str) -> None:
    """A frame holds two moments, in every other line each; nobody takes them apart, in training or live."""
    moments = pictures(8, 64, 64)
    woven = [np.where(np.arange(64)[:, None, None] % 2, b, a) for a, b in zip(moments[::2], moments[1::2], strict=True)]
    with av.open(str(tmp_path / name), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt, stream.bit_rate = 64, 64, "yuv420p", 6_000_000
        stream.options = {"x264-params": "interlaced=1"} if codec == "libx264" else {"flags": "+ildct+ilme"}
        for image in woven:
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(tmp_path / name)) as container:
        assert next(container.decode(video=0)).interlaced_frame
    decoded = list(video.timed(tmp_path / name, None, LUMA))
    if not cv2.__version__.startswith("5.0.0"):  # which gives nothing usable of them (docs/driver.md)
        others = [seen.pixels.tolist() for seen in opencv_file(tmp_path / name, None, LUMA)]
        assert [seen.pixels.tolist() for seen in decoded] == others
    for seen, image in zip(decoded, woven, strict=True):
        assert np.abs(seen.pixels - (gray(image).astype(int) * 219 / 255 + 16)).mean() < 6


def anamorphic(path: Path, codec: str, images: list[np.ndarray], aspect: Fraction, rotation: int | None = None) -> Path:
    """Write `images` with pixels `aspect` times as wide as high."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt, stream.bit_rate = *images[0].shape[:2], "yuv420p", 4_000_000
        stream.codec_context.sample_aspect_ratio = aspect
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.ts", "libx264"), ("a.mpg", "mpeg2video")]
)
@pytest.mark.parametrize("aspect", [Fraction(4, 3), Fraction(16, 15)])
def test_pixels_that_are_not_square_are_known_to_both_readers(
    tmp_path: Path, name: str, codec: str, aspect: Fraction
) -> None:
    shape = (576, 720) if codec == "mpeg2video" else (48, 64)  # MPEG-2 knows the whole picture's aspect only
    aspect = Fraction(16, 15) if codec == "mpeg2video" else aspect
    path = anamorphic(tmp_path / name, codec, pictures(3, *shape), aspect)
    with_opencv = [frame.pixels for frame in opencv_file(path, None, LUMA)]
    for frame, other in zip(video.timed(path, None, BOTH), with_opencv, strict=True):
        assert pixel_aspect(frame.pixels) == pixel_aspect(frame.shown) == pixel_aspect(other) == aspect
        assert np.array_equal(to_input(frame.pixels, 16, 16), to_input(other, 16, 16))


@pytest.mark.parametrize("rotation", [90, 180])
def test_a_turn_turns_the_pixels(tmp_path: Path, rotation: int) -> None:
    path = anamorphic(tmp_path / "a.mp4", "libx264", pictures(2), Fraction(4, 3), rotation)
    wanted = Fraction(3, 4) if rotation == 90 else Fraction(4, 3)
    assert {pixel_aspect(frame.pixels) for frame in both(path)} == {wanted}
    assert {pixel_aspect(frame.pixels) for frame in opencv_file(path, None)} == {wanted}


def test_training_and_the_runtime_see_wide_pixels_alike(tmp_path: Path) -> None:
    """And nearly what square ones show: the same scene, 64x48, stored as 32x48 of pixels twice as wide."""
    scene = pictures(8)
    narrow = [image.reshape(HEIGHT, WIDTH // 2, 2, 3).mean(2).astype(np.uint8) for image in scene]
    wide = anamorphic(tmp_path / "wide.mp4", "libx264", narrow, Fraction(2))
    square = encode(tmp_path / "square.mp4", "libx264", scene)
    preset = small_preset()
    learned = read_clips(preset, wide).reshape(-1, 16, 16, 1)
    for read in (video.timed(wide, None, LUMA), opencv_file(wide, None, LUMA)):
        prepare = Preprocessor(preset.preprocessing)
        assert np.array_equal(np.stack(list(prepare.clip(frame.pixels for frame in read))), learned)
    assert np.abs(learned.astype(int) - read_clips(preset, square).reshape(-1, 16, 16, 1)).mean() < 4
    assert wide_frames(preset, wide).pixels.shape == (8, 24, 32)  # whole, and square
