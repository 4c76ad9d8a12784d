# SPDX-License-Identifier: BSD-3-Clause
"""What a compiled core, and the chip around it, say of themselves: `manifest.json` in the folder of either.

Compiler, simulator and driver read and write it through the dataclasses here: a field is a key of the file, in the
file's order.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, TypeVar

from shiftcore.artifacts import write_json
from shiftcore.errors import UserError
from shiftcore.model.fields import Count, Offset, parsed

FILE = "manifest.json"
FORMAT, VERSION = "shiftcore-chip", 1  # of a chip's
INGEST = "ingest.sv"  # among a chip's RTL where it takes planes
BuildHash = Annotated[str, "[0-9a-f]{8}"]

_M = TypeVar("_M", bound="_Manifest")


@dataclass(frozen=True)
class _Manifest:
    """`what` lies in the folder; `title`: what a person calls the file; `head`: keys that stand before the fields, with
    the one value that each may have. A field with a default is left out where it has that value."""

    what: ClassVar[str]
    title: ClassVar[str]
    head: ClassVar[dict[str, object]] = {}

    @classmethod
    def read(cls: type[_M], folder: Path) -> _M:
        """That of `folder`. Raises UserError where it is missing, is no JSON, or has a key missing or
        wrong."""
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
            return parsed(cls, {**cls._defaults(), **values})
        except ValueError as error:
            raise UserError(f"{source}: {error}; run `make compile` again") from None

    def as_json(self) -> dict[str, object]:
        """What the file holds."""
        said, defaults = dataclasses.asdict(self), self._defaults()
        return {**self.head, **{key: value for key, value in said.items() if (key, value) not in defaults.items()}}

    @classmethod
    def _defaults(cls) -> dict[str, object]:
        fields = dataclasses.fields(cls)
        return {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}

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
class LoadedMemory:
    """A memory that the load stream fills (model.image): the `weights` or `thresholds` of `layer`, `rows` x `columns`
    integers of `bits`, in `pe` x `simd` lanes."""

    layer: str
    kind: Annotated[str, "weights|thresholds"]
    rows: Count
    columns: Count
    pe: Count
    simd: Count
    bits: Count
    signed: bool


@dataclass(frozen=True)
class Fifo:
    """A FIFO of `depth` words."""

    name: str
    depth: Count


@dataclass(frozen=True)
class CoreManifest(_Manifest):
    """A compiled core (hw.core). `files`: its RTL in compile order, relative to its folder; `frame_interval`: clock
    cycles from frame to frame; `model`: the identity of its network, None where that has none; `memories`, in the order
    of its load stream; `content`: the digest of all that the core consists of, `shape` of all but what was learned;
    `models`: how many it has at once, each in a bank of its own of every memory."""

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
    memories: tuple[LoadedMemory, ...]
    shape: str
    content: str
    models: Count = 1


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
    relative to its folder; `core_content`: the `content` of its core; `shape`: what its SHAPE_HASH register reads;
    `memories` and `load_words`: the core's load stream (model.image); `model`: the SHA-256 of its model.npz; `content`:
    the digest of all that the chip is made of; `models`: as the core's."""

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
    shape: BuildHash
    load_words: Offset
    memories: tuple[LoadedMemory, ...]
    model: str
    content: str
    models: Count = 1

    @property
    def ingest(self) -> bool:
        """Whether it makes its input of a decoder's luma planes by itself (docs/ingest.md)."""
        return f"rtl/{INGEST}" in self.files
