# SPDX-License-Identifier: BSD-3-Clause
"""examples/ run with the wheel installed, in an environment without this checkout, from folders with spaces."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from shiftcore.artifacts import build_folder, digest
from tests.checkout import ROOT, tracked
from tests.environments import one_at_a_time

EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/run.sh"))


def copy_tracked(folder: Path, target: Path) -> None:
    for path in tracked(folder):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / path, target / path, follow_symlinks=False)


@pytest.fixture(scope="session")
def clean_environment() -> Path:
    """An environment with the wheel, and beside it what `make setup` installed, but not this checkout; its folder."""
    sources = [ROOT / path for path in tracked(ROOT) if path.parts[0] not in ("tests", "docs", "examples")]
    folder = build_folder() / "tools" / f"wheel-{digest(*(path for path in sources if path.is_file()))[:16]}"
    with one_at_a_time("wheel"):
        if not (folder / ".complete").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=False)
            home = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
            (home / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")  # does not read .pth files there
            copy_tracked(ROOT, folder / "source")
            install(folder, folder / "source")
            shutil.rmtree(folder / "source")
            (folder / ".complete").touch()
    return folder


def install(environment: Path, package: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "install", "--quiet"]
    command = [*pip, "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", str(package)]
    subprocess.run(command, check=True, capture_output=True)


def call(environment: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("SHIFTCORE", "PYTHON"))}
    variables["PATH"] = f"{environment / 'bin'}:{variables['PATH']}"
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


def test_the_wheel_leaves_one_name_and_nothing_of_the_checkout(clean_environment: Path, tmp_path: Path) -> None:
    code = """
import importlib.util, shiftcore, shiftcore.model.reference
print(shiftcore.__file__)
print([name for name in ("common", "driver", "quant", "hw", "sim", "flow", "model") if importlib.util.find_spec(name)])
"""
    where, strangers = call(clean_environment, tmp_path, "python", "-c", code).stdout.splitlines()
    assert Path(where).is_relative_to(clean_environment)
    assert strangers == "[]"


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_outside_the_checkout(clean_environment: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "a user's folder ü" / name
    copy_tracked(ROOT / "examples" / name, folder)
    if (folder / "pyproject.toml").is_file():
        install(clean_environment, folder)
    done = call(clean_environment, folder, "sh", "run.sh")
    assert done.returncode == 0, done.stdout + done.stderr
