# SPDX-License-Identifier: BSD-3-Clause
"""What runs on the board, and drives the Verilated chip or its NumPy model with the same code (docs/driver.md)."""

from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.change import LoadedModel
from shiftcore.driver.errors import (
    AcceleratorError,
    BackendError,
    BuildError,
    ChipError,
    ClosedError,
    DescriptorError,
    DifferenceError,
    FrameError,
    IdentityError,
    LostFrameError,
    MemoryReadError,
    MemoryWriteError,
    ModelError,
    RegisterError,
    ResetError,
    ResponseTimeoutError,
    ResultsWaitingError,
    ShapeError,
    StreamBusyError,
    StuckError,
    WindowError,
)
from shiftcore.driver.turns import Turns
from shiftcore.model.records import Counters, Result

__all__ = [
    "Accelerator",
    "AcceleratorError",
    "BackendError",
    "BuildError",
    "ChipError",
    "ClosedError",
    "Counters",
    "DescriptorError",
    "DifferenceError",
    "FrameError",
    "IdentityError",
    "LoadedModel",
    "LostFrameError",
    "MemoryReadError",
    "MemoryWriteError",
    "ModelError",
    "RegisterError",
    "ResetError",
    "ResponseTimeoutError",
    "Result",
    "ResultsWaitingError",
    "ShapeError",
    "StreamBusyError",
    "StuckError",
    "Turns",
    "WindowError",
]
