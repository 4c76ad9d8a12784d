# SPDX-License-Identifier: BSD-3-Clause
"""The open-tools path: synthesis to a netlist that nextpnr-xilinx takes, and what surrounds the tools after it.

Only the synthesis runs here. nextpnr-xilinx, fasm2frames and xc7frames2bit are stand-ins: they succeed, fail, or stop
in the middle of their output.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from shiftcore.errors import UserError
from shiftcore.hw import bitstream
from shiftcore.hw.boards import load_board
from shiftcore.hw.toolchains import openxc7, yosys
from tests.checkout import ROOT

Z2 = load_board("pynq-z2")
SIZE = openxc7.BITSTREAM_BYTES["xc7z020"]
PROGRAMS = {
    "nextpnr-xilinx": 'if [ "$1" = --version ]; then echo "nextpnr-xilinx (Version 0.8.2)" >&2; exit 0; fi\n'
    "printf 'Info: Max frequency for clock clk: 90.00 MHz\\nInfo: Max frequency for clock clk: 123.40 MHz\\n'\n"
    "echo 'CLBLL_L_X2Y0.SLICEL_X0.ALUT' > design.fasm\necho 'Info: Program finished normally.'\n",
    "fasm2frames": "grep -q -- '--part xc7z020clg400-1' <<< \"$*\" && cp design.fasm design.frames\n",
    "xc7frames2bit": f'test -f "$2" && head -c {SIZE} /dev/zero > shiftcore.bit\n',
}


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of stand-ins and empty data bases, named by OPENXC7."""
    root = tmp_path / "openxc7"
    (root / "bin").mkdir(parents=True)
    for name, text in PROGRAMS.items():
        program = root / "bin" / name
        program.write_text(f"#!/bin/bash\n{text}")
        program.chmod(0o755)
    (root / "chipdb").mkdir()
    (root / "chipdb" / "xc7z020clg400.bin").touch()
    part = root / "db" / "zynq7" / Z2.part
    part.mkdir(parents=True)
    (part / "part.yaml").touch()
    monkeypatch.setenv("OPENXC7", str(root))
    return root


@pytest.fixture
def chip(tiny_chip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of tiny's chip folder alone in its build folder, with a netlist that need not be synthesized."""
    folder = tmp_path / "tiny" / "pynq-z2"
    shutil.copytree(tiny_chip, folder / "chip")
    shutil.copyfile(tiny_chip.parent / "folding.json", folder / "folding.json")
    monkeypatch.setenv("SHIFTCORE_BUILD", str(tmp_path / "build"))

    def prepare(_chip: Path, _board: object, work: Path) -> list[str]:
        work.mkdir()
        (work / "netlist.json").write_text("{}")
        return ["netlist.json"]

    monkeypatch.setattr(openxc7, "prepare", prepare)
    return folder / "chip"


def replace(tools: Path, name: str, text: str) -> None:
    (tools / "bin" / name).write_text(f"#!/bin/bash\n{text}")


def test_a_bitstream_says_what_its_timing_is_worth(chip: Path, tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = bitstream.build_openxc7(chip, Z2)
    assert openxc7.CAVEAT in capsys.readouterr().out
    manifest = json.loads((place / "manifest.json").read_text())
    assert manifest["toolchain"] == {"name": "openxc7", "version": "0.8.2"}
    assert manifest["timing"] == {"max_mhz": 123.4, "caveat": openxc7.CAVEAT}
    assert {path.name for path in place.iterdir()} == {"shiftcore.bit", "shiftcore.hwh", "manifest.json"}


@pytest.mark.parametrize(
    ("program", "text", "message"),
    [
        ("nextpnr-xilinx", "echo 'ERROR: Failed to route net'; echo half > design.fasm; exit 1", "Failed to route net"),
        ("nextpnr-xilinx", "echo half > design.fasm; kill -9 $$", "exit code -9"),
        ("nextpnr-xilinx", "echo half > design.fasm", "did not say that it finished normally"),
        ("fasm2frames", "echo half > design.frames; exit 3", "fasm2frames: exit code 3"),
        ("xc7frames2bit", f"head -c {SIZE} /dev/zero > shiftcore.bit; exit 1", "frames2bit: exit code 1"),
        ("xc7frames2bit", "head -c 1000 /dev/zero > shiftcore.bit", "1000 bytes, and 4045564 are needed"),
        ("xc7frames2bit", "true", "0 bytes, and 4045564 are needed"),
    ],
)
def test_an_abnormal_end_leaves_no_bitstream(chip: Path, tools: Path, program: str, text: str, message: str) -> None:
    replace(tools, program, text)
    with pytest.raises(UserError, match=message) as error:
        bitstream.build_openxc7(chip, Z2)
    assert "\n" not in str(error.value)
    assert list(chip.parent.rglob("*.bit")) == []
    assert not bitstream.published().exists()


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("bin/nextpnr-xilinx", "nextpnr-xilinx: not found"),
        ("bin/xc7frames2bit", "xc7frames2bit: not found"),
        ("chipdb", r"chip data base xc7z020\*.bin: not found"),
        ("db", "data base with xc7z020clg400-1/part.yaml: not found"),
    ],
)
def test_a_missing_tool_is_named_with_what_is_prepared(chip: Path, tools: Path, gone: str, message: str) -> None:
    path = tools / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(UserError, match=message) as error:
        bitstream.build_openxc7(chip, Z2)
    assert str(error.value).endswith(f"prepared for them in {chip.parent / 'openxc7'}: netlist.json")


