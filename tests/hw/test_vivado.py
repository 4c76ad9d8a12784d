# SPDX-License-Identifier: BSD-3-Clause
"""What surrounds Vivado: prepared files, the scripts' dry run, the judgement of reports, and what a failure leaves.

No Vivado ran here: reports come from a stand-in (fake_vivado.py) that writes them as Vivado's manuals show them.
"""

import json
import shutil
import stat
import sys
from pathlib import Path

import pytest

from shiftcore import certificate
from shiftcore.artifacts import digest
from shiftcore.errors import UserError
from shiftcore.hw import bitstream
from shiftcore.hw.boards import load_board
from shiftcore.hw.toolchains import vivado
from shiftcore.hw.toolchains.vivado import dryrun, reports
from shiftcore.hw.toolchains.vivado.dryrun import TABLE, DryRunError
from tests.commands import shiftcore
from tests.hw.fake_vivado import HANDOFF

HERE = Path(__file__).parent
needs_tclsh = pytest.mark.skipif(shutil.which("tclsh") is None, reason="no tclsh (Debian: tcl) for the dry run")
Z2, U96 = load_board("pynq-z2"), load_board("ultra96-v2")


@pytest.fixture
def chip(tiny_chip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of tiny's chip folder as if it were alone in its build folder, and bitstreams/ elsewhere."""
    folder = tmp_path / "tiny" / "pynq-z2"
    shutil.copytree(tiny_chip, folder / "chip")
    shutil.copyfile(tiny_chip.parent / "folding.json", folder / "folding.json")
    monkeypatch.setenv("SHIFTCORE_BUILD", str(tmp_path / "build"))
    monkeypatch.delenv("VIVADO", raising=False)
    return folder / "chip"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """VIVADO names the stand-in."""
    program = tmp_path / "vivado"
    program.write_text((HERE / "fake_vivado.py").read_text().replace("/usr/bin/env python3", sys.executable, 1))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("VIVADO", str(program))
    return monkeypatch


def test_without_vivado_the_error_names_what_to_install_and_what_is_prepared(
    chip: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(UserError) as error:
        bitstream.build_vivado(chip, Z2)
    text = str(error.value)
    assert "\n" not in text
    assert "install Vivado 2022.2 or newer with support for xc7z020clg400-1" in text
    assert "VIVADO=" in text
    named = text.rsplit(": ", 1)[1].split(", ")
    assert set(named) >= {"zynq7.tcl", "implement.tcl", "sources.txt", "clock.xdc", "rtl", "core", "data"}
    assert all((chip.parent / "vivado" / name).exists() for name in named)


def test_a_bitstream_comes_with_its_manifest_and_a_copy(chip: Path, fake: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place = bitstream.build_vivado(chip, Z2)
    made_of, found = json.loads((chip / "manifest.json").read_text()), json.loads((place / "manifest.json").read_text())
    assert {path.name for path in place.iterdir()} == {"shiftcore.bit", "shiftcore.hwh", "manifest.json"}
    assert found["files"] == {name: digest(place / name) for name in ("shiftcore.bit", "shiftcore.hwh")}
    assert found["build_hash"] == made_of["build_hash"]
    assert found["model"] == made_of["model"]
    assert found["toolchain"] == {"name": "vivado", "version": "2023.1"}
    assert found["timing"] == {"setup_ns": 0.412, "hold_ns": 0.017, "pulse_width_ns": 3.75, "worst_ns": 0.017}
    assert found["power"] == {"total_w": 1.645, "dynamic_w": 1.503, "static_w": 0.142, "confidence": "Low"}
    assert [path["slack_ns"] for path in found["paths"]] == [0.412, 1.02]
    assert found["paths"][0] == {
        "slack_ns": 0.412, "start": "chip_i/shell_i/dma_writer/Word_reg[2]/C",
        "end": "chip_i/shell_i/dma_writer/Index_reg[5]/CE", "logic_ns": 2.903, "route_ns": 6.21, "levels": 7,
    }  # fmt: skip
    sealed = certificate.read(chip.parent / "vivado" / "certificate.json")
    assert sealed["kind"] == "vivado" and sealed["sections"]["timing"] == found["timing"]
    assert sealed["sections"]["build"]["files"]["shiftcore.bit"] == found["files"]["shiftcore.bit"]
    assert found["utilization"]["LUT"] == {"used": 12345, "available": Z2.resources.LUT}
    assert found["utilization"]["BRAM"] == {"used": 12.5, "available": Z2.resources.BRAM}
    assert found["utilization"]["FF"]["available"] == Z2.resources.FF
    assert found["utilization"]["DSP"] == {"used": 40, "available": Z2.resources.DSP}
    assert {"layer", "op", "PE", "SIMD", "cycles"} == set(found["folding"][0])
    copy = tmp_path / "bitstreams" / "tiny-pynq-z2"
    assert digest(copy) == digest(place)
    assert bitstream.maker(chip) == "vivado"
    (place / "shiftcore.bit").write_bytes(b"another")
    assert bitstream.maker(chip) is None


def test_a_block_designs_handoff_is_vivados(chip: Path, fake: pytest.MonkeyPatch) -> None:
    assert (bitstream.build_vivado(chip, U96) / "shiftcore.hwh").read_text() == HANDOFF.format(divisor=8)


def test_a_block_design_with_other_plls_than_the_images_is_not_used(chip: Path, fake: pytest.MonkeyPatch) -> None:
    """Timing was met for a clock that the chip would not get."""
    fake.setenv("FAKE_VIVADO", "clock")
    with pytest.raises(UserError, match=r"divisors 9 and 1, but ultra96-v2 needs 187.498 MHz, divisors 8 and 1") as one:
        bitstream.build_vivado(chip, U96)
    assert "\n" not in str(one.value)
    assert not (chip.parent / "bitstream").exists()


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("late", "timing is not met: worst slack -0.231 ns setup, 0.017 ns hold"),
        ("early", "timing is not met: worst slack 0.412 ns setup, -0.004 ns hold"),
        ("free", "is the clock constrained?"),
        ("cut", "12 columns expected"),
        ("half", "no row for Slice LUTs or CLB LUTs"),
        ("path", "no path in it, or one that is not in the known format"),
        ("power", "power report: no summary"),
        ("drc", "design rule NSTD-1: Unspecified I/O Standard"),
        ("warning", r"critical warning \[Synth 8-4445\] could not open"),
        ("error", r"\[Place 30-487\] The packing of instances"),
        ("crash", "exit code 1"),
        ("slow", "wrote no vivado.log"),
        ("empty", "without a bitstream"),
        ("old", "version 2021.1; 2022.2 or newer is needed"),
        ("other", "does not answer as Vivado does"),
    ],
)
def test_what_must_not_be_used_is_not_left(chip: Path, fake: pytest.MonkeyPatch, mode: str, message: str) -> None:
    fake.setenv("FAKE_VIVADO", mode)
    with pytest.raises(UserError, match=message) as error:
        bitstream.build_vivado(chip, Z2)
    assert "\n" not in str(error.value)
    assert list(chip.parent.rglob("*.bit")) == []
    assert not bitstream.published().exists()


def test_a_critical_warning_is_accepted_with_its_reason(chip: Path, fake: pytest.MonkeyPatch) -> None:
    fake.setenv("FAKE_VIVADO", "warning")
    fake.setattr(vivado, "accepted", lambda: {"Synth 8-4445": "a reason"})
    place = bitstream.build_vivado(chip, Z2)
    manifest = json.loads((place / "manifest.json").read_text())
    assert manifest["accepted"] == [{"id": "Synth 8-4445", "reason": "a reason"}]


def test_every_accepted_warning_has_a_reason() -> None:
    assert all(len(reason) > 20 for reason in vivado.accepted().values())


def test_reports_of_ultrascale_plus() -> None:
    text = (HERE / "fake_vivado.py").read_text()
    renamed = text.replace("Slice LUTs*", "CLB LUTs").replace("Slice Registers", "CLB Registers")
    assert reports.utilization(renamed)["LUT"]["used"] == 12345
    with pytest.raises(reports.ReportError, match="no report summary"):
        reports.drc_errors("")


def test_the_command_without_vivado_is_one_line_and_exit_code_2(tiny_chip: Path) -> None:
    done = shiftcore("bitstream", "--preset", "tiny", "--board", "pynq-z2", VIVADO="/no/such/vivado")
    assert done.returncode == 2
    assert done.stderr.startswith("error: Vivado: not found; install")
    assert done.stderr.count("\n") == 1


@needs_tclsh
@pytest.mark.parametrize("board", [Z2, U96], ids=lambda board: board.name)
def test_dry_run(tiny_chip: Path, tmp_path: Path, board: dryrun.Board) -> None:
    calls = dryrun.dry_run(tiny_chip, board, tmp_path / "vivado")
    assert [call.command for call in calls][-1] == "write_bitstream"
    assert len(calls) > 20


@needs_tclsh
def test_the_table_holds_nothing_that_no_script_uses(tiny_chip: Path, tmp_path: Path) -> None:
    calls = [call for board in (Z2, U96) for call in dryrun.dry_run(tiny_chip, board, tmp_path / "vivado")]
    assert {call.command for call in calls} == set(TABLE)
    used = {(call.command, option) for call in calls for option in call.options}
    known = {(name, o) for name, entry in TABLE.items() for o in (*entry.get("values", ()), *entry.get("flags", ()))}
    assert used == known


@needs_tclsh
@pytest.mark.parametrize(
    ("board", "file", "old", "new", "message"),
    [
        (Z2, "implement.tcl", "opt_design", "optimise_design", "optimise_design: no command of Tcl"),
        (Z2, "implement.tcl", "place_design\n", "", "the steps are"),
        (Z2, "implement.tcl", "-file drc.rpt", "-out drc.rpt", "option -out is not in commands.toml"),
        (Z2, "implement.tcl", "-force shiftcore.bit", "-top", "option -top is not in commands.toml"),
        (Z2, "zynq7.tcl", "top_zynq7", "top_zynq", "module top_zynq is in none of the files read"),
        (Z2, "zynq7.tcl", "read_xdc clock.xdc", "read_xdc pins.xdc", "couldn't read file"),
        (Z2, "zynq7.tcl", "$argv part", "$argv parts", 'can\'t read "part"'),
        (Z2, "clock.xdc", "FCLKCLK[0]", "FCLKCLK[4]", "port FCLKCLK has bits 3 to 0 only"),
        (Z2, "clock.xdc", "FCLKCLK[0]", "FCLK", "primitive PS7 has no port FCLK"),
        (Z2, "clock.xdc", "ps7_i", "ps7", "no instance ps7"),
        (Z2, "sources.txt", "rtl/chip.sv\n", "rtl/chips.sv\n", "rtl/chips.sv: no such file"),
        (U96, "zynquplus.tcl", "chip/rst_n", "chip/reset_n", "top_zynquplus has no reset_n"),
        (U96, "zynquplus.tcl", "[get_bd_pins chip/irq]", "[get_bd_pins reset/ext_reset_in]", "chip/irq: not connected"),
        (U96, "zynquplus.tcl", "ps/S_AXI_HP0_FPD", "ps/S_AXI_HP0", "no S_AXI_HP0 in commands.toml"),
        (U96, "zynquplus.tcl", "IRQ0 1", "IRQS 1", "PSU__USE__IRQS is not in commands.toml"),
        (U96, "zynquplus.tcl", "-offset $base", "-offset 0x80000000", "the registers are at 0xa0000000"),
        (
            U96,
            "zynquplus.tcl",
            "project -part $part",
            "project -part xczu7ev-ffvc1156-2-e",
            "the board's part is xczu3eg",
        ),
        (U96, "zynquplus.tcl", "-reference top_zynquplus", "-reference chip", "takes no SystemVerilog module"),
    ],
)
def test_the_dry_run_finds(
    tiny_chip: Path, tmp_path: Path, board: dryrun.Board, file: str, old: str, new: str, message: str
) -> None:
    folder = tmp_path / "vivado"
    vivado.prepare(tiny_chip, board, folder)
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    with pytest.raises(DryRunError) as error:
        dryrun.check(dryrun.record(folder, vivado.script(board), vivado.arguments(board)), folder, board)
    assert message in str(error.value)
