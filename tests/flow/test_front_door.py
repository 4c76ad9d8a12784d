# SPDX-License-Identifier: BSD-3-Clause
"""What a newcomer meets first: make, the set-up, the README, CI."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from shiftcore.flow.command import PANELS, app
from shiftcore.quant.preset import Preset
from tests.checkout import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.M)[1].split())  # type: ignore[index]
COMMANDS = [name for entries in PANELS.values() for name in entries]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def run(
    *command: str | Path, cwd: Path = ROOT, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "", **(environment or {})}
    return subprocess.run([*map(str, command)], cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_help_lists_every_target_with_a_line() -> None:
    output = run("make", "help").stdout
    assert set(re.findall(r"^  make ([\w-]+) +\S", output, re.M)) == TARGETS
    assert run("make").stdout == output


def test_every_target_is_a_call_of_the_command() -> None:
    called = set(re.findall(r"\$\(RUN\) ([\w-]+)", MAKEFILE))
    assert len(called) > 20
    assert called <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_sub_command_helps(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(app, [name, "--help"])
    assert done.exit_code == 0, done.output
    assert f"Usage: shiftcore {name}" in done.output or f"Usage: root {name}" in done.output


def test_help_answers_without_torch() -> None:
    code = "import sys; from shiftcore.flow.command import app; app(['--help'], standalone_mode=False)"
    code += "; assert 'torch' not in sys.modules"
    assert "crossval" in run(sys.executable, "-c", code).stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_links_in_the_docs_exist(page: Path) -> None:
    text = page.read_text()
    commands = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", text, re.M))
    assert commands <= TARGETS
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("https://")]
    assert [link for link in links if not (page.parent / link).exists()] == []


FILES = re.compile(r"`((?:flow|station|driver|hw|sim|quant|model|shiftcore|tests|examples)/[a-z0-9_./-]+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_sub_commands_in_the_docs_exist(page: Path) -> None:
    text = page.read_text()
    assert [file for file in FILES.findall(text) if not (ROOT / file).exists()] == []
    assert set(re.findall(r"(?:^|`|-m )shiftcore ([a-z][a-z-]*)", text, re.M)) <= set(COMMANDS)


FOLDERS = ("flow", "station", "driver", "hw", "sim", "quant", "model", "shiftcore")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_message_tells_to_run_is_there(path: Path) -> None:
    """Also in docstrings: what people read and type."""
    text = path.read_text()
    assert set(re.findall(r"`make ([a-z][a-z-]*)", text)) <= TARGETS
    assert set(re.findall(r"`shiftcore ([a-z][a-z-]*)", text)) <= set(COMMANDS)
    assert not re.findall(r"python -m (?:flow|station|driver|hw|sim|quant|model)\b", text), "all below shiftcore"
    modules = re.findall(r"python -m (shiftcore\.[\w.]+)", text)
    assert [name for name in modules if not (ROOT / f"{name.replace('.', '/')}.py").is_file()] == []


def keys(table: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in table.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys(inner, f"{prefix}{name}.")
        elif prefix:
            yield prefix + name


def test_every_preset_key_is_documented() -> None:
    documented = set(re.findall(r"`((?:\w+\.)+\w+)`", (ROOT / "docs" / "presets.md").read_text()))
    assert documented >= set(keys(Preset))
    assert "network.stem.max_pool" in documented


def locked() -> dict[str, str]:
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.lock").read_text().splitlines()]
    return dict(line.split("==") for line in lines if line)


def test_the_environment_is_the_locked_one() -> None:
    installed = {name: version(name).split("+")[0] for name in locked()}
    assert installed == locked()


def set_up_copy(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "flow").mkdir()
    shutil.copy(ROOT / "requirements.lock", folder)
    shutil.copy(ROOT / "flow" / "install.py", folder / "flow")
    return run(sys.executable, folder / "flow" / "install.py", environment=environment)


def one_line_error(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_set_up_without_a_cpu_build_of_torch_says_where_to_get_it(tmp_path: Path) -> None:
    result = set_up_copy(tmp_path, PIP_CONFIG_FILE=os.devnull, PIP_FIND_LINKS="", PIP_NO_INDEX="1")
    message = one_line_error(result)
    assert "TORCH_INDEX=" in message
    assert "TORCH=cuda" in message
    assert not (tmp_path / ".venv" / ".complete").exists()  # so the next run starts anew


@pytest.mark.parametrize("missing", ["git", "make", "g++"])
def test_set_up_without_a_program_names_it(tmp_path: Path, missing: str) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in {"git", "make", "g++"} - {missing}:
        (programs / program).symlink_to("/bin/true")
    assert f"{missing}: not found; install " in one_line_error(set_up_copy(tmp_path, PATH=str(programs), CXX="g++"))
    assert not (tmp_path / ".venv").exists()


def test_set_up_without_python() -> None:
    result = run("make", "setup", "PYTHON=no-such-python")
    assert result.returncode == 2
    assert result.stderr.startswith("error: no-such-python: not found; install Python 3.11 or newer")


def test_set_up_on_an_old_python(tmp_path: Path) -> None:
    pretend = "import runpy, sys; sys.version_info = (3, 9, 1, 'final', 0); del sys.argv[1:]"
    program = f"{pretend}; runpy.run_path({str(ROOT / 'flow' / 'install.py')!r}, run_name='__main__')"
    assert "Python 3.11 to 3.13 is needed" in one_line_error(run(sys.executable, "-c", program, cwd=tmp_path))


@pytest.mark.parametrize("broken", ["", "lint", "test", "demo"])
def test_ci_ends_with_the_tests_summary_and_fails_when_anything_does(tmp_path: Path, broken: str) -> None:
    summary = "=========== 3 passed, 1 skipped in 4.56s ==========="
    recipes = {"lint": "@echo linted", "test": f"@echo '{summary}'", "demo": "@echo shown"}
    makefile = "".join(f"{target}:\n\t{recipe}\n" for target, recipe in recipes.items())
    (tmp_path / "Makefile").write_text(
        makefile.replace(f"{broken}:\n", f"{broken}:\n\t@echo; false;\n") if broken else makefile
    )
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    result = run(tmp_path / ".ci" / "run", cwd=tmp_path)
    assert (result.returncode != 0) == bool(broken)
    assert ("shown" in result.stdout) == (broken != "demo")
    if broken != "test":
        assert result.stdout.splitlines()[-1] == summary


ODD = 'with space ü "quoted" it\'s $HOME $(echo) `echo` a;b #c 100%'


@pytest.fixture
def door(tmp_path: Path) -> Path:
    """The Makefile in a folder with an odd name, with an environment whose Python prints what it is given."""
    folder = tmp_path / "with space ü"
    for name in ("requirements.lock", "flow/install.py", ".venv/bin/python", ".venv/.complete"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    python = folder / ".venv" / "bin" / "python"
    python.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    python.chmod(0o755)
    shutil.copy(ROOT / "Makefile", folder)
    return folder


@pytest.mark.parametrize("by", ["command line", "environment"])
@pytest.mark.parametrize(
    ("target", "given"),
    [
        ("qat", ("PRESET", "DATA", "STRATEGY", "FROM", "TEACHER")),
        ("search", ("PRESET", "DATA", "TRIALS", "STORAGE")),
        ("evaluate", ("PRESET", "DATA", "MODEL")),
        ("alarms", ("PRESET", "DATA", "MODEL")),
        ("crossval", ("PRESET", "DATA", "UNSEEN", "ALSO")),
        ("adapt", ("PRESET", "DATA", "STRATEGY")),
        ("compile", ("PRESET", "BOARD")),
        ("deploy", ("PRESET", "BOARD")),
        ("bitstream", ("PRESET", "BOARD", "TOOLCHAIN")),
        ("trace", ("PRESET", "BOARD", "VIDEO")),
        ("soak", ("PRESET", "BOARD")),
        ("fuzz", ("MINUTES", "CASE")),
        ("synthesize", ("DATA", "CLIPS", "MOCAP")),
        ("demo", ("PRESET", "VIDEO")),
    ],
)
def test_what_is_given_reaches_the_command_as_it_is(door: Path, target: str, given: tuple[str, ...], by: str) -> None:
    values = {name: f"{ODD} {name}" for name in given}
    words = [f"{name}={value}" for name, value in values.items()] if by == "command line" else []
    result = run("make", target, *words, cwd=door, environment=values if by == "environment" else {})
    assert result.returncode == 0, result.stderr
    received = result.stdout.splitlines()
    assert [received[received.index(f"--{name.lower()}") + 1] for name in given] == list(values.values())
