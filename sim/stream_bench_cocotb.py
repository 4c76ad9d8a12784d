# SPDX-License-Identifier: BSD-3-Clause
"""The cocotb tests of `sim.stream_bench`: they run inside the simulator, on the plan that STREAM_BENCH_PLAN names."""

import os
import random
from pathlib import Path
from typing import Any

import cocotb

from shiftcore.sim.cocotb_axis import Agent, Sink, Source, reset, step, transfer
from shiftcore.sim.stream_bench import Case, load

SEED, CASES = load(Path(os.environ["STREAM_BENCH_PLAN"]))
LIMIT = 100 * max(len(stream.words) for case in CASES for stream in (case.inputs | case.outputs).values()) + 1000


def _agents(dut: Any, case: Case, pauses: random.Random | None) -> list[Agent]:
    """Sources and sinks of a case: never pausing, or each with its own probability to pause."""
    agents: list[Agent] = []
    for name, stream in case.inputs.items():
        pause = pauses.choice((0.0, 0.2, 0.5, 0.8)) if pauses else 0.0
        agents.append(Source(dut, f"{case.module}_{name}", stream.words, pause, SEED))
    for name, stream in case.outputs.items():
        pause = pauses.choice((0.0, 0.2, 0.5, 0.8)) if pauses else 0.0
        agents.append(Sink(dut, f"{case.module}_{name}", stream.words, stream.frame, case.about, pause, SEED))
    return agents


def _all(dut: Any, pauses: random.Random | None) -> list[Agent]:
    return [agent for case in CASES for agent in _agents(dut, case, pauses)]


@cocotb.test()
async def full_speed(dut: Any) -> None:
    """Nobody pauses: each case takes exactly its expected cycles a frame."""
    agents = [_agents(dut, case, None) for case in CASES]
    await reset(dut)
    await transfer(dut, [agent for own in agents for agent in own], LIMIT)
    for case, (source, *_) in zip(CASES, agents, strict=True):
        if case.cycles is None:
            continue
        assert isinstance(source, Source)
        frames = len(source.words) // next(iter(case.inputs.values())).frame
        measured = source.cycles[-1] - source.cycles[0] + 1
        assert measured == frames * case.cycles, (
            f"{case.about}: {frames} frames took {measured} cycles, expected {frames} x {case.cycles}"
        )


@cocotb.test()
async def random_pauses(dut: Any) -> None:
    """Every stream pauses with its own probability."""
    agents = _all(dut, random.Random(f"pauses {SEED}"))
    await reset(dut)
    await transfer(dut, agents, LIMIT)


@cocotb.test()
async def reset_in_a_frame(dut: Any) -> None:
    """A reset at any moment forgets the frame and all state: the frames after it are as after the first reset."""
    moments = random.Random(f"reset {SEED}")
    for _ in range(4):
        agents = _all(dut, moments)  # they start with valid and ready low
        await reset(dut)
        for cycle in range(moments.randint(1, 60)):
            await step(dut, agents, cycle)
    agents = _all(dut, moments)
    await reset(dut)
    await transfer(dut, agents, LIMIT)
