# SPDX-License-Identifier: BSD-3-Clause
"""Verilator's lint of every SystemVerilog module, at the corners of its parameters: `shiftcore lint-rtl`."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shiftcore import process
from shiftcore.errors import UserError
from shiftcore.hw import ops
from shiftcore.hw.chip import PACKAGES, config_package
from shiftcore.hw.formal.block import Parameters, is_properties
from shiftcore.hw.rtl import RTL
from shiftcore.hw.rtl.checks import CORNERS
from shiftcore.hw.stitch import THRESHOLDING
from shiftcore.hw.toolchains import yosys
from shiftcore.model.records import Context
from shiftcore.sim.verilator import environment

_CHIP = (
    "INPUT_HEIGHT INPUT_WIDTH INPUT_CHANNELS INPUT_BYTES IN_ELEMENTS OUTPUT_LOGITS OUT_ELEMENTS OUT_ELEMENT_BITS "
    "RECORD_BYTES STREAMS FRAME_INTERVAL AXI_ADDR_WIDTH AXI_MAX_BURST AXI_WRITE_BURST LOAD_WORDS MODELS INGEST"
)
CHIPS: list[dict[str, int]] = [
    dict(zip(_CHIP.split(), row, strict=True))
    for row in (
        (1, 1, 1, 1, 1, 1, 1, 1, 24, 1, 1, 32, 16, 1, 1, 1, 0),
        (32, 32, 3, 3072, 3, 4, 1, 24, 32, 4, 18432, 32, 16, 16, 5978, 1, 0),
        (512, 512, 3, 786432, 48, 400, 8, 31, 1616, 128, 4000000, 40, 256, 256, 1000000, 4, 0),
        (8, 8, 3, 192, 64, 7, 7, 32, 48, 2, 100, 49, 256, 16, 2, 3, 0),
        (80, 112, 3, 26880, 3, 2, 1, 24, 24, 32, 80800, 32, 16, 16, 9000, 1, 1),
        (8, 8, 3, 192, 3, 7, 7, 32, 48, 2, 100, 40, 256, 16, 2, 3, 1),
    )
]
"""Numbers of whole chips, as in their chip_config_pkg."""

TOPS: dict[str, tuple[dict[str, int], tuple[str, ...]]] = {
    "top_zynq7.sv": (CHIPS[1], ("PS7", "BUFG")),
    "top_zynquplus.v": ({**CHIPS[1], "AXI_ADDR_WIDTH": 40, "AXI_MAX_BURST": 256}, ()),
}
"""The tops around the chip, each with the numbers of a chip that fits, and the FPGA's primitives in it."""

_NEEDS = {"threshold_pipeline": (RTL / "finn.vlt", THRESHOLDING)}


@dataclass(frozen=True)
class Module:
    """One that stands alone: its file, the sets of parameters to lint it with, and files that it needs."""

    source: Path
    sets: tuple[Parameters, ...]
    needs: tuple[Path, ...] = ()


def modules() -> list[Module]:
    """All of them, ops (also of other packages) first."""
    whole = {*PACKAGES, "chip.sv", *TOPS}
    alone = [path for path in sorted(RTL.glob("*.sv")) if path.name not in whole and not is_properties(path)]
    of_ops = [Module(op.source, op.corners, op.rtl.needs) for op in ops.known()]
    return [*of_ops, *(Module(path, CORNERS.get(path.stem, ({},)), _NEEDS.get(path.stem, ())) for path in alone)]


def lint(source: Path, parameters: Parameters, beside: Sequence[Path] = ()) -> str:
    """Verilator's complaints about the module in `source` built with `parameters`; empty when it is clean.

    `beside` are files that it needs and that are not in hw/rtl. Nothing is waived here: a warning that must stand is
    switched off beside its line, with the reason.
    """
    values = [
        f"-G{key}={value}" if isinstance(value, int) else f'-G{key}="{value}"' for key, value in parameters.items()
    ]
    files = dict.fromkeys([*(RTL / file for file in PACKAGES), *beside, source])
    command = ["verilator", "--lint-only", "-Wall", "--quiet", "--top-module", source.stem, *values, "-y", str(RTL)]
    done = process.run([*command, *map(str, files)], env=environment())
    return done.stderr if done.returncode else ""


def lint_chip(numbers: dict[str, int], top: str = "chip.sv") -> str:
    """Verilator's complaints about the chip of one build's numbers, around a core that is ports alone.

    With `top` it is that one around the chip; the FPGA's primitives are then those of Yosys' library, ports alone.
    """
    source, sink = 8 * numbers["IN_ELEMENTS"], 8 * -(-numbers["OUT_ELEMENTS"] * numbers["OUT_ELEMENT_BITS"] // 8)
    ports = ["input wire ap_clk", "input wire ap_rst_n"]
    for name, bits in (("s_axis", source), ("s_axis_ctx", Context.bits(numbers["MODELS"]))):
        ports += [f"input wire [{bits - 1}:0] {name}_tdata, input wire {name}_tvalid, output wire {name}_tready"]
    ports += [f"input wire [{numbers['MODELS'] - 1}:0] load_begins, output wire load_ends"]
    ports += ["input wire [31:0] s_axis_load_tdata, input wire s_axis_load_tvalid"]
    ports += [f"output wire [{sink - 1}:0] m_axis_tdata, output wire m_axis_tvalid, input wire m_axis_tready"]
    hollow = [f"module core ({', '.join(ports)});\nendmodule\n"]
    hollow += [yosys.primitives()[name] for name in TOPS[top][1]] if top in TOPS else []
    with tempfile.TemporaryDirectory() as folder:
        config, stubs = Path(folder) / "chip_config_pkg.sv", Path(folder) / "stubs.sv"
        config.write_text(config_package("01234567", "89ABCDEF", "FEDCBA98", numbers))
        waived = ("UNDRIVEN", "UNUSEDSIGNAL", "UNUSEDPARAM", "DECLFILENAME")  # of what is ports alone
        texts = [f"/* verilator lint_off {rule} */" for rule in waived] + hollow
        stubs.write_text("\n".join([*texts, *(f"/* verilator lint_on {rule} */" for rule in waived), ""]))
        return lint(RTL / top, {}, [config, stubs])


def main() -> None:
    """Lint every module with Verilator's -Wall."""
    count = 0
    for module in modules():
        for parameters in module.sets:
            if complaints := lint(module.source, parameters, module.needs):
                raise UserError(f"{module.source.name} with {parameters or 'its defaults'}: not clean\n{complaints}")
            count += 1
    for numbers in CHIPS:
        if complaints := lint_chip(numbers):
            raise UserError(f"chip.sv with {numbers}: not clean\n{complaints}")
        count += 1
    for top, (numbers, _) in TOPS.items():
        if complaints := lint_chip(numbers, top):
            raise UserError(f"{top}: not clean\n{complaints}")
        count += 1
    print(f"{count} modules and parameter sets, no complaint from Verilator")