@pytest.mark.parametrize(("preset", "board"), [("cctv", "pynq-z2"), ("tiny", "kv260")])
def test_it_is_for_the_smallest_preset_on_zynq7(preset: str, board: str) -> None:
    with pytest.raises(UserError, match=r"TOOLCHAIN=openxc7 is for .* vivado"):
        openxc7.check(preset, load_board(board))


def cells(netlist: Path) -> dict[str, dict[str, Any]]:
    """The cells of the top in a netlist."""
    modules: dict[str, Any] = json.loads(netlist.read_text())["modules"]
    found: dict[str, dict[str, Any]] = modules["top_zynq7"]["cells"]
    return found


def test_the_mends_that_nextpnr_needs(tmp_path: Path) -> None:
    source = tmp_path / "top_zynq7.v"
    pins = ", ".join(f".I{index}(a[{index}])" for index in range(6))
    source.write_text(
        "module top_zynq7(input [5:0] a, input c, output x, y, output [47:0] p);\n"
        f"LUT6_2 #(.INIT(64'hDEADBEEF01234567)) lut ({pins}, .O5(x), .O6(y));\n"
        "DSP48E1 #(.PATTERN(48'h1), .MASK(48'h2)) dsp "
        "(.CLK(c), .A(30'h1), .B(18'h2), .C(48'h3), .D(25'h4), .PCIN(48'h0), .P(p));\nendmodule\n"
    )
    netlist = tmp_path / "netlist.json"
    sources = yosys.Sources((source,), "top_zynq7", tmp_path)
    steps = [
        *yosys.read(sources, tmp_path / "yosys"),
        *yosys.synth("xc7", tmp_path),
        *openxc7.MENDS,
        f"write_json {netlist}",
    ]
    yosys.run(steps, tmp_path / "yosys", "mends", tmp_path)
    openxc7.open_cascades(netlist)
    dsp = next(cell for cell in cells(netlist).values() if cell["type"] == "DSP48E1")
    assert dsp["connections"]["PCIN"] == ["x"] * 48
    assert dsp["connections"]["C"] == ["1", "1"] + ["0"] * 46
    found = {cell["type"]: cell["parameters"] for cell in cells(netlist).values()}
    assert int(found["LUT6"]["INIT"], 2) == 0xDEADBEEF01234567
    assert int(found["LUT5"]["INIT"], 2) == 0x01234567
    assert "LUT6_2" not in found
    assert not {"PATTERN", "MASK"} & set(found["DSP48E1"])


