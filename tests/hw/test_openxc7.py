# SPDX-License-Identifier: BSD-3-Clause
"""The open-tools path: synthesis to a netlist that nextpnr-xilinx takes, and what surrounds the tools after it.

Only the synthesis runs here. nextpnr-xilinx, fasm2frames and xc7frames2bit are stand-ins that end as the real ones do:
the words of nextpnr's log, and its exit codes, are those of nextpnr-xilinx 0.8.2 (timing.cc and command.cc of its
sources; so ended a run of `tiny` with it): 0 and no closing words, 1 and a whole .fasm where the clock was missed, 255
at any other error.
"""

import json
import re
import shutil
from pathlib import Path

import pytest

from shiftcore.driver.build import Build
from shiftcore.errors import UserError
from shiftcore.hw import bitstream
from shiftcore.hw.boards import load_board
from shiftcore.hw.estimate import count
from shiftcore.hw.toolchains import openxc7, yosys
from shiftcore.hw.toolchains.openxc7 import report
from shiftcore.hw.toolchains.openxc7.forecast import forecast
from shiftcore.hw.toolchains.yosys.netlist import Cell, read
from tests.checkout import ROOT

Z2 = load_board("pynq-z2")
SIZE = openxc7.BITSTREAM_BYTES["xc7z020"]
CLOCK = "$abc$fclk0"


def timing_report(logic: float, routing: float, level: str = "Info", asked: float = 100.0) -> str:
    """A timing report of nextpnr-xilinx."""
    mhz = 1000 / (logic + routing)
    verdict = "PASS" if mhz > asked else "FAIL"
    return f"""
Info: Critical path report for clock '{CLOCK}' (posedge -> posedge):
Info: curr total
Info:  0.5  0.5  Source chip_i.shell_i.dma_writer.Word_reg.Q
Info:  {routing:4.1f} {routing + 0.5:4.1f}    Net chip_i.shell_i.dma_writer.Word budget 4.730000 ns (71,33) -> (40,90)
Info:                Sink $nextpnr$lut.A2
Info:  0.1 {routing + 0.6:4.1f}  Source $nextpnr$lut.O6
Info:  0.4 {logic + routing:4.1f}  Setup chip_i.shell_i.dma_writer.Index_reg.CE
Info: {logic} ns logic, {routing} ns routing

Info: Critical path report for cross-domain path '<async>' -> 'posedge {CLOCK}':
Info: curr total
Info:  0.0  0.0  Source ps7_i.FCLKRESETN0
Info:  3.2  3.2    Net reset budget 9.000000 ns (1,1) -> (40,90)
Info:                Sink reset_i.D
Info: 0.0 ns logic, 3.2 ns routing

{level}: Max frequency for clock '{CLOCK}': {mhz:.2f} MHz ({verdict} at {asked:.2f} MHz)

Info: Max delay <async>         -> posedge {CLOCK}: 3.21 ns
Info: Max delay posedge {CLOCK} -> <async>        : 4.05 ns

Info: Slack histogram:
Info:  legend: * represents 212 endpoint(s)
Info:          + represents [1,212) endpoint(s)
Info: [ -4300,  -3600) |+
Info: [ -3600,  -2900) |
Info: [ -2900,  -2200) |***+
"""


PLACED = timing_report(2.5, 6.5, "Info")  # the placer's own, which is not the last
ROUTED = f"Info: Packing LUTs..\n{PLACED}Info: Routing..\nInfo: Setting up routing resources\n{timing_report(2.9, 4.4)}"
MISSED = f"{PLACED}Info: Routing..\n{timing_report(2.9, 11.4, 'ERROR')}0 warnings, 1 error\n"
VERSION = (
    'if [ "$1" = --version ]; then echo \'nextpnr-xilinx -- Next Generation Place and Route (Version '
    "0.8.2-25-ge22bcf69)' >&2; exit 0; fi\n"
)


def nextpnr(log: str, returncode: int = 0, fasm: str = "CLBLL_L_X2Y0.SLICEL_X0.ALUT.INIT[00]\n") -> str:
    """One that leaves that log on standard error, and that .fasm."""
    return f"{VERSION}cat >&2 <<'EOF'\n{log}\nEOF\nprintf '%s' '{fasm}' > design.fasm\nexit {returncode}\n"


