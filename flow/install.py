# SPDX-License-Identifier: BSD-3-Clause
"""`make setup`: a virtual environment with exactly the packages of requirements.lock.

It runs on the system's Python with nothing installed, and on an old Python far enough to say that it is too old. uv and
pip-tools do not do: torch comes from an index of its own, and finn-plus must be installed against what it pins (the
lock's header), while they resolve what packages ask for.
The stamp is written last and holds the lock's hash, so an interrupted set-up is never taken for a whole one.
"""

import argparse
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / ".complete"
LOG = VENV / "install.log"
LOCK = ROOT / "requirements.lock"
NEEDED_GB = 3
# Published only as source. All are pure Python: the lock's setuptools makes their wheels here, without a compiler.
SOURCE_ONLY = ("fvcore", "iopath", "pytorchvideo")

TORCH_HELP = (
    "pip finds no {torch}, the build without CUDA; run `make setup TORCH_INDEX=<URL of PyTorch's CPU wheels>` (the URL"
    ' that pytorch.org\'s "Get Started" shows for Linux, pip, CPU), or `make setup TORCH=cuda` on a machine with a GPU'
)


class PipError(Exception):
    """pip could not install something; the message is its own last error."""


def fail(message: str) -> None:
    """End with one line and exit code 2."""
    print("error: " + message, file=sys.stderr)
    raise SystemExit(2)


def check_machine() -> None:
    """What pip cannot install must be there already."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        fail(
            f"Python 3.11 to 3.13 is needed and this is {platform.python_version()}; try `make PYTHON=python3.12 setup`"
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        fail("this Python cannot make virtual environments; install its venv package (Debian: python3-venv)")
    compiler = os.environ.get("CXX", "g++")
    for program, advice in (
        ("git", "git"),
        ("make", "GNU make"),
        (compiler, "a C++20 compiler (Debian: g++), or name yours with CXX=..."),
    ):
        if shutil.which(program) is None:
            fail(f"{program}: not found; install {advice}")
    free = shutil.disk_usage(ROOT).free
    if not STAMP.is_file() and free < NEEDED_GB * 1e9:
        fail(f"{ROOT}: {free / 1e9:.1f} GB free; the environment needs {NEEDED_GB} GB")


def read_stamp() -> "dict[str, str]":
    """What the environment was made of; empty when there is none, or only part of one."""
    return dict(json.loads(STAMP.read_text())) if STAMP.is_file() else {}


def pip(*arguments: str) -> None:
    """Run the environment's pip, its output in the log and a count of packages on the terminal. What it installs is
    compiled when it is imported: most of its 15,000 modules never are, and compiling them took half of the set-up."""
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--no-compile", "--disable-pip-version-check"]
    command += arguments
    with (
        open(LOG, "a") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True) as process,
    ):
        assert process.stdout
        lines = []
        found = 0
        for line in process.stdout:
            log.write(line)
            lines.append(line.strip())
            found += line.startswith("Collecting ")
            if sys.stdout.isatty() and line.startswith(("Collecting ", "Installing ")):
                print(f"\r\033[K  {found:3d}  {line.strip()[:70]}", end="", flush=True)
    if sys.stdout.isatty():
        print("\r\033[K", end="")
    if process.returncode:
        errors = [line[7:] for line in lines if line.startswith("ERROR: ")]
        if any("Retrying (" in line for line in lines):
            errors = ["pip cannot reach its package index; is there a network?"]
        raise PipError(errors[-1] if errors else "pip failed")


def locked() -> "list[str]":
    """The lock's packages, as `name==version`."""
    lines = [line.split("#")[0].strip() for line in LOCK.read_text().splitlines()]
    return [line for line in lines if line]


def install(flavour: str, torch_index: str) -> None:
    """Bring the environment to what the lock says, torch first because only it can be missing from pip's sources."""
    others = locked()
    torch = next(package for package in others if package.startswith("torch=="))
    others.remove(torch)
    if flavour == "cuda":
        pip("--constraint", str(LOCK), torch)
    else:
        # Only a wheel from PyTorch's CPU index carries the local version; macOS has no other build than that for CPU.
        torch += "" if platform.system() == "Darwin" else "+cpu"
        try:
            pip("--no-deps", "--only-binary=:all:", *(["--index-url", torch_index] if torch_index else []), torch)
        except PipError as error:
            if "No matching distribution found" in str(error):
                raise PipError(TORCH_HELP.format(torch=torch)) from None
            raise
    from_source = [package for package in others if package.split("==")[0] in SOURCE_ONLY]
    listed = VENV / "others.txt"
    listed.write_text("\n".join(package for package in others if package not in from_source))
    pip("--no-deps", "--only-binary=:all:", "--requirement", str(listed))
    pip("--no-deps", "--no-build-isolation", *from_source)  # after setuptools, which would else be fetched unpinned
    if (ROOT / "pyproject.toml").is_file():  # the project itself, so that its command works from any folder
        pip("--no-deps", "--no-build-isolation", "--editable", str(ROOT))


def set_up(wanted: "dict[str, str]", torch_index: str) -> None:
    """Change a whole environment of the same Python and torch in place; make any other anew."""
    present = read_stamp()
    if {**present, "lock": ""} != {**wanted, "lock": ""}:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
    if STAMP.is_file():
        STAMP.unlink()
    install(wanted["torch"], torch_index)
    STAMP.write_text(json.dumps(wanted))


def main() -> None:
    parser = argparse.ArgumentParser(description="Make .venv from requirements.lock.")
    parser.add_argument("--torch", choices=("cpu", "cuda"), help="the build of torch (default: as before, or cpu)")
    parser.add_argument("--torch-index", default="", help="URL of the package index that has torch's CPU wheels")
    arguments = parser.parse_args()
    check_machine()
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build" / ".setup.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        flavour = arguments.torch or read_stamp().get("torch", "cpu")
        lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()
        wanted = {"lock": lock, "torch": flavour, "python": f"{sys.version_info[0]}.{sys.version_info[1]}"}
        if read_stamp() == wanted:
            STAMP.touch()
            return
        print(
            f"setting up .venv (once, some minutes, under {NEEDED_GB} GB; details in {LOG.relative_to(ROOT)})",
            flush=True,
        )
        set_up(wanted, arguments.torch_index)
    if flavour == "cpu" and shutil.which("nvidia-smi"):
        print("this machine has an NVIDIA GPU; `make setup TORCH=cuda` installs the CUDA build of torch for training")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        fail("interrupted; run the same command again, it starts anew")
    except PipError as error:
        fail(f"{error} (the whole log: {LOG})")
    except OSError as error:
        fail(f"{error.filename or VENV}: {error.strerror}")
