# SPDX-License-Identifier: BSD-3-Clause
"""Synthesis part by part: each distinct module once, kept under its content, whatever it is called and wherever it is.

A design is cut at instances that stay modules of their own. What the rest of the design means for them is pushed in
first (constant inputs, outputs that nobody reads), so that a part costs what it would cost in place.
"""

import fcntl
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from shiftcore import process
from shiftcore.artifacts import atomic_folder, build_folder, digest, write_json
from shiftcore.hw.toolchains import yosys
from shiftcore.process import plain

PROCESSES = 2
_BATCH = 600_000  # characters of RTLIL in one process: some ten seconds of work
# Where a thing stood in the sources; and hints for vendor tools, which name the instance.
_ATTRIBUTES = ("src", "cell_src", "hdlname", "module", "X_INTERFACE_INFO", "X_INTERFACE_PARAMETER")
_MODULE = re.compile(r"^module (\S+)\n(.*?)^end$", re.MULTILINE | re.DOTALL)
# Names that Yosys made up end in a running number; types of cells that look like them are none.
_GENERATED = re.compile(r"(?<=[ \n])\$(?!mem\w*_v2\b)\S*\d\S*")


@dataclass(frozen=True)
class Part:
    """One instance that was cut out: its `module` in the design it comes from, and its RTLIL text under the name
    `part`."""

    module: str
    text: str

    @property
    def path(self) -> str:
        """Its place in the design, as the reader's module names tell it: `\\fifo$core.a.b` is at `core.a.b`."""
        return self.module.rpartition("$")[2]

    @property
    def content(self) -> str:
        """The same for all parts that differ in names alone."""
        return digest(self.text, version("pyosys"))[:24]


@dataclass(frozen=True)
class Design:
    """A design taken apart: the RTLIL of its `top` with what was not cut out, and the parts."""

    top: str
    text: str
    parts: list[Part]


def children(hierarchy: dict[str, dict[str, int]], parent: str) -> list[str]:
    """The modules that are instances within the module `parent`."""
    return [f"\\{cell}" for cell in hierarchy[parent] if f"\\{cell}" in hierarchy]


def split(sources: yosys.Sources, folder: Path, cut: Callable[[dict[str, dict[str, int]]], Iterable[str]]) -> Design:
    """Read `sources` and cut them at the modules that `cut` chooses, given each module's cells by type."""
    folder.mkdir(parents=True, exist_ok=True)
    folder = plain(folder.resolve())
    read, parts, stat = folder / "read.il", folder / "parts.il", folder / "hierarchy.json"
    yosys.run(
        [*yosys.read(sources, folder), f"write_rtlil {read}", f"tee -q -o {stat} stat -json"],
        folder,
        "read",
        sources.data,
    )
    modules = json.loads(stat.read_text())["modules"]
    chosen = set(cut({name: content.get("num_cells_by_type", {}) for name, content in modules.items()}))
    yosys.run(
        [
            f"read_rtlil {read}",
            *(f"setattr -mod -set keep_hierarchy 1 {name}" for name in sorted(chosen)),
            *("flatten", "opt_expr", "opt_hier", "delete t:$scopeinfo t:$check t:$print"),
            *(f"setattr {kind}-unset {name}" for name in _ATTRIBUTES for kind in ("", "-mod ")),
            f"write_rtlil {parts}",
        ],
        folder,
        "split",
    )
    found = {m[1]: m[2] for m in _MODULE.finditer(parts.read_text())}
    top = f"\\{sources.top}"
    return Design(sources.top, found[top], [Part(name, _canonical(found[name])) for name in found if name in chosen])


def _canonical(body: str) -> str:
    """A module's text with made-up names replaced by numbers in the order of their first appearance."""
    names: dict[str, str] = {}
    return "module \\part\n" + _GENERATED.sub(lambda m: names.setdefault(m[0], f"${len(names)}"), body) + "end\n"


def _batches(parts: Iterable[Part]) -> list[list[Part]]:
    """Parts to synthesize in one process each, the most work first: starting Yosys costs as much as a small part."""
    batches: list[list[Part]] = []
    size = _BATCH
    for part in sorted(parts, key=lambda part: -len(part.text)):
        if size + len(part.text) > _BATCH:
            batches.append([])
            size = 0
        batches[-1].append(part)
        size += len(part.text)
    return batches


@contextmanager
def alone(family: str) -> Iterator[None]:
    """Hold what is kept of a family: another process that wants parts synthesized waits, and finds those of this one
    done. Each runs as many processes as there are cores to spare, so nothing is lost."""
    kept = build_folder() / "synthesis" / family
    kept.mkdir(parents=True, exist_ok=True)
    with open(kept / ".lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def synthesize(parts: Iterable[Part], family: str, progress: Callable[[str], None]) -> dict[str, Path]:
    """Synthesize each distinct part for a family unless that has been done; returns its folder by path.

    A folder holds `netlist.v`, the module `part_CONTENT` in the family's cells, and `cells.json`, their numbers.
    What is finished when this is interrupted stays. Raises YosysError.
    """
    folders = {part.path: build_folder() / "synthesis" / family / part.content for part in parts}
    with alone(family):
        missing = {part.content: part for part in parts if not (folders[part.path] / "cells.json").is_file()}
        _synthesize_all(_batches(missing.values()), family, progress)
    return folders


def _synthesize_all(batches: list[list[Part]], family: str, progress: Callable[[str], None]) -> None:
    done, wanted = 0, sum(map(len, batches))
    with ThreadPoolExecutor(PROCESSES) as pool:
        jobs = {pool.submit(_synthesize, batch, family): batch for batch in batches}
        try:
            for job in as_completed(jobs):
                job.result()
                done += len(jobs[job])
                progress(f"{done} of {wanted} modules synthesized")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            process.stop()
            raise


def _synthesize(batch: list[Part], family: str) -> None:
    kept = build_folder() / "synthesis" / family
    names = {f"part_{part.content}": part for part in batch}
    with tempfile.TemporaryDirectory(dir=kept, prefix=".batch.") as temporary:
        folder = Path(temporary).resolve()
        # Yosys wants one top, and keeps what it instantiates.
        top = "".join(f"attribute \\keep 1\ncell \\{name} \\{name}_i\nend\n" for name in names)
        texts = [part.text.replace("module \\part\n", f"module \\{name}\n", 1) for name, part in names.items()]
        (folder / "batch.il").write_text("".join(texts) + f"module \\batch\n{top}end\n")
        commands = [
            "read_rtlil batch.il",
            "hierarchy -top batch",
            yosys.synth(family),
            "tee -q -o stat.json stat -json",
        ]
        for name in names:
            commands += [f"select {name}", f"write_verilog -noattr -selected {name}.v", "select -clear"]
        yosys.run(commands, folder, "batch")
        modules = json.loads((folder / "stat.json").read_text())["modules"]
        for name, part in names.items():
            with atomic_folder(kept / part.content) as result:
                (folder / f"{name}.v").rename(result / "netlist.v")
                write_json(result / "cells.json", modules[f"\\{name}"].get("num_cells_by_type", {}))
