# SPDX-License-Identifier: BSD-3-Clause
"""Build folders under bad luck: two builds at once, Ctrl-C, a kill, a full or a read-only disk."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiftcore import artifacts
from shiftcore.artifacts import atomic_file, atomic_folder, digest, lock, write_json
from shiftcore.errors import UserError
from tests.checkout import ROOT

# What a build does: it locks its folder, then writes a file and a folder; `pause()` stands for its long work.
BUILD = """
    import sys, time
    from pathlib import Path
    import typer
    from shiftcore.artifacts import atomic_file, atomic_folder, lock
    from shiftcore.cli import command

    def pause():
        print("busy", flush=True)
        time.sleep({seconds})

    def main():
        folder = Path({folder!r})
        with lock(folder), atomic_file(folder / "file") as file, atomic_folder(folder / "whole") as whole:
            file.write_bytes(b"new")
            (whole / "content").write_bytes(b"new" * {size})
            pause()

    typer.run(command(main))
"""

Build = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Start a build in `tmp_path`, where an earlier one has left its results."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "content").write_text("old")
    (tmp_path / "file").write_text("old")

    def start(seconds: float = 0) -> subprocess.Popen[str]:
        program = textwrap.dedent(BUILD.format(folder=str(tmp_path), seconds=seconds, size=1))
        command = [sys.executable, "-c", program]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def results(folder: Path) -> tuple[str, str]:
    return (folder / "file").read_text(), (folder / "whole" / "content").read_text()


def until_busy(process: subprocess.Popen[str]) -> None:
    assert process.stdout
    assert process.stdout.readline() == "busy\n"


def test_a_build_replaces_the_results(build: Build, tmp_path: Path) -> None:
    _, error = build().communicate()
    assert error == ""
    assert results(tmp_path) == ("new", "new")
    assert sorted(os.listdir(tmp_path)) == [".lock", "file", "whole"]


def test_two_builds_at_once(build: Build, tmp_path: Path) -> None:
    first = build(seconds=60)
    until_busy(first)
    second = build()
    _, error = second.communicate()
    assert second.returncode == 2
    assert error == f"error: {tmp_path}: another build is running in this folder; wait for it or stop it\n"
    first.kill()
    first.communicate()
    with lock(tmp_path):  # a killed build does not block the next
        assert results(tmp_path) == ("old", "old")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_interrupted_build_leaves_the_old_results(build: Build, tmp_path: Path, number: signal.Signals) -> None:
    process = build(seconds=60)
    until_busy(process)
    process.send_signal(number)
    _, error = process.communicate()
    assert process.returncode == 2
    assert error.startswith("error: interrupted; ")
    assert error.count("\n") == 1
    assert results(tmp_path) == ("old", "old")
    assert sorted(os.listdir(tmp_path)) == [".lock", "file", "whole"]


def test_interrupt_while_the_old_folder_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "whole"
    folder.mkdir()
    (folder / "content").write_text("old")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic_folder(folder) as temporary:
        (temporary / "content").write_text("new")
    assert (folder / "content").read_text() == "new"


def test_failure_between_the_two_renames_brings_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "whole"
    folder.mkdir()
    (folder / "content").write_text("old")
    rename = os.replace

    def second_fails(source: Path, target: Path) -> None:
        if target == folder and not source.name.endswith(".old"):
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(artifacts.os, "replace", second_fails)
    with pytest.raises(KeyboardInterrupt), atomic_folder(folder) as temporary:
        (temporary / "content").write_text("new")
    assert (folder / "content").read_text() == "old"
    assert os.listdir(tmp_path) == ["whole"]


def in_small_disk(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script where `folder` is a file system of 1 MB, in a mount namespace of its own."""
    mounted = f"mount -t tmpfs -o size=1m tmpfs {folder} && {{ {textwrap.dedent(script)}\n}}"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted]
    if shutil.which("unshare") is None or subprocess.run([*command[:-2], "-c", "true"], check=False).returncode:
        pytest.skip("no user namespaces here, so no file system can be mounted for the test")
    folder.mkdir()
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("state", "reason"), [("full", "No space left"), ("read-only", "Read-only file system")])
def test_bad_disk_is_one_line_and_nothing_is_lost(tmp_path: Path, state: str, reason: str) -> None:
    disk = tmp_path / "disk"
    (tmp_path / "build.py").write_text(textwrap.dedent(BUILD.format(folder=str(disk), seconds=0, size=1_000_000)))
    script = f"""
        mkdir {disk}/whole; echo -n old > {disk}/file; echo -n old > {disk}/whole/content
        {f"mount -o remount,ro {disk}" if state == "read-only" else ""}
        PYTHONPATH=. {sys.executable} {tmp_path}/build.py > {tmp_path}/out; echo "exit code $?"
        cat {disk}/file {disk}/whole/content; ls -A {disk} | grep -v '^.lock$'
    """
    result = in_small_disk(disk, script)
    assert result.stderr.startswith("error: ")
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == "exit code 2\noldoldfile\nwhole\n"


def test_locking_twice_in_one_process(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(UserError, match="another build"), lock(tmp_path):
        pass


def test_failed_file_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_file(tmp_path / "deep" / "file.json") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert os.listdir(tmp_path / "deep") == []


def test_json_is_written_whole_and_in_order(tmp_path: Path) -> None:
    write_json(tmp_path / "report.json", {"b": 1, "a": [2]})
    assert (tmp_path / "report.json").read_text() == '{\n  "b": 1,\n  "a": [\n    2\n  ]\n}\n'


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=4), st.integers(0, 3), st.binary(min_size=1, max_size=3))
def test_digest_tells_parts_apart(parts: list[bytes], index: int, extra: bytes) -> None:
    where = index % len(parts)
    longer = [part + extra if i == where else part for i, part in enumerate(parts)]
    assert digest(*parts) == digest(*parts)
    assert digest(*parts) != digest(*longer)
    assert digest(*parts) != digest(*parts, b"")
    assert len(parts) == 1 or digest(*parts) != digest(b"".join(parts))


def test_digest_of_a_folder_sees_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    first = digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    second = digest(tmp_path)
    (tmp_path / "b").write_text("y")
    assert len({first, second, digest(tmp_path)}) == 3
