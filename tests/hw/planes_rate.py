# SPDX-License-Identifier: BSD-3-Clause
"""A whole chip's rates with planes of usual sizes, as docs/ingest.md has them: `python -m tests.hw.planes_rate BUILD`.

No test. The build's chip, with ingest, around tests/hw/fake_core.sv, which takes a pixel a cycle, so that no network
decides the rate; by the chip's own counters, behind the simulated memory of sim.chip.
"""

import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from shiftcore.model import registers as reg
from shiftcore.model.manifest import ChipManifest
from shiftcore.sim.chip import ChipModel

SIZES = [(352, 288, 8), (640, 360, 8), (1280, 720, 4), (1920, 1080, 4)]
RING, HISTORIES, PLANES = 0, 1 << 16, 1 << 22  # where each begins in the simulated memory
SLOTS = 16


def around_a_fake_core(build: Path, folder: Path, gap: int) -> Path:
    """A copy of the build's chip around a core that takes a pixel every `gap` cycles, and a frame as soon as it can."""
    chip = folder / "chip"
    shutil.copytree(build / "chip", chip, ignore=shutil.ignore_patterns("core"))
    (chip / "core" / "rtl").mkdir(parents=True)
    core = Path(__file__).with_name("fake_core.sv").read_text()
    ready = "gate = !Stuck &&"
    assert core.count(ready) == 1
    (chip / "core" / "core.sv").write_text(core.replace(ready, f"{ready} (Now % {gap} == 0) &&"))
    manifest = ChipManifest.read(chip)
    shell = [file for file in manifest.files if not file.startswith("core/")]
    packages = [file for file in shell if file.endswith("_pkg.sv")]
    rest = [file for file in shell if file not in packages]
    config, interval = chip / "rtl" / "chip_config_pkg.sv", manifest.input.height * manifest.input.width * gap
    text = config.read_text().replace(f" = {manifest.frame_interval};", f" = {interval};")
    config.write_text(text)
    replace(manifest, files=(*packages, "core/core.sv", *rest)).write(chip)
    return chip


def start(model: ChipModel) -> None:
    """Windows, ring, and go."""
    base, end = model.MEMORY_BASE, model.MEMORY_BASE + len(model.memory)
    for offset, value in (
        (reg.READ_BASE_LO, base + PLANES),
        (reg.READ_LIMIT_LO, end),
        (reg.WRITE_BASE_LO, base + RING),
        (reg.WRITE_LIMIT_LO, base + HISTORIES),
        (reg.HISTORY_BASE_LO, base + HISTORIES),
        (reg.HISTORY_LIMIT_LO, base + PLANES),
        (reg.RESULT_SLOTS, SLOTS),
        (reg.CONTROL, reg.Control.RUN),
    ):
        model.write(offset, value)


def push(model: ChipModel, width: int, height: int, first: bool, run: bool) -> None:
    """One plane of stream 0."""
    size, use = reg.DescriptorPlaneSize, reg.DescriptorPlaneUse
    model.write(reg.DESCRIPTOR_ADDRESS_LO, model.MEMORY_BASE + PLANES)
    model.write(reg.DESCRIPTOR_PLANE_SIZE, size.WIDTH.word(width) | size.HEIGHT.word(height))
    model.write(reg.DESCRIPTOR_PLANE_USE, use.STRIDE.word(width) | use.RESTART * first | use.RUN * run)
    model.write(reg.DESCRIPTOR_PLANE, 0)


def measured(chip: Path, size: tuple[int, int, int], latency: int, stall: float) -> str:
    """A line about planes of one size, one behind the other."""
    model, (width, height, count) = ChipModel(chip, seed=3), size
    model.memory[:] = np.random.default_rng(1).integers(0, 255, len(model.memory), dtype=np.uint8)
    model.read_latency = model.write_latency = latency
    model.stall = stall
    start(model)
    for index in range(count):
        push(model, width, height, index == 0, index >= 2)
    while model.read(reg.STATUS) & reg.Status.BUSY:
        model.step(500)
    assert model.read(reg.ERROR) == 0 and model.read(reg.PLANES_DONE) == count
    most, hertz = model.read(reg.PLANE_CYCLES_MAX), model.manifest.clock_mhz * 1e6
    core = f"latency {model.read(reg.LATENCY_MIN)} to {model.read(reg.LATENCY_MAX)}"
    model.close()
    return f"{width}x{height}: {most:,} cycles at most, {hertz / most:.0f} a second; the core's {core}"


def main() -> None:
    """Print a line a size, memory and core."""
    for gap in (1, 8):
        with tempfile.TemporaryDirectory() as folder:
            chip = around_a_fake_core(Path(sys.argv[1]), Path(folder), gap)
            for latency, stall in ((4, 0.0), (40, 0.2)):
                print(f"a pixel in {gap} cycles; memory answers after {latency}, stalls {stall:.0%}")
                for size in SIZES:
                    print(measured(chip, size, latency, stall), flush=True)


if __name__ == "__main__":
    main()
