# SPDX-License-Identifier: BSD-3-Clause
"""Verilator's lint of every SystemVerilog module of hw/rtl, at the corners of its parameters: `shiftcore lint-rtl`."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from shiftcore import process
from shiftcore.artifacts import PACKAGE_FOLDER
from shiftcore.errors import UserError
from shiftcore.hw.chip import PACKAGES, config_package
from shiftcore.hw.toolchains import yosys
from shiftcore.model.records import Context
from shiftcore.sim.verilator import environment

RTL = PACKAGE_FOLDER / "hw" / "rtl"

Parameters = dict[str, int | str]


def _table(names: str, *rows: tuple[int | str, ...]) -> list[Parameters]:
    return [dict(zip(names.split(), row, strict=True)) for row in rows]


CORNERS: dict[str, list[Parameters]] = {
    "temporal_shift": _table(
        "CHANNELS SHIFT PE PIXELS BITS STREAMS RAM_STYLE",
        (1, 1, 1, 1, 1, 1, "distributed"),
        (16, 2, 8, 9, 4, 5, "distributed"),
        (16, 16, 16, 1, 4, 128, "distributed"),
        (64, 8, 2, 784, 4, 32, "block"),
    ),
    "stream_fork": _table("WIDTH OUTPUTS", (1, 2), (32, 5)),
    "stream_add": _table(
        "PE LHS_BITS LHS_SIGNED RHS_BITS RHS_SIGNED OUT_BITS",
        (1, 1, 0, 1, 0, 2),
        (4, 4, 0, 4, 1, 6),
        (2, 16, 1, 3, 1, 17),
    ),
    "global_acc_pool": _table(
        "CHANNELS PE PIXELS IN_BITS SIGNED OUT_BITS",
        (1, 1, 1, 1, 0, 1),
        (12, 4, 49, 4, 1, 10),
    ),
    "max_pool": _table("PE KERNEL BITS SIGNED", (1, 1, 1, 0), (4, 9, 4, 1)),
    "reset_synchronizer": _table("STAGES", (2,), (4,)),
    "frame_pacer": _table("WIDTH BEATS INTERVAL", (8, 1, 1), (24, 1024, 18432), (24, 1024, 64)),
    "sizing_fifo": _table("WIDTH DEPTH INDEX COUNT", (8, 2, 0, 1), (24, 1000, 3, 9)),
    "lutram_fifo": _table("WIDTH DEPTH", (1, 2), (72, 16)),
    "result_writer": _table(
        "OUTPUT_LOGITS OUT_ELEMENTS OUT_ELEMENT_BITS RECORD_BYTES",
        (1, 1, 1, 24),
        (4, 1, 24, 32),
        (5, 5, 32, 40),
        (400, 8, 12, 1616),
    ),
    "context_fanout": _table("N WIDTH DEPTH", (1, 8, 2), (5, 8, 16)),
    "byte_gearbox": _table("BYTES", (1,), (8,), (63,), (64,)),
    "dma_read": _table(
        "ADDR_WIDTH INPUT_BYTES IN_ELEMENTS MAX_BURST_BEATS FIFO_WORDS TAG_BITS",
        (4, 1, 1, 1, 2, 1),
        (33, 3072, 3, 16, 512, 40),
        (41, 4096, 64, 256, 256, 40),
        (64, 786432, 48, 256, 4096, 40),
    ),
    "dma_write": _table("ADDR_WIDTH RECORD_BYTES MAX_BURST_BEATS", (4, 8, 1), (33, 32, 16), (64, 4096, 256)),
    "axi3_to_axil": _table("ID_BITS ADDR_BITS", (1, 3), (12, 12)),
}
"""Parameter sets for each module; one that is not here is linted with its defaults."""

_CHIP = (
    "INPUT_HEIGHT INPUT_WIDTH INPUT_CHANNELS INPUT_BYTES IN_ELEMENTS OUTPUT_LOGITS OUT_ELEMENTS OUT_ELEMENT_BITS "
    "RECORD_BYTES STREAMS FRAME_INTERVAL AXI_ADDR_WIDTH AXI_MAX_BURST AXI_WRITE_BURST"
)
CHIPS: list[dict[str, int]] = [
    dict(zip(_CHIP.split(), row, strict=True))
    for row in (
        (1, 1, 1, 1, 1, 1, 1, 1, 24, 1, 1, 32, 16, 1),
        (32, 32, 3, 3072, 3, 4, 1, 24, 32, 4, 18432, 32, 16, 16),
        (512, 512, 3, 786432, 48, 400, 8, 31, 1616, 128, 4000000, 40, 256, 256),
        (8, 8, 3, 192, 64, 7, 7, 32, 48, 2, 100, 49, 256, 16),
    )
]
"""Numbers of whole chips, as in their chip_config_pkg."""

TOPS: dict[str, tuple[dict[str, int], tuple[str, ...]]] = {
    "top_zynq7.sv": (CHIPS[1], ("PS7", "BUFG")),
    "top_zynquplus.v": ({**CHIPS[1], "AXI_ADDR_WIDTH": 40, "AXI_MAX_BURST": 256}, ()),
}
"""The tops around the chip, each with the numbers of a chip that fits, and the FPGA's primitives in it."""


