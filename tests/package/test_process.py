# SPDX-License-Identifier: BSD-3-Clause
"""Programs that we run: nothing of them is left, whatever ends them or us; odd names reach them as plain ones."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from shiftcore import process
from shiftcore.process import plain
from tests.checkout import ROOT

# As Verilator does with make and the compiler: a program that starts one that starts one. Each notes who it is.
FAMILY = 'echo $$ >>"$0"; sh -c \'echo $$ >>"$0"; sleep 300 & echo $! >>"$0"; wait\' "$0" & wait'
RUNNER = """
    import sys
    import typer
    from shiftcore import process
    from shiftcore.cli import command

    typer.run(command(lambda: process.run(["sh", "-c", {script!r}, {notes!r}])))
"""


def members(notes: Path) -> list[int]:
    """The processes that the family has noted, when all three have."""
    end = time.monotonic() + 60
    while not notes.is_file() or len(notes.read_text().split()) < 3:
        assert time.monotonic() < end
        time.sleep(0.02)
    return [int(number) for number in notes.read_text().split()]


def left(processes: list[int], seconds: float = 20) -> list[int]:
    """Those that still run when there has been time to end; a zombie does not."""
    end = time.monotonic() + seconds
    while running := [number for number in processes if _runs(number)]:
        if time.monotonic() > end:
            break
        time.sleep(0.05)
    return running


def _runs(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_it_is_subprocess_run(tmp_path: Path) -> None:
    script = "echo $0 $HERE; pwd; echo oh >&2; exit 3"
    done = process.run(["sh", "-c", script, "a b"], cwd=tmp_path, env={**os.environ, "HERE": "ü"})
    assert (done.returncode, done.stdout, done.stderr) == (3, f"a b ü\n{tmp_path}\n", "oh\n")
    with open(tmp_path / "log", "w") as log:
        done = process.run(["sh", "-c", "echo out; echo oh >&2"], stdout=log, stderr=log)
    assert (done.returncode, done.stdout, (tmp_path / "log").read_text()) == (0, None, "out\noh\n")
    with pytest.raises(FileNotFoundError):
        process.run([str(tmp_path / "absent")])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
@pytest.mark.parametrize("ignored", [False, True], ids=["", "SIGINT ignored"])
def test_nothing_is_left_when_we_are_stopped(number: signal.Signals, ignored: bool, tmp_path: Path) -> None:
    """By Ctrl-C or SIGTERM, or killed as `timeout -s KILL` and subprocess' own time-out do it; also where a script's
    `&` has left Ctrl-C ignored."""
    program = textwrap.dedent(RUNNER.format(script=FAMILY, notes=str(tmp_path / "notes")))
    shell = ("trap '' INT; " if ignored else "trap : INT; ") + 'exec "$@"'
    with subprocess.Popen(["sh", "-c", shell, "sh", sys.executable, "-c", program], cwd=ROOT, stderr=-3) as started:
        family = members(tmp_path / "notes")
        assert left(family, 0) == family
        started.send_signal(number)
        assert started.wait(30) == (2 if number != signal.SIGKILL else -9)
    assert left(family) == []


def test_nothing_is_left_after_a_time_out(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        process.run(["sh", "-c", FAMILY, str(tmp_path / "notes")], timeout=3)
    assert left(members(tmp_path / "notes"), 1) == []


def test_what_will_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE_S", 0.2)
    with pytest.raises(subprocess.TimeoutExpired):
        process.run(["sh", "-c", f"trap '' TERM; {FAMILY}", str(tmp_path / "notes")], timeout=3)
    assert left(members(tmp_path / "notes"), 1) == []


def test_other_threads_programs_can_be_ended(tmp_path: Path) -> None:
    codes: list[int] = []
    command = ["sh", "-c", FAMILY, str(tmp_path / "notes")]
    thread = threading.Thread(target=lambda: codes.append(process.run(command).returncode))
    thread.start()
    family = members(tmp_path / "notes")
    process.stop()  # waits for what is just being started
    thread.join(20)
    assert codes == [-signal.SIGTERM] and left(family, 1) == []


@pytest.mark.parametrize("name", ["with space ü", "it's", 'a"b', "$HOME", "a#b", "a;b", "a%b", "a,b", "back\\slash"])
def test_odd_names_have_plain_ones(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "file").write_text("content")
    short = plain(folder)
    assert (short / "file").read_text() == "content" and plain(folder) == short
    assert all(letter.isascii() and (letter.isalnum() or letter in "_./-") for letter in str(short))
    assert plain(tmp_path) == tmp_path
    short.unlink()
    assert plain(folder) == short and short.is_dir()


def test_links_to_what_is_gone_go(tmp_path: Path) -> None:
    for name in ("a b", "c d"):
        (tmp_path / name).mkdir()
    gone = plain(tmp_path / "a b")
    (tmp_path / "a b").rmdir()
    plain(tmp_path / "c d")
    assert not gone.is_symlink()


WAITS = """
    import time
    import typer
    from shiftcore.cli import command

    def wait():
        print("waits", flush=True)
        time.sleep(300)

    typer.run(command(wait))
"""


def test_ctrl_c_ends_a_command_that_was_started_where_it_is_ignored() -> None:
    """As a shell's `&`, nohup and some CI runners start it."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WAITS)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # noqa: PLW1509
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "waits\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.startswith("error: interrupted") and errors.count("\n") == 1


def test_handlers_are_put_back_after_a_command() -> None:
    from shiftcore.cli import command

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    seen: list[object] = []
    command(lambda: seen.append(signal.getsignal(signal.SIGTERM)))()
    assert seen[0] != before[0]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_command_runs_in_any_thread() -> None:
    from shiftcore.cli import command

    done: list[str] = []
    thread = threading.Thread(target=command(lambda: done.append("done")))
    thread.start()
    thread.join()
    assert done == ["done"]