PROGRAMS = {
    "nextpnr-xilinx": nextpnr(ROUTED),
    "fasm2frames": "grep -q -- '--part xc7z020clg400-1' <<< \"$*\" && cp design.fasm design.frames\n",
    "xc7frames2bit": f'test -f "$2" && head -c {SIZE} /dev/zero > shiftcore.bit\n',
}
NETLIST = {
    "modules": {
        "top_zynq7": {
            "ports": {}, "netnames": {}, "cells": {
                f"c{number}": {"type": kind, "parameters": {}, "port_directions": {}, "connections": {}}
                for number, kind in enumerate(["LUT6", "DSP48E1", "DSP48E1", "PS7", "SRL16E", "RAM64X1D", "FDRE"])
            },
        }
    }
}  # fmt: skip


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

    def synthesize(_chip: Path, _board: object, work: Path, options: str) -> None:
        work.mkdir(exist_ok=True)
        (work / "netlist.json").write_text(json.dumps(NETLIST))
        with open(work / "synthesized", "a") as file:
            file.write(f"{options}\n")

    monkeypatch.setattr(openxc7, "_synthesize", synthesize)
    return folder / "chip"


def replace(tools: Path, name: str, text: str) -> None:
    (tools / "bin" / name).write_text(f"#!/bin/bash\n{text}")


