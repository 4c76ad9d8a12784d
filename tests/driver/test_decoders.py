# SPDX-License-Identifier: BSD-3-Clause
"""What reads and writes video where the libraries are old, broken or half there: the other one, or one clear line."""

import os
import platform
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import av
import numpy as np
import pytest

from shiftcore.driver import record
from shiftcore.driver.record import Recorder
from shiftcore.errors import UserError
from shiftcore.model import decoders, video
from shiftcore.model.decoders import Library
from tests.driver import deployed
from tests.environments import overlay

FRAMES = 16  # of the clip
OLD_OPENCV, NUMPY_2 = "opencv-python-headless==4.5.4.60", "numpy==2.2.6"  # built for NumPy 1, and what it then finds
Done = subprocess.CompletedProcess[str]


@pytest.fixture
def run(board: Path, board_python: str, clip: Path, tmp_path: Path) -> Callable[..., Done]:
    """The board's `run` of a video, with more folders in which Python looks first; no FFmpeg starts."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ffmpeg").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin" / "ffmpeg").chmod(0o755)
    programs = f"{tmp_path / 'bin'}:{deployed.VARIABLES['PATH']}"

    def started(*folders: str | Path, more: tuple[str, ...] = ()) -> Done:
        command = ["run", str(clip), "--backend", "reference", "--json", "--events", os.devnull, *more]
        paths = ":".join(map(str, folders))
        return deployed.shiftcore(board, board_python, *command, PYTHONPATH=paths, PATH=programs)

    return started


def broken(folder: Path, module: str, text: str | None) -> Path:
    """A package that is found and cannot be imported; `text`: its __init__.py; None: an empty folder is left of it."""
    (folder / module).mkdir(parents=True)
    if text is not None:
        (folder / module / "__init__.py").write_text(text)
    return folder


def library_of_another_machine(folder: Path, module: str) -> Path:
    """A package whose compiled part the loader refuses, as it does where a system library is missing."""
    broken(folder, module, "from . import _core")
    (folder / module / "_core.so").write_bytes(b"\x7fELF" + bytes(60))
    return folder


def wheel(package: str) -> str:
    """A folder for PYTHONPATH with a package that nothing need be compiled for."""
    return overlay(package, "--only-binary=:all:")


@pytest.mark.parametrize("old", ["av==12.0.0", "av==14.0.0"])
def test_a_pyav_that_is_too_old_leaves_it_to_opencv(run: Callable[..., Done], old: str) -> None:
    done = run(wheel(old))
    number = old.removeprefix("av==")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == FRAMES, done.stderr
    assert done.stderr == f"PyAV {number} is too old, 14.1 is the oldest that works; OpenCV reads instead\n"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')",
        "raise OSError('libavcodec.so.58: cannot open shared object file')",
        "raise AttributeError('_ARRAY_API not found')",
        "raise RuntimeError('module compiled against API version 0x10 but this version of numpy is 0xe')",
        "raise ValueError('numpy.dtype size changed\\nsecond line')",
        "import a_module_that_is_not_there",
    ],
)
def test_a_pyav_that_cannot_be_imported_leaves_it_to_opencv(
    run: Callable[..., Done], tmp_path: Path, text: str | None
) -> None:
    done = run(broken(tmp_path, "av", text))
    assert done.returncode == 0 and len(done.stdout.splitlines()) == FRAMES, done.stderr
    assert done.stderr.startswith("PyAV cannot be imported (") and done.stderr.count("\n") == 1


def test_a_library_that_the_loader_refuses(run: Callable[..., Done], tmp_path: Path) -> None:
    done = run(library_of_another_machine(tmp_path / "one", "av"))
    assert done.returncode == 0 and len(done.stdout.splitlines()) == FRAMES, done.stderr
    assert done.stderr.startswith("PyAV cannot be imported (") and done.stderr.count("\n") == 1
    done = run(tmp_path / "one", library_of_another_machine(tmp_path / "two", "cv2"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: no video can be read: PyAV cannot be imported (")
    assert "; OpenCV cannot be imported (" in done.stderr and "; FFmpeg's program does not start" in done.stderr


def test_an_opencv_for_another_numpy(run: Callable[..., Done]) -> None:
    """NumPy prints a page of its own then; with PyAV there, nobody needs OpenCV but to draw."""
    paths = [wheel(package) for package in (OLD_OPENCV, NUMPY_2)]
    done = run(*paths)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert "OpenCV cannot be imported (" in done.stderr
    pyav = wheel("av==16.1.0")
    done = run(*paths, pyav)
    assert (done.returncode, len(done.stdout.splitlines()), done.stderr) == (0, FRAMES, "")
    done = run(*paths, pyav, more=("--record", "/tmp/never-written.mp4"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "--record needs OpenCV to draw: OpenCV cannot be imported (" in done.stderr


def test_the_oldest_opencv(run: Callable[..., Done], tmp_path: Path) -> None:
    """Ubuntu 22.04's, which PYNQ's images have."""
    done = run(wheel(OLD_OPENCV), more=("--record", str(tmp_path / "out.mp4")))
    assert (done.returncode, len(done.stdout.splitlines()), done.stderr) == (0, FRAMES, "")
    assert len(list(video.frames(tmp_path / "out.mp4"))) == FRAMES


@pytest.mark.parametrize(("machine", "advice"), [("armv7l", "apt"), ("x86_64", "pip"), ("aarch64", "pip")])
def test_advice_is_what_the_machine_can_do(monkeypatch: pytest.MonkeyPatch, machine: str, advice: str) -> None:
    """There is no wheel of OpenCV for 32-bit ARM: pip would begin to compile it on the board."""
    for function, name in (("pyav", "PyAV"), ("opencv", "OpenCV"), ("ffmpeg", "FFmpeg")):
        monkeypatch.setattr(decoders, function, lambda name=name: Library(name, False, f"{name} is not installed"))
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(UserError, match=rf"\({advice} install .*opencv"):
        decoders.need_one()


@pytest.fixture
def asked_anew() -> Iterator[None]:
    """The choice of an encoder is made once; here it is forgotten before and after."""
    record._encoder.cache_clear()
    yield
    record._encoder.cache_clear()


def recorded(path: Path) -> str:
    """Record some frames; returns the codec that came out, once they have been read again."""
    recorder = Recorder(path, 25)
    for level in (0, 60, 120, 180):
        recorder.add(np.full((360, 480, 3), level, np.uint8), "", raised=False)
    recorder.close()
    levels = [int(image[200:, 100:].mean()) for image in video.frames(path)]
    assert np.abs(np.subtract(levels, (0, 60, 120, 180))).max() < 4
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.name


@pytest.mark.usefixtures("asked_anew")
def test_a_pyav_without_x264_records_all_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As PyAV's own wheel for 32-bit ARM is."""
    codec = av.Codec

    def without(name: str, mode: Literal["r", "w"]) -> av.Codec:
        if name == "libx264":
            raise av.codec.codec.UnknownCodecError(name)
        return codec(name, mode)

    assert recorded(tmp_path / "a.mp4") == "h264"
    record._encoder.cache_clear()
    monkeypatch.setattr(av, "Codec", without)
    assert recorded(tmp_path / "b.mp4") == "mpeg4"
    record._encoder.cache_clear()
    monkeypatch.setattr(record, "ENCODERS", {})
    assert recorded(tmp_path / "c.mp4") == "mpeg4"  # OpenCV's


@pytest.mark.usefixtures("asked_anew")
def test_nothing_that_encodes_is_said_before_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(*_arguments: object) -> None:
        raise UserError("OpenCV cannot write MP4 here")

    monkeypatch.setattr(record, "ENCODERS", {})
    monkeypatch.setattr(record._OpenCv, "__init__", refused)
    with pytest.raises(UserError, match="OpenCV cannot write MP4 here"):
        Recorder(tmp_path / "a.mp4", 25)
