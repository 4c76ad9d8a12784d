# SPDX-License-Identifier: BSD-3-Clause
"""The whole design as one flat netlist, put together from the parts that `make estimate` keeps."""

import re
from pathlib import Path

from shiftcore.hw.toolchains import yosys
from shiftcore.hw.toolchains.yosys.netlist import Module, read
from shiftcore.hw.toolchains.yosys.parts import Design
from shiftcore.process import plain


def flat(design: Design, parts: dict[str, Path], family: str, folder: Path) -> Module:
    """The netlist of `design`, in the form of Yosys' JSON, a module without hierarchy whose names say where a cell
    was; `parts` are its synthesized parts by path. What is outside the parts is synthesized now."""
    folder = plain(folder.resolve())
    folder.mkdir(parents=True, exist_ok=True)
    types = {part.module: f"\\part_{part.content}" for part in design.parts}
    body = re.sub(r"(?<=^  cell )(\S+)", lambda m: types.get(m[1], m[1]), design.text, flags=re.MULTILINE)
    (folder / "flat.il").write_text(f"module \\{design.top}\n{body}end\n")
    netlists = " ".join(sorted({str(plain(path.resolve()) / "netlist.v") for path in parts.values()}))
    commands = ["read_rtlil flat.il"]
    if netlists:
        commands.append(f"read_verilog -lib {netlists}")
    commands += [f"hierarchy -top {design.top}", *yosys.synth(family, folder)]
    if netlists:
        commands.append(f"read_verilog -overwrite {netlists}")
    commands += ["flatten", "clean", "delete t:$scopeinfo", f"select {design.top}", "write_json -selected flat.json"]
    yosys.run(commands, folder, "flat")
    return read(folder / "flat.json")["modules"][design.top]
