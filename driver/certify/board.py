# SPDX-License-Identifier: BSD-3-Clause
"""What a board says of itself, and what was built for it."""

import json
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from shiftcore.driver.build import Build
from shiftcore.model.manifest import FILE

_TOLD = {"model": Path("/proc/device-tree/model"), "pynq_image": Path("/home/xilinx/REVISION")}


def facts(backend: str) -> dict[str, object]:
    """The machine, its system and libraries, and the back end in use."""
    try:
        pynq = version("pynq")
    except PackageNotFoundError:
        pynq = "none"
    libraries = {"python": platform.python_version(), "numpy": np.__version__, "pynq": pynq}
    system = re.search(r'^PRETTY_NAME="?([^"\n]*)', _read(Path("/etc/os-release")), re.MULTILINE)
    where = {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "system": system[1] if system else "",
        "kernel": platform.release(),
    }
    return {
        "backend": backend,
        **where,
        **libraries,
        **{key: " ".join(_read(path).split()) for key, path in _TOLD.items()},
    }


def _read(path: Path) -> str:
    """A file's text; "" where there is none."""
    try:
        return path.read_text(errors="replace").replace("\0", " ")
    except OSError:
        return ""


def built(build: Build) -> dict[str, object]:
    """The build's identity, and its bitstream's manifest as it stands; None where it has none."""
    manifest = build.manifest
    names = ("preset", "board", "part", "clock_mhz", "build_hash", "content", "model", "streams", "frame_interval")
    try:
        bitstream = json.loads((build.folder / "bitstream" / FILE).read_text())
    except (OSError, ValueError):
        bitstream = None
    return {**{name: getattr(manifest, name) for name in names}, "bitstream": bitstream}
