# SPDX-License-Identifier: BSD-3-Clause
"""A dry run of the scripts for Vivado: not a Vivado run. `shiftcore dry-run --board BOARD`

The scripts run in tclsh, Vivado's commands replaced by ones that write down how they were called. What they wrote is
then compared with commands.toml (the commands and options that we use), with the prepared folder (every file named is
there) and with the RTL (parts, modules, ports). It finds what a typing mistake or a renamed port breaks. Whether Vivado
takes the RTL, places it, routes it and meets timing, only Vivado can say.
"""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import tomllib
import typer

from shiftcore import process
from shiftcore.errors import UserError
from shiftcore.hw.boards import Board, load_board
from shiftcore.hw.toolchains import vivado, yosys
from shiftcore.model.manifest import FILE
from shiftcore.options import BoardName
from shiftcore.quant.preset import load_preset

TABLE: dict[str, Any] = tomllib.loads((vivado.SCRIPTS / "commands.toml").read_text())
BLOCKS: dict[str, dict[str, list[str]]] = TABLE.pop("blocks")
STEPS = (
    "synth_design", "opt_design", "place_design", "phys_opt_design", "route_design", "report_utilization",
    "report_timing_summary", "report_timing", "report_power", "report_drc", "write_bitstream",
)  # fmt: skip
"""What every script does, in this order."""
_BY_VIVADO = "made-by-vivado/"
_WRAPPER = "shiftcore_wrapper"
_BLOCK = "chip"  # the chip's cell in a block design


class DryRunError(RuntimeError):
    """A script does what it must not; the message is the call and what is wrong with it."""


class Call(NamedTuple):
    """A Vivado command as it was called: options (None: a flag), and the other words."""

    command: str
    options: dict[str, str | None]
    words: tuple[str, ...]

    def __str__(self) -> str:
        options = [text for key, value in self.options.items() for text in (key, value) if text is not None]
        return " ".join([self.command, *options, *self.words])


def parse(line: str) -> Call:
    """A line of the record. Raises DryRunError for a command or option that is not in commands.toml."""
    command, *words = line.split("\x1f")
    if command not in TABLE:
        raise DryRunError(f"{command}: not in commands.toml")
    entry = TABLE[command]
    options: dict[str, str | None] = {}
    others = []
    rest = iter(words)
    for word in rest:
        if word in entry.get("values", ()):
            options[word] = next(rest, None)
            if options[word] is None:
                raise DryRunError(f"{' '.join([command, *words])}: option {word} has no value")
        elif word in entry.get("flags", ()):
            options[word] = None
        elif re.match(r"-[a-zA-Z]", word):
            raise DryRunError(f"{' '.join([command, *words])}: option {word} is not in commands.toml")
        else:
            others.append(word)
    if others and entry["arguments"] == "none":
        raise DryRunError(f"{' '.join([command, *words])}: takes no argument {others[0]!r}")
    return Call(command, options, tuple(others))


def record(folder: Path, script: str, arguments: list[str]) -> list[Call]:
    """Run a script in `folder`; the Vivado commands that it called. Raises UserError without tclsh, and DryRunError
    where the script fails."""
    tclsh = shutil.which("tclsh")
    if tclsh is None:
        raise UserError("tclsh: not found; install it (Debian: tcl) for a dry run of the scripts")
    table = " ".join(
        f"{name} {{{' '.join(entry.get('values', ()))}}} {{{' '.join(entry.get('flags', ()))}}} "
        f"{{{entry.get('returns', '')}}}"
        for name, entry in TABLE.items()
    )
    with tempfile.NamedTemporaryFile(suffix=".record") as file:
        command = [tclsh, str(vivado.SCRIPTS / "record.tcl"), file.name, table, script, *arguments]
        done = process.run(command, timeout=60, cwd=folder)
        if done.returncode:
            raise DryRunError(f"{script}: {done.stderr.strip().splitlines()[0]}")
        return [parse(line) for line in Path(file.name).read_text().splitlines()]


def modules(file: Path) -> dict[str, set[str]]:
    """The modules that a Verilog file declares, each with the names of its ANSI ports."""
    found = re.finditer(r"^\s*module\s+(\w+)(.*?)\bendmodule\b", file.read_text(), re.MULTILINE | re.DOTALL)
    port = re.compile(r"^\s*(?:\(\*.*?\*\)\s*)*(?:input|output|inout)\b[^,;)]*?(\w+)\s*(?:,|;|\)|//|$)", re.MULTILINE)
    return {match[1]: set(port.findall(match[2])) for match in found}


def check(calls: list[Call], folder: Path, board: Board) -> None:
    """Compare what was called with the folder, the board and the RTL. Raises DryRunError."""
    _Check(folder, board).run(calls)


