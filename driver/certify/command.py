# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore certify`: everything that a board can show, in half an hour."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from shiftcore import certificate
from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.backends import open_backend
from shiftcore.driver.backends.base import Backend
from shiftcore.driver.build import Build, state_folder
from shiftcore.driver.certify import board, page, stages
from shiftcore.driver.certify.sensors import Sensors
from shiftcore.driver.certify.soak import Clips, Soak, soak
from shiftcore.driver.errors import AcceleratorError
from shiftcore.driver.known import Known
from shiftcore.driver.selftest import selftest
from shiftcore.driver.sources import check_sources
from shiftcore.errors import UserError

_CLOCK_TOLERANCE = 0.01
Sections = dict[str, Any]
"""A certificate's, by name: what JSON holds."""


def main(
    build: Annotated[Path, typer.Option(help="a build folder, build/PRESET/BOARD")],
    sources: Annotated[list[str] | None, typer.Argument(help="videos or cameras whose CPU time is measured")] = None,
    backend: Annotated[str, typer.Option(help="board; rtl (the Verilated chip) for a rehearsal")] = "board",
    frames: Annotated[int, typer.Option(min=1, help="through the chip, all compared")] = 1_000_000,
    minutes: Annotated[float, typer.Option(min=0, help="for the frames, at most")] = 25.0,
    output: Annotated[Path | None, typer.Option(help="a folder; default: certificate/ in the build")] = None,
    key: Annotated[Path | None, typer.Option(help="an SSH private key to sign with")] = None,
) -> None:
    """Certify a board: self-test, a soak of all streams, clock, latency, throughput, CPU, temperature and power; writes
    certificate.json, sealed, and certificate.html. Exit code 1 when anything is wrong."""
    if sources:
        check_sources(sources)
    if key and not key.is_file():
        raise UserError(f"--key: {key}: no such file")
    console, began = Console(soft_wrap=True, highlight=False), time.monotonic()
    sections = _measured(Build.load(build), backend, sources or [], frames, minutes, console)
    sections["about"]["minutes"] = round((time.monotonic() - began) / 60, 2)
    folder = output or state_folder(build) / "certificate"
    file = folder / "certificate.json"
    certificate.write(file, "board" if sections["board"]["backend"] == "board" else "rehearsal", sections)
    page.write(folder / "certificate.html", sections)
    signed = f", signed in {certificate.sign(file, key).name}" if key else ""
    verdict = sections["verdict"]
    console.print(
        f"{file}: {'passed' if verdict['passed'] else 'FAILED'}{signed}; {folder / 'certificate.html'} to look at"
    )
    for why in verdict["why"]:
        console.print(f"  {why}", markup=False)
    if not verdict["passed"]:
        raise typer.Exit(1)


def _measured(
    build: Build, backend: str, sources: Sequence[str], frames: int, minutes: float, console: Console
) -> Sections:
    """All sections of the certificate."""
    known, sensors = Known.load(build), Sensors()
    sensors.look(0, now=True)
    checks = []
    for check in selftest(build.folder, backend):
        checks.append(asdict(check))
        console.print(f"{'ok  ' if check.passed else 'FAIL'}  {check.name}  {check.detail}", markup=False)
    said: list[str] = []
    console.print("the reference computes the frames of the soak ...")
    clips = Clips(build, seed=1)
    with ExitStack() as stack:
        chip = open_backend(backend, build)
        accelerator = _opened(build, chip, stack)
        found = _soaked(accelerator, chip, clips, frames, minutes, sensors)
        rows, trouble = _staged(accelerator, sources, said) if not found.error else ([], [])
        name = accelerator.backend
    sensors.look(found.frames, now=True)
    sections: Sections = {
        "about": {"when": datetime.now(timezone.utc).isoformat(timespec="seconds"), "minutes": 0.0},
        "board": board.facts(name),
        "build": board.built(build),
        "selftest": checks,
        **_of_the_soak(found, build, known, name),
        "stages": rows,
        "said": said,
        "samples": [asdict(sample) for sample in sensors.samples],
    }
    return {"verdict": _verdict(sections, trouble), **sections}


def _opened(build: Build, chip: Backend, stack: ExitStack) -> Accelerator:
    try:
        return stack.enter_context(Accelerator(build, chip))
    except BaseException:
        chip.close()
        raise


def _soaked(
    accelerator: Accelerator, chip: Backend, clips: Clips, frames: int, minutes: float, sensors: Sensors
) -> Soak:
    with Progress(transient=True) as bar:
        task = bar.add_task(f"frames, {minutes:g} minutes at most", total=frames)

        def look(done: int) -> None:
            bar.update(task, completed=done)
            sensors.look(done)

        return soak(accelerator, chip, clips, frames, minutes, look)


def _staged(accelerator: Accelerator, sources: Sequence[str], said: list[str]) -> tuple[list[Sections], list[str]]:
    """Of each source its stages, or what went wrong."""
    rows, trouble = [], []
    for source in sources:
        try:
            rows.append(asdict(stages.measure(accelerator, source, said)))
        except (AcceleratorError, UserError) as error:
            trouble.append(str(error))
    return rows, trouble


def _of_the_soak(found: Soak, build: Build, known: Known, backend: str) -> Sections:
    """The sections that the soak gives: itself, clock, latency, throughput, and how results were waited for."""
    megahertz, interval = build.manifest.clock_mhz, build.manifest.frame_interval
    counts = {str(cycles): number for cycles, number in sorted(found.latencies.items())}
    slowest = max(found.latencies, default=0)
    seconds, wall = found.seconds or None, found.wall_s or None
    whole = asdict(found)
    del whole["latencies"]
    return {
        "soak": whole,
        "clock": {
            "asked_mhz": megahertz,
            "measured_mhz": found.cycles / seconds / 1e6 if seconds else None,
            "seconds": seconds,
        },
        "latency": {
            "cycles": counts,
            "simulated_cycles": known.latency_cycles,
            "ms": slowest / megahertz / 1e3,
        },
        "throughput": {
            "frames_per_second": found.frames / seconds if seconds else None,
            "chip_frames_per_second": megahertz * 1e6 / interval,
            "core_busy": found.frames * interval / found.cycles if found.cycles else None,
        },
        "waiting": {
            "for_results": "polling" if backend == "board" else "simulated",
            "cpu_share": found.cpu_s / wall if wall else None,
        },
    }


def _verdict(sections: Sections, trouble: list[str]) -> Sections:
    """Whether all is as it should be, and what is not."""
    run, clock, latency = sections["soak"], sections["clock"], sections["latency"]
    why = [f"self-test: {check['name']}: {check['detail']}" for check in sections["selftest"] if not check["passed"]]
    why += [f"soak: {run['error']}"] if run["error"] else []
    why += [f"soak: {run['wrong']} frames are wrong, {run['first_wrong']}"] if run["wrong"] else []
    why += [f"soak: {run['lost']} frames have no result"] if run["lost"] else []
    measured, asked = clock["measured_mhz"], clock["asked_mhz"]
    if measured and abs(measured / asked - 1) > _CLOCK_TOLERANCE:
        why.append(f"the clock runs at {measured:.3f} MHz, and {asked:g} are asked for")
    wanted, found = latency["simulated_cycles"], list(latency["cycles"])
    if len(found) > 1 or (wanted is not None and found not in ([], [str(wanted)])):
        why.append(f"latency: {' and '.join(found)} cycles, {wanted or 'one'} by the simulator")
    why += trouble
    return {"passed": not why, "why": why}
