# SPDX-License-Identifier: BSD-3-Clause
"""Yosys reads and synthesizes what we compile: the one place that knows how.

The read_slang front end of pyosys takes our SystemVerilog as it is. FINN's is mended where it is wrong for any tool
when a core is written (hw/patches), and here where only this reader cannot have it.
"""

import importlib.util
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shiftcore import process
from shiftcore.errors import UserError
from shiftcore.model.manifest import CoreManifest
from shiftcore.process import plain

FAMILIES = {"zynq7": "xc7", "zynquplus": "xcup"}
"""Yosys' names for the families of hw.boards."""

# What this reader cannot have of FINN's files: by file, what is found (once) and what stands for it instead.
_MENDS = {
    # The simulator's watchdog for a DSP's first 100 ns: a delay is nothing a synthesizer takes.
    "mvu.sv": [(r"\tif\(1\) begin : blkRecoveryWatch\n.*?end : blkRecoveryWatch\n", "")],
    # A shift register that is assigned word by word is taken for a memory of as many ports; as a whole it is not.
    "thresholding.sv": [
        (
            r"(\t\tlogic +)(\[PE-1 : 0\]\[M-1 : 0\])  ADat\[A_DEPTH\];\n",
            r"\g<0>\1\2  youngest;\n\t\tfor(genvar  pe = 0; pe < PE; pe++)  assign  youngest[pe] = pipe[pe][M].ptr;\n",
        ),
        (
            r"foreach\(pipe\[pe\]\)  ADat\[0\]\[pe\] <=[^\n]*\n\t*for\([^\n]*ADat\[i\] <= ADat\[i-1\];\n",
            r"ADat <= { youngest, ADat[0:A_DEPTH-2] };\n",
        ),
    ],
}


class YosysError(RuntimeError):
    """Yosys refused something; the message says what, and where its log is."""


@dataclass(frozen=True)
class Sources:
    """RTL to synthesize: `files` in compile order, the `top` module, and the folder that data files ($readmemh) are
    named relative to."""

    files: tuple[Path, ...]
    top: str
    data: Path


def core_sources(core: Path) -> Sources:
    """The compiled core in folder `core` (see hw.core). Raises UserError when it is none."""
    manifest = CoreManifest.read(core)
    core = core.resolve()
    return Sources(tuple(core / file for file in manifest.files), "core", core)


def share() -> Path:
    """Yosys' folder of libraries. Raises UserError when pyosys is not installed."""
    found = importlib.util.find_spec("pyosys")
    if found is None or found.origin is None:
        raise UserError("pyosys is not installed; run `make setup`")
    return Path(found.origin).parent / "share"


@cache
def primitives() -> dict[str, str]:
    """The FPGA's primitives by name, each as an empty module: ports and parameters alone, which is all that the
    reader needs, and more than it can read of their models."""
    stubs: dict[str, str] = {}
    for file in ("cells_sim.v", "cells_xtra.v"):
        text = (share() / "xilinx" / file).read_text()
        for found in re.finditer(r"^module\s+(\w+).*?\bendmodule\b", text, re.DOTALL | re.MULTILINE):
            header, body = found[0].split(");", 1)
            kept = [
                line
                for line in body.splitlines()
                if re.match(r"\s*(\(\*.*?\*\)\s*)?(parameter|input|output|inout)\b", line)
            ]
            stubs.setdefault(found[1], "\n".join([f"{header});", *kept, "endmodule"]))
    return stubs


def _mended(file: Path, folder: Path) -> Path:
    """The file itself, or its mended copy in `folder`."""
    if file.name not in _MENDS:
        return file
    text = file.read_text()
    for pattern, replacement in _MENDS[file.name]:
        text, count = re.subn(pattern, replacement, text, flags=re.DOTALL)
        if count != 1:
            raise YosysError(f"{file}: FINN's {file.name} is not the one that is mended for Yosys here")
    copy = folder / file.name
    copy.write_text(text)
    return copy


