# SPDX-License-Identifier: BSD-3-Clause
"""The hardware handoff (.hwh) that PYNQ's `Overlay` reads beside a bitstream: what is in the fabric, and where.

Vivado writes it for a block design, and `check_clock` looks at what it says of the clock. The Zynq-7 top has none, so
it is written here, with what `pynq` reads: the processing system with its clocks, the chip at its address with its
registers, and its interrupt.
"""

import xml.etree.ElementTree as ET
from pathlib import Path

from shiftcore.artifacts import atomic_file
from shiftcore.errors import UserError
from shiftcore.hw.boards import Board
from shiftcore.hw.contract import Contract, Register, load_contract

_ACCESS = {"ro": "read-only", "wo": "write-only"}  # all others can be read and written
_CLOCK_TOLERANCE = 5e-4  # as the driver's (driver.backends.board)


def check_clock(path: Path, board: Board) -> None:
    """Raise UserError unless the handoff that Vivado wrote divides PL clock 0 as `board` says. Vivado reckons with the
    PLLs of its block design, pynq finds those of the image: where they differ, timing was met for another clock than
    the chip would get."""
    try:
        module = ET.parse(path).find(".//MODULE[@MODTYPE='zynq_ultra_ps_e']")
    except ET.ParseError as error:
        raise UserError(f"{path}: damaged: {error}; run `make bitstream` again") from None
    found = {} if module is None else {entry.get("NAME"): entry.get("VALUE") for entry in module.iter("PARAMETER")}
    prefix = "PSU__CRL_APB__PL0_REF_CTRL__"
    try:
        divisors = int(found[f"{prefix}DIVISOR0"] or ""), int(found[f"{prefix}DIVISOR1"] or "")
        clock = float(found[f"{prefix}ACT_FREQMHZ"] or "")
    except (KeyError, ValueError):
        raise UserError(f"{path}: does not say how PL clock 0 is made; is it Vivado's of a block design?") from None
    if divisors != (board.divisor, 1) or abs(clock / board.clock_mhz - 1) > _CLOCK_TOLERANCE:
        raise UserError(
            f"{path}: timed for {clock:g} MHz, divisors {divisors[0]} and {divisors[1]}, but {board.name} needs "
            f"{board.clock_mhz:g} MHz, divisors {board.divisor} and 1, of its image's {board.pll.name} "
            f"({board.pll_mhz:g} MHz); set the block design's PLLs as the image's"
        )


def _properties(element: ET.Element, **values: object) -> None:
    for name, value in values.items():
        ET.SubElement(element, "PROPERTY", NAME=name, VALUE=str(value))


def _register(parent: ET.Element, register: Register) -> None:
    access = _ACCESS.get(register.access, "read-write")
    element = ET.SubElement(parent, "REGISTER", NAME=register.name)
    _properties(
        element,
        DESCRIPTION=register.meaning,
        ADDRESS_OFFSET=f"{register.offset:#x}",
        SIZE=32,
        ACCESS=access,
        IS_ENABLED="true",
    )
    fields = ET.SubElement(element, "FIELDS")
    for field in register.fields:
        _properties(
            ET.SubElement(fields, "FIELD", NAME=field.name),
            DESCRIPTION=field.meaning,
            ADDRESS_OFFSET=f"{register.offset:#x}",
            ACCESS=_ACCESS.get(field.access or register.access, "read-write"),
            BIT_OFFSET=field.low,
            BIT_WIDTH=field.width,
        )


def _port(ports: ET.Element, name: str, direction: str, net: str, kind: str, to: tuple[str, str] | None) -> None:
    port = ET.SubElement(ports, "PORT", NAME=name, DIR=direction, SIGNAME=net, SIGIS=kind)
    if to:
        ET.SubElement(ET.SubElement(port, "CONNECTIONS"), "CONNECTION", INSTANCE=to[0], PORT=to[1])


def _interface(module: ET.Element, name: str, kind: str) -> None:
    interfaces = ET.SubElement(module, "BUSINTERFACES")
    interface = ET.SubElement(
        interfaces, "BUSINTERFACE", NAME=name, TYPE=kind, BUSNAME="chip_s_axil", VLNV="xilinx.com:interface:aximm:1.0"
    )
    ET.SubElement(interface, "PORTMAPS")


def _module(modules: ET.Element, name: str, vlnv: str, kind: str) -> ET.Element:
    """A module's element. `IS_PL` is how pynqmetadata before 0.2 knows the processing system: as all that is not PL."""
    _, _, modtype, version = vlnv.split(":")
    return ET.SubElement(
        modules,
        "MODULE",
        INSTANCE=name,
        FULLNAME=f"/{name}",
        MODTYPE=modtype,
        MODCLASS=kind,
        VLNV=vlnv,
        HWVERSION=version,
        IPTYPE=kind,
        IS_PL="FALSE" if kind == "PROCESSOR" else "TRUE",
    )


