# SPDX-License-Identifier: BSD-3-Clause
"""Several trainings at once, where one alone would leave a GPU idle."""

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")

CORES = 3  # that draw the clips of one training of ours fast enough


def side_by_side(tasks: Sequence[Callable[[], T]]) -> Iterator[T]:
    """What each of `tasks` gives, in their order. Beside a GPU as many run at once, each in a process and on cores of
    its own, as there are cores for; elsewhere one after another, in this process. They can be pickled."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    places = min(len(tasks), len(cores) // CORES)
    if places < 2 or not torch.cuda.is_available():
        yield from (task() for task in tasks)
        return
    context = multiprocessing.get_context("spawn")  # a GPU does not survive a fork
    free = context.Queue()
    for place in range(places):
        free.put(cores[place::places])
    pool = ProcessPoolExecutor(places, context, _take, (free,))
    try:
        yield from pool.map(_quietly, tasks)
    finally:
        pool.shutdown(cancel_futures=True)


def _take(free: "multiprocessing.Queue[list[int]]") -> None:
    """Bind this process to cores that no other has."""
    os.sched_setaffinity(0, free.get())


def _quietly(task: Callable[[], T]) -> T:
    """Progress bars of several processes would overwrite each other."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        return task()
