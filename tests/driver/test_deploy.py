# SPDX-License-Identifier: BSD-3-Clause
"""What `make deploy` packs runs where nothing of this project's environment is: Python 3.10, NumPy 1.x, OpenCV."""

import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from shiftcore import __version__
from shiftcore.errors import UserError
from shiftcore.flow import deploy
from shiftcore.model import video
from tests.checkout import ROOT
from tests.driver.deployed import NAME, VARIABLES, shiftcore


def test_the_same_inputs_give_the_same_bytes(
    archive: Path, tiny_chip: Path, latency: int, packages: list[Path], tmp_path: Path
) -> None:
    again = tmp_path / archive.name
    deploy.pack(again, NAME, deploy.contents(tiny_chip.parent, latency, packages))
    assert again.read_bytes() == archive.read_bytes()


def test_what_is_in_it(archive: Path) -> None:
    with tarfile.open(archive) as content:
        members = {member.name.split("/", 1)[1]: member for member in content.getmembers()}
        text = b"".join(file.read() for file in map(content.extractfile, members.values()) if file)
    assert {"shiftcore", "README.md", "LICENSE", "requirements.txt"} <= set(members)
    assert {f"build/tiny/pynq-z2/chip/{name}" for name in ("manifest.json", "model.npz", "selftest.npz")} <= set(
        members
    )
    assert not any("__pycache__" in name for name in members)
    with zipfile.ZipFile(io.BytesIO(deploy.own_wheel())) as wheel:
        assert {"shiftcore/driver/commands.py", "shiftcore/model/reference.py"} <= set(wheel.namelist())
        assert {name.split("/")[0] for name in wheel.namelist()} == {"shiftcore", f"shiftcore-{__version__}.dist-info"}
    assert members["shiftcore"].mode == 0o755
    assert {(member.uid, member.gid, member.uname) for member in members.values()} == {(0, 0, "")}
    assert str(ROOT).encode() not in text


def test_changed_content_has_another_time(tmp_path: Path) -> None:
    """Or Python would run what it had compiled of an older archive, unpacked in the same place."""
    times = set()
    for content in (b"a = 1", b"a = 2"):
        deploy.pack(tmp_path / "a.tar.gz", "a", {"a.py": content})
        with tarfile.open(tmp_path / "a.tar.gz") as archive:
            times.add(archive.getmembers()[0].mtime)
    assert len(times) == 2


def test_a_newer_archive_in_the_same_folder_replaces_what_was_unpacked(board: Path, board_python: str) -> None:
    shiftcore(board, board_python, "--help")
    (board / "lib" / "shiftcore" / "__init__.py").write_text("raise SystemExit('old')")
    assert shiftcore(board, board_python, "--help").returncode == 1
    sums = board / "wheels" / "SHA256SUMS"
    sums.write_text(sums.read_text() + "changed")
    done = shiftcore(board, board_python, "--help")
    assert done.returncode == 0, done.stderr


def test_selftest_passes_on_an_old_python(board: Path, board_python: str) -> None:
    done = shiftcore(board, board_python, "selftest", "--backend", "reference")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NumPy 1.26.4, Python 3.10" in done.stdout
    assert "FAIL" not in done.stdout and "checks passed" in done.stdout


def test_nothing_of_the_training_side_is_there(board: Path, board_python: str) -> None:
    names = "torch qonnx finn onnx brevitas pydantic"
    program = f"import importlib.util as u; print([name for name in {names.split()} if u.find_spec(name)])"
    program += "; import sys, shiftcore.driver.commands, shiftcore.driver.replay"
    program += "; print([name for name in sys.modules if name.startswith(('shiftcore.hw', 'shiftcore.quant'))])"
    paths = str(board / "lib")
    shiftcore(board, board_python, "--help")  # unpacks lib/
    environment = {**VARIABLES, "PYTHONPATH": paths}
    done = subprocess.run(
        [board_python, "-c", program], cwd="/", env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]


WITH_OPENCV = "import sys; sys.modules['av'] = None; from shiftcore.flow.command import main; sys.exit(main())"


def test_a_video_gives_the_board_what_it_gives_us(board: Path, board_python: str, clip: Path, tiny_chip: Path) -> None:
    """NumPy 1.x there and 2.x here, OpenCV of another version: every logit is the same. PyAV's colours are others
    (docs/driver.md); its luma is the same (tests/model/test_containers.py)."""
    done = shiftcore(board, board_python, "run", str(clip), "--backend", "reference", "--json")
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "-c", WITH_OPENCV, "run", str(clip), "--build", str(tiny_chip.parent), "--json"]
    ours = subprocess.run([*command, "--backend", "reference"], cwd=ROOT, capture_output=True, text=True, check=True)
    there, here = ([json.loads(line) for line in text.splitlines()] for text in (done.stdout, ours.stdout))
    assert [line["logits"] for line in there] == [line["logits"] for line in here]
    assert len(there) == 16 and np.ptp([line["seconds"] for line in there]) == pytest.approx(0.6)


def test_a_table_and_a_recording_on_an_old_python(board: Path, board_python: str, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    done = shiftcore(board, board_python, "run", str(clip), "--backend", "reference", "--record", str(out))
    assert done.returncode == 0, done.stderr
    assert "scene.mp4" in done.stdout and "leave_pick" in done.stdout
    assert len(list(video.frames(out))) == 16


def test_without_a_board_the_board_back_end_says_so(board: Path, board_python: str) -> None:
    done = shiftcore(board, board_python, "selftest", "--backend", "board")
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_without_numpy_there_is_one_line(board: Path, tmp_path: Path) -> None:
    fake = tmp_path / "python3"
    fake.write_text('#!/bin/sh\ncase "$*" in *numpy*) exit 1;; esac\n')
    fake.chmod(0o755)
    done = shiftcore(board, str(fake), "selftest")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "has no NumPy" in done.stderr


def test_no_index_is_one_line_and_an_archive_without_wheels(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHIFTCORE_BUILD", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert deploy.wheels() == []
    said = capsys.readouterr().err
    assert said.startswith("warning: no wheels in the archive") and said.count("\n") == 1
    assert not list(tmp_path.glob("tools/wheels-*"))


def test_pinned_packages_are_those_the_project_uses() -> None:
    """paho-mqtt and rich are the same here and there; typer and click are older there, for Python 3.10's sake."""
    lock = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line.split()[0] for line in deploy.REQUIREMENTS.read_text().splitlines() if "==" in line]
    assert {pin for pin in pins if pin in {line.split("#")[0].strip() for line in lock}} >= {
        "rich==13.9.4",
        "paho-mqtt==2.2.0",
    }
    assert len(pins) == 10


def test_results_that_do_not_come_are_one_line(tiny_chip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf:
        @staticmethod
        def open(*_arguments: str) -> "nullcontext[Deaf]":
            return nullcontext(Deaf())

        def load(self, _model: Path) -> None:
            pass

    monkeypatch.setattr(deploy, "Accelerator", Deaf)
    monkeypatch.setattr(deploy, "run_known", lambda *_arguments: [])
    with pytest.raises(UserError, match="the Verilated chip fails: 0 of 32 results came"):
        deploy.measured_latency(tiny_chip.parent)