def test_a_bitstream_says_what_its_timing_is_worth(chip: Path, tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = bitstream.build_openxc7(chip, Z2)
    said = capsys.readouterr().out
    assert openxc7.CAVEAT in said and "got through in 2.4 minutes and 1.7 GB, at 81.4 MHz" in said
    manifest = json.loads((place / "manifest.json").read_text())
    assert manifest["toolchain"] == {"name": "openxc7", "version": "0.8.2-25-ge22bcf69"}
    timing = manifest["timing"]
    assert (timing["max_mhz"], timing["caveat"], manifest["clock_mhz"]) == (136.99, openxc7.CAVEAT, 100.0)
    assert timing["not_covered"]["DSP48E1"] == "2 cells, all paths"
    assert {path.name for path in place.iterdir()} == {"shiftcore.bit", "shiftcore.hwh", "manifest.json"}


def test_the_report_is_read_to_its_end() -> None:
    """The last one, that after routing; and what is in none."""
    timing = report.read(ROUTED, ["DSP48E1", "DSP48E1", "SRL16E", "RAM64X1D", "PS7", "LUT6", "FDRE"])
    start, end = "chip_i.shell_i.dma_writer.Word_reg.Q", "chip_i.shell_i.dma_writer.Index_reg.CE"
    assert timing.clocks == [report.Clock(CLOCK, 136.99, 100.0, start, end, 2.9, 4.4)]
    assert timing.across == {f"<async> -> posedge {CLOCK}": 3.21, f"posedge {CLOCK} -> <async>": 4.05}
    assert timing.least_slack_ps == -4300
    assert timing.not_covered == {
        "DSP48E1": "2 cells, all paths", "PS7": "1 cells, all paths", "RAM64X1D": "1 cells, the clocked side",
        "SRL16E": "1 cells, the clocked side",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ("Warning: No clocks found in design\n", "names no clock's frequency"),
        (ROUTED[: ROUTED.rindex("Info: 2.9 ns logic")], "ends within the report of a path"),
    ],
)
def test_a_report_that_says_nothing_is_refused(log: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        report.read(log, [])


@pytest.mark.parametrize(
    ("program", "text", "message"),
    [
        ("nextpnr-xilinx", nextpnr("ERROR: Failed to route arc 3 of net 'x'", 255), "Failed to route arc 3 of net"),
        ("nextpnr-xilinx", "echo half > design.fasm; kill -9 $$", "exit code -9"),
        ("nextpnr-xilinx", nextpnr(ROUTED, fasm="CLBLL_L_X2Y0.SLI"), "design.fasm is missing or cut short"),
        ("nextpnr-xilinx", nextpnr("Info: Routing.."), "names no clock's frequency after routing"),
        ("nextpnr-xilinx", nextpnr(MISSED + "ERROR: and another one", 1), "Max frequency"),
        (
            "nextpnr-xilinx",
            nextpnr(MISSED, 1),
            "69.93 MHz are reached and 100 asked for; .* CLOCK_MHZ=66.6667;",
        ),
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


def test_a_stall_is_told_and_ended(
    chip: Path, tools: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As nextpnr-xilinx stood still on the shift registers of `tiny`: nothing more in its log, for ever."""
    monkeypatch.setattr(openxc7.tools, "SILENT_S", 0.2)
    monkeypatch.setattr(openxc7.tools, "STALLED_S", 1.5)
    replace(tools, "nextpnr-xilinx", f"{VERSION}echo 'Info: Setting up routing resources' >&2; sleep 600")
    with pytest.raises(UserError, match=r"nextpnr: stalled: .* after 'Info: Setting .*; .* try SHIFT_REGISTERS=no"):
        bitstream.build_openxc7(chip, Z2)
    assert capsys.readouterr().out.count("nextpnr: has said nothing for") == 1


def test_synthesis_is_kept(chip: Path, tools: Path) -> None:
    """Through a failure of the tools behind it, and for another clock; not for another netlist."""
    replace(tools, "nextpnr-xilinx", nextpnr("ERROR: no", 255))
    with pytest.raises(UserError, match="ERROR: no"):
        bitstream.build_openxc7(chip, Z2)
    replace(tools, "nextpnr-xilinx", nextpnr(ROUTED))
    bitstream.build_openxc7(chip, Z2)
    bitstream.build_openxc7(chip, Z2.slowed_to(50))
    kept = chip.parent / "openxc7" / "synthesized"
    assert kept.read_text().splitlines() == ["-flatten -noiopad -noclkbuf"]
    bitstream.build_openxc7(chip, Z2, shift_registers=False)
    assert kept.read_text().splitlines()[1:] == ["-flatten -noiopad -noclkbuf -nosrl"]


def test_a_slower_clock_is_in_manifest_and_handoff_and_the_driver_knows_it(chip: Path, tools: Path) -> None:
    replace(tools, "nextpnr-xilinx", 'echo "$@" > options\n' + nextpnr(timing_report(2.9, 11.4, asked=66.67)))
    place = bitstream.build_openxc7(chip, Z2.slowed_to(70))
    assert "--freq 66.6667 --seed 1" in (chip.parent / "openxc7" / "options").read_text()
    assert json.loads((place / "manifest.json").read_text())["clock_mhz"] == 66.666667
    assert 'FCLK0_PERIPHERAL_DIVISOR0" VALUE="15"' in (place / "shiftcore.hwh").read_text()
    assert bitstream.maker(chip) == bitstream.maker(chip, 66.666667) == "openxc7"
    assert bitstream.maker(chip, 100.0) is None
    build = Build.load(chip.parent)
    assert build.manifest.clock_mhz == 66.666667


@pytest.mark.parametrize(("field", "value"), [("clock_mhz", 150.0), ("clock_mhz", "fast"), ("build_hash", "deadbeef")])
def test_the_driver_takes_no_other_clock(chip: Path, tools: Path, field: str, value: object) -> None:
    place = bitstream.build_openxc7(chip, Z2.slowed_to(50))
    assert Build.load(chip.parent).manifest.clock_mhz == 50.0
    manifest = json.loads((place / "manifest.json").read_text())
    (place / "manifest.json").write_text(json.dumps({**manifest, field: value}))
    assert Build.load(chip.parent).manifest.clock_mhz == 100.0


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("bin/nextpnr-xilinx", "nextpnr-xilinx: not found"),
        ("bin/xc7frames2bit", "xc7frames2bit: not found"),
        ("chipdb", r"chip data base xc7z020\*.bin: not found"),
        ("db", "data base with xc7z020clg400-1/part.yaml: not found"),
    ],
)
def test_a_missing_tool_is_named_before_anything_is_done(chip: Path, tools: Path, gone: str, message: str) -> None:
    path = tools / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    for attempt in (lambda: openxc7.check(Z2), lambda: bitstream.build_openxc7(chip, Z2)):
        with pytest.raises(UserError, match=message) as error:
            attempt()
        assert "\n" not in str(error.value) and "in OPENXC7=..." in str(error.value)
    assert not (chip.parent / "openxc7").exists()


def test_data_bases_behind_links_are_found(tools: Path, tmp_path: Path) -> None:
    """A folder of links, one of them into itself."""
    (tools / "db").rename(tmp_path / "elsewhere")
    (tools / "db").symlink_to(tmp_path / "elsewhere")
    (tools / "again").symlink_to(tools)
    assert openxc7.find(Z2.part).database == tools / "db" / "zynq7"


def test_it_is_for_one_die() -> None:
    with pytest.raises(UserError, match=r"TOOLCHAIN=openxc7 is for .* vivado"):
        openxc7.check(load_board("kv260"))


@pytest.mark.parametrize(
    ("luts", "said"),
    [
        (8_242, r"8,242 LUTs \(15%\), 0 FF, 0 DSP: a network of one stage, .* at 81.4 MHz"),
        (24_704, "tiny .24,704 LUTs. got through in 12 minutes and 1.9 GB, at 70 MHz"),
        (24_705, "nothing of this size is known to get through"),
    ],
)
def test_any_preset_may_try_with_a_forecast(luts: int, said: str) -> None:
    assert re.search(said, forecast(count({"LUT6": luts}), Z2))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UserError, match="xc7z020clg400-1 has too few LUT and DSP for it: 60,000 LUTs"):
        forecast(count({"LUT6": 60_000, "DSP48E1": 221}), Z2)


MEMORIES = {"RAM32X1S": 5, "RAM64X1S": 6, "RAM128X1S": 7, "RAM256X1S": 8}


def same_memory(kind: str, bits: int, techmap: str, folder: Path) -> None:
    """Raise YosysError unless the memory, and what it is mapped to, give the same bits in two cycles after power-on,
    whatever is written and read: the second reads what the first may have written."""
    pins = ".A(a)" if bits == 8 else ", ".join(f".A{index}(a[{index}])" for index in range(bits))
    content = "".join(f"{(index * 37 + 11) % 16:x}" for index in range((1 << bits) // 4))
    ports = f"(input c, d, we, input [{bits - 1}:0] a, output o);"
    cell = f"{kind} #(.INIT({1 << bits}'h{content})) r ({pins}, .D(d), .WCLK(c), .WE(we), .O(o));"
    (folder / "both.v").write_text(
        f"module gold{ports} {cell} endmodule\nmodule gate{ports} {cell} endmodule\n"
        f"module both(input c, d, we, input [{bits - 1}:0] a, output bad);\nwire x, y;\n"
        "gold one(c, d, we, a, x);\ngate two(c, d, we, a, y);\nassign bad = x ^ y;\nendmodule\n"
    )
    (folder / "map.v").write_text(techmap)
    yosys.run([
        "read_verilog both.v", "read_verilog -lib +/xilinx/cells_sim.v", f"techmap -map map.v gate/t:{kind}",
        f"select -assert-none gate/t:{kind}", "read_verilog -overwrite +/xilinx/cells_sim.v",
        "hierarchy -check -top both", "proc", "flatten", "memory_map", "opt -full",
        "sat -verify -enable_undef -set-def-inputs -set-init-def -tempinduct-baseonly -maxsteps 2 -prove bad 0 both",
    ], folder, "both")  # fmt: skip


@pytest.mark.parametrize("kind", MEMORIES)
def test_a_memory_with_one_port_is_one_with_two(kind: str, tmp_path: Path) -> None:
    same_memory(kind, MEMORIES[kind], (ROOT / "hw/toolchains/openxc7/single_port_ram.v").read_text(), tmp_path)


@pytest.mark.parametrize(("kind", "right", "wrong"), [
    ("RAM256X1S", "INIT(4'h8)) high", "INIT(4'hC)) high"), ("RAM256X1S", "8'hCA", "8'hAC"),
    ("RAM32X1S", ".A3(A3), .A4(A4), .D", ".A3(A4), .A4(A3), .D"), ("RAM128X1S", "{A6, A5", "{A5, A6"),
    ("RAM64X1S", "RAM64X1D #(.INIT(INIT)", "RAM64X1D #(.INIT(~INIT)"),
])  # fmt: skip
def test_another_memory_is_noticed(kind: str, right: str, wrong: str, tmp_path: Path) -> None:
    text = (ROOT / "hw/toolchains/openxc7/single_port_ram.v").read_text()
    assert right in text
    with pytest.raises(yosys.YosysError, match="proof did fail"):
        same_memory(kind, MEMORIES[kind], text.replace(right, wrong), tmp_path)


def cells(netlist: Path) -> dict[str, Cell]:
    """The cells of the top in a netlist."""
    return read(netlist)["modules"]["top_zynq7"]["cells"]


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
    openxc7.prepare(hollow_chip, Z2, tmp_path / "openxc7")
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