def _processor(modules: ET.Element, board: Board, size: int) -> None:
    module = _module(modules, "ps", "xilinx.com:ip:processing_system7:5.5", "PROCESSOR")
    parameters = ET.SubElement(module, "PARAMETERS")
    values: dict[str, object] = {
        "PCW_USE_M_AXI_GP0": 1,
        "PCW_USE_S_AXI_HP0": 1,
        "PCW_S_AXI_HP0_DATA_WIDTH": 64,
        "PCW_USE_FABRIC_INTERRUPT": 1,
        "PCW_IRQ_F2P_INTR": 1,
        # pynqmetadata 0.2 asks a Zynq-7 for its clock by the name of the other family, and pynq 4 sets that clock.
        "PSU__CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ": f"{board.clock_mhz:.6f}",
    }
    for index in range(4):
        values[f"PCW_FPGA_FCLK{index}_ENABLE"] = int(index == 0)
        values[f"PCW_FCLK{index}_PERIPHERAL_CLKSRC"] = "IO PLL"
        values[f"PCW_FCLK{index}_PERIPHERAL_DIVISOR0"] = board.divisor if index == 0 else 1
        values[f"PCW_FCLK{index}_PERIPHERAL_DIVISOR1"] = 1
    for name, value in values.items():
        ET.SubElement(parameters, "PARAMETER", NAME=name, VALUE=str(value))
    ports = ET.SubElement(module, "PORTS")
    _port(ports, "FCLK_CLK0", "O", "clk", "clk", ("chip", "clk"))
    _port(ports, "FCLK_RESET0_N", "O", "rst_n", "rst", ("chip", "rst_n"))
    _port(ports, "IRQ_F2P", "I", "irq", "intr", ("chip", "irq"))
    _interface(module, "M_AXI_GP0", "MASTER")
    ET.SubElement(
        ET.SubElement(module, "MEMORYMAP"),
        "MEMRANGE",
        INSTANCE="chip",
        ADDRESSBLOCK="reg0",
        MEMTYPE="REGISTER",
        IS_DATA="TRUE",
        IS_INSTRUCTION="TRUE",
        BASEVALUE=f"0x{board.base_address:08X}",
        HIGHVALUE=f"0x{board.base_address + size - 1:08X}",
        BASENAME="C_BASEADDR",
        HIGHNAME="C_HIGHADDR",
        MASTERBUSINTERFACE="M_AXI_GP0",
        SLAVEBUSINTERFACE="s_axil",
    )


def _chip(modules: ET.Element, registers: Contract, build_hash: str) -> None:
    module = _module(modules, "chip", "shiftcore:shiftcore:chip:1.0", "PERIPHERAL")
    block = ET.SubElement(
        ET.SubElement(module, "ADDRESSBLOCKS"),
        "ADDRESSBLOCK",
        NAME="reg0",
        INTERFACE="s_axil",
        USAGE="register",
        RANGE=str(registers.size),
        ACCESS="read-write",
    )
    parent = ET.SubElement(block, "REGISTERS")
    for register in registers.registers:
        _register(parent, register)
    parameters = ET.SubElement(module, "PARAMETERS")
    ET.SubElement(parameters, "PARAMETER", NAME="BUILD_HASH", VALUE=f"0x{build_hash}")
    ports = ET.SubElement(module, "PORTS")
    _port(ports, "clk", "I", "clk", "clk", ("ps", "FCLK_CLK0"))
    _port(ports, "rst_n", "I", "rst_n", "rst", ("ps", "FCLK_RESET0_N"))
    _port(ports, "irq", "O", "irq", "intr", ("ps", "IRQ_F2P"))
    _interface(module, "s_axil", "SLAVE")


def write_hwh(path: Path, board: Board, build_hash: str) -> None:
    """Write the handoff of a Zynq-7 board's design, of the chip with `build_hash` (8 hex digits), to `path`."""
    if board.family != "zynq7":
        raise ValueError(f"{board.name}: Vivado writes the handoff of a {board.family} design")
    registers = load_contract()
    root = ET.Element("EDKSYSTEM", EDWVERSION="1.2")
    ET.SubElement(root, "SYSTEMINFO", ARCH="zynq", PART=board.part, NAME="shiftcore")
    ET.SubElement(root, "EXTERNALPORTS")
    ET.SubElement(root, "EXTERNALINTERFACES")
    modules = ET.SubElement(root, "MODULES")
    _processor(modules, board, registers.size)
    _chip(modules, registers, build_hash)
    ET.indent(root)
    with atomic_file(path) as temporary:
        ET.ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)
