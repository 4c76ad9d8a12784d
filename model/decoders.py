# SPDX-License-Identifier: BSD-3-Clause
"""What decodes video on this machine: PyAV, or else OpenCV, or else FFmpeg's program; and whether it has a decoder of
its own. A library is judged by importing it, since one that is found may still lack a system library, be built for
another NumPy, or be too old; a program by starting it."""

import contextlib
import importlib
import io
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from shiftcore.errors import UserError

# The oldest versions that read and write all that our tests read and write. Debian 12 and Ubuntu 22.04 ship PyAV 10 and
# 8, which are older, and OpenCV 4.6 and 4.5.4.
PYAV, OPENCV, FFMPEG = (14, 1), (4, 5, 4), (4, 2)
FPS_MODE = (5, 1)  # the FFmpeg whose option -vsync has that name
VCU = ("omxh264dec", "omxh265dec")  # GStreamer's names of the decoders of a Zynq UltraScale+ EV


@dataclass(frozen=True)
class Library:
    """A library as it was found here. `problem`: why it cannot be used; "" where it can."""

    name: str
    installed: bool
    problem: str = ""

    @property
    def usable(self) -> bool:
        """Whether it can be used."""
        return not self.problem


@cache
def pyav() -> Library:
    """PyAV, which reads files and network cameras, and writes recordings."""
    return _judge("PyAV", "av", PYAV, lambda av: av.open and av.VideoStream and av.VideoFrame.rotation)


@cache
def opencv() -> Library:
    """OpenCV, which draws and opens /dev/video cameras, and stands in for PyAV. It leaves the terminal to us: what went
    wrong is said in our own words."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    return _judge("OpenCV", "cv2", OPENCV, lambda cv2: cv2.VideoCapture and cv2.putText)


@cache
def ffmpeg() -> Library:
    """FFmpeg's program, which stands in for both."""
    name = "FFmpeg"
    if not shutil.which("ffmpeg"):
        return Library(name, False, f"{name} is not installed")
    found = _ffmpeg_version()
    if found is None or (found and found < FFMPEG):
        return Library(name, True, f"{name}'s program does not start, or is older than {_written(FFMPEG)}")
    return Library(name, True)


@cache
def hardware() -> Library:
    """This machine's own decoder, through GStreamer."""
    name = "the VCU"
    if not shutil.which("gst-launch-1.0") or not shutil.which("gst-inspect-1.0"):
        return Library(name, False, "GStreamer is not installed")
    for element in (VCU[0], "matroskamux"):
        if subprocess.run(["gst-inspect-1.0", "--exists", element], capture_output=True, check=False).returncode:
            return Library(name, False, f"GStreamer has no {element}")
    return Library(name, True)


def preferred() -> dict[str, str]:
    """The environment in which GStreamer takes this machine's decoder before any other."""
    return {"GST_PLUGIN_FEATURE_RANK": ",".join(f"{element}:MAX" for element in VCU)}


@cache
def every_frame() -> list[str]:
    """The option by which FFmpeg's program neither drops frames nor doubles them."""
    found = _ffmpeg_version()
    return ["-vsync" if found and found < FPS_MODE else "-fps_mode", "passthrough"]


def need_one() -> str:
    """Raise UserError where none can be used. Returns what a user should know where another has to stand in for a PyAV
    that is there; "" where nothing is wrong."""
    if pyav().usable:
        return ""
    other = next((one.name for one in (opencv(), ffmpeg()) if one.usable), "")
    if not other:
        problems = "; ".join(one.problem for one in (pyav(), opencv(), ffmpeg()))
        raise UserError(f"no video can be read: {problems} ({advice()})")
    return f"{pyav().problem}; {other} reads instead" if pyav().installed else ""


def advice() -> str:
    """What installs a decoder here. Where pip has no built packages (32-bit ARM), it is the distribution's."""
    if platform.machine().startswith("armv") or sys.maxsize < 1 << 32:
        return "apt install python3-opencv"
    return "pip install opencv-python-headless"


def _judge(name: str, module: str, least: tuple[int, ...], needs: Callable[[ModuleType], object]) -> Library:
    words = io.StringIO()  # NumPy prints a page, with a traceback, of a module that was built for another NumPy
    try:
        with contextlib.redirect_stderr(words):
            found = importlib.import_module(module)
        if _numbers(found.__version__) < least:
            oldest = _written(least)
            return Library(name, True, f"{name} {found.__version__} is too old, {oldest} is the oldest that works")
        needs(found)
    except ModuleNotFoundError as error:
        if error.name == module:
            return Library(name, False, f"{name} is not installed")
        return Library(name, True, f"{name} cannot be imported ({_line(error)})")
    except Exception as error:  # whatever a module does while it is imported is no fault of ours
        return Library(name, True, f"{name} cannot be imported ({_line(error)})")
    return Library(name, True)


@cache
def _ffmpeg_version() -> tuple[int, ...] | None:
    """What its program says, "ffmpeg version 5.1.9-0+deb12u1 ..."; () of one built between two versions, None where it
    does not start."""
    done = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        return None
    words = done.stdout.split(maxsplit=3)
    return _numbers(words[2].removeprefix("n")) if len(words) > 2 else ()


def _written(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _line(error: Exception) -> str:
    """What went wrong, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: (4, 5, 4) of 4.5.4-dev."""
    numbers = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)
