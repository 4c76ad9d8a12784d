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


def around_a_fake_core(build: Path, folder: Path) -> Path:
    """A copy of the build's chip without its network."""
    chip = folder / "chip"
    shutil.copytree(build / "chip", chip, ignore=shutil.ignore_patterns("core"))
    (chip / "core" / "rtl").mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("fake_core.sv"), chip / "core" / "core.sv")
    manifest = ChipManifest.read(chip)
    shell = [file for file in manifest.files if not file.startswith("core/")]
    packages = [file for file in shell if file.endswith("_pkg.sv")]
    rest = [file for file in shell if file not in packages]
    config = chip / "rtl" / "chip_config_pkg.sv"
    interval = manifest.input.height * manifest.input.width
    config.write_text(
        config.read_text().replace(f"FRAME_INTERVAL = {manifest.frame_interval};", f"FRAME_INTERVAL = {interval};")
    )
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


def main() -> None:
    """Print a line a size and memory."""
    with tempfile.TemporaryDirectory() as folder:
        chip = around_a_fake_core(Path(sys.argv[1]), Path(folder))
        for latency, stall in ((4, 0.0), (40, 0.2)):
            for width, height, count in SIZES:
                model = ChipModel(chip, seed=3)
                model.memory[:] = np.random.default_rng(1).integers(0, 255, len(model.memory), dtype=np.uint8)
                model.read_latency = model.write_latency = latency
                model.stall = stall
                start(model)
                for index in range(count):
                    push(model, width, height, index == 0, index >= 2)
                while model.read(reg.STATUS) & reg.Status.BUSY:
                    model.step(500)
                assert model.read(reg.ERROR) == 0 and model.read(reg.PLANES_DONE) == count
                assert model.read(reg.LATENCY_MIN) == model.read(reg.LATENCY_MAX)
                most, megahertz = model.read(reg.PLANE_CYCLES_MAX), model.manifest.clock_mhz
                about = f"{width}x{height}, latency {latency}, stalls {stall}"
                print(f"{about}: {most:,} cycles at most, {megahertz * 1e6 / most:.0f} a second at {megahertz:g} MHz")
                model.close()


if __name__ == "__main__":
    main()
