# SPDX-License-Identifier: BSD-3-Clause
"""The models that a chip has at once, each in a bank of weights: which of them computes a stream, and what its logits
mean."""

import numpy as np

from shiftcore.driver.build import Build
from shiftcore.driver.change import Change, LoadedModel
from shiftcore.driver.device import Flight
from shiftcore.driver.errors import FrameError
from shiftcore.model.records import Record, Result


def check_bank(bank: int, count: int) -> None:
    """Raise FrameError for a bank that a chip of `count` banks does not have."""
    if not 0 <= bank < count:
        raise FrameError(f"bank {bank} is not in 0 .. {count - 1}, which this chip was built for (hardware.models)")


class Banks:
    """All banks of a chip that has just been opened: each has the build's model, whose load stream (model.image) is
    `stream`, and every stream is of the first bank.

    `models`: what each bank has, in their order.
    """

    def __init__(self, build: Build, stream: np.ndarray) -> None:
        first, count = Change(build.model, build.reference, stream), build.manifest.models
        self.models: tuple[LoadedModel, ...] = (first.loaded,) * count
        self._references = [build.reference] * count
        self._decisions = [build.reference.decisions() for _ in range(count)]
        self._clock_mhz = build.manifest.clock_mhz
        self._of = [0] * build.manifest.streams

    def check(self, bank: int) -> None:
        """Raise FrameError for a bank that the chip does not have."""
        check_bank(bank, len(self.models))

    def of(self, stream: int) -> int:
        """The bank that a stream is of."""
        return self._of[stream]

    def use(self, stream: int, bank: int) -> bool:
        """Let a stream be of a bank; whether it is another than before."""
        before, self._of[stream] = self._of[stream], bank
        return bank != before

    def take(self, change: Change, bank: int) -> None:
        """Go by the model that a bank has now; behind a load no stream has a past, whatever its bank."""
        self._references[bank] = change.reference
        self._decisions = [reference.decisions() for reference in self._references]
        self.models = (*self.models[:bank], change.loaded, *self.models[bank + 1 :])

    def result(self, flight: Flight, record: Record) -> Result:
        """What a frame's record says, by the model of its bank."""
        decision, score = self._decisions[flight.bank].update(record.logits, flight.stream, flight.clear)
        return Result(
            frame_id=flight.frame_id,
            stream=flight.stream,
            clear=flight.clear,
            logits=record.logits,
            decision=decision,
            score=score,
            latency_cycles=record.latency_cycles,
            latency_ms=record.latency_cycles / (self._clock_mhz * 1e3),
        )
