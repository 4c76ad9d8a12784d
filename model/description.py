# SPDX-License-Identifier: BSD-3-Clause
"""What an integer model says of itself (docs/integer-model.md)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from shiftcore.artifacts import digest
from shiftcore.model.alarm import AlarmSettings
from shiftcore.model.fields import Count, Offset, OtherNumbers, Real, Whole, parsed

FORMAT, VERSION = "shiftcore-integer-model", 2  # 2: `motion` is made of the luma that a decoder gives, not of RGB


@dataclass(frozen=True)
class InputSize:
    """The network's input, uint8 NHWC."""

    height: Count
    width: Count
    channels: Count


@dataclass(frozen=True)
class Preprocess:
    """How a camera's images become inputs: the `representation`, of how many `images_per_second` (None: of all), and
    that the network runs for every `run_every`-th."""

    representation: str
    images_per_second: Count | None
    run_every: Count


@dataclass(frozen=True)
class InputSpec:
    """All that model.preprocess must know of a network."""

    input: InputSize
    preprocess: Preprocess


@dataclass(frozen=True)
class _Hardware:
    streams: Count
    ingest: bool | None  # None, as false: of a preset without it


@dataclass(frozen=True)
class _Preset:
    name: str
    hardware: _Hardware


@dataclass(frozen=True)
class Layer:
    """A layer: its `op`, the layers (or "input") that it takes, and the op's own numbers, None where it has no such;
    `others`: those of another package's op, under whatever keys that has. Where rows and columns differ, `strides`
    (rows, columns) and `pads` (top, left, bottom, right) stand in for `stride` and `pad`."""

    name: str
    op: str
    inputs: tuple[str, ...] | None
    stride: Count | None
    pad: Offset | None
    strides: tuple[Count, ...] | None
    pads: tuple[Offset, ...] | None
    dilations: tuple[Count, ...] | None
    kernels: tuple[Count, ...] | None
    kernel: Count | None
    channels: Count | None
    offset: Whole | None
    bits: Count | None
    signed: bool | None
    others: OtherNumbers

    def number(self, key: str) -> int:
        """The number `key` that its op must have. Raises KeyError where it is missing."""
        value = dict(self.others).get(key, getattr(self, key, None))
        if value is None:
            raise KeyError(key)
        return int(value)


@dataclass(frozen=True)
class NetworkDescription:
    """What a compiler must know of a model: `preset`, the whole of it in JSON; `identity`, the digest of the whole
    description, the same for a core and an integer model that belong together."""

    preset: str
    classes: tuple[str, ...]
    input: InputSize
    logit_scale: float
    layers: tuple[Layer, ...]
    identity: str

    @classmethod
    def parse(cls, values: Mapping[str, object]) -> "NetworkDescription":
        """What JSON holds. Raises ValueError naming the key that is missing or wrong."""
        preset = json.dumps(values.get("preset"))
        return parsed(cls, {**values, "preset": preset, "identity": identity(values)})


@dataclass(frozen=True)
class _Layers:
    layers: tuple[Layer, ...]


def listed_layers(values: Mapping[str, object]) -> tuple[Layer, ...]:
    """The layers alone of what JSON holds. Raises ValueError naming the key that is missing or wrong."""
    return parsed(_Layers, values).layers


def identity(values: Mapping[str, object]) -> str:
    """What stands for the network of a description, as JSON holds it."""
    return digest(json.dumps(values, sort_keys=True))


@dataclass(frozen=True)
class ModelDescription(InputSpec):
    """An integer model's description. Of the `preset` it was exported from only what the runtime reads; `alarm`: None
    where no class raises one; `weights`: the digest of its arrays, and `checkpoint` that of the file they come from,
    None where it does not say; `logit_offset`: one a class, None where there is none; `identity`: see
    NetworkDescription."""

    trained: bool
    preset: _Preset
    classes: tuple[str, ...]
    num_segments: Count
    alarm: AlarmSettings | None
    logit_scale: float
    logit_offset: tuple[Real, ...] | None
    weights: str | None
    checkpoint: str | None
    layers: tuple[Layer, ...]
    identity: str

    @classmethod
    def parse(cls, values: Mapping[str, object]) -> "ModelDescription":
        """What JSON holds. Raises ValueError naming the key that is missing or wrong."""
        if values.get("format") != FORMAT:
            raise ValueError(f"its format is {values.get('format')!r}, not {FORMAT!r}")
        if values.get("version") != VERSION:
            raise ValueError(
                f"its version is {values.get('version')}, and {VERSION} is read, whose inputs are made otherwise; "
                "export and compile it again"
            )
        alarm = values.get("alarm")
        none = not alarm or (isinstance(alarm, Mapping) and not alarm.get("classes"))
        return parsed(cls, {**values, "alarm": None if none else alarm, "identity": identity(values)})

    @property
    def streams(self) -> int:
        """How many streams have a temporal state."""
        return self.preset.hardware.streams

    @property
    def alarm_indices(self) -> list[int]:
        """Which classes raise the alarm, if any."""
        names = self.alarm.classes if self.alarm else ()
        return [index for index, name in enumerate(self.classes) if name in names]
