# SPDX-License-Identifier: BSD-3-Clause
"""Frames from files and folders: all of them, in order, in time, and one line for what is broken."""

import time
from pathlib import Path

import av
import numpy as np
import pytest

from shiftcore.driver.sources import Image, Source, interleave, open_sources
from shiftcore.errors import UserError
from shiftcore.model import decoders, video
from shiftcore.model.colour import gray
from shiftcore.model.decoders import Library
from shiftcore.model.preprocess import Preprocessor
from shiftcore.model.sampling import Wanted
from shiftcore.quant.data import read_clips
from shiftcore.quant.preset import load_preset, parse_preset
from tests.driver.footage import LIMIT_S, joined, pictures
from tests.driver.rtsp_camera import transport_stream

LUMA = Wanted(luma=True)


def everything(source: Source) -> list[Image]:
    end, images = time.monotonic() + LIMIT_S, []
    while not source.done:
        image = source.take()
        images += [image] if image else []
        assert time.monotonic() < end, "the source hangs"
        if image is None and not source.done:
            time.sleep(0.01)
    return images


def test_a_file_frame_by_frame(reader: str, tmp_path: Path, said: list[str]) -> None:
    video.write(tmp_path / "a.mp4", pictures(20), rate=10)
    (source,) = open_sources([str(tmp_path / "a.mp4")], None, said.append, LUMA)
    images = everything(source)
    expected = list(video.frames(tmp_path / "a.mp4", luma=True))
    assert [image.pixels.tolist() for image in images] == [pixels.tolist() for pixels in expected]
    assert [image.number for image in images] == list(range(20))
    assert [image.seconds for image in images] == pytest.approx([index / 10 for index in range(20)])
    assert [image.first for image in images] == [True] + [False] * 19
    assert {image.source for image in images} == {str(tmp_path / "a.mp4")}
    assert said == [] and not source.live


def test_frames_are_taken_by_the_clock(reader: str, tmp_path: Path, said: list[str]) -> None:
    video.write(tmp_path / "a.mp4", pictures(11))
    images = everything(open_sources([str(tmp_path / "a.mp4")], 8, said.append, LUMA)[0])
    expected = list(video.frames(tmp_path / "a.mp4", 8, luma=True))
    assert [image.pixels.tolist() for image in images] == [pixels.tolist() for pixels in expected]
    assert [(image.number, round(image.seconds, 3)) for image in images] == [(0, 0), (4, 0.16), (7, 0.28), (10, 0.4)]


@pytest.mark.parametrize("representation", ["rgb", "luma", "motion"])
@pytest.mark.parametrize("rate", [None, 14])
def test_training_and_the_runtime_make_the_same_bytes(
    reader: str, tmp_path: Path, said: list[str], representation: str, rate: int | None
) -> None:
    if (reader, representation) == ("OpenCV", "rgb"):
        pytest.skip("OpenCV converts colours its own way (docs/driver.md)")
    values = load_preset("tiny").model_dump(mode="json")
    values["input"] |= {"representation": representation, "images_per_second": rate, "run_every": 2}
    values["data"] |= {"source": "folder", "num_segments": 4}
    preset = parse_preset(values, "test")
    video.write(tmp_path / "a.mp4", pictures(40, 66, 90))
    learned = read_clips(preset, tmp_path / "a.mp4").reshape(-1, 32, 32, preset.input.made_of.channels)

    prepare = Preprocessor(preset.preprocessing)
    images = everything(open_sources([str(tmp_path / "a.mp4")], rate, said.append, Wanted(prepare.luma))[0])
    prepared = [prepare.prepare(image.pixels, stream=2, clear=image.first) for image in images]
    seen = [item for item in prepared if item is not None]
    assert [first for _, first in seen] == [True] + [False] * (len(seen) - 1)
    assert len(learned) >= 8
    assert np.array_equal(np.stack([pixels for pixels, _ in seen])[: len(learned)], learned)


