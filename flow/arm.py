# SPDX-License-Identifier: BSD-3-Clause
"""A 32-bit ARM user-land, as far as the driver needs it: Debian's Python and NumPy, PyAV's wheel, and QEMU to run them.

Packages are only unpacked, not configured, which takes a minute instead of an hour. Neither root nor a chroot is
needed, and nothing of this machine changes.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pytest

from shiftcore.artifacts import atomic_folder, build_folder, digest
from tests.environments import one_at_a_time

PACKAGES = ("python3-numpy", "libstdc++6")
PYAV = f"av=={version('av')}"
LIBRARIES = "usr/lib/arm-linux-gnueabihf"


def python() -> str:
    """A command that is an armv7l Python with NumPy and PyAV, made once; skips where it cannot be had."""
    qemu = shutil.which("qemu-arm-static") or shutil.which("qemu-arm")
    if not qemu or not shutil.which("apt-get") or not shutil.which("dpkg"):
        pytest.skip("no 32-bit ARM here: qemu-arm-static, apt-get and dpkg are needed (Debian: qemu-user-static)")
    folder = build_folder() / "tools" / f"armhf-{digest(Path(__file__), PYAV, qemu)[:12]}"
    with one_at_a_time("armhf"):
        if not folder.is_dir():
            with atomic_folder(folder) as temporary:
                _debian(temporary)
                _pyav(temporary)
                _command(temporary, folder, qemu)
    return str(folder / "python3")


def _debian(folder: Path) -> None:
    """This machine's package sources, asked for another architecture, with a state of their own."""
    apt, root = folder / "apt", folder / "root"
    for part in ("state/lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True)
    (apt / "status").touch()
    settings = {
        "APT::Architecture": "armhf",
        "APT::Architectures::": "armhf",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "true",
        "Dir::State": apt / "state",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
    }
    command = ["apt-get", "-y", "-q", *(f"-o{name}={value}" for name, value in settings.items())]
    subprocess.run([*command, "update"], capture_output=True, check=False)  # one list of several may be missing
    _try([*command, "install", "--download-only", *PACKAGES], "armhf packages cannot be fetched")
    for package in sorted((apt / "cache" / "archives").glob("*.deb")):
        _try(["dpkg", "-x", str(package), str(root)], f"{package.name} cannot be unpacked")
    shutil.rmtree(apt)


def _pyav(folder: Path) -> None:
    number = next((folder / "root" / "usr" / "bin").glob("python3.*[0-9]")).name.removeprefix("python")
    wanted = ["--platform=manylinux_2_31_armv7l", f"--python-version={number}", "--only-binary=:all:", "--no-deps"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *wanted, "--target", str(folder / "pyav"), PYAV]
    _try(command, f"no wheel of {PYAV} for armv7l")


def _command(folder: Path, final: Path, qemu: str) -> None:
    """The script that starts Python. BLAS is named, since nothing has chosen one as configuring the package would."""
    root = final / "root"
    binary = next((folder / "root" / "usr" / "bin").glob("python3.*[0-9]")).name
    paths = ":".join(str(root / LIBRARIES / name) for name in ("blas", "lapack"))
    command = [qemu, "-L", str(root), "-E", f"LD_LIBRARY_PATH={paths}", str(root / "usr" / "bin" / binary)]
    path = f'PYTHONPATH="${{PYTHONPATH:+$PYTHONPATH:}}"{shlex.quote(str(final / "pyav"))}'
    (folder / "python3").write_text(f'#!/bin/sh\n{path} exec {shlex.join(command)} "$@"\n')
    (folder / "python3").chmod(0o755)


def _try(command: Sequence[str], problem: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"{problem}: {why}")