def read(sources: Sources, folder: Path, arguments: str = "") -> list[str]:
    """The commands that read `sources` into a design, one Yosys module for each instance; mended copies are written
    to `folder`. `arguments` are further ones of read_slang, as -DNAME. Run them with `run`."""
    folder.mkdir(parents=True, exist_ok=True)
    folder = plain(folder.resolve())
    files = [_mended(plain(file.parent) / file.name, folder) for file in sources.files]
    words = {word for file in files for word in re.findall(r"\w+", file.read_text())}
    used = sorted(words & set(primitives()))
    library = folder / "primitives.v"
    library.write_text("".join(f"{primitives()[name]}\n" for name in used))
    includes = " ".join(f"-I {parent}" for parent in sorted({str(plain(file.parent)) for file in sources.files}))
    blackboxes = " ".join(f"--blackboxed-module {name}" for name in used)
    # FINN declares some names after their first use.
    options = f"--keep-hierarchy --ignore-assertions --allow-use-before-declare {arguments}"
    return [
        f"read_slang {options} --top {sources.top} -v {library} {blackboxes} {includes} {' '.join(map(str, files))}",
        "read_verilog -lib -specify +/xilinx/cells_sim.v",
        "read_verilog -lib +/xilinx/cells_xtra.v",
        f"hierarchy -check -top {sources.top}",
        "proc",
        "attrmap -tocase ram_style",  # FINN writes it in capitals, which Vivado takes and Yosys does not
        f"techmap -map {plain(Path(__file__).parent) / 'shift_registers.v'} t:$bmux",
    ]


def run(commands: list[str], folder: Path, name: str, data: Path | None = None) -> Path:
    """Run Yosys commands in `data` (default: `folder`); the script and the log are `name`.ys and .log in `folder`.

    Returns the log. Raises YosysError with Yosys' own words.
    """
    share()
    folder.mkdir(parents=True, exist_ok=True)
    script, log = folder.resolve() / f"{name}.ys", folder.resolve() / f"{name}.log"
    script.write_text("\n".join(commands) + "\n")
    runner = str(Path(__file__).with_name("run.py"))
    with open(log, "w") as stream:
        done = process.run([sys.executable, runner, str(script)], cwd=data or folder, stdout=stream, stderr=stream)
    if done.returncode:
        errors = [line.strip() for line in log.read_text(errors="replace").splitlines() if "ERROR" in line]
        raise YosysError(f"{name}: {'; '.join(errors[:3]) or f'exit code {done.returncode}'} ({log})")
    return log


def synth(family: str, folder: Path, options: str = "-noiopad -noclkbuf") -> list[str]:
    """The commands that synthesize what has been read, for a family (`xc7` or `xcup`); no pads and no clock buffer
    are put in unless `options` of synth_xilinx say so. Files of theirs go to `folder`."""
    command = f"synth_xilinx -family {family} {options}"
    if family != "xcup":
        return [command]
    # Yosys' list of UltraScale+'s memories gives RAM512X1S 16 address bits, and then finds no cell for it: memories are
    # chosen from a mended list, and synth_xilinx does the rest.
    listed = (share() / "xilinx" / "lutrams_xcu.txt").read_text()
    lists = plain(folder.resolve()) / "lutrams_xcu.txt"
    lists.write_text(listed.replace('option "ABITS" 16 {\n\t\tabits 16;', 'option "ABITS" 9 {\n\t\tabits 9;'))
    memories = f"-lib {lists} -lib +/xilinx/brams_xc4v.txt -lib +/xilinx/urams.txt -no-auto-huge"
    choose = f"memory_libmap -logic-cost-rom 0.015625 {memories} -D HAS_SIZE_36 -D HAS_MIXWIDTH_SDP -D HAS_ADDRCE"
    return [f"{command} -run begin:map_memory", choose, f"{command} -run map_memory:"]