def test_a_folder_is_its_files_in_order_each_a_clip(reader: str, tmp_path: Path, said: list[str]) -> None:
    for name, count in (("b.mp4", 4), ("a.mp4", 3), ("c.mp4", 2)):
        video.write(tmp_path / name, pictures(count))
    (tmp_path / ".hidden").write_text("x")
    images = everything(open_sources([str(tmp_path)], None, said.append)[0])
    assert [Path(image.source).name for image in images] == ["a.mp4"] * 3 + ["b.mp4"] * 4 + ["c.mp4"] * 2
    assert [image.first for image in images] == [True, False, False, True, False, False, False, True, False]
    assert images[3].seconds == images[3].number == 0


def test_one_damaged_file_costs_one_line_and_not_the_others(reader: str, tmp_path: Path, said: list[str]) -> None:
    video.write(tmp_path / "a.mp4", pictures(3))
    (tmp_path / "b.mp4").write_text("no video at all\n" * 100)
    video.write(tmp_path / "c.mp4", pictures(3))
    (source,) = open_sources([str(tmp_path)], None, said.append)
    assert len(everything(source)) == 6
    assert len(said) == source.problems == 1
    assert said[0].startswith(f"{tmp_path / 'b.mp4'}: not a readable video") and "\n" not in said[0]


def test_a_video_that_ends_mid_frame_gives_its_good_frames_and_one_line(
    reader: str, tmp_path: Path, said: list[str]
) -> None:
    path = tmp_path / "cut.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for pixels in np.random.default_rng(1).integers(0, 256, (80, 48, 64, 3), dtype=np.uint8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (source,) = open_sources([str(path)], None, said.append)
    images = everything(source)
    assert 0 < len(images) < 80
    assert len(said) == source.problems == 1
    assert said[0].startswith(f"{path}: ") and f"after {len(images)} frames" in said[0] and "\n" not in said[0]


def test_what_does_not_fit_is_left_out(tmp_path: Path, said: list[str]) -> None:
    for name in ("a.mp4", "b.mp4"):
        video.write(tmp_path / name, pictures(3))
    (source,) = open_sources([str(tmp_path)], None, said.append)
    assert source.take() is not None
    source.refuse("a.mp4: too small")
    assert [Path(image.source).name for image in everything(source)] == ["b.mp4"] * 3
    assert said == ["a.mp4: too small"] and source.problems == 1


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("absent.mp4", "absent.mp4: no such video file or folder"),
        ("/dev/video-absent", "/dev/video-absent: no such camera"),
        ("EMPTY", "an empty folder; put video files there"),
    ],
)
def test_no_source(tmp_path: Path, said: list[str], argument: str, reason: str) -> None:
    (tmp_path / ".hidden").write_text("x")
    with pytest.raises(UserError, match=reason):
        open_sources([str(tmp_path) if argument == "EMPTY" else argument], None, said.append)


