# SPDX-License-Identifier: BSD-3-Clause
"""Each patch of FINN's RTL: needed (the original shows its defect), sufficient, and bound to its one original."""

import shutil
import subprocess
from pathlib import Path

import pytest

from shiftcore.errors import UserError
from shiftcore.hw import patches
from shiftcore.hw.stitch import RTLLIB
from shiftcore.hw.toolchains import yosys
from shiftcore.sim.verilator import environment

MVU = ("mvu_pkg.sv", "mvu_vvu_axi.sv", "replay_buffer.sv", "mvu.sv", "mvu_vvu_8sx9_dsp58.sv", "add_multi.sv")
WAIVED = ("-Wno-fatal", "-Wno-lint", "-Wno-style")  # FINN's code, not ours


def sources(folder: Path, names: list[Path], unpatched: str) -> list[str]:
    """Install FINN's files into `folder`, all mended but `unpatched`."""
    folder.mkdir()
    installed = []
    for original in names:
        copy = patches.install(original, folder)
        if original.name == unpatched:
            shutil.copyfile(original, copy)
        installed.append(str(copy))
    return installed


def verilator(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = ["verilator", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False)


def test_add_multi_elaborates_only_with_its_patch(tmp_path: Path) -> None:
    files = [RTLLIB / "mvu" / name for name in ("mvu_pkg.sv", "add_multi.sv")]
    top = ("--lint-only", *WAIVED, "--top-module", "add_multi", "-GN=9", "-GDEPTH=4", "-GARG_WIDTH=8")
    assert verilator(*top, *sources(tmp_path / "mended", files, ""), cwd=tmp_path).returncode == 0
    original = verilator(*top, *sources(tmp_path / "original", files, "add_multi.sv"), cwd=tmp_path)
    assert original.returncode != 0, "FINN's add_multi.sv no longer needs its patch"
    assert "add_multi.sv" in original.stderr


def test_fifo_elaborates_only_with_its_patch(tmp_path: Path) -> None:
    files = [RTLLIB / "fifo" / "hdl" / "fifo.sv"]
    top = ("--lint-only", *WAIVED, "--top-module", "fifo", "-GDEPTH=700", "-GDATA_WIDTH=16", '-GRAM_STYLE="block"')
    assert verilator(*top, *sources(tmp_path / "mended", files, ""), cwd=tmp_path).returncode == 0
    original = verilator(*top, *sources(tmp_path / "original", files, "fifo.sv"), cwd=tmp_path)
    assert original.returncode != 0, "FINN's fifo.sv no longer needs its patch"
    assert "INIT_ABITS" in original.stderr


@pytest.mark.parametrize(
    ("file", "top", "complaint"),
    [
        ("fifo/hdl/fifo.sv", "fifo #(.DEPTH(70), .DATA_WIDTH(16))", "directive is not allowed inside"),
        ("dwc/hdl/vpc.sv", "vpc #(.W(4), .N(8), .PI(4), .PO(2))", "directive is not allowed inside"),
        ("thresholding/hdl/thresholding.sv", "thresholding #(.K(9), .N(15), .C(4), .PE(2))", "unsynthesizable feature"),
    ],
)
def test_yosys_reads_only_with_the_patch(tmp_path: Path, file: str, top: str, complaint: str) -> None:
    original = RTLLIB / file
    bench = tmp_path / "top.sv"
    bench.write_text(f"module top; {top} dut (); endmodule\n")

    def read(name: str, unpatched: str) -> None:
        files = [Path(path) for path in sources(tmp_path / name, [original], unpatched)]
        commands = yosys.read(yosys.Sources((*files, bench), "top", tmp_path), tmp_path / f"{name}_read")
        yosys.run(commands, tmp_path / f"{name}_read", "read")

    read("mended", "")
    with pytest.raises(yosys.YosysError, match=complaint):
        read("original", original.name)


@pytest.mark.parametrize("width", [16, 27])
def test_mvu_keeps_results_under_backpressure_only_with_its_patch(tmp_path: Path, width: int) -> None:
    """Widths of a power of two and others: a queue longer by one mends only the former."""
    bench = Path(__file__).parent / "mvu_backpressure_tb.sv"

    def run(name: str, unpatched: str) -> subprocess.CompletedProcess[str]:
        files = sources(tmp_path / name, [RTLLIB / "mvu" / file for file in MVU], unpatched)
        built = verilator(
            "--binary", "--assert", "--timing", *WAIVED, "-Mdir", str(tmp_path / f"{name}_obj"), "-CFLAGS", "-O0",
            f"-GWIDTH={width}", "--top-module", bench.stem, *files, str(bench), cwd=tmp_path,
        )  # fmt: skip
        assert built.returncode == 0, built.stderr
        program = tmp_path / f"{name}_obj" / f"V{bench.stem}"
        return subprocess.run([program], capture_output=True, text=True, timeout=600, check=False)

    mended = run("mended", "")
    assert mended.returncode == 0, mended.stdout
    original = run("original", "mvu_vvu_axi.sv")
    assert original.returncode != 0, "FINN's mvu_vvu_axi.sv no longer needs its patch"
    assert "Overflowing output queue" in original.stdout


def test_a_changed_original_stops_the_build(tmp_path: Path) -> None:
    changed = tmp_path / "fifo.sv"
    changed.write_text((RTLLIB / "fifo" / "hdl" / "fifo.sv").read_text() + "// newer\n")
    (tmp_path / "copies").mkdir()
    with pytest.raises(UserError, match=r"fifo\.sv: FINN's file .* is not the one"):
        patches.install(changed, tmp_path / "copies")


def test_files_without_a_patch_are_copied_as_they_are(tmp_path: Path) -> None:
    original = RTLLIB / "mvu" / "mvu_pkg.sv"
    assert patches.install(original, tmp_path).read_bytes() == original.read_bytes()
