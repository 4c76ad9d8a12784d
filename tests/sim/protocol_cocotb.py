# SPDX-License-Identifier: BSD-3-Clause
"""The cocotb tests of test_protocol.py: they run inside the simulator, on the plan that PROTOCOL_PLAN names."""

import json
import os
import random
from pathlib import Path
from typing import Any

import cocotb

from shiftcore.sim.cocotb_axis import Sink, Source, load_nothing, reset, step, transfer

PLAN = json.loads(Path(os.environ.get("PROTOCOL_PLAN", os.devnull)).read_text() or "{}")


def _agents(dut: Any, name: str, pause: float = 0.0) -> list[Source | Sink]:
    """Source of frames, source of contexts and sink of a scenario."""
    words, contexts, expected = (PLAN[name][key] for key in ("words", "contexts", "expected"))
    beats, seed = len(expected) // len(contexts), PLAN["seed"]
    return [
        Source(dut, "s_axis", words, pause, seed),
        Source(dut, "s_axis_ctx", contexts, pause, seed),
        Sink(dut, "m_axis", expected, beats, name, pause, seed),
    ]


async def _whole(dut: Any, name: str, pause: float = 0.0) -> None:
    agents = _agents(dut, name, pause)
    load_nothing(dut)
    await reset(dut)
    await transfer(dut, agents, PLAN["limit"])


@cocotb.test()
async def random_pauses(dut: Any) -> None:
    """Source, contexts and sink each pause as they like."""
    await _whole(dut, "pauses", 0.4)


@cocotb.test()
async def clip_boundary(dut: Any) -> None:
    """A frame with clear sees nothing of the frames before it; the one behind it sees it."""
    await _whole(dut, "clip")


@cocotb.test()
async def interleaved_streams(dut: Any) -> None:
    """Streams in any order, each with its own state."""
    await _whole(dut, "streams", 0.1)


@cocotb.test()
async def reset_in_a_frame(dut: Any) -> None:
    """A reset in the middle of the first and of the second frame: all that came before it is forgotten."""
    load_nothing(dut)
    moments = random.Random(PLAN["seed"])
    frame = len(PLAN["reset"]["words"]) // len(PLAN["reset"]["contexts"])
    for earliest in (0, PLAN["interval"]):
        agents = _agents(dut, "reset")
        await reset(dut)
        for cycle in range(earliest + moments.randint(1, frame - 1)):
            await step(dut, agents, cycle)
    await _whole(dut, "reset")
