# SPDX-License-Identifier: BSD-3-Clause
"""Temporal state for graph executors (QONNX and FINN), which know nothing of frames and streams.

One frame goes through a graph at a time. The executor's caller announces its context with `begin_frame`; each
temporal shift then swaps its channels with those of the same stream's previous frame through `exchange`. An executor
passes nothing but tensors to an op, so all this is a context variable: threads and tasks do not see each other's.
"""

from contextvars import ContextVar
from dataclasses import dataclass, field

import numpy as np

from shiftcore.model.limits import STREAMS


@dataclass
class _State:
    channels: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)  # by node and stream
    stream: int = 0
    clear: bool = True


_state: ContextVar[_State] = ContextVar("temporal state")


def _own() -> _State:
    """This context's state, begun where there is none."""
    state = _state.get(None)
    if state is None:
        state = _State()
        _state.set(state)
    return state


def reset() -> None:
    """Forget every stream of every shift: the next frame of each stream sees zeros."""
    _state.set(_State())


def begin_frame(stream: int, clear: bool) -> None:
    """Announce the frame that is executed next: its stream (0 <= stream < 128), and whether it starts a clip."""
    state = _own()
    state.stream, state.clear = stream, clear


def exchange(node: str, current: np.ndarray, streams: int = STREAMS) -> np.ndarray:
    """Keep `current` for the next frame of this stream at `node`; return what the previous frame left, or zeros.

    A stream that a node built for `streams` of them does not have is not kept and reads as zeros.
    """
    state = _own()
    if state.stream >= streams:
        return np.zeros_like(current)
    previous = state.channels.get((node, state.stream))
    state.channels[node, state.stream] = current.copy()
    return np.zeros_like(current) if state.clear or previous is None else previous
