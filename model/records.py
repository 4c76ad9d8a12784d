# SPDX-License-Identifier: BSD-3-Clause
"""What comes back of a frame: the record that the chip writes into memory, and the result that a user gets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from shiftcore.model import registers as reg
from shiftcore.model.decision import Consensus, Decision
from shiftcore.model.limits import ALIGNMENT, CONTEXT_BITS, LOGIT, MODELS, RECORD_HEADER, STREAMS, RecordHeader

_LOGIT = np.dtype(LOGIT)


@dataclass(frozen=True)
class Context:
    """What travels with a frame: `stream`, which camera, 0 to `STREAMS` - 1; `clear`, whether it is the first of a
    clip, so that the temporal state reads as zero; `bank`: which of the models computes it, 0 to `MODELS` - 1. `BITS`
    of its word without the bank. Raises ValueError for another stream or bank."""

    stream: int
    clear: bool = False
    bank: int = 0

    BITS: ClassVar[int] = CONTEXT_BITS

    def __post_init__(self) -> None:
        if not 0 <= self.stream < STREAMS:
            raise ValueError(f"stream {self.stream} is not in 0 .. {STREAMS - 1}")
        if not 0 <= self.bank < MODELS:
            raise ValueError(f"bank {self.bank} is not in 0 .. {MODELS - 1}")

    @classmethod
    def bits(cls, models: int) -> int:
        """Bits of the word that a core of so many models takes."""
        return cls.BITS + (models - 1).bit_length()

    @property
    def word(self) -> int:
        """As descriptors and the core's context stream hold it, and records, whose bank is always 0."""
        field = reg.DescriptorContext
        return field.STREAM.word(self.stream) | field.CLEAR.word(int(self.clear)) | field.BANK.word(self.bank)

    @classmethod
    def of(cls, word: int) -> "Context":
        """That of a word; bits beyond are ignored."""
        field = reg.DescriptorContext
        return cls(field.STREAM.of(word), bool(field.CLEAR.of(word)), field.BANK.of(word))


class Record(NamedTuple):
    """A record as it lies in memory. `logits`: int64 `[classes]`; `sequence`: 0 for the first record since reset."""

    frame_id: int
    stream: int
    clear: bool
    latency_cycles: int
    sequence: int
    logits: np.ndarray

    @classmethod
    def unpack(cls, slot: np.ndarray, logits: int) -> "Record":
        """Read a record of `logits` logits from the bytes of its slot."""
        content = slot.tobytes()
        header = RecordHeader(*RECORD_HEADER.unpack_from(content))
        context = Context.of(header.context)
        values = np.frombuffer(content, _LOGIT, logits, RECORD_HEADER.size).astype(np.int64)
        return cls(header.frame_id, context.stream, context.clear, header.latency, header.sequence, values)

    def pack(self, size: int) -> bytes:
        """Its `size` bytes in memory: header, logits, zeros."""
        header = RecordHeader(
            frame_id=self.frame_id,
            context=Context(self.stream, self.clear).word,
            latency=self.latency_cycles,
            sequence=self.sequence,
        )
        return (RECORD_HEADER.pack(*header) + self.logits.astype(_LOGIT).tobytes()).ljust(size, b"\0")

    @staticmethod
    def size(logits: int) -> int:
        """Bytes of the slot of a record with so many logits."""
        return -(-(RECORD_HEADER.size + logits * _LOGIT.itemsize) // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True, eq=False)
class Result:
    """One frame's outcome.

    `frame_id`: the frame's number since the accelerator was opened (modulo 2**32); `clear`: whether it began a clip;
    `logits`: the frame's own, int64 `[classes]`; `decision`: what is known after it (model.decision): real logits,
    probabilities, the winner; `score`: the highest probability among the model's alarm classes, or that of the winner
    where the model names none; `latency_cycles`: clock cycles from the frame's first input beat to its last output
    beat, and 0 on the back end `reference`, which has no clock; `latency_ms`: the same in milliseconds.
    """

    frame_id: int
    stream: int
    clear: bool
    logits: np.ndarray
    decision: Decision
    score: float
    latency_cycles: int
    latency_ms: float


@dataclass(frozen=True)
class Counters:
    """The chip's counters since it was opened or reset. In clock cycles: `cycles`, the latency of the last frame, the
    least and the greatest latency (0 before the first frame), `input_stalls` (the core waited for memory inside a
    frame), `output_stalls` (nobody took a logit). On the back end `reference` only `frames_done` counts."""

    cycles: int
    frames_done: int
    latency_last: int
    latency_min: int
    latency_max: int
    input_stalls: int
    output_stalls: int


def alarm_score(decision: Decision, alarm: Sequence[int]) -> float:
    """The highest probability among the classes of indices `alarm`; without any, that of the winner."""
    return float(alarm_scores(decision.scores, alarm))


class Decisions:
    """Makes of each frame's logits what the alarm needs: `consensus`' decision, and the score of the classes of indices
    `alarm`."""

    def __init__(self, consensus: Consensus, alarm: Sequence[int]) -> None:
        self._consensus, self._alarm = consensus, alarm

    def update(self, logits: np.ndarray, stream: int = 0, clear: bool = False) -> tuple[Decision, float]:
        """As `Consensus.update`; the decision, and its `alarm_score`."""
        decision = self._consensus.update(logits, stream, clear)
        return decision, alarm_score(decision, self._alarm)


def alarm_scores(scores: np.ndarray, alarm: Sequence[int]) -> np.ndarray:
    """`alarm_score` of many: of probabilities `[..., classes]`, one for each of the first dimensions."""
    return np.asarray((scores[..., list(alarm)] if alarm else scores).max(-1))
