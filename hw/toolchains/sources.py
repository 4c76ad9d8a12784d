# SPDX-License-Identifier: BSD-3-Clause
"""The RTL of a whole FPGA design: a chip's folder, and the top of the board's family around it."""

import shutil
from pathlib import Path

from shiftcore.artifacts import PACKAGE_FOLDER
from shiftcore.hw.boards import Board
from shiftcore.model.manifest import ChipManifest

TOPS = {
    "zynq7": ("reset_synchronizer.sv", "axi3_to_axil.sv", "top_zynq7.sv"),
    "zynquplus": ("top_zynquplus.v",),
}
"""What is around the chip, by family, in compile order; the last one is the top."""


def copy_sources(chip: Path, board: Board, folder: Path) -> list[str]:
    """Copy the RTL of the chip in folder `chip` (hw.chip) and its top into `folder`, and data/ that it reads from
    there; return the RTL's names in compile order, packages first, the top last."""
    names = list(ChipManifest.read(chip).files)
    shutil.copytree(chip / "core" / "data", folder / "data")
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(chip / name, folder / name)
    for top in TOPS[board.family]:
        shutil.copyfile(PACKAGE_FOLDER / "hw" / "rtl" / top, folder / "rtl" / top)
        names.append(f"rtl/{top}")
    return names