class _Check:
    def __init__(self, folder: Path, board: Board) -> None:
        self.folder = folder
        self.board = board
        self.sources: list[str] = []
        self.modules: dict[str, set[str]] = {}
        self.cells: dict[str, str] = {}  # block design: cell -> kind
        self.connected: set[str] = set()

    def run(self, calls: list[Call]) -> None:
        for call in calls:
            try:
                self.one(call)
            except DryRunError as error:
                raise DryRunError(f"{call}: {error}") from None
        steps = tuple(call.command for call in calls if call.command in STEPS)
        self.demand(steps == STEPS, f"the steps are {', '.join(steps)}, not {', '.join(STEPS)}")
        expected = (self.folder / "sources.txt").read_text().split()
        self.demand(self.sources == expected, "the sources read are not those of sources.txt, in its order")
        if self.cells:
            ports = {re.sub(r"^(s_axil|m_axi)_\w+", r"\1", port) for port in self.modules["top_zynquplus"]}
            left = {f"{_BLOCK}/{port}" for port in ports} - self.connected
            self.demand(not left, f"{', '.join(sorted(left))}: not connected")

    @staticmethod
    def demand(condition: object, message: str) -> None:
        if not condition:
            raise DryRunError(message)

    def one(self, call: Call) -> None:
        for option, value in call.options.items():
            self.option(call.command, option, value or "")
        if TABLE[call.command]["arguments"] == "files":
            for name in " ".join(call.words).split():
                self.file(name)
        if call.command == "get_pins":
            self.pin(call.words[0])
        elif call.command == "create_bd_cell":
            self.cell(call)
        elif call.command.startswith("get_bd_"):
            self.object(call.command, call.words[0])
        elif call.command == "set_property" and "-dict" in call.options:
            self.properties(call)

    def option(self, command: str, option: str, value: str) -> None:
        if option == "-part":
            self.demand(value == self.board.part, f"the board's part is {self.board.part}")
        elif option in ("-top", "-reference") and value:
            self.demand(value in self.modules or value == _WRAPPER, f"module {value} is in none of the files read")
        elif option == "-offset":
            self.demand(int(value, 0) == self.board.base_address, f"the registers are at {self.board.base_address:#x}")
        elif option == "-files":
            self.demand(value == "shiftcore.bd", "no such block design")

    def file(self, name: str) -> None:
        if name.startswith(_BY_VIVADO):
            return
        path = self.folder / name
        self.demand(path.is_file(), f"{name}: no such file in {self.folder}")
        if path.suffix in (".sv", ".v"):
            self.sources.append(name)
            self.modules |= modules(path)

    def pin(self, name: str) -> None:
        """INSTANCE/PORT[INDEX] of a primitive in the top."""
        found = re.fullmatch(r"(\w+)/(\w+)(?:\[(\d+)\])?", name)
        self.demand(found, "not the pin of a primitive")
        assert found is not None
        top = (self.folder / self.sources[-1]).read_text()
        instance = re.search(rf"^\s*(\w+)\s+(?:#\(.*\)\s*)?{found[1]}\s*\(", top, re.MULTILINE)
        self.demand(instance, f"{self.sources[-1]} has no instance {found[1]}")
        assert instance is not None
        stub = yosys.primitives().get(instance[1], "")
        port = re.search(rf"^\s*(?:input|output|inout)\s+(?:\[(\d+):0\]\s*)?{found[2]};", stub, re.MULTILINE)
        self.demand(port, f"primitive {instance[1]} has no port {found[2]}")
        assert port is not None
        self.demand(int(found[3] or 0) <= int(port[1] or 0), f"port {found[2]} has bits {port[1] or 0} to 0 only")

    def cell(self, call: Call) -> None:
        if call.options["-type"] == "module":
            reference = call.options["-reference"] or ""
            file = next(name for name in self.sources if reference in modules(self.folder / name))
            self.demand(file.endswith(".v"), f"{file}: Vivado takes no SystemVerilog module into a block design")
            self.cells[call.words[0]] = reference
            return
        kind = (call.options["-vlnv"] or "").split(":")[-1]
        self.demand(kind in BLOCKS, f"block {kind} is not in commands.toml")
        self.cells[call.words[0]] = kind

    def object(self, command: str, name: str) -> None:
        """CELL, CELL/PIN, CELL/INTERFACE, CELL/SPACE or CELL/INTERFACE/SEGMENT."""
        cell, _, rest = name.partition("/")
        self.demand(cell in self.cells, f"no cell {cell}")
        kind = self.cells[cell]
        if command == "get_bd_cells":
            return
        if kind in BLOCKS:
            table = {"get_bd_pins": "pins", "get_bd_intf_pins": "interfaces", "get_bd_addr_spaces": "spaces"}[command]
            self.demand(rest in BLOCKS[kind][table], f"block {kind} has no {rest} in commands.toml")
            return
        ports = self.modules[kind]
        rest = rest.removesuffix("/reg0") if command == "get_bd_addr_segs" else rest
        known = rest in ports if command == "get_bd_pins" else f"{rest}_awaddr" in ports
        self.demand(known, f"{kind} has no {rest}")
        self.connected.add(f"{cell}/{rest}")

    def properties(self, call: Call) -> None:
        kind = self.cells[call.words[0].lstrip("/")]
        words = (call.options["-dict"] or "").split()
        for name in words[::2]:
            self.demand(name.removeprefix("CONFIG.") in BLOCKS[kind]["properties"], f"{name} is not in commands.toml")


def dry_run(chip: Path, board: Board, folder: Path) -> list[Call]:
    """Prepare the chip in folder `chip` (hw.chip) in `folder`, and dry-run its script there; the commands called."""
    vivado.prepare(chip, board, folder)
    calls = record(folder, vivado.script(board), vivado.arguments(board))
    check(calls, folder, board)
    return calls


def main(
    preset: Annotated[str, typer.Option(help="a preset that has been compiled for the board")] = "tiny",
    board: BoardName = "pynq-z2",
) -> None:
    """Run the scripts for Vivado without Vivado, and check what they call."""
    target = load_board(board)
    chip = load_preset(preset).build / target.name / "chip"
    if not (chip / FILE).is_file():
        raise UserError(f"{chip}: no chip there; run `make compile PRESET={preset} BOARD={board}` first")
    with tempfile.TemporaryDirectory() as folder:
        calls = dry_run(chip, target, Path(folder) / "vivado")
    print(
        f"dry run, not a Vivado run: {len(calls)} commands; commands, options, files, part and ports are as they should"
    )
