# SPDX-License-Identifier: BSD-3-Clause
"""Work in several processes that do not get in each other's way."""

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Literal, TypeVar

T = TypeVar("T")

CORES = 3  # that draw the clips of one training of ours fast enough


def cores() -> list[int]:
    """The cores that this process may run on; where a system does not say which, none but their count is known."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [*range(os.cpu_count() or 1)]


def bound_pool(processes: int, method: Literal["fork", "spawn"]) -> ProcessPoolExecutor:
    """A pool of `processes`, each bound to its share of the cores: libraries that count cores start as many threads,
    and FFmpeg's and OpenCV's of 16 processes on 16 cores were 250."""
    context = multiprocessing.get_context(method if method in multiprocessing.get_all_start_methods() else "spawn")
    shares = context.SimpleQueue()
    for place in range(processes):
        shares.put(cores()[place::processes] or cores())
    return ProcessPoolExecutor(processes, context, _take, (shares,))


def _take(shares: "multiprocessing.SimpleQueue[list[int]]") -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, shares.get())


def side_by_side(tasks: Sequence[Callable[[], T]]) -> Iterator[T]:
    """What each of the trainings `tasks`, which can be pickled, gives, in their order. One of this network leaves a GPU
    idle: beside one as many run at once, in processes, as there are `CORES` for; elsewhere one after another."""
    import torch

    places = min(len(tasks), len(cores()) // CORES)
    if places < 2 or not torch.cuda.is_available():
        yield from (task() for task in tasks)
        return
    pool = bound_pool(places, "spawn")  # a GPU does not survive a fork
    try:
        yield from pool.map(_quietly, tasks)
    finally:
        pool.shutdown(cancel_futures=True)


def _quietly(task: Callable[[], T]) -> T:
    """Progress bars of several processes would overwrite each other."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        return task()
