# SPDX-License-Identifier: BSD-3-Clause
"""The contract of chip, driver and tools (hw/chip.toml), and `make registers`: everything that is made from it.

The SystemVerilog packages hw/rtl/chip_pkg.sv and hw/rtl/context_pkg.sv, the constants model/registers.py and
model/limits.py, and docs/registers.md are committed; a test compares them with the contract.
"""

from pathlib import Path

from shiftcore.artifacts import PACKAGE_FOLDER, atomic_file
from shiftcore.hw.contract.constants import limits, registers
from shiftcore.hw.contract.packages import chip_package, context_package
from shiftcore.hw.contract.page import document
from shiftcore.hw.contract.tables import CHIP, Contract, Register, load_contract

__all__ = ["CHIP", "Contract", "Register", "generated", "load_contract", "main"]

CHECKOUT = PACKAGE_FOLDER.parent  # what is generated is committed


def generated(contract: Contract) -> dict[Path, str]:
    """Every file that is made from the contract, with its text."""
    return {
        PACKAGE_FOLDER / "hw" / "rtl" / "context_pkg.sv": context_package(contract),
        PACKAGE_FOLDER / "hw" / "rtl" / "chip_pkg.sv": chip_package(contract),
        PACKAGE_FOLDER / "model" / "registers.py": registers(contract),
        PACKAGE_FOLDER / "model" / "limits.py": limits(contract),
        CHECKOUT / "docs" / "registers.md": document(contract),
    }


def main() -> None:
    """Write what is made from the contract."""
    for path, text in generated(load_contract()).items():
        with atomic_file(path) as temporary:
            temporary.write_text(text)
        print(f"{path.relative_to(CHECKOUT)}: written")
