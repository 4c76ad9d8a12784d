# SPDX-License-Identifier: BSD-3-Clause
"""The executors' temporal state: kept by stream, and apart between threads that execute graphs side by side."""

import threading

import numpy as np

from shiftcore.quant import temporal


def previous(node: str, value: int) -> int:
    return int(temporal.exchange(node, np.full(3, value))[0])


def test_a_stream_sees_its_own_last_frame() -> None:
    temporal.reset()
    seen = []
    for value, (stream, clear) in enumerate([(0, True), (1, True), (0, False), (1, False), (0, True), (0, False)], 1):
        temporal.begin_frame(stream, clear)
        seen.append(previous("shift", value))
    assert seen == [0, 0, 1, 2, 0, 5]


def test_threads_do_not_see_each_other() -> None:
    """Two graphs of equally named nodes, frame by frame in turn, and one begins anew in the middle."""
    turns = threading.Barrier(2)
    seen: dict[int, list[int]] = {}

    def execute(first: int) -> None:
        seen[first] = []
        temporal.reset()
        for frame in range(4):
            turns.wait()
            temporal.begin_frame(0, frame == 0)
            turns.wait()
            seen[first].append(previous("shift", first + frame))
            turns.wait()
            if frame == 1 and first == 200:
                temporal.reset()

    threads = [threading.Thread(target=execute, args=(first,)) for first in (100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {100: [0, 100, 101, 102], 200: [0, 200, 0, 202]}
