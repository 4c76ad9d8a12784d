# SPDX-License-Identifier: BSD-3-Clause
"""The whole Zynq-7 top under Verilator, with a model of the processing system that runs two frames through it."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from shiftcore.artifacts import build_folder
from shiftcore.hw.boards import load_board
from shiftcore.hw.toolchains.sources import copy_sources
from shiftcore.model.reference import Reference
from shiftcore.sim.verilator import environment

MODEL = Path(__file__).with_name("ps7_model.sv")
SEED = 7


@pytest.fixture(scope="module")
def printed(tiny_chip: Path) -> tuple[list[list[str]], np.ndarray]:
    """What the model of the processor printed, word by word, and the two frames that it ran."""
    folder = build_folder() / "tests" / "top_zynq7"
    folder.mkdir(parents=True, exist_ok=True)
    for old in ("rtl", "core", "data"):
        shutil.rmtree(folder / old, ignore_errors=True)
    sources = copy_sources(tiny_chip, load_board("pynq-z2"), folder)
    packages = [name for name in sources if name.endswith("_pkg.sv")]
    rest = [name for name in sources if name not in packages]
    flags = "--binary --timing -O3 -Wno-fatal -Wno-lint -Wno-style --x-assign unique --x-initial unique -CFLAGS -O0"
    command = ["verilator", *flags.split(), "-j", "2", "--timescale", "1ns/1ps", "--top-module", "top_zynq7"]
    command += ["-Icore/rtl", *packages, str(MODEL), *rest]
    built = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-2000:]
    shape = Reference.load(tiny_chip / "model.npz").input_shape
    frames = np.random.default_rng(SEED).integers(0, 256, (2, *shape), dtype=np.uint8)
    words = np.frombuffer(frames.tobytes(), "<u8")
    (folder / "frames.hex").write_text("\n".join(f"{word:016x}" for word in words))
    run = [
        str(folder / "obj_dir" / "Vtop_zynq7"),
        "+frames=frames.hex",
        "+verilator+rand+reset+2",
        f"+verilator+seed+{SEED}",
    ]
    done = subprocess.run(run, cwd=folder, env=os.environ, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return [line.split() for line in done.stdout.splitlines() if line[:2] in ("ID", "BU", "IR", "WO")], frames


def test_registers_answer_over_the_processors_port(
    printed: tuple[list[list[str]], np.ndarray], tiny_chip: Path
) -> None:
    lines, _ = printed
    assert lines[0] == ["ID", "53464331"]
    assert lines[1][1] in (tiny_chip / "manifest.json").read_text()


def test_the_interrupt_is_the_first_of_the_fabrics(printed: tuple[list[list[str]], np.ndarray]) -> None:
    assert [line[1] for line in printed[0] if line[0] == "IRQ"] == ["00000", "00001"]


def test_results_in_memory_are_the_references(printed: tuple[list[list[str]], np.ndarray], tiny_chip: Path) -> None:
    lines, frames = printed
    reference = Reference.load(tiny_chip / "model.npz")
    words = np.array([int(line[1], 16) for line in lines if line[0] == "WORD"], np.uint32).reshape(2, -1)
    for index, frame in enumerate(frames):
        expected = reference.infer(frame, clear=index == 0)
        found = words[index, 4 : 4 + len(expected)].astype(np.int32)
        assert list(found) == list(expected)
        assert words[index, 0] == 0xF0 + index
        assert words[index, 1] == (0x80 if index == 0 else 0)  # bit 7: the first frame of its clip
        assert words[index, 3] == index
    assert words[0, 2] == words[1, 2] > 0