MODULES = [path for path in sorted(RTL.glob("*.sv")) if path.name not in (*PACKAGES, "chip.sv", *TOPS)]
"""Those that stand alone."""


def lint(source: Path, parameters: Parameters, beside: Sequence[Path] = ()) -> str:
    """Verilator's complaints about the module in `source` built with `parameters`; empty when it is clean.

    `beside` are files that it needs and that are not in hw/rtl. Nothing is waived here: a warning that must stand is
    switched off beside its line, with the reason.
    """
    values = [
        f"-G{key}={value}" if isinstance(value, int) else f'-G{key}="{value}"' for key, value in parameters.items()
    ]
    files = [*(RTL / file for file in PACKAGES), *beside, source]
    command = ["verilator", "--lint-only", "-Wall", "--quiet", "--top-module", source.stem, *values, "-y", str(RTL)]
    done = process.run([*command, *map(str, files)], env=environment())
    return done.stderr if done.returncode else ""


def lint_chip(numbers: dict[str, int], top: str = "chip.sv") -> str:
    """Verilator's complaints about the chip of one build's numbers, around a core that is ports alone.

    With `top` it is that one around the chip; the FPGA's primitives are then those of Yosys' library, ports alone.
    """
    source, sink = 8 * numbers["IN_ELEMENTS"], 8 * -(-numbers["OUT_ELEMENTS"] * numbers["OUT_ELEMENT_BITS"] // 8)
    ports = ["input wire ap_clk", "input wire ap_rst_n"]
    for name, bits in (("s_axis", source), ("s_axis_ctx", Context.BITS)):
        ports += [f"input wire [{bits - 1}:0] {name}_tdata, input wire {name}_tvalid, output wire {name}_tready"]
    ports += [f"output wire [{sink - 1}:0] m_axis_tdata, output wire m_axis_tvalid, input wire m_axis_tready"]
    hollow = [f"module core ({', '.join(ports)});\nendmodule\n"]
    hollow += [yosys.primitives()[name] for name in TOPS[top][1]] if top in TOPS else []
    with tempfile.TemporaryDirectory() as folder:
        config, stubs = Path(folder) / "chip_config_pkg.sv", Path(folder) / "stubs.sv"
        config.write_text(config_package("01234567", numbers))
        waived = ("UNDRIVEN", "UNUSEDSIGNAL", "UNUSEDPARAM", "DECLFILENAME")  # of what is ports alone
        texts = [f"/* verilator lint_off {rule} */" for rule in waived] + hollow
        stubs.write_text("\n".join([*texts, *(f"/* verilator lint_on {rule} */" for rule in waived), ""]))
        return lint(RTL / top, {}, [config, stubs])


def main() -> None:
    """Lint every module of hw/rtl with Verilator's -Wall."""
    count = 0
    for source in MODULES:
        for parameters in CORNERS.get(source.stem, [{}]):
            if complaints := lint(source, parameters):
                raise UserError(f"{source.name} with {parameters or 'its defaults'}: not clean\n{complaints}")
            count += 1
    for numbers in CHIPS:
        if complaints := lint_chip(numbers):
            raise UserError(f"chip.sv with {numbers}: not clean\n{complaints}")
        count += 1
    for top, (numbers, _) in TOPS.items():
        if complaints := lint_chip(numbers, top):
            raise UserError(f"{top}: not clean\n{complaints}")
        count += 1
    print(f"hw/rtl: {count} modules and parameter sets, no complaint from Verilator")
