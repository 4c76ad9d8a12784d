# SPDX-License-Identifier: BSD-3-Clause
"""What a compiled core, and the chip around it, say of themselves: `manifest.json` in the folder of either.

Compiler, simulator and driver read and write it through the dataclasses here. A field is a key of the file, in the
file's order; its type says what the value may be: a `Count` is at least 1, an `Offset` at least 0, a float is positive.
"""

import dataclasses
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

from shiftcore.artifacts import write_json
from shiftcore.errors import UserError

FILE = "manifest.json"
FORMAT, VERSION = "shiftcore-chip", 1  # of a chip's
Count = Annotated[int, 1]
Offset = Annotated[int, 0]
BuildHash = Annotated[str, "[0-9a-f]{8}"]

_M = TypeVar("_M", bound="_Manifest")


@dataclass(frozen=True)
class _Manifest:
    """`what` lies in the folder; `title`: what a person calls the file; `head`: keys that stand before the fields, with
    the one value that each may have."""

    what: ClassVar[str]
    title: ClassVar[str]
    head: ClassVar[dict[str, object]] = {}

    @classmethod
    def read(cls: type[_M], folder: Path) -> _M:
        """That of `folder`. Raises UserError where it is missing, or as `parse`."""
        path = folder / FILE
        try:
            values = json.loads(path.read_text())
        except (FileNotFoundError, NotADirectoryError):
            raise UserError(
                f"{path}: no such file: no {cls.what} there; `make compile` makes one, in build/PRESET/BOARD"
            ) from None
        except ValueError as error:  # no JSON, or no UTF-8
            raise UserError(f"{path}: damaged: {error}; run `make compile` again") from None
        return cls.parse(values, str(path))

    @classmethod
    def parse(cls: type[_M], values: object, source: str) -> _M:
        """What JSON holds. Raises UserError, one line naming `source` and the key that is missing or wrong."""
        try:
            if not isinstance(values, dict) or any(repr(values.get(k)) != repr(right) for k, right in cls.head.items()):
                raise ValueError(f"not a {cls.title}")
            return _table(cls, values, "")
        except ValueError as error:
            raise UserError(f"{source}: {error}; run `make compile` again") from None

    def as_json(self) -> dict[str, object]:
        """What the file holds."""
        return {**self.head, **dataclasses.asdict(self)}

    def write(self, folder: Path) -> None:
        """Write the file into `folder`, atomically."""
        write_json(folder / FILE, self.as_json())


@dataclass(frozen=True)
class StreamPort:
    """An AXI4-Stream of the core: `elements` integers of `element_bits` in each of a frame's `beats`."""

    tdata_bits: Count
    elements: Count
    element_bits: Count
    signed: bool
    beats: Count


@dataclass(frozen=True)
class ContextPort:
    """The AXI4-Stream of context words."""

    tdata_bits: Count


@dataclass(frozen=True)
class SlowestOp:
    """The layer that takes most clock `cycles` for a frame."""

    name: str
    cycles: Count


@dataclass(frozen=True)
class TracedStream:
    """The stream `wire` that bears the output of `layer`, an integer map of `shape` (NHWC, without N), at bit `offset`
    of the trace vector."""

    layer: str
    wire: str
    offset: Offset
    tdata_bits: Count
    elements: Count
    element_bits: Count
    signed: bool
    shape: tuple[Count, ...]


@dataclass(frozen=True)
class Fifo:
    """A FIFO of `depth` words."""

    name: str
    depth: Count


@dataclass(frozen=True)
class CoreManifest(_Manifest):
    """A compiled core (hw.core). `files`: its RTL in compile order, relative to its folder; `frame_interval`: clock
    cycles from frame to frame; `model`: the identity of its network, None where that has none; `content`: the digest of
    all that the core consists of."""

    what = "compiled core"
    title = "manifest of a compiled core"

    top: str
    files: tuple[str, ...]
    board: str
    part: str
    clock_mhz: float
    streams: Count
    frame_interval: Count
    model: str | None
    input: StreamPort
    output: StreamPort
    context: ContextPort
    slowest_op: SlowestOp
    trace: tuple[TracedStream, ...]
    fifos: tuple[Fifo, ...]
    content: str


@dataclass(frozen=True)
class FrameSize:
    """A frame in memory, uint8 NHWC."""

    height: Count
    width: Count
    channels: Count
    bytes: Count


@dataclass(frozen=True)
class ChipManifest(_Manifest):
    """A chip (hw.chip). `base_address` of its registers; `address_bits`, `max_burst` and `write_burst` (beats) of its
    memory port; `build_hash`: what its BUILD_HASH register reads, in hexadecimal; `files`: its RTL in compile order,
    relative to its folder; `core_content`: the `content` of its core; `model`: the SHA-256 of its model.npz; `content`:
    the digest of all that the chip is made of."""

    what = "chip"
    title = f"{FORMAT} manifest of version {VERSION}"
    head: ClassVar[dict[str, object]] = {"format": FORMAT, "version": VERSION}

    preset: str
    board: str
    family: str
    part: str
    clock_mhz: float
    base_address: Offset
    memory_port: str
    address_bits: Count
    max_burst: Count
    write_burst: Count
    build_hash: BuildHash
    input: FrameSize
    logits: Count
    classes: tuple[str, ...]
    streams: Count
    record_bytes: Count
    frame_interval: Count
    top: str
    files: tuple[str, ...]
    core_content: str
    model: str
    content: str


def _table(kind: Any, values: Any, key: str) -> Any:
    """The dataclass `kind` of the JSON object at `key`. Raises ValueError naming the key that is wrong."""
    if not isinstance(values, dict):
        raise ValueError(f"{key} is {values!r}, no table")
    types = get_type_hints(kind, include_extras=True)
    names = [field.name for field in dataclasses.fields(kind)]
    return kind(**{name: _value(types[name], values.get(name), f"{key}.{name}" if key else name) for name in names})


def _value(kind: Any, value: Any, key: str) -> Any:
    """The JSON value at `key` as a `kind`. Raises ValueError naming the key."""
    if dataclasses.is_dataclass(kind):
        return _table(kind, value, key)
    limit: Any = None
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return None if value is None else _value(arguments[0], value, key)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{key} is {value!r}, no list")
        return tuple(_value(arguments[0], entry, f"{key}[{index}]") for index, entry in enumerate(value))
    if origin is Annotated:
        kind, limit = arguments
    return _SCALARS[kind](value, limit, key)


def _integer(value: Any, least: int, key: str) -> int:
    if type(value) is not int or value < least:
        raise ValueError(f"{key} is {value!r}, no number from {least} on")
    return value


def _number(value: Any, _: None, key: str) -> float:
    if type(value) not in (int, float) or not 0 < value < math.inf:
        raise ValueError(f"{key} is {value!r}, no positive number")
    return float(value)


def _text(value: Any, pattern: str | None, key: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{key} is {value!r}, no text")
    if pattern and not re.fullmatch(pattern, value):
        raise ValueError(f"{key} is {value!r}, no number in hexadecimal ({pattern})")
    return value


def _truth(value: Any, _: None, key: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{key} is {value!r}, neither true nor false")
    return value


_SCALARS: dict[Any, Any] = {int: _integer, float: _number, str: _text, bool: _truth}
