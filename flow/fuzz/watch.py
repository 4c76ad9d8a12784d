# SPDX-License-Identifier: BSD-3-Clause
"""Runs a case as a process of its own with a build folder of its own, and ends it where it hangs or swells.

Whatever a case leaves behind, memory, files, compilers that still run, ends with it. A hang is no long time but no
progress: nothing new in the log while the case has used so much processor time, or has slept for so long. A machine
that is busy with other things makes neither of the two.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shiftcore.flow.fuzz.case import Case, write

CHECK: Sequence[str] = (sys.executable, "-m", "shiftcore.flow.fuzz.check")
_TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
_LAST_WORDS_S = 2.0  # for the stack's trace


@dataclass(frozen=True)
class Limits:
    """Of a case: seconds of processor time and of sleep without progress, and bytes of memory."""

    busy_s: float = 1200.0
    asleep_s: float = 600.0
    memory: int = 6 << 30
    poll_s: float = 1.0


LIMITS = Limits()


@dataclass(frozen=True)
class Usage:
    """Of a process and all its descendants: their ids, processor time so far in seconds, memory in bytes, and whether
    any of them is running or wants to."""

    pids: tuple[int, ...]
    cpu_s: float
    memory: int
    awake: bool


def usage(root: int) -> Usage:
    """The usage of process `root` and its descendants now, by /proc."""
    table: dict[int, list[str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # Behind the command, which may hold anything: state, parent, ... (proc(5), from field 3 on).
                table[int(entry.name)] = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
    tree = [root] if root in table else []
    for pid in tree:
        tree += [child for child, fields in table.items() if int(fields[1]) == pid]
    rows = [table[pid] for pid in tree]
    return Usage(
        tuple(tree),
        sum(int(ticks) for fields in rows for ticks in fields[11:15]) / _TICKS,
        sum(int(fields[21]) for fields in rows) * _PAGE,
        any(fields[0] in "RD" for fields in rows),
    )


class _Watch:
    """Looks at a process and its log now and then."""

    def __init__(self, pid: int, log: Path, limits: Limits) -> None:
        self._pid, self._log, self._limits = pid, log, limits
        self._size, self._cpu, self._awake = -1, 0.0, time.monotonic()
        self.memory = 0

    def trouble(self) -> str | None:
        """What is wrong with it, if anything is."""
        now, seen, size = time.monotonic(), usage(self._pid), self._log.stat().st_size
        self.memory = max(self.memory, seen.memory)
        if size != self._size:
            self._size, self._cpu, self._awake = size, seen.cpu_s, now
        if seen.awake:
            self._awake = now
        if seen.memory > self._limits.memory:
            return f"takes {seen.memory >> 20:,} MiB of memory"
        if seen.cpu_s - self._cpu > self._limits.busy_s:
            return f"no progress in {self._limits.busy_s:g} s of processor time"
        if now - self._awake > self._limits.asleep_s:
            return f"no progress, asleep for {self._limits.asleep_s:g} s"
        return None


def _end(process: subprocess.Popen[bytes], known: Sequence[int] = ()) -> None:
    """End a process and all its descendants, also those `known` from before or of its session that it left behind."""
    for pid in {*known, *usage(process.pid).pids}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _watched(command: Sequence[str], log: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Run `command` to its end: its exit code, or what was wrong with it, and its memory in MiB at most."""
    with open(log, "ab") as output:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,  # Ctrl-C is for the fuzzer, which ends the case
        )  # fmt: skip
    watch, trouble = _Watch(process.pid, log, LIMITS), None
    known: tuple[int, ...] = ()
    try:
        while trouble is None:
            try:
                process.wait(LIMITS.poll_s)
                break
            except subprocess.TimeoutExpired:
                trouble = watch.trouble()
        if trouble:
            known = usage(process.pid).pids
            process.send_signal(signal.SIGUSR1)  # flow.fuzz.check then writes where it is
            time.sleep(_LAST_WORDS_S)
    finally:
        _end(process, known)
    return {"code": process.returncode, "trouble": trouble, "memory_mib": watch.memory >> 20}


def run(case: Case, folder: Path) -> dict[str, Any]:
    """Run `case` in `folder`, which is emptied before: what became of it, as `outcome` (equal, refused, failed) and
    `detail`, with figures where there are any. Its output is `folder`/log, what it built is in `folder`/build."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    source, log, result = folder / "case.json", folder / "log", folder / "result.json"
    write(case, source)
    start = time.monotonic()
    environment = os.environ | {"SHIFTCORE_BUILD": str(folder / "build")}
    ended = _watched([*CHECK, str(source), str(log), str(result)], log, environment)
    if ended["trouble"]:
        outcome = {"outcome": "failed", "detail": ended["trouble"]}
    elif result.is_file():
        outcome = json.loads(result.read_text())
    else:
        outcome = {"outcome": "failed", "detail": f"the process died, exit code {ended['code']}"}
    return {**outcome, "seconds": round(time.monotonic() - start, 1), "memory_mib": ended["memory_mib"]}
