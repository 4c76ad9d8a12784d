# SPDX-License-Identifier: BSD-3-Clause
"""What is kept as long as its inputs have not changed, and that our own code is one of them."""

import os
import shutil
from pathlib import Path

import pytest

from shiftcore import artifacts, sources
from shiftcore.artifacts import is_kept, kept, write_json
from shiftcore.sources import closure, code
from tests.checkout import ROOT


class Maker:
    """Writes how often it was asked."""

    def __init__(self, path: Path) -> None:
        self.path, self.times = path, 0

    def __call__(self) -> None:
        self.times += 1
        write_json(self.path, self.times)


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "deep" / "result.json")


def test_what_is_there_of_the_same_key_is_not_made_again(maker: Maker) -> None:
    assert kept(maker.path, "a", maker) == maker.path
    assert kept(maker.path, "a", maker).read_text() == "1\n"
    assert kept(maker.path, "b", maker).read_text() == "2\n"
    assert kept(maker.path, "a", maker).read_text() == "3\n", "what another key left is not the first one's"


def test_a_result_that_is_gone_is_made_again(maker: Maker) -> None:
    kept(maker.path, "a", maker)
    maker.path.unlink()
    assert not is_kept(maker.path, "a")
    assert kept(maker.path, "a", maker).read_text() == "2\n"


def test_a_time_stamp_decides_nothing(maker: Maker) -> None:
    kept(maker.path, "a", maker)
    os.utime(maker.path, (0, 0))
    assert is_kept(maker.path, "a")
    os.utime(maker.path, (2**33, 2**33))
    assert not is_kept(maker.path, "b")


def test_an_interruption_claims_nothing(maker: Maker) -> None:
    """It may have replaced the file already: neither the old key's nor the new one's."""
    kept(maker.path, "a", maker)

    def interrupted() -> None:
        write_json(maker.path, "half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept(maker.path, "b", interrupted)
    assert not is_kept(maker.path, "a") and not is_kept(maker.path, "b")
    assert kept(maker.path, "a", maker).read_text() == "2\n"


def test_a_folder_is_kept_like_a_file(tmp_path: Path) -> None:
    folder, made = tmp_path / "folder", []

    def make() -> None:
        made.append(1)
        with artifacts.atomic_folder(folder) as temporary:
            (temporary / "content").write_text("x")

    kept(folder, "a", make)
    kept(folder, "a", make)
    assert len(made) == 1 and os.listdir(folder) == ["content"]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of our sources, which `sources` takes for ours; its package."""
    ignored = shutil.ignore_patterns("__pycache__", "pretrained")
    shutil.copytree(ROOT / "shiftcore", tmp_path / "shiftcore", ignore=ignored)  # its links: what they lead to
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    return tmp_path / "shiftcore"


@pytest.mark.parametrize(
    "file",
    [
        "hw/fifo.py",
        "hw/boards/__init__.py",
        "hw/ops/max_pool/op.py",
        "hw/__init__.py",
        "sim/library.py",
        "model/reference.py",
    ],
)
def test_every_file_that_a_compilation_runs_is_in_its_code(checkout: Path, file: str) -> None:
    before = code("shiftcore.hw.compile")
    assert code("shiftcore.hw.compile") == before
    (checkout / file).write_text((checkout / file).read_text() + "\n# changed\n")
    assert code("shiftcore.hw.compile") != before


@pytest.mark.parametrize("file", ["quant/layouts.py", "driver/accelerator.py", "flow/build.py"])
def test_what_a_module_does_not_run_is_not_in_its_code(checkout: Path, file: str) -> None:
    """Though the package's own __init__.py names much for type checkers."""
    before = code("shiftcore.hw.compile")
    (checkout / file).write_text("")
    assert code("shiftcore.hw.compile") == before


def test_data_and_packages_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("x")
    first = code("shiftcore.errors", data=(tmp_path,))
    (tmp_path / "weights").write_text("y")
    assert len({first, code("shiftcore.errors", data=(tmp_path,)), code("shiftcore.errors", packages=("numpy",))}) == 3


def test_every_way_to_import_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "shiftcore"
    (package / "inner").mkdir(parents=True)
    for name, text in {
        "__init__.py": "",
        "first.py": "import shiftcore.second\ndef late():\n    from shiftcore import third",
        "second.py": "from .inner import deep",
        "third.py": "import numpy",
        "other.py": "",
        "inner/__init__.py": "from .. import fourth",
        "inner/deep.py": "",
        "fourth.py": "",
    }.items():
        (package / name).write_text(text)
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    assert {path.stem for path in closure("shiftcore.first")} == {
        "__init__",
        "first",
        "second",
        "third",
        "deep",
        "fourth",
    }
    with pytest.raises(ValueError, match=r"shiftcore\.fifth: no module"):
        closure("shiftcore.fifth")
