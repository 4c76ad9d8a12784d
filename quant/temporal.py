"""Temporal state for graph executors (QONNX and FINN), which know nothing of frames and streams.

One frame goes through a graph at a time. The executor's caller announces its context with `begin_frame`; each
temporal shift then swaps its channels with those of the same stream's previous frame through `exchange`.
"""

import numpy as np

_state: dict[tuple[str, int], np.ndarray] = {}
_context = (0, True)


def reset() -> None:
    """Forget every stream of every shift: the next frame of each stream sees zeros."""
    _state.clear()


def begin_frame(stream: int, clear: bool) -> None:
    """Announce the frame that is executed next: its stream (0 <= stream < 128), and whether it starts a clip."""
    global _context  # noqa: PLW0603 - an ONNX executor passes nothing but tensors to an op
    _context = (stream, clear)


def exchange(node: str, current: np.ndarray, streams: int = 128) -> np.ndarray:
    """Keep `current` for the next frame of this stream at `node`; return what the previous frame left, or zeros.

    A stream that a node built for `streams` of them does not have is not kept and reads as zeros.
    """
    stream, clear = _context
    if stream >= streams:
        return np.zeros_like(current)
    previous = _state.get((node, stream))
    _state[node, stream] = current.copy()
    return np.zeros_like(current) if clear or previous is None else previous
