# SPDX-License-Identifier: BSD-3-Clause
"""Which library decodes video on this machine: PyAV or OpenCV. Each is judged by importing it, since one that is found
may still lack a system library, be built for another NumPy, or be too old."""

import contextlib
import importlib
import io
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from shiftcore.errors import UserError

# The oldest versions that read and write all that our tests read and write. Debian 12 and Ubuntu 22.04 ship PyAV 10 and
# 8, which are older, and OpenCV 4.6 and 4.5.4.
PYAV, OPENCV = (14, 1), (4, 5, 4)


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


def need_one() -> str:
    """Raise UserError where neither can be used. Returns what a user should know where OpenCV has to stand in for a
    PyAV that is there; "" where nothing is wrong."""
    if pyav().usable:
        return ""
    if not opencv().usable:
        raise UserError(f"no video can be read: {pyav().problem}; {opencv().problem} ({advice()})")
    return f"{pyav().problem}; OpenCV reads instead" if pyav().installed else ""


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
            oldest = ".".join(map(str, least))
            return Library(name, True, f"{name} {found.__version__} is too old, {oldest} is the oldest that works")
        needs(found)
    except ModuleNotFoundError as error:
        if error.name == module:
            return Library(name, False, f"{name} is not installed")
        return Library(name, True, f"{name} cannot be imported ({_line(error)})")
    except Exception as error:  # whatever a module does while it is imported is no fault of ours
        return Library(name, True, f"{name} cannot be imported ({_line(error)})")
    return Library(name, True)


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
