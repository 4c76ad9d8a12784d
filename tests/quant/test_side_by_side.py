# SPDX-License-Identifier: BSD-3-Clause
"""Several trainings at once: in their order, on cores of their own, and only beside a GPU."""

import os
from functools import partial

import pytest
import torch

from shiftcore.quant import side_by_side
from shiftcore.quant.side_by_side import bound_pool


def where(number: int) -> tuple[int, int, int]:
    return number, os.getpid(), len(os.sched_getaffinity(0))


TASKS = [partial(where, number) for number in range(4)]


def test_without_a_gpu_one_after_another_in_this_process() -> None:
    assert [found[:2] for found in side_by_side.side_by_side(TASKS)] == [(k, os.getpid()) for k in range(4)]


def test_beside_a_gpu_in_order_in_processes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(side_by_side, "cores", lambda: [min(os.sched_getaffinity(0))] * 6)
    found = list(side_by_side.side_by_side(TASKS))
    assert [number for number, _, _ in found] == [0, 1, 2, 3]
    assert os.getpid() not in {process for _, process, _ in found}


def test_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    with bound_pool(len(side_by_side.cores()), "fork") as pool:
        assert {cores for _, _, cores in pool.map(where, range(8))} == {1}
