# SPDX-License-Identifier: BSD-3-Clause
"""Frames from files, folders and cameras: all of them, in order, in time, and one line for what is broken."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import av
import numpy as np
import pytest

from shiftcore.driver.address import Address
from shiftcore.driver.sources import Image, Source, interleave, live, open_sources
from shiftcore.driver.sources.files import Files
from shiftcore.driver.sources.live import Live
from shiftcore.driver.sources.source import Stamped
from shiftcore.errors import UserError
from shiftcore.model import decoders, video
from shiftcore.model.colour import gray
from shiftcore.model.decoders import Library
from shiftcore.model.preprocess import Preprocessor
from shiftcore.model.sampling import Wanted
from shiftcore.quant.data import read_clips
from shiftcore.quant.preset import load_preset, parse_preset
from tests.driver.http_camera import MjpegCamera
from tests.driver.rtsp_camera import Camera, transport_stream

Reader = str
LUMA = Wanted(luma=True)
LIMIT_S = 90.0  # for a machine that has much else to do


def pictures(count: int, height: int = 48, width: int = 64, seed: int = 0) -> list[np.ndarray]:
    """Blocks of noise, brighter from frame to frame."""
    texture = np.random.default_rng(seed).integers(0, 150, (height // 8, width // 8, 3)).repeat(8, 0).repeat(8, 1)
    return [(texture + 100 * index // count).astype(np.uint8) for index in range(count)]


@pytest.fixture(params=["PyAV", "OpenCV"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Everything is read by both."""
    if request.param == "OpenCV":
        monkeypatch.setattr(decoders, "pyav", lambda: Library("PyAV", False, "PyAV is not installed"))
    return request.param


@pytest.fixture
def said() -> list[str]:
    return []


def everything(source: Source) -> list[Image]:
    end, images = time.monotonic() + LIMIT_S, []
    while not source.done:
        image = source.take()
        images += [image] if image else []
        assert time.monotonic() < end, "the source hangs"
        if image is None and not source.done:
            time.sleep(0.01)
    return images


def test_a_file_frame_by_frame(reader: Reader, tmp_path: Path, said: list[str]) -> None:
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


def test_frames_are_taken_by_the_clock(reader: Reader, tmp_path: Path, said: list[str]) -> None:
    video.write(tmp_path / "a.mp4", pictures(11))
    images = everything(open_sources([str(tmp_path / "a.mp4")], 8, said.append, LUMA)[0])
    expected = list(video.frames(tmp_path / "a.mp4", 8, luma=True))
    assert [image.pixels.tolist() for image in images] == [pixels.tolist() for pixels in expected]
    assert [(image.number, round(image.seconds, 3)) for image in images] == [(0, 0), (4, 0.16), (7, 0.28), (10, 0.4)]


