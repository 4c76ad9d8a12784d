# SPDX-License-Identifier: BSD-3-Clause
"""A 32-bit ARM user-land, as far as the driver needs it: Debian's Python and NumPy, PyAV's wheel, and QEMU to run them
and to count their instructions.

Packages are only unpacked, not configured, which takes a minute instead of an hour. Neither root nor a chroot is
needed, and nothing of this machine changes.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from shiftcore.artifacts import atomic_file, atomic_folder, build_folder, digest
from shiftcore.errors import UserError
from shiftcore.flow.image_cost import by_side, by_stage
from shiftcore.sources import ROOT

PACKAGES = ("python3-numpy", "libstdc++6")
PYAV = f"av=={version('av')}"
LIBRARIES = "usr/lib/arm-linux-gnueabihf"
COUNTER = Path(__file__).with_name("instructions.c")
GETPGID = 132  # the number of the call by which what is measured is marked, on 32-bit ARM
COUNTED = "instructions "


def python() -> str:
    """A command that is an armv7l Python with NumPy and PyAV, made once. Raises UserError, in one line, where it cannot
    be had."""
    qemu = shutil.which("qemu-arm-static") or shutil.which("qemu-arm")
    if not qemu or not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise UserError("no 32-bit ARM here: qemu-arm-static, apt-get and dpkg are needed (Debian: qemu-user-static)")
    folder = build_folder() / "tools" / f"armhf-{digest(Path(__file__), PYAV, qemu)[:12]}"
    if not folder.is_dir():
        with atomic_folder(folder) as temporary:
            _debian(temporary)
            _pyav(temporary)
            _script(temporary, folder, [qemu])
    return str(folder / "python3")


def instructions(videos: Sequence[Path], model: Path) -> list[dict[str, float]]:
    """How many instructions of a Cortex-A9 an image of each video takes, by stage (`image_cost.STAGES`), of the integer
    model in the file `model`. All videos have as many images. Raises UserError where they cannot be counted."""
    counts = _counts("watch", model, *videos)
    each = len(counts) // len(videos)
    return [by_stage(counts[at : at + each]) for at in range(0, len(counts), each)]


def feeding_instructions(keys: Path, model: Path) -> dict[str, float]:
    """How many an image takes that is sent, and one that is received (`image_cost.feed`). Raises UserError as above."""
    return by_side(_counts("feed", model, keys))


def _counts(kind: str, model: Path, *places: Path) -> list[int]:
    """What was counted at each mark of image_cost's program."""
    command = [_counting_python(), "-m", "shiftcore.flow.image_cost", kind, str(model), *map(str, places)]
    environment = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ.get("PATH", "")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"not counted on emulated ARM: {_last(done.stderr)}")
    return [int(line.removeprefix(COUNTED)) for line in done.stderr.splitlines() if line.startswith(COUNTED)]


def _counting_python() -> str:
    """As `python`, with a Cortex-A9 whose instructions are counted."""
    folder, qemu, compiler = Path(python()).parent, shutil.which("qemu-arm"), shutil.which("cc")
    if not qemu or not compiler:
        raise UserError(
            "instructions are not counted: qemu-arm (Debian: qemu-user; a static one has no plugins) and cc"
        )
    plugin = folder / f"{digest(COUNTER)[:12]}.so"
    if not plugin.is_file():
        with atomic_file(plugin) as temporary:
            flags = ["-O2", "-shared", "-fPIC", f"-DMARK={GETPGID}", "-o", str(temporary)]
            _try([compiler, *flags, str(COUNTER)], "instructions are not counted: the plugin does not compile")
    _script(folder, folder, [qemu, "-cpu", "cortex-a9", "-plugin", str(plugin)], "counting-python3")
    return str(folder / "counting-python3")


def _debian(folder: Path) -> None:
    """This machine's package sources, asked for another architecture, with a state of their own."""
    apt, root = folder / "apt", folder / "root"
    for part in ("state/lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True)
    (apt / "status").touch()
    settings: Mapping[str, object] = {
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


def _script(folder: Path, final: Path, emulator: Sequence[str], name: str = "python3") -> None:
    """The script that starts Python. BLAS is named, since nothing has chosen one as configuring the package would."""
    root = final / "root"
    binary = next((folder / "root" / "usr" / "bin").glob("python3.*[0-9]")).name
    paths = ":".join(str(root / LIBRARIES / name) for name in ("blas", "lapack"))
    command = [*emulator, "-L", str(root), "-E", f"LD_LIBRARY_PATH={paths}", str(root / "usr" / "bin" / binary)]
    path = f'PYTHONPATH="${{PYTHONPATH:+$PYTHONPATH:}}"{shlex.quote(str(final / "pyav"))}'
    with atomic_file(folder / name) as temporary:
        temporary.write_text(f'#!/bin/sh\n{path} exec {shlex.join(command)} "$@"\n')
        temporary.chmod(0o755)


def _try(command: Sequence[str], problem: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        raise UserError(f"{problem}: {_last(done.stderr)}")


def _last(words: str) -> str:
    """The last line of what a program said."""
    return (words.strip().splitlines() or ["no reason given"])[-1]
