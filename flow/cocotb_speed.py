# SPDX-License-Identifier: BSD-3-Clause
"""How fast cocotb clocks a compiled core: the yardstick of `sim.core`. This module also holds the cocotb tests.

Two benches: as the field writes them (cocotb's clock, cocotbext-axi on every stream), and the leanest that we know
(our own, which steps the clock itself and wakes Python once a cycle). Which is faster depends on the design, and the
faster one counts.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiStreamBus, AxiStreamSink, AxiStreamSource

from shiftcore.artifacts import write_json
from shiftcore.hw.graph import Frame
from shiftcore.model.manifest import CoreManifest
from shiftcore.model.records import Context
from shiftcore.sim import cocotb_runner
from shiftcore.sim.cocotb_axis import Source, load_nothing, reset, step
from shiftcore.sim.core import pack

PLAN = "COCOTB_SPEED_PLAN"


def cycles_per_second(core: Path, frame: Frame, cycles: int = 30_000) -> float:
    """Clock cycles of the core in folder `core` per second of wall time under cocotb, frames at line rate, of the
    faster of the two benches. Neither building counts, nor the cycles after reset in which the core takes no frame."""
    folder = cocotb_runner.build_core(core)
    manifest = CoreManifest.read(core)
    port = manifest.input
    beats = pack(frame.pixels, port.element_bits, port.elements, port.tdata_bits)
    words = [int.from_bytes(beat.tobytes(), "little") for beat in beats]
    plan = folder / "speed.json"
    write_json(plan, {"words": words, "bytes": port.tdata_bits // 8, "idle": manifest.frame_interval, "cycles": cycles})
    cocotb_runner.run("core", "shiftcore.flow.cocotb_speed", folder, {PLAN: str(plan)})
    return max(float((folder / name).read_text()) for name in ("usual", "lean"))


def _plan() -> dict[str, Any]:
    """The frame's words, the bytes of a word, for how many cycles, and how many frames keep the input busy so long."""
    plan: dict[str, Any] = json.loads(Path(os.environ[PLAN]).read_text())
    return plan | {"frames": 2 + plan["cycles"] // len(plan["words"])}


def _note(name: str, cycles: int, start: float) -> None:
    (Path(os.environ[PLAN]).parent / name).write_text(str(cycles / (time.perf_counter() - start)))


@cocotb.test()
async def lean(dut: Any) -> None:
    """Keep the input busy and the output ready for so many cycles, and write down how many a second that made."""
    plan = _plan()
    load_nothing(dut)
    dut.m_axis_tready.value = 1
    agents = [
        Source(dut, "s_axis", plan["words"] * plan["frames"]),
        Source(dut, "s_axis_ctx", [Context(0, clear=True).word] * plan["frames"]),
    ]
    await reset(dut)
    for cycle in range(-plan["idle"], 0):
        await step(dut, agents, cycle)
    start = time.perf_counter()
    for cycle in range(plan["cycles"]):
        await step(dut, agents, cycle)
    _note("lean", plan["cycles"], start)
    assert agents[0].cycles, "the core took no input"


@cocotb.test()
async def usual(dut: Any) -> None:
    """The same, with the bus agents of cocotbext-axi."""
    plan = _plan()
    load_nothing(dut)
    dut.ap_rst_n.value = 0
    Clock(dut.ap_clk, 10, unit="ns").start()
    ends = {"reset": dut.ap_rst_n, "reset_active_level": False}
    frames = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.ap_clk, **ends)
    contexts = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis_ctx"), dut.ap_clk, **ends)
    AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.ap_clk, **ends)
    for agent in (frames, contexts):
        agent.log.setLevel("WARNING")
    await ClockCycles(dut.ap_clk, 3)
    dut.ap_rst_n.value = 1
    content = b"".join(word.to_bytes(plan["bytes"], "little") for word in plan["words"])
    for _ in range(plan["frames"]):
        frames.send_nowait(content)
        contexts.send_nowait(bytes([Context(0, clear=True).word]))
    await ClockCycles(dut.ap_clk, plan["idle"])
    start = time.perf_counter()
    await ClockCycles(dut.ap_clk, plan["cycles"])
    _note("usual", plan["cycles"], start)
    assert frames.count() < plan["frames"], "the core took no input"
