# SPDX-License-Identifier: BSD-3-Clause
"""Emulated 32-bit ARM (`shiftcore.flow.arm`), where it can be had."""

import pytest

from shiftcore.errors import UserError
from shiftcore.flow import arm
from tests.environments import one_at_a_time


def python() -> str:
    """A command that is an armv7l Python with NumPy and PyAV; skips where it cannot be had."""
    with one_at_a_time("armhf"):
        try:
            return arm.python()
        except UserError as error:
            pytest.skip(str(error))
