"""Verilator's lint over every SystemVerilog module of hw/rtl, at the corners of its parameters: `python -m hw.lint`."""

import subprocess
from pathlib import Path

from common.artifacts import ROOT
from common.cli import run
from common.errors import UserError
from sim.verilator import environment

RTL = ROOT / "hw" / "rtl"

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
    "frame_pacer": _table("WIDTH BEATS INTERVAL", (8, 1, 1), (24, 1024, 18432), (24, 1024, 64)),
    "sizing_fifo": _table("WIDTH DEPTH INDEX COUNT", (8, 2, 0, 1), (24, 1000, 3, 9)),
    "context_fanout": _table("N WIDTH DEPTH", (1, 8, 2), (5, 8, 16)),
}
"""Parameter sets for each module; one that is not here is linted with its defaults."""


def lint(source: Path, parameters: Parameters) -> str:
    """Verilator's complaints about the module in `source` built with `parameters`; empty when it is clean.

    Nothing is waived here: a warning that must stand is switched off beside its line, with the reason.
    """
    values = [
        f"-G{key}={value}" if isinstance(value, int) else f'-G{key}="{value}"' for key, value in parameters.items()
    ]
    library = ["-y", str(RTL), str(RTL / "registers_pkg.sv")]
    command = ["verilator", "--lint-only", "-Wall", "--quiet", "--top-module", source.stem, *values, *library, str(source)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def main() -> None:
    """Lint every module of hw/rtl with Verilator's -Wall."""
    count = 0
    for source in sorted(RTL.glob("*.sv")):
        for parameters in CORNERS.get(source.stem, [{}]):
            if complaints := lint(source, parameters):
                raise UserError(f"{source.name} with {parameters or 'its defaults'}: not clean\n{complaints}")
            count += 1
    print(f"hw/rtl: {count} modules and parameter sets, no complaint from Verilator")


if __name__ == "__main__":
    run(main)
