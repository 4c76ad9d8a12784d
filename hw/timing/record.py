# SPDX-License-Identifier: BSD-3-Clause
"""A preset's figures of timing on a board, kept beside its lock file as `PRESET.BOARD.timing`, with the digest of what
they were worked out from: whoever changes that is told that the figures are of before."""

import json
import re
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from shiftcore.artifacts import PACKAGE_FOLDER, atomic_file, digest
from shiftcore.errors import UserError
from shiftcore.hw.boards import Board
from shiftcore.hw.timing.delays import path_of
from shiftcore.hw.timing.report import Report

FORMAT, VERSION = "shiftcore-timing", 1
TOOLS = ("pyosys", "finn-plus")
NEAR, NEAR_ENDPOINTS = 0.05, 0.01
"""Shares by which two syntheses of one design may differ in their worst path, and in their endpoints."""


@dataclass(frozen=True)
class Record:
    """`made_of`: see above; the rest as in `Report`, of each block the slowest path, in ns, and the slowest one if
    wires took no time."""

    made_of: str
    worst_ns: float
    worst_logic_ns: float
    endpoints: int
    over: dict[str, int]
    by_block: dict[str, tuple[float, float]]

    @classmethod
    def of(cls, report: Report, made_of: str) -> "Record":
        """Of what has just been worked out."""
        blocks = {block.block: (block.worst.ns, block.worst_logic.ns) for block in report.blocks}
        return cls(made_of, report.worst_ns, report.worst_logic_ns, report.endpoints, report.over, blocks)

    @classmethod
    def read(cls, path: Path) -> "Record":
        """That in a file. Raises UserError for a damaged one."""
        try:
            content = json.loads(path.read_text())
            if (content.pop("format"), content.pop("version")) != (FORMAT, VERSION):
                raise ValueError
            by_block = {name: (worst, logic) for name, (worst, logic) in content.pop("by_block").items()}
            return cls(**content, by_block=by_block)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(f"{path}: no record of timing of this version; `make timing` writes one") from None

    def agrees(self, other: "Record") -> bool:
        """Whether the other has the same figures as far as two syntheses of one design have: Yosys' netlist of a part
        depends on what it has synthesized before in the same process, and a block's slowest path with it. `over` and
        the blocks' own figures are for people."""
        pairs = (
            (self.worst_ns, other.worst_ns, NEAR),
            (self.worst_logic_ns, other.worst_logic_ns, NEAR),
            (self.endpoints, other.endpoints, NEAR_ENDPOINTS),
        )
        near = all(abs(ours - theirs) <= share * theirs for ours, theirs, share in pairs)
        return near and self.by_block.keys() == other.by_block.keys()

    def write(self, path: Path) -> None:
        """As JSON, a line a block, for people who compare two."""
        text = json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=2)
        with atomic_file(path) as temporary:
            temporary.write_text(re.sub(r"\[\s+([^][]*?)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text) + "\n")


def made_of(lock_file: Path, board: Board) -> str:
    """The digest of what decides a chip's timing and can be read at once: the lock file (network, folding, FIFOs), the
    RTL without its comments, what is mended of FINN's and for Yosys, the delays, and the versions of FINN+ and Yosys.
    The compiler in between is not in it."""
    files = [_code(file) if file.suffix in (".sv", ".v") else file for file in _files(lock_file, board)]
    return digest(*files, *(f"{tool} {version(tool)}" for tool in TOOLS))


def _code(file: Path) -> str:
    """SystemVerilog without comments and spaces, by which no netlist differs."""
    return "".join(re.sub(r"//[^\n]*|/\*.*?\*/", " ", file.read_text(), flags=re.DOTALL).split())


def _files(lock_file: Path, board: Board) -> list[Path]:
    """The lock file, the board's delays, and all that a chip and its synthesis are made of."""
    hw = PACKAGE_FOLDER / "hw"
    found = [
        *(file for folder in ("rtl", "ops") for file in (hw / folder).rglob("*.*v")),
        *(hw / "patches").glob("*.patch"),
        *(file for file in (hw / "toolchains" / "yosys").iterdir() if file.suffix in (".py", ".sv", ".v")),
    ]
    return [lock_file, path_of(board), *sorted(file for file in found if not file.stem.endswith("_properties"))]
