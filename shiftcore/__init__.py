# SPDX-License-Identifier: BSD-3-Clause
"""Shiftcore: a video-action network that becomes a bit-exact RTL accelerator, with no vendor tool.

The public interface is what `__all__` lists. Each name is imported when it is first used, so that the board, which has
NumPy alone, imports the same package as the machine that trains.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from shiftcore.driver.accelerator import Accelerator
    from shiftcore.errors import DeviceError, ShiftcoreError, UserError
    from shiftcore.flow.build import compiled_chip, exported_model
    from shiftcore.hw.boards import Board, load_board
    from shiftcore.hw.compile import compile_model
    from shiftcore.hw.steps import Step
    from shiftcore.model.alarm import Alarm
    from shiftcore.model.decision import Consensus, Decision
    from shiftcore.model.preprocess import Preprocessor
    from shiftcore.model.records import Result
    from shiftcore.model.reference import Reference
    from shiftcore.quant.preset import Preset, load_preset

_HOMES = {
    "Accelerator": "driver.accelerator",
    "Alarm": "model.alarm",
    "Board": "hw.boards",
    "Consensus": "model.decision",
    "Decision": "model.decision",
    "DeviceError": "errors",
    "Preprocessor": "model.preprocess",
    "Preset": "quant.preset",
    "Reference": "model.reference",
    "Result": "model.records",
    "ShiftcoreError": "errors",
    "Step": "hw.steps",
    "UserError": "errors",
    "compile_model": "hw.compile",
    "compiled_chip": "flow.build",
    "exported_model": "flow.build",
    "load_board": "hw.boards",
    "load_preset": "quant.preset",
}

__all__ = [
    "Accelerator",
    "Alarm",
    "Board",
    "Consensus",
    "Decision",
    "DeviceError",
    "Preprocessor",
    "Preset",
    "Reference",
    "Result",
    "ShiftcoreError",
    "Step",
    "UserError",
    "compile_model",
    "compiled_chip",
    "exported_model",
    "load_board",
    "load_preset",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'shiftcore' has no attribute {name!r}")
    return getattr(import_module(f"shiftcore.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
