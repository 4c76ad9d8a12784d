"""How fast cocotb clocks a compiled core: the yardstick of `sim.core`. This module is also the cocotb test itself."""

import json
import os
import time
from pathlib import Path
from typing import Any

import cocotb

from common.artifacts import write_json
from hw.graph import Frame
from sim import cocotb_runner
from sim.cocotb_axis import Source, reset, step
from sim.core import pack, read_manifest

PLAN = "COCOTB_SPEED_PLAN"


def cycles_per_second(core: Path, frame: Frame, cycles: int = 50_000) -> float:
    """Clock cycles of the core in folder `core` per second of wall time under cocotb, frames at line rate, building
    not counted."""
    folder = cocotb_runner.build_core(core)
    port = read_manifest(core)["input"]
    beats = pack(frame.pixels, port["element_bits"], port["elements"], port["tdata_bits"])
    words = [int.from_bytes(beat.tobytes(), "little") for beat in beats]
    plan = folder / "speed.json"
    write_json(plan, {"words": words, "cycles": cycles})
    cocotb_runner.run("core", "flow.cocotb_speed", folder, {PLAN: str(plan)})
    return float((folder / "speed").read_text())


@cocotb.test()
async def speed(dut: Any) -> None:
    """Keep the input busy and the output ready for so many cycles, and write down how many a second that made."""
    plan_file = Path(os.environ[PLAN])
    plan = json.loads(plan_file.read_text())
    repeats = 2 + plan["cycles"] // len(plan["words"])
    dut.m_axis_tready.value = 1
    agents = [Source(dut, "s_axis", plan["words"] * repeats), Source(dut, "s_axis_ctx", [0x80] * repeats)]
    await reset(dut)
    start = time.perf_counter()
    for cycle in range(plan["cycles"]):
        await step(dut, agents, cycle)
    (plan_file.parent / "speed").write_text(str(plan["cycles"] / (time.perf_counter() - start)))
    assert agents[0].cycles, "the core took no input"