def test_nothing_to_read_with(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    for function, name in (("pyav", "PyAV"), ("opencv", "OpenCV"), ("ffmpeg", "FFmpeg")):
        monkeypatch.setattr(decoders, function, lambda name=name: Library(name, False, f"{name} is not installed"))
    reason = "no video can be read: PyAV is not installed; OpenCV is not installed; FFmpeg is not installed"
    with pytest.raises(UserError, match=reason):
        open_sources(["a.mp4"], None, said.append)


def test_sources_take_turns(tmp_path: Path, said: list[str]) -> None:
    for name, count in (("a.mp4", 5), ("b.mp4", 2), ("c.mp4", 3)):
        video.write(tmp_path / name, pictures(count))
    opened = open_sources([str(tmp_path / name) for name in ("a.mp4", "b.mp4", "c.mp4")], None, said.append)
    order = [item[0] for item in interleave(opened) if item]
    assert order == [0, 1, 2, 0, 1, 2, 0, 2, 0, 0]


@pytest.mark.parametrize("offsets_s", [[0, 0], [100, 94], [100, 99, 98], [0, 60]])
def test_a_file_whose_clock_jumps_gives_all_its_images(
    reader: str, tmp_path: Path, said: list[str], offsets_s: list[int]
) -> None:
    path, count = joined(tmp_path, offsets_s), 50 * len(offsets_s)
    images = everything(open_sources([str(path)], 16, said.append)[0])
    assert len(images) == len(list(video.frames(path, 16))) == count * 16 // 25
    assert [image.seconds for image in images] == pytest.approx([image.number / 25 for image in images], abs=1e-3)
    assert len(said) == 1 and said[0].startswith(f"{path}: its clock jumps by ") and "\n" not in said[0]


@pytest.mark.usefixtures("reader")
def test_who_records_sees_colours_beside_the_luma(reader: str, tmp_path: Path, said: list[str]) -> None:
    """And gray ones where OpenCV reads, which gives one or the other."""
    video.write(tmp_path / "a.mp4", pictures(3))
    for wanted in (Wanted(luma=True, shown=True), Wanted(shown=True), Wanted()):
        for image in everything(open_sources([str(tmp_path / "a.mp4")], None, said.append, wanted)[0]):
            assert image.pixels.shape == ((48, 64) if wanted.luma else (48, 64, 3))
            assert (image.shown is not None) == wanted.shown
            if image.shown is not None:
                assert image.shown.shape == (48, 64, 3)
                assert bool(np.ptp(image.shown, axis=2).any()) == (reader == "PyAV" or not wanted.luma)


CHANGES = {"smaller": [(96, 128), (48, 64)], "larger": [(48, 64), (96, 128)], "to portrait": [(48, 64), (80, 48)]}


@pytest.mark.parametrize("sizes", CHANGES.values(), ids=CHANGES)
def test_a_picture_that_changes_its_size_goes_on_as_in_training(
    tmp_path: Path, said: list[str], sizes: list[tuple[int, int]]
) -> None:
    """With PyAV; OpenCV neither follows nor tells (docs/driver.md)."""
    parts = [
        transport_stream(tmp_path / f"{begin_s}.ts", pictures(25, *size), begin_s=begin_s).read_bytes()
        for begin_s, size in enumerate(sizes)
    ]
    (tmp_path / "a.ts").write_bytes(b"".join(parts))
    values = load_preset("tiny").model_dump(mode="json")
    values["input"] |= {"representation": "motion"}
    values["data"] |= {"source": "folder", "num_segments": 4}
    preset = parse_preset(values, "test")
    learned = read_clips(preset, tmp_path / "a.ts").reshape(-1, 32, 32, 3)
    images = everything(open_sources([str(tmp_path / "a.ts")], None, said.append, LUMA)[0])
    before = len(images) - 25  # FFmpeg's MPEG-2 drops the frame that it holds back where the size changes
    assert [image.pixels.shape for image in images] == [sizes[0]] * before + [sizes[1]] * 25 and before >= 24
    seen = list(Preprocessor(preset.preprocessing).clip(image.pixels for image in images))
    assert len(seen) == len(images) - 2 and np.array_equal(seen[: len(learned)], learned) and said == []


def test_a_camera_that_goes_gray_at_night_keeps_its_luma(reader: str, tmp_path: Path, said: list[str]) -> None:
    """The infrared picture has colours without a difference, or none at all, as `gray` of H.264's monochrome: its luma
    is taken as it is, with no step from day to night but that of the light."""
    day = pictures(4)
    night = [np.ascontiguousarray(np.broadcast_to(image[..., :1], image.shape)) for image in day]
    path = transport_stream(tmp_path / "a.ts", day + night)
    images = everything(open_sources([str(path)], None, said.append, LUMA)[0])
    expected = [gray(image).astype(int) * 219 / 255 + 16 for image in day + night]
    assert max(float(np.abs(a.pixels - b).mean()) for a, b in zip(images, expected, strict=True)) < 6