@pytest.fixture(scope="module")
def hollow_chip(tiny_chip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny's chip with a core that passes every third byte on as a logit: the shell and the top, without the network
    whose synthesis takes many minutes."""
    folder = tmp_path_factory.mktemp("hollow") / "chip"
    shutil.copytree(tiny_chip / "rtl", folder / "rtl")
    (folder / "core" / "data").mkdir(parents=True)
    manifest = json.loads((tiny_chip / "manifest.json").read_text())
    shell = [name for name in manifest["files"] if name.startswith("rtl/")]
    packages = [name for name in shell if name.endswith("_pkg.sv")]
    rest = [name for name in shell if name not in packages]
    (folder / "manifest.json").write_text(json.dumps({**manifest, "files": [*packages, "core/core.sv", *rest]}))
    core = json.loads((tiny_chip / "core" / "manifest.json").read_text())
    inputs, outputs = core["input"]["tdata_bits"], core["output"]["tdata_bits"]
    (folder / "core" / "core.sv").write_text(
        f"""module core (
            input wire ap_clk, input wire ap_rst_n,
            input wire [{inputs - 1}:0] s_axis_tdata, input wire s_axis_tvalid, output wire s_axis_tready,
            input wire [7:0] s_axis_ctx_tdata, input wire s_axis_ctx_tvalid, output wire s_axis_ctx_tready,
            input wire load_begins, output wire load_ends,
            input wire [31:0] s_axis_load_tdata, input wire s_axis_load_tvalid,
            output reg [{outputs - 1}:0] m_axis_tdata, output reg m_axis_tvalid, input wire m_axis_tready
        );
            assign s_axis_tready = !m_axis_tvalid, s_axis_ctx_tready = ap_rst_n;
            assign load_ends = load_begins ^ ^s_axis_load_tdata ^ s_axis_load_tvalid;
            always @(posedge ap_clk) begin
                if(!ap_rst_n)  m_axis_tvalid <= 0;
                else  m_axis_tvalid <= m_axis_tvalid? !m_axis_tready : s_axis_tvalid;
                if(!m_axis_tvalid)  m_axis_tdata <= s_axis_tdata ^ s_axis_ctx_tdata;
            end
        endmodule"""
    )
    return folder


def test_the_top_becomes_a_netlist_of_the_fpgas_cells(hollow_chip: Path, tmp_path: Path) -> None:
    prepared = openxc7.prepare(hollow_chip, Z2, tmp_path / "openxc7")
    assert "netlist.json" in prepared
    found = cells(tmp_path / "openxc7" / "netlist.json")
    kinds = [cell["type"] for cell in found.values()]
    assert (kinds.count("PS7"), kinds.count("BUFG")) == (1, 1)
    assert not [kind for kind in kinds if kind.startswith("$")]
    assert not {"LUT6_2", "IBUF", "OBUF"} & set(kinds)
    processor = next(cell for cell in found.values() if cell["type"] == "PS7")["connections"]
    buffer = next(cell for cell in found.values() if cell["type"] == "BUFG")["connections"]
    assert buffer["I"] == processor["FCLKCLK"][:1]
    assert processor["MAXIGP0ACLK"] == processor["SAXIHP0ACLK"] == buffer["O"]
    assert isinstance(processor["IRQF2P"][0], int)  # a net; all above it are constants
    assert set(processor["IRQF2P"][1:]) == {"0"}
    assert all(isinstance(bit, int) for bit in processor["SAXIHP0WDATA"] + processor["SAXIHP0ARADDR"][3:])
    clocks = {bit for cell in found.values() for name in ("C", "CLK") for bit in cell["connections"].get(name, ())}
    assert clocks <= {*buffer["O"], "0", "1"}


def test_the_docs_say_which_nextpnr() -> None:
    assert "nextpnr-xilinx (not the\nhimbaechel-based nextpnr" in (ROOT / "docs" / "bitstream.md").read_text()
