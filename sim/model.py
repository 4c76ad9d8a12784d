# SPDX-License-Identifier: BSD-3-Clause
"""A Verilated model in this process, behind the C functions that its harness exports as `shiftcore_NAME`."""

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from shiftcore.sim.library import SimulationError

CHUNK = 5_000  # cycles a call: how long Ctrl-C may have to wait

HANDLE = ctypes.c_void_p  # of a harness's Model
_C_NAMES: dict[Any, str] = {ctypes.c_double: "double", ctypes.c_uint32: "uint32_t", ctypes.c_uint64: "uint64_t"}

Functions = Mapping[str, tuple[Any, Sequence[Any]]]
"""Names of a harness's functions, each with its result's type and its arguments'."""


def layout(structure: type[ctypes.Structure]) -> str:
    """Types and names of a structure's fields, as harness.h writes those of its own."""
    return "".join(f"{_C_NAMES[kind]} {name};" for name, kind, *_ in structure._fields_)


class Model:
    """The library at `path` and a model in it, once `_open` has made one. A subclass says which `FUNCTIONS` its harness
    has beside those of all, which `STRUCTURES` go to and fro (by the harness's names for them), and what its ERROR is.

    Raises ERROR where a structure is not laid out in the harness as it is here.
    """

    ERROR: ClassVar[type[SimulationError]] = SimulationError
    FUNCTIONS: ClassVar[Functions] = {}
    STRUCTURES: ClassVar[Mapping[str, type[ctypes.Structure]]] = {}

    _model: int | None = None

    def __init__(self, path: Path) -> None:
        self._code = ctypes.CDLL(str(path))
        shared: Functions = {
            "close": (None, [HANDLE]),
            "error": (ctypes.c_char_p, [HANDLE]),
            **{f"layout_{name}": (ctypes.c_char_p, []) for name in self.STRUCTURES},
        }
        for name, (result, arguments) in {**shared, **self.FUNCTIONS}.items():
            function = getattr(self._code, f"shiftcore_{name}")
            function.restype, function.argtypes = result, arguments
        for name, structure in self.STRUCTURES.items():
            found, wanted = getattr(self._code, f"shiftcore_layout_{name}")().decode(), layout(structure)
            if found != wanted:
                raise self.ERROR(f"{path}: its {name} is {{{found}}} and ours {{{wanted}}}: the harness is another's")

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Free the model; a waveform is complete after it. The model cannot be used any more."""
        if self._model:
            self._code.shiftcore_close(self._model)
            self._model = None

    def _open(self, folder: Path, *arguments: Any) -> None:
        """Make the model; its data files are in `folder`. Raises ERROR where the harness refuses."""
        error = ctypes.create_string_buffer(1000)
        self._model = self._code.shiftcore_open(bytes(folder), *arguments, error, len(error))
        if not self._model:
            raise self.ERROR(f"{folder}: {error.value.decode()}")

    def _check(self, failed: int) -> None:
        """Raise ERROR with the harness's words where one of its functions `failed`."""
        if failed:
            raise self.ERROR(self._code.shiftcore_error(self._model).decode())
