# SPDX-License-Identifier: BSD-3-Clause
"""AXI4-Stream for cocotb benches: a source that sends words, a sink that checks them, and the clock that steps both.

The bench makes the clock itself, a cycle at a time: `drive` sets inputs after an edge, `sample` looks at the settled
signals before the next. So nothing is sampled while it changes, and one coroutine serves any number of streams.
"""

import random
from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

from cocotb.triggers import Timer


class Agent(Protocol):
    """One end of a stream."""

    def drive(self) -> None:
        """Set the signals of this cycle."""

    def sample(self, cycle: int) -> None:
        """Look at the settled signals, just before the clock's edge."""

    def done(self) -> bool:
        """Whether every word has been transferred."""

    def waiting(self) -> str:
        """What it waits for, for a person."""


class Source:
    """Sends `words` on `<prefix>_tdata/_tvalid/_tready`, pausing before a word with probability `pause`.

    Once valid, a word stays until it is taken. `cycles` holds the cycle of each transfer.
    """

    def __init__(self, dut: Any, prefix: str, words: Sequence[int], pause: float = 0.0, seed: int = 0) -> None:
        self.prefix, self.words, self.pause = prefix, words, pause
        self.cycles: list[int] = []
        self._data, self._valid, self._ready = (getattr(dut, f"{prefix}_{x}") for x in ("tdata", "tvalid", "tready"))
        self._random = random.Random(f"{prefix} {seed}")
        self._sending = False
        self._valid.value = 0

    def drive(self) -> None:
        """Offer the next word, or pause."""
        if self._sending:
            return
        self._sending = len(self.cycles) < len(self.words) and self._random.random() >= self.pause
        self._valid.value = int(self._sending)
        if self._sending:
            self._data.value = self.words[len(self.cycles)]

    def sample(self, cycle: int) -> None:
        """Note whether the word was taken."""
        if self._sending and self._ready.value:
            self.cycles.append(cycle)
            self._sending = False

    def done(self) -> bool:
        """Whether every word was taken."""
        return len(self.cycles) == len(self.words)

    def waiting(self) -> str:
        """How far it has come."""
        return f"{self.prefix} sent {len(self.cycles)} of {len(self.words)} words"


class Sink:
    """Takes words from `<prefix>_tdata/_tvalid/_tready` and compares each with `words` at once.

    It is unready with probability `pause` in each cycle. `frame` is how many words make a frame, `name` says what is
    tested. Raises AssertionError at the first wrong or surplus word, and when valid falls or data changes before a
    word was taken (AXI4-Stream, section 2.2.1). `cycles` holds the cycle of each transfer.
    """

    def __init__(
        self,
        dut: Any,
        prefix: str,
        words: Sequence[int],
        frame: int,
        name: str,
        pause: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.prefix, self.words, self.frame, self.name, self.pause = prefix, words, frame, name, pause
        self.cycles: list[int] = []
        self._data, self._valid, self._ready = (getattr(dut, f"{prefix}_{x}") for x in ("tdata", "tvalid", "tready"))
        self._random = random.Random(f"{prefix} {seed}")
        self._open: bool | None = None
        self._held: int | None = None
        self._ready.value = 0

    def drive(self) -> None:
        """Be ready, or pause."""
        ready = self._random.random() >= self.pause
        if ready != self._open:
            self._open = ready
            self._ready.value = int(ready)

    def sample(self, cycle: int) -> None:
        """Check what is offered, and take it when ready."""
        if not self._valid.value:
            assert self._held is None, f"{self._where()}: valid fell before the word was taken"
            return
        word = self._data.value.to_unsigned()
        assert self._held in (None, word), f"{self._where()}: data changed before the word was taken"
        assert len(self.cycles) < len(self.words), f"{self._where()}: expected no more words, got {word:#x}"
        expected = self.words[len(self.cycles)]
        assert word == expected, f"{self._where()}: expected {expected:#x}, got {word:#x}"
        self._held = None if self._open else word
        if self._open:
            self.cycles.append(cycle)

    def done(self) -> bool:
        """Whether every word has come."""
        return len(self.cycles) == len(self.words)

    def waiting(self) -> str:
        """How far it has come."""
        return f"{self._where()}: {len(self.words) - len(self.cycles)} words did not come"

    def _where(self) -> str:
        frame, beat = divmod(len(self.cycles), self.frame)
        return f"{self.name}, {self.prefix}, frame {frame}, beat {beat}"


@cache
def half() -> Timer:
    """Half a clock cycle. It may be waited for again and again, by one task at a time: making it takes long."""
    return Timer(1, "ns")


async def step(dut: Any, agents: Sequence[Agent], cycle: int) -> None:
    """One clock cycle."""
    for agent in agents:
        agent.drive()
    await half()
    for agent in agents:
        agent.sample(cycle)
    dut.ap_clk.value = 1
    await half()
    dut.ap_clk.value = 0


async def reset(dut: Any, cycles: int = 3) -> None:
    """Hold ap_rst_n low for some cycles, with no agent at work."""
    dut.ap_clk.value = 0
    dut.ap_rst_n.value = 0
    for _ in range(cycles):
        await step(dut, [], 0)
    dut.ap_rst_n.value = 1


def load_nothing(dut: Any) -> None:
    """Drive a core's load stream so that its weights stay those after power-on."""
    dut.load_begins.value = 0
    dut.s_axis_load_tvalid.value = 0


async def transfer(dut: Any, agents: Sequence[Agent], limit: int) -> int:
    """Step until every agent is done, and a little longer so that surplus words show; return the cycles it took.

    Raises AssertionError naming the agents that still wait after `limit` cycles.
    """
    for cycle in range(limit):
        await step(dut, agents, cycle)
        if all(agent.done() for agent in agents):
            for late in range(8):
                await step(dut, agents, cycle + 1 + late)
            return cycle + 1
    raise AssertionError(
        f"no end after {limit} cycles: " + "; ".join(agent.waiting() for agent in agents if not agent.done())
    )