@pytest.mark.parametrize("representation", ["rgb", "luma", "motion"])
@pytest.mark.parametrize("rate", [None, 14])
def test_training_and_the_runtime_make_the_same_bytes(
    reader: Reader, tmp_path: Path, said: list[str], representation: str, rate: int | None
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


def test_a_folder_is_its_files_in_order_each_a_clip(reader: Reader, tmp_path: Path, said: list[str]) -> None:
    for name, count in (("b.mp4", 4), ("a.mp4", 3), ("c.mp4", 2)):
        video.write(tmp_path / name, pictures(count))
    (tmp_path / ".hidden").write_text("x")
    images = everything(open_sources([str(tmp_path)], None, said.append)[0])
    assert [Path(image.source).name for image in images] == ["a.mp4"] * 3 + ["b.mp4"] * 4 + ["c.mp4"] * 2
    assert [image.first for image in images] == [True, False, False, True, False, False, False, True, False]
    assert images[3].seconds == images[3].number == 0


def test_one_damaged_file_costs_one_line_and_not_the_others(reader: Reader, tmp_path: Path, said: list[str]) -> None:
    video.write(tmp_path / "a.mp4", pictures(3))
    (tmp_path / "b.mp4").write_text("no video at all\n" * 100)
    video.write(tmp_path / "c.mp4", pictures(3))
    (source,) = open_sources([str(tmp_path)], None, said.append)
    assert len(everything(source)) == 6
    assert len(said) == source.problems == 1
    assert said[0].startswith(f"{tmp_path / 'b.mp4'}: not a readable video") and "\n" not in said[0]


def test_a_video_that_ends_mid_frame_gives_its_good_frames_and_one_line(
    reader: Reader, tmp_path: Path, said: list[str]
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
    for function, name in (("pyav", "PyAV"), ("opencv", "OpenCV")):
        monkeypatch.setattr(decoders, function, lambda name=name: Library(name, False, f"{name} is not installed"))
    with pytest.raises(UserError, match="no video can be read: PyAV is not installed; OpenCV is not installed"):
        open_sources(["a.mp4"], None, said.append)


def test_sources_take_turns(tmp_path: Path, said: list[str]) -> None:
    for name, count in (("a.mp4", 5), ("b.mp4", 2), ("c.mp4", 3)):
        video.write(tmp_path / name, pictures(count))
    opened = open_sources([str(tmp_path / name) for name in ("a.mp4", "b.mp4", "c.mp4")], None, said.append)
    order = [item[0] for item in interleave(opened) if item]
    assert order == [0, 1, 2, 0, 1, 2, 0, 2, 0, 0]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly a pause between two attempts."""
    monkeypatch.setattr(live, "PAUSE_S", (0.01, 0.04))


Make = Callable[..., Camera]


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[Make]:
    made: list[Camera] = []

    def make(count: int = 12, pace_s: float = 0.0, freeze: bool = False) -> Camera:
        content = transport_stream(tmp_path / "camera.ts", pictures(count)).read_bytes()
        made.append(Camera(content, pace_s, freeze))
        return made[-1]

    yield make
    for one in made:
        one.close()


def drain(source: Source, until: Callable[[list[Image]], bool]) -> list[Image]:
    images: list[Image] = []
    end = time.monotonic() + LIMIT_S
    while not until(images):
        image = source.take()
        images += [image] if image else []
        assert time.monotonic() < end, "the camera hangs"
    return images


@pytest.mark.usefixtures("at_once")
def test_a_camera_that_hangs_up_is_called_again(reader: Reader, camera: Make, said: list[str]) -> None:
    door = camera(count=40, pace_s=0.002)
    (source,) = open_sources([door.address], None, said.append)
    assert source.live
    images = drain(source, lambda images: sum(image.first for image in images) == 3)
    source.close()
    starts = [index for index, image in enumerate(images) if image.first]
    assert starts[0] == 0 and all(images[start].number == 0 or source.dropped for start in starts)
    assert all(a.seconds <= b.seconds for a, b in pairwise(images))
    assert images[0].pixels.shape == (48, 64, 3)
    assert said[:2] == [f"{door.address}: the camera ended the connection; called again in 0.01 s",
                        f"{door.address}: sends again"] or "sends no more frames" in said[0]  # fmt: skip


@pytest.mark.usefixtures("at_once")
def test_a_camera_that_stays_away_is_called_for_ever(
    reader: Reader, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is there when it comes, at the same address."""
    content = transport_stream(tmp_path / "camera.ts", pictures(40)).read_bytes()
    away = Camera(content)
    away.close()
    (source,) = open_sources([away.address], None, said.append)
    end = time.monotonic() + LIMIT_S
    while not any("every 0.04 s" in line for line in said) and time.monotonic() < end:
        assert source.take() is None
        time.sleep(0.01)
    time.sleep(0.3)
    assert not source.done and source.interrupted and source.problems == 0
    assert ["in 0.01 s" in said[0], "in 0.02 s" in said[1], "every 0.04 s" in said[2]] == [True] * 3
    assert len(said) == 3, "the longest pause is told once"
    back = Camera(content, pace_s=0.002, port=int(away.address.split(":")[2].split("/")[0]))
    images = drain(source, lambda images: len(images) > 3)
    assert images[0].first and not source.interrupted and said[3] == f"{away.address}: sends again"
    source.close()
    back.close()


@pytest.mark.usefixtures("at_once")
def test_a_camera_that_goes_silent_is_called_again(
    reader: Reader, camera: Make, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "TIMEOUT_S", 2.0)
    door = camera(count=60, freeze=True)
    (source,) = open_sources([door.address], None, said.append)
    drain(source, lambda images: any(image.first for image in images[1:]) or door.connections > 1)
    source.close()
    assert said[0].startswith(f"{door.address}: ") and said[0].endswith("; called again in 0.01 s")
    assert "stalled: no picture for 2 s" in said[0] or "no answer within 2 s" in said[0], said


def test_the_newest_frames_are_kept_and_the_rest_counted(
    camera: Make, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "TIMEOUT_S", 2.0)
    door = camera(count=40, pace_s=0.002, freeze=True)
    (source,) = open_sources([door.address], None, said.append)
    end = time.monotonic() + LIMIT_S
    while source.dropped < 20 and time.monotonic() < end:
        time.sleep(0.01)
    first = source.take()
    assert isinstance(source, Live) and first is not None
    assert source.dropped >= 20 and first.first and first.number >= 20 - live.QUEUED  # what began still begins
    source.close()


def test_whoever_closes_a_silent_camera_waits_for_its_thread(
    reader: Reader, camera: Make, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "TIMEOUT_S", 2.0)
    monkeypatch.setattr(live, "PATIENCE_S", 0.1)
    door = camera(count=12, freeze=True)
    (source,) = open_sources([door.address], None, said.append)
    drain(source, lambda images: len(images) > 0)
    time.sleep(0.5)  # all are sent: what follows is silence
    source.close()
    assert door.address not in {thread.name for thread in threading.enumerate()}
    assert said == [f"{door.address}: silent; the end waits for it, 2 s at most"]
    assert source.done and door.connections == 1  # nobody called again


def test_one_who_stops_a_camera_does_not_wait(camera: Make, said: list[str]) -> None:
    (source,) = open_sources([camera(count=100, pace_s=0.01).address], None, said.append)
    drain(source, lambda images: len(images) > 0)
    source.stop()
    assert source.done and list(interleave([source])) == []
    source.close()
    assert said == []


def test_without_frames_there_is_nothing_to_take_but_others_go_on(
    camera: Make, said: list[str], tmp_path: Path
) -> None:
    video.write(tmp_path / "a.mp4", pictures(6))
    door = camera(count=100, pace_s=0.01, freeze=True)
    opened = open_sources([door.address, str(tmp_path / "a.mp4")], None, said.append)
    end, counts = time.monotonic() + LIMIT_S, [0, 0]
    for item in interleave(opened):
        if item:
            counts[item[0]] += 1
        assert time.monotonic() < end
        if counts[0] >= 8 and counts[1] == 6:
            break
    assert isinstance(opened[1], Files) and opened[1].done
    opened[0].close()


def joined(folder: Path, offsets_s: list[int], count: int = 50) -> Path:
    """Transport streams one behind the other, as a recorder joins them; each begins at its own time."""
    path = folder / "joined.ts"
    parts = [transport_stream(folder / "part.ts", pictures(count), begin_s=offset).read_bytes() for offset in offsets_s]
    path.write_bytes(b"".join(parts))
    return path


@pytest.mark.parametrize("offsets_s", [[0, 0], [100, 94], [100, 99, 98], [0, 60]])
def test_a_file_whose_clock_jumps_gives_all_its_images(
    reader: Reader, tmp_path: Path, said: list[str], offsets_s: list[int]
) -> None:
    path, count = joined(tmp_path, offsets_s), 50 * len(offsets_s)
    images = everything(open_sources([str(path)], 16, said.append)[0])
    assert len(images) == len(list(video.frames(path, 16))) == count * 16 // 25
    assert [image.seconds for image in images] == pytest.approx([image.number / 25 for image in images], abs=1e-3)
    assert len(said) == 1 and said[0].startswith(f"{path}: its clock jumps by ") and "\n" not in said[0]


@pytest.mark.parametrize("rate", [None, 16])
def test_a_camera_whose_clock_jumps_goes_on(
    reader: Reader, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch, rate: int | None
) -> None:
    monkeypatch.setattr(live, "QUEUED", 1000)
    monkeypatch.setattr(live, "PAUSE_S", (60.0, 60.0))
    content = joined(tmp_path, [100, 40]).read_bytes()
    door = Camera(content, pace_s=4 * 1316 / len(content))  # 4 seconds of footage
    (source,) = open_sources([door.address], rate, said.append)
    images = drain(source, lambda _: source.interrupted)
    source.close()
    door.close()
    assert len(images) > 0.8 * (100 if rate is None else 64)
    assert all(0 <= b.seconds - a.seconds < 2 for a, b in pairwise(images))
    assert sum("its clock jumps by -6" in line for line in said) == 1


@pytest.mark.parametrize("rate", [None, 16])
def test_pictures_over_http_have_the_time_of_their_arrival(reader: Reader, said: list[str], rate: int | None) -> None:
    """They come without a clock; FFmpeg invents one, 25 a second."""
    camera = MjpegCamera(pictures(20), rate=5)
    (source,) = open_sources([camera.address], rate, said.append)
    images: list[tuple[float, Image]] = []
    while len(images) < 12:
        image = source.take()
        images += [(time.monotonic(), image)] if image else []
        time.sleep(0.002)
    source.close()
    camera.close()
    (began, first), (ended, last) = images[0], images[-1]
    assert last.seconds - first.seconds == pytest.approx(ended - began, abs=0.5)
    assert last.number <= 14 and said == []  # slower than the rate: all are taken but what came in a burst


@pytest.mark.parametrize("login", ["user:CANARY", "user:CANARY/?#@"])
def test_a_wrong_password_is_told_never_shown_and_seldom_tried(reader: Reader, said: list[str], login: str) -> None:
    camera = MjpegCamera(pictures(2), rate=5, login="user:right")
    user, password = login.split(":")
    address = f"http://{user}:{quote(password, safe='')}@127.0.0.1:{camera.port}/video?token=CANARY&channel=1"
    (source,) = open_sources([address], None, said.append)
    end = time.monotonic() + LIMIT_S
    while not said and time.monotonic() < end:
        time.sleep(0.01)
    names = {thread.name for thread in threading.enumerate()}
    time.sleep(2)
    source.stop()
    source.close()
    camera.close()
    shown = f"http://127.0.0.1:{camera.port}/video?token=***&channel=1"
    assert said == [f"{shown}: refuses user and password (401 Unauthorized); look at its address; called again in 60 s"]
    assert source.name == shown and "CANARY" not in "".join(names)
    assert 0 < camera.logins <= (1 if reader == "PyAV" else 2)


def test_the_right_password_opens(reader: Reader, said: list[str]) -> None:
    camera = MjpegCamera(pictures(2), rate=25, login="user:right")
    (source,) = open_sources([f"http://user:right@127.0.0.1:{camera.port}/video"], None, said.append)
    (image,) = drain(source, lambda images: len(images) == 1)
    source.close()
    camera.close()
    assert image.source == f"http://127.0.0.1:{camera.port}/video" and said == []


def test_one_cameras_surprises_are_its_own(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(address: Address, *_: object) -> Iterator[Stamped]:
        raise ValueError(f"cannot digest {address.secret}\nnor CANARY")

    monkeypatch.setattr(live, "_read_live", broken)
    source = Live("rtsp://user:CANARY@door/1", None, said.append)
    time.sleep(0.3)
    source.close()
    assert said == ["rtsp://door/1: ValueError: cannot digest rtsp://door/1 nor ***; called again in 1 s"]


BLACK = np.zeros((4, 4, 3), np.uint8)


@pytest.mark.usefixtures("at_once")
def test_a_cameras_frames_are_taken_by_the_clock_from_each_connection_on(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stamped = [(5 + index / 10, lambda: (BLACK, None)) for index in range(7)]
    monkeypatch.setattr(live, "_read_live", lambda *_: iter(stamped))
    monkeypatch.setattr(live, "QUEUED", 100)
    monkeypatch.setattr(live, "PAUSE_S", (0.05, 0.05))
    source = Live("rtsp://camera", 4, said.append)
    images = drain(source, lambda images: len(images) == 6)
    source.close()
    assert [(image.number, image.first) for image in images] == [(0, True), (3, False), (5, False)] * 2
    begins = [image.seconds for image in images[::3]]
    assert [image.seconds - begins[index // 3] for index, image in enumerate(images)] == pytest.approx(
        [0, 0.3, 0.5] * 2
    )
    assert begins[1] >= images[2].seconds


def test_a_camera_whose_images_do_not_fit_is_told_of_once_and_kept(camera: Make, said: list[str]) -> None:
    (source,) = open_sources([camera(count=100, pace_s=0.01).address], None, said.append, LUMA)
    for _ in range(3):
        drain(source, lambda images: len(images) > 0)
        source.refuse("too small")
    assert not source.done and said == ["too small"] and source.problems == 1
    drain(source, lambda images: len(images) > 0)
    source.close()


@pytest.mark.usefixtures("reader")
def test_who_records_sees_colours_beside_the_luma(reader: Reader, tmp_path: Path, said: list[str]) -> None:
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


def test_a_camera_that_goes_gray_at_night_keeps_its_luma(reader: Reader, tmp_path: Path, said: list[str]) -> None:
    """The infrared picture has colours without a difference, or none at all, as `gray` of H.264's monochrome: its luma
    is taken as it is, with no step from day to night but that of the light."""
    day = pictures(4)
    night = [np.ascontiguousarray(np.broadcast_to(image[..., :1], image.shape)) for image in day]
    path = transport_stream(tmp_path / "a.ts", day + night)
    images = everything(open_sources([str(path)], None, said.append, LUMA)[0])
    expected = [gray(image).astype(int) * 219 / 255 + 16 for image in day + night]
    assert max(float(np.abs(a.pixels - b).mean()) for a, b in zip(images, expected, strict=True)) < 6
